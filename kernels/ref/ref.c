/* The reference: every operation in plain loops with double accumulators.  It
 * defines what the others mean and is never made faster. */
#include "kernels/kernels_internal.h"

void sn_kernels_fill_ref(struct sn_kernels *k)
{
    sn_product_fill_ref(k);
    sn_dwconv_fill_ref(k);
    sn_bn_fill_ref(k);
    sn_act_fill_ref(k);
    sn_reduce_fill_ref(k);
    sn_update_fill_ref(k);
    k->isa = "ref";
}
