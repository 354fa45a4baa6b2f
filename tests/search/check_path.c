/* The controller of mode = single-path, on made-up slopes. */

#include "search/path.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

struct lab {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_cost_table table;
    struct sn_path c;
    struct sn_path_odds odds;
    double lowest, highest;
    int choice[SN_MAX_DECISIONS];
    struct sn_probe probe[SN_MAX_PROBES];
};

static struct lab *lab_make(uint32_t item, int stages)
{
    struct lab *lab = calloc(1, sizeof *lab);
    const struct sn_target device = small_target();
    struct sn_error err = {0};
    struct dice dice = dice_make(item);
    assert_non_null(lab);
    random_space(&dice, &lab->space, stages, 3);
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_cost_table_make(&lab->table, &lab->space, &device, &err), &err);
    sn_cost_range(&lab->table, &lab->space, SN_BUDGET_LATENCY, &lab->lowest,
                  &lab->highest);
    return lab;
}

static void lab_start(struct lab *lab, double target, uint64_t seed)
{
    sn_path_init(&lab->c, &lab->space, &lab->d, &lab->table, target, seed);
}

static double latency(const struct lab *lab, const int *choice)
{
    struct sn_arch arch;
    struct sn_cost cost;
    const struct sn_target device = small_target();
    sn_arch_choose(&arch, &lab->space, &lab->d, choice);
    sn_arch_cost(&cost, &arch, &device);
    return cost.seconds;
}

/* ---- draws ---- */

static void draws_follow_the_odds(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    struct lab *lab = lab_make(400, 3);
    static double seen[SN_MAX_OPTIONS];
    int again[SN_MAX_DECISIONS];
    struct dice dice = dice_make(401);
    lab_start(lab, lab->lowest * 1.2, 5);
    for (int io = 0; io < lab->d.total; io++)
        lab->c.state.logit[io] = dice_normal(&dice);
    sn_path_odds(&lab->c, 0.0, 1.0, &lab->odds);
    assert_true(lab->odds.explore == 0.2 && lab->odds.largest == 0.25);
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < DRAWS; i++) {
        sn_path_draw(&lab->c, &lab->odds, i, false, lab->choice);
        for (int id = 0; id < lab->d.count; id++)
            seen[lab->d.item[id].first + lab->choice[id]] += 1.0 / DRAWS;
    }
    sn_path_draw(&lab->c, &lab->odds, DRAWS - 1, false, again);
    assert_memory_equal(again, lab->choice, lab->d.count * sizeof *again);
    for (int id = 0; id < lab->d.count; id++)
        for (int i = 0; i < lab->d.item[id].n; i++) {
            const int io = lab->d.item[id].first + i;
            const double p = 0.8 * lab->odds.p[io] + 0.2 / lab->d.item[id].n;
            assert_true(fabs(seen[io] - p) < 4.5 * sqrt(0.25 / DRAWS));
        }
    sn_path_odds(&lab->c, 1.0, 1.0, &lab->odds);
    assert_true(fabs(lab->odds.explore - 0.05) < 1e-15 &&
                fabs(lab->odds.largest - 0.05) < 1e-15);
    free(lab);
}

/* Whether no decision but an op could be smaller. */
static bool smallest(const struct lab *lab)
{
    for (int id = 0; id < lab->d.count; id++)
        if (lab->d.item[id].kind != SN_DECIDE_OP && lab->choice[id] > 0 &&
            sn_decision_met(&lab->space, &lab->d, lab->choice, id))
            return false;
    return true;
}

/* Now and then the largest net, within 2.5 T'; without a budget all of it. */
static void large_nets_keep_a_bound(void **state)
{
    (void)state;
    enum { DRAWS = 400 };
    for (uint32_t i = 0; i < 8; i++) {
        struct lab *lab = lab_make(410 + i, 3);
        const double target = i % 2 ? lab->lowest * 1.1 : 0.0;
        int large = 0, plain[SN_MAX_DECISIONS];
        lab_start(lab, target, i);
        sn_path_odds(&lab->c, 0.0, 1.0, &lab->odds);
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            sn_path_draw(&lab->c, &lab->odds, draw, false, plain);
            sn_path_draw(&lab->c, &lab->odds, draw, true, lab->choice);
            if (memcmp(plain, lab->choice, lab->d.count * sizeof *plain) == 0)
                continue;
            large++;
            const double takes = latency(lab, lab->choice);
            assert_true(target == 0.0 || takes <= 2.5 * target * (1 + 1e-12) ||
                        smallest(lab));
            for (int id = 0; id < lab->d.count; id++) {
                const struct sn_decision *x = &lab->d.item[id];
                if (x->kind == SN_DECIDE_OP)
                    assert_int_equal(lab->choice[id], plain[id]);
                else if (target == 0.0)
                    assert_int_equal(lab->choice[id], x->n - 1);
            }
        }
        printf("%d of %d draws are large\n", large, DRAWS);
        assert_true(large <= DRAWS * 0.35);
        assert_true(large >= DRAWS * 0.15 || lab->d.total == lab->d.count);
        free(lab);
    }
}

/* ---- questions ---- */

/* Whether asking takes a run: another op or kernel of full convolutions, or
 * more of anything but blocks. */
static bool is_dear(const struct sn_decision *x, bool up)
{
    return x->kind == SN_DECIDE_OP ||
           (x->kind == SN_DECIDE_K && x->op != SN_OP_IBN) ||
           (x->kind != SN_DECIDE_DEPTH && up);
}

/* Every probe is proper; what is free is asked always; a block has one question
 * that is not, where there is any. */
static void questions_are_proper(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        struct lab *lab = lab_make(430 + i, 3);
        int dear[SN_MAX_STAGES][SN_MAX_DEPTH] = {{0}}, freebies = 0, want = 0;
        lab_start(lab, 0.0, i);
        sn_path_odds(&lab->c, 0.0, 0.0, &lab->odds);
        sn_path_draw(&lab->c, &lab->odds, i, false, lab->choice);
        const int n = sn_path_ask(&lab->c, lab->choice, i, lab->probe);
        for (int j = 0; j < n; j++) {
            const struct sn_probe *p = &lab->probe[j];
            const struct sn_decision *x = &lab->d.item[p->decision];
            assert_true(sn_decision_met(&lab->space, &lab->d, lab->choice,
                                        p->decision));
            assert_int_equal(p->from, lab->choice[p->decision]);
            assert_int_equal(abs(p->to - p->from), 1);
            assert_true(p->to >= 0 && p->to < x->n);
            if (is_dear(x, p->to > p->from))
                dear[x->stage][x->block]++;
            else
                freebies += p->to < p->from;
        }
        for (int id = 0; id < lab->d.count; id++) {
            const struct sn_decision *x = &lab->d.item[id];
            if (!sn_decision_met(&lab->space, &lab->d, lab->choice, id))
                continue;
            want += !is_dear(x, false) && lab->choice[id] > 0;
            if (x->kind == SN_DECIDE_OP)
                assert_true(dear[x->stage][x->block] <= 1);
            if (x->kind == SN_DECIDE_OP && x->n > 1)
                assert_int_equal(dear[x->stage][x->block], 1);
        }
        assert_int_equal(freebies, want);
        free(lab);
    }
}

/* What rules bar together is neither drawn nor asked about; what is left is
 * drawn as its odds are. */
static void nothing_barred_is_drawn(void **state)
{
    (void)state;
    int barred = 0;
    for (uint32_t i = 0; i < 40; i++) {
        struct lab *lab = lab_make(470 + i, 3);
        struct sn_arch arch;
        struct sn_error err;
        for (int is = 0; is < lab->space.n_stages; is++)
            for (int ib = 0; ib < sn_space_max_depth(&lab->space, is); ib++)
                for (int op = 0; op < SN_OP_COUNT; op++) {
                    struct sn_op_space *of =
                        &lab->space.stage[is].block[ib].of[op];
                    if (of->n_k > 1 && of->n_e > 1) {
                        of->barred[1] = 1U << 1; /* the largest together */
                        barred++;
                    }
                }
        lab_start(lab, 0.0, i);
        sn_path_odds(&lab->c, 0.5, 0.5, &lab->odds);
        for (uint32_t draw = 0; draw < 50; draw++) {
            sn_path_draw(&lab->c, &lab->odds, draw, true, lab->choice);
            sn_arch_choose(&arch, &lab->space, &lab->d, lab->choice);
            check_ok(sn_arch_in_space(&arch, &lab->space, &err), &err);
            const int n = sn_path_ask(&lab->c, lab->choice, draw, lab->probe);
            for (int j = 0; j < n; j++) {
                const int id = lab->probe[j].decision;
                lab->choice[id] = lab->probe[j].to;
                sn_arch_choose(&arch, &lab->space, &lab->d, lab->choice);
                check_ok(sn_arch_in_space(&arch, &lab->space, &err), &err);
                lab->choice[id] = lab->probe[j].from;
            }
        }
        free(lab);
    }
    assert_true(barred > 10);
}

/* ---- the table ---- */

/* The first decision of a kind that has so many options; -1: none. */
static int find(const struct lab *lab, sn_decision_kind kind, int n)
{
    for (int id = 0; id < lab->d.count; id++)
        if (lab->d.item[id].kind == kind && lab->d.item[id].n == n)
            return id;
    return -1;
}

static void values_by_the_trapezoid_rule(void **state)
{
    (void)state;
    struct lab *lab = NULL;
    int id = -1;
    for (uint32_t i = 0; id < 0; i++) {
        free(lab);
        lab = lab_make(480 + i, 3);
        id = find(lab, SN_DECIDE_DEPTH, 3);
    }
    double p[SN_MAX_OPTIONS], value[SN_MAX_OPTIONS];
    const int first = lab->d.item[id].first;
    lab_start(lab, 0.0, 1);
    sn_budget_softmax(&lab->d, lab->c.state.logit, p);
    /* the upper side alone says nothing */
    const struct sn_probe off = {id, 0, 1, 4.0}, on = {id, 1, 0, -2.0};
    sn_path_update(&lab->c, &off, 1, p, true);
    sn_path_values(&lab->c, p, value);
    for (int io = 0; io < lab->d.total; io++)
        assert_true(value[io] == 0.0);
    /* D_1 = (4 + 2) / 2, D_2 = (-1 - 3) / 2; Q = 0, 3, 1; v = mean Q - Q */
    const struct sn_probe more[] = {
        on, {id, 1, 2, -1.0}, {id, 2, 1, 3.0}, off, on};
    sn_path_update(&lab->c, more, 5, p, true);
    sn_path_values(&lab->c, p, value);
    const double want[] = {4.0 / 3, 4.0 / 3 - 3, 4.0 / 3 - 1};
    for (int i = 0; i < 3; i++)
        assert_true(fabs(value[first + i] - want[i]) < 1e-14);
    /* averages forget: .98 an observation, without a bias at the start */
    const struct sn_probe later = {id, 0, 1, 10.0};
    sn_path_update(&lab->c, &later, 1, p, true);
    sn_path_values(&lab->c, p, value);
    const double a = 0.02 * (0.98 * 0.98 + 0.98) * 4.0 + 0.02 * 10.0;
    const double b = 0.02 * (0.98 * 0.98 + 0.98 + 1.0);
    assert_true(fabs(value[first] - value[first + 1] - 0.5 * (a / b + 2.0)) <
                1e-13);
    for (int io = 0; io < lab->d.total; io++)
        assert_true(lab->c.state.logit[io] == 0.0); /* warm-up */
    free(lab);
}

/* An option one sigma better than the mean gains kappa = 6 nats over the whole
 * search, whatever the loss is measured in. */
static void logits_have_a_scale_of_their_own(void **state)
{
    (void)state;
    for (double unit = 1e-3; unit < 1e4; unit *= 1e3) {
        struct lab *lab = lab_make(490, 1);
        double p[SN_MAX_OPTIONS], value[SN_MAX_OPTIONS], square = 0.0;
        int options = 0;
        struct dice dice = dice_make(491);
        lab_start(lab, 0.0, 1);
        lab->c.total_updates = 125;
        lab->c.warmup_updates = 25;
        sn_budget_softmax(&lab->d, lab->c.state.logit, p);
        int n = 0;
        for (int id = 0; id < lab->d.count; id++)
            for (int i = 1; i < lab->d.item[id].n; i++) {
                const double slope = unit * dice_normal(&dice);
                lab->probe[n++] = (struct sn_probe){id, i - 1, i, slope};
                lab->probe[n++] = (struct sn_probe){id, i, i - 1, -slope};
            }
        for (int step = 0; step < 125; step++)
            sn_path_update(&lab->c, lab->probe, n, p, step < 25);
        assert_true(lab->c.state.updates == 100.0);
        sn_path_values(&lab->c, p, value);
        for (int id = 0; id < lab->d.count; id++)
            for (int i = 0; lab->d.item[id].n > 1 && i < lab->d.item[id].n;
                 i++, options++)
                square += pow(value[lab->d.item[id].first + i], 2);
        const double sigma = sqrt(square / options);
        for (int io = 0; io < lab->d.total; io++)
            assert_true(fabs(lab->c.state.logit[io] - 6 * value[io] / sigma) <
                        1e-9);
        free(lab);
    }
}

/* ---- whole searches ---- */

/* The answers of a world where every option has a worth.  Behind a batch-norm
 * the active side points the wrong way, and noise is far larger than what is to
 * be seen: L'(0) = 2.3 D, L'(1) = -.3 D. */
static void answer(struct lab *lab, const double *worth, int n,
                   struct dice *dice)
{
    for (int i = 0; i < n; i++) {
        struct sn_probe *p = &lab->probe[i];
        const int first = lab->d.item[p->decision].first;
        const int low = p->to > p->from ? p->from : p->to;
        const double diff = worth[first + low] - worth[first + low + 1];
        const double noise = dice_normal(dice);
        p->slope = p->to > p->from ? 2.3 * diff + noise : 0.3 * diff + noise;
    }
}

struct end {
    double expected, target;
};

static struct end search(struct lab *lab, const double *worth, int updates,
                         int from, struct dice *dice)
{
    struct sn_path *c = &lab->c;
    c->total_updates = updates;
    c->warmup_updates = updates / 4;
    for (int step = from; step < updates; step++) {
        const double done = (double)step / updates;
        const bool frozen = step < c->warmup_updates;
        const double after = frozen ? 0.0
                                    : (double)(step - c->warmup_updates) /
                                          (double)(updates - c->warmup_updates);
        sn_path_odds(c, done, after, &lab->odds);
        sn_path_draw(c, &lab->odds, (uint32_t)step, false, lab->choice);
        const int n = sn_path_ask(c, lab->choice, (uint32_t)step, lab->probe);
        answer(lab, worth, n, dice);
        sn_path_update(c, lab->probe, n, lab->odds.p, frozen);
    }
    return (struct end){lab->odds.expected, lab->odds.target};
}

/* A better option everywhere, affordable by construction. */
static void planted_optimum_is_found(void **state)
{
    (void)state;
    int found = 0;
    for (uint32_t seed = 0; seed < 10; seed++) {
        struct lab *lab = lab_make(500 + seed, 4);
        struct dice dice = dice_make(520 + seed);
        double worth[SN_MAX_OPTIONS] = {0}, value[SN_MAX_OPTIONS];
        struct sn_arch planted, derived;
        struct sn_error err = {0};
        int choice[SN_MAX_DECISIONS];
        random_choice(&dice, &lab->d, choice);
        for (int id = 0; id < lab->d.count; id++)
            worth[lab->d.item[id].first + choice[id]] =
                lab->d.item[id].kind == SN_DECIDE_DEPTH ? 20.0 : 1.0;
        sn_arch_choose(&planted, &lab->space, &lab->d, choice);
        const double target = latency(lab, choice);
        lab_start(lab, target, seed);
        const struct end end = search(lab, worth, 1500, 0, &dice);
        assert_true(end.target == target);
        assert_true(end.expected <= 1.005 * target);
        sn_path_values(&lab->c, lab->odds.p, value);
        struct sn_budget budget = sn_budget_none;
        budget.limit[SN_BUDGET_LATENCY] = target;
        check_ok(sn_derive(&derived, &lab->space, &lab->d, &lab->table, value,
                           &budget, NULL, &err),
                 &err);
        found += sn_arch_equal(&derived, &planted);
        free(lab);
    }
    printf("planted optimum found %d times of 10\n", found);
    assert_int_equal(found, 10);
}

/* The state is all there is: copied and gone on with, it goes on alike. */
static void state_resumes_to_the_bit(void **state)
{
    (void)state;
    struct lab *lab = lab_make(540, 3);
    double worth[SN_MAX_OPTIONS];
    struct dice dice = dice_make(541);
    for (int io = 0; io < lab->d.total; io++)
        worth[io] = dice_normal(&dice);
    lab_start(lab, 1.2 * lab->lowest, 7);
    search(lab, worth, 60, 0, &dice);
    struct sn_path_state *saved = malloc(sizeof *saved);
    struct sn_path_state *want = malloc(sizeof *want);
    assert_true(saved && want);
    *saved = lab->c.state;
    struct dice same = dice;
    search(lab, worth, 120, 60, &dice);
    *want = lab->c.state;
    lab_start(lab, 1.2 * lab->lowest, 7);
    lab->c.state = *saved;
    search(lab, worth, 120, 60, &same);
    check_same(&lab->c.state, want, sizeof *want, "the state");
    free(saved);
    free(want);
    free(lab);
}

static void argmax_is_the_likeliest(void **state)
{
    (void)state;
    struct lab *lab = lab_make(550, 3);
    int choice[SN_MAX_DECISIONS];
    lab_start(lab, 0.0, 1);
    sn_path_odds(&lab->c, 0.0, 0.0, &lab->odds);
    double takes = sn_path_argmax(&lab->c, lab->odds.p, choice);
    for (int id = 0; id < lab->d.count; id++)
        assert_int_equal(choice[id], 0); /* ties */
    assert_true(fabs(takes - latency(lab, choice)) < 1e-12 * takes);
    const int id = find(lab, SN_DECIDE_OP, 2);
    assert_true(id >= 0);
    lab->c.state.logit[lab->d.item[id].first + 1] = 0.1;
    sn_path_odds(&lab->c, 0.0, 0.0, &lab->odds);
    sn_path_argmax(&lab->c, lab->odds.p, choice);
    assert_int_equal(choice[id], 1);
    free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_odds),
        cmocka_unit_test(large_nets_keep_a_bound),
        cmocka_unit_test(questions_are_proper),
        cmocka_unit_test(nothing_barred_is_drawn),
        cmocka_unit_test(values_by_the_trapezoid_rule),
        cmocka_unit_test(logits_have_a_scale_of_their_own),
        cmocka_unit_test(planted_optimum_is_found),
        cmocka_unit_test(state_resumes_to_the_bit),
        cmocka_unit_test(argmax_is_the_likeliest),
    };
    return cmocka_run_group_tests_name("single-path", tests, NULL, NULL);
}
