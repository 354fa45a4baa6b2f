/* Slopes of gates that are not there; see branch.h.  How branches are listed
 * and run is the graph's. */

#include "nn/branch.h"

#include <omp.h>

#include "nn/stage_kinds.h"

/* Pixels whose dL/dy is made at a time. */
enum { SLOPE_PIXELS = 64 };

double *sn_slope_plan(const struct sn_tensor *at, struct sn_plan *plan)
{
    const size_t units = (size_t)sn_unit_count(at->n);
    sn_plan_raise(&plan->need.grad, SLOPE_PIXELS * (size_t)at->ld);
    sn_plan_raise(&plan->need.load, SLOPE_PIXELS * (size_t)at->ld);
    return sn_arena_take(plan->arena, units, sizeof(double));
}

/* <d, t> over `count` pixels, t raw or as its readers see it. */
static double dot(const struct sn_pass *pass, struct sn_rows d,
                  const struct sn_tensor *t, bool raw, ptrdiff_t pixel,
                  ptrdiff_t count)
{
    const struct sn_bn *bn = raw ? NULL : t->bn;
    const sn_real *s = bn ? bn->s : NULL, *b = bn ? bn->b : NULL;
    const sn_act act = bn ? t->act : SN_ACT_NONE;
    struct sn_rows x = sn_tensor_rows(t, pixel);
    if (x.form == SN_REAL)
        return pass->k->load_dot(d.at, d.p, x.at, x.p, s, b, act, t->c, count);
    const struct sn_rows y =
        sn_reals(pass->scratch[omp_get_thread_num()].load, t->ld);
    pass->k->load(y, x, s, b, act, 1, 0, t->c, count);
    return pass->k->load_dot(d.at, d.p, y.at, y.p, NULL, NULL, SN_ACT_NONE,
                             t->c, count);
}

/* What the pixels [pixel, pixel + count) bring. */
static double part(const struct sn_tensor *at, const struct sn_tensor *end,
                   bool raw, bool instead, ptrdiff_t pixel, int count,
                   const struct sn_pass *pass)
{
    struct sn_rows d = sn_tensor_grad_rows(at, pixel);
    if (raw)
        d = sn_tensor_view_grad(pass->k, at, pixel, count,
                                pass->scratch[omp_get_thread_num()].grad);
    const double to = dot(pass, d, end, raw, pixel, count);
    return instead ? to - dot(pass, d, at, raw, pixel, count) : to;
}

double sn_slope(const struct sn_tensor *at, const struct sn_tensor *end,
                bool raw, bool instead, double *slots,
                const struct sn_pass *pass)
{
    const int units = sn_unit_count(at->n);
    double sum = 0;
    SN_CHECK(at->n == end->n && at->h == end->h && at->w == end->w &&
             at->c == end->c);
    SN_CHECK(raw || at->form == SN_REAL); /* it lies between layers */
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        const ptrdiff_t last = sn_unit_pixel(at, u + 1);
        slots[u] = 0;
        for (ptrdiff_t ip = sn_unit_pixel(at, u); ip < last; ip += SLOPE_PIXELS)
            slots[u] +=
                part(at, end, raw, instead, ip,
                     last - ip < SLOPE_PIXELS ? (int)(last - ip) : SLOPE_PIXELS,
                     pass);
    }
    for (int u = 0; u < units; u++)
        sum += slots[u];
    return sum;
}
