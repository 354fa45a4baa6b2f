#ifndef SN_AVX512_WIDTH_H
#define SN_AVX512_WIDTH_H

/* The words of vec/vec.h in intrinsics of AVX-512. */

#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/vec/compile.h"

#ifndef V_NAME
#    define V_NAME(op) op##_avx512
#endif
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

V_INLINE v_f32 v_get_bf16(const sn_bf16 *p, v_mask m, int full)
{
    const __m256i half = full ? _mm256_loadu_si256((const __m256i_u *)p)
                              : _mm256_maskz_loadu_epi16(m, p);
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

#ifdef __AVX512BF16__
#    define V_DOT

V_INLINE __m256i v_narrow(v_f32 a)
{
    return (__m256i)_mm512_cvtneps_pbh(a);
}

V_INLINE v_f32 v_pair(v_f32 a, v_f32 b)
{
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(b, a);
    const __m512i first =
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i order = _mm512_or_si512(
        first,
        _mm512_slli_epi32(_mm512_add_epi32(first, _mm512_set1_epi32(16)), 16));
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, halves));
}

V_INLINE v_f32 v_dot(v_f32 a, v_f32 b, v_f32 c)
{
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}

V_INLINE __m256 v_half_dot(__m256 a, __m256 b, __m256 c)
{
    return _mm256_dpbf16_ps(c, (__m256bh)a, (__m256bh)b);
}
#else
/* Rounded to sn_bf16, in the upper half of each lane. */
V_INLINE __m512i v_rounded(v_f32 a)
{
    const __m512i bits = _mm512_castps_si512(a);
    const __m512i odd =
        _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    return _mm512_mask_or_epi32(_mm512_add_epi32(bits, up),
                                _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), bits,
                                _mm512_set1_epi32(0x400000));
}

V_INLINE __m256i v_narrow(v_f32 a)
{
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(v_rounded(a), 16));
}

V_INLINE v_f32 v_pair(v_f32 a, v_f32 b)
{
    const __m512i upper =
        _mm512_and_si512(v_rounded(b), _mm512_set1_epi32((int)0xffff0000u));
    return _mm512_castsi512_ps(
        _mm512_or_si512(upper, _mm512_srli_epi32(v_rounded(a), 16)));
}
#endif

V_INLINE void v_put_bf16(sn_bf16 *p, v_f32 a, v_mask m, int full)
{
    if (full)
        _mm256_storeu_si256((__m256i_u *)p, v_narrow(a));
    else
        _mm256_mask_storeu_epi16(p, m, v_narrow(a));
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
