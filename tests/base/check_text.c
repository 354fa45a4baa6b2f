/* Text buffers, quantities, clocks. */

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"

typedef const char *print_fn(char *buf, size_t size, double value);

static void quantities(void **state)
{
    (void)state;
    const struct {
        print_fn *print;
        double value;
        const char *want;
    } cases[] = {
        {sn_text_time, 1.25e-3, "1.25 ms"},
        {sn_text_time, 0, "0 s"},
        {sn_text_time, 2, "2 s"},
        {sn_text_time, 9.9961e-4, "1.00 ms"},
        {sn_text_time, 9.991e-4, "999 us"},
        {sn_text_time, 9.996, "10.0 s"},
        {sn_text_time, 99.96, "100 s"},
        {sn_text_time, 5000, "5000 s"},
        {sn_text_time, 3e-10, "0.30 ns"},
        {sn_text_time, -1.5e-3, "-1.50 ms"},
        {sn_text_time, (double)NAN, "nan"},
        {sn_text_time, (double)INFINITY, "inf"},
        {sn_text_bytes, 96 * 1024, "96.0 KiB"},
        {sn_text_bytes, 7, "7 B"},
        {sn_text_bytes, 0, "0 B"},
        {sn_text_bytes, 1023, "1023 B"},
        {sn_text_bytes, 1024, "1.00 KiB"},
        {sn_text_bytes, 3.5 * 0x1p30, "3.50 GiB"},
        {sn_text_bytes, 0x1p50, "1024 TiB"},
        {sn_text_count, 10.4e6, "10.4 M"},
        {sn_text_count, 12, "12"},
        {sn_text_count, 999.9, "1.00 k"},
        {sn_text_count, 1.234e15, "1234 T"},
        {sn_text_hertz, 600e6, "600 MHz"},
        {sn_text_elapsed, 12.34, "12.3 s"},
        {sn_text_elapsed, 59.96, "1 min 00 s"},
        {sn_text_elapsed, 125, "2 min 05 s"},
        {sn_text_elapsed, 3599.9, "1 h 00 min"},
        {sn_text_elapsed, 3720, "1 h 02 min"},
        {sn_text_elapsed, (double)NAN, "?"},
        {sn_text_elapsed, -1, "?"},
        {sn_text_real, 0.1, "0.1"},
        {sn_text_real, 100, "100"},
        {sn_text_real, 1e300, "1e+300"},
        {sn_text_real, 1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[40];
        assert_string_equal(cases[i].print(buf, sizeof buf, cases[i].value),
                            cases[i].want);
    }
}

static void reals_read_back(void **state)
{
    (void)state;
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    for (uint64_t i = 0; i < 10000; i++) {
        char buf[40];
        const double v = ldexp(sn_rng_normal(rng, 0, 0, i),
                               (int)sn_rng_below(rng, 0, 1, i, 200) - 100);
        assert_true(strtod(sn_text_real(buf, sizeof buf, v), NULL) == v);
    }
}

static void buffer_grows(void **state)
{
    (void)state;
    struct sn_text t = {0};
    for (int i = 0; i < 1000; i++)
        sn_text_add(&t, "%03d,", i);
    sn_text_add_bytes(&t, "end", 3);
    assert_int_equal(t.length, 4003);
    char *text = sn_text_take(&t);
    assert_int_equal(strlen(text), 4003);
    assert_memory_equal(text + 4 * 999, "999,end", 8);
    free(text);
    assert_null(t.data);

    text = sn_text_take(&t);
    assert_string_equal(text, "");
    free(text);
}

static void csv_fields(void **state)
{
    (void)state;
    struct sn_text t = {0};
    static const char *const fields[] = {"cat", "a,b", "6\" nail", "two\nlines",
                                         ""};
    for (int i = 0; i < 5; i++) {
        sn_text_add_csv(&t, fields[i]);
        sn_text_add(&t, ";");
    }
    assert_string_equal(t.data, "cat;\"a,b\";\"6\"\" nail\";\"two\nlines\";;");
    sn_text_release(&t);
}

static void buffer_without_memory(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        struct sn_text t = {0};
        check_fail_allocation(n);
        for (int i = 0; i < 1000; i++)
            sn_text_add(&t, "%d", i);
        assert_true(check_allocation_failed());
        assert_null(sn_text_take(&t));
        assert_null(t.data);
        assert_false(t.failed);
    }
    struct sn_text t = {0};
    sn_text_add(&t, "x");
    sn_text_release(&t);
    assert_null(t.data);
}

static void clocks(void **state)
{
    (void)state;
    char stamp[SN_CLOCK_TEXT], name[SN_CLOCK_TEXT];
    int n = 0;
    const double first = sn_clock_seconds();
    assert_true(sn_clock_seconds() >= first);
    sn_clock_stamp(stamp);
    sn_clock_name(name);
    sscanf(stamp, "20%*2d-%*2d-%*2dT%*2d:%*2d:%*2dZ%n", &n);
    assert_int_equal(n, 20);
    n = 0;
    sscanf(name, "20%*6d-%*6d%n", &n);
    assert_int_equal(n, 15);
}

static void plain_text(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "", "a b", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x88", "\xc2\xa0"};
    static const struct {
        const char *text, *shown;
    } odd[] = {
        {"a\nb", "a\\x0ab"},
        {"\x7f", "\\x7f"},
        {"\xe4hre", "\\xe4hre"},
        {"\xc2\x9b[m", "\\xc2\\x9b[m"},
        {"\xc0\xaf", "\\xc0\\xaf"},
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xf5", "\\xf5"},
        {"x\xe2\x82", "x\\xe2\\x82"},
    };
    char buf[64];
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        assert_true(sn_text_is_plain(plain[i]));
        assert_string_equal(sn_text_shown(buf, sizeof buf, plain[i]), plain[i]);
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_false(sn_text_is_plain(odd[i].text));
        assert_string_equal(sn_text_shown(buf, sizeof buf, odd[i].text),
                            odd[i].shown);
    }
    assert_string_equal(sn_text_shown(buf, 4, "abc\n"), "abc");
    assert_string_equal(sn_text_shown(buf, 4, "ab\xc3\xa4"), "ab");
    assert_int_equal(sn_text_letters(""), 0);
    assert_int_equal(sn_text_letters("ab\xc3\xa4"), 3);
    assert_int_equal(sn_text_width("ab\xc3\xa4", 8), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities),   cmocka_unit_test(reals_read_back),
        cmocka_unit_test(buffer_grows), cmocka_unit_test(buffer_without_memory),
        cmocka_unit_test(csv_fields),   cmocka_unit_test(clocks),
        cmocka_unit_test(plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
