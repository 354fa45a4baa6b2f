/* The loader and its inner product: vec/act.inc.h in plain vectors. */
#include "kernels/portable/width.h"

#include "kernels/vec/act.inc.h"
