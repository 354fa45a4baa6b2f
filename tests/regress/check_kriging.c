/* Kriging of sums: both ways of solving agree with each other and with the
 * truth. */

#include "check.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "regress/kriging.h"

enum { POINTS = 12, SUMS = 30, TERMS = 4 };

static double draw(uint32_t item, uint64_t index)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    return sn_rng_uniform(rng, 2, item, index);
}

static void near(double got, double want, double tol)
{
    if (!(fabs(got - want) <= tol))
        fail_msg("got %.12g, expected %.12g", got, want);
}

struct data {
    int start[SUMS + 1], index[SUMS * TERMS];
    double count[SUMS * TERMS], y[SUMS], r[POINTS], g[POINTS * POINTS];
};

/* Sums of unknowns that resemble their neighbours; no noise. */
static void make(struct data *d)
{
    for (int i = 0; i < POINTS; i++) {
        d->r[i] = sin(0.5 * i);
        for (int j = 0; j < POINTS; j++)
            d->g[i * POINTS + j] = exp(-0.1 * (i - j) * (i - j));
    }
    for (int i = 0; i < SUMS; i++) {
        d->start[i] = i * TERMS;
        d->y[i] = 0;
        for (int it = i * TERMS; it < (i + 1) * TERMS; it++) {
            d->index[it] = (int)(draw(1, (uint64_t)it) * POINTS);
            d->count[it] = 1 + floor(3 * draw(2, (uint64_t)it));
            d->y[i] += d->count[it] * d->r[d->index[it]];
        }
    }
    d->start[SUMS] = SUMS * TERMS;
}

static struct sn_kriging_sums sums_of(const struct data *d, int n)
{
    return (struct sn_kriging_sums){.unknowns = POINTS,
                                    .start = d->start,
                                    .index = d->index,
                                    .count = d->count,
                                    .y = d->y,
                                    .n = n};
}

static void unknowns_are_found(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct data d;
    double beta[POINTS], evidence;
    make(&d);
    const struct sn_kriging_sums s = sums_of(&d, SUMS);
    check_ok(sn_kriging_solve(beta, &evidence, &s, d.g, 1e-3, &err), &err);
    for (int i = 0; i < POINTS; i++) {
        double r = 0;
        for (int j = 0; j < POINTS; j++)
            r += d.g[i * POINTS + j] * beta[j];
        near(r, d.r[i], 0.02);
    }
}

/* Twelve sums go through the sums.  With a thirteenth that says nothing (no
 * terms, y = 0) the same question goes through the unknowns. */
static void both_ways_agree(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct data d;
    double beta[2][POINTS], evidence[2];
    const double noise = 0.1;
    make(&d);
    d.start[POINTS + 1] = d.start[POINTS];
    d.y[POINTS] = 0;
    for (int i = 0; i < 2; i++) {
        const struct sn_kriging_sums s = sums_of(&d, POINTS + i);
        check_ok(sn_kriging_solve(beta[i], &evidence[i], &s, d.g, noise, &err),
                 &err);
    }
    for (int i = 0; i < POINTS; i++)
        near(beta[1][i], beta[0][i], 1e-4 * (1 + fabs(beta[0][i])));
    /* which adds -log(noise) to the evidence, and nothing else */
    near(evidence[1] + log(noise), evidence[0], 1e-3);
}

/* One sum of one unknown, by hand. */
static void one_of_one(void **state)
{
    (void)state;
    struct sn_error err = {0};
    const int start[] = {0, 1}, index[] = {0};
    const double count[] = {2}, y[] = {3}, g[] = {4};
    const struct sn_kriging_sums s = {.unknowns = 1,
                                      .start = start,
                                      .index = index,
                                      .count = count,
                                      .y = y,
                                      .n = 1};
    double beta, evidence;
    check_ok(sn_kriging_solve(&beta, &evidence, &s, g, 3, &err), &err);
    near(beta, 2 * 3 / (4 * 4 + 9.0), 1e-12);
    near(evidence, -0.5 * (9 / 25.0 + log(25)), 1e-12);
    const double none[] = {-100};
    check_ok(sn_kriging_solve(&beta, &evidence, &s, none, 3, &err), &err);
    assert_true(evidence == -HUGE_VAL);
}

static void survives_short_memory(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct data d;
    double beta[POINTS], evidence;
    make(&d);
    const struct sn_kriging_sums s = sums_of(&d, SUMS);
    check_fail_allocation(0);
    const sn_status rc = sn_kriging_solve(beta, &evidence, &s, d.g, 1, &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "no memory for 30 sums");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknowns_are_found),
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(one_of_one),
        cmocka_unit_test(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
