/* Operator CSVs: what is read and written, and what is refused. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/unit_csv.h"

static const struct sn_unit_want everything = {0};

static struct sn_unit_table read_text(const char *text)
{
    struct sn_error err = {0};
    struct sn_unit_table t = {0};
    check_ok(sn_unit_table_read(&t, check_write_text("u.csv", text),
                                &everything, &err),
             &err);
    return t;
}

static void missing_columns_have_defaults(void **state)
{
    (void)state;
    struct sn_unit_table t = read_text("latency_us,cin,op,extra\n"
                                       "2.5,16,conv,1\n"
                                       "3,32,dwconv,2\n"
                                       "1,8,ibn,\n");
    assert_int_equal(t.n, 3);
    const struct sn_unit *u = &t.row[0].unit;
    assert_int_equal(u->op, SN_UNIT_CONV);
    assert_int_equal(u->cout, 16);
    assert_int_equal(u->h, 1);
    assert_int_equal(u->w, 1);
    assert_int_equal(u->k, 1);
    assert_int_equal(u->groups, 1);
    assert_int_equal(u->batch, 1);
    assert_int_equal(t.row[0].line, 2);
    assert_true(t.row[0].us == 2.5);
    assert_int_equal(t.row[1].unit.groups, 32);
    u = &t.row[2].unit;
    assert_int_equal(u->mid, 8);
    assert_false(u->expands);
    assert_true(u->skip); /* stride 1, cin = cout */
    assert_string_equal(t.notes, "columns passed over: extra\n");
    assert_string_equal(t.device[0], "");
    sn_unit_table_release(&t);
}

static void blocks_follow_from_their_expansion(void **state)
{
    (void)state;
    struct sn_unit_table t =
        read_text("op,cin,cout,h,w,k,stride,expansion,mid,skip,expand_conv,"
                  "latency_us\n"
                  "ibn,16,24,56,,3,2,6,,,,1\n"
                  "ibn,16,16,56,28,3,1,1,,0,1,1\n"
                  "ibn,16,16,56,28,3,1,,72,,,1\n"
                  "fused_ibn,16,16,56,28,3,1,2.5,,,,1\n");
    assert_int_equal(t.row[0].unit.mid, 96);
    assert_true(t.row[0].unit.expands);
    assert_false(t.row[0].unit.skip);
    assert_int_equal(t.row[0].unit.w, 56);
    assert_true(t.row[1].unit.expands);
    assert_false(t.row[1].unit.skip);
    assert_int_equal(t.row[2].unit.mid, 72);
    assert_true(t.row[2].unit.skip);
    assert_int_equal(t.row[3].unit.mid, 40);
    assert_false(t.row[3].unit.expands);
    sn_unit_table_release(&t);
}

static const char devices[] = "device,op,cin,dtype,batch,latency_us,kind\n"
                              "a,conv,8,int8,1,1,measured\n"
                              "b,conv,8,int8,1,2,measured\n"
                              "b,conv,8,fp16,1,3,measured\n"
                              "b,conv,8,fp16,4,4,\n"
                              "b,conv,8,fp16,4,-1,measured\n"
                              "b,conv,8,fp16,4,5,derived_rel_to_k3\n"
                              "b,const,,,,7,derived_const\n"
                              "b,mystery,8,fp16,4,5,measured\n";

static void rows_are_picked(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_unit_table t = {0};
    const char *path = check_write_text("d.csv", devices);
    const struct {
        struct sn_unit_want want;
        size_t rows;
    } cases[] = {
        {{0}, 4},
        {{.device = "b"}, 3},
        {{.device = "b", .dtype = "fp16"}, 2},
        {{.batch = 4}, 1},
        {{.device = "b", .relative = true}, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_ok(sn_unit_table_read(&t, path, &cases[i].want, &err), &err);
        assert_int_equal(t.n, cases[i].rows);
        sn_unit_table_release(&t);
    }
    check_ok(sn_unit_table_read(&t, path, &everything, &err), &err);
    assert_non_null(strstr(t.notes, "2 rows of differences"));
    assert_non_null(strstr(t.notes, "1 rows left out whose op is not known, "
                                    "such as mystery"));
    assert_non_null(strstr(t.notes, "1 rows left out whose latency"));
    sn_unit_table_release(&t);
    const struct sn_unit_want none = {
        .device = "c", .dtype = "int4", .batch = 3};
    check_fails(sn_unit_table_read(&t, path, &none, &err), &err, SN_ERR_INPUT,
                "found no row of device 'c' of dtype 'int4' of batch 3 that is "
                "a measurement; its devices: 'a', 'b'; its dtypes: 'int8', "
                "'fp16'");
}

static void callers_have_defaults(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_unit_table t = {0};
    const char *path =
        check_write_text("e.csv", "op,cin,in_dram,latency_us\nconv,8,,1\n"
                                  "conv,8,0,1\n");
    const char *const given[] = {"in_dram=1", "h=7"};
    struct sn_unit_want want = {.defaults = given, .n_defaults = 2};
    check_ok(sn_unit_table_read(&t, path, &want, &err), &err);
    assert_true(t.row[0].unit.in_dram);
    assert_false(t.row[1].unit.in_dram);
    assert_int_equal(t.row[1].unit.w, 7);
    sn_unit_table_release(&t);
    const char *const wrong[] = {"in_dran=1", "h", "h="};
    for (int i = 0; i < 3; i++) {
        want = (struct sn_unit_want){.defaults = wrong + i, .n_defaults = 1};
        check_fails(sn_unit_table_read(&t, path, &want, &err), &err,
                    SN_ERR_CONFIG, "expected COLUMN=VALUE");
    }
}

static void refuses_hostile_files(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_unit_table t = {0};
    static const char head[] =
        "op,cin,cout,h,w,k,expansion,mid,expand_conv,groups,skip,device,"
        "latency_us\n";
    const struct {
        const char *row, *says;
    } cases[] = {
        {"conv,,8,8,8,3,,,,,,,1", ":2: cin: found '', expected a whole number"},
        {"conv,0,8,8,8,3,,,,,,,1", "cin: found '0', expected a number from 1"},
        {"conv,8.5,8,8,8,3,,,,,,,1", "cin: found '8.5', expected a whole"},
        {"conv,1e30,8,8,8,3,,,,,,,1", "cin: found '1e30', expected a number"},
        {"conv,0x10,8,8,8,3,,,,,,,1", "cin: found '0x10'"},
        {"conv,8,-8,8,8,3,,,,,,,1", "cout: found '-8'"},
        {"conv,8,8,x,8,3,,,,,,,1", "h: found 'x'"},
        {"conv,8,8,8,8,9999,,,,,,,1", "k: found '9999'"},
        {"conv,8,8,8,8,3,,,,9,,,1", "groups: found '9', expected at most cin"},
        {"conv,8,8,8,8,3,,,,,2,,1", "skip: found '2'"},
        {"conv,8,8,8,8,3,,,,,,,", "latency_us: found ''"},
        {"conv,8,8,8,8,3,,,,,,,nan", "latency_us: found 'nan'"},
        {"conv,8,8,8,8,3,,,,,,\x01,1", "device: found '\\x01', expected at"},
        {"dwconv,8,16,8,8,3,,,,,,,1", "cout: found '16', expected as many"},
        {"ibn,1048576,8,8,8,3,2,,,,,,1", "expansion: found '2', expected at"},
        {"ibn,8,8,8,8,3,2,,0,,,,1", "expand_conv: found '0', expected 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s\n", head, cases[i].row);
        check_fails(sn_unit_table_read(&t, check_write_text("h.csv", text),
                                       &everything, &err),
                    &err, SN_ERR_INPUT, cases[i].says);
    }
    check_fails(
        sn_unit_table_read(&t, check_write_text("h.csv", "op,cin,latency\n"),
                           &everything, &err),
        &err, SN_ERR_INPUT,
        "h.csv:1: found no column 'latency_us', expected it; is it 'latency'?");
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct sn_error err = {0};
    const struct sn_unit units[] = {
        {.op = SN_UNIT_IBN,
         .cin = 16,
         .cout = 16,
         .h = 56,
         .w = 28,
         .k = 5,
         .stride = 1,
         .groups = 1,
         .mid = 56,
         .se = 4,
         .batch = 2,
         .act = SN_UNIT_HSWISH,
         .skip = false,
         .expands = true,
         .in_dram = true},
        sn_unit_of_operator(&(struct sn_operator){.kind = SN_OPERATOR_DWCONV,
                                                  .cin = 8,
                                                  .cout = 8,
                                                  .h = 9,
                                                  .w = 10,
                                                  .k = 3,
                                                  .stride = 2,
                                                  .out_dram = true}),
        sn_unit_of_block(&(struct sn_block_shape){.op = SN_OP_FUSED,
                                                  .k = 3,
                                                  .e = 4,
                                                  .cin = 8,
                                                  .cout = 8,
                                                  .h = 9,
                                                  .w = 10,
                                                  .stride = 1},
                         SN_UNIT_RELU6),
    };
    enum { N = sizeof units / sizeof *units };
    struct sn_text text = {0};
    sn_unit_csv_fact(&text, "device", "a b\nc");
    sn_unit_csv_header(&text);
    for (int i = 0; i < N; i++)
        sn_unit_csv_row(&text, "my, device", &units[i], "int8", 1.0 / (3 + i),
                        "measured", "a \"test\"");
    char *whole = sn_text_take(&text);
    assert_non_null(whole);
    assert_memory_equal(whole, "# device: a b c\ndevice,op,", 26);
    struct sn_unit_table t = read_text(whole);
    assert_int_equal(t.n, N);
    assert_string_equal(t.notes, "");
    assert_string_equal(t.device[0], "my, device");
    assert_string_equal(t.dtype[0], "int8");
    for (int i = 0; i < N; i++) {
        const struct sn_unit *got = &t.row[i].unit, *want = &units[i];
        assert_true(t.row[i].us == 1.0 / (3 + i));
        assert_int_equal(got->op, want->op);
        assert_int_equal(got->cin, want->cin);
        assert_int_equal(got->cout, want->cout);
        assert_int_equal(got->h, want->h);
        assert_int_equal(got->w, want->w);
        assert_int_equal(got->k, want->k);
        assert_int_equal(got->stride, want->stride);
        assert_int_equal(got->groups, want->groups);
        assert_int_equal(got->mid, want->mid);
        assert_int_equal(got->se, want->se);
        assert_int_equal(got->batch, want->batch);
        assert_int_equal(got->act, want->act);
        assert_int_equal(got->skip, want->skip);
        assert_int_equal(got->expands, want->expands);
        assert_int_equal(got->in_dram, want->in_dram);
        assert_int_equal(got->out_dram, want->out_dram);
    }
    sn_unit_table_release(&t);
    free(whole);
    (void)err;
}

/* Parts of a block have the arithmetic of its operators. */
static void parts_add_up(void **state)
{
    (void)state;
    struct sn_part part[SN_UNIT_MAX_PARTS];
    const struct sn_unit ibn =
        sn_unit_of_block(&(struct sn_block_shape){.op = SN_OP_IBN,
                                                  .k = 5,
                                                  .e = 6,
                                                  .cin = 16,
                                                  .cout = 24,
                                                  .h = 28,
                                                  .w = 30,
                                                  .stride = 2},
                         SN_UNIT_RELU);
    assert_int_equal(sn_unit_parts(&ibn, part), 3);
    assert_true(sn_part_macs(&part[0]) == 28.0 * 30 * 16 * 96);
    assert_true(sn_part_macs(&part[1]) == 14.0 * 15 * 25 * 96);
    assert_true(sn_part_macs(&part[2]) == 14.0 * 15 * 96 * 24);
    assert_int_equal(part[1].kind, SN_PART_DWCONV);
    assert_true(part[1].in == 28.0 * 30 * 96);
    assert_true(part[2].out == 14.0 * 15 * 24);
    struct sn_unit u = ibn;
    u.se = 1;
    u.skip = true;
    u.in_dram = u.out_dram = true;
    assert_int_equal(sn_unit_parts(&u, part), 8);
    assert_true(part[2].squeezes && part[5].squeezes && !part[6].squeezes);
    assert_true(part[3].weights == 96.0 * 24);
    assert_true(part[5].work == 14.0 * 15 * 96);
    assert_true(part[0].in_dram && !part[0].out_dram);
    assert_true(part[6].out_dram && !part[7].out_dram);
    for (int op = 0; op < SN_UNIT_OPS; op++) {
        assert_int_equal(sn_unit_op_find(sn_unit_op_name((sn_unit_op)op)), op);
        u.op = (sn_unit_op)op;
        const int n = sn_unit_parts(&u, part);
        assert_true(n >= 1 && n <= SN_UNIT_MAX_PARTS);
    }
}

static void survives_short_memory(void **state)
{
    (void)state;
    const char *path = check_write_text("m.csv", devices);
    for (int i = 0;; i++) {
        struct sn_error err = {0};
        struct sn_unit_table t = {0};
        check_fail_allocation(i);
        const sn_status rc = sn_unit_table_read(&t, path, &everything, &err);
        const bool failed = check_allocation_failed();
        sn_unit_table_release(&t);
        if (!failed) {
            check_ok(rc, &err);
            break;
        }
        assert_int_equal(rc, SN_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_columns_have_defaults),
        cmocka_unit_test(blocks_follow_from_their_expansion),
        cmocka_unit_test(rows_are_picked),
        cmocka_unit_test(callers_have_defaults),
        cmocka_unit_test(refuses_hostile_files),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
