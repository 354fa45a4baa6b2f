/* im2col and its adjoint: vec/conv.inc.h at the width of AVX-512. */
#include "kernels/vec/conv.inc.h"
