/* Column sums: the gradient of a bias. */
#include "kernels/kernels_internal.h"

static void bias_grad_ref(double *db, const sn_real *dy, ptrdiff_t dy_p, int c,
                          ptrdiff_t p)
{
    for (int ic = 0; ic < c; ic++) {
        double sum = 0.0;
        for (ptrdiff_t ip = 0; ip < p; ip++)
            sum += (double)dy[ip * dy_p + ic];
        db[ic] += sum;
    }
}

void sn_reduce_fill_ref(struct sn_kernels *k)
{
    k->bias_grad = bias_grad_ref;
}
