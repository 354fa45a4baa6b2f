/* Batch-norm in training: the sums of the forward pass, and the two halves of
 * the backward pass (METHOD 7.2).  As in act.c, z is rounded to sn_real before
 * the derivative of the activation looks at it. */
#include "kernels/kernels_internal.h"

#include "kernels/ref/rows.h"

static void bn_sums_ref(double *s1, double *s2, struct sn_rows y,
                        const sn_real *shift, int c, ptrdiff_t p)
{
    for (int ic = 0; ic < c; ic++) {
        double sum = 0.0, square = 0.0;
        for (ptrdiff_t ip = 0; ip < p; ip++) {
            const double d = (double)sn_ref_get(y, ip, ic) - (double)shift[ic];
            sum += d;
            square += d * d;
        }
        s1[ic] += sum;
        s2[ic] += square;
    }
}

static double slope(sn_act act, double z)
{
    switch (act) {
    case SN_ACT_RELU:
        return z > 0.0 ? 1.0 : 0.0;
    case SN_ACT_RELU6:
        return z > 0.0 && z < 6.0 ? 1.0 : 0.0;
    case SN_ACT_HSWISH:
        return z <= -3.0 ? 0.0 : z >= 3.0 ? 1.0 : (2.0 * z + 3.0) / 6.0;
    case SN_ACT_NONE:
        break;
    }
    return 1.0;
}

static void act_bwd_ref(struct sn_rows dz, struct sn_rows y, const sn_real *s,
                        const sn_real *b, const sn_real *mu, sn_act act,
                        double *b1, double *b2, int c, ptrdiff_t p)
{
    for (int ic = 0; ic < c; ic++) {
        double sum = 0.0, product = 0.0;
        for (ptrdiff_t ip = 0; ip < p; ip++) {
            const double v = (double)sn_ref_get(y, ip, ic);
            const sn_real z = (sn_real)((double)s[ic] * v + (double)b[ic]);
            const double old = (double)sn_ref_get(dz, ip, ic);
            const sn_real d = (sn_real)(old * slope(act, (double)z));
            sn_ref_put(dz, ip, ic, d);
            sum += (double)d;
            product += (double)d * (v - (double)mu[ic]);
        }
        b1[ic] += sum;
        b2[ic] += product;
    }
}

static void bn_bwd_ref(struct sn_rows dy, struct sn_rows dz, struct sn_rows y,
                       const sn_real *ps, const sn_real *q, const sn_real *r,
                       const sn_real *mu, int c, ptrdiff_t p)
{
    for (ptrdiff_t ip = 0; ip < p; ip++) {
        for (int ic = 0; ic < c; ic++) {
            const double from_dz =
                (double)ps[ic] * (double)sn_ref_get(dz, ip, ic);
            const double v = (double)sn_ref_get(y, ip, ic);
            const double from_y = (double)q[ic] * (v - (double)mu[ic]);
            sn_ref_put(dy, ip, ic, (sn_real)(from_dz + from_y + (double)r[ic]));
        }
    }
    sn_ref_fill_up(dy, c, p);
}

void sn_bn_fill_ref(struct sn_kernels *k)
{
    k->bn_sums = bn_sums_ref;
    k->act_bwd = act_bwd_ref;
    k->bn_bwd = bn_bwd_ref;
}
