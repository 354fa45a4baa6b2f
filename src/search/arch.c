/* Architectures as points of a space: picking one, and asking for one. */

#include "search/arch.h"

void sn_arch_settle(struct sn_arch *arch, const struct sn_frame_dims *f)
{
    arch->h = f->h;
    arch->w = f->w;
    arch->multiplier = f->multiplier;
    arch->stem = f->stem;
    for (int is = 0; is < arch->n_stages; is++) {
        arch->stage[is].width = f->width[is];
        arch->stage[is].stride = f->stride[is];
    }
}

/* Everything that is not of single blocks. */
static void set_frame(struct sn_arch *arch, const struct sn_space *space,
                      const struct sn_frame_dims *f)
{
    *arch = (struct sn_arch){.c = space->c,
                             .classes = space->classes,
                             .act = space->act,
                             .stem_stride = space->stem_stride,
                             .n_stages = space->n_stages,
                             .head = space->head};
    sn_arch_settle(arch, f);
}

/* The frame that the space's own fields are of. */
static void own_dims(struct sn_frame_dims *f, const struct sn_space *space)
{
    *f = (struct sn_frame_dims){.h = space->h,
                                .w = space->w,
                                .stem = space->stem,
                                .multiplier = space->multiplier};
    for (int is = 0; is < space->n_stages; is++) {
        f->width[is] = space->stage[is].width;
        f->stride[is] = space->stage[is].stride;
    }
}

void sn_arch_baseline(struct sn_arch *arch, const struct sn_space *space)
{
    struct sn_frame_dims f;
    own_dims(&f, space);
    set_frame(arch, space, &f);
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        struct sn_arch_stage *a = &arch->stage[is];
        a->depth = s->star_depth;
        for (int ib = 0; ib < a->depth; ib++)
            a->block[ib] = s->block[ib].star;
    }
}

void sn_arch_choose(struct sn_arch *arch, const struct sn_space *space,
                    const struct sn_decisions *d, const int *choice)
{
    struct sn_frame_dims f;
    sn_frame_dims(&f, space, sn_frame_of(space, d, choice));
    set_frame(arch, space, &f);
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        struct sn_arch_stage *a = &arch->stage[is];
        a->depth = s->depth[choice[d->depth[is]]];
        for (int ib = 0; ib < a->depth; ib++) {
            const struct sn_block_space *b = &s->block[ib];
            const sn_block_op op = b->op[choice[d->op[is][ib]]];
            a->block[ib] =
                (struct sn_block){.op = op,
                                  .k = b->of[op].k[choice[d->k[is][ib][op]]],
                                  .e = b->of[op].e[choice[d->e[is][ib][op]]]};
        }
    }
}

static void only_block(struct sn_block_space *space, struct sn_block block)
{
    *space =
        (struct sn_block_space){.n_op = 1, .op = {block.op}, .star = block};
    space->of[block.op] = (struct sn_op_space){
        .n_k = 1, .k = {block.k}, .n_e = 1, .e = {block.e}};
}

void sn_arch_space(struct sn_space *space, const struct sn_arch *arch)
{
    *space = (struct sn_space){.h = arch->h,
                               .w = arch->w,
                               .c = arch->c,
                               .classes = arch->classes,
                               .multiplier = arch->multiplier,
                               .stem = arch->stem,
                               .stem_stride = arch->stem_stride,
                               .head = arch->head,
                               .act = arch->act,
                               .n_stages = arch->n_stages};
    for (int is = 0; is < arch->n_stages; is++) {
        const struct sn_arch_stage *a = &arch->stage[is];
        struct sn_stage_space *s = &space->stage[is];
        s->width = a->width;
        s->stride = a->stride;
        s->n_depth = 1;
        s->depth[0] = s->star_depth = a->depth;
        for (int ib = 0; ib < a->depth; ib++)
            only_block(&s->block[ib], a->block[ib]);
    }
}

static bool offers(const int *list, int n, int value)
{
    for (int i = 0; i < n; i++)
        if (list[i] == value)
            return true;
    return false;
}

static bool op_offers(const struct sn_op_space *of, struct sn_block x)
{
    for (int ik = 0; ik < of->n_k; ik++)
        for (int ie = 0; ie < of->n_e; ie++)
            if (of->k[ik] == x.k && of->e[ie] == x.e)
                return sn_op_offers(of, ik, ie);
    return false;
}

static bool offers_block(const struct sn_block_space *b, struct sn_block x)
{
    for (int i = 0; i < b->n_op; i++)
        if (b->op[i] == x.op)
            return op_offers(&b->of[x.op], x);
    return false;
}

static sn_status stage_in_space(const struct sn_arch_stage *a,
                                const struct sn_stage_space *s, int number,
                                struct sn_error *err)
{
    if (!offers(s->depth, s->n_depth, a->depth))
        return sn_fail(err, SN_ERR_CONFIG,
                       "stage.%d: depth %d is not offered by the space", number,
                       a->depth);
    char text[SN_BLOCK_TEXT];
    for (int ib = 0; ib < a->depth; ib++)
        if (!offers_block(&s->block[ib], a->block[ib]))
            return sn_fail(err, SN_ERR_CONFIG,
                           "stage.%d.block.%d: %s is not offered by the space",
                           number, ib + 1, sn_block_text(text, a->block[ib]));
    return SN_OK;
}

struct sn_block_shape sn_arch_block(const struct sn_arch *arch, int stage,
                                    int ib, struct sn_block block)
{
    int h = sn_strided(arch->h, arch->stem_stride);
    int w = sn_strided(arch->w, arch->stem_stride), cin = arch->stem;
    for (int is = 0; is < stage + (ib > 0); is++) {
        h = sn_strided(h, arch->stage[is].stride);
        w = sn_strided(w, arch->stage[is].stride);
        cin = arch->stage[is].width;
    }
    return (struct sn_block_shape){.op = block.op,
                                   .k = block.k,
                                   .e = block.e,
                                   .cin = cin,
                                   .cout = arch->stage[stage].width,
                                   .h = h,
                                   .w = w,
                                   .stride =
                                       ib ? 1 : arch->stage[stage].stride};
}

/* ---- is it there? ---- */

static bool in_frame(const struct sn_arch *arch, const struct sn_frame_dims *f)
{
    if (arch->h != f->h || arch->w != f->w || arch->stem != f->stem)
        return false;
    for (int is = 0; is < arch->n_stages; is++)
        if (arch->stage[is].width != f->width[is] ||
            arch->stage[is].stride != f->stride[is])
            return false;
    return true;
}

int sn_arch_frame(const struct sn_arch *arch, const struct sn_space *space)
{
    const int frames = sn_space_frames(space);
    int found = -1; /* different multipliers may come to the same widths */
    for (int i = 0; i < frames; i++) {
        struct sn_frame_dims f;
        sn_frame_dims(&f, space, i);
        if (in_frame(arch, &f) &&
            (found < 0 || f.multiplier == arch->multiplier))
            found = i;
    }
    return found;
}

/* Why it is in none: what it differs in from the space's own. */
static sn_status no_frame(const struct sn_arch *arch,
                          const struct sn_space *space, struct sn_error *err)
{
    const struct {
        const char *what;
        int arch, space;
    } part[] = {{"input height", arch->h, space->h},
                {"input width", arch->w, space->w},
                {"stem", arch->stem, space->stem}};
    if (sn_space_frames(space) > 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "no input, multiplier, output stride and widths of the "
                       "space make those of the arch");
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].arch != part[i].space)
            return sn_fail(err, SN_ERR_CONFIG,
                           "%s: the arch has %d, the space %d", part[i].what,
                           part[i].arch, part[i].space);
    for (int is = 0; is < arch->n_stages; is++) {
        const struct sn_arch_stage *a = &arch->stage[is];
        const struct sn_stage_space *s = &space->stage[is];
        if (a->width != s->width || a->stride != s->stride)
            return sn_fail(err, SN_ERR_CONFIG,
                           "stage.%d: the arch has w%d s%d, the space w%d s%d",
                           is + 1, a->width, a->stride, s->width, s->stride);
    }
    SN_CHECK(!"the arch differs from every frame in something");
    return SN_ERR_CONFIG;
}

sn_status sn_arch_in_space(const struct sn_arch *arch,
                           const struct sn_space *space, struct sn_error *err)
{
    const struct {
        const char *what;
        int arch, space;
    } frame[] = {{"input channels", arch->c, space->c},
                 {"classes", arch->classes, space->classes},
                 {"stem stride", arch->stem_stride, space->stem_stride},
                 {"stages", arch->n_stages, space->n_stages},
                 {"head", arch->head, space->head}};
    for (size_t i = 0; i < sizeof frame / sizeof *frame; i++)
        if (frame[i].arch != frame[i].space)
            return sn_fail(err, SN_ERR_CONFIG,
                           "%s: the arch has %d, the space %d", frame[i].what,
                           frame[i].arch, frame[i].space);
    if (arch->act != space->act)
        return sn_fail(err, SN_ERR_CONFIG, "act: the arch has %s, the space %s",
                       sn_act_name(arch->act), sn_act_name(space->act));
    if (sn_arch_frame(arch, space) < 0)
        return no_frame(arch, space, err);
    for (int is = 0; is < arch->n_stages; is++)
        SN_TRY(
            stage_in_space(&arch->stage[is], &space->stage[is], is + 1, err));
    return SN_OK;
}

static bool equal_stage(const struct sn_arch_stage *a,
                        const struct sn_arch_stage *b)
{
    if (a->width != b->width || a->stride != b->stride || a->depth != b->depth)
        return false;
    for (int ib = 0; ib < a->depth; ib++)
        if (a->block[ib].op != b->block[ib].op ||
            a->block[ib].k != b->block[ib].k ||
            a->block[ib].e != b->block[ib].e)
            return false;
    return true;
}

bool sn_arch_equal(const struct sn_arch *a, const struct sn_arch *b)
{
    if (a->h != b->h || a->w != b->w || a->c != b->c ||
        a->classes != b->classes || a->act != b->act || a->stem != b->stem ||
        a->stem_stride != b->stem_stride || a->n_stages != b->n_stages ||
        a->head != b->head)
        return false;
    for (int is = 0; is < a->n_stages; is++)
        if (!equal_stage(&a->stage[is], &b->stage[is]))
            return false;
    return true;
}
