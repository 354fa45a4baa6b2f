/* What is known of accelerators, on every device that is shipped: a staircase
 * in channels, fusing that pays early and hurts late, a depthwise convolution
 * that leaves most of the array idle. */

#include <math.h>
#include <stdio.h>

#include "ini.h"
#include "target/block.h"

static const char *const devices[] = {"ne-1", "ethos-like", "dpu-like",
                                      "ne-1s"};

/* The last one is made for small images: at 256 px everything spills on it. */
enum { DEVICES = sizeof devices / sizeof *devices, LARGE = DEVICES - 1 };

static struct sn_npu device(int i)
{
    struct sn_npu npu;
    char path[64];
    snprintf(path, sizeof path, "configs/targets/%s.ini", devices[i]);
    read_npu(&npu, path);
    assert_string_equal(npu.name, devices[i]);
    return npu;
}

static double cycles(const struct sn_npu *npu, sn_operator_kind kind, int side,
                     int cin, int cout)
{
    const struct sn_operator op = {.kind = kind,
                                   .cin = cin,
                                   .cout = cout,
                                   .h = side,
                                   .w = side,
                                   .k = 3,
                                   .stride = 1};
    return sn_npu_cycles(npu, &op);
}

/* Channels up to the next multiple of P are free, the one behind it costs a
 * step; of outputs and of inputs alike. */
static void cost_is_a_staircase(void **state)
{
    (void)state;
    for (int i = 0; i < DEVICES; i++) {
        struct sn_npu npu = device(i);
        npu.dram_bandwidth = npu.on_chip_bandwidth = 1e6; /* the array alone */
        const int p = npu.out_lanes, q = npu.in_lanes;
        for (int c = p; c <= 6 * p; c++) {
            const double now = cycles(&npu, SN_OPERATOR_CONV, 28, 64, c);
            const double next = cycles(&npu, SN_OPERATOR_CONV, 28, 64, c + 1);
            assert_true(c % p ? next == now : next > 1.1 * now);
        }
        for (int c = q; c <= 6 * q; c++) {
            const double now = cycles(&npu, SN_OPERATOR_CONV, 28, c, 64);
            const double next = cycles(&npu, SN_OPERATOR_CONV, 28, c + 1, 64);
            assert_true(c % q ? next == now : next > 1.1 * now);
        }
    }
}

static double block(const struct sn_npu *npu, sn_block_op op, int e, int side,
                    int cin, int cout, int stride)
{
    const struct sn_block_shape b = {op, 3, e, cin, cout, side, side, stride};
    struct sn_cost c;
    sn_block_cost(&c, npu, &b);
    return c.seconds;
}

/* Of a MobileNetV2 at 256 px. */
static void fusing_pays_early_and_hurts_late(void **state)
{
    (void)state;
    static const struct {
        int side, cin, cout, stride;
        bool pays;
    } row[] = {
        {128, 16, 24, 2, true}, {64, 24, 32, 2, true},   {32, 32, 64, 2, true},
        {16, 96, 96, 1, false}, {8, 160, 160, 1, false},
    };
    for (int i = 0; i < LARGE; i++) {
        const struct sn_npu npu = device(i);
        for (size_t ir = 0; ir < sizeof row / sizeof *row; ir++) {
            const int side = row[ir].side, cin = row[ir].cin;
            const double ibn = block(&npu, SN_OP_IBN, 6, side, cin,
                                     row[ir].cout, row[ir].stride);
            const double fused = block(&npu, SN_OP_FUSED, 4, side, cin,
                                       row[ir].cout, row[ir].stride);
            if ((fused < ibn) != row[ir].pays)
                fail_msg("%s: %d px, %d to %d: fused takes %.2f of an IBN",
                         devices[i], side, cin, row[ir].cout, fused / ibn);
        }
    }
}

/* Of CIFAR's, on the device for those. */
static void so_it_does_on_small_images(void **state)
{
    (void)state;
    const struct sn_npu npu = device(LARGE);
    assert_true(block(&npu, SN_OP_FUSED, 4, 32, 16, 24, 1) <
                block(&npu, SN_OP_IBN, 6, 32, 16, 24, 1));
    assert_true(block(&npu, SN_OP_FUSED, 4, 4, 160, 160, 1) >
                block(&npu, SN_OP_IBN, 6, 4, 160, 160, 1));
}

static void depthwise_is_far_from_the_peak(void **state)
{
    (void)state;
    for (int i = 0; i < DEVICES; i++) {
        const struct sn_npu npu = device(i);
        const double peak =
            (double)npu.in_lanes * npu.out_lanes * npu.pixel_lanes;
        const double macs = 28.0 * 28 * 9 * 64;
        const double depthwise =
            macs / cycles(&npu, SN_OPERATOR_DWCONV, 28, 64, 64);
        const double full =
            64 * macs / cycles(&npu, SN_OPERATOR_CONV, 28, 64, 64);
        printf("%s: of %.0f multiplies a cycle %.1f %% depthwise, %.0f %% "
               "else\n",
               devices[i], peak, 100 * depthwise / peak, 100 * full / peak);
        assert_true(depthwise < 0.13 * peak && full > 0.7 * peak);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cost_is_a_staircase),
        cmocka_unit_test(fusing_pays_early_and_hurts_late),
        cmocka_unit_test(so_it_does_on_small_images),
        cmocka_unit_test(depthwise_is_far_from_the_peak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
