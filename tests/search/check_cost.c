/* The cost of spaces and nets, and expected latency, against enumeration. */

#include "search/derive.h"

#include <math.h>
#include <stdlib.h>

#include "random_space.h"
#include "search/layers.h"

static void near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("got %.17g, expected %.17g", got, want);
}

/* The sum that the table gives for a net, and its peak. */
static struct sn_cost table_cost(const struct sn_cost_table *t,
                                 const struct sn_space *space,
                                 const struct sn_decisions *d,
                                 const int *choice)
{
    struct sn_cost sum = t->fixed;
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        const int depth = s->depth[choice[d->depth[is]]];
        for (int ib = 0; ib < depth; ib++) {
            const int io = choice[d->op[is][ib]];
            const sn_block_op op = s->block[ib].op[io];
            sn_cost_add(&sum, &t->block[is][ib][op][choice[d->k[is][ib][op]]]
                                       [choice[d->e[is][ib][op]]]);
        }
    }
    return sum;
}

static void table_range_and_nets_agree(void **state)
{
    (void)state;
    struct dice dice = dice_make(1);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target target = small_target();
    for (int i = 0; i < 60; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_error err = {0};
        int choice[SN_MAX_DECISIONS] = {0};
        double lowest, highest, least = INFINITY, most = 0.0;
        random_space(&dice, &space, 2, 2);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
        do {
            struct sn_arch arch;
            struct sn_cost cost;
            const struct sn_cost sum = table_cost(t, &space, &d, choice);
            sn_arch_choose(&arch, &space, &d, choice);
            sn_arch_cost(&cost, &arch, &target);
            check_same(&cost, &sum, sizeof cost, "cost of a net");
            least = fmin(least, cost.seconds);
            most = fmax(most, cost.seconds);
        } while (next_net(&space, &d, choice));
        sn_cost_range(t, &space, SN_BUDGET_LATENCY, &lowest, &highest);
        near(lowest, least, 1e-14);
        near(highest, most, 1e-14);
        double of_stages[2] = {t->fixed.seconds, t->fixed.seconds};
        for (int is = 0; is < space.n_stages; is++) {
            double low, high;
            sn_stage_cost_range(t, &space, SN_BUDGET_LATENCY, is, &low, &high);
            of_stages[0] += low;
            of_stages[1] += high;
        }
        near(of_stages[0], lowest, 1e-14);
        near(of_stages[1], highest, 1e-14);
    }
    free(t);
}

static void frame_is_priced(void **state)
{
    (void)state;
    struct sn_space space;
    struct sn_arch arch = {.h = 9,
                           .w = 7,
                           .c = 3,
                           .classes = 5,
                           .act = SN_ACT_RELU,
                           .stem = 8,
                           .stem_stride = 2,
                           .n_stages = 1,
                           .head = 32};
    arch.stage[0] = (struct sn_arch_stage){
        .width = 12, .stride = 2, .depth = 1, .block = {{SN_OP_IBN, 3, 2}}};
    sn_arch_space(&space, &arch);
    const struct sn_target target = small_target();
    struct sn_cost want, part, got;
    const struct sn_block_shape b = {SN_OP_IBN, 3, 2, 8, 12, 5, 4, 2};
    sn_stem_cost(&want, &target.npu, 9, 7, 3, 8, 2);
    sn_tail_cost(&part, &target.npu, 3, 2, 12, 32, 5);
    sn_cost_add(&want, &part);
    struct sn_cost_table *t = malloc(sizeof *t);
    struct sn_error err = {0};
    check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
    check_same(&t->fixed, &want, sizeof want, "fixed part");
    sn_block_cost(&part, &target.npu, &b);
    sn_cost_add(&want, &part);
    sn_arch_cost(&got, &arch, &target);
    check_same(&got, &want, sizeof want, "net");
    free(t);
}

/* What a person is shown adds up to what the search knows. */
static void parts_are_the_net(void **state)
{
    (void)state;
    struct dice dice = dice_make(7);
    const struct sn_target target = small_target();
    struct sn_net_parts *parts = malloc(sizeof *parts);
    for (int i = 0; i < 40; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch arch;
        struct sn_cost cost, sum = {0};
        int choice[SN_MAX_DECISIONS] = {0};
        random_space(&dice, &space, 3, 3);
        sn_decisions_make(&d, &space);
        random_choice(&dice, &d, choice);
        sn_arch_choose(&arch, &space, &d, choice);
        sn_arch_cost(&cost, &arch, &target);
        sn_net_parts(parts, &arch, &target);
        check_same(&parts->total, &cost, sizeof cost, "total");
        for (int ip = 0; ip < parts->count; ip++)
            sn_cost_add(&sum, &parts->item[ip].cost);
        near(sum.seconds, cost.seconds, 1e-12);
        near(sum.macs, cost.macs, 0);
        near(sum.weights, cost.weights, 0);
        near(sum.activations, cost.activations, 0);
        assert_string_equal(parts->item[0].name, "stem");
        assert_string_equal(parts->item[parts->count - 1].name, "linear");
    }
    free(parts);
}

static void operators_have_short_names(void **state)
{
    (void)state;
    char text[SN_OPERATOR_TEXT];
    const struct {
        struct sn_operator op;
        const char *text;
    } of[] = {
        {{.kind = SN_OPERATOR_CONV, .k = 1, .stride = 1}, "1x1"},
        {{.kind = SN_OPERATOR_CONV, .k = 3, .stride = 2}, "3x3 s2"},
        {{.kind = SN_OPERATOR_DWCONV, .k = 5, .stride = 1}, "dw 5x5"},
        {{.kind = SN_OPERATOR_ADD, .k = 1, .stride = 1}, "add"},
        {{.kind = SN_OPERATOR_GAP, .k = 1, .stride = 1}, "mean"},
        {{.kind = SN_OPERATOR_FC, .k = 1, .stride = 1}, "fc"},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        assert_string_equal(sn_operator_text(text, &of[i].op), of[i].text);
}

static void impossible_targets_are_refused(void **state)
{
    (void)state;
    struct sn_arch arch = {.h = 8,
                           .w = 8,
                           .c = 3,
                           .classes = 2,
                           .act = SN_ACT_RELU,
                           .stem = 16,
                           .stem_stride = 1,
                           .n_stages = 1};
    arch.stage[0] = (struct sn_arch_stage){
        .width = 16, .stride = 1, .depth = 1, .block = {{SN_OP_FUSED, 7, 16}}};
    struct sn_space space;
    struct sn_error err = {0};
    struct sn_cost_table *t = malloc(sizeof *t);
    struct sn_target target = small_target();
    sn_arch_space(&space, &arch);
    target.npu.clock.value = 1e-320;
    check_fails(sn_cost_table_make(t, &space, &target, &err), &err,
                SN_ERR_NUMERIC,
                "target small: stem and head cost inf s, expected a positive "
                "finite time");
    /* so slow that stem and head can just be told, and the block cannot */
    target.npu.clock.value = 1.0;
    check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
    assert_true(t->block[0][0][SN_OP_FUSED][0][0].seconds >
                2 * t->fixed.seconds);
    target.npu.clock.value = t->fixed.seconds / 1e308;
    check_fails(sn_cost_table_make(t, &space, &target, &err), &err,
                SN_ERR_NUMERIC,
                "target small: stage.1.block.1, fused k7 e16, costs inf s, "
                "expected a positive finite time");
    free(t);
}

/* Draws probabilities of every decision; some of them 0 or 1. */
static void random_probabilities(struct dice *dice,
                                 const struct sn_decisions *d, double *p)
{
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        double sum = 0.0;
        for (int i = 0; i < x->n; i++)
            sum += p[x->first + i] = dice_roll(dice, 0, 8);
        for (int i = 0; i < x->n; i++)
            p[x->first + i] =
                sum > 0.0 ? p[x->first + i] / sum : (i == 0 ? 1.0 : 0.0);
    }
}

/* Sum over all nets of probability times latency. */
static double enumerated(const struct sn_cost_table *t,
                         const struct sn_space *space,
                         const struct sn_decisions *d, const double *p)
{
    int choice[SN_MAX_DECISIONS] = {0};
    double expected = 0.0;
    do {
        double chance = 1.0;
        for (int is = 0; is < space->n_stages; is++) {
            const struct sn_stage_space *s = &space->stage[is];
            const int i = choice[d->depth[is]];
            chance *= p[d->item[d->depth[is]].first + i];
            for (int ib = 0; ib < s->depth[i]; ib++) {
                const int io = choice[d->op[is][ib]];
                const sn_block_op op = s->block[ib].op[io];
                const int k = d->k[is][ib][op], e = d->e[is][ib][op];
                chance *= p[d->item[d->op[is][ib]].first + io] *
                          p[d->item[k].first + choice[k]] *
                          p[d->item[e].first + choice[e]];
            }
        }
        expected += chance * table_cost(t, space, d, choice).seconds;
    } while (next_net(space, d, choice));
    return expected;
}

static void expectation_is_the_enumerated_one(void **state)
{
    (void)state;
    struct dice dice = dice_make(3);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target target = small_target();
    for (int i = 0; i < 60; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_error err = {0};
        double p[SN_MAX_OPTIONS];
        random_space(&dice, &space, 2, 2);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
        random_probabilities(&dice, &d, p);
        near(sn_expected_latency(t, &space, &d, p, NULL),
             enumerated(t, &space, &d, p), 1e-12);
    }
    free(t);
}

/* E is linear in each p, so a central difference is exact but for rounding. */
static void expectation_gradient(void **state)
{
    (void)state;
    struct dice dice = dice_make(4);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target target = small_target();
    for (int i = 0; i < 20; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_error err = {0};
        double p[SN_MAX_OPTIONS], grad[SN_MAX_OPTIONS];
        random_space(&dice, &space, 3, 4);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &target, &err), &err);
        random_probabilities(&dice, &d, p);
        const double e = sn_expected_latency(t, &space, &d, p, grad);
        for (int io = 0; io < d.total; io++) {
            const double was = p[io], h = 0.25;
            p[io] = was + h;
            const double up = sn_expected_latency(t, &space, &d, p, NULL);
            p[io] = was - h;
            const double down = sn_expected_latency(t, &space, &d, p, NULL);
            p[io] = was;
            if (!(fabs((up - down) / (2 * h) - grad[io]) <= 1e-12 * e))
                fail_msg("option %d: %g, expected %g", io, grad[io],
                         (up - down) / (2 * h));
        }
    }
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_range_and_nets_agree),
        cmocka_unit_test(frame_is_priced),
        cmocka_unit_test(parts_are_the_net),
        cmocka_unit_test(operators_have_short_names),
        cmocka_unit_test(impossible_targets_are_refused),
        cmocka_unit_test(expectation_is_the_enumerated_one),
        cmocka_unit_test(expectation_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
