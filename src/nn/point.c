/* A 1x1 convolution of stride 1: a matrix product on rows as they lie.  The
 * pixels of a unit's images are one run; tiles of it pass by. */

#include "nn/gather.h"
#include "nn/stage_kinds.h"
#include "nn/turn.h"

/* Fewest and most pixels at a time.  A gradient of the weights is loaded and
 * stored once for each tile; batch-norm's sums are in float within one. */
enum { LEAST_PIXELS = 64, MOST_PIXELS = 128 };

static void plan_scratch(struct sn_stage *s, struct sn_plan *plan)
{
    const int fit = SN_STEP_VALUES / (s->in->ld + s->out->ld) / 8 * 8;
    s->step = sn_least(sn_most(fit, LEAST_PIXELS), MOST_PIXELS);
    sn_plan_raise(&plan->need.load, (size_t)(s->step * sn_apart(s->in->c)));
    sn_plan_raise(&plan->need.grad, (size_t)(s->step * sn_apart(s->out->c)));
}

static bool takes_pairs(const struct sn_stage *s)
{
    (void)s; /* an odd last one has a 0 for its mate */
    return true;
}

/* The `count` pixels from `pixel` on. */
struct tile {
    ptrdiff_t pixel;
    int count;
};

static ptrdiff_t step_bytes(const struct sn_stage *s, const struct sn_tensor *t)
{
    return (ptrdiff_t)s->step * t->ld * (ptrdiff_t)sn_form_bytes(t->form);
}

/* What backward asks for while it multiplies: the wide things that the tile
 * from `pixel` on will read.  Those are x; or dz, and y where it is made into
 * dy: then the gradient of x asks for dz. */
static const void *ahead_of_weights(const struct sn_stage *s, ptrdiff_t pixel)
{
    if (s->in->ld > s->out->ld)
        return sn_tensor_rows(s->in, pixel).at;
    if (s->out->bn && s->in->wants_grad)
        return sn_tensor_rows(s->out, pixel).at;
    return sn_tensor_grad_rows(s->out, pixel).at;
}

/* Terms of a sum over `n` values, and their distance where pixels are p values
 * apart: with pairs, two values are one. */
static int terms(const struct sn_stage *s, int n)
{
    return s->pairs ? (n + 1) / 2 : n;
}

static ptrdiff_t apart(const struct sn_stage *s, struct sn_rows rows)
{
    return s->pairs ? rows.p / 2 : rows.p;
}

/* y = x W */
static void forward(const struct sn_stage *s, const struct sn_kernels *k,
                    struct sn_rows x, const struct tile *at)
{
    const ptrdiff_t next = at->pixel + at->count;
    const struct sn_rows y = sn_tensor_rows(s->out, at->pixel);
    struct sn_product p = {.rows = 1,
                           .m = at->count,
                           .n = s->out->c,
                           .segs = 1,
                           .len = terms(s, s->in->c),
                           .a = x.at,
                           .a_m = apart(s, x),
                           .a_k = 1,
                           .b = s->weight.w,
                           .b_k = s->weight.ld,
                           .c = y.at,
                           .c_m = y.p,
                           .c_form = y.form,
                           .add = s->out_adds,
                           .ahead = sn_tensor_rows(s->in, next).at,
                           .ahead_bytes = step_bytes(s, s->in)};
    if (s->pairs) {
        p.b = s->packed;
        p.b_k = s->out->ld;
    } else if (s->mask) {
        p.b = s->masked;
        p.b_k = s->out->c;
    }
    sn_stage_multiply(s, k, &p);
}

/* dW = x^T dy, added to the slot unless it `opens` */
static void weight_grad(const struct sn_stage *s, const struct sn_kernels *k,
                        struct sn_rows x, struct sn_rows dy,
                        const struct tile *at, sn_real *slot, bool opens)
{
    const struct sn_tensor *wide = s->in->ld > s->out->ld ? s->in : s->out;
    const ptrdiff_t next = at->pixel + at->count;
    const struct sn_product p = {.rows = 1,
                                 .m = s->in->c,
                                 .n = s->out->c,
                                 .segs = 1,
                                 .len = terms(s, at->count),
                                 .a = x.at,
                                 .a_m = 1,
                                 .a_k = x.p,
                                 .b = dy.at,
                                 .b_k = dy.p,
                                 .c = slot,
                                 .c_m = s->out->c,
                                 .add = !opens,
                                 .ahead = ahead_of_weights(s, next),
                                 .ahead_bytes = step_bytes(s, wide)};
    sn_stage_multiply(s, k, &p);
}

/* dx = dy W^T */
static void data_grad(const struct sn_stage *s, const struct sn_kernels *k,
                      struct sn_rows dy, const struct tile *at)
{
    const ptrdiff_t next = at->pixel + at->count;
    const struct sn_rows dx = sn_tensor_grad_rows(s->in, at->pixel);
    const struct sn_product p = {.rows = 1,
                                 .m = at->count,
                                 .n = s->in->c,
                                 .segs = 1,
                                 .len = terms(s, s->out->c),
                                 .a = dy.at,
                                 .a_m = apart(s, dy),
                                 .a_k = 1,
                                 .b = s->turned,
                                 .b_k = sn_turned_ld(s),
                                 .c = dx.at,
                                 .c_m = dx.p,
                                 .c_form = dx.form,
                                 .add = sn_stage_adds(s),
                                 .ahead = sn_tensor_grad_rows(s->out, next).at,
                                 .ahead_bytes = step_bytes(s, s->out)};
    sn_stage_multiply(s, k, &p);
}

/* The tile from `pixel` on, of a unit that ends at `last`. */
static struct tile tile_at(const struct sn_stage *s, ptrdiff_t pixel,
                           ptrdiff_t last)
{
    const ptrdiff_t left = last - pixel;
    return (struct tile){pixel, left < s->step ? (int)left : s->step};
}

/* x of a tile, in scratch unless it lies as it is wanted: in sn_real, or in
 * `form` where products take pairs. */
static struct sn_rows x_of(const struct sn_stage *s, const struct sn_work *unit,
                           const struct tile *at, sn_form form)
{
    const struct sn_rows x = {unit->scratch->load, sn_apart(s->in->c),
                              s->pairs ? form : SN_REAL};
    if (!s->pairs && sn_tensor_lies(s->in))
        return sn_tensor_rows(s->in, at->pixel);
    sn_tensor_load(unit->k, s->in, at->pixel, at->count, x);
    return x;
}

/* x of a tile as the gradient of the weights takes it. */
static struct sn_rows x_of_weights(const struct sn_stage *s,
                                   const struct sn_work *unit,
                                   const struct tile *at)
{
    if (!s->gathers)
        return x_of(s, unit, at, SN_PAIRS);
    const struct sn_rows x = sn_gather_x(s, unit->u, at->pixel);
    sn_tensor_load(unit->k, s->in, at->pixel, at->count, x);
    return x;
}

/* dy of a tile: its pixels for the gradient of x, pairs of pixels for that of
 * the weight; in sn_real both are one. */
struct dy {
    struct sn_rows pixels, pairs;
};

/* In sn_real. */
static struct sn_rows real_dy_of(const struct sn_stage *s,
                                 const struct sn_work *unit,
                                 const struct tile *at)
{
    const bool gathers = s->gathers && unit->weights;
    struct sn_rows dy = sn_reals(unit->scratch->grad, sn_apart(s->out->c));
    if (gathers)
        dy = sn_gather_dy(s, unit->u, at->pixel);
    else if (sn_tensor_lies(s->out))
        return sn_tensor_grad_rows(s->out, at->pixel);
    sn_tensor_load_grad(unit->k, s->out, at->pixel, at->count, dy);
    return dy;
}

static struct dy dy_of(const struct sn_stage *s, const struct sn_work *unit,
                       const struct tile *at)
{
    const struct sn_tensor *y = s->out;
    if (!s->pairs) {
        const struct sn_rows rows = real_dy_of(s, unit, at);
        return (struct dy){rows, rows};
    }
    const ptrdiff_t apart = sn_apart(y->c);
    sn_bf16 *half = (void *)unit->scratch->grad;
    struct dy dy = {{half, apart, SN_BF16},
                    {half + s->step * apart, apart, SN_PAIRS}};
    if (s->gathers)
        dy.pairs = sn_gather_dy(s, unit->u, at->pixel);
    if (!s->in->wants_grad) {
        sn_tensor_load_grad(unit->k, y, at->pixel, at->count, dy.pairs);
        return dy;
    }
    sn_tensor_load_grad(unit->k, y, at->pixel, at->count, dy.pixels);
    if (unit->weights)
        unit->k->load(dy.pairs, dy.pixels, NULL, NULL, SN_ACT_NONE, 1, 0, y->c,
                      at->count);
    return dy;
}

static void fwd(struct sn_stage *s, const struct sn_work *unit)
{
    const struct sn_kernels *k = unit->k;
    const ptrdiff_t last = sn_unit_pixel(s->in, unit->u + 1);
    ptrdiff_t ip = sn_unit_pixel(s->in, unit->u);
    for (; ip < last; ip += s->step) {
        const struct tile at = tile_at(s, ip, last);
        forward(s, k, x_of(s, unit, &at, SN_BF16), &at);
        sn_stage_wrote(s, unit, ip, at.count);
    }
}

static void bwd_tile(struct sn_stage *s, const struct sn_work *unit,
                     const struct tile *at, bool opens)
{
    const struct sn_kernels *k = unit->k;
    const struct dy dy = dy_of(s, unit, at);
    if (unit->weights) {
        const struct sn_rows x = x_of_weights(s, unit, at);
        if (!s->gathers)
            weight_grad(s, k, x, dy.pairs, at, sn_unit_slot(s, unit), opens);
    }
    if (!s->in->wants_grad)
        return;
    data_grad(s, k, dy.pixels, at);
    sn_stage_added(s, unit, at->pixel, at->count);
}

static void bwd(struct sn_stage *s, const struct sn_work *unit)
{
    const ptrdiff_t first = sn_unit_pixel(s->in, unit->u);
    const ptrdiff_t last = sn_unit_pixel(s->in, unit->u + 1);
    for (ptrdiff_t ip = first; ip < last; ip += s->step) {
        const struct tile at = tile_at(s, ip, last);
        bwd_tile(s, unit, &at, ip == first);
    }
}

const struct sn_stage_way sn_stage_point = {plan_scratch, fwd, bwd,
                                            takes_pairs};
