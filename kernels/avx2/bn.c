/* Batch-norm sums and its backward passes: vec/bn.inc.h at the width of AVX2. */
#include "kernels/vec/bn.inc.h"
