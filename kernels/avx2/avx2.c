/* What this folder brings to the table. */
#include "kernels/kernels_internal.h"

void sn_kernels_fill_avx2(struct sn_kernels *k)
{
    k->isa = "avx2";
}
