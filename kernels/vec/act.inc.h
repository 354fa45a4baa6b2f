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
    struct sn_rows dst, src; /* load */
    const float *dy, *x;     /* load_dot */
    ptrdiff_t dy_p, x_p;
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

/* How a loader reads, writes and computes. */
struct load_kind {
    sn_form in, out;
    int hswish, add;
};

/* One vector of channels of `rows` pixels. */
V_INLINE void load_vector(const struct load_job *j, ptrdiff_t first, int ic,
                          const int rows, const int full,
                          const struct load_kind kind)
{
    const int lanes = full ? 0 : j->c - ic;
    const v_mask m = v_tail(lanes);
    const size_t size = kind.in == SN_REAL ? sizeof(float) : sizeof(sn_bf16);
    v_f32 s, b, got[V_TALL];

    get_affine(&s, &b, j, ic, 1, full, m);
    V_UNROLL
    for (int ip = 0; ip < rows; ip++) {
        const ptrdiff_t from = (first + ip) * j->src.p + ic;
        v_soon((const char *)j->src.at + (from + V_AHEAD) * (ptrdiff_t)size);
        const v_f32 v = v_fetch(j->src.at, from, m, full, kind.in);
        const v_f32 a = activate(j, v_fma(s, v, b), kind.hswish);
        const v_f32 old = kind.add
                              ? v_fetch(j->dst.at, (first + ip) * j->dst.p + ic,
                                        m, full, SN_REAL)
                              : v_zero();
        got[ip] = v_fma(v_set(j->gain), a, old);
    }
    v_store_tall(j->dst, first, ic, got, rows, v_stored(lanes, kind.out), full,
                 kind.out);
}

V_INLINE void load_rows(const struct load_job *j, ptrdiff_t first,
                        const int rows, const struct load_kind kind)
{
    int ic = 0;
    for (; j->c - ic >= V_WIDTH; ic += V_WIDTH)
        load_vector(j, first, ic, rows, 1, kind);
    if (ic < j->c)
        load_vector(j, first, ic, rows, 0, kind);
}

V_INLINE void load_all(const struct load_job *j, const struct load_kind kind)
{
    ptrdiff_t ip = 0;
    for (; j->p - ip >= V_TALL; ip += V_TALL)
        load_rows(j, ip, V_TALL, kind);
    for (; j->p - ip >= 2; ip += 2)
        load_rows(j, ip, 2, kind);
    if (ip < j->p)
        load_rows(j, ip, 1, kind);
}

typedef void loader(const struct load_job *j);

#define LOADER(name, in, out, hswish, add)                                     \
    static void name(const struct load_job *j)                                 \
    {                                                                          \
        load_all(j, (struct load_kind){in, out, hswish, add});                 \
    }
#define LOADERS(name, in, out)                                                 \
    LOADER(name##_clamp, in, out, 0, 0)                                        \
    LOADER(name##_hswish, in, out, 1, 0)

LOADERS(load_reals, SN_REAL, SN_REAL)
LOADERS(load_to_bf16, SN_REAL, SN_BF16)
LOADERS(load_to_pairs, SN_REAL, SN_PAIRS)
LOADERS(load_from_bf16, SN_BF16, SN_REAL)
LOADERS(load_bf16, SN_BF16, SN_BF16)
LOADERS(load_pairs, SN_BF16, SN_PAIRS)
LOADER(add_clamp, SN_REAL, SN_REAL, 0, 1)
LOADER(add_hswish, SN_REAL, SN_REAL, 1, 1)

static void V_NAME(load)(struct sn_rows dst, struct sn_rows src, const float *s,
                         const float *b, sn_act act, float gain, int add, int c,
                         ptrdiff_t p)
{
    static loader *const loaders[2][3][2] = {
        [SN_REAL] = {[SN_REAL] = {load_reals_clamp, load_reals_hswish},
                     [SN_BF16] = {load_to_bf16_clamp, load_to_bf16_hswish},
                     [SN_PAIRS] = {load_to_pairs_clamp, load_to_pairs_hswish}},
        [SN_BF16] = {[SN_REAL] = {load_from_bf16_clamp, load_from_bf16_hswish},
                     [SN_BF16] = {load_bf16_clamp, load_bf16_hswish},
                     [SN_PAIRS] = {load_pairs_clamp, load_pairs_hswish}}};
    const int hswish = act == SN_ACT_HSWISH;
    struct load_job j = {
        .dst = dst, .src = src, .s = s, .b = b, .gain = gain, .c = c, .p = p};
    set_clamp(&j, act);
    if (add)
        (hswish ? add_hswish : add_clamp)(&j);
    else
        loaders[src.form][dst.form][hswish](&j);
}

/* Sums in float over the rows of one block, then over its lanes in double. */
V_INLINE double dot_block(const struct load_job *j, ptrdiff_t first,
                          ptrdiff_t rows, int ic, const int nv, const int full,
                          const int hswish)
{
    const v_mask m = v_tail(full ? 0 : j->c - ic);
    const float *x = j->x + first * j->x_p + ic;
    const float *dy = j->dy + first * j->dy_p + ic;
    v_f32 s[V_GROUP], b[V_GROUP], acc[V_GROUP];
    double sum = 0.0;

    get_affine(s, b, j, ic, nv, full, m);
    V_UNROLL
    for (int iv = 0; iv < nv; iv++)
        acc[iv] = v_zero();
    for (ptrdiff_t ip = 0; ip < rows; ip++, dy += j->dy_p, x += j->x_p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++) {
            const int at = iv * V_WIDTH;
            const v_f32 z = v_fma(s[iv], v_get(x + at, m, full), b[iv]);
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
                         .x = src,
                         .x_p = src_p,
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
