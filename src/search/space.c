/* The choices of a space in order, and the shapes they stand for. */

#include "search/space.h"

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
    double size = 1.0;
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
