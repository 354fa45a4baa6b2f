/* IDX: the format of MNIST and its relatives, plain or gzipped.
 *
 * A file is a big-endian magic number (0x00000803 for images, 0x00000801 for
 * labels: unsigned bytes, three or one dimensions), the dimensions as 32-bit
 * numbers, and the bytes.  A set is four files, train and t10k, images and
 * labels; zlib reads them whether they are compressed or not.
 *
 * A header is a claim, not a fact: memory is taken only as bytes arrive, and
 * a file must hold exactly what its header says.
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database, "File formats".
 */

#include "datasets/datasets_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#define MAX_DIMS   3
#define MAX_EXTENT 4096                /* side of an image */
#define MAX_BYTES  ((uint64_t)1 << 33) /* of one file, unpacked */
#define GZIP_RATIO 1032 /* deflate packs at most so many bytes into one */
#define FIRST_ROOM ((size_t)1 << 20)

/* The bytes of one file, and what its header says of them. */
struct block {
    int dims, extent[MAX_DIMS];
    uint8_t *bytes; /* owned */
    size_t size;
};

/* A file while it is read. */
struct source {
    gzFile f;
    const char *path;
    int64_t on_disk;
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Reads up to `want` bytes; *got < want only where the file ends. */
static sn_status read_bytes(struct source *s, void *to, size_t want,
                            size_t *got, struct sn_error *err)
{
    *got = 0;
    while (*got < want) {
        const size_t piece = min_size(want - *got, (size_t)INT_MAX);
        const int n = gzread(s->f, (uint8_t *)to + *got, (unsigned)piece);
        if (n == 0)
            break;
        if (n < 0) {
            int code;
            const char *why = gzerror(s->f, &code);
            return sn_fail(err, SN_ERR_INPUT, "%s: cannot be read: %s", s->path,
                           code == Z_ERRNO ? strerror(errno) : why);
        }
        *got += (size_t)n;
    }
    return SN_OK;
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           (uint32_t)b[3];
}

static sn_status read_header(struct block *b, struct source *s,
                             struct sn_error *err)
{
    uint8_t header[4 + 4 * MAX_DIMS];
    const size_t length = 4 + 4 * (size_t)b->dims;
    size_t got;
    SN_TRY(read_bytes(s, header, length, &got, err));
    if (got < length)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: ends after %zu bytes, inside its header of %zu",
                       s->path, got, length);

    const uint32_t magic = big_endian(header);
    const uint32_t expected = 0x800u + (uint32_t)b->dims;
    if (magic != expected)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: begins with 0x%08x, expected 0x%08x, the mark of "
                       "an IDX file of %s",
                       s->path, magic, expected,
                       b->dims == 1 ? "labels" : "images");

    uint64_t size = 1;
    for (int i = 0; i < b->dims; i++) {
        const uint32_t extent = big_endian(header + 4 + 4 * i);
        const uint32_t most = i == 0 ? INT_MAX : MAX_EXTENT;
        if (extent < 1 || extent > most)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: dimension %d is %u, expected 1 to %u", s->path,
                           i + 1, extent, most);
        b->extent[i] = (int)extent;
        size *= extent; /* below 2^31 * 2^12 * 2^12 */
    }
    if (size > MAX_BYTES)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: its header speaks of %llu bytes, more than the "
                       "%llu this reader takes",
                       s->path, (unsigned long long)size,
                       (unsigned long long)MAX_BYTES);
    b->size = (size_t)size;
    return SN_OK;
}

/* What the header says against what the file on disk can hold. */
static sn_status check_claim(const struct block *b, const struct source *s,
                             struct sn_error *err)
{
    const uint64_t whole = 4 + 4 * (uint64_t)b->dims + b->size;
    const uint64_t there = (uint64_t)s->on_disk;
    if (gzdirect(s->f) && there != whole)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: holds %llu bytes, expected %llu by its header",
                       s->path, (unsigned long long)there,
                       (unsigned long long)whole);
    if (whole / GZIP_RATIO > there)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: its header speaks of %llu bytes, which cannot be "
                       "packed into the %llu of this file",
                       s->path, (unsigned long long)whole,
                       (unsigned long long)there);
    return SN_OK;
}

static sn_status read_payload(struct block *b, struct source *s,
                              struct sn_error *err)
{
    size_t have = 0, room = 0;
    while (have < b->size) {
        if (have == room) {
            room = min_size(b->size, room ? 2 * room : FIRST_ROOM);
            uint8_t *more = realloc(b->bytes, room);
            if (!more)
                return sn_fail(err, SN_ERR_MEMORY,
                               "%s: no memory for its %zu bytes", s->path,
                               b->size);
            b->bytes = more;
        }
        size_t got;
        SN_TRY(read_bytes(s, b->bytes + have, room - have, &got, err));
        have += got;
        if (have < room)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: ends after %zu bytes of data, expected %zu by "
                           "its header",
                           s->path, have, b->size);
    }

    uint8_t extra;
    size_t got; /* reading on also checks the checksum of a packed file */
    int code;
    SN_TRY(read_bytes(s, &extra, 1, &got, err));
    (void)gzerror(s->f, &code);
    if (code == Z_BUF_ERROR)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is cut off: the checksum at its end is missing",
                       s->path);
    if (got)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: goes on after the %zu bytes of data that its "
                       "header speaks of",
                       s->path, b->size);
    return SN_OK;
}

/* Reads the file of `dims` dimensions at `path`; *b comes with bytes NULL. */
static sn_status read_block(struct block *b, int dims, const char *path,
                            struct sn_error *err)
{
    struct source s = {.path = path};
    SN_TRY(sn_file_size(path, &s.on_disk, err));
    s.f = gzopen(path, "rb");
    if (!s.f)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", path, strerror(errno));
    b->dims = dims;
    sn_status rc = read_header(b, &s, err);
    if (rc == SN_OK)
        rc = check_claim(b, &s, err);
    if (rc == SN_OK)
        rc = read_payload(b, &s, err);
    gzclose_r(s.f); /* its status says nothing that reading did not */
    return rc;
}

/* The file of `part` ("train", "t10k") and `kind` in whichever of the four
 * spellings there is: train-images-idx3-ubyte, train-images.idx3-ubyte, .gz. */
static sn_status find_file(char path[SN_DATA_PATH], const char *dir,
                           const char *part, const char *kind, int dims,
                           struct sn_error *err)
{
    for (int i = 0; i < 4; i++) {
        struct stat st;
        snprintf(path, SN_DATA_PATH, "%s/%s-%s%cidx%d-ubyte%s", dir, part, kind,
                 i & 2 ? '.' : '-', dims, i & 1 ? ".gz" : "");
        if (stat(path, &st) == 0)
            return SN_OK;
        if (errno != ENOENT)
            return sn_fail(err, SN_ERR_INPUT, "%s: %s", path, strerror(errno));
    }
    char name[64];
    snprintf(name, sizeof name, "%s-%s-idx%d-ubyte[.gz]", part, kind, dims);
    return sn_folder_lacks(dir, name, "fashion-mnist", err);
}

/* Reads the two files of one part into *images.  labels_path becomes the name
 * of the labels' file, for messages about labels. */
static sn_status read_part(struct sn_images *images, const char *dir,
                           const char *part, char labels_path[SN_DATA_PATH],
                           struct sn_error *err)
{
    char path[SN_DATA_PATH];
    struct block pictures = {0}, labels = {0};
    sn_status rc = find_file(path, dir, part, "images", 3, err);
    if (rc == SN_OK)
        rc = find_file(labels_path, dir, part, "labels", 1, err);
    if (rc == SN_OK)
        rc = read_block(&pictures, 3, path, err);
    if (rc == SN_OK)
        rc = read_block(&labels, 1, labels_path, err);
    if (rc == SN_OK && labels.extent[0] != pictures.extent[0])
        rc = sn_fail(err, SN_ERR_INPUT,
                     "%s: holds %d labels, expected %d: one for each image "
                     "of %s",
                     labels_path, labels.extent[0], pictures.extent[0], path);
    if (rc == SN_OK) {
        images->labels = malloc(labels.size * sizeof *images->labels);
        if (!images->labels)
            rc = sn_fail(err, SN_ERR_MEMORY, "%s: no memory for %zu labels",
                         labels_path, labels.size);
    }
    if (rc == SN_OK) {
        for (size_t i = 0; i < labels.size; i++)
            images->labels[i] = labels.bytes[i];
        images->n = pictures.extent[0];
        images->h = pictures.extent[1];
        images->w = pictures.extent[2];
        images->c = 1;
        images->pixels = pictures.bytes;
        pictures.bytes = NULL; /* they belong to the images now */
    }
    free(pictures.bytes);
    free(labels.bytes);
    return rc;
}

/* One more than the largest label of the training set. */
static int count_classes(const struct sn_images *images)
{
    int largest = 0;
    for (int i = 0; i < images->n; i++)
        if (images->labels[i] > largest)
            largest = images->labels[i];
    return largest + 1;
}

/* Class names from classes.txt where there is one, else numbers. */
static sn_status name_classes(struct sn_dataset *set, const char *dir,
                              const char *labels_path, struct sn_error *err)
{
    int named;
    SN_TRY(
        sn_class_names_read(set->class_name, &named, dir, "classes.txt", err));
    if (named && named < set->classes)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: a label is %d, but %s/classes.txt names only %d "
                       "classes",
                       labels_path, set->classes - 1, dir, named);
    if (named)
        set->classes = named;
    if (set->classes < 2)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: every label is 0, expected two classes or more",
                       labels_path);
    if (!named)
        sn_class_names_number(set);
    return SN_OK;
}

sn_status sn_idx_read(struct sn_dataset *set, const struct sn_data_options *o,
                      uint64_t seed, struct sn_error *err)
{
    char train_labels[SN_DATA_PATH], test_labels[SN_DATA_PATH];
    (void)seed; /* nothing is drawn */
    SN_TRY(sn_folder_check(o->path, "fashion-mnist", err));
    SN_TRY(read_part(&set->train, o->path, "train", train_labels, err));
    set->classes = count_classes(&set->train);
    SN_TRY(name_classes(set, o->path, train_labels, err));

    SN_TRY(read_part(&set->test, o->path, "t10k", test_labels, err));
    for (int i = 0; i < set->test.n; i++)
        if (set->test.labels[i] >= set->classes)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: label %d of image %d, expected 0 to %d as in "
                           "the training set",
                           test_labels, set->test.labels[i], i,
                           set->classes - 1);
    if (set->test.h != set->train.h || set->test.w != set->train.w)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the test images are %dx%d, expected %dx%d as in "
                       "the training set",
                       o->path, set->test.h, set->test.w, set->train.h,
                       set->train.w);
    return SN_OK;
}
