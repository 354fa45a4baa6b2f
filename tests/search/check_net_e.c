/* A MobileNetV2 at 256 px on ne-1, narrowed, fused, and both: how much latency
 * each saves where accuracy is no matter (DESIGN 6, 9). */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../target/ini.h"
#include "search/derive.h"
#include "target/target.h"

/* Stages 1 to 7: width, blocks, stride. */
static const int layout[7][3] = {{16, 1, 1}, {24, 2, 2}, {32, 3, 2},
                                 {64, 4, 2}, {96, 3, 1}, {160, 3, 2},
                                 {320, 1, 1}};

enum { P = 16 };

static int narrowed(int width, double by)
{
    if (by == 1)
        return width; /* as it is written */
    const int w = P * (int)floor(width * by / P + 0.5);
    return w > P ? w : P;
}

/* Every block an IBN e6, or also a fused e4 behind the first stage. */
static void net_e(struct sn_space *space, double multiplier, bool fuses)
{
    *space = (struct sn_space){.h = 256,
                               .w = 256,
                               .c = 3,
                               .classes = 10,
                               .stem = narrowed(32, multiplier),
                               .stem_stride = 2,
                               .head = 1280,
                               .act = SN_ACT_RELU6,
                               .n_stages = 7};
    for (int is = 0; is < 7; is++) {
        struct sn_stage_space *s = &space->stage[is];
        s->width = narrowed(layout[is][0], multiplier);
        s->stride = layout[is][2];
        s->n_depth = 1;
        s->depth[0] = layout[is][1];
        for (int ib = 0; ib < layout[is][1]; ib++) {
            struct sn_block_space *b = &s->block[ib];
            b->n_op = fuses && is > 0 ? 2 : 1;
            b->op[0] = SN_OP_IBN;
            b->op[1] = SN_OP_FUSED;
            b->of[SN_OP_IBN] = (struct sn_op_space){
                .n_k = 1, .k = {3}, .n_e = 1, .e = {is == 0 ? 1 : 6}};
            b->of[SN_OP_FUSED] =
                (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 1, .e = {4}};
        }
    }
}

/* Latency of the cheapest net. */
static double cheapest(const struct sn_target *target, double multiplier,
                       bool fuses)
{
    struct sn_space *space = malloc(sizeof *space);
    struct sn_cost_table *t = malloc(sizeof *t);
    struct sn_error err = {0};
    double lowest, highest;
    net_e(space, multiplier, fuses);
    check_ok(sn_cost_table_make(t, space, target, &err), &err);
    sn_cost_range(t, space, SN_BUDGET_LATENCY, &lowest, &highest);
    free(space);
    free(t);
    return lowest;
}

static void narrowing_fusing_and_both(void **state)
{
    (void)state;
    struct sn_target target = {.kind = SN_TARGET_NPU};
    read_npu(&target.npu, "configs/targets/ne-1.ini");
    const double whole = cheapest(&target, 1, false);
    const double v1 = 100 - 100 * cheapest(&target, 0.8, false) / whole;
    const double v2 = 100 - 100 * cheapest(&target, 1, true) / whole;
    const double v3 = 100 - 100 * cheapest(&target, 0.8, true) / whole;
    printf("net E takes %.2f ms on ne-1; narrowed to 0.8 it saves %.1f %%, "
           "fused where that pays %.1f %%, both %.1f %%\n",
           1e3 * whole, v1, v2, v3);
    assert_true(fabs(v1 - 15) < 3);
    assert_true(fabs(v2 - 36) < 3);
    assert_true(fabs(v3 - 53) < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrowing_fusing_and_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
