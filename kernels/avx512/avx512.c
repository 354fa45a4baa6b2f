/* What this folder brings to the table. */
#include "kernels/kernels_internal.h"

void sn_kernels_fill_avx512(struct sn_kernels *k)
{
    k->isa = "avx512";
}
