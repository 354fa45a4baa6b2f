/* What OpenBLAS says of itself; see blas_info.h. */
#include "kernels/blas_info.h"

#include <cblas.h>

sn_blas_threading sn_blas_threads_by(void)
{
    switch (openblas_get_parallel()) {
    case 1:
        return SN_BLAS_PTHREAD;
    case 2:
        return SN_BLAS_OPENMP;
    default:
        return SN_BLAS_SERIAL;
    }
}

const char *sn_blas_config(void)
{
    return openblas_get_config();
}
