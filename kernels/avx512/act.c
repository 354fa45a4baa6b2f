/* The loader and its inner product: vec/act.inc.h at the width of AVX-512. */
#include "kernels/avx512/width.h"

#include "kernels/vec/act.inc.h"
