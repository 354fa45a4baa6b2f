#ifndef SN_AVX2_WIDTH_H
#define SN_AVX2_WIDTH_H

/* The words of vec/vec.h in intrinsics of AVX2. */

#include <immintrin.h>

#include "kernels/kernels.h"
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

V_INLINE v_f32 v_get_bf16(const sn_bf16 *p, v_mask m, int full)
{
    __m128i half;
    if (full) {
        half = _mm_loadu_si128((const __m128i_u *)p);
    } else {
        const unsigned lanes = (unsigned)_mm256_movemask_ps((v_f32)m);
        sn_bf16 some[V_WIDTH] = {0};
        for (int i = 0; i < V_WIDTH && lanes >> i & 1u; i++)
            some[i] = p[i];
        half = _mm_loadu_si128((const __m128i_u *)some);
    }
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* Rounded to sn_bf16, in the upper half of each lane. */
V_INLINE __m256i v_rounded(v_f32 a)
{
    const __m256i bits = _mm256_castps_si256(a);
    const __m256i odd =
        _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    return _mm256_castps_si256(_mm256_blendv_ps(
        _mm256_castsi256_ps(_mm256_add_epi32(bits, up)),
        _mm256_castsi256_ps(quiet), _mm256_cmp_ps(a, a, _CMP_UNORD_Q)));
}

V_INLINE void v_put_bf16(sn_bf16 *p, v_f32 a, v_mask m, int full)
{
    const __m256i upper = _mm256_srli_epi32(v_rounded(a), 16);
    const __m128i half = _mm_packus_epi32(_mm256_castsi256_si128(upper),
                                          _mm256_extracti128_si256(upper, 1));
    if (full) {
        _mm_storeu_si128((__m128i_u *)p, half);
        return;
    }
    const unsigned lanes = (unsigned)_mm256_movemask_ps((v_f32)m);
    sn_bf16 some[V_WIDTH];
    _mm_storeu_si128((__m128i_u *)some, half);
    for (int i = 0; i < V_WIDTH && lanes >> i & 1u; i++)
        p[i] = some[i];
}

V_INLINE v_f32 v_pair(v_f32 a, v_f32 b)
{
    const __m256i upper =
        _mm256_and_si256(v_rounded(b), _mm256_set1_epi32((int)0xffff0000u));
    return _mm256_castsi256_ps(
        _mm256_or_si256(upper, _mm256_srli_epi32(v_rounded(a), 16)));
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
