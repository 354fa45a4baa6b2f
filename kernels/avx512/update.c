/* The optimiser's step: vec/update.inc.h at the width of AVX-512. */
#include "kernels/avx512/width.h"

#include "kernels/vec/update.inc.h"
