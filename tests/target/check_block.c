/* Blocks as operators: which ones, what spills, what is alive. */

#include "target/block.h"

#include <math.h>
#include <stdio.h>

#include "ini.h"

static struct sn_npu npu_with(double on_chip)
{
    struct sn_npu npu;
    read_npu(&npu, "configs/targets/ne-1.ini");
    npu.on_chip.value = on_chip;
    return npu;
}

static struct sn_block_shape shape(sn_block_op op, int e, int cin, int cout,
                                   int side, int stride)
{
    return (struct sn_block_shape){.op = op,
                                   .k = 3,
                                   .e = e,
                                   .cin = cin,
                                   .cout = cout,
                                   .h = side,
                                   .w = side,
                                   .stride = stride};
}

/* Operators as a word: c conv, d depthwise, + add; < reads, > writes DRAM. */
static const char *spell(double on_chip, struct sn_block_shape b)
{
    static char word[32];
    const struct sn_npu npu = npu_with(on_chip);
    struct sn_block_operators ops;
    int n = 0;
    sn_block_operators(&ops, &npu, &b);
    for (int i = 0; i < ops.count; i++) {
        if (ops.item[i].in_dram)
            word[n++] = '<';
        word[n++] = "cd+gf"[ops.item[i].kind];
        if (ops.item[i].out_dram)
            word[n++] = '>';
    }
    word[n] = '\0';
    return word;
}

static void ibn_spills_by_its_own_tensors(void **state)
{
    (void)state;
    /* 10x10x4: x = y = 400, mid1 = mid2 = 1200.  Residual: depthwise needs
     * 400 + 1200 + 1200, the projection 400 + 1200 + 400. */
    const struct sn_block_shape b = shape(SN_OP_IBN, 3, 4, 4, 10, 1);
    assert_string_equal(spell(2800, b), "cdc+");
    assert_string_equal(spell(2799, b), "cd><c+");
    assert_string_equal(spell(1600, b), "cd><c+");
    assert_string_equal(spell(1599, b), "c><d><c+");
    assert_string_equal(spell(400, b), "c><d><c+");
    assert_string_equal(spell(399, b), "<c><d><c>+");
    /* without a residual x is gone when the depthwise runs */
    const struct sn_block_shape wide = shape(SN_OP_IBN, 3, 4, 5, 10, 1);
    assert_string_equal(spell(2400, wide), "cdc");
    assert_string_equal(spell(2399, wide), "cd><c");
    /* stride 2: mid2 = 300; y = 40 * 25 = 1000 is the widest end */
    const struct sn_block_shape down = shape(SN_OP_IBN, 3, 4, 40, 10, 2);
    assert_string_equal(spell(1600, down), "cdc");
    assert_string_equal(spell(1599, down), "c><dc");
    assert_string_equal(spell(1300, down), "c><d><c");
    assert_string_equal(spell(999, down), "c><d><c>");
}

static void output_can_be_what_spills_mid2(void **state)
{
    (void)state;
    /* x = 100, mid1 = mid2 = 200, y = 5000: 200 + 5000 exceeds S, 200 + 200
     * does not */
    const struct sn_block_shape b = shape(SN_OP_IBN, 2, 1, 50, 10, 1);
    assert_string_equal(spell(5200, b), "cdc");
    assert_string_equal(spell(5199, b), "cd><c");
}

static void plain_depthwise_reads_the_input(void **state)
{
    (void)state;
    /* e = 1: x = mid2 = y = 400; depthwise x + mid2, projection x + mid2 + y
     * where x is kept, mid2 + y where it is not */
    assert_string_equal(spell(1200, shape(SN_OP_IBN, 1, 4, 4, 10, 1)), "dc+");
    assert_string_equal(spell(1199, shape(SN_OP_IBN, 1, 4, 4, 10, 1)), "d><c+");
    assert_string_equal(spell(900, shape(SN_OP_IBN, 1, 4, 5, 10, 1)), "dc");
    assert_string_equal(spell(899, shape(SN_OP_IBN, 1, 4, 5, 10, 1)), "d><c");
    assert_string_equal(spell(399, shape(SN_OP_IBN, 1, 4, 4, 10, 1)),
                        "<d><c>+");
}

static void fused_spills_by_its_own_tensors(void **state)
{
    (void)state;
    /* x = 400, mid = 1200; the projection's residual does not count */
    const struct sn_block_shape b = shape(SN_OP_FUSED, 3, 4, 4, 10, 1);
    assert_string_equal(spell(1600, b), "cc+");
    assert_string_equal(spell(1599, b), "c><c+");
    assert_string_equal(spell(399, b), "<c><c>+");
    /* stride 2: mid = 300 */
    assert_string_equal(spell(700, shape(SN_OP_FUSED, 3, 4, 4, 10, 2)), "cc");
    assert_string_equal(spell(699, shape(SN_OP_FUSED, 3, 4, 4, 10, 2)), "c><c");
}

static void conv_spills_with_its_ends_alone(void **state)
{
    (void)state;
    assert_string_equal(spell(400, shape(SN_OP_CONV, 1, 4, 4, 10, 1)), "c+");
    assert_string_equal(spell(399, shape(SN_OP_CONV, 1, 4, 4, 10, 1)), "<c>+");
    assert_string_equal(spell(399, shape(SN_OP_CONV, 1, 4, 4, 10, 2)), "<c");
    assert_string_equal(spell(500, shape(SN_OP_CONV, 1, 4, 5, 10, 1)), "c");
    assert_string_equal(spell(499, shape(SN_OP_CONV, 1, 4, 5, 10, 1)), "c>");
}

static void operators_have_the_blocks_extents(void **state)
{
    (void)state;
    const struct sn_npu npu = npu_with(1e9);
    struct sn_block_shape b = shape(SN_OP_IBN, 6, 8, 12, 9, 2);
    b.k = 5;
    b.w = 7;
    struct sn_block_operators ops;
    sn_block_operators(&ops, &npu, &b);
    const struct sn_operator want[3] = {
        {SN_OPERATOR_CONV, 8, 48, 9, 7, 1, 1, false, false},
        {SN_OPERATOR_DWCONV, 48, 48, 9, 7, 5, 2, false, false},
        {SN_OPERATOR_CONV, 48, 12, 5, 4, 1, 1, false, false}};
    assert_int_equal(ops.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ops.item[i].kind, want[i].kind);
        assert_int_equal(ops.item[i].cin, want[i].cin);
        assert_int_equal(ops.item[i].cout, want[i].cout);
        assert_int_equal(ops.item[i].h, want[i].h);
        assert_int_equal(ops.item[i].w, want[i].w);
        assert_int_equal(ops.item[i].k, want[i].k);
        assert_int_equal(ops.item[i].stride, want[i].stride);
    }
    struct sn_cost c;
    sn_block_cost(&c, &npu, &b);
    assert_true(c.macs == 63.0 * 8 * 48 + 20.0 * 25 * 48 + 20.0 * 48 * 12);
    assert_true(c.params == 8 * 48 + 48 + 25 * 48 + 48 + 48 * 12 + 12);
    assert_true(c.weights == c.params);
    b.op = SN_OP_FUSED;
    sn_block_cost(&c, &npu, &b);
    assert_true(c.macs == 20.0 * 25 * 8 * 48 + 20.0 * 48 * 12);
    assert_true(c.params == 25 * 8 * 48 + 48 + 48 * 12 + 12);
}

static double peak(struct sn_block_shape b)
{
    const struct sn_npu npu = npu_with(1e9);
    struct sn_cost c;
    sn_block_cost(&c, &npu, &b);
    return c.activations;
}

static void peaks_by_hand(void **state)
{
    (void)state;
    /* residual: x stays alive beside both hidden tensors */
    assert_true(peak(shape(SN_OP_IBN, 3, 4, 4, 10, 1)) == 400 + 1200 + 1200);
    assert_true(peak(shape(SN_OP_IBN, 3, 4, 5, 10, 1)) == 1200 + 1200);
    /* stride 2: the expansion, x + mid1, is the widest moment */
    assert_true(peak(shape(SN_OP_IBN, 3, 4, 4, 10, 2)) == 400 + 1200);
    /* a wide output: mid2 + y */
    assert_true(peak(shape(SN_OP_IBN, 2, 1, 50, 10, 1)) == 200 + 5000);
    assert_true(peak(shape(SN_OP_IBN, 1, 4, 4, 10, 1)) == 400 + 400 + 400);
    assert_true(peak(shape(SN_OP_IBN, 1, 4, 5, 10, 1)) == 400 + 500);
    assert_true(peak(shape(SN_OP_FUSED, 3, 4, 4, 10, 1)) == 400 + 1200 + 400);
    assert_true(peak(shape(SN_OP_FUSED, 3, 4, 4, 10, 2)) == 400 + 300);
    assert_true(peak(shape(SN_OP_CONV, 1, 4, 5, 10, 1)) == 400 + 500);
    assert_true(peak(shape(SN_OP_CONV, 1, 4, 4, 10, 1)) == 400 + 400);
}

static void stem_and_tail(void **state)
{
    (void)state;
    struct sn_npu npu = npu_with(1e9);
    struct sn_cost c;
    sn_stem_cost(&c, &npu, 9, 8, 3, 16, 2);
    assert_true(c.macs == 20.0 * 27 * 16);
    assert_true(c.params == 27 * 16 + 16);
    assert_true(c.activations == 9 * 8 * 3 + 20 * 16);
    /* 5 x 1 groups of pixels and outputs, 27 taps in 2 passes; weights: 432 +
     * 128 bytes from DRAM take 70 cycles, which is more */
    assert_true(c.seconds == (500 + (27 * 16 + 8 * 16) / 8.0) / 800e6);
    npu.on_chip.value = 319; /* the output alone does not fit, the image does */
    sn_stem_cost(&c, &npu, 9, 8, 3, 16, 2);
    assert_true(c.seconds ==
                (500 + ((27 * 16 + 8 * 16) * 4 + 320) / 8.0) / 800e6);

    npu.on_chip.value = 1e9;
    struct sn_cost head, none;
    sn_tail_cost(&head, &npu, 4, 4, 64, 256, 10);
    assert_true(head.macs == 16.0 * 64 * 256 + 2560);
    assert_true(head.params == 64 * 256 + 256 + 2560 + 10);
    assert_true(head.activations == 16 * 64 + 16 * 256);
    sn_tail_cost(&none, &npu, 4, 4, 64, 0, 10);
    assert_true(none.macs == 640 && none.params == 650);
    assert_true(none.activations == 16 * 64 + 64);
    /* pool: 16 * 64 / 32 cycles; linear: 640 + 80 bytes of weights */
    assert_true(fabs(none.seconds * 800e6 - (500 + 32 + 500 + 90)) < 1e-6);
}

/* MobileNetV2 for CIFAR (METHOD 7.1): 87.1 MMAC, 2.24 M parameters. */
static void net_a_counts(void **state)
{
    (void)state;
    static const int stage[7][4] = {
        {1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
        {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    const struct sn_npu npu = npu_with(1e9);
    struct sn_cost sum, part;
    sn_stem_cost(&sum, &npu, 32, 32, 3, 16, 1);
    int side = 32, cin = 16;
    for (int is = 0; is < 7; is++)
        for (int ib = 0; ib < stage[is][2]; ib++) {
            const int stride = ib ? 1 : stage[is][3];
            const struct sn_block_shape b =
                shape(SN_OP_IBN, stage[is][0], cin, stage[is][1], side, stride);
            sn_block_cost(&part, &npu, &b);
            sn_cost_add(&sum, &part);
            side = sn_strided(side, stride);
            cin = stage[is][1];
        }
    sn_tail_cost(&part, &npu, side, side, cin, 1280, 10);
    sn_cost_add(&sum, &part);
    assert_true(fabs(sum.macs / 1e6 - 87.1) < 0.05);
    assert_true(fabs(sum.params / 1e6 - 2.22) < 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ibn_spills_by_its_own_tensors),
        cmocka_unit_test(output_can_be_what_spills_mid2),
        cmocka_unit_test(plain_depthwise_reads_the_input),
        cmocka_unit_test(fused_spills_by_its_own_tensors),
        cmocka_unit_test(conv_spills_with_its_ends_alone),
        cmocka_unit_test(operators_have_the_blocks_extents),
        cmocka_unit_test(peaks_by_hand),
        cmocka_unit_test(stem_and_tail),
        cmocka_unit_test(net_a_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
