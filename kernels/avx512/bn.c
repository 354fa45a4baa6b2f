/* Batch-norm, its sums and gradients: vec/bn.inc.h at the width of AVX-512. */
#include "kernels/avx512/width.h"

#include "kernels/vec/bn.inc.h"
