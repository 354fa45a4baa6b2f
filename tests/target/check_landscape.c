/* Sweeps over channels: minima by hand, and what curation leaves. */

#include "target/landscape.h"

#include <stdio.h>
#include <stdlib.h>

#include "ini.h"

static void minima_by_hand(void **state)
{
    (void)state;
    const double v[] = {3, 2, 2, 4, 1, 5, 5, 0};
    assert_int_equal(sn_local_minima(v, 8), 2); /* 2 2 and 1; 0 is an end */
    assert_int_equal(sn_local_minima(v, 3), 0);
    assert_int_equal(sn_local_minima(v, 0), 0);
    const double up[] = {1, 1, 2, 3, 3};
    assert_int_equal(sn_local_minima(up, 5), 0);
}

static void curated_widths_are_monotone(void **state)
{
    (void)state;
    static const char *const names[] = {"ne-1", "ethos-like", "dpu-like"};
    const struct sn_operator op = {.kind = SN_OPERATOR_CONV,
                                   .cin = 64,
                                   .h = 28,
                                   .w = 28,
                                   .k = 3,
                                   .stride = 1};
    struct sn_landscape *l = malloc(sizeof *l);
    for (int i = 0; i < 3; i++) {
        struct sn_target t = {.kind = SN_TARGET_NPU};
        char path[64];
        snprintf(path, sizeof path, "configs/targets/%s.ini", names[i]);
        read_npu(&t.npu, path);
        sn_landscape_make(l, &t, &op, 160);
        const int steps = 160 / sn_target_lanes(&t);
        printf("%s: %d local minima of latency per channel, curated %d\n",
               names[i], l->raw.each_minima, l->curated.each_minima);
        assert_int_equal(l->raw.n, 160);
        assert_int_equal(l->raw.each_minima, steps - 1);
        assert_int_equal(l->curated.n, steps);
        assert_int_equal(l->curated.each_minima, 0);
        for (int ic = 1; ic < steps; ic++) {
            assert_true(l->curated.seconds[ic] > l->curated.seconds[ic - 1]);
            assert_true(l->curated.each[ic] < l->curated.each[ic - 1]);
        }
    }
    free(l);
}

/* A width that costs what a wider one does is no choice: here all of it is
 * launch, but for the step to the last width. */
static void what_a_wider_one_beats_is_left_out(void **state)
{
    (void)state;
    struct sn_target t = {.kind = SN_TARGET_NPU};
    const struct sn_operator op = {
        .kind = SN_OPERATOR_FC, .cin = 1, .h = 1, .w = 1, .k = 1, .stride = 1};
    struct sn_landscape *l = malloc(sizeof *l);
    read_npu(&t.npu, "configs/targets/ne-1.ini");
    t.npu.dram_bandwidth = t.npu.on_chip_bandwidth = 1e12;
    t.npu.out_lanes = 64;
    t.npu.launch = 5;
    sn_landscape_make(l, &t, &op, 130);
    assert_int_equal(l->curated.n, 2);
    assert_int_equal(l->curated.channels[0], 64);
    assert_int_equal(l->curated.channels[1], 128);
    /* no two widths differ */
    t.npu.launch = 1e30;
    sn_landscape_make(l, &t, &op, 130);
    assert_int_equal(l->curated.n, 1);
    assert_int_equal(l->curated.channels[0], 128);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minima_by_hand),
        cmocka_unit_test(curated_widths_are_monotone),
        cmocka_unit_test(what_a_wider_one_beats_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
