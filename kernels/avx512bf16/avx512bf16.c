/* What this folder brings to the table: what rounds to sn_bf16 or multiplies
 * it; the rest is AVX-512's. */
#include "kernels/kernels_internal.h"

void sn_kernels_fill_avx512bf16(struct sn_kernels *k)
{
    sn_bn_fill_avx512bf16(k);
    sn_act_fill_avx512bf16(k);
    sn_product_pairs_fill_avx512bf16(k);
    k->isa = "avx512bf16";
}
