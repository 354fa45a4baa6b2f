/* The expert's edits: what they say, what they gain, what an expert makes. */

#include "search/advise.h"

#include <stdlib.h>
#include <string.h>

#include "random_space.h"

static void small_net(struct sn_arch *arch)
{
    *arch = (struct sn_arch){.h = 16,
                             .w = 16,
                             .c = 3,
                             .classes = 10,
                             .act = SN_ACT_RELU,
                             .stem = 8,
                             .stem_stride = 1,
                             .n_stages = 3,
                             .head = 30};
    static const int width[] = {10, 32, 16};
    for (int is = 0; is < 3; is++) {
        arch->stage[is] = (struct sn_arch_stage){
            .width = width[is], .stride = 1 + (is > 0), .depth = 2};
        for (int ib = 0; ib < 2; ib++)
            arch->stage[is].block[ib] =
                (struct sn_block){ib ? SN_OP_FUSED : SN_OP_IBN, 3, 4};
    }
}

static const struct sn_edit *find(const struct sn_edit *list, int n,
                                  const struct sn_arch *arch, const char *text)
{
    char buf[SN_EDIT_TEXT];
    for (int i = 0; i < n; i++)
        if (strcmp(sn_edit_text(buf, &list[i], arch), text) == 0)
            return &list[i];
    return NULL;
}

/* Whatever is listed costs what it says, in order of gain, and gains. */
static void edits_cost_what_they_say(void **state)
{
    (void)state;
    struct dice dice = dice_make(41);
    const struct sn_target device = small_target();
    int total = 0, free_ones = 0;
    for (int i = 0; i < 60; i++) {
        static struct sn_space space;
        static struct sn_decisions d;
        struct sn_arch arch;
        struct sn_cost before, cost;
        struct sn_error err = {0};
        struct sn_edit *list;
        int n, choice[SN_MAX_DECISIONS];
        const sn_budget_kind by = (sn_budget_kind)(i % SN_BUDGETS);
        random_space(&dice, &space, 3, 3);
        sn_decisions_make(&d, &space);
        random_choice(&dice, &d, choice);
        sn_arch_choose(&arch, &space, &d, choice);
        arch.stage[0].width += dice_roll(&dice, 0, 3);
        sn_arch_cost(&before, &arch, &device);
        check_ok(sn_advise(&list, &n, &arch, &device, by, &err), &err);
        double last = 0.0;
        for (int j = 0; j < n; j++) {
            struct sn_arch edited = arch;
            char *text;
            sn_edit_apply(&edited, &list[j]);
            assert_false(sn_arch_equal(&edited, &arch));
            sn_arch_cost(&cost, &edited, &device);
            check_same(&cost, &list[j].after, sizeof cost, "cost of an edit");
            assert_true(sn_cost_of(&cost, by) >= last);
            last = sn_cost_of(&cost, by);
            assert_true(last <= sn_cost_of(&before, by));
            if (last == sn_cost_of(&before, by)) {
                assert_int_equal(list[j].kind, SN_EDIT_ROUND);
                free_ones++;
            }
            /* it is a net like any other */
            text = sn_arch_text(&edited);
            check_ok(sn_arch_parse(&edited, text, "edited", &err), &err);
            free(text);
            total++;
        }
        free(list);
    }
    assert_true(total > 200 && free_ones > 0);
}

static void edits_are_told_in_words(void **state)
{
    (void)state;
    const struct sn_target device = small_target(); /* lanes of 4 */
    struct sn_arch arch;
    struct sn_edit *list;
    struct sn_error err = {0};
    int n;
    small_net(&arch);
    check_ok(sn_advise(&list, &n, &arch, &device, SN_BUDGET_WEIGHTS, &err),
             &err);
    static const char *const texts[] = {
        "stage.1.block.2  fused k3 e4 -> ibn k3 e6", /* the largest that gains
                                                      */
        "stage.1          w10 -> w8",
        "stage.2          w32 -> w12", /* between 10 and 16 */
        "stage.2          w32 -> w28",
        "stage.2          2 blocks -> 1",
        "head             w30 -> w28"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!find(list, n, &arch, texts[i]))
            fail_msg("not among %d edits: %s", n, texts[i]);
    assert_null(
        find(list, n, &arch, "stage.1.block.1  ibn k3 e4 -> fused k3 e4"));
    assert_string_equal(sn_edit_name(SN_EDIT_UNFUSE), "unfuse");
    free(list);
}

/* Fusing on an array that leaves depthwise convolutions slow. */
static void an_expert_fuses_and_stops(void **state)
{
    (void)state;
    struct sn_target device = small_target();
    struct sn_arch arch, again;
    struct sn_cost before, after;
    struct sn_error err = {0};
    int steps;
    device.npu.dw_lanes = 1;
    small_net(&arch);
    sn_arch_cost(&before, &arch, &device);
    check_ok(sn_expert(&arch, &device, 1U << SN_EDIT_FUSE, SN_BUDGET_LATENCY,
                       &sn_budget_none, &steps, &err),
             &err);
    sn_arch_cost(&after, &arch, &device);
    assert_int_equal(steps, 3);
    for (int is = 0; is < 3; is++)
        for (int ib = 0; ib < 2; ib++)
            assert_int_equal(arch.stage[is].block[ib].op, SN_OP_FUSED);
    assert_true(after.seconds < before.seconds);
    again = arch;
    check_ok(sn_expert(&again, &device, 1U << SN_EDIT_FUSE, SN_BUDGET_LATENCY,
                       &sn_budget_none, &steps, &err),
             &err);
    assert_true(steps == 0 && sn_arch_equal(&again, &arch));

    /* capacity goes only as long as a budget asks for it */
    struct sn_budget budget = sn_budget_none;
    budget.limit[SN_BUDGET_LATENCY] = 0.6 * after.seconds;
    check_ok(sn_expert(&again, &device,
                       1U << SN_EDIT_NARROW | 1U << SN_EDIT_DROP,
                       SN_BUDGET_LATENCY, &sn_budget_none, &steps, &err),
             &err);
    assert_int_equal(steps, 0);
    check_ok(sn_expert(&again, &device,
                       1U << SN_EDIT_NARROW | 1U << SN_EDIT_DROP,
                       SN_BUDGET_LATENCY, &budget, &steps, &err),
             &err);
    sn_arch_cost(&after, &again, &device);
    assert_true(steps > 0 && sn_budget_met(&budget, &after));
}

static void memory_can_run_out(void **state)
{
    (void)state;
    const struct sn_target device = small_target();
    struct sn_arch arch;
    small_net(&arch);
    for (int n = 0;; n++) {
        struct sn_error err = {0};
        struct sn_edit *list = NULL;
        int count;
        check_fail_allocation(n);
        const sn_status rc =
            sn_advise(&list, &count, &arch, &device, SN_BUDGET_LATENCY, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            free(list);
            assert_true(n > 0);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "no memory for ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_cost_what_they_say),
        cmocka_unit_test(edits_are_told_in_words),
        cmocka_unit_test(an_expert_fuses_and_stops),
        cmocka_unit_test(memory_can_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
