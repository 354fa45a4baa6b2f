/* Sums of products: vec/product.inc.h in plain vectors. */
#include "kernels/portable/width.h"

#include "kernels/vec/product.inc.h"
