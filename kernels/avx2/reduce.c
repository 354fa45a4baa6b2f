/* Column sums: vec/reduce.inc.h at the width of AVX2. */
#include "kernels/avx2/width.h"

#include "kernels/vec/reduce.inc.h"
