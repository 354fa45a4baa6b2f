#ifndef SN_AVX512BF16_WIDTH_H
#define SN_AVX512BF16_WIDTH_H

/* The words of AVX-512, where AVX512_BF16 rounds to sn_bf16 and multiplies
 * pairs of it in one instruction. */

#define V_NAME(op) op##_avx512bf16
#include "kernels/avx512/width.h"

#endif
