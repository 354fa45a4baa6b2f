#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "datasets/datasets_internal.h"

/* IDX: good sets in every spelling, and files that lie.  A set of a dozen
 * 3x4 images is written anew for each case, then one of its files is spoiled.
 */

enum { TRAIN = 12, TEST = 6, H = 3, W = 4, CLASSES = 3, HEAD = 16 };

#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES  "t10k-images-idx3-ubyte"
#define TEST_LABELS  "t10k-labels-idx1-ubyte"

static void put32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint8_t pixel_of(int i)
{
    return (uint8_t)(i * 7 + 3);
}

/* An images' file; returns its bytes. */
static size_t make_images(uint8_t *to, int n)
{
    put32(to, 0x803);
    put32(to + 4, (uint32_t)n);
    put32(to + 8, H);
    put32(to + 12, W);
    for (int i = 0; i < n * H * W; i++)
        to[HEAD + i] = pixel_of(i);
    return HEAD + (size_t)(n * H * W);
}

static size_t make_labels(uint8_t *to, int n)
{
    put32(to, 0x801);
    put32(to + 4, (uint32_t)n);
    for (int i = 0; i < n; i++)
        to[8 + i] = (uint8_t)(i % CLASSES);
    return 8 + (size_t)n;
}

static void write_gz(const char *name, const void *data, size_t bytes)
{
    gzFile f = gzopen(check_path(name), "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, data, (unsigned)bytes), (int)bytes);
    assert_int_equal(gzclose(f), Z_OK);
}

static const char *const spelled[4][4] = {
    {TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS},
    {TRAIN_IMAGES ".gz", TRAIN_LABELS ".gz", TEST_IMAGES ".gz",
     TEST_LABELS ".gz"},
    {"train-images.idx3-ubyte", "train-labels.idx1-ubyte",
     "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"},
    {"train-images.idx3-ubyte.gz", "train-labels.idx1-ubyte.gz",
     "t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"},
};

static void remove_set(void)
{
    for (int i = 0; i < 16; i++) {
        unlink(check_path(spelled[i / 4][i % 4]));
        rmdir(check_path(spelled[i / 4][i % 4]));
    }
    unlink(check_path("classes.txt"));
}

static void write_set(int spelling)
{
    uint8_t data[1024];
    remove_set();
    for (int i = 0; i < 4; i++) {
        const int n = i < 2 ? TRAIN : TEST;
        const size_t bytes =
            i % 2 ? make_labels(data, n) : make_images(data, n);
        if (spelling % 2)
            write_gz(spelled[spelling][i], data, bytes);
        else
            check_write(spelled[spelling][i], data, bytes);
    }
}

static struct sn_data_options options(void)
{
    struct sn_data_options o = {.set = SN_DATA_IDX, .size = 32, .val = 0.1};
    snprintf(o.path, sizeof o.path, "%s", check_dir());
    snprintf(o.augment, sizeof o.augment, "none");
    return o;
}

static sn_status open_set(struct sn_dataset *set, struct sn_error *err)
{
    const struct sn_data_options o = options();
    return sn_dataset_open(set, &o, 1, err);
}

/* The set that was written cannot be opened, for this reason. */
static void refused(const char *text)
{
    static struct sn_dataset set, untouched;
    struct sn_error err = {0};
    memset(&set, 0x5a, sizeof set);
    memset(&untouched, 0x5a, sizeof untouched);
    check_fails(open_set(&set, &err), &err, SN_ERR_INPUT, text);
    check_same(&set, &untouched, sizeof set, "the set after a failure");
}

static void reads_every_spelling(void **state)
{
    (void)state;
    for (int spelling = 0; spelling < 4; spelling++) {
        struct sn_dataset set;
        struct sn_error err = {0};
        write_set(spelling);
        check_ok(open_set(&set, &err), &err);
        assert_string_equal(set.name, "idx");
        assert_int_equal(set.classes, CLASSES);
        assert_string_equal(set.class_name[2], "2");
        assert_int_equal(set.train.n, TRAIN);
        assert_int_equal(set.test.n, TEST);
        assert_int_equal(set.train.h, H);
        assert_int_equal(set.train.w, W);
        assert_int_equal(set.train.c, 1);
        assert_null(set.train.masks);
        for (int i = 0; i < TRAIN * H * W; i++)
            assert_int_equal(set.train.pixels[i], pixel_of(i));
        for (int i = 0; i < TRAIN; i++)
            assert_int_equal(set.train.labels[i], i % CLASSES);
        sn_dataset_release(&set);
    }
}

/* One way to spoil a plain file: cut it, change a 32-bit number, add bytes. */
struct spoiling {
    const char *file;
    int keep; /* bytes left of it, -1: all */
    int at;   /* where `value` goes, -1: nowhere */
    uint32_t value;
    int add; /* zero bytes added at the end */
    const char *text;
};

static const struct spoiling spoilings[] = {
    {TRAIN_IMAGES, 0, -1, 0, 0, "ends after 0 bytes, inside its header of 16"},
    {TRAIN_IMAGES, 2, -1, 0, 0, "ends after 2 bytes, inside its header of 16"},
    {TRAIN_IMAGES, 9, -1, 0, 0, "ends after 9 bytes, inside its header of 16"},
    {TRAIN_LABELS, 7, -1, 0, 0, "ends after 7 bytes, inside its header of 8"},
    {TRAIN_IMAGES, 16, -1, 0, 0, "holds 16 bytes, expected 160 by its header"},
    {TRAIN_IMAGES, 159, -1, 0, 0, "holds 159 bytes, expected 160"},
    {TRAIN_IMAGES, -1, -1, 0, 1, "holds 161 bytes, expected 160"},
    {TEST_LABELS, 13, -1, 0, 0, TEST_LABELS ": holds 13 bytes, expected 14"},
    {TRAIN_LABELS, -1, -1, 0, 9, "holds 29 bytes, expected 20 by its header"},
    {TRAIN_IMAGES, -1, 0, 0xd0d0d0d0, 0,
     "begins with 0xd0d0d0d0, expected 0x00000803, the mark of an IDX file of "
     "images"},
    {TRAIN_IMAGES, -1, 0, 0x801, 0,
     "begins with 0x00000801, expected 0x00000803"},
    {TRAIN_LABELS, -1, 0, 0x803, 0, "an IDX file of labels"},
    {TRAIN_IMAGES, -1, 4, 0, 0, "dimension 1 is 0, expected 1 to 2147483647"},
    {TRAIN_IMAGES, -1, 4, 0xffffffff, 0, "dimension 1 is 4294967295"},
    {TRAIN_IMAGES, -1, 8, 0, 0, "dimension 2 is 0, expected 1 to 4096"},
    {TRAIN_IMAGES, -1, 12, 65536, 0,
     "dimension 3 is 65536, expected 1 to 4096"},
    {TRAIN_IMAGES, -1, 4, 0x7fffffff, 0,
     "its header speaks of 25769803764 bytes, more than the 8589934592 this "
     "reader takes"},
    {TRAIN_IMAGES, -1, 4, 120, 0, "holds 160 bytes, expected 1456"},
    {TEST_IMAGES, -1, 12, 5, 0, TEST_IMAGES ": holds 88 bytes, expected 106"},
};

static void refuses_spoiled_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spoilings / sizeof *spoilings; i++) {
        const struct spoiling *s = &spoilings[i];
        size_t bytes;
        write_set(0);
        uint8_t *data = (uint8_t *)check_read(check_path(s->file), &bytes);
        uint8_t spoiled[1024] = {0};
        memcpy(spoiled, data, bytes);
        if (s->at >= 0)
            put32(spoiled + s->at, s->value);
        check_write(s->file, spoiled,
                    (s->keep >= 0 ? (size_t)s->keep : bytes) + (size_t)s->add);
        refused(s->text);
    }
}

static void refuses_labels_that_do_not_fit(void **state)
{
    (void)state;
    uint8_t data[256];
    write_set(0);
    check_write(TRAIN_LABELS, data, make_labels(data, TRAIN - 1));
    refused("holds 11 labels, expected 12: one for each image of ");

    write_set(0);
    size_t bytes = make_labels(data, TRAIN);
    memset(data + 8, 0, TRAIN);
    check_write(TRAIN_LABELS, data, bytes);
    refused(TRAIN_LABELS ": every label is 0, expected two classes or more");

    write_set(0);
    bytes = make_labels(data, TEST);
    data[8 + 2] = 7;
    check_write(TEST_LABELS, data, bytes);
    refused(TEST_LABELS ": label 7 of image 2, expected 0 to 2 as in the "
                        "training set");

    write_set(0);
    bytes = make_images(data, TEST);
    put32(data + 8, W);
    put32(data + 12, H);
    check_write(TEST_IMAGES, data, bytes);
    refused("the test images are 4x3, expected 3x4 as in the training set");
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    write_set(0);
    unlink(check_path(TEST_LABELS));
    refused("there is no file t10k-labels-idx1-ubyte[.gz] in ");
    refused("which holds t10k-images-idx3-ubyte, train-images-idx3-ubyte, "
            "train-labels-idx1-ubyte");
    refused("to get the data: datasets/fetch.sh fashion-mnist");

    assert_int_equal(mkdir(check_path(TEST_LABELS), 0700), 0);
    refused(TEST_LABELS ": is a folder, expected a file");

    write_set(0);
    unlink(check_path(TRAIN_IMAGES));
    assert_int_equal(mkfifo(check_path(TRAIN_IMAGES), 0600), 0);
    refused(TRAIN_IMAGES ": is a pipe or a device, expected a file");

    write_set(0);
    assert_int_equal(symlink(TEST_IMAGES, check_path(TEST_IMAGES ".loop")), 0);
    unlink(check_path(TEST_IMAGES));
    assert_int_equal(
        rename(check_path(TEST_IMAGES ".loop"), check_path(TEST_IMAGES)), 0);
    refused(TEST_IMAGES ": Too many levels of symbolic links");
}

static void refuses_a_file_it_may_not_read(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root reads everything */
    write_set(0);
    chmod(check_path(TRAIN_IMAGES), 0);
    refused(TRAIN_IMAGES ": Permission denied");
}

/* The packed file of the training images, changed by `change`. */
static void spoil_gz(const char *text, void (*change)(uint8_t *, size_t *))
{
    size_t bytes;
    write_set(1);
    char *packed = check_read(check_path(TRAIN_IMAGES ".gz"), &bytes);
    uint8_t data[1024] = {0};
    memcpy(data, packed, bytes);
    change(data, &bytes);
    check_write(TRAIN_IMAGES ".gz", data, bytes);
    refused(text);
}

static void garble(uint8_t *data, size_t *bytes)
{
    memset(data + 10, 0xff, *bytes - 10);
}

static void drop_checksum(uint8_t *data, size_t *bytes)
{
    (void)data;
    *bytes -= 6;
}

static void drop_half(uint8_t *data, size_t *bytes)
{
    (void)data;
    *bytes /= 2;
}

static void spoil_checksum(uint8_t *data, size_t *bytes)
{
    data[*bytes - 8] ^= 1;
}

static void refuses_spoiled_packed_files(void **state)
{
    (void)state;
    spoil_gz(".gz: cannot be read: ", garble);
    spoil_gz(".gz: is cut off: the checksum at its end is missing",
             drop_checksum);
    spoil_gz(".gz: ends after ", drop_half);
    spoil_gz("incorrect data check", spoil_checksum);

    uint8_t data[1024] = {0};
    write_set(1);
    size_t bytes = make_images(data, TRAIN);
    write_gz(TRAIN_IMAGES ".gz", data, bytes - 1);
    refused(".gz: ends after 143 bytes of data, expected 144 by its header");
    write_gz(TRAIN_IMAGES ".gz", data, bytes + 1);
    refused(".gz: goes on after the 144 bytes of data");
    put32(data + 4, 100 * 1000 * 1000);
    write_gz(TRAIN_IMAGES ".gz", data, bytes);
    refused("its header speaks of 1200000016 bytes, which cannot be packed");
    put32(data + 4, 400); /* could be packed so well, but was not */
    write_gz(TRAIN_IMAGES ".gz", data, bytes);
    refused("ends after 144 bytes of data, expected 4800 by its header");
}

static void names_come_from_classes_txt(void **state)
{
    (void)state;
    struct sn_dataset set;
    struct sn_error err = {0};
    write_set(0);
    check_write_text("classes.txt", "T-shirt/top\r\nAnkle boot\nBag\nHat\n\n");
    check_ok(open_set(&set, &err), &err);
    assert_int_equal(set.classes, 4);
    assert_string_equal(set.class_name[0], "T-shirt/top");
    assert_string_equal(set.class_name[3], "Hat");
    sn_dataset_release(&set);
}

static void refuses_bad_classes_txt(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } bad[] = {
        {"a\nb\n", "a label is 2, but "},
        {"a\nb\n", "classes.txt names only 2 classes"},
        {"", "classes.txt: holds no class names, expected one a line"},
        {"\n\n", "classes.txt: holds no class names"},
        {"a\n\nb\nc\n", "classes.txt:2: a blank line between class names"},
        {"a\nb\x1b[2J\nc\n", "classes.txt:2: byte 0x1b in a class name"},
        {"a\nb\nan all too long name for a class, or for anything that has a "
         "name\n",
         "classes.txt:3: a class name of 65 bytes, expected at most 63"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_set(0);
        check_write_text("classes.txt", bad[i].text);
        refused(bad[i].fault);
    }

    write_set(0);
    check_write("classes.txt", "a\nb\0\nc\n", 7);
    refused("classes.txt:2: a zero byte, expected text");

    char many[2 * (SN_MAX_CLASSES + 1) + 1];
    for (int i = 0; i <= SN_MAX_CLASSES; i++)
        memcpy(many + 2 * i, "x\n", 3);
    check_write_text("classes.txt", many);
    refused("classes.txt:1001: more than 1000 class names");

    unlink(check_path("classes.txt"));
    assert_int_equal(mkdir(check_path("classes.txt"), 0700), 0);
    refused("classes.txt: is a folder, expected a file");
    rmdir(check_path("classes.txt"));
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    int n = 0;
    for (bool failed = true; failed; n++) {
        struct sn_dataset set = {0};
        struct sn_error err = {0};
        write_set(0);
        const struct sn_data_options o = options();
        check_fail_allocation(n);
        const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
        failed = check_allocation_failed();
        if (failed)
            check_fails(rc, &err, SN_ERR_MEMORY, "no memory for");
        else
            check_ok(rc, &err);
        sn_dataset_release(&set);
    }
    assert_true(n > 6); /* images and labels, twice, and the last one in full */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_spelling),
        cmocka_unit_test(refuses_spoiled_files),
        cmocka_unit_test(refuses_labels_that_do_not_fit),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(refuses_a_file_it_may_not_read),
        cmocka_unit_test(refuses_spoiled_packed_files),
        cmocka_unit_test(names_come_from_classes_txt),
        cmocka_unit_test(refuses_bad_classes_txt),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
