#ifndef SN_KERNELS_INTERNAL_H
#define SN_KERNELS_INTERNAL_H

/* Who fills the table.  Each folder has one function, called by table.c; it
 * calls one per file of the folder, so that every kernel itself is static. */

#include "kernels/kernels.h"

typedef void sn_kernels_fill_fn(struct sn_kernels *k);

sn_kernels_fill_fn sn_kernels_fill_ref; /* every slot */
sn_kernels_fill_fn sn_product_fill_ref, sn_dwconv_fill_ref, sn_bn_fill_ref,
    sn_act_fill_ref, sn_reduce_fill_ref, sn_update_fill_ref;

/* Where run `is` of a row of `a` begins. */
static inline ptrdiff_t sn_product_seg(const struct sn_product *p, int is)
{
    return is * p->a_seg + (p->bunch > 0 ? is / p->bunch * p->a_skip : 0);
}

/* What product_pairs means; in no table, because it would be no faster. */
sn_product_fn sn_product_pairs_ref;

sn_kernels_fill_fn sn_kernels_fill_portable;
sn_kernels_fill_fn sn_product_fill_portable, sn_dwconv_fill_portable,
    sn_bn_fill_portable, sn_act_fill_portable, sn_reduce_fill_portable,
    sn_update_fill_portable;

sn_kernels_fill_fn sn_kernels_fill_avx2;
sn_kernels_fill_fn sn_product_fill_avx2, sn_dwconv_fill_avx2, sn_bn_fill_avx2,
    sn_act_fill_avx2, sn_reduce_fill_avx2, sn_update_fill_avx2;

sn_kernels_fill_fn sn_kernels_fill_avx512;
sn_kernels_fill_fn sn_product_fill_avx512, sn_dwconv_fill_avx512,
    sn_bn_fill_avx512, sn_act_fill_avx512, sn_reduce_fill_avx512,
    sn_update_fill_avx512;

sn_kernels_fill_fn sn_kernels_fill_avx512bf16; /* what meets sn_bf16 */
sn_kernels_fill_fn sn_bn_fill_avx512bf16, sn_act_fill_avx512bf16,
    sn_product_pairs_fill_avx512bf16;
sn_product_fn sn_product_pairs_avx512bf16;

sn_kernels_fill_fn sn_kernels_fill_amx; /* product_pairs */
sn_kernels_fill_fn sn_product_pairs_fill_amx;

/* Whether processor and system have tiles; asks the system for them. */
int sn_amx_allowed(void);

#endif
