/* Distributions within a budget, against enumeration. */

#include "search/budget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

struct lab {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_cost_table table;
    double lowest, highest;
    double logit[SN_MAX_OPTIONS], p[SN_MAX_OPTIONS], q[SN_MAX_OPTIONS];
};

static struct lab *lab_make(struct dice *dice, int stages, bool one_kernel)
{
    struct lab *lab = calloc(1, sizeof *lab);
    const struct sn_target device = small_target();
    struct sn_error err = {0};
    assert_non_null(lab);
    random_space(dice, &lab->space, stages, 3);
    for (int is = 0; is < stages && one_kernel; is++)
        for (int ib = 0; ib < SN_MAX_DEPTH; ib++)
            for (int op = 0; op < SN_OP_COUNT; op++) {
                struct sn_op_space *of = &lab->space.stage[is].block[ib].of[op];
                of->n_k = of->n_k > 1 ? 1 : of->n_k;
            }
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_cost_table_make(&lab->table, &lab->space, &device, &err), &err);
    sn_cost_range(&lab->table, &lab->space, SN_BUDGET_LATENCY, &lab->lowest,
                  &lab->highest);
    for (int io = 0; io < lab->d.total; io++)
        lab->logit[io] = 2.0 * dice_normal(dice);
    return lab;
}

static double tilt(struct lab *lab, double target)
{
    double mu;
    sn_budget_tilt(&lab->table, &lab->space, &lab->d, lab->logit, target,
                   lab->q, &mu);
    return mu;
}

static double expected(const struct lab *lab, const double *p)
{
    return sn_expected_latency(&lab->table, &lab->space, &lab->d, p, NULL);
}

/* E[LAT] is the target to within the bisection, or mu is 0 and p as it was. */
static void expected_latency_keeps_to_the_target(void **state)
{
    (void)state;
    double worst = 0.0;
    int tilted = 0;
    for (uint32_t i = 0; i < 60; i++) {
        struct dice dice = dice_make(100 + i);
        struct lab *lab = lab_make(&dice, 1 + (int)(i % 4), false);
        const double share = 0.02 + 0.9 * (double)dice_roll(&dice, 0, 99) / 99;
        const double target =
            lab->lowest + share * (lab->highest - lab->lowest);
        const double mu = tilt(lab, target);
        sn_budget_softmax(&lab->d, lab->logit, lab->p);
        if (expected(lab, lab->p) <= target) {
            assert_true(mu == 0.0);
            check_same(lab->q, lab->p, (size_t)lab->d.total * sizeof *lab->q,
                       "p without a tilt");
        } else {
            const double error = expected(lab, lab->q) / target - 1.0;
            assert_true(mu > 0.0 && error <= 0.0);
            worst = fmax(worst, -error);
            tilted++;
        }
        free(lab);
    }
    printf("E[LAT] below its target by %.1e at most, %d budgets\n", worst,
           tilted);
    assert_true(tilted > 10 && worst < 1e-6); /* 0.5 % is asked for */
}

/* Adds weight to the options of a net that it meets. */
static void add_marginals(const struct lab *lab, const int *choice,
                          double weight, double *sum)
{
    const struct sn_decisions *d = &lab->d;
    for (int is = 0; is < lab->space.n_stages; is++) {
        const struct sn_stage_space *s = &lab->space.stage[is];
        const int depth = choice[d->depth[is]];
        sum[d->item[d->depth[is]].first + depth] += weight;
        for (int ib = 0; ib < s->depth[depth]; ib++) {
            const int io = choice[d->op[is][ib]];
            const sn_block_op op = s->block[ib].op[io];
            const int k = d->k[is][ib][op], e = d->e[is][ib][op];
            sum[d->item[d->op[is][ib]].first + io] += weight;
            sum[d->item[k].first + choice[k]] += weight;
            sum[d->item[e].first + choice[e]] += weight;
        }
    }
}

/* p(net): the product over what it meets. */
static double probability(const struct lab *lab, const int *choice,
                          const double *p)
{
    double met[SN_MAX_OPTIONS] = {0}, product = 1.0;
    add_marginals(lab, choice, 1.0, met);
    for (int io = 0; io < lab->d.total; io++)
        product *= met[io] > 0.0 ? p[io] : 1.0;
    return product;
}

/* The marginals of q(net) ~ p(net) exp(-mu LAT / T), by enumeration. */
static void tilt_is_the_projection(void **state)
{
    (void)state;
    double worst = 0.0;
    for (uint32_t i = 0; i < 12; i++) {
        struct dice dice = dice_make(200 + i);
        struct lab *lab = lab_make(&dice, 2, true);
        const double target = 0.7 * lab->lowest + 0.3 * lab->highest;
        const double mu = tilt(lab, target);
        double sum[SN_MAX_OPTIONS] = {0};
        int choice[SN_MAX_DECISIONS] = {0};
        const struct sn_target device = small_target();
        sn_budget_softmax(&lab->d, lab->logit, lab->p);
        do {
            struct sn_arch arch;
            struct sn_cost cost;
            sn_arch_choose(&arch, &lab->space, &lab->d, choice);
            sn_arch_cost(&cost, &arch, &device);
            add_marginals(lab, choice,
                          probability(lab, choice, lab->p) *
                              exp(-mu * cost.seconds / target),
                          sum);
        } while (next_net(&lab->space, &lab->d, choice));
        for (int id = 0; id < lab->d.count; id++) {
            const struct sn_decision *x = &lab->d.item[id];
            double all = 0.0;
            for (int io = x->first; io < x->first + x->n; io++)
                all += sum[io];
            for (int io = x->first; io < x->first + x->n; io++)
                worst = fmax(worst, fabs(sum[io] / all - lab->q[io]));
        }
        free(lab);
    }
    printf("marginals of the projection: %.1e apart\n", worst);
    assert_true(worst < 1e-9);
}

static void too_little_is_the_cheapest(void **state)
{
    (void)state;
    struct dice dice = dice_make(300);
    struct lab *lab = lab_make(&dice, 3, false);
    for (double share = 1.0; share > 0.4; share -= 0.25) {
        tilt(lab, share * lab->lowest);
        assert_true(expected(lab, lab->q) < 1.0001 * lab->lowest);
    }
    assert_true(tilt(lab, 0.0) == 0.0 && tilt(lab, (double)INFINITY) == 0.0);
    free(lab);
}

/* tau is the difference that an option makes, by definition. */
static void slopes_are_differences(void **state)
{
    (void)state;
    struct dice dice = dice_make(301);
    struct lab *lab = lab_make(&dice, 3, false);
    double tau[SN_MAX_OPTIONS];
    sn_budget_softmax(&lab->d, lab->logit, lab->p);
    const double mean =
        sn_budget_slopes(&lab->table, &lab->space, &lab->d, lab->p, tau);
    assert_true(mean == expected(lab, lab->p));
    for (int id = 0; id < lab->d.count; id++) {
        const struct sn_decision *x = &lab->d.item[id];
        for (int i = 0; i < x->n; i++) {
            memcpy(lab->q, lab->p, sizeof lab->q);
            for (int j = 0; j < x->n; j++)
                lab->q[x->first + j] = i == j;
            assert_true(fabs(expected(lab, lab->q) - mean - tau[x->first + i]) <
                        1e-12 * mean);
        }
    }
    free(lab);
}

static void target_falls_to_the_budget(void **state)
{
    (void)state;
    assert_true(sn_budget_anneal(3.0, 1.0, 0.0) == 3.0);
    assert_true(fabs(sn_budget_anneal(3.0, 1.0, 0.3) - 2.0) < 1e-15);
    assert_true(sn_budget_anneal(3.0, 1.0, 0.6) == 1.0);
    assert_true(sn_budget_anneal(3.0, 1.0, 1.0) == 1.0);
    assert_true(sn_budget_anneal(0.5, 1.0, 0.0) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expected_latency_keeps_to_the_target),
        cmocka_unit_test(tilt_is_the_projection),
        cmocka_unit_test(too_little_is_the_cheapest),
        cmocka_unit_test(slopes_are_differences),
        cmocka_unit_test(target_falls_to_the_budget),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
