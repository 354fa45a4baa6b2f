/* Sums of products of pairs: vec/product.inc.h with vdpbf16ps. */
#include "kernels/avx512bf16/width.h"

#define V_PRODUCT_PAIRS
#include "kernels/vec/product.inc.h"
