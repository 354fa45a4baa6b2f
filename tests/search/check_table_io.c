/* table.csv and values.csv: read back to the bit, or refused. */

#include "search/table_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"
#include "search/budget.h"

struct run {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_cost_table table;
};

static struct run *run_make(struct dice *dice, int stages, int depth)
{
    struct run *run = malloc(sizeof *run);
    const struct sn_target target = small_target();
    struct sn_error err = {0};
    assert_non_null(run);
    random_space(dice, &run->space, stages, depth);
    sn_decisions_make(&run->d, &run->space);
    check_ok(sn_cost_table_make(&run->table, &run->space, &target, &err), &err);
    return run;
}

static void tables_round_trip(void **state)
{
    (void)state;
    struct dice dice = dice_make(31);
    struct sn_cost_table *back = malloc(sizeof *back);
    for (int i = 0; i < 20; i++) {
        struct run *run = run_make(&dice, 3, 4);
        struct sn_error err = {0};
        char *text = sn_cost_table_text(&run->table, &run->space);
        check_ok(sn_cost_table_parse(back, &run->space, text, "t", &err), &err);
        check_same(back, &run->table, sizeof *back, "cost table");
        free(text);
        free(run);
    }
    free(back);
}

static char *epoch_text(const struct run *run, struct dice *dice, int epoch,
                        double *value)
{
    double p[SN_MAX_OPTIONS];
    for (int id = 0; id < run->d.count; id++)
        for (int i = 0; i < run->d.item[id].n; i++)
            p[run->d.item[id].first + i] = 1.0 / run->d.item[id].n;
    for (int io = 0; io < run->d.total; io++)
        value[io] = dice_normal(dice);
    double slope[SN_MAX_OPTIONS];
    sn_budget_slopes(&run->table, &run->space, &run->d, p, slope);
    return sn_values_text(&run->space, &run->d, epoch, p, value, slope);
}

static void values_round_trip(void **state)
{
    (void)state;
    struct dice dice = dice_make(32);
    for (int i = 0; i < 20; i++) {
        struct run *run = run_make(&dice, 3, 3);
        double value[SN_MAX_OPTIONS], back[SN_MAX_OPTIONS];
        struct sn_error err = {0};
        char *first = epoch_text(run, &dice, 1, value);
        char *second = epoch_text(run, &dice, 12, value);
        const size_t size =
            strlen(sn_values_header) + strlen(first) + strlen(second) + 1;
        char *text = malloc(size);
        snprintf(text, size, "%s%s%s", sn_values_header, first, second);
        check_ok(
            sn_values_parse(back, NULL, &run->space, &run->d, text, "v", &err),
            &err);
        check_same(back, value, (size_t)run->d.total * sizeof *back, "values");
        free(text);
        free(second);
        free(first);
        free(run);
    }
}

/* A space whose files are known word for word. */
static void small_run(struct run *run)
{
    memset(run, 0, sizeof *run);
    run->space.n_stages = 1;
    struct sn_stage_space *s = &run->space.stage[0];
    s->n_depth = 1;
    s->depth[0] = 1;
    s->block[0] = (struct sn_block_space){
        .n_op = 2,
        .op = {SN_OP_FUSED, SN_OP_IBN},
        .of = {{.n_k = 1, .k = {3}, .n_e = 1, .e = {6}},
               {.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}}}};
    sn_decisions_make(&run->d, &run->space);
    run->table.fixed = (struct sn_cost){1e-6, 100, 10, 5, 7};
    run->table.block[0][0][SN_OP_FUSED][0][0] =
        (struct sn_cost){0.25, 1, 2, 3, 4};
    run->table.block[0][0][SN_OP_FUSED][0][1] =
        (struct sn_cost){0.75, 1, 2, 3, 4};
    run->table.block[0][0][SN_OP_IBN][0][0] = (struct sn_cost){1, 0, 0, 0, 0};
}

static const char small_table[] =
    "stage,block,op,k,e,latency_s,macs,params,weights_bytes,"
    "activation_bytes\n"
    "0,0,fixed,0,0,1e-06,100,10,5,7\n"
    "1,1,fused,3,2,0.25,1,2,3,4\n"
    "1,1,fused,3,4,0.75,1,2,3,4\n"
    "1,1,ibn,3,6,1,0,0,0,0\n";

static const char small_values[] =
    "epoch,stage,block,decision,option,probability,value,latency_s\n"
    "1,1,0,depth,1,1,0,0\n"
    "1,1,1,op,fused,0.5,0.125,-0.25\n"
    "1,1,1,op,ibn,0.5,-0.125,0.25\n"
    "1,1,1,k fused,3,1,0,0\n"
    "1,1,1,e fused,2,0.5,-1,-0.125\n"
    "1,1,1,e fused,4,0.5,1,0.125\n"
    "1,1,1,k ibn,3,1,0,0\n"
    "1,1,1,e ibn,6,1,0,0\n";

static void files_look_as_documented(void **state)
{
    (void)state;
    struct run *run = malloc(sizeof *run);
    small_run(run);
    char *text = sn_cost_table_text(&run->table, &run->space);
    assert_string_equal(text, small_table);
    free(text);
    const double p[] = {1, 0.5, 0.5, 1, 0.5, 0.5, 1, 1};
    const double value[] = {0, 0.125, -0.125, 0, -1, 1, 0, 0};
    double slope[SN_MAX_OPTIONS];
    sn_budget_slopes(&run->table, &run->space, &run->d, p, slope);
    text = sn_values_text(&run->space, &run->d, 1, p, value, slope);
    assert_string_equal(text, small_values + strlen(sn_values_header));
    free(text);
    check_fail_allocation(0);
    assert_null(sn_cost_table_text(&run->table, &run->space));
    assert_true(check_allocation_failed());
    check_fail_allocation(0);
    assert_null(sn_values_text(&run->space, &run->d, 1, p, value, slope));
    assert_true(check_allocation_failed());
    free(run);
}

/* `whole` with the first `from` replaced by `to`. */
static char *edited(const char *whole, const char *from, const char *to)
{
    static char text[2048];
    const char *at = strstr(whole, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, to,
             at + strlen(from));
    return text;
}

struct edit {
    const char *from, *to, *message;
};

static void damaged_tables_are_refused(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"stage,block", "stage,Block", "t.csv:1: found `stage,Block,op,k,e"},
        {"0,0,fixed,0,0,1e-06,100,10,5,7\n", "",
         "t.csv:2: found `1,1,fused,3,2,0.25,1,2,3,4`, expected "
         "`0,0,fixed,0,0,` and 5 finite numbers"},
        {"fused,3,2", "fused,5,2", "t.csv:3: found"},
        {"fused,3,2", "ibn,3,2", "t.csv:3: found"},
        {"0.25,", "nan,", "t.csv:3: found"},
        {"0.25,", "1e999,", "t.csv:3: found"},
        {"0.25,", "0x1p-2,", "t.csv:3: found"},
        {"0.25,", " 0.25,", "t.csv:3: found"},
        {"0.25,", ",", "t.csv:3: found"},
        {"0.25,", "0,",
         "t.csv:3: found `1,1,fused,3,2,0,1,2,3,4`, expected a positive "
         "latency and costs from 0 on"},
        {"0.25,", "-0.25,", "expected a positive latency"},
        {"0.25,1,2,3,4", "0.25,1,2,-3,4", "expected a positive latency"},
        {"0.25,1,2,3,4", "0.25,1,2,3", "t.csv:3: found"},
        {"0.25,1,2,3,4", "0.25,1,2,3,4,5", "t.csv:3: found"},
        {"0.25,1,2,3,4", "0.25,1,2,3,4\r", "t.csv:3: found"},
        {"0.25,1,2,3,4\n1,1,fused,3,4,0.75,1,2,3,4\n", "0.25,1,2,3,4\n",
         "t.csv:4: found `1,1,ibn,3,6,1,0,0,0,0`"},
        {"1,1,ibn,3,6,1,0,0,0,0\n", "",
         "t.csv:5: the file ends; expected `1,1,ibn,3,6,` and 5 finite"},
        {"1,0,0,0,0\n", "1,0,0,0,0", "t.csv:5: found"},
        {"1,0,0,0,0\n", "1,0,0,0,0\nmore\n",
         "t.csv:6: found `more`, expected the end of the file"},
    };
    struct run *run = malloc(sizeof *run);
    struct sn_cost_table *back = calloc(1, sizeof *back);
    struct sn_error err = {0};
    small_run(run);
    check_ok(sn_cost_table_parse(back, &run->space, small_table, "t", &err),
             &err);
    back->fixed.seconds = 77.0;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_fails(
            sn_cost_table_parse(back, &run->space,
                                edited(small_table, edits[i].from, edits[i].to),
                                "t.csv", &err),
            &err, SN_ERR_INPUT, edits[i].message);
    check_fail_allocation(0);
    const sn_status rc =
        sn_cost_table_parse(back, &run->space, small_table, "t.csv", &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "t.csv: no memory for the cost table");
    assert_true(back->fixed.seconds == 77.0);
    for (size_t n = 0; n + 1 < sizeof small_table; n++) {
        char text[sizeof small_table];
        memcpy(text, small_table, n);
        text[n] = '\0';
        assert_int_equal(
            sn_cost_table_parse(back, &run->space, text, "t", NULL),
            SN_ERR_INPUT);
    }
    free(back);
    free(run);
}

static void damaged_values_are_refused(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"epoch,", "epochs,", "v.csv:1: found `epochs,stage"},
        {"1,1,0,depth", "0,1,0,depth",
         "v.csv:2: found `0,1,0,depth,1,1,0,0`, expected a row of the next "
         "epoch"},
        {"1,1,0,depth", "1000001,1,0,depth", "v.csv:2: found"},
        {"1,1,0,depth", "99999999999999999999,1,0,depth", "v.csv:2: found"},
        {"1,1,0,depth", "x,1,0,depth", "v.csv:2: found"},
        {"1,1,0,depth,1", "1,1,0,depth,2",
         "v.csv:2: found `1,1,0,depth,2,1,0,0`, expected `1,1,0,depth,1,` and "
         "3 finite numbers"},
        {"op,fused", "op,conv", "v.csv:3: found"},
        {"0.125,", "inf,", "v.csv:3: found"},
        {"k fused", "k  fused", "v.csv:5: found"},
        {"1,1,1,e ibn,6,1,0,0\n", "", "v.csv:9: the file ends; expected"},
        {"e ibn,6,1,0,0\n", "e ibn,6,1,0,0\n1,1,0,depth,1,1,0,0\n",
         "v.csv:10: found `1,1,0,depth,1,1,0,0`, expected a row of the next "
         "epoch"},
        {"e ibn,6,1,0,0\n", "e ibn,6,1,0,0\n2,1,0,depth,1,1,0,0\n",
         "v.csv:11: the file ends; expected `2,1,1,op,fused,` and"},
    };
    struct run *run = malloc(sizeof *run);
    struct sn_error err = {0};
    double value[SN_MAX_OPTIONS];
    small_run(run);
    check_ok(sn_values_parse(value, NULL, &run->space, &run->d, small_values,
                             "v", &err),
             &err);
    assert_true(value[1] == 0.125 && value[4] == -1.0);
    value[1] = 77.0;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_fails(
            sn_values_parse(value, NULL, &run->space, &run->d,
                            edited(small_values, edits[i].from, edits[i].to),
                            "v.csv", &err),
            &err, SN_ERR_INPUT, edits[i].message);
    for (size_t n = 0; n + 1 < sizeof small_values; n++) {
        char text[sizeof small_values];
        memcpy(text, small_values, n);
        text[n] = '\0';
        assert_int_equal(
            sn_values_parse(value, NULL, &run->space, &run->d, text, "v", NULL),
            SN_ERR_INPUT);
    }
    assert_true(value[1] == 77.0);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_round_trip),
        cmocka_unit_test(values_round_trip),
        cmocka_unit_test(files_look_as_documented),
        cmocka_unit_test(damaged_tables_are_refused),
        cmocka_unit_test(damaged_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
