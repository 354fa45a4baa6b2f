/* The matrix product through OpenBLAS.  Inside an OpenMP parallel region, where
 * the layers call it, it runs serially by itself; nothing here or elsewhere
 * sets its number of threads, which in the OpenMP variant would set the number
 * of the whole program.  Empty extents are settled here: the library would
 * complain about leading dimensions that nothing ever reads. */
#include "kernels/kernels_internal.h"

#include <cblas.h>
#include <string.h>

static void gemm_blas(int ta, int tb, int m, int n, int k, const float *a,
                      ptrdiff_t lda, const float *b, ptrdiff_t ldb, int add,
                      float *c, ptrdiff_t ldc)
{
    if (m <= 0 || n <= 0)
        return;
    if (k <= 0) {
        for (int im = 0; im < m && !add; im++)
            memset(c + im * ldc, 0, (size_t)n * sizeof *c);
        return;
    }
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans,
                tb ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a, (blasint)lda,
                b, (blasint)ldb, add ? 1.0f : 0.0f, c, (blasint)ldc);
}

void sn_kernels_fill_blas(struct sn_kernels *k)
{
    k->gemm = gemm_blas;
}
