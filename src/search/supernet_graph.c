/* The layers of subnets and of the gated net, on shared weights; see supernet.h
 * and search_internal.h. */

#include <stdio.h>

#include "search/search_internal.h"
#include "target/block.h"

/* A gated net has at most a sum per stage, a mix and all ops per block, and
 * input, stem, head, pool, linear and loss. */
_Static_assert(SN_MAX_STAGES *(1 + SN_MAX_DEPTH * (1 + SN_OP_COUNT)) + 6 <=
                   SN_MAX_LAYERS,
               "the graph's list is too short for the largest space");
_Static_assert((int)SN_MAX_CHOICES <= (int)SN_MAX_TERMS &&
                   1 + SN_OP_COUNT <= SN_MAX_TERMS,
               "a sum takes too few terms for the largest space");

struct builder {
    struct sn_supernet *sn;
    struct sn_graph *g;
    const struct sn_arch *arch; /* whose extents the layers have */
};

static struct sn_weight weight(const struct builder *b, int id)
{
    return sn_params_weight(&b->sn->params, id);
}

static struct sn_bn_view bn(const struct builder *b, struct sn_bn_ids ids)
{
    return sn_params_bn(&b->sn->params, ids);
}

/* ---- views of an op's weights ---- */

static struct sn_weight from(struct sn_weight w, ptrdiff_t values)
{
    w.w += values;
    w.g += values;
    return w;
}

static struct sn_weight columns(struct sn_weight w, int first)
{
    return from(w, first);
}

static struct sn_weight rows(struct sn_weight w, int first)
{
    return from(w, (ptrdiff_t)first * w.ld);
}

static struct sn_bn_view bn_from(struct sn_bn_view v, int first)
{
    v.gamma += first;
    v.beta += first;
    v.dgamma += first;
    v.dbeta += first;
    v.mean += first;
    v.m2 += first;
    return v;
}

/* The centre k x k taps of the op's largest kernel. */
static struct sn_weight centre(struct sn_weight w, const struct sn_op_ids *ids,
                               int k)
{
    const ptrdiff_t crop = (ids->k - k) / 2;
    return from(w, crop * (ids->k + 1) * w.ld);
}

/* The same of a full convolution; what lies between its taps. */
static struct sn_weight dense_centre(struct sn_weight w,
                                     const struct sn_op_ids *ids, int k,
                                     ptrdiff_t *tap, ptrdiff_t *tap_row)
{
    const ptrdiff_t crop = (ids->k - k) / 2;
    *tap = (ptrdiff_t)ids->cin * w.ld;
    *tap_row = ids->k * *tap;
    return from(w, crop * (*tap_row + *tap));
}

/* ---- ops ---- */

/* What an op of a block is listed with. */
struct op_layer {
    const char *name;
    struct sn_tensor *x;
    const struct sn_op_ids *ids;
    struct sn_block_shape shape;
    struct sn_channels channels;
    bool gated;
    int wider_k; /* 0: nobody asks */
    double *wider_slope;
};

static struct sn_tensor *add_ibn(const struct builder *b,
                                 const struct op_layer *op)
{
    const struct sn_op_ids *ids = op->ids;
    const int first = op->channels.first;
    struct sn_ibn_spec spec = {.k = op->shape.k,
                               .stride = op->shape.stride,
                               .mid = op->channels.mid,
                               .cout = op->shape.cout,
                               .expands = op->shape.e > 1,
                               .act = b->sn->space.act,
                               .raw = op->channels.raw};
    if (spec.expands) {
        spec.expand = columns(weight(b, ids->expand), first);
        spec.bn[0] = bn_from(bn(b, ids->bn[0]), first);
    }
    const struct sn_weight taps = columns(weight(b, ids->depth), first);
    spec.depth = centre(taps, ids, spec.k);
    spec.depth_row = (ptrdiff_t)ids->k * taps.ld;
    spec.bn[1] = bn_from(bn(b, ids->bn[1]), first);
    spec.project = rows(weight(b, ids->project), first);
    spec.bn[2] = bn(b, ids->bn[2]);
    if (op->gated) {
        spec.mask = b->sn->mask + ids->mask;
        spec.dmask = b->sn->dmask + ids->mask;
    }
    if (op->wider_slope) {
        spec.wider_k = op->wider_k;
        spec.wider = centre(taps, ids, op->wider_k);
        spec.wider_slope = op->wider_slope;
    }
    return sn_graph_ibn(b->g, op->name, op->x, &spec);
}

static struct sn_tensor *add_fused(const struct builder *b,
                                   const struct op_layer *op)
{
    const struct sn_op_ids *ids = op->ids;
    const int first = op->channels.first;
    struct sn_fused_spec spec = {.k = op->shape.k,
                                 .stride = op->shape.stride,
                                 .mid = op->channels.mid,
                                 .cout = op->shape.cout,
                                 .act = b->sn->space.act,
                                 .raw = op->channels.raw};
    spec.dense = dense_centre(columns(weight(b, ids->dense), first), ids,
                              spec.k, &spec.tap, &spec.tap_row);
    spec.project = rows(weight(b, ids->project), first);
    spec.bn[0] = bn_from(bn(b, ids->bn[0]), first);
    spec.bn[1] = bn(b, ids->bn[2]);
    if (op->gated) {
        spec.mask = b->sn->mask + ids->mask;
        spec.dmask = b->sn->dmask + ids->mask;
    }
    return sn_graph_fused(b->g, op->name, op->x, &spec);
}

static struct sn_tensor *add_conv(const struct builder *b,
                                  const struct op_layer *op)
{
    const struct sn_op_ids *ids = op->ids;
    struct sn_conv_spec spec = {.cout = op->shape.cout,
                                .k = op->shape.k,
                                .stride = op->shape.stride,
                                .bn = bn(b, ids->bn[0]),
                                .act = b->sn->space.act};
    spec.weight = dense_centre(weight(b, ids->dense), ids, spec.k, &spec.tap,
                               &spec.tap_row);
    return sn_graph_conv(b->g, op->name, op->x, &spec);
}

/* `of`: channels, gates and questions; the rest is filled in. */
static struct sn_tensor *add_op(const struct builder *b, int is, int ib,
                                struct sn_tensor *x,
                                const struct sn_block *block,
                                const struct op_layer *of)
{
    char name[SN_LAYER_NAME];
    struct op_layer op = *of;
    snprintf(name, sizeof name, "stage.%d.block.%d.%s", is + 1, ib + 1,
             sn_block_op_name(block->op));
    op.name = name;
    op.x = x;
    op.ids = &b->sn->block[is][ib][block->op];
    op.shape = sn_arch_block(b->arch, is, ib, *block);
    if (op.channels.mid == 0)
        op.channels.mid = op.shape.e * op.shape.cin;
    switch (block->op) {
    case SN_OP_IBN:
        return add_ibn(b, &op);
    case SN_OP_FUSED:
        return add_fused(b, &op);
    default:
        return add_conv(b, &op);
    }
}

struct sn_tensor *sn_supernet_add_op(struct sn_supernet *sn, struct sn_graph *g,
                                     const struct sn_arch *arch, int is, int ib,
                                     struct sn_tensor *x,
                                     const struct sn_block *block,
                                     const struct sn_channels *channels)
{
    const struct builder b = {sn, g, arch};
    const struct op_layer of = {.channels = *channels};
    return add_op(&b, is, ib, x, block, &of);
}

static bool residual(const struct builder *b, int is, int ib)
{
    const struct sn_block_shape shape =
        sn_arch_block(b->arch, is, ib, (struct sn_block){SN_OP_IBN, 3, 1});
    return sn_block_residual(&shape); /* whatever its op */
}

struct sn_tensor *sn_supernet_add_residual(struct sn_graph *g,
                                           const struct sn_arch *arch, int is,
                                           int ib, struct sn_tensor *x,
                                           struct sn_tensor *y)
{
    const struct builder b = {NULL, g, arch};
    if (!residual(&b, is, ib))
        return y;
    const struct sn_term terms[2] = {{x, NULL, NULL}, {y, NULL, NULL}};
    char name[SN_LAYER_NAME];
    snprintf(name, sizeof name, "stage.%d.block.%d.add", is + 1, ib + 1);
    return sn_graph_sum(g, name, terms, 2);
}

/* ---- stem and head ---- */

static struct sn_tensor *build_stem(const struct builder *b, int n)
{
    const struct sn_arch *a = b->arch;
    sn_graph_reset(b->g, n);
    struct sn_tensor *x = sn_graph_input(b->g, a->h, a->w, a->c);
    return sn_graph_conv(
        b->g, "stem", x,
        &(struct sn_conv_spec){.cout = a->stem,
                               .k = 3,
                               .stride = a->stem_stride,
                               .weight = weight(b, b->sn->stem),
                               .bn = bn(b, b->sn->stem_bn),
                               .act = a->act});
}

static void build_head(const struct builder *b, struct sn_tensor *x,
                       double smoothing)
{
    const struct sn_space *sp = &b->sn->space;
    if (sp->head > 0)
        x = sn_graph_conv(
            b->g, "head", x,
            &(struct sn_conv_spec){.cout = sp->head,
                                   .k = 1,
                                   .stride = 1,
                                   .weight = weight(b, b->sn->head),
                                   .bn = bn(b, b->sn->head_bn),
                                   .act = sp->act});
    x = sn_graph_pool(b->g, x);
    x = sn_graph_linear(b->g, x, sp->classes, weight(b, b->sn->linear),
                        weight(b, b->sn->bias));
    sn_graph_loss(b->g, x, smoothing);
}

/* ---- one subnet ---- */

/* The kernel behind k in the block's offer of the op; 0: there is none. */
static int next_kernel(const struct sn_supernet *sn, int is, int ib,
                       const struct sn_block *block)
{
    const struct sn_op_space *of = &sn->space.stage[is].block[ib].of[block->op];
    for (int ik = 0; ik + 1 < of->n_k; ik++)
        if (of->k[ik] == block->k)
            return of->k[ik + 1];
    return 0;
}

static bool offers_conv(const struct sn_supernet *sn, int is, int ib)
{
    return sn->block[is][ib][SN_OP_CONV].k > 0;
}

/* A layer with nothing pending behind it. */
static struct sn_tensor *apply_act(const struct builder *b, int is, int ib,
                                   struct sn_tensor *y)
{
    const struct sn_term term = {y, NULL, NULL};
    char name[SN_LAYER_NAME];
    snprintf(name, sizeof name, "stage.%d.block.%d.act", is + 1, ib + 1);
    return sn_graph_sum(b->g, name, &term, 1);
}

void sn_supernet_list(struct sn_supernet *sn, struct sn_graph *g,
                      const struct sn_arch *arch, int n, double smoothing,
                      struct sn_listing *l)
{
    const struct builder b = {sn, g, arch};
    SN_CHECK(l->most || sn_arch_in_space(arch, &sn->space, NULL) == SN_OK);
    struct sn_tensor *x = build_stem(&b, n);
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block *block = &arch->stage[is].block[ib];
            struct op_layer of = {.wider_slope = l->wider[is][ib]};
            struct sn_block_tensors *t = &l->of[is][ib];
            if (of.wider_slope)
                of.wider_k = next_kernel(sn, is, ib, block);
            SN_CHECK(!of.wider_slope || of.wider_k > 0);
            t->in = x;
            t->y = add_op(&b, is, ib, x, block, &of);
            if ((l->held[is][ib] && t->y->act != SN_ACT_NONE) ||
                (l->most && offers_conv(sn, is, ib)))
                t->y = apply_act(&b, is, ib, t->y);
            x = t->out = sn_supernet_add_residual(g, arch, is, ib, x, t->y);
        }
    build_head(&b, x, smoothing);
}

void sn_supernet_build_arch(struct sn_supernet *sn, struct sn_graph *g,
                            const struct sn_arch *arch, int n, double smoothing)
{
    struct sn_listing l = {0};
    sn_supernet_list(sn, g, arch, n, smoothing, &l);
}

/* ---- the gated net ---- */

/* [x +] sum over ops of g_op * y_op. */
static struct sn_tensor *build_gated_block(const struct builder *b, int is,
                                           int ib, struct sn_tensor *x)
{
    const struct sn_block_space *offer = &b->sn->space.stage[is].block[ib];
    const struct sn_decisions *d = &b->sn->decisions;
    const int first = d->item[d->op[is][ib]].first;
    struct sn_term terms[1 + SN_OP_COUNT];
    int n = 0;
    if (residual(b, is, ib))
        terms[n++] = (struct sn_term){x, NULL, NULL};
    for (int io = 0; io < offer->n_op; io++) {
        const struct sn_op_space *of = &offer->of[offer->op[io]];
        SN_CHECK(of->n_k == 1);
        const struct sn_block block = {offer->op[io], of->k[0],
                                       of->e[of->n_e - 1]};
        const struct op_layer gated = {.gated = of->n_e > 1};
        struct sn_tensor *y = add_op(b, is, ib, x, &block, &gated);
        if (offer->n_op == 1)
            terms[n++] = (struct sn_term){y, NULL, NULL};
        else
            terms[n++] = (struct sn_term){y, &b->sn->coef[first + io],
                                          &b->sn->dcoef[first + io]};
    }
    if (n == 1)
        return terms[0].x;
    char name[SN_LAYER_NAME];
    snprintf(name, sizeof name, "stage.%d.block.%d.mix", is + 1, ib + 1);
    return sn_graph_sum(b->g, name, terms, n);
}

/* sum over depth options of g_d * x_d, x_d the output of the first d blocks. */
static struct sn_tensor *build_gated_stage(const struct builder *b, int is,
                                           struct sn_tensor *x)
{
    const struct sn_stage_space *st = &b->sn->space.stage[is];
    const struct sn_decisions *d = &b->sn->decisions;
    const int first = d->item[d->depth[is]].first;
    struct sn_term terms[SN_MAX_CHOICES];
    int n = 0;
    for (int ib = 0; ib < sn_space_max_depth(&b->sn->space, is); ib++) {
        x = build_gated_block(b, is, ib, x);
        if (st->depth[n] == ib + 1) {
            terms[n] = (struct sn_term){x, &b->sn->coef[first + n],
                                        &b->sn->dcoef[first + n]};
            n++;
        }
    }
    if (n == 1)
        return x;
    char name[SN_LAYER_NAME];
    snprintf(name, sizeof name, "stage.%d.depth", is + 1);
    return sn_graph_sum(b->g, name, terms, n);
}

void sn_supernet_build_gated(struct sn_supernet *sn, struct sn_graph *g, int n,
                             double smoothing)
{
    struct sn_arch arch;
    SN_CHECK(sn_space_frames(&sn->space) == 1);
    sn_arch_baseline(&arch, &sn->space);
    const struct builder b = {sn, g, &arch};
    struct sn_tensor *x = build_stem(&b, n);
    for (int is = 0; is < sn->space.n_stages; is++)
        x = build_gated_stage(&b, is, x);
    build_head(&b, x, smoothing);
}
