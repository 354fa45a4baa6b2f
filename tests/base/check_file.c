/* Files: read whole, written whole or not at all, logs that are cut back. */

#include "check.h"

#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static void paths_are_joined(void **state)
{
    (void)state;
    const struct {
        const char *dir, *name, *want;
    } cases[] = {
        {"/a/b", "c", "/a/b/c"},
        {"/a/b/", "c", "/a/b/c"},
        {"/a/b", "../c", "/a/c"},
        {"/a/b/", "../c", "/a/c"},
        {"/a/b", "../../c", "/c"},
        {"/a//b", "../c", "/a/c"},
        {"/a/b", "./c", "/a/b/c"},
        {"/a", "../../c", "/../c"},
        {"/", "c", "/c"},
        {"a/b", "../c", "a/b/../c"},
        {"/a", "/c", "/c"},
        {NULL, "../c", "../c"},
        {"", "c", "c"},
        {"/a/b", "c/../d", "/a/b/c/../d"},
        {"/a/b", "..c", "/a/b/..c"},
    };
    char buf[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(sn_path_join(buf, sizeof buf, cases[i].dir, cases[i].name));
        assert_string_equal(buf, cases[i].want);
    }
    assert_true(sn_path_join(buf, 7, "/a/b", "c"));
    assert_false(sn_path_join(buf, 6, "/a/b", "c"));
    assert_string_equal(buf, "");
}

static void folders(void **state)
{
    (void)state;
    struct sn_error err = {0};
    char buf[512];
    const char *deep = check_path("x/y/z");
    check_ok(sn_dir_make(deep, &err), &err);
    check_ok(sn_dir_make(deep, &err), &err);
    assert_true(sn_file_exists(deep));
    check_ok(
        sn_path_folder(buf, sizeof buf, check_path("x/y/../y/f.ini"), &err),
        &err);
    assert_string_equal(buf, check_path("x/y"));
    check_fails(sn_path_folder(buf, sizeof buf, check_path("q/f.ini"), &err),
                &err, SN_ERR_INPUT, "q: No such file or directory");
    check_fails(sn_path_folder(buf, 4, check_path("x/f.ini"), &err), &err,
                SN_ERR_INPUT, "its absolute path is longer than 3 bytes");

    const char *file = check_write_text("plain", "text");
    char below[512];
    snprintf(below, sizeof below, "%s/sub", file);
    check_fails(sn_dir_make(below, &err), &err, SN_ERR_OUTPUT,
                "plain: folder cannot be made: File exists");
    check_fails(sn_dir_make("", &err), &err, SN_ERR_OUTPUT,
                "a folder cannot be made: its path is empty");
    char wide[5000];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    check_fails(sn_dir_make(wide, &err), &err, SN_ERR_OUTPUT, "is too long");
}

static void reading(void **state)
{
    (void)state;
    struct sn_error err = {0};
    char *data;
    size_t bytes;
    check_ok(
        sn_file_read(check_write("r.bin", "a\0b", 3), 3, &data, &bytes, &err),
        &err);
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "a\0b", 4); /* and a NUL behind */
    free(data);
    check_ok(sn_file_read(check_write_text("e", ""), 0, &data, &bytes, &err),
             &err);
    assert_int_equal(bytes, 0);
    free(data);

    check_fails(sn_file_read(check_path("r.bin"), 2, &data, &bytes, &err), &err,
                SN_ERR_INPUT, "r.bin: has 3 bytes; expected at most 2");
    check_fails(sn_file_read(check_dir(), 9, &data, &bytes, &err), &err,
                SN_ERR_INPUT, "is not a regular file");
    check_fails(sn_file_read("/dev/zero", 9, &data, &bytes, &err), &err,
                SN_ERR_INPUT, "/dev/zero: is not a regular file");
    check_fails(sn_file_read(check_path("r.bni"), 9, &data, &bytes, &err), &err,
                SN_ERR_INPUT,
                "r.bni: cannot be opened: No such file or directory; did you "
                "mean 'r.bin'?");
    check_fails(sn_file_read(check_path("zzzzzzzz"), 9, &data, &bytes, &err),
                &err, SN_ERR_INPUT,
                "zzzzzzzz: cannot be opened: No such file or directory");
    check_fails(sn_file_read(check_path("not/here/a"), 9, &data, &bytes, &err),
                &err, SN_ERR_INPUT, "; there is no folder '");
    check_fail_allocation(0);
    const sn_status rc =
        sn_file_read(check_path("r.bin"), 3, &data, &bytes, &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "out of memory: 3 bytes to read");
}

/* Nothing of a file that could not be written stays behind. */
static void check_untouched(const char *path, const char *want)
{
    char temp[512];
    snprintf(temp, sizeof temp, "%s.tmp", path);
    assert_false(sn_file_exists(temp));
    if (want)
        assert_string_equal(check_read(path, NULL), want);
    else
        assert_false(sn_file_exists(path));
}

static void writing_whole(void **state)
{
    (void)state;
    struct sn_error err = {0};
    const char *path = check_path("w.txt");
    check_ok(sn_file_write(path, "first", 5, &err), &err);
    check_untouched(path, "first");
    check_write_text("w.txt.tmp", "left by a run that was killed");
    check_ok(sn_file_write(path, "second", 6, &err), &err);
    check_untouched(path, "second");

    struct sn_file_writer w;
    check_ok(sn_file_create(&w, path, &err), &err);
    sn_file_add(&w, "third", 5);
    assert_string_equal(check_read(path, NULL), "second");
    sn_file_abandon(&w);
    sn_file_abandon(&w);
    check_untouched(path, "second");

    check_fails(sn_file_write(check_path("no/w"), "x", 1, &err), &err,
                SN_ERR_OUTPUT, "w: cannot be written: No such file");
    check_fails(sn_file_write("/dev/full", "x", 1, &err), &err, SN_ERR_OUTPUT,
                "/dev/full: cannot be written: is not a regular file");
    check_fails(sn_file_write(check_dir(), "x", 1, &err), &err, SN_ERR_OUTPUT,
                "is not a regular file");
    for (int n = 0; n < 2; n++) {
        check_fail_allocation(n);
        const sn_status rc = sn_file_write(path, "x", 1, &err);
        assert_true(check_allocation_failed());
        check_fails(rc, &err, SN_ERR_MEMORY, "w.txt: out of memory");
    }
    check_untouched(path, "second");
}

/* A disk without room, played by the limit on the size of a file. */
static void no_room_on_the_disk(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct rlimit old, low;
    char *data = calloc(1, 1 << 16);
    assert_non_null(data);
    const char *path = check_write_text("d.bin", "before");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 1 << 14;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    const sn_status whole = sn_file_write(path, data, 1 << 16, &err);
    struct sn_error log_err = {0};
    struct sn_log_file log;
    sn_status rc = sn_log_file_open(&log, check_path("d.log"), 0, &log_err);
    for (int i = 0; i < 20000 && rc == SN_OK; i++)
        rc = sn_log_file_add(&log, &log_err, "line %d\n", i);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    sn_log_file_close(&log);
    free(data);
    check_fails(whole, &err, SN_ERR_OUTPUT,
                "d.bin: cannot be written: File too large");
    check_untouched(path, "before");
    check_fails(rc, &log_err, SN_ERR_OUTPUT,
                "d.log: cannot be written: File too large");
}

/* Root may do anything: the test steps down to an ordinary user and back. */
static void no_permission(void **state)
{
    (void)state;
    struct sn_error err = {0};
    char *data;
    size_t bytes;
    const uid_t me = geteuid(), nobody = 65534;
    const char *dir = check_path("locked");
    check_ok(sn_dir_make(dir, &err), &err);
    const char *file = check_write_text("locked/secret", "x");
    assert_int_equal(chmod(file, 0), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(chmod(check_dir(), 0755), 0);
    if (me == 0)
        assert_int_equal(seteuid(nobody), 0);
    struct sn_error why[3] = {{0}};
    const sn_status rc[] = {
        sn_file_read(file, 9, &data, &bytes, &why[0]),
        sn_file_write(check_path("locked/new"), "x", 1, &why[1]),
        sn_dir_make(check_path("locked/d"), &why[2])};
    if (me == 0)
        assert_int_equal(seteuid(me), 0);
    assert_int_equal(chmod(dir, 0700), 0);
    check_fails(rc[0], &why[0], SN_ERR_INPUT,
                "secret: cannot be opened: Permission denied");
    check_fails(rc[1], &why[1], SN_ERR_OUTPUT,
                "new: cannot be written: Permission denied");
    check_fails(rc[2], &why[2], SN_ERR_OUTPUT,
                "d: folder cannot be made: Permission denied");
}

static void logs(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_log_file l;
    size_t length;
    const char *path = check_path("log.txt");
    check_ok(sn_log_file_open(&l, path, SIZE_MAX, &err), &err);
    check_ok(sn_log_file_add(&l, &err, "epoch %d\n", 1), &err);
    assert_string_equal(check_read(path, NULL), "epoch 1\n"); /* at once */
    check_ok(sn_log_file_sync(&l, &length, &err), &err);
    assert_int_equal(length, 8);
    check_ok(sn_log_file_add(&l, &err, "half of epo"), &err);
    sn_log_file_close(&l);
    sn_log_file_close(&l);

    check_ok(sn_log_file_open(&l, path, length, &err), &err);
    check_ok(sn_log_file_add(&l, &err, "epoch 2\n"), &err);
    check_ok(sn_log_file_sync(&l, &length, &err), &err);
    sn_log_file_close(&l);
    assert_int_equal(length, 16);
    assert_string_equal(check_read(path, NULL), "epoch 1\nepoch 2\n");

    check_fails(sn_log_file_open(&l, path, 17, &err), &err, SN_ERR_INPUT,
                "log.txt: has 16 bytes; expected at least the 17 that the "
                "checkpoint counts");
    assert_string_equal(check_read(path, NULL), "epoch 1\nepoch 2\n");
    check_fails(sn_log_file_open(&l, check_path("no/log"), 0, &err), &err,
                SN_ERR_OUTPUT, "log: cannot be opened: No such file");
    check_fail_allocation(0);
    const sn_status rc = sn_log_file_open(&l, path, SIZE_MAX, &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "log.txt: out of memory");
    assert_null(l.file);
}

/* ---- JSON ---- */

static void json_goes_round(void **state)
{
    (void)state;
    struct sn_error err = {0};
    const char *path = check_path("j.json");
    json_t *root =
        json_pack("{s:s, s:I, s:o, s:o}", "task", "classify", "seed",
                  (json_int_t)9007199254740993, "value", sn_json_real(0.1),
                  "none", sn_json_real((double)NAN));
    check_ok(sn_json_write(path, root, &err), &err);
    assert_string_equal(check_read(path, NULL),
                        "{\n  \"task\": \"classify\",\n  \"seed\": "
                        "9007199254740993,\n  \"value\": 0.1,\n  \"none\": "
                        "null\n}\n");
    int64_t seed = 0;
    double value = 0;
    const char *task = NULL;
    check_ok(sn_json_read(path, 1000, &root, &err), &err);
    check_ok(sn_json_get_int(root, "seed", 0, INT64_MAX, &seed, path, &err),
             &err);
    check_ok(sn_json_get_real(root, "value", &value, path, &err), &err);
    check_ok(sn_json_get_text(root, "task", &task, path, &err), &err);
    assert_true(seed == 9007199254740993 && value == 0.1);
    assert_string_equal(task, "classify");

    check_fails(sn_json_get_int(root, "seed", 0, 9, &seed, path, &err), &err,
                SN_ERR_INPUT,
                "j.json: \"seed\" is 9007199254740993; expected 0 to 9");
    check_fails(sn_json_get_int(root, "task", 0, 9, &seed, path, &err), &err,
                SN_ERR_INPUT,
                "\"task\" is something else; expected a whole number");
    check_fails(sn_json_get_real(root, "none", &value, path, &err), &err,
                SN_ERR_INPUT, "\"none\" is something else; expected a number");
    check_fails(sn_json_get_text(root, "gone", &task, path, &err), &err,
                SN_ERR_INPUT, "\"gone\" is missing; expected text");
    json_decref(root);

    check_fails(sn_json_write(check_path("no/j"), json_object(), &err), &err,
                SN_ERR_OUTPUT, "cannot be written");
    check_fails(sn_json_write(path, NULL, &err), &err, SN_ERR_MEMORY,
                "j.json: out of memory");
}

static void json_that_is_broken(void **state)
{
    (void)state;
    struct sn_error err = {0};
    json_t *root;
    const struct {
        const char *text, *want;
    } cases[] = {
        {"{\n \"a\": }", "b.json:2:7: error: "},
        {"{\"a\": 1, \"a\": 2}", "duplicate object key"},
        {"[1]", "b.json: is no JSON object"},
        {"", "b.json:1:0: error: "},
        {"{} x", "end of file expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_fails(sn_json_read(check_write_text("b.json", cases[i].text), 99,
                                 &root, &err),
                    &err, SN_ERR_INPUT, cases[i].want);
    check_fails(sn_json_read(check_path("b.json"), 1, &root, &err), &err,
                SN_ERR_INPUT, "has 4 bytes; expected at most 1");
}

/* Names of files come as they are; what is no text is shown byte by byte. */
static void names_as_json(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } cases[] = {{"plain.jpg", "plain.jpg"},
                 {"caf\xc3\xa9", "caf\xc3\xa9"},
                 {"caf\xe9.jpg", "caf\\xe9.jpg"},
                 {"\xff\xfe", "\\xff\\xfe"},
                 {"a\nb", "a\nb"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *name = sn_json_name(cases[i].name);
        assert_non_null(name);
        assert_string_equal(json_string_value(name), cases[i].text);
        json_decref(name);
    }
    check_fail_allocation(0);
    assert_null(sn_json_name("\xff"));
    assert_true(check_allocation_failed());
}

static void what_can_be_made_again_has_a_place(void **state)
{
    (void)state;
    char buf[512], want[512], *home = getenv("HOME");
    char kept[256] = "";
    if (home)
        snprintf(kept, sizeof kept, "%s", home);
    char dir[400];
    snprintf(dir, sizeof dir, "%s", check_path("kept"));
    setenv("XDG_CACHE_HOME", dir, 1);
    assert_true(sn_path_cache(buf, sizeof buf, "x.est"));
    snprintf(want, sizeof want, "%s/supernet/x.est", dir);
    assert_string_equal(buf, want);
    assert_int_equal(access(dir, W_OK), 0);
    setenv("XDG_CACHE_HOME", "relative", 1); /* is to be passed over */
    setenv("HOME", dir, 1);
    assert_true(sn_path_cache(buf, sizeof buf, "x.est"));
    snprintf(want, sizeof want, "%s/.cache/supernet/x.est", dir);
    assert_string_equal(buf, want);
    assert_false(sn_path_cache(buf, 5, "x.est"));
    unsetenv("HOME");
    assert_false(sn_path_cache(buf, sizeof buf, "x.est"));
    unsetenv("XDG_CACHE_HOME");
    if (home)
        setenv("HOME", kept, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(what_can_be_made_again_has_a_place),
        cmocka_unit_test(folders),
        cmocka_unit_test(reading),
        cmocka_unit_test(writing_whole),
        cmocka_unit_test(no_room_on_the_disk),
        cmocka_unit_test(no_permission),
        cmocka_unit_test(logs),
        cmocka_unit_test(json_goes_round),
        cmocka_unit_test(json_that_is_broken),
        cmocka_unit_test(names_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
