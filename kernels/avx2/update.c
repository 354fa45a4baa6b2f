/* The optimiser's step: vec/update.inc.h at the width of AVX2. */
#include "kernels/avx2/width.h"

#include "kernels/vec/update.inc.h"
