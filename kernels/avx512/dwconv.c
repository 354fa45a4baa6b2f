/* Depthwise convolution: vec/dwconv.inc.h at the width of AVX-512. */
#include "kernels/avx512/width.h"

#include "kernels/vec/dwconv.inc.h"
