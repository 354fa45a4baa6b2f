/* What this folder brings to the table. */
#include "kernels/kernels_internal.h"

void sn_kernels_fill_portable(struct sn_kernels *k)
{
    sn_product_fill_portable(k);
    sn_dwconv_fill_portable(k);
    sn_bn_fill_portable(k);
    sn_act_fill_portable(k);
    sn_reduce_fill_portable(k);
    sn_update_fill_portable(k);
    k->isa = "portable";
}
