/* The optimiser's step: vec/update.inc.h in plain vectors. */
#include "kernels/portable/width.h"

#include "kernels/vec/update.inc.h"
