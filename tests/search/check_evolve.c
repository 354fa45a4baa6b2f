/* Evolution and its surrogate, on fitness that is known. */

#include "search/surrogate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

struct lab {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_cost_table table;
    struct sn_budget budget;
    struct sn_choice_limits limits;
    double value[SN_MAX_OPTIONS];
    int choice[SN_MAX_DECISIONS];
};

/* A random space with values for its options, half of its latencies allowed. */
static struct lab *lab_make(uint32_t item)
{
    struct lab *lab = calloc(1, sizeof *lab);
    const struct sn_target device = small_target();
    struct sn_error err = {0};
    struct dice dice = dice_make(item);
    double low, high;
    assert_non_null(lab);
    random_space(&dice, &lab->space, 2, 2);
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_cost_table_make(&lab->table, &lab->space, &device, &err), &err);
    sn_cost_range(&lab->table, &lab->space, SN_BUDGET_LATENCY, &low, &high);
    lab->budget = sn_budget_none;
    lab->budget.limit[SN_BUDGET_LATENCY] = 0.5 * (low + high);
    lab->limits = (struct sn_choice_limits){&lab->space, &lab->d, &lab->table,
                                            &lab->budget, item};
    for (int io = 0; io < lab->d.total; io++)
        lab->value[io] = dice_normal(&dice);
    return lab;
}

/* ---- lists of nets ---- */

static void nets_stand_once_and_in_order(void **state)
{
    (void)state;
    const struct sn_decisions d = {.count = 3};
    struct sn_error err = {0};
    struct sn_nets p, q;
    static const int net[5][3] = {
        {0, 0, 1}, {1, 0, 0}, {0, 1, 0}, {2, 1, 0}, {0, 0, 0}};
    static const double fitness[4] = {1, 3, 1, 2};
    check_ok(sn_nets_init(&p, &d, 4, &err), &err);
    for (int i = 0; i < 4; i++)
        assert_int_equal(sn_nets_add(&p, net[i], fitness[i]), i);
    assert_int_equal(sn_nets_add(&p, net[2], 9), -1); /* there already */
    assert_int_equal(sn_nets_add(&p, net[4], 9), -1); /* no room */
    assert_int_equal(sn_nets_find(&p, net[3]), 3);
    assert_int_equal(sn_nets_find(&p, net[4]), -1);
    sn_nets_sort(&p);
    static const int order[4] = {1, 3, 0, 2}; /* equal ones as they came */
    for (int i = 0; i < 4; i++) {
        assert_memory_equal(sn_nets_at(&p, i), net[order[i]], sizeof net[0]);
        assert_true(p.fitness[i] == fitness[order[i]]);
        assert_int_equal(sn_nets_find(&p, net[order[i]]), i);
    }
    check_ok(sn_nets_init(&q, &d, 1, &err), &err);
    (void)sn_nets_add(&q, net[4], 0);
    assert_int_equal(sn_nets_differ(&p, 1, &q, 0), 2);
    sn_nets_release(&q);
    sn_nets_release(&p);
    for (int i = 0; i < 3; i++) {
        check_fail_allocation(i);
        check_fails(sn_nets_init(&p, &d, 4, &err), &err, SN_ERR_MEMORY,
                    "no memory for 4 nets");
        assert_true(check_allocation_failed());
    }
}

/* Without memory for the places the order is the same. */
static void sorting_needs_no_memory(void **state)
{
    (void)state;
    const struct sn_decisions d = {.count = 1};
    struct dice dice = dice_make(700);
    struct sn_error err = {0};
    struct sn_nets a, b;
    check_ok(sn_nets_init(&a, &d, 50, &err), &err);
    check_ok(sn_nets_init(&b, &d, 50, &err), &err);
    for (int i = 0; i < 50; i++) {
        const double fitness = dice_roll(&dice, 0, 9);
        (void)sn_nets_add(&a, &i, fitness);
        (void)sn_nets_add(&b, &i, fitness);
    }
    sn_nets_sort(&a);
    check_fail_allocation(0);
    sn_nets_sort(&b);
    assert_true(check_allocation_failed());
    assert_memory_equal(a.choice, b.choice, 50 * sizeof *a.choice);
    for (int i = 1; i < 50; i++)
        assert_true(a.fitness[i - 1] > a.fitness[i] ||
                    (a.fitness[i - 1] == a.fitness[i] &&
                     a.choice[i - 1] < a.choice[i]));
    sn_nets_release(&a);
    sn_nets_release(&b);
}

/* ---- evolution ---- */

/* The best net by looking at all of them. */
static double best_of_all(struct lab *lab)
{
    double best = -(double)INFINITY;
    memset(lab->choice, 0, sizeof lab->choice);
    do {
        if (!sn_choice_within(&lab->limits, lab->choice))
            continue;
        best = fmax(best,
                    net_worth(&lab->space, &lab->d, lab->value, lab->choice));
    } while (next_net(&lab->space, &lab->d, lab->choice));
    return best;
}

static void evolution_finds_the_best(void **state)
{
    (void)state;
    struct sn_error err = {0};
    for (uint32_t item = 0; item < 8; item++) {
        struct lab *lab = lab_make(720 + item);
        struct sn_value_fitness f = {&lab->space, &lab->d, lab->value};
        const struct sn_evolution e = {.limits = &lab->limits,
                                       .fitness = sn_fitness_of_values,
                                       .ctx = &f,
                                       .generations = 10};
        struct sn_nets pool, again;
        check_ok(sn_nets_init(&pool, &lab->d, 1200, &err), &err);
        check_ok(sn_nets_init(&again, &lab->d, 1200, &err), &err);
        check_ok(sn_evolve(&e, &pool, &err), &err);
        check_ok(sn_evolve(&e, &again, &err), &err);
        const double best = best_of_all(lab);
        assert_true(fabs(pool.fitness[0] - best) < 1e-12);
        for (int i = 0; i < pool.n; i++) {
            int *net = sn_nets_at(&pool, i);
            assert_true(sn_choice_within(&lab->limits, net));
            assert_true(fabs(pool.fitness[i] -
                             net_worth(&lab->space, &lab->d, lab->value, net)) <
                        1e-12);
            assert_int_equal(sn_nets_find(&pool, net), i);
        }
        assert_int_equal(pool.n, again.n);
        assert_memory_equal(pool.choice, again.choice,
                            (size_t)(pool.n * pool.count) * sizeof(int));
        sn_nets_release(&pool);
        sn_nets_release(&again);
        free(lab);
    }
}

static void evolution_needs_a_net(void **state)
{
    (void)state;
    struct lab *lab = lab_make(720);
    struct sn_value_fitness f = {&lab->space, &lab->d, lab->value};
    const struct sn_evolution e = {
        .limits = &lab->limits, .fitness = sn_fitness_of_values, .ctx = &f};
    struct sn_error err = {0};
    struct sn_nets pool;
    lab->budget.limit[SN_BUDGET_LATENCY] = 1e-12;
    check_ok(sn_nets_init(&pool, &lab->d, 10, &err), &err);
    check_fails(sn_evolve(&e, &pool, &err), &err, SN_ERR_INFEASIBLE,
                "attainable");
    sn_nets_release(&pool);
    free(lab);
}

/* ---- the surrogate ---- */

/* One open decision, one net with each of its options, scores 1 and 0: K is the
 * unit matrix, weights are +-.5 / (1 + lambda), and a net left out is off by .5
 * whatever lambda is, so the first one is taken: .1. */
static void surrogate_is_what_hands_make_it(void **state)
{
    (void)state;
    static struct sn_space space;
    static struct sn_decisions d;
    static double value[SN_MAX_OPTIONS];
    struct sn_error err = {0};
    space = (struct sn_space){.n_stages = 1};
    struct sn_stage_space *s = &space.stage[0];
    s->n_depth = 1;
    s->depth[0] = 1;
    s->block[0].n_op = 1;
    s->block[0].op[0] = SN_OP_IBN;
    s->block[0].of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 6}};
    sn_decisions_make(&d, &space);
    const struct sn_choice_limits limits = {.space = &space, .d = &d};
    const int e = d.e[0][0][SN_OP_IBN];
    int choice[8] = {0};
    struct sn_nets nets;
    struct sn_surrogate sur;
    check_ok(sn_nets_init(&nets, &d, 2, &err), &err);
    (void)sn_nets_add(&nets, choice, 1.0);
    choice[e] = 1;
    (void)sn_nets_add(&nets, choice, 0.0);
    check_ok(sn_surrogate_fit(&sur, &limits, &nets, &err), &err);
    assert_true(sur.mean == 0.5 && sur.lambda == 0.1);
    assert_true(fabs(sur.error - 0.5) < 1e-12);
    assert_true(fabs(sn_surrogate_score(&sur, choice) - (0.5 - 0.5 / 1.1)) <
                1e-12);
    sn_surrogate_values(&sur, value);
    assert_true(fabs(value[d.item[e].first] - 0.5 / 1.1) < 1e-12);
    assert_true(fabs(value[d.item[e].first + 1] + 0.5 / 1.1) < 1e-12);
    sn_surrogate_release(&sur);
    for (int i = 0; i < 4; i++) {
        check_fail_allocation(i);
        check_fails(sn_surrogate_fit(&sur, &limits, &nets, &err), &err,
                    SN_ERR_MEMORY, "no memory to compare 2 nets");
        assert_true(check_allocation_failed());
    }
    sn_nets_release(&nets);
}

/* From the scores of some nets it foretells those of others: sums of values,
 * with a little noise. */
static void surrogate_foretells(void **state)
{
    (void)state;
    enum { SEEN = 80, NEW = 60 };
    struct sn_error err = {0};
    for (uint32_t item = 0; item < 4; item++) {
        struct lab *lab = lab_make(740 + item);
        struct dice dice = dice_make(760 + item);
        struct sn_nets nets;
        struct sn_surrogate sur;
        double off = 0.0, spread = 0.0, mean = 0.0;
        check_ok(sn_nets_init(&nets, &lab->d, SEEN, &err), &err);
        for (int i = 0; i < SEEN; i++) {
            random_choice(&dice, &lab->d, lab->choice);
            sn_choice_settle(&lab->space, &lab->d, lab->choice);
            const double worth =
                net_worth(&lab->space, &lab->d, lab->value, lab->choice);
            (void)sn_nets_add(&nets, lab->choice,
                              worth + 0.01 * dice_normal(&dice));
        }
        if (nets.n < 8) { /* of a space that is too small to say anything */
            sn_nets_release(&nets);
            free(lab);
            continue;
        }
        check_ok(sn_surrogate_fit(&sur, &lab->limits, &nets, &err), &err);
        for (int i = 0; i < nets.n; i++)
            mean += nets.fitness[i] / nets.n;
        for (int i = 0; i < NEW; i++) {
            random_choice(&dice, &lab->d, lab->choice);
            sn_choice_settle(&lab->space, &lab->d, lab->choice);
            const double worth =
                net_worth(&lab->space, &lab->d, lab->value, lab->choice);
            const double told = sn_surrogate_score(&sur, lab->choice);
            off += (told - worth) * (told - worth);
            spread += (worth - mean) * (worth - mean);
        }
        assert_true(off < 0.1 * spread);
        sn_surrogate_release(&sur);
        sn_nets_release(&nets);
        free(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_stand_once_and_in_order),
        cmocka_unit_test(sorting_needs_no_memory),
        cmocka_unit_test(evolution_finds_the_best),
        cmocka_unit_test(evolution_needs_a_net),
        cmocka_unit_test(surrogate_is_what_hands_make_it),
        cmocka_unit_test(surrogate_foretells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
