/* Nets as arrays of options, against archs and the derivation's costs. */

#include "search/choice.h"

#include <stdlib.h>
#include <string.h>

#include "random_space.h"

struct lab {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_cost_table table;
    int choice[SN_MAX_DECISIONS], again[SN_MAX_DECISIONS];
};

static struct lab *lab_make(uint32_t item)
{
    struct lab *lab = calloc(1, sizeof *lab);
    const struct sn_target device = small_target();
    struct sn_error err = {0};
    struct dice dice = dice_make(item);
    assert_non_null(lab);
    random_space(&dice, &lab->space, 3, 3);
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_cost_table_make(&lab->table, &lab->space, &device, &err), &err);
    return lab;
}

/* Arch and settled choice say the same, and cost the same to the bit. */
static void choices_are_archs(void **state)
{
    (void)state;
    const struct sn_target device = small_target();
    for (uint32_t item = 0; item < 30; item++) {
        struct lab *lab = lab_make(900 + item);
        struct dice dice = dice_make(950 + item);
        struct sn_arch arch, settled;
        struct sn_cost direct, cost;
        random_choice(&dice, &lab->d, lab->choice);
        sn_arch_choose(&arch, &lab->space, &lab->d, lab->choice);
        sn_choice_settle(&lab->space, &lab->d, lab->choice);
        sn_arch_choose(&settled, &lab->space, &lab->d, lab->choice);
        assert_true(sn_arch_equal(&arch, &settled));
        memset(lab->again, 0xff, sizeof lab->again);
        sn_choice_of_arch(lab->again, &lab->space, &lab->d, &arch);
        assert_true(sn_choice_equal(&lab->d, lab->choice, lab->again));
        sn_arch_cost(&direct, &arch, &device);
        sn_choice_cost(&cost, &lab->table, &lab->space, &lab->d, lab->choice);
        assert_true(cost.seconds == direct.seconds);
        assert_true(cost.weights == direct.weights &&
                    cost.macs == direct.macs &&
                    cost.activations == direct.activations);
        free(lab);
    }
}

/* Kernels and expansions that rules barred together are seen. */
static void barred_pairs_are_not_offered(void **state)
{
    (void)state;
    struct lab *lab = lab_make(900);
    struct sn_block_space *b = &lab->space.stage[0].block[0];
    const sn_block_op op = b->op[0];
    memset(lab->choice, 0, sizeof lab->choice);
    assert_true(sn_choice_offered(&lab->space, &lab->d, lab->choice));
    b->of[op].barred[0] = 1;
    assert_false(sn_choice_offered(&lab->space, &lab->d, lab->choice));
    free(lab);
}

/* Within the budget, the same for the same number, others for others; where
 * only one net is left, that one. */
static void random_nets_keep_the_budget(void **state)
{
    (void)state;
    struct sn_error err = {0};
    for (uint32_t item = 0; item < 12; item++) {
        struct lab *lab = lab_make(900 + item);
        struct sn_budget budget = sn_budget_none;
        double low, high;
        sn_cost_range(&lab->table, &lab->space, SN_BUDGET_LATENCY, &low, &high);
        budget.limit[SN_BUDGET_LATENCY] =
            item % 3 ? low + (high - low) * 0.4 : low * (1 + 1e-9);
        const struct sn_choice_limits limits = {&lab->space, &lab->d,
                                                &lab->table, &budget, 7};
        for (uint32_t i = 0; i < 5; i++) {
            check_ok(sn_choice_random(&limits, i, lab->choice, &err), &err);
            assert_true(sn_choice_within(&limits, lab->choice));
            check_ok(sn_choice_random(&limits, i, lab->again, &err), &err);
            assert_true(sn_choice_equal(&lab->d, lab->choice, lab->again));
            sn_choice_settle(&lab->space, &lab->d, lab->again);
            assert_true(sn_choice_equal(&lab->d, lab->choice, lab->again));
        }
        budget.limit[SN_BUDGET_LATENCY] = low / 2;
        assert_false(sn_choice_within(&limits, lab->choice));
        check_fails(sn_choice_random(&limits, 0, lab->choice, &err), &err,
                    SN_ERR_INFEASIBLE, "no net of this space meets it");
        free(lab);
    }
}

/* The words of rules and of the sections they stand in. */
static void options_have_patterns(void **state)
{
    (void)state;
    struct sn_space space = {.n_stages = 1};
    struct sn_stage_space *s = &space.stage[0];
    s->n_depth = 2;
    s->depth[0] = 1;
    s->depth[1] = 2;
    for (int ib = 0; ib < 2; ib++) {
        s->block[ib].n_op = 1;
        s->block[ib].op[0] = SN_OP_FUSED;
        s->block[ib].of[SN_OP_FUSED] =
            (struct sn_op_space){.n_k = 1, .k = {5}, .n_e = 2, .e = {2, 4}};
    }
    static struct sn_decisions d;
    char buf[SN_OPTION_TEXT];
    sn_decisions_make(&d, &space);
    const struct sn_decision *e = &d.item[d.e[0][1][SN_OP_FUSED]];
    assert_string_equal(sn_option_pattern(buf, &space, e, 1), "fused e4");
    assert_string_equal(sn_option_place(buf, e), "stage.1.block.2");
    const struct sn_decision *k = &d.item[d.k[0][0][SN_OP_FUSED]];
    assert_string_equal(sn_option_pattern(buf, &space, k, 0), "fused k5");
    const struct sn_decision *op = &d.item[d.op[0][0]];
    assert_string_equal(sn_option_pattern(buf, &space, op, 0), "fused");
    const struct sn_decision *depth = &d.item[d.depth[0]];
    assert_string_equal(sn_option_pattern(buf, &space, depth, 1), "d2");
    assert_string_equal(sn_option_place(buf, depth), "stage.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_are_archs),
        cmocka_unit_test(barred_pairs_are_not_offered),
        cmocka_unit_test(random_nets_keep_the_budget),
        cmocka_unit_test(options_have_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
