#ifndef SN_PORTABLE_WIDTH_H
#define SN_PORTABLE_WIDTH_H

/* The words of vec/vec.h in the vector extension that GCC and Clang share: four
 * lanes, which nearly every processor has in hardware.  No intrinsics; where
 * there is no such hardware the compiler takes the lanes one by one.
 *
 * Whether v_fma rounds once is settled here, for the folder as a whole: where
 * the processor does it in one instruction, v_fma asks for it by name, and
 * elsewhere it is a product and a sum.  The folder is compiled with
 * -ffp-contract=off, so that the compiler adds no choice of its own.
 *
 * Loops over lanes are what the compiler makes one vector instruction of. */

#include "kernels/bf16.h"
#include "kernels/vec/compile.h"

#define V_NAME(op) op##_portable
enum {
    V_WIDTH = 4,
    V_REGISTERS = 16, /* at least, where there are any */
    V_GROUP = 2,      /* as with AVX2 */
    V_MR = 6
};
#define V_NR 2
typedef float v_f32 __attribute__((vector_size(16)));
typedef int v_mask __attribute__((vector_size(16))); /* a lane: all bits */

V_INLINE v_mask v_tail(int n)
{
    const v_mask lane = {0, 1, 2, 3};
    return lane < n;
}

V_INLINE v_f32 v_set(float x)
{
    return (v_f32){x, x, x, x};
}

V_INLINE v_f32 v_get(const float *p, v_mask m, int full)
{
    v_f32 a = {0.0f};
    if (full)
        __builtin_memcpy(&a, p, sizeof a);
    else
        for (int i = 0; i < V_WIDTH; i++)
            a[i] = m[i] ? p[i] : 0.0f;
    return a;
}

V_INLINE void v_put(float *p, v_f32 a, v_mask m, int full)
{
    if (full)
        __builtin_memcpy(p, &a, sizeof a);
    else
        for (int i = 0; i < V_WIDTH; i++)
            if (m[i])
                p[i] = a[i];
}

V_INLINE v_f32 v_get_bf16(const sn_bf16 *p, v_mask m, int full)
{
    v_f32 a = {0.0f};
    for (int i = 0; i < V_WIDTH; i++)
        a[i] = full || m[i] ? sn_bf16_wide(p[i]) : 0.0f;
    return a;
}

V_INLINE void v_put_bf16(sn_bf16 *p, v_f32 a, v_mask m, int full)
{
    for (int i = 0; i < V_WIDTH; i++)
        if (full || m[i])
            p[i] = sn_bf16_round(a[i]);
}

V_INLINE v_f32 v_pair(v_f32 a, v_f32 b)
{
    sn_bf16 words[2 * V_WIDTH];
    v_f32 pairs;
    for (int i = 0; i < V_WIDTH; i++) {
        words[2 * i] = sn_bf16_round(a[i]);
        words[2 * i + 1] = sn_bf16_round(b[i]);
    }
    __builtin_memcpy(&pairs, words, sizeof pairs);
    return pairs;
}

V_INLINE v_f32 v_add(v_f32 a, v_f32 b)
{
    return a + b;
}

V_INLINE v_f32 v_sub(v_f32 a, v_f32 b)
{
    return a - b;
}

V_INLINE v_f32 v_mul(v_f32 a, v_f32 b)
{
    return a * b;
}

V_INLINE v_f32 v_fma(v_f32 a, v_f32 b, v_f32 c)
{
#if defined __FP_FAST_FMAF || defined __ARM_FEATURE_FMA
    for (int i = 0; i < V_WIDTH; i++)
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

V_INLINE v_mask v_less(v_f32 a, v_f32 b)
{
    return a < b;
}

V_INLINE v_f32 v_select(v_mask m, v_f32 a, v_f32 b)
{
    return (v_f32)((m & (v_mask)a) | (~m & (v_mask)b));
}

V_INLINE v_f32 v_min(v_f32 a, v_f32 b)
{
    return v_select(v_less(a, b), a, b);
}

V_INLINE v_f32 v_max(v_f32 a, v_f32 b)
{
    return v_select(v_less(b, a), a, b);
}

V_INLINE void v_widen(double *sum, v_f32 a)
{
    for (int i = 0; i < V_WIDTH; i++)
        sum[i] += (double)a[i];
}

/* Registers have no common name; the compiler may choose. */
V_INLINE v_f32 v_hold(v_f32 a)
{
    return a;
}

#endif
