#include "check.h"

#include <stdio.h>
#include <string.h>

static void fail_formats_and_cuts(void **state)
{
    (void)state;
    struct sn_error err = {0};
    check_fails(sn_fail(&err, SN_ERR_INPUT, "%s: %d", "x.idx", 7), &err,
                SN_ERR_INPUT, "x.idx: 7");
    assert_int_equal(sn_fail(NULL, SN_ERR_MEMORY, "unseen"), SN_ERR_MEMORY);

    char wide[2 * SN_ERROR_TEXT];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    assert_int_equal(sn_fail(&err, SN_ERR_OUTPUT, "%s", wide), SN_ERR_OUTPUT);
    assert_int_equal(strlen(err.text), SN_ERROR_TEXT - 1);

    /* The old text may be part of the new one. */
    (void)sn_fail(&err, SN_ERR_INPUT, "inner");
    (void)sn_fail(&err, SN_ERR_INPUT, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
}

static void fail_more_lists_and_counts(void **state)
{
    (void)state;
    struct sn_error err = {0};
    (void)sn_fail_more(&err, SN_ERR_CONFIG, "one");
    (void)sn_fail_more(&err, SN_ERR_CONFIG, "two %d", 2);
    assert_string_equal(err.text, "one\ntwo 2");
    assert_int_equal(err.code, SN_ERR_CONFIG);
    assert_int_equal(sn_fail_more(NULL, SN_ERR_INPUT, "unseen"), SN_ERR_INPUT);

    const int lines = 1000;
    for (int i = 2; i < lines; i++)
        (void)sn_fail_more(&err, SN_ERR_CONFIG, "line %d of the faults", i);
    assert_true(err.dropped > 0 && err.dropped < lines);
    char tail[64];
    snprintf(tail, sizeof tail, "\n... and %d more", err.dropped);
    const char *last = strstr(err.text, "\n... and ");
    assert_string_equal(last, tail);
    int kept = 1;
    for (const char *p = err.text; p < last; p++)
        kept += *p == '\n';
    assert_int_equal(kept + err.dropped, lines);
    assert_int_equal(sn_fail(&err, SN_ERR_INPUT, "new"), SN_ERR_INPUT);
    assert_int_equal(err.dropped, 0);
}

static void fail_more_cuts_a_long_first_line(void **state)
{
    (void)state;
    struct sn_error err = {0};
    char wide[SN_ERROR_TEXT + 100];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    (void)sn_fail_more(&err, SN_ERR_CONFIG, "%s", wide);
    const size_t cut = strlen(err.text);
    assert_true(cut > SN_ERROR_TEXT / 2 && cut < SN_ERROR_TEXT);
    (void)sn_fail_more(&err, SN_ERR_CONFIG, "two");
    (void)sn_fail_more(&err, SN_ERR_CONFIG, "three");
    assert_string_equal(err.text + cut, "\n... and 2 more");
}

static void broken_contract(void *arg)
{
    SN_CHECK(arg != NULL);
}

static void check_aborts_the_program(void **state)
{
    (void)state;
    int here = 0;
    assert_true(check_aborts(broken_contract, NULL));
    assert_false(check_aborts(broken_contract, &here));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_formats_and_cuts),
        cmocka_unit_test(fail_more_lists_and_counts),
        cmocka_unit_test(fail_more_cuts_a_long_first_line),
        cmocka_unit_test(check_aborts_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
