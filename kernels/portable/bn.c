/* Batch-norm, its sums and gradients: vec/bn.inc.h in plain vectors. */
#include "kernels/portable/width.h"

#include "kernels/vec/bn.inc.h"
