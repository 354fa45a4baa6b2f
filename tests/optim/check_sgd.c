/* The optimiser and its schedule on cases done by hand. */

#include "check.h"

#include <math.h>

#include "optim/sgd.h"

static struct sn_kernels best(void)
{
    struct sn_kernels k;
    sn_kernels_init(&k, sn_cpu_isa());
    return k;
}

/* w = 1, m = .5, g = .25, lr = .1, momentum = .9, decay = .04:
 * g' = .29, m = .74, w = 1 - .1 * (.29 + .9 * .74) = .9044.
 * Without decay: g' = .25, m = .7, w = 1 - .1 * (.25 + .63) = .912. */
static void step(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    enum { N = 40 };
    sn_real *w = check_zeros(N), *m = check_zeros(N), *g = check_zeros(N);
    const struct sn_sgd_group group[2] = {{0, 17, 0.04}, {20, 20, 0}};
    for (int i = 0; i < N; i++) {
        w[i] = 1;
        m[i] = 0.5F;
        g[i] = 0.25F;
    }
    sn_sgd_step(&k, w, m, g, group, 2, 0.1, 0.9);
    for (int i = 0; i < N; i++) {
        const bool decays = i < 17, between = i >= 17 && i < 20;
        const double want_w = between ? 1 : decays ? 0.9044 : 0.912;
        const double want_m = between ? 0.5 : decays ? 0.74 : 0.7;
        assert_true(fabs((double)w[i] - want_w) < 1e-6);
        assert_true(fabs((double)m[i] - want_m) < 1e-6);
        assert_true(g[i] == 0.25F);
    }
    check_guards();
}

/* Two steps of momentum .5 on w^2 / 2 from w = 1 with lr .5: gradients are
 * 1 and w1 = 1 - .5 * (1 + .5) = .25; m = .75, w2 = .25 - .5 * (.25 + .375). */
static void two_steps(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    const struct sn_sgd_group group = {0, 1, 0};
    sn_real w = 1, m = 0;
    for (int it = 0; it < 2; it++) {
        const sn_real g = w;
        sn_sgd_step(&k, &w, &m, &g, &group, 1, 0.5, 0.5);
    }
    assert_true(fabs((double)w - (0.25 - 0.3125)) < 1e-6);
}

static void clip(void **state)
{
    (void)state;
    const struct sn_sgd_group group[2] = {{0, 1, 0}, {2, 1, 1}};
    sn_real g[3] = {3, 100, 4}; /* the middle one is in no group */
    assert_true(fabs(sn_clip_norm(g, group, 2, 10) - 5) < 1e-12);
    assert_true(g[0] == 3 && g[1] == 100 && g[2] == 4);
    assert_true(fabs(sn_clip_norm(g, group, 2, 5) - 5) < 1e-12);
    assert_true(g[0] == 3 && g[2] == 4);
    assert_true(fabs(sn_clip_norm(g, group, 2, 1) - 5) < 1e-12);
    assert_true(fabs((double)g[0] - 0.6) < 1e-6 && g[1] == 100 &&
                fabs((double)g[2] - 0.8) < 1e-6);
    sn_real none[3] = {0, 0, 0};
    assert_true(sn_clip_norm(none, group, 2, 1) == 0 && none[0] == 0);
}

static void clip_not_a_number(void **state)
{
    (void)state;
    const struct sn_sgd_group group = {0, 2, 0};
    sn_real g[2] = {1, (sn_real)NAN};
    assert_true(isnan(sn_clip_norm(g, &group, 1, 0.5)));
    assert_true(g[0] == 1); /* not scaled by what is no number */
}

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12))
        fail_msg("%.15g, expected %.15g", got, want);
}

static void schedule(void **state)
{
    (void)state;
    /* 101 steps, the first 20.2 of them rising from .2 to 1 */
    near(sn_schedule_lr(2, 0.2, 0, 101), 0.4);
    near(sn_schedule_lr(2, 0.2, 10, 101), 2 * (0.2 + 0.8 * 10 / 20.2));
    near(sn_schedule_lr(2, 0.2, 100, 101), 2 * 0.02);
    near(sn_schedule_lr(1, 0, 0, 11), 1);
    near(sn_schedule_lr(1, 0, 5, 11), 1 - 0.98 * 0.5);
    near(sn_schedule_lr(1, 0, 10, 11), 0.02);
    double last = 0;
    for (long it = 0; it < 101; it++) { /* up, then down, never past the peak */
        const double lr = sn_schedule_lr(2, 0.2, it, 101);
        assert_true(it <= 20 ? lr > last : it == 21 || lr < last);
        assert_true(lr > 0 && lr <= 2);
        last = lr;
    }
    assert_true(sn_schedule_lr(1, 0.15, 0, 1) > 0); /* a single step */
    assert_true(sn_schedule_lr(1, 0, 0, 1) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step),     cmocka_unit_test(two_steps),
        cmocka_unit_test(clip),     cmocka_unit_test(clip_not_a_number),
        cmocka_unit_test(schedule),
    };
    return cmocka_run_group_tests_name("sgd", tests, NULL, NULL);
}
