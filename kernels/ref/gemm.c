/* The matrix product as it is written on paper. */
#include "kernels/kernels_internal.h"

static void gemm_ref(int ta, int tb, int m, int n, int k, const sn_real *a,
                     ptrdiff_t lda, const sn_real *b, ptrdiff_t ldb, int add,
                     sn_real *c, ptrdiff_t ldc)
{
    for (int im = 0; im < m; im++) {
        for (int in = 0; in < n; in++) {
            double sum = add ? (double)c[im * ldc + in] : 0.0;
            for (int ik = 0; ik < k; ik++) {
                const sn_real va = ta ? a[ik * lda + im] : a[im * lda + ik];
                const sn_real vb = tb ? b[in * ldb + ik] : b[ik * ldb + in];
                sum += (double)va * (double)vb;
            }
            c[im * ldc + in] = (sn_real)sum;
        }
    }
}

void sn_gemm_fill_ref(struct sn_kernels *k)
{
    k->gemm = gemm_ref;
}
