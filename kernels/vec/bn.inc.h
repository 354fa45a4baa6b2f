/* Batch-norm: the sums of the forward pass and the two halves of the backward
 * pass; their meaning is in ref/bn.c.
 *
 * A group of channel vectors keeps its parameters and sums in registers, walks
 * over a block of rows in float and then adds to the sums in double. */
#include "kernels/kernels_internal.h"

#include <math.h>

#include "kernels/vec/vec.h"

/* A group of nv channel vectors from ic on, of `rows` pixels from `first` on.
 */
V_INLINE void sums_block(double *s1, double *s2, struct sn_rows y,
                         ptrdiff_t first, ptrdiff_t rows, const float *shift,
                         int ic, int lanes, const int nv, const int full,
                         const sn_form form)
{
    const v_mask m = v_tail(full ? 0 : lanes);
    v_f32 k[V_GROUP], a1[V_GROUP], a2[V_GROUP];
    ptrdiff_t at = first * y.p + ic;

    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        k[iv] = v_get(shift + ic + iv * V_WIDTH, m, full);
        a1[iv] = a2[iv] = v_zero();
    }
    for (ptrdiff_t ip = 0; ip < rows; ip++, at += y.p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++) {
            const v_f32 v = v_fetch(y.at, at + iv * V_WIDTH, m, full, form);
            const v_f32 d = v_sub(v, k[iv]);
            a1[iv] = v_add(a1[iv], d);
            a2[iv] = v_fma(d, d, a2[iv]);
        }
    }
    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        v_accumulate(s1 + ic + iv * V_WIDTH, a1[iv], lanes);
        v_accumulate(s2 + ic + iv * V_WIDTH, a2[iv], lanes);
    }
}

V_INLINE void sums_all(double *s1, double *s2, struct sn_rows y,
                       const float *shift, int c, ptrdiff_t p,
                       const sn_form form)
{
    for (ptrdiff_t first = 0; first < p; first += V_ROWS) {
        const ptrdiff_t rows = v_rows(p - first);
        int ic = 0;
        for (; c - ic >= V_GROUP * V_WIDTH; ic += V_GROUP * V_WIDTH)
            sums_block(s1, s2, y, first, rows, shift, ic, V_WIDTH, V_GROUP, 1,
                       form);
        for (; c - ic >= V_WIDTH; ic += V_WIDTH)
            sums_block(s1, s2, y, first, rows, shift, ic, V_WIDTH, 1, 1, form);
        if (ic < c)
            sums_block(s1, s2, y, first, rows, shift, ic, c - ic, 1, 0, form);
    }
}

static void V_NAME(bn_sums)(double *s1, double *s2, struct sn_rows y,
                            const float *shift, int c, ptrdiff_t p)
{
    if (y.form == SN_REAL)
        sums_all(s1, s2, y, shift, c, p, SN_REAL);
    else
        sums_all(s1, s2, y, shift, c, p, SN_BF16);
}

struct act_bwd_job {
    struct sn_rows dz, y;
    const float *s, *b, *mu;
    float lo, hi; /* the slope is 1 between them */
    double *b1, *b2;
    int c;
    ptrdiff_t p;
};

enum slope { SLOPE_ONE, SLOPE_STEP, SLOPE_HSWISH };

/* dz * act'(z) */
V_INLINE v_f32 times_slope(const struct act_bwd_job *j, v_f32 dz, v_f32 z,
                           const enum slope slope)
{
    const v_f32 lo = v_set(j->lo), hi = v_set(j->hi);
    v_f32 inside = dz, above = v_zero();

    if (slope == SLOPE_ONE)
        return dz;
    if (slope == SLOPE_HSWISH) {
        const v_f32 line = v_fma(z, v_set(1.0f / 3.0f), v_set(0.5f));
        inside = v_mul(dz, line);
        above = dz;
    }
    inside = v_select(v_less(z, hi), inside, above);
    return v_select(v_less(lo, z), inside, v_zero());
}

V_INLINE void act_bwd_block(const struct act_bwd_job *j, ptrdiff_t first,
                            ptrdiff_t rows, int ic, const int nv,
                            const int full, const enum slope slope,
                            const sn_form form)
{
    const int lanes = full ? V_WIDTH : j->c - ic;
    const v_mask m = v_tail(full ? 0 : lanes);
    ptrdiff_t y = first * j->y.p + ic, dz = first * j->dz.p + ic;
    v_f32 s[V_GROUP], b[V_GROUP], mu[V_GROUP], a1[V_GROUP], a2[V_GROUP];

    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        const int at = ic + iv * V_WIDTH;
        s[iv] = v_get(j->s + at, m, full);
        b[iv] = v_get(j->b + at, m, full);
        mu[iv] = v_get(j->mu + at, m, full);
        a1[iv] = a2[iv] = v_zero();
    }
    for (ptrdiff_t ip = 0; ip < rows; ip++, dz += j->dz.p, y += j->y.p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++) {
            const ptrdiff_t at = dz + iv * V_WIDTH;
            const v_f32 v = v_fetch(j->y.at, y + iv * V_WIDTH, m, full, form);
            const v_f32 z = v_fma(s[iv], v, b[iv]);
            v_f32 d = v_fetch(j->dz.at, at, m, full, form);
            d = times_slope(j, d, z, slope);
            if (slope != SLOPE_ONE)
                v_store(j->dz.at, at, d, m, full, form);
            a1[iv] = v_add(a1[iv], d);
            a2[iv] = v_fma(d, v_sub(v, mu[iv]), a2[iv]);
        }
    }
    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        v_accumulate(j->b1 + ic + iv * V_WIDTH, a1[iv], lanes);
        v_accumulate(j->b2 + ic + iv * V_WIDTH, a2[iv], lanes);
    }
}

V_INLINE void act_bwd_all(const struct act_bwd_job *j, const enum slope slope,
                          const sn_form form)
{
    for (ptrdiff_t first = 0; first < j->p; first += V_ROWS) {
        const ptrdiff_t rows = v_rows(j->p - first);
        int ic = 0;
        for (; j->c - ic >= V_GROUP * V_WIDTH; ic += V_GROUP * V_WIDTH)
            act_bwd_block(j, first, rows, ic, V_GROUP, 1, slope, form);
        for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
            act_bwd_block(j, first, rows, ic, 1, 1, slope, form);
        if (ic < j->c)
            act_bwd_block(j, first, rows, ic, 1, 0, slope, form);
    }
}

V_INLINE void act_bwd_form(struct act_bwd_job *j, sn_act act,
                           const sn_form form)
{
    switch (act) {
    case SN_ACT_NONE:
        act_bwd_all(j, SLOPE_ONE, form);
        break;
    case SN_ACT_RELU:
    case SN_ACT_RELU6:
        j->hi = act == SN_ACT_RELU6 ? 6.0f : INFINITY;
        act_bwd_all(j, SLOPE_STEP, form);
        break;
    case SN_ACT_HSWISH:
        j->lo = -3.0f;
        j->hi = 3.0f;
        act_bwd_all(j, SLOPE_HSWISH, form);
        break;
    }
}

static void V_NAME(act_bwd)(struct sn_rows dz, struct sn_rows y, const float *s,
                            const float *b, const float *mu, sn_act act,
                            double *b1, double *b2, int c, ptrdiff_t p)
{
    struct act_bwd_job j = {.dz = dz,
                            .y = y,
                            .s = s,
                            .b = b,
                            .mu = mu,
                            .b1 = b1,
                            .b2 = b2,
                            .c = c,
                            .p = p};
    if (y.form == SN_REAL)
        act_bwd_form(&j, act, SN_REAL);
    else
        act_bwd_form(&j, act, SN_BF16);
}

struct bn_bwd_job {
    struct sn_rows dy, dz, y;
    const float *ps, *q, *r, *mu;
    int c;
    ptrdiff_t p;
};

/* One vector of channels of `rows` pixels. */
V_INLINE void bn_bwd_vector(const struct bn_bwd_job *j, ptrdiff_t first, int ic,
                            const int rows, const int full, const sn_form in,
                            const sn_form out)
{
    const int lanes = full ? 0 : j->c - ic;
    const v_mask m = v_tail(lanes);
    const ptrdiff_t size = in == SN_REAL ? sizeof(float) : sizeof(sn_bf16);
    const v_f32 ps = v_get(j->ps + ic, m, full);
    const v_f32 q = v_get(j->q + ic, m, full);
    const v_f32 r = v_get(j->r + ic, m, full);
    const v_f32 mu = v_get(j->mu + ic, m, full);
    v_f32 got[V_TALL];

    V_UNROLL
    for (int ip = 0; ip < rows; ip++) {
        const ptrdiff_t y_at = (first + ip) * j->y.p + ic;
        const ptrdiff_t dz_at = (first + ip) * j->dz.p + ic;
        v_soon((const char *)j->y.at + (y_at + V_AHEAD) * size);
        v_soon((const char *)j->dz.at + (dz_at + V_AHEAD) * size);
        const v_f32 y = v_fetch(j->y.at, y_at, m, full, in);
        const v_f32 d = v_fetch(j->dz.at, dz_at, m, full, in);
        got[ip] = v_fma(q, v_sub(y, mu), v_fma(ps, d, r));
    }
    v_store_tall(j->dy, first, ic, got, rows, v_stored(lanes, out), full, out);
}

V_INLINE void bn_bwd_rows(const struct bn_bwd_job *j, ptrdiff_t first,
                          const int rows, const sn_form in, const sn_form out)
{
    int ic = 0;
    for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
        bn_bwd_vector(j, first, ic, rows, 1, in, out);
    if (ic < j->c)
        bn_bwd_vector(j, first, ic, rows, 0, in, out);
}

V_INLINE void bn_bwd_all(const struct bn_bwd_job *j, const sn_form in,
                         const sn_form out)
{
    ptrdiff_t ip = 0;
    for (; j->p - ip >= V_TALL; ip += V_TALL)
        bn_bwd_rows(j, ip, V_TALL, in, out);
    for (; j->p - ip >= 2; ip += 2)
        bn_bwd_rows(j, ip, 2, in, out);
    if (ip < j->p)
        bn_bwd_rows(j, ip, 1, in, out);
}

V_INLINE void bn_bwd_form(const struct bn_bwd_job *j, const sn_form in)
{
    switch (j->dy.form) {
    case SN_REAL:
        bn_bwd_all(j, in, SN_REAL);
        break;
    case SN_BF16:
        bn_bwd_all(j, in, SN_BF16);
        break;
    case SN_PAIRS:
        bn_bwd_all(j, in, SN_PAIRS);
        break;
    }
}

static void V_NAME(bn_bwd)(struct sn_rows dy, struct sn_rows dz,
                           struct sn_rows y, const float *ps, const float *q,
                           const float *r, const float *mu, int c, ptrdiff_t p)
{
    const struct bn_bwd_job j = {.dy = dy,
                                 .dz = dz,
                                 .y = y,
                                 .ps = ps,
                                 .q = q,
                                 .r = r,
                                 .mu = mu,
                                 .c = c,
                                 .p = p};
    if (y.form == SN_REAL)
        bn_bwd_form(&j, SN_REAL);
    else
        bn_bwd_form(&j, SN_BF16);
}

void V_NAME(sn_bn_fill)(struct sn_kernels *k)
{
    k->bn_sums = V_NAME(bn_sums);
    k->act_bwd = V_NAME(act_bwd);
    k->bn_bwd = V_NAME(bn_bwd);
}
