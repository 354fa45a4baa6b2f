/* The tensor contract of tensor.h: loaders, epilogues, and the batch-norm
 * algebra between them.  Everything per channel is in double; it is small. */

#include "nn/tensor.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

void sn_tensor_shape(struct sn_tensor *t, int n, int h, int w, int c)
{
    SN_CHECK(n > 0 && h > 0 && w > 0 && c > 0);
    t->n = n;
    t->h = h;
    t->w = w;
    t->c = c;
    t->ld = (c + SN_LANES - 1) / SN_LANES * SN_LANES;
    t->grads_seen = 0;
}

size_t sn_tensor_values(const struct sn_tensor *t)
{
    return (size_t)sn_tensor_pixels(t) * (size_t)t->ld;
}

void sn_tensor_plan(struct sn_tensor *t, struct sn_arena *a)
{
    t->y = sn_arena_take(a, sn_tensor_values(t), sizeof(sn_real));
    sn_tensor_plan_bn(t, a);
}

void sn_tensor_plan_bn(struct sn_tensor *t, struct sn_arena *a)
{
    const size_t c = (size_t)t->ld, units = (size_t)sn_unit_count(t->n);
    if (!t->bn)
        return;
    struct sn_bn *bn = t->bn;
    bn->s = sn_arena_take(a, c, sizeof(sn_real));
    bn->b = sn_arena_take(a, c, sizeof(sn_real));
    bn->mu = sn_arena_take(a, c, sizeof(sn_real));
    bn->rstd = sn_arena_take(a, c, sizeof(double));
    bn->ps = sn_arena_take(a, c, sizeof(sn_real));
    bn->q = sn_arena_take(a, c, sizeof(sn_real));
    bn->r = sn_arena_take(a, c, sizeof(sn_real));
    bn->shift = sn_arena_take(a, units * c, sizeof(sn_real));
    bn->sum1 = sn_arena_take(a, units * c, sizeof(double));
    bn->sum2 = sn_arena_take(a, units * c, sizeof(double));
}

void sn_tensor_load(const struct sn_kernels *k, const struct sn_tensor *t,
                    ptrdiff_t pixel, ptrdiff_t count, struct sn_rows dst)
{
    const struct sn_bn *bn = t->bn;
    k->load(dst, sn_tensor_rows(t, pixel), bn ? bn->s : NULL, bn ? bn->b : NULL,
            bn ? t->act : SN_ACT_NONE, 1, 0, t->c, count);
}

void sn_tensor_load_grad(const struct sn_kernels *k, const struct sn_tensor *t,
                         ptrdiff_t pixel, ptrdiff_t count, struct sn_rows dst)
{
    const struct sn_rows dz = sn_tensor_grad_rows(t, pixel);
    const struct sn_bn *bn = t->bn;
    if (bn)
        k->bn_bwd(dst, dz, sn_tensor_rows(t, pixel), bn->ps, bn->q, bn->r,
                  bn->mu, t->c, count);
    else
        k->load(dst, dz, NULL, NULL, SN_ACT_NONE, 1, 0, t->c, count);
}

struct sn_rows sn_tensor_view(const struct sn_kernels *k,
                              const struct sn_tensor *t, ptrdiff_t pixel,
                              ptrdiff_t count, sn_real *scratch)
{
    if (sn_tensor_lies(t))
        return sn_tensor_rows(t, pixel);
    const struct sn_rows view = sn_reals(scratch, t->ld);
    sn_tensor_load(k, t, pixel, count, view);
    return view;
}

struct sn_rows sn_tensor_view_grad(const struct sn_kernels *k,
                                   const struct sn_tensor *t, ptrdiff_t pixel,
                                   ptrdiff_t count, sn_real *scratch)
{
    if (sn_tensor_lies(t))
        return sn_tensor_grad_rows(t, pixel);
    const struct sn_rows view = sn_reals(scratch, t->ld);
    sn_tensor_load_grad(k, t, pixel, count, view);
    return view;
}

/* Unit u's slots of the two sums, emptied before its first pixel. */
static void open_sums(const struct sn_tensor *t, int u, ptrdiff_t pixel)
{
    const ptrdiff_t slot = (ptrdiff_t)u * t->ld;
    if (pixel != sn_unit_pixel(t, u))
        return;
    memset(t->bn->sum1 + slot, 0, (size_t)t->c * sizeof(double));
    memset(t->bn->sum2 + slot, 0, (size_t)t->c * sizeof(double));
}

void sn_tensor_wrote(const struct sn_kernels *k, struct sn_tensor *t, int u,
                     ptrdiff_t pixel, ptrdiff_t count, sn_mode mode)
{
    struct sn_bn *bn = t->bn;
    if (!bn || mode == SN_MODE_EVAL)
        return;
    const struct sn_rows y = sn_tensor_rows(t, pixel);
    const ptrdiff_t slot = (ptrdiff_t)u * t->ld;
    open_sums(t, u, pixel);
    if (pixel == sn_unit_pixel(t, u))
        k->load(sn_reals(bn->shift + slot, t->ld), y, NULL, NULL, SN_ACT_NONE,
                1, 0, t->c, 1);
    k->bn_sums(bn->sum1 + slot, bn->sum2 + slot, y, bn->shift + slot, t->c,
               count);
}

/* Channels that the algebra takes at a time, so that it is of vectors. */
enum { CHANNELS = 64 };

/* Mean and sum of squared deviations of a run of values, per channel. */
struct moments {
    double count, mean[CHANNELS], m2[CHANNELS];
};

/* Adds `count` values of the given mean and m2 (Chan's formula). */
static void join(struct moments *a, double count, const double *mean,
                 const double *m2, int channels)
{
    const double total = a->count + count;
    const double share = count / total, weight = a->count * share;
    for (int ic = 0; ic < channels; ic++) {
        const double delta = mean[ic] - a->mean[ic];
        a->mean[ic] += delta * share;
        a->m2[ic] += m2[ic] + delta * delta * weight;
    }
    a->count = total;
}

/* Of channels [first, first + channels). */
static void batch_moments(struct moments *all, const struct sn_tensor *t,
                          int first, int channels)
{
    const struct sn_bn *bn = t->bn;
    double mean[CHANNELS], m2[CHANNELS];
    *all = (struct moments){0};
    for (int u = 0; u < sn_unit_count(t->n); u++) {
        const ptrdiff_t at = (ptrdiff_t)u * t->ld + first;
        const double *sum1 = bn->sum1 + at, *sum2 = bn->sum2 + at;
        const int images = sn_unit_first(t->n, u + 1) - sn_unit_first(t->n, u);
        const double count = (double)images * t->h * t->w;
        for (int ic = 0; ic < channels; ic++) {
            const double off = sum1[ic] / count;
            mean[ic] = (double)bn->shift[at + ic] + off;
            m2[ic] = sum2[ic] - sum1[ic] * off;
        }
        join(all, count, mean, m2, channels);
    }
}

static void join_population(const struct sn_bn_view *v, int first,
                            const struct moments *batch, int channels)
{
    struct moments all = {.count = v->count[0]};
    for (int ic = 0; ic < channels; ic++) {
        all.mean[ic] = v->mean[first + ic];
        all.m2[ic] = v->m2[first + ic];
    }
    join(&all, batch->count, batch->mean, batch->m2, channels);
    for (int ic = 0; ic < channels; ic++) {
        v->mean[first + ic] = all.mean[ic];
        v->m2[first + ic] = all.m2[ic];
    }
}

static void population_moments(struct moments *m, const struct sn_bn_view *v,
                               int first, int channels)
{
    m->count = v->count[0];
    for (int ic = 0; ic < channels; ic++) {
        m->mean[ic] = v->mean[first + ic];
        m->m2[ic] = v->m2[first + ic];
    }
}

/* The pending affine that the moments make. */
static void set_affine(struct sn_bn *bn, const struct moments *m, int first,
                       int channels)
{
    const struct sn_bn_view *v = &bn->view;
    for (int i = 0; i < channels; i++) {
        const int ic = first + i;
        const double var = m->m2[i] > 0 ? m->m2[i] / m->count : 0;
        bn->rstd[ic] = 1.0 / sqrt(var + SN_BN_EPS);
        const double s = (double)v->gamma[ic] * bn->rstd[ic];
        bn->mu[ic] = (sn_real)m->mean[i];
        bn->s[ic] = (sn_real)s;
        bn->b[ic] = (sn_real)((double)v->beta[ic] - m->mean[i] * s);
    }
}

void sn_tensor_written(struct sn_tensor *t, sn_mode mode)
{
    struct sn_bn *bn = t->bn;
    if (!bn)
        return;
    struct moments m = {0};
    for (int first = 0; first < t->c; first += CHANNELS) {
        const int channels = t->c - first < CHANNELS ? t->c - first : CHANNELS;
        if (mode == SN_MODE_EVAL)
            population_moments(&m, &bn->view, first, channels);
        else
            batch_moments(&m, t, first, channels);
        if (mode == SN_MODE_CALIBRATE)
            join_population(&bn->view, first, &m, channels);
        set_affine(bn, &m, first, channels);
    }
    if (mode == SN_MODE_CALIBRATE && !bn->more)
        bn->view.count[0] += m.count;
}

void sn_tensor_added(const struct sn_kernels *k, struct sn_tensor *t, int u,
                     ptrdiff_t pixel, ptrdiff_t count)
{
    struct sn_bn *bn = t->bn;
    if (!bn || t->grads_seen + 1 < t->readers)
        return;
    const ptrdiff_t slot = (ptrdiff_t)u * t->ld;
    open_sums(t, u, pixel);
    k->act_bwd(sn_tensor_grad_rows(t, pixel), sn_tensor_rows(t, pixel), bn->s,
               bn->b, bn->mu, t->act, bn->sum1 + slot, bn->sum2 + slot, t->c,
               count);
}

/* What the backward of batch-norm needs of its two sums, and the gradients of
 * scale and shift. */
static void set_backward(struct sn_tensor *t, int first, int channels)
{
    struct sn_bn *bn = t->bn;
    const double count = (double)sn_tensor_pixels(t);
    double b1[CHANNELS] = {0}, b2[CHANNELS] = {0};
    for (int u = 0; u < sn_unit_count(t->n); u++) {
        const ptrdiff_t at = (ptrdiff_t)u * t->ld + first;
        for (int i = 0; i < channels; i++) {
            b1[i] += bn->sum1[at + i];
            b2[i] += bn->sum2[at + i];
        }
    }
    for (int i = 0; i < channels; i++) {
        const int ic = first + i;
        const double rstd = bn->rstd[ic], s = (double)bn->s[ic];
        bn->view.dbeta[ic] += (sn_real)b1[i];
        bn->view.dgamma[ic] += (sn_real)(rstd * b2[i]);
        bn->ps[ic] = (sn_real)s;
        bn->q[ic] = (sn_real)(-s * rstd * rstd * b2[i] / count);
        bn->r[ic] = (sn_real)(-s * b1[i] / count);
    }
}

void sn_tensor_grad_added(struct sn_tensor *t)
{
    if (!t->wants_grad)
        return;
    t->grads_seen++;
    SN_CHECK(t->grads_seen <= t->readers);
    struct sn_bn *bn = t->bn;
    if (!bn || t->grads_seen < t->readers)
        return;
    for (int first = 0; first < t->c; first += CHANNELS)
        set_backward(t, first,
                     t->c - first < CHANNELS ? t->c - first : CHANNELS);
}
