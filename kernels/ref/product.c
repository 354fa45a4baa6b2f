/* Sums of products over strided rows, one value after the other. */
#include "kernels/kernels_internal.h"

static double sum_of(const struct sn_product *p, const sn_real *a,
                     const sn_real *b)
{
    double sum = 0.0;
    for (int is = 0; is < p->segs; is++)
        for (int ik = 0; ik < p->len; ik++)
            sum += (double)a[is * p->a_seg + ik * p->a_k] *
                   (double)b[is * p->b_seg + ik * p->b_k];
    return sum;
}

static void product_ref(const struct sn_product *p)
{
    for (int ir = 0; ir < p->rows; ir++) {
        for (int im = 0; im < p->m; im++) {
            const sn_real *a = p->a + ir * p->a_row + im * p->a_m;
            sn_real *c = p->c + ir * p->c_row + im * p->c_m;
            for (int in = 0; in < p->n; in++) {
                const double old = p->add ? (double)c[in] : 0.0;
                c[in] = (sn_real)(old + sum_of(p, a, p->b + in));
            }
        }
    }
}

void sn_product_fill_ref(struct sn_kernels *k)
{
    k->product = product_ref;
}
