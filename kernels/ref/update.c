/* Gradient descent with Nesterov momentum, in the form of Sutskever et al.,
 * ICML 2013, as PyTorch writes it; weight decay is part of the gradient. */
#include "kernels/kernels_internal.h"

static void sgd_ref(sn_real *w, sn_real *m, const sn_real *g, sn_real lr,
                    sn_real momentum, sn_real decay, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const double grad = (double)g[i] + (double)decay * (double)w[i];
        const double mean = (double)momentum * (double)m[i] + grad;
        const double step = grad + (double)momentum * mean;
        m[i] = (sn_real)mean;
        w[i] = (sn_real)((double)w[i] - (double)lr * step);
    }
}

void sn_update_fill_ref(struct sn_kernels *k)
{
    k->sgd = sgd_ref;
}
