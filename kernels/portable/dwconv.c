/* Depthwise convolution: vec/dwconv.inc.h in plain vectors. */
#include "kernels/portable/width.h"

#include "kernels/vec/dwconv.inc.h"
