/* The loader: the affine and activation that a raw convolution output still
 * waits for, and the inner product with what it gives.
 *
 * z is rounded to sn_real before the activation looks at it, so that every
 * instruction set, which has z from one fused multiply-add, takes the same
 * branch.  A NaN passes through every activation. */
#include "kernels/kernels_internal.h"

#include "kernels/ref/rows.h"

static double activate(sn_act act, double z)
{
    double t;
    switch (act) {
    case SN_ACT_RELU:
        return z < 0.0 ? 0.0 : z;
    case SN_ACT_RELU6:
        return z < 0.0 ? 0.0 : z > 6.0 ? 6.0 : z;
    case SN_ACT_HSWISH:
        t = z + 3.0;
        return z * (t < 0.0 ? 0.0 : t > 6.0 ? 6.0 : t) / 6.0;
    case SN_ACT_NONE:
        break;
    }
    return z;
}

/* act(s[ic] * v + b[ic]) */
static double loaded(sn_real v, const sn_real *s, const sn_real *b, sn_act act,
                     int ic)
{
    double z = (double)v;
    if (s)
        z = (double)(sn_real)((double)s[ic] * z + (double)b[ic]);
    return activate(act, z);
}

static void load_ref(struct sn_rows dst, struct sn_rows src, const sn_real *s,
                     const sn_real *b, sn_act act, sn_real gain, int add, int c,
                     ptrdiff_t p)
{
    for (ptrdiff_t ip = 0; ip < p; ip++) {
        for (int ic = 0; ic < c; ic++) {
            const double old = add ? (double)sn_ref_get(dst, ip, ic) : 0.0;
            const double a = loaded(sn_ref_get(src, ip, ic), s, b, act, ic);
            sn_ref_put(dst, ip, ic, (sn_real)((double)gain * a + old));
        }
    }
    sn_ref_fill_up(dst, c, p);
}

static double load_dot_ref(const sn_real *dy, ptrdiff_t dy_p,
                           const sn_real *src, ptrdiff_t src_p,
                           const sn_real *s, const sn_real *b, sn_act act,
                           int c, ptrdiff_t p)
{
    double sum = 0.0;
    for (ptrdiff_t ip = 0; ip < p; ip++, dy += dy_p, src += src_p)
        for (int ic = 0; ic < c; ic++)
            sum += (double)dy[ic] * loaded(src[ic], s, b, act, ic);
    return sum;
}

void sn_act_fill_ref(struct sn_kernels *k)
{
    k->load = load_ref;
    k->load_dot = load_dot_ref;
}
