/* Batch-norm: the sums of the forward pass and the two halves of the backward
 * pass; their meaning is in ref/bn.c.
 *
 * A group of channel vectors keeps its parameters and sums in registers, walks
 * over a block of rows in float and then adds to the sums in double. */
#include "kernels/kernels_internal.h"

#include <math.h>

#include "kernels/vec/vec.h"

V_INLINE void sums_block(double *s1, double *s2, const float *y, ptrdiff_t y_p,
                         const float *shift, ptrdiff_t rows, int lanes,
                         const int nv, const int full)
{
    const v_mask m = v_tail(full ? 0 : lanes);
    v_f32 k[V_GROUP], a1[V_GROUP], a2[V_GROUP];

    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        k[iv] = v_get(shift + iv * V_WIDTH, m, full);
        a1[iv] = a2[iv] = v_zero();
    }
    for (ptrdiff_t ip = 0; ip < rows; ip++, y += y_p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++) {
            const v_f32 d = v_sub(v_get(y + iv * V_WIDTH, m, full), k[iv]);
            a1[iv] = v_add(a1[iv], d);
            a2[iv] = v_fma(d, d, a2[iv]);
        }
    }
    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        v_accumulate(s1 + iv * V_WIDTH, a1[iv], lanes);
        v_accumulate(s2 + iv * V_WIDTH, a2[iv], lanes);
    }
}

static void V_NAME(bn_sums)(double *s1, double *s2, const float *y,
                            ptrdiff_t y_p, const float *shift, int c,
                            ptrdiff_t p)
{
    for (ptrdiff_t first = 0; first < p; first += V_ROWS, y += V_ROWS * y_p) {
        const ptrdiff_t rows = v_rows(p - first);
        int ic = 0;
        for (; c - ic >= V_GROUP * V_WIDTH; ic += V_GROUP * V_WIDTH)
            sums_block(s1 + ic, s2 + ic, y + ic, y_p, shift + ic, rows, V_WIDTH,
                       V_GROUP, 1);
        for (; c - ic >= V_WIDTH; ic += V_WIDTH)
            sums_block(s1 + ic, s2 + ic, y + ic, y_p, shift + ic, rows, V_WIDTH,
                       1, 1);
        if (ic < c)
            sums_block(s1 + ic, s2 + ic, y + ic, y_p, shift + ic, rows, c - ic,
                       1, 0);
    }
}

struct act_bwd_job {
    float *dz;
    const float *y, *s, *b, *mu;
    ptrdiff_t dz_p, y_p;
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
                            const int full, const enum slope slope)
{
    const int lanes = full ? V_WIDTH : j->c - ic;
    const v_mask m = v_tail(full ? 0 : lanes);
    const float *y = j->y + first * j->y_p + ic;
    float *dz = j->dz + first * j->dz_p + ic;
    v_f32 s[V_GROUP], b[V_GROUP], mu[V_GROUP], a1[V_GROUP], a2[V_GROUP];

    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        const int at = ic + iv * V_WIDTH;
        s[iv] = v_get(j->s + at, m, full);
        b[iv] = v_get(j->b + at, m, full);
        mu[iv] = v_get(j->mu + at, m, full);
        a1[iv] = a2[iv] = v_zero();
    }
    for (ptrdiff_t ip = 0; ip < rows; ip++, dz += j->dz_p, y += j->y_p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++) {
            const v_f32 v = v_get(y + iv * V_WIDTH, m, full);
            const v_f32 z = v_fma(s[iv], v, b[iv]);
            v_f32 d = v_get(dz + iv * V_WIDTH, m, full);
            d = times_slope(j, d, z, slope);
            if (slope != SLOPE_ONE)
                v_put(dz + iv * V_WIDTH, d, m, full);
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

V_INLINE void act_bwd_all(const struct act_bwd_job *j, const enum slope slope)
{
    for (ptrdiff_t first = 0; first < j->p; first += V_ROWS) {
        const ptrdiff_t rows = v_rows(j->p - first);
        int ic = 0;
        for (; j->c - ic >= V_GROUP * V_WIDTH; ic += V_GROUP * V_WIDTH)
            act_bwd_block(j, first, rows, ic, V_GROUP, 1, slope);
        for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
            act_bwd_block(j, first, rows, ic, 1, 1, slope);
        if (ic < j->c)
            act_bwd_block(j, first, rows, ic, 1, 0, slope);
    }
}

static void V_NAME(act_bwd)(float *dz, ptrdiff_t dz_p, const float *y,
                            ptrdiff_t y_p, const float *s, const float *b,
                            const float *mu, sn_act act, double *b1, double *b2,
                            int c, ptrdiff_t p)
{
    struct act_bwd_job j = {.dz = dz,
                            .y = y,
                            .s = s,
                            .b = b,
                            .mu = mu,
                            .dz_p = dz_p,
                            .y_p = y_p,
                            .b1 = b1,
                            .b2 = b2,
                            .c = c,
                            .p = p};
    switch (act) {
    case SN_ACT_NONE:
        act_bwd_all(&j, SLOPE_ONE);
        break;
    case SN_ACT_RELU:
    case SN_ACT_RELU6:
        j.hi = act == SN_ACT_RELU6 ? 6.0f : INFINITY;
        act_bwd_all(&j, SLOPE_STEP);
        break;
    case SN_ACT_HSWISH:
        j.lo = -3.0f;
        j.hi = 3.0f;
        act_bwd_all(&j, SLOPE_HSWISH);
        break;
    }
}

struct bn_bwd_job {
    float *dy;
    const float *dz, *y, *ps, *q, *r, *mu;
    ptrdiff_t dy_p, dz_p, y_p;
    int c;
    ptrdiff_t p;
};

/* One vector of channels of `rows` pixels. */
V_INLINE void bn_bwd_vector(const struct bn_bwd_job *j, ptrdiff_t first, int ic,
                            const int rows, const int full)
{
    const v_mask m = v_tail(full ? 0 : j->c - ic);
    const v_f32 ps = v_get(j->ps + ic, m, full);
    const v_f32 q = v_get(j->q + ic, m, full);
    const v_f32 r = v_get(j->r + ic, m, full);
    const v_f32 mu = v_get(j->mu + ic, m, full);

    V_UNROLL
    for (int ip = 0; ip < rows; ip++) {
        const ptrdiff_t at = first + ip;
        v_soon(j->y + at * j->y_p + ic + V_AHEAD);
        v_soon(j->dz + at * j->dz_p + ic + V_AHEAD);
        const v_f32 y = v_get(j->y + at * j->y_p + ic, m, full);
        const v_f32 d = v_get(j->dz + at * j->dz_p + ic, m, full);
        const v_f32 sum = v_fma(q, v_sub(y, mu), v_fma(ps, d, r));
        v_put(j->dy + at * j->dy_p + ic, sum, m, full);
    }
}

V_INLINE void bn_bwd_rows(const struct bn_bwd_job *j, ptrdiff_t first,
                          const int rows)
{
    int ic = 0;
    for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
        bn_bwd_vector(j, first, ic, rows, 1);
    if (ic < j->c)
        bn_bwd_vector(j, first, ic, rows, 0);
}

static void V_NAME(bn_bwd)(float *dy, ptrdiff_t dy_p, const float *dz,
                           ptrdiff_t dz_p, const float *y, ptrdiff_t y_p,
                           const float *ps, const float *q, const float *r,
                           const float *mu, int c, ptrdiff_t p)
{
    const struct bn_bwd_job j = {.dy = dy,
                                 .dz = dz,
                                 .y = y,
                                 .ps = ps,
                                 .q = q,
                                 .r = r,
                                 .mu = mu,
                                 .dy_p = dy_p,
                                 .dz_p = dz_p,
                                 .y_p = y_p,
                                 .c = c,
                                 .p = p};
    ptrdiff_t ip = 0;
    for (; p - ip >= V_TALL; ip += V_TALL)
        bn_bwd_rows(&j, ip, V_TALL);
    for (; ip < p; ip++)
        bn_bwd_rows(&j, ip, 1);
}

void V_NAME(sn_bn_fill)(struct sn_kernels *k)
{
    k->bn_sums = V_NAME(bn_sums);
    k->act_bwd = V_NAME(act_bwd);
    k->bn_bwd = V_NAME(bn_bwd);
}
