/* Options: every type with what it takes, what it refuses and how it prints. */

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/option.h"
#include "base/rng.h"

static const struct sn_option_name names[] = {
    {"none", 0}, {"relu", 1}, {"relu6", 2}, {"hswish", 7}, {NULL, 0}};
static const struct sn_option_name one_name[] = {{"npu", 4}, {NULL, 0}};

/* clang-format off */
static const struct sn_option rows[] = {
    {.key = "int", .type = SN_OPT_INT, .min = -5, .max = 64},
    {.key = "any", .type = SN_OPT_INT, .min = 1, .max = 0},
    {.key = "head", .type = SN_OPT_INT, .min = 1, .max = 64, .allow_none = true},
    {.key = "least", .type = SN_OPT_REAL, .min = 0, .max = INFINITY},
    {.key = "most", .type = SN_OPT_REAL, .min = -INFINITY, .max = 0.5},
    {.key = "wide", .type = SN_OPT_UINT64, .min = 1, .max = 0},
    {.key = "real", .type = SN_OPT_REAL, .min = 0, .max = 1},
    {.key = "bool", .type = SN_OPT_BOOL},
    {.key = "name", .type = SN_OPT_NAME, .names = names},
    {.key = "only", .type = SN_OPT_NAME, .names = one_name},
    {.key = "text", .type = SN_OPT_TEXT, .allow_none = true},
    {.key = "path", .type = SN_OPT_PATH},
    {.key = "ints", .type = SN_OPT_INT_LIST, .min = 1, .max = 99},
    {.key = "names", .type = SN_OPT_NAME_LIST, .names = names},
    {.key = "time", .type = SN_OPT_TIME, .min = 1, .max = 0, .allow_none = true,
     .allow_percent = true},
    {.key = "size", .type = SN_OPT_SIZE, .min = 1024, .max = 0x1p40},
    {.key = "hertz", .type = SN_OPT_FREQUENCY, .min = 1, .max = 0},
    {.key = "amount", .type = SN_OPT_AMOUNT, .min = 1, .max = 0},
    {.key = "threads", .type = SN_OPT_COUNT, .min = 1, .max = 1024,
     .word = "auto", .unit = "threads"},
};
/* clang-format on */

static const struct sn_option_table table = {"t", "", rows,
                                             sizeof rows / sizeof *rows};

static const struct sn_option *row(const char *key)
{
    const struct sn_option *o = sn_option_find(&table, key);
    assert_non_null(o);
    return o;
}

/* What is taken, and how it is written back (NULL: as it was read). */
static const struct {
    const char *key, *text, *back;
} taken[] = {
    {"int", "-5", NULL},
    {"int", "64", NULL},
    {"int", "007", "7"},
    {"any", "-2147483648", NULL},
    {"any", "2147483647", NULL},
    {"head", "none", NULL},
    {"head", "12", NULL},
    {"wide", "18446744073709551615", NULL},
    {"wide", "9007199254740993", NULL},
    {"real", "0", NULL},
    {"real", "1", NULL},
    {"real", ".5", "0.5"},
    {"real", "1.", "1"},
    {"real", "2.5e-1", "0.25"},
    {"least", "1e30", "1e+30"},
    {"most", "-3", NULL},
    {"bool", "yes", NULL},
    {"bool", "no", NULL},
    {"name", "hswish", NULL},
    {"name", "none", NULL},
    {"only", "npu", NULL},
    {"text", "some words, and = signs", NULL},
    {"text", "none", NULL},
    {"text", "a#b;c", NULL},
    {"path", "/abs/olute", NULL},
    {"path", "x/y", "/dir/sub/x/y"},
    {"path", "../x", "/dir/x"},
    {"path", "../../../x", "/../x"},
    {"path", "./x", "/dir/sub/x"},
    {"ints", "3", NULL},
    {"ints", "3*", NULL},
    {"ints", " 1 , 2..4* , 8 ", "1, 2, 3, 4*, 8"},
    {"ints", "5,1", "5, 1"},
    {"names", "relu*, hswish", NULL},
    {"time", "250 us", NULL},
    {"time", "2ms", "2 ms"},
    {"time", "1.5 h", NULL},
    {"time", "90 s", "1.5 min"},
    {"time", "0.1 ms", "100 us"},
    {"time", "50 %", NULL},
    {"time", "7%", "7 %"},
    {"time", "none", NULL},
    {"size", "192 KiB", NULL},
    {"size", "1024 B", "1 KiB"},
    {"size", "1025 B", "1.0009765625 KiB"},
    {"hertz", "600 MHz", NULL},
    {"hertz", "1.2 GHz", NULL},
    {"amount", "30 M", NULL},
    {"amount", "1500k", "1.5 M"},
    {"threads", "auto", NULL},
    {"threads", "16", NULL},
};

static void what_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        union sn_option_value v;
        struct sn_error err = {0};
        char back[400];
        struct sn_option o = *row(taken[i].key);
        check_ok(sn_option_parse(&o, &v, taken[i].text, "/dir/sub", &err),
                 &err);
        sn_option_print(&o, &v, back, sizeof back);
        assert_string_equal(back,
                            taken[i].back ? taken[i].back : taken[i].text);
    }
}

static const struct {
    const char *key, *text, *want;
} refused[] = {
    {"int", "", "the value is missing"},
    {"int", "65", "65 is out of range; expected a whole number, -5 to 64"},
    {"int", "-6", "-6 is out of range"},
    {"int", "+6", "'+6' is not a whole number"},
    {"int", "0x6", "'0x6' is not a whole number"},
    {"int", "6.0", "'6.0' is not a whole number"},
    {"int", "6 ", "'6 ' is not a whole number"},
    {"int", "-", "'-' is not a whole number"},
    {"int", "1e1", "'1e1' is not a whole number"},
    {"int", "none", "'none' is not a whole number"},
    {"any", "2147483648", "2147483648 is out of range"},
    {"any", "99999999999999999999", "99999999999999999999 is out of range"},
    {"head", "0",
     "0 is out of range; expected a whole number, 1 to 64, or "
     "none"},
    {"wide", "18446744073709551616",
     "18446744073709551616 is out of range; "
     "expected 0 to 18446744073709551615"},
    {"wide", "-1", "'-1' is not a whole number; expected 0 to"},
    {"real", "1.01", "1.01 is out of range; expected a number, 0 to 1"},
    {"real", "nan", "'nan' is not a number"},
    {"real", "inf", "'inf' is not a number"},
    {"real", "0x1p-1", "'0x1p-1' is not a number"},
    {"real", "0,5", "'0,5' is not a number"},
    {"real", ".", "'.' is not a number"},
    {"real", "1e", "'1e' is not a number"},
    {"least", "-1", "-1 is out of range; expected a number, at least 0"},
    {"least", "1e999", "1e999 is out of range"},
    {"most", "1", "1 is out of range; expected a number, at most 0.5"},
    {"bool", "true", "'true' is neither yes nor no"},
    {"bool", "Yes", "'Yes' is neither yes nor no"},
    {"name", "relu5",
     "'relu5' is not known; expected one of none, relu, "
     "relu6, hswish; did you mean 'relu'?"},
    {"name", "HSWISH", "did you mean 'hswish'?"},
    {"name", "gelu_tanh", "expected one of none, relu, relu6, hswish"},
    {"only", "cpu", "'cpu' is not known; expected npu"},
    {"text", "a\x01z", "the value holds the control character 0x01"},
    {"text", "a\tz", "the value holds the control character 0x09"},
    {"text", "a #b", "would be cut at its # or ;"},
    {"text", ";b", "would be cut at its # or ;"},
    {"ints", "1,,2", "'1,,2' has an empty entry"},
    {"ints", "1,", "'1,' has an empty entry"},
    {"ints", "*", "'*' has an empty entry"},
    {"ints", "1 2",
     "'1 2' is not a whole number; expected whole numbers, 1 to "
     "99"},
    {"ints", "1*, 2*", "'1*, 2*' has two stars; expected at most one"},
    {"ints", "1**", "'1*' is not a whole number"},
    {"ints", "4..2", "'4..2' does not ascend"},
    {"ints", "4..4", "'4..4' does not ascend"},
    {"ints", "1..", "'' is not a whole number"},
    {"ints", "..3", "'' is not a whole number"},
    {"ints", "1..2..3", "'2..3' is not a whole number"},
    {"ints", "0..3", "0 is out of range"},
    {"ints", "3, 1..4", "'3' stands in the list twice"},
    {"ints", "1..33", "the list has more than 32 entries"},
    {"names", "relu, relu", "'relu' stands in the list twice"},
    {"names", "relu, hswihs", "did you mean 'hswish'?"},
    {"time", "5",
     "'5' has no unit; expected a number with a unit (us, ms, s, "
     "min, h, %), more than 0, or none"},
    {"time", "ms", "'ms' does not start with a number"},
    {"time", "5 sec", "'5 sec' has no known unit"},
    {"time", "5 MS", "'5 MS' has no known unit"},
    {"time", "0 ms", "'0 ms' is out of range; expected"},
    {"time", "-5 ms", "'-5 ms' is out of range"},
    {"time", "0 %", "'0 %' is out of range"},
    {"time", "1e999 s", "'1e999 s' is out of range"},
    {"size", "5 %", "'5 %' has no known unit"},
    {"size", "5 MB",
     "'5 MB' has no known unit; expected a number with a unit "
     "(B, KiB, MiB, GiB), 1 KiB to 1024 GiB"},
    {"size", "1023 B", "'1023 B' is out of range; expected"},
    {"threads", "0",
     "'0' is no number of threads; expected auto or a whole "
     "number, 1 to 1024"},
    {"threads", "1025", "'1025' is no number of threads"},
    {"threads", "all", "'all' is no number of threads"},
};

static void what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        union sn_option_value v, before;
        struct sn_error err = {0};
        memset(&v, 0x5a, sizeof v);
        before = v;
        check_fails(sn_option_parse(row(refused[i].key), &v, refused[i].text,
                                    "/dir", &err),
                    &err, SN_ERR_CONFIG, refused[i].want);
        assert_memory_equal(&v, &before, sizeof v); /* the field is as it was */
    }
}

static void what_is_too_long(void **state)
{
    (void)state;
    union sn_option_value v;
    struct sn_error err = {0};
    char wide[600];
    memset(wide, '1', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    check_fails(sn_option_parse(row("text"), &v, wide, NULL, &err), &err,
                SN_ERR_CONFIG, "is too long; expected at most 255 bytes");
    wide[250] = '\0';
    check_ok(sn_option_parse(row("text"), &v, wide, NULL, &err), &err);
    check_fails(sn_option_parse(row("path"), &v, wide, "/folder", &err), &err,
                SN_ERR_CONFIG, "at most 255 bytes with its folder");
    wide[250] = '1';
    check_fails(sn_option_parse(row("ints"), &v, wide, NULL, &err), &err,
                SN_ERR_CONFIG, "the list is longer than 255 bytes");
}

/* Whatever was parsed is printed so that it reads back to the same bits. */
static void printed_values_read_back(void **state)
{
    (void)state;
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    const char *const units[] = {"us", "ms", "s", "min", "h", "%"};
    const struct sn_option *o = row("time");
    for (uint64_t i = 0; i < 20000; i++) {
        union sn_option_value v, back;
        struct sn_error err = {0};
        char text[100];
        const int digits = 1 + (int)(i % 17);
        snprintf(text, sizeof text, "%.*g %s", digits,
                 ldexp(1 + sn_rng_uniform(rng, 0, 0, i), (int)(i % 40) - 20),
                 units[sn_rng_below(rng, 0, 1, i, 6)]);
        check_ok(sn_option_parse(o, &v, text, NULL, &err), &err);
        sn_option_print(o, &v, text, sizeof text);
        check_ok(sn_option_parse(o, &back, text, NULL, &err), &err);
        assert_int_equal(back.quantity.percent, v.quantity.percent);
        assert_true(back.quantity.value == v.quantity.value);
    }
}

struct target {
    int n;
    struct sn_int_list list;
    struct sn_quantity time;
};

static void defaults(void **state)
{
    (void)state;
    const struct sn_option target_rows[] = {
        {.key = "n", .type = SN_OPT_INT, .offset = offsetof(struct target, n)},
        {.key = "list",
         .type = SN_OPT_INT_LIST,
         .offset = offsetof(struct target, list),
         .fallback = "",
         .min = 1},
        {.key = "time",
         .type = SN_OPT_TIME,
         .offset = offsetof(struct target, time),
         .fallback = "3 ms",
         .min = 1},
    };
    const struct sn_option_table t = {"x", "", target_rows, 3};
    struct target v;
    char text[40];
    memset(&v, 0x5a, sizeof v);
    sn_option_defaults(&t, &v);
    assert_int_equal(v.n, 0);
    assert_int_equal(v.list.count, 0);
    assert_int_equal(v.list.star, -1);
    assert_true(v.time.set && !v.time.percent && v.time.value == 3e-3);
    sn_option_print(&target_rows[1], &v, text, sizeof text);
    assert_string_equal(text, "");
    assert_null(sn_option_find(&t, "nn"));
}

static void default_of_ours_is_wrong(void *arg)
{
    const struct sn_option bad = {
        .key = "n", .type = SN_OPT_INT, .fallback = "many"};
    sn_option_default(&bad, arg, NULL);
}

static void faults_of_ours(void **state)
{
    (void)state;
    union sn_option_value v;
    assert_true(check_aborts(default_of_ours_is_wrong, &v));
}

static void nearest_words(void **state)
{
    (void)state;
    const char *const known[] = {"lr", "epochs", "batch", "lr_warmup"};
    const struct {
        const char *word, *want;
    } cases[] = {
        {"epoch", "epochs"}, {"peochs", "epochs"},
        {"BATCH", "batch"},  {"bacth", "batch"},
        {"lr", "lr"},        {"lrr", "lr"},
        {"rl", NULL},        {"momentum", NULL},
        {"", NULL},          {"lrwarmup", "lr_warmup"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *near = sn_nearest(cases[i].word, known, 4);
        if (cases[i].want)
            assert_string_equal(near, cases[i].want);
        else
            assert_null(near);
    }
    char wide[200];
    memset(wide, 'e', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    assert_null(sn_nearest(wide, known, 4));
    assert_null(sn_nearest("lr", known, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_is_too_long),
        cmocka_unit_test(printed_values_read_back),
        cmocka_unit_test(defaults),
        cmocka_unit_test(faults_of_ours),
        cmocka_unit_test(nearest_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
