/* Shared weights, their gates, and what a smaller net inherits of them; see
 * supernet.h.  The layers are listed in supernet_graph.c. */

#include "search/supernet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void add_conv(struct sn_supernet *sn, struct sn_op_ids *ids,
                     const struct sn_block_shape *b, const char *prefix)
{
    const struct name part = name_of("%s.conv.dense", prefix);
    const int taps = ids->k * ids->k;
    ids->dense =
        add_weight(sn, SN_PARAM_CONV, taps * b->cin, b->cout, taps, part);
    ids->bn[0] = add_bn(sn, b->cout, 1, part);
    ids->expand = ids->depth = ids->project = -1;
}

static void add_block(struct sn_supernet *sn, int is, int ib)
{
    static void (*const add[SN_OP_COUNT])(
        struct sn_supernet *, struct sn_op_ids *, const struct sn_block_shape *,
        const char *) = {[SN_OP_IBN] = add_ibn,
                         [SN_OP_FUSED] = add_fused,
                         [SN_OP_CONV] = add_conv};

    const struct sn_block_space *offer = &sn->space.stage[is].block[ib];
    for (int io = 0; io < offer->n_op; io++) {
        const sn_block_op op = offer->op[io];
        const struct sn_op_space *of = &offer->of[op];
        struct sn_op_ids *ids = &sn->block[is][ib][op];
        const struct sn_block_shape b = sn_space_block(
            &sn->space, is, ib, op, of->k[of->n_k - 1], of->e[of->n_e - 1]);
        const struct name prefix = name_of("stage.%d.block.%d", is + 1, ib + 1);
        ids->cin = b.cin;
        ids->mid = b.e * b.cin;
        ids->k = b.k;
        ids->mask = sn->masks;
        sn->masks += (size_t)ids->mid;
        add[op](sn, ids, &b, prefix.text);
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
    sn_space_settle(&sn->space, sn_space_largest(space));
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

/* ---- subnets ---- */

void sn_supernet_hungriest(struct sn_arch *arch, const struct sn_space *space)
{
    struct sn_frame_dims f;
    sn_arch_baseline(arch, space);
    sn_frame_dims(&f, space, sn_space_largest(space));
    sn_arch_settle(arch, &f);
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        arch->stage[is].depth = sn_space_max_depth(space, is);
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block_space *b = &s->block[ib];
            const int stride = ib == 0 ? f.stride[is] : 1;
            double most = -1;
            for (int i = 0; i < b->n_op; i++) {
                const struct sn_op_space *of = &b->of[b->op[i]];
                const int e = of->e[of->n_e - 1];
                /* an IBN keeps E*x before the stride and dw(..) behind it */
                const double kept = b->op[i] == SN_OP_CONV ? 0.0
                                    : b->op[i] == SN_OP_IBN && e > 1
                                        ? e * (stride * stride + 1.0)
                                        : e;
                int ik = of->n_k - 1;
                while (!sn_op_offers(of, ik, of->n_e - 1))
                    ik--;
                if (kept <= most)
                    continue;
                most = kept;
                arch->stage[is].block[ib] =
                    (struct sn_block){.op = b->op[i], .k = of->k[ik], .e = e};
            }
        }
    }
}

/* Runs under construction. */
struct runs {
    const struct sn_params *p;
    struct sn_run *run; /* NULL: only counts */
    int count;
};

/* Rows [row, row + rows) of an entry, of each the first `cols` values. */
static void add_rows(struct runs *r, int id, int row, int rows, int cols)
{
    const struct sn_param *it = &r->p->item[id];
    const bool whole = cols == it->cols; /* then they are one run */
    for (int ir = 0; ir < (whole ? 1 : rows); ir++, r->count++)
        if (r->run)
            r->run[r->count] = (struct sn_run){
                id, it->first + (size_t)(row + ir) * (size_t)it->cols,
                (size_t)cols * (size_t)(whole ? rows : 1)};
}

static void add_entry(struct runs *r, int id, int cols)
{
    add_rows(r, id, 0, r->p->item[id].rows, cols);
}

static void add_bn_runs(struct runs *r, struct sn_bn_ids ids, int c)
{
    add_entry(r, ids.gamma, c);
    add_entry(r, ids.beta, c);
}

static void add_block_runs(struct runs *r, const struct sn_supernet *sn,
                           const struct sn_arch *arch, int is, int ib)
{
    const struct sn_block_shape b =
        sn_arch_block(arch, is, ib, arch->stage[is].block[ib]);
    const struct sn_op_ids *ids = &sn->block[is][ib][b.op];
    const int mid = b.e * b.cin, crop = (ids->k - b.k) / 2;
    if (ids->expand >= 0 && b.e > 1) {
        add_rows(r, ids->expand, 0, b.cin, mid);
        add_bn_runs(r, ids->bn[0], mid);
    }
    for (int ik = 0; ids->depth >= 0 && ik < b.k; ik++)
        add_rows(r, ids->depth, (ik + crop) * ids->k + crop, b.k, mid);
    if (ids->depth >= 0)
        add_bn_runs(r, ids->bn[1], mid);
    if (ids->dense >= 0) {
        const int cols = ids->project >= 0 ? mid : b.cout;
        for (int jt = 0; jt < b.k * b.k; jt++)
            add_rows(r, ids->dense,
                     ((jt / b.k + crop) * ids->k + jt % b.k + crop) * ids->cin,
                     b.cin, cols);
        add_bn_runs(r, ids->bn[0], cols);
    }
    if (ids->project < 0)
        return;
    add_rows(r, ids->project, 0, mid, b.cout);
    add_bn_runs(r, ids->bn[2], b.cout);
}

int sn_supernet_runs(const struct sn_supernet *sn, const struct sn_arch *arch,
                     struct sn_run *run)
{
    struct runs r = {.p = &sn->params, .run = run};
    const struct sn_space *sp = &sn->space;
    const int last = arch->stage[arch->n_stages - 1].width;
    add_entry(&r, sn->stem, arch->stem);
    add_bn_runs(&r, sn->stem_bn, arch->stem);
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++)
            add_block_runs(&r, sn, arch, is, ib);
    if (sn->head >= 0) {
        add_rows(&r, sn->head, 0, last, sp->head);
        add_bn_runs(&r, sn->head_bn, sp->head);
    }
    add_rows(&r, sn->linear, 0, sn->head >= 0 ? sp->head : last, sp->classes);
    add_entry(&r, sn->bias, sp->classes);
    return r.count;
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
