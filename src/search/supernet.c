/* Shared weights and the graphs on them; see supernet.h. */

#include "search/supernet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/block.h"

/* A gated net has at most a sum per stage, a mix and all ops per block, and
 * input, stem, head, pool, linear and loss. */
_Static_assert(SN_MAX_STAGES *(1 + SN_MAX_DEPTH * (1 + SN_OP_COUNT)) + 6 <=
                   SN_MAX_LAYERS,
               "the graph's list is too short for the largest space");
_Static_assert((int)SN_MAX_CHOICES <= (int)SN_MAX_TERMS &&
                   1 + SN_OP_COUNT <= SN_MAX_TERMS,
               "a sum takes too few terms for the largest space");

/* Batch-norm gains start at 1; behind a projection at .2, so that a block
 * starts near the identity but not at it, where gate derivatives would be 0
 * (METHOD 4.3). */
#define PROJECT_GAMMA 0.2

/* ---- weights ---- */

struct name {
    char text[SN_PARAM_NAME];
};

__attribute__((format(printf, 1, 2))) static struct name
name_of(const char *fmt, ...)
{
    struct name n;
    va_list args;
    va_start(args, fmt);
    SN_CHECK(vsnprintf(n.text, sizeof n.text, fmt, args) < SN_PARAM_NAME);
    va_end(args);
    return n;
}

static int add_weight(struct sn_supernet *sn, sn_param_kind kind, int rows,
                      int cols, int taps, struct name layer)
{
    const struct name full = name_of("%.50s.weight", layer.text);
    return sn_params_add(&sn->params, kind, rows, cols, taps, 0, full.text);
}

static struct sn_bn_ids add_bn(struct sn_supernet *sn, int c, double start,
                               struct name layer)
{
    const struct name full = name_of("%.50s.bn", layer.text);
    return sn_params_add_bn(&sn->params, c, start, full.text);
}

static void add_ibn(struct sn_supernet *sn, struct sn_op_ids *ids,
                    const struct sn_block_shape *b, const char *prefix)
{
    struct name part = name_of("%s.ibn.expand", prefix);
    const int taps = ids->k * ids->k;
    ids->expand = -1;
    if (ids->mid > b->cin) {
        ids->expand = add_weight(sn, SN_PARAM_CONV, b->cin, ids->mid, 1, part);
        ids->bn[0] = add_bn(sn, ids->mid, 1, part);
    }
    part = name_of("%s.ibn.depth", prefix);
    ids->depth = add_weight(sn, SN_PARAM_DEPTHWISE, taps, ids->mid, taps, part);
    ids->bn[1] = add_bn(sn, ids->mid, 1, part);
    part = name_of("%s.ibn.project", prefix);
    ids->project = add_weight(sn, SN_PARAM_CONV, ids->mid, b->cout, 1, part);
    ids->bn[2] = add_bn(sn, b->cout, PROJECT_GAMMA, part);
    ids->dense = -1;
}

static void add_fused(struct sn_supernet *sn, struct sn_op_ids *ids,
                      const struct sn_block_shape *b, const char *prefix)
{
    struct name part = name_of("%s.fused.dense", prefix);
    const int taps = ids->k * ids->k;
    ids->dense =
        add_weight(sn, SN_PARAM_CONV, taps * b->cin, ids->mid, taps, part);
    ids->bn[0] = add_bn(sn, ids->mid, 1, part);
    part = name_of("%s.fused.project", prefix);
    ids->project = add_weight(sn, SN_PARAM_CONV, ids->mid, b->cout, 1, part);
    ids->bn[2] = add_bn(sn, b->cout, PROJECT_GAMMA, part);
    ids->expand = ids->depth = -1;
}

static void add_block(struct sn_supernet *sn, int is, int ib)
{
    const struct sn_block_space *offer = &sn->space.stage[is].block[ib];
    for (int io = 0; io < offer->n_op; io++) {
        const sn_block_op op = offer->op[io];
        const struct sn_op_space *of = &offer->of[op];
        struct sn_op_ids *ids = &sn->block[is][ib][op];
        const struct sn_block_shape b = sn_space_block(
            &sn->space, is, ib, op, of->k[of->n_k - 1], of->e[of->n_e - 1]);
        const struct name prefix = name_of("stage.%d.block.%d", is + 1, ib + 1);
        ids->mid = b.e * b.cin;
        ids->k = b.k;
        ids->mask = sn->masks;
        sn->masks += (size_t)ids->mid;
        if (op == SN_OP_IBN)
            add_ibn(sn, ids, &b, prefix.text);
        else
            add_fused(sn, ids, &b, prefix.text);
    }
}

static void add_all(struct sn_supernet *sn)
{
    const struct sn_space *sp = &sn->space;
    struct name part = name_of("stem");
    sn->stem = add_weight(sn, SN_PARAM_CONV, 9 * sp->c, sp->stem, 9, part);
    sn->stem_bn = add_bn(sn, sp->stem, 1, part);
    int c = sp->stem;
    for (int is = 0; is < sp->n_stages; is++) {
        for (int ib = 0; ib < sn_space_max_depth(sp, is); ib++)
            add_block(sn, is, ib);
        c = sp->stage[is].width;
    }
    sn->head = -1;
    if (sp->head > 0) {
        part = name_of("head");
        sn->head = add_weight(sn, SN_PARAM_CONV, c, sp->head, 1, part);
        sn->head_bn = add_bn(sn, sp->head, 1, part);
        c = sp->head;
    }
    part = name_of("linear");
    sn->linear = add_weight(sn, SN_PARAM_LINEAR, c, sp->classes, 1, part);
    sn->bias = sn_params_add(&sn->params, SN_PARAM_BETA, 1, sp->classes, 0, 0,
                             "linear.bias");
}

sn_status sn_supernet_init(struct sn_supernet *sn, const struct sn_space *space,
                           uint64_t seed, struct sn_error *err)
{
    *sn = (struct sn_supernet){.space = *space};
    sn_decisions_make(&sn->decisions, &sn->space);
    sn_params_init(&sn->params);
    add_all(sn);
    const size_t total = (size_t)sn->decisions.total;
    sn->coef = calloc(total, sizeof *sn->coef);
    sn->dcoef = calloc(total, sizeof *sn->dcoef);
    sn->mask = calloc(sn->masks, sizeof *sn->mask);
    sn->dmask = calloc(sn->masks, sizeof *sn->dmask);
    sn_status rc = SN_OK;
    if (!sn->coef || !sn->dcoef || !sn->mask || !sn->dmask)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for %zu gates", total);
    if (rc == SN_OK)
        rc = sn_params_take(&sn->params, err);
    if (rc == SN_OK)
        sn_params_draw(&sn->params, seed);
    else
        sn_supernet_release(sn);
    return rc;
}

void sn_supernet_release(struct sn_supernet *sn)
{
    free(sn->coef);
    free(sn->dcoef);
    free(sn->mask);
    free(sn->dmask);
    sn->coef = sn->mask = NULL;
    sn->dcoef = sn->dmask = NULL;
    sn_params_release(&sn->params);
}

/* ---- layers ---- */

struct builder {
    struct sn_supernet *sn;
    struct sn_graph *g;
};

static struct sn_weight weight(const struct builder *b, int id)
{
    return sn_params_weight(&b->sn->params, id);
}

static struct sn_bn_view bn(const struct builder *b, struct sn_bn_ids ids)
{
    return sn_params_bn(&b->sn->params, ids);
}

static struct sn_tensor *build_ibn(const struct builder *b, const char *name,
                                   struct sn_tensor *x,
                                   const struct sn_op_ids *ids,
                                   const struct sn_block_shape *shape,
                                   bool gated)
{
    struct sn_ibn_spec spec = {.k = shape->k,
                               .stride = shape->stride,
                               .mid = shape->e * shape->cin,
                               .cout = shape->cout,
                               .expands = shape->e > 1,
                               .act = b->sn->space.act};
    if (spec.expands) {
        spec.expand = weight(b, ids->expand);
        spec.bn[0] = bn(b, ids->bn[0]);
    }
    spec.depth = weight(b, ids->depth);
    spec.depth_row = (ptrdiff_t)ids->k * spec.depth.ld;
    /* the centre k x k taps of the largest kernel */
    const ptrdiff_t crop = (ids->k - shape->k) / 2;
    const ptrdiff_t centre = crop * (spec.depth_row + spec.depth.ld);
    spec.depth.w += centre;
    spec.depth.g += centre;
    spec.bn[1] = bn(b, ids->bn[1]);
    spec.project = weight(b, ids->project);
    spec.bn[2] = bn(b, ids->bn[2]);
    if (gated) {
        spec.mask = b->sn->mask + ids->mask;
        spec.dmask = b->sn->dmask + ids->mask;
    }
    return sn_graph_ibn(b->g, name, x, &spec);
}

static struct sn_tensor *build_fused(const struct builder *b, const char *name,
                                     struct sn_tensor *x,
                                     const struct sn_op_ids *ids,
                                     const struct sn_block_shape *shape,
                                     bool gated)
{
    SN_CHECK(shape->k == ids->k); /* its rows are taken whole */
    struct sn_fused_spec spec = {.k = shape->k,
                                 .stride = shape->stride,
                                 .mid = shape->e * shape->cin,
                                 .cout = shape->cout,
                                 .act = b->sn->space.act};
    spec.dense = weight(b, ids->dense);
    spec.project = weight(b, ids->project);
    spec.bn[0] = bn(b, ids->bn[0]);
    spec.bn[1] = bn(b, ids->bn[2]);
    if (gated) {
        spec.mask = b->sn->mask + ids->mask;
        spec.dmask = b->sn->dmask + ids->mask;
    }
    return sn_graph_fused(b->g, name, x, &spec);
}

static struct sn_tensor *build_op(const struct builder *b, int is, int ib,
                                  struct sn_tensor *x,
                                  const struct sn_block *block, bool gated)
{
    const struct sn_block_shape shape =
        sn_space_block(&b->sn->space, is, ib, block->op, block->k, block->e);
    const struct sn_op_ids *ids = &b->sn->block[is][ib][block->op];
    char name[SN_LAYER_NAME];
    snprintf(name, sizeof name, "stage.%d.block.%d.%s", is + 1, ib + 1,
             block->op == SN_OP_IBN ? "ibn" : "fused");
    return block->op == SN_OP_IBN ? build_ibn(b, name, x, ids, &shape, gated)
                                  : build_fused(b, name, x, ids, &shape, gated);
}

static bool residual(const struct builder *b, int is, int ib)
{
    const struct sn_block_shape shape =
        sn_space_block(&b->sn->space, is, ib, SN_OP_IBN, 3, 1);
    return sn_block_residual(&shape); /* whatever its op */
}

/* x + y, or y where shapes do not allow it. */
static struct sn_tensor *build_block(const struct builder *b, int is, int ib,
                                     struct sn_tensor *x,
                                     const struct sn_block *block)
{
    struct sn_tensor *y = build_op(b, is, ib, x, block, false);
    if (!residual(b, is, ib))
        return y;
    const struct sn_term terms[2] = {{x, NULL, NULL}, {y, NULL, NULL}};
    char name[SN_LAYER_NAME];
    snprintf(name, sizeof name, "stage.%d.block.%d.add", is + 1, ib + 1);
    return sn_graph_sum(b->g, name, terms, 2);
}

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
        struct sn_tensor *y = build_op(b, is, ib, x, &block, of->n_e > 1);
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

static struct sn_tensor *build_stem(const struct builder *b, int n)
{
    const struct sn_space *sp = &b->sn->space;
    sn_graph_reset(b->g, n);
    struct sn_tensor *x = sn_graph_input(b->g, sp->h, sp->w, sp->c);
    return sn_graph_conv(
        b->g, "stem", x,
        &(struct sn_conv_spec){.cout = sp->stem,
                               .k = 3,
                               .stride = sp->stem_stride,
                               .weight = weight(b, b->sn->stem),
                               .bn = bn(b, b->sn->stem_bn),
                               .act = sp->act});
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

void sn_supernet_build_arch(struct sn_supernet *sn, struct sn_graph *g,
                            const struct sn_arch *arch, int n, double smoothing)
{
    const struct builder b = {sn, g};
    SN_CHECK(sn_arch_in_space(arch, &sn->space, NULL) == SN_OK);
    struct sn_tensor *x = build_stem(&b, n);
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++)
            x = build_block(&b, is, ib, x, &arch->stage[is].block[ib]);
    build_head(&b, x, smoothing);
}

void sn_supernet_build_gated(struct sn_supernet *sn, struct sn_graph *g, int n,
                             double smoothing)
{
    const struct builder b = {sn, g};
    struct sn_tensor *x = build_stem(&b, n);
    for (int is = 0; is < sn->space.n_stages; is++)
        x = build_gated_stage(&b, is, x);
    build_head(&b, x, smoothing);
}

/* ---- gates ---- */

/* An expansion decision with something to choose, and the mask it makes. */
struct expansion {
    int n, first; /* its options in the flat arrays */
    int mid;      /* channels of the mask: those of the largest option */
    size_t mask;  /* where it begins in the mask arrays */
    int e_most;   /* the largest expansion */
    const int *e; /* [n] */
};

/* Whether decision `id` is one; fills *x. */
static bool is_expansion(const struct sn_supernet *sn, int id,
                         struct expansion *x)
{
    const struct sn_decision *d = &sn->decisions.item[id];
    if (d->kind != SN_DECIDE_E || d->n < 2)
        return false;
    const struct sn_op_ids *ids = &sn->block[d->stage][d->block][d->op];
    const struct sn_op_space *of =
        &sn->space.stage[d->stage].block[d->block].of[d->op];
    *x = (struct expansion){.n = d->n,
                            .first = d->first,
                            .mid = ids->mid,
                            .mask = ids->mask,
                            .e_most = of->e[d->n - 1],
                            .e = of->e};
    return true;
}

/* Channels that option ie of an expansion holds: the first e*cin. */
static int channels(const struct expansion *x, int ie)
{
    return x->e[ie] * (x->mid / x->e_most);
}

/* mask_c = sum of the gates of the expansions that hold channel c. */
static void make_mask(sn_real *mask, const struct expansion *x,
                      const double *gate)
{
    for (int ic = 0; ic < x->mid; ic++) {
        double sum = 0;
        for (int ie = 0; ie < x->n; ie++)
            if (ic < channels(x, ie))
                sum += gate[ie];
        mask[ic] = (sn_real)sum;
    }
}

/* dgate_i = sum over its channels of dmask. */
static void read_mask(double *dgate, const struct expansion *x,
                      const double *dmask)
{
    for (int ie = 0; ie < x->n; ie++) {
        dgate[ie] = 0;
        for (int ic = 0; ic < channels(x, ie); ic++)
            dgate[ie] += dmask[ic];
    }
}

void sn_supernet_set_gates(struct sn_supernet *sn, const double *gate)
{
    struct expansion x;
    for (int io = 0; io < sn->decisions.total; io++)
        sn->coef[io] = (sn_real)gate[io];
    for (int id = 0; id < sn->decisions.count; id++)
        if (is_expansion(sn, id, &x))
            make_mask(sn->mask + x.mask, &x, gate + x.first);
}

void sn_supernet_gate_grads(const struct sn_supernet *sn, double *dgate)
{
    memset(dgate, 0, (size_t)sn->decisions.total * sizeof *dgate);
    for (int id = 0; id < sn->decisions.count; id++) {
        const struct sn_decision *d = &sn->decisions.item[id];
        struct expansion x;
        if (is_expansion(sn, id, &x))
            read_mask(dgate + x.first, &x, sn->dmask + x.mask);
        else if (d->n > 1) /* op, depth: the sums' own */
            memcpy(dgate + d->first, sn->dcoef + d->first,
                   (size_t)d->n * sizeof *dgate);
    }
}

/* ---- inheritance ---- */

/* Taps along one direction, of k*k; 1 where there are none. */
static int taps_across(int taps)
{
    int k = 1;
    while (k * k < taps)
        k += 2;
    return k;
}

/* Copies the leading part of each tap's rows; taps are centred. */
static void copy_shared(const struct sn_param *to, sn_real *dst,
                        const struct sn_param *from, const sn_real *src)
{
    const int kt = taps_across(to->taps), kf = taps_across(from->taps);
    const int rows_to = to->rows / (kt * kt);
    const int rows_from = from->rows / (kf * kf);
    const int crop = (kf - kt) / 2;
    SN_CHECK(kt <= kf && rows_to <= rows_from && to->cols <= from->cols);
    for (int jt = 0; jt < kt * kt; jt++) {
        const int jf = (jt / kt + crop) * kf + jt % kt + crop;
        for (int ir = 0; ir < rows_to; ir++)
            memcpy(dst + ((ptrdiff_t)jt * rows_to + ir) * to->cols,
                   src + ((ptrdiff_t)jf * rows_from + ir) * from->cols,
                   (size_t)to->cols * sizeof *dst);
    }
}

void sn_supernet_inherit(struct sn_supernet *to, const struct sn_supernet *from)
{
    struct sn_params *p = &to->params;
    for (int id = 0; id < p->count; id++) {
        const int source = sn_params_find(&from->params, p->item[id].name);
        SN_CHECK(source >= 0);
        const struct sn_param *it = &from->params.item[source];
        copy_shared(&p->item[id], p->w + p->item[id].first, it,
                    from->params.w + it->first);
    }
    memset(p->m, 0, p->total * sizeof *p->m);
    sn_params_zero_stats(p);
}
