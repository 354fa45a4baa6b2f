/* Sums of products: vec/product.inc.h at the width of AVX2. */
#include "kernels/avx2/width.h"

#include "kernels/vec/product.inc.h"
