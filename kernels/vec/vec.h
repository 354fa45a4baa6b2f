#ifndef SN_VEC_H
#define SN_VEC_H

/* A vector of floats at the width of the instruction set that this file is
 * compiled for: the one place that knows intrinsics.  The bodies beside it
 * (*.inc.h) are written once in these words and compiled in avx2/ and avx512/.
 *
 * Ragged tails: `v_tail(n)` selects the first n lanes.  A body is an inline
 * function with a constant parameter `full`, called once with 1 for whole
 * vectors and once with 0 for the last, partial one; v_get and v_put then read
 * and write nothing beyond the selected lanes, and read 0 there.
 *
 * Bodies multiply and add through v_fma alone, never by v_mul followed by
 * v_add: under -ffp-contract=fast the compiler may fuse such a pair in one copy
 * of a body and not in another, and a value would depend on which copy, that
 * is on its place in a row, computed it. */

#include <immintrin.h>

#define V_INLINE static inline __attribute__((always_inline))

/* Before a loop of constant length: its arrays become registers. */
#define V_UNROLL _Pragma("GCC unroll 32")

#if defined __AVX512F__

#    define V_NAME(op) op##_avx512
enum {
    V_WIDTH = 16,
    V_GROUP = 4, /* channel vectors that share one walk over the rows */
    V_MR = 8,    /* pixels of a product's tile */
    V_REGISTERS = 32
};
#    define V_NR 3 /* channel vectors of a product's tile */
typedef __m512 v_f32;
typedef __mmask16 v_mask;

V_INLINE v_mask v_tail(int n)
{
    return (v_mask)((1u << n) - 1u);
}

V_INLINE v_f32 v_set(float x)
{
    return _mm512_set1_ps(x);
}

V_INLINE v_f32 v_get(const float *p, v_mask m, int full)
{
    return full ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(m, p);
}

V_INLINE void v_put(float *p, v_f32 a, v_mask m, int full)
{
    if (full)
        _mm512_storeu_ps(p, a);
    else
        _mm512_mask_storeu_ps(p, m, a);
}

V_INLINE v_f32 v_add(v_f32 a, v_f32 b)
{
    return _mm512_add_ps(a, b);
}

V_INLINE v_f32 v_sub(v_f32 a, v_f32 b)
{
    return _mm512_sub_ps(a, b);
}

V_INLINE v_f32 v_mul(v_f32 a, v_f32 b)
{
    return _mm512_mul_ps(a, b);
}

/* a*b + c, rounded once */
V_INLINE v_f32 v_fma(v_f32 a, v_f32 b, v_f32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* The smaller, the greater; b if either is NaN. */
V_INLINE v_f32 v_min(v_f32 a, v_f32 b)
{
    return _mm512_min_ps(a, b);
}

V_INLINE v_f32 v_max(v_f32 a, v_f32 b)
{
    return _mm512_max_ps(a, b);
}

V_INLINE v_mask v_less(v_f32 a, v_f32 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* a where m is set, b elsewhere */
V_INLINE v_f32 v_select(v_mask m, v_f32 a, v_f32 b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

/* sum[i] += a[i] of the first 8 lanes and of the last 8 */
V_INLINE void v_widen(double *sum, v_f32 a)
{
    const __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    const __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
    _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), lo));
    _mm512_storeu_pd(sum + 8, _mm512_add_pd(_mm512_loadu_pd(sum + 8), hi));
}

#elif defined __AVX2__ && defined __FMA__

#    define V_NAME(op) op##_avx2
enum {
    V_WIDTH = 8,
    V_GROUP = 2, /* half as many registers as with AVX-512 */
    V_MR = 6,
    V_REGISTERS = 16
};
#    define V_NR       2
typedef __m256 v_f32;
typedef __m256i v_mask;

V_INLINE v_mask v_tail(int n)
{
    static const int lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i_u *)(lanes + 8 - n));
}

V_INLINE v_f32 v_set(float x)
{
    return _mm256_set1_ps(x);
}

V_INLINE v_f32 v_get(const float *p, v_mask m, int full)
{
    return full ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, m);
}

V_INLINE void v_put(float *p, v_f32 a, v_mask m, int full)
{
    if (full)
        _mm256_storeu_ps(p, a);
    else
        _mm256_maskstore_ps(p, m, a);
}

V_INLINE v_f32 v_add(v_f32 a, v_f32 b)
{
    return _mm256_add_ps(a, b);
}

V_INLINE v_f32 v_sub(v_f32 a, v_f32 b)
{
    return _mm256_sub_ps(a, b);
}

V_INLINE v_f32 v_mul(v_f32 a, v_f32 b)
{
    return _mm256_mul_ps(a, b);
}

V_INLINE v_f32 v_fma(v_f32 a, v_f32 b, v_f32 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

V_INLINE v_f32 v_min(v_f32 a, v_f32 b)
{
    return _mm256_min_ps(a, b);
}

V_INLINE v_f32 v_max(v_f32 a, v_f32 b)
{
    return _mm256_max_ps(a, b);
}

V_INLINE v_mask v_less(v_f32 a, v_f32 b)
{
    return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

V_INLINE v_f32 v_select(v_mask m, v_f32 a, v_f32 b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(m));
}

V_INLINE void v_widen(double *sum, v_f32 a)
{
    const __m256d lo = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    const __m256d hi = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
    _mm256_storeu_pd(sum, _mm256_add_pd(_mm256_loadu_pd(sum), lo));
    _mm256_storeu_pd(sum + 4, _mm256_add_pd(_mm256_loadu_pd(sum + 4), hi));
}

#else
#    error "vec/ is compiled in avx2/ or avx512/, with the flags of that folder"
#endif

/* What follows holds at any width. */

enum {
    /* Rows walked at a time: few enough to sum in float before the sum goes to
     * a double, and for a group of channels to stay in the first-level cache */
    V_ROWS = 128,
    /* Pixels that a walk through memory takes side by side */
    V_TALL = 4,
    V_LINE = 64, /* bytes of a cache line */
    /* Values that a walk through memory asks for before it gets there */
    V_AHEAD = 2048
};

/* Asks for a line of memory into the second-level cache; any address will do,
 * nothing is read. */
V_INLINE void v_soon(const void *p)
{
    __builtin_prefetch(p, 0, 2);
}

V_INLINE ptrdiff_t v_rows(ptrdiff_t left)
{
    return left < V_ROWS ? left : V_ROWS;
}

V_INLINE v_f32 v_zero(void)
{
    return v_set(0.0f);
}

/* a, kept in a register: a value that is loaded once and used several times
 * GCC would otherwise load again for each use, as a memory operand. */
V_INLINE v_f32 v_hold(v_f32 a)
{
    __asm__("" : "+v"(a));
    return a;
}

/* sum[i] += a[i] for the first n lanes */
V_INLINE void v_accumulate(double *sum, v_f32 a, int n)
{
    if (n >= V_WIDTH) {
        v_widen(sum, a);
        return;
    }
    double wide[V_WIDTH] = {0.0};
    v_widen(wide, a);
    for (int i = 0; i < n; i++)
        sum[i] += wide[i];
}

/* The sum of all lanes. */
V_INLINE double v_total(v_f32 a)
{
    double wide[V_WIDTH] = {0.0}, sum = 0.0;
    v_widen(wide, a);
    for (int i = 0; i < V_WIDTH; i++)
        sum += wide[i];
    return sum;
}

#endif
