/* Comma-separated values: what is read, and every way they can be broken. */

#include "check.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/csv.h"

enum { LIMIT = 1 << 20 };

static void reads_rows(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_csv c = {0};
    bool more;
    const char *path =
        check_write_text("a.csv", "\xef\xbb\xbf# device: ne-1 \n# a "
                                  "remark\n\nop,a,\"b\"\"c\"\r\n"
                                  "# in between\n"
                                  "conv,,\"x, y\"\r\n\nadd,2,");
    check_ok(sn_csv_open(&c, path, LIMIT, &err), &err);
    assert_int_equal(c.columns, 3);
    assert_int_equal(sn_csv_column(&c, "a"), 1);
    assert_int_equal(sn_csv_column(&c, "b\"c"), 2);
    assert_int_equal(sn_csv_column(&c, "d"), -1);
    assert_string_equal(sn_csv_fact(&c, "device"), "ne-1");
    assert_null(sn_csv_fact(&c, "date"));
    check_ok(sn_csv_next(&c, &more, &err), &err);
    assert_true(more);
    assert_string_equal(c.field[0], "conv");
    assert_string_equal(c.field[1], "");
    assert_string_equal(c.field[2], "x, y");
    assert_int_equal(c.line, 6);
    check_ok(sn_csv_next(&c, &more, &err), &err);
    assert_string_equal(c.field[0], "add");
    assert_string_equal(c.field[2], "");
    check_ok(sn_csv_next(&c, &more, &err), &err);
    assert_false(more);
    sn_csv_close(&c);
}

static void reads_gzip(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_csv c = {0};
    bool more;
    const char *path = check_path("a.csv.gz");
    gzFile f = gzopen(path, "wb");
    assert_int_equal(gzputs(f, "a,b\n1,2\n"), 8);
    gzclose(f);
    check_ok(sn_csv_open(&c, path, LIMIT, &err), &err);
    check_ok(sn_csv_next(&c, &more, &err), &err);
    assert_string_equal(c.field[1], "2");
    sn_csv_close(&c);

    size_t bytes;
    const char *whole = check_read(path, &bytes);
    path = check_write("cut.csv.gz", whole, bytes - 9);
    check_fails(sn_csv_open(&c, path, LIMIT, &err), &err, SN_ERR_INPUT,
                "cannot be unpacked");
    /* a thousand times what the file is long */
    path = check_path("bomb.csv.gz");
    f = gzopen(path, "wb9");
    for (int i = 0; i < 4000; i++)
        assert_int_equal(gzputs(f, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"), 32);
    gzclose(f);
    check_fails(sn_csv_open(&c, path, 4096, &err), &err, SN_ERR_INPUT,
                "holds more than 4096 bytes");
}

static void refuses_broken_files(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_csv c = {0};
    const struct {
        const char *text, *says;
    } cases[] = {
        {"", "found no header line"},
        {"# only: this\n", "found no header line"},
        {"a,,b\n", ":1: column 2 has no name"},
        {"a,b,a\n", ":1: column 'a' stands there twice"},
        {"a,\"b\n", ":1: a quote that does not end"},
        {"a,\"b\"c\n", "text behind its end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_fails(sn_csv_open(&c, check_write_text("b.csv", cases[i].text),
                                LIMIT, &err),
                    &err, SN_ERR_INPUT, cases[i].says);
    check_fails(
        sn_csv_open(&c, check_write("n.csv", "a,b\n1\0,2\n", 9), LIMIT, &err),
        &err, SN_ERR_INPUT, "holds a NUL byte");
    check_fails(sn_csv_open(&c, check_path("gone.csv"), LIMIT, &err), &err,
                SN_ERR_INPUT, "cannot be opened");
    check_fails(sn_csv_open(&c, check_dir(), LIMIT, &err), &err, SN_ERR_INPUT,
                check_dir());
    char wide[512] = "";
    for (size_t i = 0; i < 70; i++)
        snprintf(wide + strlen(wide), sizeof wide - strlen(wide), "c%zu,", i);
    check_fails(sn_csv_open(&c, check_write_text("w.csv", wide), LIMIT, &err),
                &err, SN_ERR_INPUT, "found more than 64 columns");
}

static void refuses_ragged_rows(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_csv c = {0};
    bool more;
    const char *path = check_write_text("r.csv", "a,b\n1,2\n1\n1,2,3\n\"1,2\n");
    check_ok(sn_csv_open(&c, path, LIMIT, &err), &err);
    check_ok(sn_csv_next(&c, &more, &err), &err);
    check_fails(sn_csv_next(&c, &more, &err), &err, SN_ERR_INPUT,
                "r.csv:3: found 1 fields; expected 2");
    check_fails(sn_csv_next(&c, &more, &err), &err, SN_ERR_INPUT,
                "r.csv:4: found more than 2 fields");
    check_fails(sn_csv_next(&c, &more, &err), &err, SN_ERR_INPUT,
                "r.csv:5: a quote that does not end");
    sn_csv_close(&c);
}

static void survives_short_memory(void **state)
{
    (void)state;
    const char *path = check_write_text("m.csv", "a,b\n1,2\n");
    for (int i = 0;; i++) {
        struct sn_error err = {0};
        struct sn_csv c = {0};
        check_fail_allocation(i);
        const sn_status rc = sn_csv_open(&c, path, LIMIT, &err);
        const bool failed = check_allocation_failed();
        sn_csv_close(&c);
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
        cmocka_unit_test(reads_rows),
        cmocka_unit_test(reads_gzip),
        cmocka_unit_test(refuses_broken_files),
        cmocka_unit_test(refuses_ragged_rows),
        cmocka_unit_test(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
