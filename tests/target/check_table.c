/* A table as a target: which class prices what, at which batch, with which
 * activation. */

#include "check.h"

#include <math.h>
#include <string.h>

#include "target/estimator_internal.h"
#include "target/target.h"

enum { ROWS = 24 };

struct rows {
    struct sn_unit unit[ROWS];
    const struct sn_unit *at[ROWS];
    double us[ROWS];
    int n;
};

static void add(struct rows *r, struct sn_unit u, double us)
{
    u.groups = u.op == SN_UNIT_DWCONV ? u.cin : 1;
    r->unit[r->n] = u;
    r->at[r->n] = &r->unit[r->n];
    r->us[r->n++] = us;
}

static struct sn_unit unit(sn_unit_op op, int cin, int cout, int side,
                           sn_unit_act act, int batch)
{
    return (struct sn_unit){.op = op,
                            .cin = cin,
                            .cout = cout,
                            .h = side,
                            .w = side,
                            .k = side > 1 ? 3 : 1,
                            .stride = 1,
                            .batch = batch,
                            .act = act};
}

static struct sn_target table_of(const struct rows *r, const char *dtype,
                                 int batch)
{
    const struct sn_fit_rows rows = {.unit = r->at, .us = r->us, .n = r->n};
    const struct sn_fit_options o = {
        .device = "board", .dtype = dtype, .seed = 1, .folds = 3};
    struct sn_fit_report report = {0};
    struct sn_estimator *e;
    struct sn_error err = {0};
    struct sn_target t;
    check_ok(sn_estimator_fit(&e, &report, &rows, &o, &err), &err);
    sn_fit_report_release(&report);
    sn_target_table(&t, e, 8, batch);
    t.act = SN_ACT_RELU6;
    return t;
}

static void a_value_has_the_bits_of_its_type(void **state)
{
    (void)state;
    static const struct {
        const char *dtype;
        double bytes;
    } known[] = {{"int8", 1},    {"uint8", 1}, {"fp16", 2},   {"bfloat16", 2},
                 {"float32", 4}, {"", 4},      {"single", 4}, {"int4", 0.5},
                 {"x999", 4},    {"int0", 4}};
    struct rows r = {0};
    add(&r, unit(SN_UNIT_CONV, 8, 8, 8, SN_UNIT_RELU, 1), 5);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sn_target t = table_of(&r, known[i].dtype, 1);
        assert_true(t.npu.value_bytes == known[i].bytes);
        assert_true(t.npu.weight_bytes == known[i].bytes);
        assert_int_equal(sn_target_lanes(&t), 8);
        assert_string_equal(sn_target_name(&t), "board");
        sn_target_release(&t);
    }
}

/* A relu6 of ours is the relu that a device was measured with, where it was. */
static void activations_stand_for_each_other(void **state)
{
    (void)state;
    static const struct {
        sn_unit_act low, high, asked, found;
    } known[] = {
        {SN_UNIT_LINEAR, SN_UNIT_LINEAR, SN_UNIT_RELU6, SN_UNIT_LINEAR},
        {SN_UNIT_RELU, SN_UNIT_RELU, SN_UNIT_RELU6, SN_UNIT_RELU},
        {SN_UNIT_RELU6, SN_UNIT_RELU6, SN_UNIT_RELU, SN_UNIT_RELU6},
        {SN_UNIT_RELU, SN_UNIT_HSWISH, SN_UNIT_RELU6, SN_UNIT_RELU},
        {SN_UNIT_RELU, SN_UNIT_HSWISH, SN_UNIT_HSWISH, SN_UNIT_HSWISH},
        {SN_UNIT_SWISH, SN_UNIT_SWISH, SN_UNIT_HSWISH, SN_UNIT_SWISH},
        {SN_UNIT_LINEAR, SN_UNIT_RELU, SN_UNIT_LINEAR, SN_UNIT_LINEAR}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct rows r = {0};
        add(&r, unit(SN_UNIT_CONV, 8, 8, 8, known[i].low, 1), 5);
        add(&r, unit(SN_UNIT_CONV, 8, 16, 8, known[i].high, 1), 9);
        struct sn_target t = table_of(&r, "int8", 1);
        assert_int_equal(
            sn_estimator_act(t.estimator, SN_UNIT_CONV, known[i].asked),
            known[i].found);
        assert_int_equal(
            sn_estimator_act(t.estimator, SN_UNIT_FC, known[i].asked),
            known[i].asked);
        sn_target_release(&t);
    }
}

static void nets_are_priced_at_the_batch_of_the_table(void **state)
{
    (void)state;
    const struct sn_operator op = {.kind = SN_OPERATOR_CONV,
                                   .cin = 16,
                                   .cout = 16,
                                   .h = 8,
                                   .w = 8,
                                   .k = 3,
                                   .stride = 1};
    struct rows r = {0};
    for (int i = 0; i < 12; i++)
        for (int batch = 1; batch < 33; batch += 31)
            add(&r, unit(SN_UNIT_CONV, 16, 4 + 4 * i, 8, SN_UNIT_RELU, batch),
                batch * (4.0 + 4 * i));
    struct sn_target one = table_of(&r, "int8", 1);
    struct sn_target many = table_of(&r, "int8", 32);
    struct sn_cost a, b;
    sn_target_operator(&a, &one, &op);
    sn_target_operator(&b, &many, &op);
    assert_true(fabs(b.seconds / a.seconds / 32 - 1) < 0.2);
    assert_true(a.weights == b.weights);
    sn_target_release(&one);
    sn_target_release(&many);
}

/* Convolutions with the residual in them stand for a convolution and an add,
 * but only where there is no add. */
static void what_is_only_there_joined_is_priced_joined(void **state)
{
    (void)state;
    const struct sn_block_shape shape = {.op = SN_OP_IBN,
                                         .k = 3,
                                         .e = 2,
                                         .cin = 8,
                                         .cout = 8,
                                         .h = 8,
                                         .w = 8,
                                         .stride = 1};
    struct rows r = {0};
    struct sn_target_parts parts;
    struct sn_unit u = unit(SN_UNIT_CONV, 8, 16, 8, SN_UNIT_LINEAR, 1);
    add(&r, u, 9);
    add(&r, unit(SN_UNIT_DWCONV, 16, 16, 8, SN_UNIT_LINEAR, 1), 6);
    struct sn_target t = table_of(&r, "int8", 1);
    sn_target_block(&parts, &t, &shape);
    assert_int_equal(parts.count, 1); /* the block is what is lacking */
    assert_true(isnan(parts.item[0].cost.seconds));
    assert_int_equal(parts.item[0].unit, SN_UNIT_IBN);
    sn_target_release(&t);

    u = unit(SN_UNIT_CONV, 16, 8, 8, SN_UNIT_LINEAR, 1);
    u.skip = true;
    add(&r, u, 8);
    t = table_of(&r, "int8", 1);
    sn_target_block(&parts, &t, &shape);
    assert_int_equal(parts.count, 3);
    assert_string_equal(parts.item[2].name, "project");
    assert_true(parts.item[2].cost.seconds > 0);
    sn_target_release(&t);

    add(&r, unit(SN_UNIT_ADD, 8, 8, 8, SN_UNIT_LINEAR, 1), 3);
    t = table_of(&r, "int8", 1);
    sn_target_block(&parts, &t, &shape);
    assert_int_equal(parts.count, 4);
    assert_string_equal(parts.item[3].name, "add");
    sn_target_release(&t);

    add(&r,
        (struct sn_unit){.op = SN_UNIT_IBN,
                         .cin = 8,
                         .cout = 8,
                         .h = 8,
                         .w = 8,
                         .k = 3,
                         .stride = 1,
                         .mid = 16,
                         .batch = 1,
                         .skip = true,
                         .expands = true},
        20);
    t = table_of(&r, "int8", 1);
    sn_target_block(&parts, &t, &shape);
    assert_int_equal(parts.count, 1);
    assert_true(fabs(1e6 * parts.item[0].cost.seconds - 20) < 0.5);
    sn_target_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_has_the_bits_of_its_type),
        cmocka_unit_test(activations_stand_for_each_other),
        cmocka_unit_test(nets_are_priced_at_the_batch_of_the_table),
        cmocka_unit_test(what_is_only_there_joined_is_priced_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
