/* The cycle model: every formula against a case worked out by hand, then the
 * tables of METHOD-NPU 3, which another program computed. */

#include "target/npu.h"

#include <math.h>
#include <stdio.h>

#include "ini.h"
#include "target/block.h"
#include "target/target_options.h"

static struct sn_npu ne1(void)
{
    struct sn_npu npu;
    read_npu(&npu, "configs/targets/ne-1.ini");
    return npu;
}

/* ne-1 with memory so fast and starts so cheap that only arithmetic counts. */
static struct sn_npu arithmetic_only(void)
{
    struct sn_npu npu = ne1();
    npu.on_chip_bandwidth = npu.dram_bandwidth = 1e12;
    npu.launch = 0;
    return npu;
}

static struct sn_operator op(sn_operator_kind kind, int cin, int cout, int h,
                             int w, int k, int stride)
{
    return (struct sn_operator){.kind = kind,
                                .cin = cin,
                                .cout = cout,
                                .h = h,
                                .w = w,
                                .k = k,
                                .stride = stride};
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fabs(want)))
        fail_msg("got %.17g, expected %.17g", got, want);
}

static void shipped_descriptions(void **state)
{
    (void)state;
    struct sn_npu npu = ne1();
    assert_string_equal(npu.name, "ne-1");
    near(npu.clock.value, 800e6);
    near(npu.on_chip.value, 768 * 1024);
    near(npu.dram_bandwidth, 8);
    read_npu(&npu, "configs/targets/ne-1s.ini");
    assert_string_equal(npu.name, "ne-1s");
    near(npu.on_chip.value, 96 * 1024);
    near(npu.on_chip_bandwidth, 64);
    near(npu.dram_bandwidth, 2);
    near(npu.launch, 500);
    assert_int_equal(npu.in_lanes, 16);
    assert_int_equal(npu.out_lanes, 16);
    assert_int_equal(npu.pixel_lanes, 4);
    assert_int_equal(npu.dw_lanes, 16);
    assert_int_equal(npu.dw_taps, 1);
    assert_int_equal(npu.vector_lanes, 32);
    assert_true(npu.pack_input);
    near(npu.weight_bytes, 1);
    near(npu.value_bytes, 1);
    near(npu.slowdown, 1);
    near(npu.weight_compression, 1);
}

static void arithmetic_by_hand(void **state)
{
    (void)state;
    struct sn_npu npu = arithmetic_only();
    /* 5x7 at stride 2 leaves 3x4 pixels, 3 groups of 4; 17 outputs fill 2
     * groups of 16; 9 taps x 2 groups of inputs */
    struct sn_operator o = op(SN_OPERATOR_CONV, 17, 17, 5, 7, 3, 2);
    near(sn_npu_cycles(&npu, &o), 3 * 2 * 9 * 2);
    /* 3 input channels: 27 products packed into 2 passes of 16, else 9 */
    o.cin = 3;
    near(sn_npu_cycles(&npu, &o), 3 * 2 * 2);
    npu.pack_input = false;
    near(sn_npu_cycles(&npu, &o), 3 * 2 * 9);
    /* depthwise: 3 groups of pixels, 2 of channels, 9 taps one by one or by 4
     */
    o = op(SN_OPERATOR_DWCONV, 17, 17, 5, 7, 3, 2);
    near(sn_npu_cycles(&npu, &o), 3 * 2 * 9);
    npu.dw_taps = 4;
    near(sn_npu_cycles(&npu, &o), 3 * 2 * 3);
    npu.slowdown = 2;
    near(sn_npu_cycles(&npu, &o), 2 * 3 * 2 * 3);
    o = op(SN_OPERATOR_FC, 40, 10, 1, 1, 1, 1);
    near(sn_npu_cycles(&npu, &o), 2 * 1 * 1 * 3);
    /* element-wise work is not the array's: no slowdown */
    o = op(SN_OPERATOR_ADD, 5, 5, 3, 7, 1, 1);
    near(sn_npu_cycles(&npu, &o), 4); /* 105 / 32 */
    o.kind = SN_OPERATOR_GAP;
    near(sn_npu_cycles(&npu, &o), 4);
    npu.launch = 500;
    near(sn_npu_cycles(&npu, &o), 504);
}

static void traffic_by_hand(void **state)
{
    (void)state;
    struct sn_npu npu = ne1();
    npu.launch = 0;
    npu.on_chip_bandwidth = 1; /* cycles are bytes on chip, if those lead */
    npu.dram_bandwidth = 1e12;
    struct sn_operator o = op(SN_OPERATOR_CONV, 4, 8, 6, 6, 3, 1);
    const double in = 144, out = 288, w = 9 * 4 * 8 + 8 * 8;
    near(sn_npu_cycles(&npu, &o), in + out + w);
    npu.value_bytes = 2;
    npu.weight_bytes = 0.5;
    npu.weight_compression = 0.5;
    near(sn_npu_cycles(&npu, &o), 2 * (in + out) + 0.25 * 288 + 64);
    o = op(SN_OPERATOR_ADD, 16, 16, 6, 6, 1, 1); /* two inputs, no weights */
    near(sn_npu_cycles(&npu, &o), 2 * 3 * 36 * 16);
    o = op(SN_OPERATOR_GAP, 16, 16, 6, 6, 1, 1);
    near(sn_npu_cycles(&npu, &o), 2 * (36 * 16 + 16));
}

static void dram_by_hand(void **state)
{
    (void)state;
    struct sn_npu npu = ne1();
    npu.launch = 0;
    npu.on_chip_bandwidth = 1e12;
    npu.dram_bandwidth = 1e-3; /* cycles are 1000 x bytes from DRAM */
    struct sn_operator o = op(SN_OPERATOR_CONV, 4, 8, 6, 6, 3, 1);
    const double in = 144, out = 288, w = 288 + 64;
    near(sn_npu_cycles(&npu, &o), 1e3 * w); /* weights always */
    o.in_dram = true;
    near(sn_npu_cycles(&npu, &o), 1e3 * (w + in));
    o.out_dram = true;
    near(sn_npu_cycles(&npu, &o), 1e3 * (w + in + out));
    /* weights above half the chip's bytes come once per tile of that size */
    npu.on_chip.value = 2 * 352; /* W = 352 is not above the half */
    near(sn_npu_cycles(&npu, &o), 1e3 * (w + in + out));
    npu.on_chip.value = 2 * 350; /* 432 / 350: two tiles */
    near(sn_npu_cycles(&npu, &o), 1e3 * (2 * w + in + out));
    o.in_dram = o.out_dram = false;
    near(sn_npu_cycles(&npu, &o), 1e3 * 2 * w);
}

static void halo_by_hand(void **state)
{
    (void)state;
    struct sn_npu npu = ne1();
    npu.launch = 0;
    npu.on_chip_bandwidth = 1;
    npu.dram_bandwidth = 1e12;
    npu.on_chip.value = 2 * 60; /* rows of 6 x 4 bytes: 2.5, so 2 a tile */
    struct sn_operator o = op(SN_OPERATOR_DWCONV, 4, 4, 6, 6, 3, 1);
    const double in = 144, rest = 144 + 36 + 32;
    near(sn_npu_cycles(&npu, &o), in + rest);
    o.in_dram = true; /* k - stride = 2 rows come again every 2 rows */
    near(sn_npu_cycles(&npu, &o), in * (1 + 2.0 / 2) + rest);
    npu.on_chip.value = 2; /* not even a row fits: tiles of one */
    near(sn_npu_cycles(&npu, &o), in * (1 + 2.0) + rest);
    o.stride = 3; /* windows do not overlap */
    near(sn_npu_cycles(&npu, &o), in + 4 * 4 + 36 + 32);
    o.stride = 4; /* less than none is none */
    near(sn_npu_cycles(&npu, &o), in + 4 * 4 + 36 + 32);
}

static void longest_leads_and_cost(void **state)
{
    (void)state;
    struct sn_npu npu = ne1();
    struct sn_operator o = op(SN_OPERATOR_CONV, 32, 48, 10, 10, 3, 1);
    const double params = 9 * 32 * 48 + 48;
    struct sn_cost c;
    sn_npu_cost(&c, &npu, &o);
    /* array: 25 x 3 x 18 cycles; on chip: 22,208 / 64; DRAM: 14,208 / 8 */
    near(c.seconds, (1776 + 500) / 800e6);
    near(c.macs, 100.0 * 9 * 32 * 48);
    near(c.params, params);
    near(c.weights, params);
    near(c.activations, 3200 + 4800);
    npu.value_bytes = npu.weight_bytes = 2;
    sn_npu_cost(&c, &npu, &o);
    near(c.weights, 2 * params);
    near(c.activations, 2 * (3200 + 4800));
    o = op(SN_OPERATOR_ADD, 32, 32, 10, 10, 1, 1); /* in place */
    sn_npu_cost(&c, &npu, &o);
    near(c.activations, 2 * 2 * 3200);
    assert_true(c.macs == 0.0 && c.params == 0.0 && c.weights == 0.0);
}

static void cost_is_a_staircase_in_channels(void **state)
{
    (void)state;
    const struct sn_npu npu = ne1();
    static const double us[4] = {9.4, 18.3, 27.1, 35.9};
    for (int cout = 4; cout <= 64; cout += 4) {
        const struct sn_operator o =
            op(SN_OPERATOR_CONV, 64, cout, 28, 28, 3, 1);
        const double got = sn_npu_cycles(&npu, &o) / npu.clock.value * 1e6;
        assert_true(fabs(got - us[(cout - 1) / 16]) < 0.05);
    }
}

/* METHOD-NPU 3: blocks on ne-1, IBN e6 in us, fused e4 and e6 relative to it,
 * as printed there. */
static void blocks_of_the_published_table(void **state)
{
    (void)state;
    static const struct {
        int side, cin, cout, stride;
        double us, e4, e6;
    } row[] = {
        {128, 16, 24, 2, 617, 0.09, 0.14}, {64, 24, 24, 1, 228, 0.71, 1.05},
        {64, 24, 32, 2, 57, 0.70, 1.04},   {32, 32, 32, 1, 54, 1.01, 1.48},
        {32, 32, 64, 2, 22, 0.70, 1.02},   {16, 64, 64, 1, 36, 1.50, 2.21},
        {16, 96, 96, 1, 64, 1.84, 2.73},   {16, 96, 160, 2, 40, 1.57, 2.34},
        {8, 160, 160, 1, 63, 2.58, 3.85}};
    const struct sn_npu npu = ne1();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sn_block_shape b = {.op = SN_OP_IBN,
                                   .k = 3,
                                   .e = 6,
                                   .cin = row[i].cin,
                                   .cout = row[i].cout,
                                   .h = row[i].side,
                                   .w = row[i].side,
                                   .stride = row[i].stride};
        struct sn_cost ibn, e4, e6;
        sn_block_cost(&ibn, &npu, &b);
        b.op = SN_OP_FUSED;
        sn_block_cost(&e6, &npu, &b);
        b.e = 4;
        sn_block_cost(&e4, &npu, &b);
        if (!(fabs(ibn.seconds * 1e6 - row[i].us) <= 0.5) ||
            !(fabs(e4.seconds / ibn.seconds - row[i].e4) <= 0.00501) ||
            !(fabs(e6.seconds / ibn.seconds - row[i].e6) <= 0.00501))
            fail_msg("row %zu: %.2f us, %.4f, %.4f", i, ibn.seconds * 1e6,
                     e4.seconds / ibn.seconds, e6.seconds / ibn.seconds);
    }
}

static void options_are_required_and_ranged(void **state)
{
    (void)state;
    static const struct {
        const char *key, *low, *high;
    } bad[] = {
        {"clock", "0 Hz", "200 GHz"},      {"in_lanes", "0", "4097"},
        {"out_lanes", "0", "4097"},        {"pixel_lanes", "0", "4097"},
        {"dw_lanes", "0", "4097"},         {"dw_taps", "0", "4097"},
        {"vector_lanes", "0", "4097"},     {"on_chip", "1023 B", "1025 GiB"},
        {"on_chip_bandwidth", "0", "2e6"}, {"dram_bandwidth", "0", "2e6"},
        {"launch", "-1", "2e9"},           {"weight_bytes", "0.1", "9"},
        {"value_bytes", "0.1", "9"},       {"slowdown", "0.5", "1025"},
        {"weight_compression", "0", "1.5"}};
    struct sn_npu npu = ne1();
    struct sn_error err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct sn_option *o = sn_option_find(&sn_npu_options, bad[i].key);
        assert_non_null(o);
        check_fails(sn_option_parse(o, &npu, bad[i].low, NULL, &err), &err,
                    SN_ERR_CONFIG, "out of range");
        check_fails(sn_option_parse(o, &npu, bad[i].high, NULL, &err), &err,
                    SN_ERR_CONFIG, "out of range");
    }
    for (size_t i = 0; i < sn_npu_options.count; i++)
        assert_null(sn_npu_options.rows[i].fallback);

    struct sn_target_options target;
    sn_option_defaults(&sn_target_options, &target);
    assert_int_equal(target.kind, SN_TARGET_NPU);
    assert_null(sn_option_find(&sn_target_options, "file")->fallback);
    check_fails(sn_option_parse(sn_option_find(&sn_target_options, "kind"),
                                &target, "tpu", NULL, &err),
                &err, SN_ERR_CONFIG, "expected one of npu, cpu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_descriptions),
        cmocka_unit_test(arithmetic_by_hand),
        cmocka_unit_test(traffic_by_hand),
        cmocka_unit_test(dram_by_hand),
        cmocka_unit_test(halo_by_hand),
        cmocka_unit_test(longest_leads_and_cost),
        cmocka_unit_test(cost_is_a_staircase_in_channels),
        cmocka_unit_test(blocks_of_the_published_table),
        cmocka_unit_test(options_are_required_and_ranged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
