/* The loader and its inner product: vec/act.inc.h at the width of AVX2. */
#include "kernels/avx2/width.h"

#include "kernels/vec/act.inc.h"
