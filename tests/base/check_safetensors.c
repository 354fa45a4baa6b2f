/* Safetensors: what is written comes back, by us and by the format's rules, and
 * no broken file is taken. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetensors.h"

static const float matrix[6] = {1, -2, 3.5f, 0, 5, 6};
static const unsigned char bytes3[3] = {7, 8, 9};
static const double pair[2] = {0.1, -1e300};
static const int64_t wide[1] = {INT64_MIN};
static const int32_t narrow[1] = {-5};

static void add_all(struct sn_tensor_writer *w)
{
    const int64_t two_three[] = {2, 3}, three[] = {3}, two[] = {2},
                  none[] = {0};
    sn_tensor_writer_init(w);
    sn_tensor_writer_add(w, "odd", SN_DTYPE_U8, 1, three, bytes3);
    sn_tensor_writer_add(w, "stage.1.w", SN_DTYPE_F32, 2, two_three, matrix);
    sn_tensor_writer_add(w, "pair", SN_DTYPE_F64, 1, two, pair);
    sn_tensor_writer_add(w, "scalar", SN_DTYPE_I64, 0, NULL, wide);
    sn_tensor_writer_add(w, "empty", SN_DTYPE_F32, 1, none, NULL);
    sn_tensor_writer_add(w, "n", SN_DTYPE_I32, 0, NULL, narrow);
    sn_tensor_writer_meta(w, "arch", "supernet-arch 1\n\"x\"");
}

static const char *write_good(const char *name)
{
    struct sn_tensor_writer w;
    struct sn_error err = {0};
    const char *path = check_path(name);
    add_all(&w);
    check_ok(sn_tensor_writer_commit(&w, path, &err), &err);
    sn_tensor_writer_release(&w);
    return path;
}

static void find(const struct sn_tensor_file *f, const char *name,
                 sn_dtype dtype, int ndim, const int64_t *dims,
                 const void *want, size_t bytes)
{
    struct sn_error err = {0};
    const void *data = NULL;
    check_ok(sn_tensor_file_find(f, name, dtype, ndim, dims, &data, &err),
             &err);
    assert_int_equal((uintptr_t)data % 64, 0);
    if (bytes)
        assert_memory_equal(data, want, bytes);
}

static void goes_round(void **state)
{
    (void)state;
    const int64_t two_three[] = {2, 3}, three[] = {3}, two[] = {2},
                  none[] = {0};
    struct sn_tensor_file f;
    struct sn_error err = {0};
    check_ok(sn_tensor_file_open(&f, write_good("g.safetensors"), &err), &err);
    assert_int_equal(f.count, 6);
    find(&f, "odd", SN_DTYPE_U8, 1, three, bytes3, sizeof bytes3);
    find(&f, "stage.1.w", SN_DTYPE_F32, 2, two_three, matrix, sizeof matrix);
    find(&f, "pair", SN_DTYPE_F64, 1, two, pair, sizeof pair);
    find(&f, "scalar", SN_DTYPE_I64, 0, NULL, wide, sizeof wide);
    find(&f, "empty", SN_DTYPE_F32, 1, none, NULL, 0);
    find(&f, "n", SN_DTYPE_I32, 0, NULL, narrow, sizeof narrow);
    assert_string_equal(sn_tensor_file_meta(&f, "arch"),
                        "supernet-arch 1\n\"x\"");
    assert_null(sn_tensor_file_meta(&f, "gone"));
    assert_int_equal(sn_tensor_file_entry(&f, "pair")->ndim, 1);
    assert_null(sn_tensor_file_entry(&f, "gone"));

    const void *data = NULL;
    check_fails(
        sn_tensor_file_find(&f, "gone", SN_DTYPE_F32, 1, two, &data, &err),
        &err, SN_ERR_INPUT, "g.safetensors: tensor 'gone': is missing");
    check_fails(
        sn_tensor_file_find(&f, "pair", SN_DTYPE_F32, 1, two, &data, &err),
        &err, SN_ERR_INPUT,
        "g.safetensors: tensor 'pair' is F64 [2]; expected F32 [2]");
    check_fails(sn_tensor_file_find(&f, "stage.1.w", SN_DTYPE_F32, 1, three,
                                    &data, &err),
                &err, SN_ERR_INPUT,
                "tensor 'stage.1.w' is F32 [2, 3]; expected F32 [3]");
    assert_null(data);
    sn_tensor_file_close(&f);
    sn_tensor_file_close(&f);
}

/* The bytes are those that the format asks for. */
static void layout(void **state)
{
    (void)state;
    size_t bytes;
    const char *file = check_read(write_good("l.safetensors"), &bytes);
    uint64_t length;
    memcpy(&length, file, 8);
    assert_int_equal((length + 8) % 64, 0);
    assert_int_equal(file[8], '{');
    assert_int_equal(bytes, 8 + length + 16 + 8 + 24 + 4 + 3);
    assert_memory_equal(file + 8 + length, pair, sizeof pair);
    assert_memory_equal(file + bytes - 3, bytes3, 3);

    /* Two writes of the same are the same. */
    size_t again;
    const char *other = check_read(write_good("l2.safetensors"), &again);
    assert_int_equal(again, bytes);
    check_same(other, file, bytes, "the second file");
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct sn_tensor_writer w;
    struct sn_tensor_file f;
    struct sn_error err = {0};
    const char *path = check_path("n.safetensors");
    sn_tensor_writer_init(&w);
    check_ok(sn_tensor_writer_commit(&w, path, &err), &err);
    sn_tensor_writer_release(&w);
    check_ok(sn_tensor_file_open(&f, path, &err), &err);
    assert_int_equal(f.count, 0);
    assert_null(sn_tensor_file_meta(&f, "arch"));
    sn_tensor_file_close(&f);
}

/* ---- hostile files ---- */

/* A file with this header (its length put in front) and `data` bytes of 0. */
static const char *forge(const char *header, size_t data)
{
    char file[4096] = {0};
    const uint64_t length = strlen(header);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    return check_write("h.safetensors", file, 8 + length + data);
}

#define ENTRY(dtype, shape, offsets)                                           \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    size_t data;
    const char *want;
} hostile[] = {
    {"", 0, "is no safetensors file: its header is no JSON object"},
    {"[]", 0, "is no safetensors file: its header is no JSON object"},
    {" {}", 0, "is no safetensors file: its header is no JSON object"},
    {"{", 0, "its header is broken at byte 1: "},
    {"{\"a\":{}", 0, "its header is broken at byte"},
    {"{} {}", 0, "its header is broken at byte"},
    {"{\"a\xff\":1}", 0, "its header is broken at byte"},
    {"{\"a\\u0000\":1}", 0, "its header is broken at byte"},
    {"{\"a\":1}", 0, "tensor 'a': its description is no object"},
    {"{\"a\":{}}", 0, "tensor 'a': \"dtype\" is 'no text'; expected F64, F32"},
    {"{\"a\":" ENTRY("BF16", "[1]", "[0,2]") "}", 2,
     "tensor 'a': \"dtype\" is 'BF16'; expected F64, F32, I64, I32 or U8"},
    {"{\"a\":" ENTRY("F32", "1", "[0,4]") "}", 4,
     "tensor 'a': \"shape\" is no list of at most 8 numbers"},
    {"{\"a\":" ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4,
     "tensor 'a': \"shape\" is no list of at most 8 numbers"},
    {"{\"a\":" ENTRY("F32", "[-1]", "[0,4]") "}", 4,
     "tensor 'a': \"shape\" holds something else than whole numbers"},
    {"{\"a\":" ENTRY("F32", "[1.0]", "[0,4]") "}", 4,
     "tensor 'a': \"shape\" holds something else than whole numbers"},
    {"{\"a\":" ENTRY("F32", "[9223372036854775808]", "[0,4]") "}", 4,
     "its header is broken at byte"},
    {"{\"a\":" ENTRY("F32", "[4611686018427387905]", "[0,4]") "}", 4,
     "tensor 'a': 4 bytes do not hold F32 [4611686018427387905]"},
    {"{\"a\":" ENTRY("F32", "[4294967296,4294967296]", "[0,0]") "}", 0,
     "tensor 'a': 0 bytes do not hold F32 [4294967296, 4294967296]"},
    {"{\"a\":" ENTRY("F32", "[2]", "[0,4]") "}", 4,
     "tensor 'a': 4 bytes do not hold F32 [2]"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0]") "}", 4,
     "tensor 'a': \"data_offsets\" are no two numbers"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4,8]") "}", 4,
     "tensor 'a': \"data_offsets\" are no two numbers"},
    {"{\"a\":" ENTRY("F32", "[1]", "{}") "}", 4,
     "tensor 'a': \"data_offsets\" are no two numbers"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4.0]") "}", 4,
     "tensor 'a': \"data_offsets\" are no two numbers"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4]") "}", 3,
     "tensor 'a': bytes 0 to 4 do not lie in the file's 3 bytes of data"},
    {"{\"a\":" ENTRY("F32", "[1]", "[-4,0]") "}", 4,
     "tensor 'a': bytes -4 to 0 do not lie in"},
    {"{\"a\":" ENTRY("F32", "[1]", "[4,0]") "}", 4,
     "tensor 'a': bytes 4 to 0 do not lie in"},
    {"{\"a\":" ENTRY("F32", "[1]",
                     "[9223372036854775804,"
                     "9223372036854775807]") "}",
     4, "tensor 'a': bytes 9223372036854775804 to"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4]") ",\"b\":" ENTRY("F32", "[1]",
                                                            "[0,4]") "}",
     4, "tensor 'b': its bytes overlap those of another"},
    {"{\"a\":" ENTRY("F32", "[2]", "[0,8]") ",\"b\":" ENTRY("F32", "[1]",
                                                            "[4,8]") "}",
     8, "tensor 'b': its bytes overlap those of another"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4]") ",\"b\":" ENTRY("F32", "[1]",
                                                            "[8,12]") "}",
     12, "tensor 'b': there are bytes of no tensor in front of it"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4]") "}", 5,
     "1 bytes at its end belong to no tensor"},
    {"{\"a\":" ENTRY("F32", "[1]", "[0,4]") ",\"a\":" ENTRY("F32", "[1]",
                                                            "[4,8]") "}",
     8, "its header is broken at byte"},
    {"{\"__metadata__\":3}", 0, "\"__metadata__\" is no object"},
    {"{\"__metadata__\":{\"k\":3}}", 0, "\"__metadata__\" of 'k' is no text"},
};

static void hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct sn_tensor_file f, before;
        struct sn_error err = {0};
        memset(&f, 0x5a, sizeof f);
        before = f;
        const char *path = forge(hostile[i].header, hostile[i].data);
        check_fails(sn_tensor_file_open(&f, path, &err), &err, SN_ERR_INPUT,
                    hostile[i].want);
        assert_memory_equal(&f, &before, sizeof f);
    }
}

/* Valid by the rules although we would not write them so. */
static void odd_but_right(void **state)
{
    (void)state;
    struct sn_tensor_file f;
    struct sn_error err = {0};
    const char *path =
        forge("{\"b\":" ENTRY("F32", "[1]", "[3,7]") ",\"a\":" ENTRY(
                  "U8", "[3]",
                  "[0,3]") ",\"z\":" ENTRY("F32", "[0,4611686018427387905]",
                                           "[3,3]") "}   ",
              7);
    check_ok(sn_tensor_file_open(&f, path, &err), &err);
    const void *data;
    check_ok(sn_tensor_file_find(&f, "b", SN_DTYPE_F32, 1, (int64_t[]){1},
                                 &data, &err),
             &err);
    assert_int_equal((uintptr_t)data % 64, 0);
    assert_int_equal(f.count, 3);
    sn_tensor_file_close(&f);
}

static void hostile_lengths(void **state)
{
    (void)state;
    const uint64_t lengths[] = {3, 1000, INT64_MAX, UINT64_MAX, UINT64_MAX - 8};
    struct sn_tensor_file f;
    struct sn_error err = {0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char file[10] = {0};
        memcpy(file, &lengths[i], 8);
        memcpy(file + 8, "{}", 2);
        check_fails(sn_tensor_file_open(
                        &f, check_write("h.safetensors", file, 10), &err),
                    &err, SN_ERR_INPUT,
                    "is no safetensors file: its header would have ");
    }
    check_fails(sn_tensor_file_open(
                    &f, check_write("h.safetensors", "1234567", 7), &err),
                &err, SN_ERR_INPUT, "is no safetensors file: it has 7 bytes");
    check_fails(sn_tensor_file_open(&f, check_dir(), &err), &err, SN_ERR_INPUT,
                "is not a regular file");
    check_fails(sn_tensor_file_open(&f, check_path("h.safetensor"), &err), &err,
                SN_ERR_INPUT, "did you mean 'h.safetensors'?");
}

/* No beginning of a file is a file, and no flipped bit is a crash. */
static void truncated_and_flipped(void **state)
{
    (void)state;
    size_t bytes;
    struct sn_tensor_file f;
    const char *good = check_read(write_good("t.safetensors"), &bytes);
    for (size_t n = 0; n < bytes; n++) {
        struct sn_error err = {0};
        const char *path = check_write("cut.safetensors", good, n);
        check_fails(sn_tensor_file_open(&f, path, &err), &err, SN_ERR_INPUT,
                    "cut.safetensors: ");
    }
    char *bad = malloc(bytes);
    assert_non_null(bad);
    memcpy(bad, good, bytes);
    for (size_t i = 0; i < bytes; i++) {
        struct sn_error err = {0};
        bad[i] = (char)(bad[i] ^ (1 << (i % 8)));
        const char *path = check_write("bad.safetensors", bad, bytes);
        if (sn_tensor_file_open(&f, path, &err) == SN_OK)
            sn_tensor_file_close(&f);
        else
            assert_non_null(strstr(err.text, "bad.safetensors: "));
        bad[i] = good[i];
    }
    free(bad);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *path = check_path("m.safetensors");
    for (int n = 0;; n++) {
        struct sn_tensor_writer w;
        struct sn_tensor_file f = {0};
        struct sn_error err = {0};
        check_fail_allocation(n);
        add_all(&w);
        sn_status rc = sn_tensor_writer_commit(&w, path, &err);
        sn_tensor_writer_release(&w);
        if (rc == SN_OK)
            rc = sn_tensor_file_open(&f, path, &err);
        const bool failed = check_allocation_failed();
        sn_tensor_file_close(&f);
        if (!failed) {
            check_ok(rc, &err);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "m.safetensors: out of memory");
    }
}

/* A fault of who named something, and no lack of memory. */
static void a_text_that_is_none_is_told(void **state)
{
    (void)state;
    struct sn_tensor_writer w;
    struct sn_error err = {0};
    const char *path = check_path("text.safetensors");
    add_all(&w);
    sn_tensor_writer_meta(&w, "classes", "caf\xe9\n");
    sn_tensor_writer_meta(&w, "task", "classify");
    check_fails(sn_tensor_writer_status(&w, path, &err), &err, SN_ERR_INPUT,
                "text.safetensors: cannot be written: its 'classes' is not "
                "UTF-8 text");
    check_fails(sn_tensor_writer_commit(&w, path, &err), &err, SN_ERR_INPUT,
                "its 'classes' is not UTF-8 text");
    sn_tensor_writer_release(&w);
    assert_null(fopen(path, "rb"));
}

/* ---- faults of ours ---- */

static void same_name_twice(void *arg)
{
    sn_tensor_writer_add(arg, "n", SN_DTYPE_I32, 0, NULL, narrow);
}

static void reserved_name(void *arg)
{
    sn_tensor_writer_add(arg, "__metadata__", SN_DTYPE_I32, 0, NULL, narrow);
}

static void too_many_bytes(void *arg)
{
    sn_tensor_writer_add(arg, "x", SN_DTYPE_F64, 1, (int64_t[]){INT64_MAX},
                         narrow);
}

static void faults_of_ours(void **state)
{
    (void)state;
    struct sn_tensor_writer w;
    add_all(&w);
    assert_true(check_aborts(same_name_twice, &w));
    assert_true(check_aborts(reserved_name, &w));
    assert_true(check_aborts(too_many_bytes, &w));
    struct sn_error err = {0};
    check_fails(sn_tensor_writer_commit(&w, check_path("no/x"), &err), &err,
                SN_ERR_OUTPUT, "x: cannot be written: No such file");
    sn_tensor_writer_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_round),
        cmocka_unit_test(layout),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(hostile_headers),
        cmocka_unit_test(odd_but_right),
        cmocka_unit_test(hostile_lengths),
        cmocka_unit_test(truncated_and_flipped),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_text_that_is_none_is_told),
        cmocka_unit_test(faults_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
