/* The choices of a space in order, and the shapes they stand for. */

#include "search/space.h"

#include <stdio.h>

#include "base/text.h"

const char *sn_block_op_name(sn_block_op op)
{
    static const char *const names[SN_OP_COUNT] = {"ibn", "fused", "conv"};
    return names[op];
}

const char *sn_act_name(sn_act act)
{
    switch (act) {
    case SN_ACT_RELU:
        return "relu";
    case SN_ACT_RELU6:
        return "relu6";
    case SN_ACT_HSWISH:
        return "hswish";
    case SN_ACT_NONE:
        break;
    }
    return NULL;
}

int sn_space_max_depth(const struct sn_space *space, int stage)
{
    const struct sn_stage_space *s = &space->stage[stage];
    return s->depth[s->n_depth - 1];
}

bool sn_op_offers(const struct sn_op_space *of, int ik, int ie)
{
    return !(of->barred[ik] >> ie & 1U);
}

static int add_decision(struct sn_decisions *d, sn_decision_kind kind,
                        int stage, int block, sn_block_op op, int n)
{
    d->item[d->count] = (struct sn_decision){.kind = kind,
                                             .stage = stage,
                                             .block = block,
                                             .op = op,
                                             .n = n,
                                             .first = d->total};
    d->total += n;
    return d->count++;
}

static void add_block(struct sn_decisions *d, const struct sn_block_space *b,
                      int stage, int ib)
{
    d->op[stage][ib] =
        add_decision(d, SN_DECIDE_OP, stage, ib, b->op[0], b->n_op);
    for (int op = 0; op < SN_OP_COUNT; op++)
        d->k[stage][ib][op] = d->e[stage][ib][op] = -1;
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        d->k[stage][ib][op] =
            add_decision(d, SN_DECIDE_K, stage, ib, op, b->of[op].n_k);
        d->e[stage][ib][op] =
            add_decision(d, SN_DECIDE_E, stage, ib, op, b->of[op].n_e);
    }
}

/* ---- frames ---- */

/* The lists in the order of a frame's digits, the first counting most. */
static int factor(const struct sn_space *space, int i,
                  struct sn_decision *decision)
{
    const struct sn_frame_space *f = &space->frame;
    const int n[] = {f->n_input, f->n_multiplier, f->n_output_stride};
    static const sn_decision_kind kind[] = {
        SN_DECIDE_INPUT, SN_DECIDE_MULTIPLIER, SN_DECIDE_OUTPUT_STRIDE};
    const bool whole = i < 3;
    if (decision)
        *decision =
            (struct sn_decision){.kind = whole ? kind[i] : SN_DECIDE_WIDTH,
                                 .stage = whole ? -1 : i - 3,
                                 .block = -1};
    const int options = whole ? n[i] : f->n_width[i - 3];
    return options > 0 ? options : 1;
}

static int factors(const struct sn_space *space)
{
    return 3 + space->n_stages;
}

int sn_space_frames(const struct sn_space *space)
{
    double frames = 1.0; /* whatever the lists hold, before it is refused */
    for (int i = 0; i < factors(space); i++)
        frames *= factor(space, i, NULL);
    return frames <= SN_MAX_FRAMES ? (int)frames : SN_MAX_FRAMES + 1;
}

/* The option of every factor. */
static void digits_of(const struct sn_space *space, int frame, int *digit)
{
    for (int i = factors(space) - 1; i >= 0; i--) {
        const int n = factor(space, i, NULL);
        digit[i] = frame % n;
        frame /= n;
    }
}

/* w' = max(P, P*floor(w*m/P + 1/2)); as it stands for a multiplier of 1. */
static int scaled(const struct sn_frame_space *f, int width, int multiplier)
{
    if (multiplier == 0 || multiplier == 1000)
        return width;
    const int step = f->step > 0 ? f->step : 1, unit = 1000 * step;
    const long long w = ((long long)width * multiplier + unit / 2) / unit;
    const long long most = SN_MAX_WIDTH;
    return w < 1 ? step : (int)(w * step < most ? w * step : most);
}

void sn_frame_dims(struct sn_frame_dims *out, const struct sn_space *space,
                   int frame)
{
    const struct sn_frame_space *f = &space->frame;
    int digit[3 + SN_MAX_STAGES];
    digits_of(space, frame, digit);
    *out = (struct sn_frame_dims){.h = space->h,
                                  .w = space->w,
                                  .stem = space->stem,
                                  .multiplier = space->multiplier};
    if (f->n_input > 0)
        out->h = out->w = f->input[digit[0]];
    if (f->n_multiplier > 0) {
        const int m = f->multiplier[digit[1]];
        out->multiplier = m == 1000 ? 0 : m;
        out->stem = scaled(f, f->stem, m);
    }
    const int bound = f->n_output_stride > 0 ? f->output_stride[digit[2]] : 0;
    int total = space->stem_stride;
    for (int is = 0; is < space->n_stages; is++) {
        const int stride = bound ? f->stride[is] : space->stage[is].stride;
        const int *width = f->n_width[is] ? &f->width[is][digit[3 + is]]
                                          : &space->stage[is].width;
        out->width[is] = *width;
        if (f->n_width[is] > 0 && f->n_multiplier > 0)
            out->width[is] = scaled(f, *width, f->multiplier[digit[1]]);
        out->stride[is] = bound && total * stride > bound ? 1 : stride;
        total *= out->stride[is];
    }
}

void sn_space_settle(struct sn_space *space, int frame)
{
    struct sn_frame_dims f;
    sn_frame_dims(&f, space, frame);
    space->h = f.h;
    space->w = f.w;
    space->stem = f.stem;
    space->multiplier = f.multiplier;
    for (int is = 0; is < space->n_stages; is++) {
        space->stage[is].width = f.width[is];
        space->stage[is].stride = f.stride[is];
    }
}

int sn_space_largest(const struct sn_space *space)
{
    int frame = 0;
    for (int i = 0; i < factors(space); i++) {
        struct sn_decision d;
        const int n = factor(space, i, &d);
        /* the least bound on down-sampling leaves the largest tensors */
        frame = frame * n + (d.kind == SN_DECIDE_OUTPUT_STRIDE ? 0 : n - 1);
    }
    return frame;
}

int sn_frame_of(const struct sn_space *space, const struct sn_decisions *d,
                const int *choice)
{
    int frame = 0, id = d->frame;
    for (int i = 0; i < factors(space); i++) {
        const int n = factor(space, i, NULL);
        frame = frame * n + (n > 1 ? choice[id++] : 0);
    }
    return frame;
}

void sn_frame_choose(const struct sn_space *space, const struct sn_decisions *d,
                     int frame, int *choice)
{
    int digit[3 + SN_MAX_STAGES], id = d->frame;
    digits_of(space, frame, digit);
    for (int i = 0; i < factors(space); i++)
        if (factor(space, i, NULL) > 1)
            choice[id++] = digit[i];
}

static void add_frames(struct sn_decisions *d, const struct sn_space *space)
{
    d->frame = d->count;
    for (int i = 0; i < factors(space); i++) {
        struct sn_decision x;
        const int n = factor(space, i, &x);
        if (n > 1)
            add_decision(d, x.kind, x.stage, x.block, SN_OP_IBN, n);
    }
}

const char *sn_frame_word(sn_decision_kind kind)
{
    static const char *const words[] = {"input", "multiplier", "output_stride",
                                        "width"};
    return words[kind - SN_DECIDE_INPUT];
}

const char *sn_frame_option(char buf[SN_FRAME_OPTION],
                            const struct sn_space *space,
                            const struct sn_decision *d, int i)
{
    const struct sn_frame_space *f = &space->frame;
    if (d->kind == SN_DECIDE_MULTIPLIER)
        return sn_text_thousandths(buf, f->multiplier[i]);
    snprintf(buf, SN_FRAME_OPTION, "%d",
             d->kind == SN_DECIDE_INPUT           ? f->input[i]
             : d->kind == SN_DECIDE_OUTPUT_STRIDE ? f->output_stride[i]
                                                  : f->width[d->stage][i]);
    return buf;
}

/* ---- all decisions ---- */

void sn_decisions_make(struct sn_decisions *d, const struct sn_space *space)
{
    SN_CHECK(space->n_stages >= 1 && space->n_stages <= SN_MAX_STAGES);
    d->count = d->total = 0;
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        d->depth[is] =
            add_decision(d, SN_DECIDE_DEPTH, is, -1, SN_OP_IBN, s->n_depth);
        const int blocks = sn_space_max_depth(space, is);
        for (int ib = 0; ib < blocks; ib++)
            add_block(d, &s->block[ib], is, ib);
    }
    add_frames(d, space);
}

struct sn_block_shape sn_space_block(const struct sn_space *space, int stage,
                                     int ib, sn_block_op op, int k, int e)
{
    int h = sn_strided(space->h, space->stem_stride);
    int w = sn_strided(space->w, space->stem_stride);
    for (int is = 0; is < stage + (ib > 0); is++) {
        h = sn_strided(h, space->stage[is].stride);
        w = sn_strided(w, space->stage[is].stride);
    }
    const struct sn_stage_space *s = &space->stage[stage];
    int cin = s->width;
    if (ib == 0)
        cin = stage == 0 ? space->stem : space->stage[stage - 1].width;
    return (struct sn_block_shape){.op = op,
                                   .k = k,
                                   .e = e,
                                   .cin = cin,
                                   .cout = s->width,
                                   .h = h,
                                   .w = w,
                                   .stride = ib == 0 ? s->stride : 1};
}

static double block_size(const struct sn_block_space *b)
{
    double size = 0.0;
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        for (int j = 0; j < of->n_k * of->n_e; j++)
            size += sn_op_offers(of, j / of->n_e, j % of->n_e);
    }
    return size;
}

double sn_space_size(const struct sn_space *space)
{
    double size = sn_space_frames(space);
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        double nets = 0.0, blocks = 1.0; /* blocks: nets of the first ib */
        for (int i = 0, ib = 0; i < s->n_depth; i++) {
            for (; ib < s->depth[i]; ib++)
                blocks *= block_size(&s->block[ib]);
            nets += blocks;
        }
        size *= nets;
    }
    return size;
}
