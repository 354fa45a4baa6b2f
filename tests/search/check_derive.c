/* Derivation against enumeration, against GLPK, and against the clock. */

#include "search/derive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "glpk.h"
#include "random_space.h"

/* A budget of latency alone. */
static struct sn_budget latency_only(double seconds)
{
    struct sn_budget b = sn_budget_none;
    b.limit[SN_BUDGET_LATENCY] = seconds;
    return b;
}

/* sn_derive for one latency. */
static sn_status derive_for(struct sn_arch *arch, const struct sn_space *space,
                            const struct sn_decisions *d,
                            const struct sn_cost_table *t, const double *value,
                            double seconds, double *worth, struct sn_error *err)
{
    const struct sn_budget budget = latency_only(seconds);
    struct sn_derived out;
    const sn_status rc =
        sn_derive(arch, space, d, t, value, &budget, &out, err);
    if (rc != SN_OK)
        return rc;
    assert_true(out.gap == 0.0);
    if (worth)
        *worth = out.worth;
    return SN_OK;
}

static double latency_of(const struct sn_cost_table *t,
                         const struct sn_space *space,
                         const struct sn_decisions *d, const int *choice)
{
    double latency = t->fixed.seconds;
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        const int depth = s->depth[choice[d->depth[is]]];
        for (int ib = 0; ib < depth; ib++) {
            const sn_block_op op = s->block[ib].op[choice[d->op[is][ib]]];
            latency += t->block[is][ib][op][choice[d->k[is][ib][op]]]
                               [choice[d->e[is][ib][op]]]
                                   .seconds;
        }
    }
    return latency;
}

/* The best net by trying all; false when none meets the budget. */
static bool best_of_all(struct sn_arch *best, double *best_worth,
                        double *best_latency, const struct sn_space *space,
                        const struct sn_decisions *d,
                        const struct sn_cost_table *t, const double *value,
                        double budget)
{
    int choice[SN_MAX_DECISIONS] = {0};
    bool found = false;
    do {
        const double latency = latency_of(t, space, d, choice);
        const double worth = net_worth(space, d, value, choice);
        if (latency > budget ||
            (found && (worth < *best_worth ||
                       (worth == *best_worth && latency >= *best_latency))))
            continue; /* on a full tie the first net listed stays */
        sn_arch_choose(best, space, d, choice);
        *best_worth = worth;
        *best_latency = latency;
        found = true;
    } while (next_net(space, d, choice));
    return found;
}

/* Costs and values that are small integers: every sum is exact, ties abound. */
static void integer_problem(struct dice *dice, struct sn_cost_table *t,
                            double *value, const struct sn_decisions *d,
                            int spread)
{
    memset(t, 0, sizeof *t);
    t->fixed.seconds = dice_roll(dice, 1, 3);
    struct sn_cost *c = &t->block[0][0][0][0][0];
    for (size_t i = 0; i < sizeof t->block / sizeof *c; i++)
        c[i].seconds = dice_roll(dice, 1, spread);
    for (int io = 0; io < d->total; io++)
        value[io] = dice_roll(dice, -spread, spread);
}

static void every_tie_is_broken_as_told(void **state)
{
    (void)state;
    struct dice dice = dice_make(11);
    struct sn_cost_table *t = malloc(sizeof *t);
    int solved = 0, refused = 0;
    for (int i = 0; i < 300; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch want, got;
        struct sn_error err = {0};
        double value[SN_MAX_OPTIONS], lowest, highest;
        double want_worth = 0.0, want_latency = 0.0, worth = 0.0;
        random_space(&dice, &space, 2, 2);
        sn_decisions_make(&d, &space);
        integer_problem(&dice, t, value, &d, i % 2 ? 3 : 100);
        sn_cost_range(t, &space, SN_BUDGET_LATENCY, &lowest, &highest);
        const double budget =
            dice_roll(&dice, (int)lowest - 1, (int)highest + 1);
        if (best_of_all(&want, &want_worth, &want_latency, &space, &d, t, value,
                        budget)) {
            check_ok(
                derive_for(&got, &space, &d, t, value, budget, &worth, &err),
                &err);
            assert_true(worth == want_worth);
            assert_true(sn_arch_equal(&got, &want));
            solved++;
        } else {
            check_fails(
                derive_for(&got, &space, &d, t, value, budget, &worth, &err),
                &err, SN_ERR_INFEASIBLE, "attainable: ");
            refused++;
        }
    }
    assert_true(solved > 200 && refused > 3);
    free(t);
}

static void real_costs_and_values(void **state)
{
    (void)state;
    struct dice dice = dice_make(12);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target target = small_target();
    for (int i = 0; i < 200; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch want, got;
        struct sn_error err = {0};
        struct sn_cost cost;
        double value[SN_MAX_OPTIONS], lowest, highest;
        double want_worth = 0.0, want_latency = 0.0, worth = 0.0;
        random_space(&dice, &space, 2, 2);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
        for (int io = 0; io < d.total; io++)
            value[io] = dice_normal(&dice);
        sn_cost_range(t, &space, SN_BUDGET_LATENCY, &lowest, &highest);
        double budget =
            lowest + (highest - lowest) * dice_roll(&dice, 0, 10) / 10.0;
        if (i % 5 == 0)
            budget = INFINITY;
        assert_true(best_of_all(&want, &want_worth, &want_latency, &space, &d,
                                t, value, fmax(budget, lowest * 1.0000001)));
        check_ok(derive_for(&got, &space, &d, t, value,
                            fmax(budget, lowest * 1.0000001), &worth, &err),
                 &err);
        assert_true(fabs(worth - want_worth) < 1e-12);
        assert_true(sn_arch_equal(&got, &want));
        sn_arch_cost(&cost, &got, &target); /* to the last bit */
        assert_true(cost.seconds <= fmax(budget, lowest * 1.0000001));
    }
    free(t);
}

/* A budget that is a net's very latency admits that net. */
static void budgets_are_met_exactly(void **state)
{
    (void)state;
    struct dice dice = dice_make(13);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target target = small_target();
    for (int i = 0; i < 200; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch net, got;
        struct sn_error err = {0};
        struct sn_cost cost;
        int choice[SN_MAX_DECISIONS];
        double value[SN_MAX_OPTIONS] = {0};
        random_space(&dice, &space, 4, 4);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
        random_choice(&dice, &d, choice);
        for (int id = 0; id < d.count; id++)
            value[d.item[id].first + choice[id]] = 1.0;
        /* its depths above all, or a deeper net might be worth more */
        for (int is = 0; is < space.n_stages; is++)
            value[d.item[d.depth[is]].first + choice[d.depth[is]]] = 1000.0;
        sn_arch_choose(&net, &space, &d, choice);
        sn_arch_cost(&cost, &net, &target);
        check_ok(
            derive_for(&got, &space, &d, t, value, cost.seconds, NULL, &err),
            &err);
        assert_true(sn_arch_equal(&got, &net));
        sn_status rc = derive_for(&got, &space, &d, t, value,
                                  nextafter(cost.seconds, 0.0), NULL, &err);
        if (rc == SN_OK)
            assert_false(sn_arch_equal(&got, &net));
        else
            check_fails(rc, &err, SN_ERR_INFEASIBLE, "latency budget ");
    }
    free(t);
}

static void refusal_names_the_range(void **state)
{
    (void)state;
    struct dice dice = dice_make(14);
    struct sn_cost_table *t = calloc(1, sizeof *t);
    struct sn_space space;
    struct sn_decisions d;
    struct sn_error err = {0};
    random_space(&dice, &space, 1, 1);
    sn_decisions_make(&d, &space);
    t->fixed.seconds = 2e-6;
    struct sn_cost *c = &t->block[0][0][0][0][0];
    for (size_t i = 0; i < sizeof t->block / sizeof *c; i++)
        c[i].seconds = 4e-6;
    double value[SN_MAX_OPTIONS] = {0}, worth = 77.0;
    struct sn_arch got = {.h = -1};
    check_fails(derive_for(&got, &space, &d, t, value, 5e-6, &worth, &err),
                &err, SN_ERR_INFEASIBLE,
                "latency budget 5 us: no net of this space meets it; "
                "attainable: 6 us to 6 us");
    assert_true(worth == 77.0 && got.h == -1);
    free(t);
}

static void memory_can_run_out(void **state)
{
    (void)state;
    struct dice dice = dice_make(15);
    struct sn_cost_table *t = malloc(sizeof *t);
    struct sn_space space;
    struct sn_decisions d;
    struct sn_arch got;
    double value[SN_MAX_OPTIONS];
    random_space(&dice, &space, 2, 2);
    sn_decisions_make(&d, &space);
    integer_problem(&dice, t, value, &d, 100);
    for (int n = 0;; n++) {
        struct sn_error err = {0};
        check_fail_allocation(n);
        const sn_status rc =
            derive_for(&got, &space, &d, t, value, INFINITY, NULL, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            assert_true(n >= 3);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "derivation: no memory for ");
    }
    free(t);
}

/* Seven stages of up to four blocks with four options each. */
static void uniform_space(struct sn_space *space)
{
    *space = (struct sn_space){.h = 64,
                               .w = 64,
                               .c = 3,
                               .classes = 10,
                               .stem = 16,
                               .stem_stride = 1,
                               .act = SN_ACT_RELU,
                               .n_stages = 7};
    for (int is = 0; is < 7; is++) {
        struct sn_stage_space *s = &space->stage[is];
        *s = (struct sn_stage_space){.width = 16 * (is + 1),
                                     .stride = 1 + is % 2,
                                     .n_depth = 4,
                                     .depth = {1, 2, 3, 4}};
        for (int ib = 0; ib < 4; ib++)
            s->block[ib] = (struct sn_block_space){
                .n_op = 2,
                .op = {SN_OP_IBN, SN_OP_FUSED},
                .of = {{.n_k = 1, .k = {3}, .n_e = 2, .e = {3, 6}},
                       {.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}}}};
    }
}

static void large_spaces_take_moments(void **state)
{
    (void)state;
    struct dice dice = dice_make(16);
    struct sn_cost_table *t = malloc(sizeof *t);
    struct sn_space space;
    struct sn_decisions d;
    struct sn_arch got;
    struct sn_error err = {0};
    struct timespec start, end;
    double value[SN_MAX_OPTIONS], lowest, highest, slowest = 0.0;
    uniform_space(&space);
    sn_decisions_make(&d, &space);
    /* the hard case: what costs more is worth more, in about proportion, so
     * hardly a label dominates another */
    memset(t, 0, sizeof *t);
    for (int id = 0; id < d.count; id++) {
        const struct sn_decision *x = &d.item[id];
        for (int i = 0; i < x->n; i++) {
            double *v = &value[x->first + i];
            *v = 0.0;
            if (x->kind != SN_DECIDE_E)
                continue;
            struct sn_cost *c = t->block[x->stage][x->block][x->op][0];
            c[i].seconds = 1.0 + fabs(dice_normal(&dice));
            *v = c[i].seconds + 0.05 * dice_normal(&dice);
        }
    }
    sn_cost_range(t, &space, SN_BUDGET_LATENCY, &lowest, &highest);
    for (int i = 0; i < 3; i++) {
        const double budget = lowest + (highest - lowest) * (0.2 + 0.3 * i);
        clock_gettime(CLOCK_MONOTONIC, &start);
        check_ok(derive_for(&got, &space, &d, t, value, budget, NULL, &err),
                 &err);
        clock_gettime(CLOCK_MONOTONIC, &end);
        slowest =
            fmax(slowest, (double)(end.tv_sec - start.tv_sec) +
                              1e-9 * (double)(end.tv_nsec - start.tv_nsec));
    }
    printf("derivation in a space of %.1e nets: %.3f s\n",
           sn_space_size(&space), slowest);
    free(t);
}

/* ---- the same programme, solved by GLPK ---- */

static void glpk_finds_no_better(void **state)
{
    (void)state;
    if (!glpk_is_there())
        skip();
    struct dice dice = dice_make(17);
    struct sn_cost_table *t = malloc(sizeof *t);
    for (int i = 0; i < 6; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch got;
        struct sn_error err = {0};
        double value[SN_MAX_OPTIONS], lowest, highest, worth = 0.0;
        random_space(&dice, &space, 4, 4);
        sn_decisions_make(&d, &space);
        integer_problem(&dice, t, value, &d, 1000);
        sn_cost_range(t, &space, SN_BUDGET_LATENCY, &lowest, &highest);
        const double budget = floor(0.6 * lowest + 0.4 * highest);
        const struct sn_budget limits = latency_only(budget);
        check_ok(derive_for(&got, &space, &d, t, value, budget, &worth, &err),
                 &err);
        const double want = glpk_worth(&space, &d, t, value, &limits);
        if (!(fabs(worth - want) < 1e-6))
            fail_msg("instance %d: worth %g, GLPK %g", i, worth, want);
    }
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tie_is_broken_as_told),
        cmocka_unit_test(real_costs_and_values),
        cmocka_unit_test(budgets_are_met_exactly),
        cmocka_unit_test(refusal_names_the_range),
        cmocka_unit_test(memory_can_run_out),
        cmocka_unit_test(large_spaces_take_moments),
        cmocka_unit_test(glpk_finds_no_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
