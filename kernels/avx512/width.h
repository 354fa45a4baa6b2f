#ifndef SN_AVX512_WIDTH_H
#define SN_AVX512_WIDTH_H

/* The words of vec/vec.h in intrinsics of AVX-512. */

#include <immintrin.h>

#include "kernels/vec/compile.h"

#define V_NAME(op) op##_avx512
enum { V_WIDTH = 16, V_REGISTERS = 32, V_GROUP = 4, V_MR = 8 };
#define V_NR   3
#define V_HALF 8
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

V_INLINE v_f32 v_fma(v_f32 a, v_f32 b, v_f32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

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

V_INLINE v_f32 v_select(v_mask m, v_f32 a, v_f32 b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

V_INLINE void v_widen(double *sum, v_f32 a)
{
    const __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    const __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
    _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), lo));
    _mm512_storeu_pd(sum + 8, _mm512_add_pd(_mm512_loadu_pd(sum + 8), hi));
}

typedef __m256 v_half;

V_INLINE v_half v_low(v_f32 a)
{
    return _mm512_castps512_ps256(a);
}

V_INLINE v_f32 v_whole(v_half a)
{
    return _mm512_zextps256_ps512(a);
}

V_INLINE v_half v_half_set(float x)
{
    return _mm256_set1_ps(x);
}

V_INLINE v_half v_half_get(const float *p, v_mask m)
{
    return _mm256_maskz_loadu_ps((__mmask8)m, p);
}

V_INLINE v_half v_half_fma(v_half a, v_half b, v_half c)
{
    return _mm256_fmadd_ps(a, b, c);
}

V_INLINE v_f32 v_hold(v_f32 a)
{
    __asm__("" : "+v"(a));
    return a;
}

#endif
