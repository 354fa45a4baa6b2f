/* The slot for processors with tiles; product_pairs.inc.h, which the tests
 * also compile with tiles that are emulated. */
#include "kernels/kernels_internal.h"

#define SN_AMX_OTHERWISE sn_product_pairs_avx512bf16
#include "kernels/amx/product_pairs.inc.h"

void sn_product_pairs_fill_amx(struct sn_kernels *k)
{
    k->product_pairs = product_pairs_tiles;
}
