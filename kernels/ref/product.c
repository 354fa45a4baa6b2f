/* Sums of products over strided rows, one value after the other. */
#include "kernels/kernels_internal.h"

#include "kernels/bf16.h"

typedef double sum_fn(const struct sn_product *p, ptrdiff_t a, ptrdiff_t b);

/* The sum from a[a] and b[b] on. */
static double sum_reals(const struct sn_product *p, ptrdiff_t a, ptrdiff_t b)
{
    const sn_real *as = (const sn_real *)p->a + a;
    const sn_real *bs = (const sn_real *)p->b + b;
    double sum = 0.0;
    for (int is = 0; is < p->segs; is++)
        for (int ik = 0; ik < p->len; ik++)
            sum += (double)as[sn_product_seg(p, is) + ik * p->a_k] *
                   (double)bs[is * p->b_seg + ik * p->b_k];
    return sum;
}

static double sum_pairs(const struct sn_product *p, ptrdiff_t a, ptrdiff_t b)
{
    double sum = 0.0;
    for (int is = 0; is < p->segs; is++)
        for (int ik = 0; ik < p->len; ik++) {
            const sn_bf16 *x = (const sn_bf16 *)p->a +
                               2 * (a + sn_product_seg(p, is) + ik * p->a_k);
            const sn_bf16 *w =
                (const sn_bf16 *)p->b + 2 * (b + is * p->b_seg + ik * p->b_k);
            for (int i = 0; i < 2; i++)
                sum += (double)sn_bf16_wide(x[i]) * (double)sn_bf16_wide(w[i]);
        }
    return sum;
}

static void product(const struct sn_product *p, sum_fn *sum)
{
    for (int ir = 0; ir < p->rows; ir++) {
        for (int im = 0; im < p->m; im++) {
            const ptrdiff_t a = ir * p->a_row + im * p->a_m;
            const ptrdiff_t c = ir * p->c_row + im * p->c_m;
            for (int in = 0; in < p->n; in++) {
                if (p->c_form == SN_BF16) {
                    ((sn_bf16 *)p->c)[c + in] =
                        sn_bf16_round((float)sum(p, a, in));
                    continue;
                }
                sn_real *to = (sn_real *)p->c + c + in;
                *to = (sn_real)((p->add ? (double)*to : 0.0) + sum(p, a, in));
            }
        }
    }
}

static void product_ref(const struct sn_product *p)
{
    product(p, sum_reals);
}

void sn_product_pairs_ref(const struct sn_product *p)
{
    product(p, sum_pairs);
}

void sn_product_fill_ref(struct sn_kernels *k)
{
    k->product = product_ref;
    k->product_pairs = NULL;
}
