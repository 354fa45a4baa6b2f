/* Batch-norm, its sums and gradients: vec/bn.inc.h at the width of AVX2. */
#include "kernels/avx2/width.h"

#include "kernels/vec/bn.inc.h"
