/* The loader: vec/act.inc.h at the width of AVX-512, with its sn_bf16. */
#include "kernels/avx512bf16/width.h"

#include "kernels/vec/act.inc.h"
