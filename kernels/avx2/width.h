#ifndef SN_AVX2_WIDTH_H
#define SN_AVX2_WIDTH_H

/* The words of vec/vec.h in intrinsics of AVX2. */

#include <immintrin.h>

#include "kernels/vec/compile.h"

#define V_NAME(op) op##_avx2
enum {
    V_WIDTH = 8,
    V_REGISTERS = 16,
    V_GROUP = 2, /* half as many registers as with AVX-512 */
    V_MR = 6
};
#define V_NR 2
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

V_INLINE v_f32 v_hold(v_f32 a)
{
    __asm__("" : "+v"(a));
    return a;
}

#endif
