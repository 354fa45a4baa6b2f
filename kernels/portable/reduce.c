/* Column sums: vec/reduce.inc.h in plain vectors. */
#include "kernels/portable/width.h"

#include "kernels/vec/reduce.inc.h"
