/* What this folder brings to the table. */
#include "kernels/kernels_internal.h"

void sn_kernels_fill_avx512(struct sn_kernels *k)
{
    sn_product_fill_avx512(k);
    sn_dwconv_fill_avx512(k);
    sn_bn_fill_avx512(k);
    sn_act_fill_avx512(k);
    sn_reduce_fill_avx512(k);
    sn_update_fill_avx512(k);
    k->isa = "avx512";
}
