/* Batch-norm's sums and both halves of its backward pass, and the column sums,
 * against the reference. */
#include "kernel_check.h"

static const sn_act acts[] = {SN_ACT_NONE, SN_ACT_RELU, SN_ACT_RELU6,
                              SN_ACT_HSWISH};

static void sums_once(const struct sn_kernels *ref,
                      const struct sn_kernels *opt, int c, int p, int gap)
{
    const struct rows y = rows_noise(c, p, gap, 1), near = rows_again(&y, 0);
    const struct rows shift = rows_noise(c, 1, 0, 0.25); /* near the mean */
    struct sums w1 = {{0}}, w2 = {{0}}, g1 = {{0}}, g2 = {{0}}, t1 = {{0}},
                t2 = {{0}};
    double *want1 = sums_start(&w1, c, 1), *want2 = sums_start(&w2, c, 2);
    double *got1 = sums_start(&g1, c, 1), *got2 = sums_start(&g2, c, 2);
    double *tight1 = sums_start(&t1, c, 1), *tight2 = sums_start(&t2, c, 2);

    describe("c=%d p=%d gap=%d", c, p, gap);
    ref->bn_sums(want1, want2, reals(&y), shift.x, c, p);
    opt->bn_sums(got1, got2, reals(&y), shift.x, c, p);
    opt->bn_sums(tight1, tight2, reals(&near), shift.x, c, p);
    sums_near(&g1, &w1, c, 2 * SN_TOL(p)); /* terms are up to 5/4 */
    sums_near(&g2, &w2, c, 4 * SN_TOL(p)); /* their squares have one sign */
    sums_near(&t1, &g1, c, 0.0);
    sums_near(&t2, &g2, c, 0.0);
    check_guards();
}

static void check_bn_sums(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(some_channels); i++)
        for (int j = 0; j < COUNT(some_rows); j++)
            sums_once(ref, opt, some_channels[i], some_rows[j],
                      (i + j) % 2 ? 5 : 0);
}

static void act_bwd_once(const struct sn_kernels *ref,
                         const struct sn_kernels *opt, int c, int p, int gap,
                         sn_act act)
{
    const struct rows y = rows_noise(c, p, gap, 1), near = rows_again(&y, 0);
    const struct rows s = rows_noise(c, 1, 0, 9), b = rows_noise(c, 1, 0, 2);
    const struct rows mu = rows_noise(c, 1, 0, 1);
    const struct rows want = rows_noise(c, p, 5 - gap, 1);
    const struct rows got = rows_copy(&want), tight = rows_again(&want, 0);
    struct sums w1 = {{0}}, w2 = {{0}}, g1 = {{0}}, g2 = {{0}}, t1 = {{0}},
                t2 = {{0}};
    double *want1 = sums_start(&w1, c, 1), *want2 = sums_start(&w2, c, 2);
    double *got1 = sums_start(&g1, c, 1), *got2 = sums_start(&g2, c, 2);
    double *tight1 = sums_start(&t1, c, 1), *tight2 = sums_start(&t2, c, 2);

    describe("c=%d p=%d gap=%d act=%d", c, p, gap, (int)act);
    ref->act_bwd(reals(&want), reals(&y), s.x, b.x, mu.x, act, want1, want2, c,
                 p);
    opt->act_bwd(reals(&got), reals(&y), s.x, b.x, mu.x, act, got1, got2, c, p);
    opt->act_bwd(reals(&tight), reals(&near), s.x, b.x, mu.x, act, tight1,
                 tight2, c, p);
    rows_near(&got, &want, 3 * SN_TOL(2)); /* z/3 + 1/2 at |z| up to 3 */
    sums_near(&g1, &w1, c, 2 * SN_TOL(p)); /* terms are up to 3/2 */
    sums_near(&g2, &w2, c, 3 * SN_TOL(p)); /* and twice that */
    rows_same(&tight, &got);
    sums_near(&t1, &g1, c, 0.0);
    sums_near(&t2, &g2, c, 0.0);
    check_guards();
}

static void check_act_bwd(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(some_channels); i++)
        for (int j = 0; j < COUNT(some_rows); j++)
            for (int k = 0; k < COUNT(acts); k++)
                act_bwd_once(ref, opt, some_channels[i], some_rows[j],
                             (i + j + k) % 2 ? 5 : 0, acts[k]);
}

/* On the kinks themselves: z is exactly -3, 0, 3 or 6. */
static void check_kinks(const struct sn_kernels *ref,
                        const struct sn_kernels *opt)
{
    enum { C = 20 };
    static const struct {
        sn_act act;
        sn_real z, slope;
    } cases[] = {
        {SN_ACT_RELU, 0, 0},      {SN_ACT_RELU6, 0, 0},
        {SN_ACT_RELU6, 6, 0},     {SN_ACT_RELU, 6, 1},
        {SN_ACT_HSWISH, -3, 0},   {SN_ACT_HSWISH, 3, 1},
        {SN_ACT_HSWISH, 0, 0.5f}, {SN_ACT_NONE, 0, 1},
        {SN_ACT_HSWISH, 1.5f, 1}, {SN_ACT_HSWISH, -1.5f, 0},
        {SN_ACT_RELU6, 5.9f, 1},  {SN_ACT_HSWISH, -4, 0},
    };
    sn_real dz[C], y[C], s[C], b[C], mu[C];
    double b1[C], b2[C];
    (void)ref;
    for (int i = 0; i < COUNT(cases); i++) {
        for (int ic = 0; ic < C; ic++) {
            dz[ic] = s[ic] = 1;
            y[ic] = cases[i].z;
            b[ic] = mu[ic] = 0;
            b1[ic] = b2[ic] = 0.0;
        }
        opt->act_bwd(sn_reals(dz, C), sn_reals(y, C), s, b, mu, cases[i].act,
                     b1, b2, C, 1);
        describe("act=%d z=%g", (int)cases[i].act, (double)cases[i].z);
        for (int ic = 0; ic < C; ic++)
            near_double((double)dz[ic], (double)cases[i].slope, SN_TOL(1));
    }
}

static void bn_bwd_once(const struct sn_kernels *ref,
                        const struct sn_kernels *opt, int c, int p, int gap)
{
    const struct rows dz = rows_noise(c, p, gap, 1);
    const struct rows y = rows_noise(c, p, 5 - gap, 1);
    const struct rows ps = rows_noise(c, 1, 0, 1), q = rows_noise(c, 1, 0, 1);
    const struct rows r = rows_noise(c, 1, 0, 1), mu = rows_noise(c, 1, 0, 1);
    const struct rows want = rows_unset(c, p, 2), got = rows_unset(c, p, 2);
    const struct rows place = rows_copy(&dz), near = rows_again(&y, 0);

    describe("c=%d p=%d gap=%d", c, p, gap);
    ref->bn_bwd(reals(&want), reals(&dz), reals(&y), ps.x, q.x, r.x, mu.x, c,
                p);
    opt->bn_bwd(reals(&got), reals(&dz), reals(&y), ps.x, q.x, r.x, mu.x, c, p);
    rows_near(&got, &want, 2 * SN_TOL(3)); /* y - mu is up to 2 */
    opt->bn_bwd(reals(&place), reals(&place), reals(&near), ps.x, q.x, r.x,
                mu.x, c, p);
    rows_intact(&place);
    rows_same(&place, &got);
    check_guards();
}

static void check_bn_bwd(const struct sn_kernels *ref,
                         const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(some_channels); i++)
        for (int j = 0; j < COUNT(some_rows); j++)
            bn_bwd_once(ref, opt, some_channels[i], some_rows[j],
                        (i + j) % 2 ? 5 : 0);
}

static void bias_once(const struct sn_kernels *ref,
                      const struct sn_kernels *opt, int c, int p, int gap)
{
    const struct rows dy = rows_noise(c, p, gap, 1), near = rows_again(&dy, 0);
    struct sums w = {{0}}, g = {{0}}, t = {{0}};
    double *want = sums_start(&w, c, 1), *got = sums_start(&g, c, 1);
    double *tight = sums_start(&t, c, 1);

    describe("c=%d p=%d gap=%d", c, p, gap);
    ref->bias_grad(want, dy.x, dy.ld, c, p);
    opt->bias_grad(got, dy.x, dy.ld, c, p);
    opt->bias_grad(tight, near.x, near.ld, c, p);
    sums_near(&g, &w, c, SN_TOL(p));
    sums_near(&t, &g, c, 0.0);
    check_guards();
}

static void check_bias_grad(const struct sn_kernels *ref,
                            const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(some_channels); i++)
        for (int j = 0; j < COUNT(some_rows); j++)
            bias_once(ref, opt, some_channels[i], some_rows[j],
                      (i + j) % 2 ? 5 : 0);
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {SLOT(bn_sums), 0, check_bn_sums},
        {SLOT(act_bwd), 0, check_act_bwd},
        {"act_bwd at kinks", offsetof(struct sn_kernels, act_bwd), 1,
         check_kinks},
        {SLOT(bn_bwd), 0, check_bn_bwd},
        {SLOT(bias_grad), 0, check_bias_grad},
    };
    return kernel_tests("kernels bn", tests, COUNT(tests));
}
