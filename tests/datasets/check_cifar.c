#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/datasets_internal.h"

/* CIFAR: the files have their full size but are sparse, black pictures of
 * class 0 except where a test writes something. */

enum { PLANE = 1024, PICTURE = 3 * PLANE, SIZE10 = 30730000 };

static const char *const files10[] = {"data_batch_1.bin", "data_batch_2.bin",
                                      "data_batch_3.bin", "data_batch_4.bin",
                                      "data_batch_5.bin", "test_batch.bin"};

static void make_sparse(const char *name, off_t bytes)
{
    unlink(check_path(name)); /* one that may not be written, too */
    const int fd = open(check_path(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    close(fd);
}

static void write_at(const char *name, long at, const void *data, size_t bytes)
{
    FILE *f = fopen(check_path(name), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static void make_set10(void)
{
    for (int i = 0; i < 6; i++)
        make_sparse(files10[i], SIZE10);
    unlink(check_path("batches.meta.txt"));
}

static struct sn_data_options options(enum sn_dataset_kind set)
{
    struct sn_data_options o = {.set = set, .size = 32, .val = 0.1};
    snprintf(o.path, sizeof o.path, "%s", check_dir());
    snprintf(o.augment, sizeof o.augment, "none");
    return o;
}

static void refused(enum sn_dataset_kind kind, const char *text)
{
    static struct sn_dataset set, untouched;
    struct sn_error err = {0};
    const struct sn_data_options o = options(kind);
    memset(&set, 0x5a, sizeof set);
    memset(&untouched, 0x5a, sizeof untouched);
    check_fails(sn_dataset_open(&set, &o, 1, &err), &err, SN_ERR_INPUT, text);
    check_same(&set, &untouched, sizeof set, "the set after a failure");
}

/* A record whose planes are told apart: red p, green p + 1, blue p + 2. */
static size_t make_record(uint8_t *record, int labels, int label)
{
    memset(record, 0, (size_t)labels);
    record[labels - 1] = (uint8_t)label;
    for (int ic = 0; ic < 3; ic++)
        for (int ip = 0; ip < PLANE; ip++)
            record[labels + ic * PLANE + ip] = (uint8_t)(ip + ic);
    return (size_t)(labels + PICTURE);
}

static void is_record(const struct sn_images *images, int i, int label)
{
    const uint8_t *pixels = images->pixels + (size_t)i * PICTURE;
    assert_int_equal(images->labels[i], label);
    for (int ip = 0; ip < PLANE; ip++)
        for (int ic = 0; ic < 3; ic++)
            assert_int_equal(pixels[3 * ip + ic], (uint8_t)(ip + ic));
}

static void reads_cifar10(void **state)
{
    (void)state;
    uint8_t record[1 + PICTURE];
    make_set10();
    size_t bytes = make_record(record, 1, 7);
    write_at("data_batch_3.bin", 5 * (long)bytes, record, bytes);
    make_record(record, 1, 9);
    write_at("test_batch.bin", 9999 * (long)bytes, record, bytes);

    struct sn_dataset set;
    struct sn_error err = {0};
    const struct sn_data_options o = options(SN_DATA_CIFAR10);
    check_ok(sn_dataset_open(&set, &o, 1, &err), &err);
    assert_string_equal(set.name, "cifar10");
    assert_int_equal(set.train.n, 50000);
    assert_int_equal(set.test.n, 10000);
    assert_int_equal(set.train.h, 32);
    assert_int_equal(set.train.w, 32);
    assert_int_equal(set.train.c, 3);
    assert_int_equal(set.classes, 10);
    assert_string_equal(set.class_name[9], "9"); /* no file names them */
    is_record(&set.train, 20005, 7);
    is_record(&set.test, 9999, 9);
    assert_int_equal(set.train.pixels[20004 * PICTURE], 0);
    assert_int_equal(set.train.labels[20006], 0);
    sn_dataset_release(&set);
}

static void refuses_spoiled_cifar10(void **state)
{
    (void)state;
    make_set10();
    make_sparse("data_batch_2.bin", SIZE10 - 3073); /* a whole record short */
    refused(SN_DATA_CIFAR10,
            "data_batch_2.bin: holds 30726927 bytes, expected 30730000: 10000 "
            "images of 3073 bytes");
    make_sparse("data_batch_2.bin", SIZE10 + 1);
    refused(SN_DATA_CIFAR10, "holds 30730001 bytes, expected 30730000");
    make_sparse("data_batch_2.bin", 0);
    refused(SN_DATA_CIFAR10, "data_batch_2.bin: holds 0 bytes");

    make_set10();
    unlink(check_path("test_batch.bin"));
    refused(SN_DATA_CIFAR10, "there is no file test_batch.bin in ");
    refused(SN_DATA_CIFAR10, "which holds data_batch_1.bin, data_batch_2.bin");
    refused(SN_DATA_CIFAR10, "to get the data: datasets/fetch.sh cifar10");
    assert_int_equal(mkdir(check_path("test_batch.bin"), 0700), 0);
    refused(SN_DATA_CIFAR10, "test_batch.bin: is a folder, expected a file");
    rmdir(check_path("test_batch.bin"));

    make_set10();
    write_at("data_batch_1.bin", 42L * 3073, "\x0a", 1);
    refused(SN_DATA_CIFAR10,
            "data_batch_1.bin: label 10 of image 42, expected 0 to 9");

    make_set10();
    check_write_text("batches.meta.txt", "airplane\nautomobile\n");
    refused(SN_DATA_CIFAR10, "batches.meta.txt: 2 class names, expected 10");
}

static void refuses_a_file_it_may_not_read(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root reads everything */
    make_set10();
    chmod(check_path("data_batch_4.bin"), 0);
    refused(SN_DATA_CIFAR10, "data_batch_4.bin: Permission denied");
}

static void make_set100(void)
{
    make_sparse("train.bin", 50000L * 3074);
    make_sparse("test.bin", 10000L * 3074);
    unlink(check_path("fine_label_names.txt"));
}

static void reads_cifar100(void **state)
{
    (void)state;
    uint8_t record[2 + PICTURE];
    char names[100 * 4 + 1];
    make_set100();
    const size_t bytes = make_record(record, 2, 99);
    record[0] = 19; /* the coarse label, passed over */
    write_at("train.bin", 49999 * (long)bytes, record, bytes);
    for (int i = 0; i < 100; i++)
        snprintf(names + 4 * i, 5, "c%02u\n", (unsigned)i % 100);
    check_write_text("fine_label_names.txt", names);

    struct sn_dataset set;
    struct sn_error err = {0};
    const struct sn_data_options o = options(SN_DATA_CIFAR100);
    check_ok(sn_dataset_open(&set, &o, 1, &err), &err);
    assert_string_equal(set.name, "cifar100");
    assert_int_equal(set.train.n, 50000);
    assert_int_equal(set.test.n, 10000);
    assert_int_equal(set.classes, 100);
    assert_string_equal(set.class_name[57], "c57");
    is_record(&set.train, 49999, 99);
    sn_dataset_release(&set);
}

static void refuses_spoiled_cifar100(void **state)
{
    (void)state;
    make_set100();
    make_sparse("test.bin", 10000L * 3074 - 2);
    refused(SN_DATA_CIFAR100,
            "test.bin: holds 30739998 bytes, expected 30740000");
    make_set100();
    write_at("train.bin", 1, "\x64", 1);
    refused(SN_DATA_CIFAR100,
            "train.bin: label 100 of image 0, expected 0 to 99");
    unlink(check_path("train.bin"));
    refused(SN_DATA_CIFAR100, "datasets/fetch.sh cifar100");
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    make_set10();
    for (int n = 0; n < 4; n++) { /* pixels and labels, train and test */
        struct sn_dataset set = {0};
        struct sn_error err = {0};
        const struct sn_data_options o = options(SN_DATA_CIFAR10);
        check_fail_allocation(n);
        const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
        assert_true(check_allocation_failed());
        check_fails(rc, &err, SN_ERR_MEMORY, "no memory for ");
        assert_null(set.train.pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cifar10),
        cmocka_unit_test(refuses_spoiled_cifar10),
        cmocka_unit_test(refuses_a_file_it_may_not_read),
        cmocka_unit_test(reads_cifar100),
        cmocka_unit_test(refuses_spoiled_cifar100),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("cifar", tests, NULL, NULL);
}
