/* A 1x1 convolution of stride 1: a matrix product on rows as they lie.  The
 * pixels of a unit's images are one run; tiles of it pass by. */

#include "nn/stage_kinds.h"
#include "nn/turn.h"

/* Fewest and most pixels at a time.  A gradient of the weights is loaded and
 * stored once for each tile; batch-norm's sums are in float within one. */
enum { LEAST_PIXELS = 64, MOST_PIXELS = 128 };

static void plan_scratch(struct sn_stage *s, struct sn_plan *plan)
{
    const int fit = SN_STEP_VALUES / (s->in->ld + s->out->ld) / 8 * 8;
    s->step = sn_least(sn_most(fit, LEAST_PIXELS), MOST_PIXELS);
    sn_plan_raise(&plan->need.load, (size_t)s->step * (size_t)s->in->ld);
    sn_plan_raise(&plan->need.grad, (size_t)s->step * (size_t)s->out->ld);
}

/* The `count` pixels from `pixel` on. */
struct tile {
    ptrdiff_t pixel;
    int count;
};

/* Where the tile behind this one begins; of the tensor that is read next. */
static const sn_real *next_of(const sn_real *values, const struct sn_tensor *t,
                              const struct tile *at)
{
    return values + (at->pixel + at->count) * t->ld;
}

/* The wider tensor: what backward waits for. */
static const struct sn_tensor *wider(const struct sn_stage *s)
{
    return s->in->ld > s->out->ld ? s->in : s->out;
}

/* y = x W */
static void forward(const struct sn_stage *s, const struct sn_kernels *k,
                    struct sn_rows x, const struct tile *at)
{
    const struct sn_product p = {.rows = 1,
                                 .m = at->count,
                                 .n = s->out->c,
                                 .segs = 1,
                                 .len = s->in->c,
                                 .a = x.at,
                                 .a_m = x.p,
                                 .a_k = 1,
                                 .b = s->mask ? s->masked : s->weight.w,
                                 .b_k = s->mask ? s->out->c : s->weight.ld,
                                 .c = s->out->y + at->pixel * s->out->ld,
                                 .c_m = s->out->ld,
                                 .ahead = next_of(s->in->y, s->in, at),
                                 .ahead_values =
                                     (ptrdiff_t)s->step * s->in->ld};
    k->product(&p);
}

/* dW = x^T dy, added to the slot unless it `opens` */
static void weight_grad(const struct sn_stage *s, const struct sn_kernels *k,
                        struct sn_rows x, struct sn_rows dy,
                        const struct tile *at, sn_real *slot, bool opens)
{
    const struct sn_tensor *wide = wider(s);
    const struct sn_product p = {.rows = 1,
                                 .m = s->in->c,
                                 .n = s->out->c,
                                 .segs = 1,
                                 .len = at->count,
                                 .a = x.at,
                                 .a_m = 1,
                                 .a_k = x.p,
                                 .b = dy.at,
                                 .b_k = dy.p,
                                 .c = slot,
                                 .c_m = s->out->c,
                                 .add = !opens,
                                 .ahead = next_of(wide->y, wide, at),
                                 .ahead_values = (ptrdiff_t)s->step * wide->ld};
    k->product(&p);
}

/* dx = dy W^T */
static void data_grad(const struct sn_stage *s, const struct sn_kernels *k,
                      struct sn_rows dy, const struct tile *at)
{
    const struct sn_tensor *wide = wider(s);
    const struct sn_product p = {.rows = 1,
                                 .m = at->count,
                                 .n = s->in->c,
                                 .segs = 1,
                                 .len = s->out->c,
                                 .a = dy.at,
                                 .a_m = dy.p,
                                 .a_k = 1,
                                 .b = s->turned,
                                 .b_k = sn_turned_ld(s),
                                 .c = s->in->dz + at->pixel * s->in->ld,
                                 .c_m = s->in->ld,
                                 .add = sn_tensor_adds(s->in),
                                 .ahead = next_of(wide->dz, wide, at),
                                 .ahead_values = (ptrdiff_t)s->step * wide->ld};
    k->product(&p);
}

/* The tile from `pixel` on, of a unit that ends at `last`. */
static struct tile tile_at(const struct sn_stage *s, ptrdiff_t pixel,
                           ptrdiff_t last)
{
    const ptrdiff_t left = last - pixel;
    return (struct tile){pixel, left < s->step ? (int)left : s->step};
}

static void fwd(struct sn_stage *s, const struct sn_unit *unit)
{
    const struct sn_kernels *k = unit->k;
    const ptrdiff_t last = sn_unit_pixel(s->in, unit->u + 1);
    ptrdiff_t ip = sn_unit_pixel(s->in, unit->u);
    for (; ip < last; ip += s->step) {
        const struct tile at = tile_at(s, ip, last);
        const struct sn_rows x =
            sn_tensor_view(k, s->in, ip, at.count, unit->scratch->load);
        forward(s, k, x, &at);
        sn_tensor_wrote(k, s->out, unit->u, ip, at.count, unit->mode);
    }
}

static void bwd_tile(struct sn_stage *s, const struct sn_unit *unit,
                     const struct tile *at, bool opens)
{
    const struct sn_kernels *k = unit->k;
    const struct sn_rows dy = sn_tensor_view_grad(
        k, s->out, at->pixel, at->count, unit->scratch->grad);
    if (unit->weights) {
        const struct sn_rows x =
            sn_tensor_view(k, s->in, at->pixel, at->count, unit->scratch->load);
        weight_grad(s, k, x, dy, at, sn_unit_slot(s, unit), opens);
    }
    if (!s->in->wants_grad)
        return;
    data_grad(s, k, dy, at);
    sn_tensor_added(k, s->in, unit->u, at->pixel, at->count);
}

static void bwd(struct sn_stage *s, const struct sn_unit *unit)
{
    const ptrdiff_t first = sn_unit_pixel(s->in, unit->u);
    const ptrdiff_t last = sn_unit_pixel(s->in, unit->u + 1);
    for (ptrdiff_t ip = first; ip < last; ip += s->step) {
        const struct tile at = tile_at(s, ip, last);
        bwd_tile(s, unit, &at, ip == first);
    }
}

const struct sn_stage_way sn_stage_point = {plan_scratch, fwd, bwd};
