/* Several budgets at once: against enumeration, against GLPK, on spaces of
 * ordinary size, and where no net meets them. */

#include "search/derive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glpk.h"
#include "random_space.h"

/* ---- against all nets ---- */

/* A limit of each kind between the least and the most, or none. */
static void random_budget(struct dice *dice, struct sn_budget *b,
                          const struct sn_cost_table *t,
                          const struct sn_space *space)
{
    *b = sn_budget_none;
    for (int i = 0; i < SN_BUDGETS; i++) {
        double lowest, highest;
        const int share = dice_roll(dice, -1, 9);
        sn_cost_range(t, space, (sn_budget_kind)i, &lowest, &highest);
        if (share >= 0)
            b->limit[i] = lowest + (highest - lowest) * share / 10.0;
    }
}

/* The worth of the best net within the budgets; -INFINITY: there is none. */
static double best_of_all(const struct sn_space *space,
                          const struct sn_decisions *d, const double *value,
                          const struct sn_budget *budget,
                          const struct sn_target *device)
{
    int choice[SN_MAX_DECISIONS] = {0};
    double best = -INFINITY;
    do {
        struct sn_arch arch;
        struct sn_cost cost;
        sn_arch_choose(&arch, space, d, choice);
        sn_arch_cost(&cost, &arch, device);
        if (sn_budget_met(budget, &cost))
            best = fmax(best, net_worth(space, d, value, choice));
    } while (next_net(space, d, choice));
    return best;
}

static void the_best_of_all_or_the_gap_says_so(void **state)
{
    (void)state;
    struct dice dice = dice_make(31);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target device = small_target();
    int best_found = 0, found = 0, refused = 0;
    for (int i = 0; i < 300; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch got = {.h = -1};
        struct sn_error err = {0};
        struct sn_budget budget;
        struct sn_derived out;
        struct sn_cost cost;
        double value[SN_MAX_OPTIONS];
        random_space(&dice, &space, 2, 2);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &device, &err), &err);
        for (int io = 0; io < d.total; io++)
            value[io] = dice_normal(&dice);
        random_budget(&dice, &budget, t, &space);
        const double best = best_of_all(&space, &d, value, &budget, &device);
        const sn_status rc =
            sn_derive(&got, &space, &d, t, value, &budget, &out, &err);
        if (best > -(double)INFINITY) {
            check_ok(rc, &err);
            sn_arch_cost(&cost, &got, &device);
            assert_true(sn_budget_met(&budget, &cost));
            assert_true(out.worth <= best + 1e-9 && out.gap >= 0);
            assert_true(out.worth + out.gap >= best - 1e-9);
            found++;
            best_found += out.worth >= best - 1e-9 && out.gap == 0.0;
        } else {
            check_fails(rc, &err, SN_ERR_INFEASIBLE, "no net of this space");
            assert_true(got.h == -1);
            refused++;
        }
    }
    assert_true(found > 100 && refused > 20);
    assert_true(50 * best_found >= 49 * found); /* mostly proven the best */
    free(t);
}

/* ---- against GLPK ---- */

static void glpk_is_within_the_gap(void **state)
{
    (void)state;
    if (!glpk_is_there())
        skip();
    struct dice dice = dice_make(32);
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target device = small_target();
    for (int i = 0; i < 6; i++) {
        struct sn_space space;
        struct sn_decisions d;
        struct sn_arch got;
        struct sn_error err = {0};
        struct sn_budget budget = sn_budget_none;
        struct sn_derived out;
        double value[SN_MAX_OPTIONS];
        random_space(&dice, &space, 4, 4);
        sn_decisions_make(&d, &space);
        check_ok(sn_cost_table_make(t, &space, &device, &err), &err);
        for (int io = 0; io < d.total; io++)
            value[io] = dice_normal(&dice);
        for (int kind = i % 3 == 0; kind < 2 + (i % 2); kind++) {
            double lowest, highest;
            sn_cost_range(t, &space, (sn_budget_kind)kind, &lowest, &highest);
            budget.limit[kind] = 0.5 * lowest + 0.5 * highest;
        }
        const double want = glpk_worth(&space, &d, t, value, &budget);
        check_ok(sn_derive(&got, &space, &d, t, value, &budget, &out, &err),
                 &err);
        if (!(out.worth < want + 1e-6 && out.worth + out.gap > want - 1e-6))
            fail_msg("instance %d: worth %.9g, gap %.3g, GLPK %.9g", i,
                     out.worth, out.gap, want);
    }
    free(t);
}

/* ---- a space of ordinary size on two accelerators ---- */

/* The main net's stages at 32 pixels, DESIGN's example of a space. */
static void ordinary_space(struct sn_space *space)
{
    static const int width[] = {16, 24, 32, 64, 96, 160, 320};
    static const int depth[] = {1, 2, 3, 4, 3, 3, 1};
    static const int stride[] = {1, 1, 2, 2, 1, 2, 1};
    *space = (struct sn_space){.h = 32,
                               .w = 32,
                               .c = 3,
                               .classes = 10,
                               .stem = 16,
                               .stem_stride = 1,
                               .head = 1280,
                               .act = SN_ACT_RELU6,
                               .n_stages = 7};
    for (int is = 0; is < 7; is++) {
        struct sn_stage_space *s = &space->stage[is];
        s->width = width[is];
        s->stride = stride[is];
        for (s->n_depth = 0; s->n_depth < depth[is]; s->n_depth++)
            s->depth[s->n_depth] = s->n_depth + 1;
        for (int ib = 0; ib < depth[is]; ib++)
            s->block[ib] = (struct sn_block_space){
                .n_op = 2,
                .op = {SN_OP_IBN, SN_OP_FUSED},
                .of = {{.n_k = 2, .k = {3, 5}, .n_e = 3, .e = {2, 3, 6}},
                       {.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}}}};
    }
}

static struct sn_target accelerator(double on_chip, double dram)
{
    return (struct sn_target){
        .kind = SN_TARGET_NPU,
        .npu = {.name = "ne",
                .clock = {.set = true, .value = 8e8},
                .in_lanes = 16,
                .out_lanes = 16,
                .pixel_lanes = 4,
                .dw_lanes = 16,
                .dw_taps = 1,
                .vector_lanes = 32,
                .pack_input = true,
                .on_chip = {.set = true, .value = on_chip},
                .on_chip_bandwidth = 64,
                .dram_bandwidth = dram,
                .launch = 500,
                .weight_bytes = 1,
                .value_bytes = 1,
                .slowdown = 1,
                .weight_compression = 1}};
}

/* Larger is worth more, on the whole, with less and less to gain. */
static void ordinary_values(struct dice *dice, double *value,
                            const struct sn_decisions *d)
{
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        for (int i = 0; i < x->n; i++)
            value[x->first + i] =
                (x->kind == SN_DECIDE_DEPTH ? 0.3 : 0.1) * sqrt(i) +
                0.03 * dice_normal(dice);
    }
}

/* The option indices of an arch of the space. */
static void indices_of(int *choice, const struct sn_arch *arch,
                       const struct sn_space *space,
                       const struct sn_decisions *d)
{
    memset(choice, 0, (size_t)d->count * sizeof *choice);
    for (int is = 0; is < arch->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        while (s->depth[choice[d->depth[is]]] != arch->stage[is].depth)
            choice[d->depth[is]]++;
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block *b = &arch->stage[is].block[ib];
            const struct sn_op_space *of = &s->block[ib].of[b->op];
            while (s->block[ib].op[choice[d->op[is][ib]]] != b->op)
                choice[d->op[is][ib]]++;
            while (of->k[choice[d->k[is][ib][b->op]]] != b->k)
                choice[d->k[is][ib][b->op]]++;
            while (of->e[choice[d->e[is][ib][b->op]]] != b->e)
                choice[d->e[is][ib][b->op]]++;
        }
    }
}

/* Whether one option can be changed so that the net is worth no less, costs
 * more of something, and is still within the budgets. */
static bool can_be_upgraded(const struct sn_arch *arch,
                            const struct sn_space *space,
                            const struct sn_decisions *d, const double *value,
                            const struct sn_budget *budget,
                            const struct sn_target *device)
{
    int choice[SN_MAX_DECISIONS];
    struct sn_cost is, other;
    indices_of(choice, arch, space, d);
    const double worth = net_worth(space, d, value, choice);
    sn_arch_cost(&is, arch, device);
    for (int id = 0; id < d->count; id++) {
        const int kept = choice[id];
        for (choice[id] = 0; choice[id] < d->item[id].n; choice[id]++) {
            struct sn_arch net;
            sn_arch_choose(&net, space, d, choice);
            sn_arch_cost(&other, &net, device);
            if (net_worth(space, d, value, choice) >= worth &&
                other.seconds > is.seconds && sn_budget_met(budget, &other))
                return true;
        }
        choice[id] = kept;
    }
    return false;
}

/* Share used of the budget that is used most. */
static double used(const struct sn_budget *b, const struct sn_cost *cost)
{
    double most = 0.0;
    for (int i = 0; i < SN_BUDGETS; i++)
        most = fmax(most, sn_cost_of(cost, (sn_budget_kind)i) / b->limit[i]);
    return most;
}

static void six_latencies_three_memories_two_targets(void **state)
{
    (void)state;
    static const double latency[] = {0.25, 0.3, 0.4, 0.5, 0.7, 0.9};
    static const double memory[][2] = {{1.0, 1.0}, {0.6, 0.6}, {0.4, 0.45}};
    struct dice dice = dice_make(33);
    struct sn_cost_table *t = malloc(sizeof *t);
    struct sn_space space;
    struct sn_decisions d;
    double value[SN_MAX_OPTIONS], widest = 0.0;
    int nets = 0;
    ordinary_space(&space);
    sn_decisions_make(&d, &space);
    for (int target = 0; target < 2; target++) {
        const struct sn_target device =
            accelerator(target ? 768 * 1024 : 96 * 1024, target ? 8 : 2);
        struct sn_error err = {0};
        double lowest, highest[SN_BUDGETS];
        check_ok(sn_cost_table_make(t, &space, &device, &err), &err);
        for (int i = 0; i < SN_BUDGETS; i++)
            sn_cost_range(t, &space, (sn_budget_kind)i, &lowest, &highest[i]);
        ordinary_values(&dice, value, &d);
        for (int i = 0; i < 18; i++) {
            struct sn_budget b = sn_budget_none;
            struct sn_arch got;
            struct sn_cost cost;
            struct sn_derived out;
            b.limit[SN_BUDGET_LATENCY] =
                latency[i / 3] * highest[SN_BUDGET_LATENCY];
            b.limit[SN_BUDGET_WEIGHTS] =
                memory[i % 3][0] * highest[SN_BUDGET_WEIGHTS];
            b.limit[SN_BUDGET_ACTIVATIONS] =
                memory[i % 3][1] * highest[SN_BUDGET_ACTIVATIONS];
            check_ok(sn_derive(&got, &space, &d, t, value, &b, &out, &err),
                     &err);
            sn_arch_cost(&cost, &got, &device);
            assert_true(sn_budget_met(&b, &cost));
            if (used(&b, &cost) < 0.95)
                assert_false(
                    can_be_upgraded(&got, &space, &d, value, &b, &device));
            widest = fmax(widest, out.gap / out.worth);
            nets++;
        }
    }
    printf("%d nets, all within; widest gap %.2g of the worth\n", nets, widest);
    assert_int_equal(nets, 36);
    assert_true(widest < 0.01);
    free(t);
}

/* ---- refusals ---- */

static void refusals_name_kind_and_range(void **state)
{
    (void)state;
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target device = accelerator(96 * 1024, 2);
    struct sn_space space;
    struct sn_decisions d;
    struct sn_arch got;
    struct sn_error err = {0};
    ordinary_space(&space);
    sn_decisions_make(&d, &space);
    check_ok(sn_cost_table_make(t, &space, &device, &err), &err);
    static const char *const text[SN_BUDGETS] = {
        "latency budget 1 us: no net of this space meets it; attainable: ",
        "weights budget 1000 B: no net of this space meets it; attainable: ",
        "macs budget 1000 MACs: no net of this space meets it; attainable: ",
        "activations budget 1000 B: no net of this space meets it; attainable"};
    for (int i = 0; i < SN_BUDGETS; i++) {
        struct sn_budget b = sn_budget_none;
        b.limit[i] = i == SN_BUDGET_LATENCY ? 1e-6 : 1000;
        check_fails(sn_derive(&got, &space, &d, t, NULL, &b, NULL, &err), &err,
                    SN_ERR_INFEASIBLE, text[i]);
    }
    /* each can be met alone, not together: the smallest net is not the
     * fastest, as fused blocks are fast and large */
    struct sn_budget b = sn_budget_none;
    double highest;
    sn_cost_range(t, &space, SN_BUDGET_LATENCY, &b.limit[SN_BUDGET_LATENCY],
                  &highest);
    sn_cost_range(t, &space, SN_BUDGET_WEIGHTS, &b.limit[SN_BUDGET_WEIGHTS],
                  &highest);
    b.limit[SN_BUDGET_LATENCY] *= 1.0001;
    b.limit[SN_BUDGET_WEIGHTS] += 1;
    check_fails(sn_derive(&got, &space, &d, t, NULL, &b, NULL, &err), &err,
                SN_ERR_INFEASIBLE,
                "no net of this space meets it within "
                "latency ");
    b.limit[SN_BUDGET_MACS] = 1e12;
    check_fails(sn_derive(&got, &space, &d, t, NULL, &b, NULL, &err), &err,
                SN_ERR_INFEASIBLE, "weights budget ");
    free(t);
}

static void memory_can_run_out(void **state)
{
    (void)state;
    struct sn_cost_table *t = malloc(sizeof *t);
    const struct sn_target device = small_target();
    struct dice dice = dice_make(34);
    struct sn_space space;
    struct sn_decisions d;
    struct sn_error err = {0};
    random_space(&dice, &space, 2, 2);
    sn_decisions_make(&d, &space);
    check_ok(sn_cost_table_make(t, &space, &device, &err), &err);
    struct sn_budget b = sn_budget_none;
    for (int i = 0; i < SN_BUDGETS_ADDED; i++)
        sn_cost_range(t, &space, (sn_budget_kind)i, &(double){0}, &b.limit[i]);
    for (int n = 0;; n++) {
        struct sn_arch got = {.h = -1};
        check_fail_allocation(n);
        const sn_status rc =
            sn_derive(&got, &space, &d, t, NULL, &b, NULL, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            assert_true(n >= 10);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "derivation: no memory for ");
        assert_int_equal(got.h, -1);
    }
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_all_or_the_gap_says_so),
        cmocka_unit_test(glpk_is_within_the_gap),
        cmocka_unit_test(six_latencies_three_memories_two_targets),
        cmocka_unit_test(refusals_name_kind_and_range),
        cmocka_unit_test(memory_can_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
