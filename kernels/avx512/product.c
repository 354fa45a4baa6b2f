/* Sums of products: vec/product.inc.h at the width of AVX-512. */
#include "kernels/avx512/width.h"

#include "kernels/vec/product.inc.h"
