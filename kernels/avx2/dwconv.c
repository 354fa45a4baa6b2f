/* Depthwise convolution: vec/dwconv.inc.h at the width of AVX2. */
#include "kernels/avx2/width.h"

#include "kernels/vec/dwconv.inc.h"
