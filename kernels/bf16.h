#ifndef SN_BF16_H
#define SN_BF16_H

/* A float to bfloat16 and back, one at a time. */

#include <string.h>

#include "kernels/kernels.h"

static inline float sn_bf16_wide(sn_bf16 half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* To the nearest, ties to even; a NaN stays one. */
static inline sn_bf16 sn_bf16_round(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (sn_bf16)(bits >> 16 | 0x40u);
    return (sn_bf16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
