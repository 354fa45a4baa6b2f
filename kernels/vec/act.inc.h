/* The loader and its inner product; their meaning is in ref/act.c.
 *
 * The loader is the first to touch what lies in memory: it walks along a few
 * pixels at a time, so that memory is read in its order, and reads the affine
 * again from the first-level cache.  The product meets warm values; a group of
 * channel vectors keeps affine and sums in registers over a block of rows.
 *
 * All activations but h-swish are a clamp of z between
 * two bounds, infinite where there is none; v_min and v_max take z second, so
 * that a NaN passes through. */
#include "kernels/kernels_internal.h"

#include <math.h>

#include "kernels/vec/vec.h"

struct load_job {
    float *dst;
    const float *dy, *src; /* load has no dy, load_dot no dst */
    ptrdiff_t dst_p, dy_p, src_p;
    const float *s, *b;
    float lo, hi, gain;
    int c;
    ptrdiff_t p;
};

V_INLINE void set_clamp(struct load_job *j, sn_act act)
{
    j->lo = act == SN_ACT_NONE ? -INFINITY : 0.0f;
    j->hi = act == SN_ACT_RELU6 ? 6.0f : INFINITY;
}

V_INLINE v_f32 activate(const struct load_job *j, v_f32 z, const int hswish)
{
    if (hswish) {
        const v_f32 t = v_max(v_zero(), v_add(z, v_set(3.0f)));
        return v_mul(z, v_mul(v_min(v_set(6.0f), t), v_set(1.0f / 6.0f)));
    }
    return v_min(v_set(j->hi), v_max(v_set(j->lo), z));
}

/* The affine of nv channel vectors from channel ic on; none is 1*x + 0. */
V_INLINE void get_affine(v_f32 *s, v_f32 *b, const struct load_job *j, int ic,
                         const int nv, const int full, v_mask m)
{
    V_UNROLL
    for (int iv = 0; iv < nv; iv++) {
        const int at = ic + iv * V_WIDTH;
        s[iv] = j->s ? v_get(j->s + at, m, full) : v_set(1.0f);
        b[iv] = j->s ? v_get(j->b + at, m, full) : v_zero();
    }
}

/* One vector of channels of `rows` pixels. */
V_INLINE void load_vector(const struct load_job *j, float *dst,
                          const float *src, int ic, const int rows,
                          const int full, const int hswish, const int add)
{
    const v_mask m = v_tail(full ? 0 : j->c - ic);
    v_f32 s, b;

    get_affine(&s, &b, j, ic, 1, full, m);
    V_UNROLL
    for (int ip = 0; ip < rows; ip++) {
        float *to = dst + ip * j->dst_p + ic;
        v_soon(src + ip * j->src_p + ic + V_AHEAD);
        const v_f32 z = v_fma(s, v_get(src + ip * j->src_p + ic, m, full), b);
        const v_f32 old = add ? v_get(to, m, full) : v_zero();
        v_put(to, v_fma(v_set(j->gain), activate(j, z, hswish), old), m, full);
    }
}

V_INLINE void load_rows(const struct load_job *j, ptrdiff_t first,
                        const int rows, const int hswish, const int add)
{
    const float *src = j->src + first * j->src_p;
    float *dst = j->dst + first * j->dst_p;
    int ic = 0;

    for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
        load_vector(j, dst, src, ic, rows, 1, hswish, add);
    if (ic < j->c)
        load_vector(j, dst, src, ic, rows, 0, hswish, add);
}

V_INLINE void load_all(const struct load_job *j, const int hswish,
                       const int add)
{
    ptrdiff_t ip = 0;
    for (; j->p - ip >= V_TALL; ip += V_TALL)
        load_rows(j, ip, V_TALL, hswish, add);
    for (; ip < j->p; ip++)
        load_rows(j, ip, 1, hswish, add);
}

static void V_NAME(load)(float *dst, ptrdiff_t dst_p, const float *src,
                         ptrdiff_t src_p, const float *s, const float *b,
                         sn_act act, float gain, int add, int c, ptrdiff_t p)
{
    struct load_job j = {.dst = dst,
                         .dst_p = dst_p,
                         .src = src,
                         .src_p = src_p,
                         .s = s,
                         .b = b,
                         .gain = gain,
                         .c = c,
                         .p = p};
    set_clamp(&j, act);
    if (act == SN_ACT_HSWISH && add)
        load_all(&j, 1, 1);
    else if (act == SN_ACT_HSWISH)
        load_all(&j, 1, 0);
    else if (add)
        load_all(&j, 0, 1);
    else
        load_all(&j, 0, 0);
}

/* Sums in float over the rows of one block, then over its lanes in double. */
V_INLINE double dot_block(const struct load_job *j, ptrdiff_t first,
                          ptrdiff_t rows, int ic, const int nv, const int full,
                          const int hswish)
{
    const v_mask m = v_tail(full ? 0 : j->c - ic);
    const float *src = j->src + first * j->src_p + ic;
    const float *dy = j->dy + first * j->dy_p + ic;
    v_f32 s[V_GROUP], b[V_GROUP], acc[V_GROUP];
    double sum = 0.0;

    get_affine(s, b, j, ic, nv, full, m);
    V_UNROLL
    for (int iv = 0; iv < nv; iv++)
        acc[iv] = v_zero();
    for (ptrdiff_t ip = 0; ip < rows; ip++, dy += j->dy_p, src += j->src_p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++) {
            const int at = iv * V_WIDTH;
            const v_f32 z = v_fma(s[iv], v_get(src + at, m, full), b[iv]);
            const v_f32 d = v_get(dy + at, m, full);
            acc[iv] = v_fma(d, activate(j, z, hswish), acc[iv]);
        }
    }
    V_UNROLL
    for (int iv = 0; iv < nv; iv++)
        sum += v_total(acc[iv]);
    return sum;
}

V_INLINE double dot_all(const struct load_job *j, const int hswish)
{
    double sum = 0.0;
    for (ptrdiff_t first = 0; first < j->p; first += V_ROWS) {
        const ptrdiff_t rows = v_rows(j->p - first);
        int ic = 0;
        for (; j->c - ic >= V_GROUP * V_WIDTH; ic += V_GROUP * V_WIDTH)
            sum += dot_block(j, first, rows, ic, V_GROUP, 1, hswish);
        for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
            sum += dot_block(j, first, rows, ic, 1, 1, hswish);
        if (ic < j->c)
            sum += dot_block(j, first, rows, ic, 1, 0, hswish);
    }
    return sum;
}

static double V_NAME(load_dot)(const float *dy, ptrdiff_t dy_p,
                               const float *src, ptrdiff_t src_p,
                               const float *s, const float *b, sn_act act,
                               int c, ptrdiff_t p)
{
    struct load_job j = {.dy = dy,
                         .dy_p = dy_p,
                         .src = src,
                         .src_p = src_p,
                         .s = s,
                         .b = b,
                         .c = c,
                         .p = p};
    set_clamp(&j, act);
    return act == SN_ACT_HSWISH ? dot_all(&j, 1) : dot_all(&j, 0);
}

void V_NAME(sn_act_fill)(struct sn_kernels *k)
{
    k->load = V_NAME(load);
    k->load_dot = V_NAME(load_dot);
}
