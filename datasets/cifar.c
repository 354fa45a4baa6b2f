/* CIFAR-10 and CIFAR-100, binary version.
 *
 * A file is a row of records without a header: one label byte (CIFAR-100: the
 * coarse label, then the fine one) and 3072 bytes of a 32x32 image, the red
 * plane first, then green and blue.  Here the planes are interleaved.  There
 * is nothing in a file to check but its size and its labels, so both must be
 * exactly right: a download that broke off at a record's end would pass as a
 * smaller set otherwise.
 *
 * Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
 * Images", 2009, and the data set's page. */

#include "datasets/datasets_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIDE        32
#define CHANNELS    3
#define PLANE       (SIDE * SIDE)
#define MAX_LABELS  2
#define MAX_RECORD  (MAX_LABELS + CHANNELS * PLANE)
#define TRAIN_FILES 5

struct format {
    const char *fetch;              /* its name for datasets/fetch.sh */
    const char *train[TRAIN_FILES]; /* file names; NULL after the last */
    const char *test;
    const char *names; /* class names, one a line; may be absent */
    int train_records; /* in each file */
    int test_records;
    int labels; /* label bytes of a record; the last one counts */
    int classes;
};

static const struct format cifar10 = {
    .fetch = "cifar10",
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
              "data_batch_4.bin", "data_batch_5.bin"},
    .test = "test_batch.bin",
    .names = "batches.meta.txt",
    .train_records = 10000,
    .test_records = 10000,
    .labels = 1,
    .classes = 10,
};

static const struct format cifar100 = {
    .fetch = "cifar100",
    .train = {"train.bin"},
    .test = "test.bin",
    .names = "fine_label_names.txt",
    .train_records = 50000,
    .test_records = 10000,
    .labels = 2,
    .classes = 100,
};

static size_t record_bytes(const struct format *f)
{
    return (size_t)f->labels + CHANNELS * PLANE;
}

/* The file is there and has exactly its size. */
static sn_status check_file(const struct format *f, const char *dir,
                            const char *file, int records, struct sn_error *err)
{
    char path[SN_DATA_PATH];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    if (access(path, R_OK) != 0 && errno == ENOENT)
        return sn_folder_lacks(dir, file, f->fetch, err);
    if (access(path, R_OK) != 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", path, strerror(errno));

    int64_t bytes;
    const int64_t expected = (int64_t)record_bytes(f) * records;
    SN_TRY(sn_file_size(path, &bytes, err));
    if (bytes != expected)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: holds %lld bytes, expected %lld: %d images of %zu "
                       "bytes",
                       path, (long long)bytes, (long long)expected, records,
                       record_bytes(f));
    return SN_OK;
}

static void interleave(uint8_t *pixels, const uint8_t *planes)
{
    for (int ip = 0; ip < PLANE; ip++)
        for (int ic = 0; ic < CHANNELS; ic++)
            pixels[ip * CHANNELS + ic] = planes[ic * PLANE + ip];
}

/* Reads `records` records of `path` into images first, first + 1, ... */
static sn_status read_records(struct sn_images *images, int first, int records,
                              const struct format *f, FILE *in,
                              const char *path, struct sn_error *err)
{
    uint8_t record[MAX_RECORD];
    for (int i = 0; i < records; i++) {
        if (fread(record, record_bytes(f), 1, in) != 1)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: cannot be read past image %d: %s", path, i,
                           ferror(in) ? strerror(errno) : "the file ends");
        const int label = record[f->labels - 1];
        if (label >= f->classes)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: label %d of image %d, expected 0 to %d", path,
                           label, i, f->classes - 1);
        const size_t at = (size_t)first + (size_t)i;
        images->labels[at] = label;
        interleave(images->pixels + at * CHANNELS * PLANE, record + f->labels);
    }
    return SN_OK;
}

static sn_status read_file(struct sn_images *images, int first, int records,
                           const struct format *f, const char *dir,
                           const char *file, struct sn_error *err)
{
    char path[SN_DATA_PATH];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *in = fopen(path, "rb");
    if (!in)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", path, strerror(errno));
    const sn_status rc = read_records(images, first, records, f, in, path, err);
    fclose(in);
    return rc;
}

static sn_status name_classes(struct sn_dataset *set, const struct format *f,
                              const char *dir, struct sn_error *err)
{
    int named;
    SN_TRY(sn_class_names_read(set->class_name, &named, dir, f->names, err));
    if (named && named != f->classes)
        return sn_fail(err, SN_ERR_INPUT, "%s/%s: %d class names, expected %d",
                       dir, f->names, named, f->classes);
    set->classes = f->classes;
    if (!named)
        sn_class_names_number(set);
    return SN_OK;
}

static sn_status read_set(struct sn_dataset *set, const struct format *f,
                          const char *dir, struct sn_error *err)
{
    int files = 0;
    SN_TRY(sn_folder_check(dir, f->fetch, err));
    for (; files < TRAIN_FILES && f->train[files]; files++)
        SN_TRY(check_file(f, dir, f->train[files], f->train_records, err));
    SN_TRY(check_file(f, dir, f->test, f->test_records, err));
    SN_TRY(name_classes(set, f, dir, err));

    SN_TRY(sn_images_alloc(&set->train, files * f->train_records, SIDE, SIDE,
                           CHANNELS, err));
    SN_TRY(sn_images_alloc(&set->test, f->test_records, SIDE, SIDE, CHANNELS,
                           err));
    for (int i = 0; i < files; i++)
        SN_TRY(read_file(&set->train, i * f->train_records, f->train_records, f,
                         dir, f->train[i], err));
    return read_file(&set->test, 0, f->test_records, f, dir, f->test, err);
}

sn_status sn_cifar10_read(struct sn_dataset *set,
                          const struct sn_data_options *o, uint64_t seed,
                          struct sn_error *err)
{
    (void)seed; /* nothing is drawn */
    return read_set(set, &cifar10, o->path, err);
}

sn_status sn_cifar100_read(struct sn_dataset *set,
                           const struct sn_data_options *o, uint64_t seed,
                           struct sn_error *err)
{
    (void)seed;
    return read_set(set, &cifar100, o->path, err);
}
