/* Section [data]: its options, and the way from them to images in memory.
 *
 * A kind of set is one reader (one file of this room), one row of `readers`
 * and its name in `set_names`; README.md tells how to add one. */

#include "datasets/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "datasets/datasets_internal.h"
#include "datasets/store.h"

static const struct sn_option_name set_names[] = {
    {"scenes", SN_DATA_SCENES},
    {"idx", SN_DATA_IDX},
    {"cifar10", SN_DATA_CIFAR10},
    {"cifar100", SN_DATA_CIFAR100},
    {"folder", SN_DATA_FOLDER},
    {"list", SN_DATA_LIST},
    {NULL, 0},
};

static const struct sn_option_name fit_names[] = {
    {"crop", SN_FIT_CROP},
    {"pad", SN_FIT_PAD},
    {"stretch", SN_FIT_STRETCH},
    {NULL, 0},
};

static const struct sn_option_name cache_names[] = {
    {"auto", SN_CACHE_AUTO},
    {"ram", SN_CACHE_RAM},
    {"disk", SN_CACHE_DISK},
    {"off", SN_CACHE_OFF},
    {NULL, 0},
};

static const struct reader {
    sn_reader_fn *read;
    bool from_files; /* needs `path` */
} readers[] = {
    [SN_DATA_SCENES] = {sn_scenes_read, false},
    [SN_DATA_IDX] = {sn_idx_read, true},
    [SN_DATA_CIFAR10] = {sn_cifar10_read, true},
    [SN_DATA_CIFAR100] = {sn_cifar100_read, true},
    [SN_DATA_FOLDER] = {sn_photos_read, true},
    [SN_DATA_LIST] = {sn_photos_read, true},
};

#define FIELD(f) offsetof(struct sn_data_options, f)

/* clang-format off */
static const struct sn_option rows[] = {
    {.key = "set", .type = SN_OPT_NAME, .offset = FIELD(set),
     .fallback = "scenes", .min = 1, .max = 0, .names = set_names, .unit = "",
     .help = "the images: drawn by the program, or a format of files"},
    {.key = "path", .type = SN_OPT_PATH, .offset = FIELD(path),
     .fallback = "", .min = 1, .max = 0, .unit = "",
     .help = "folder of the files, or the file of list; scenes has none"},
    {.key = "size", .type = SN_OPT_INT, .offset = FIELD(size),
     .fallback = "32", .min = SN_SIDE_MIN, .max = SN_SIDE_MAX,
     .unit = "pixels",
     .help = "side of the images the network sees; smaller ones are padded, "
             "larger ones scaled down"},
    {.key = "val", .type = SN_OPT_REAL, .offset = FIELD(val),
     .fallback = "0.1", .min = 0, .max = 0.5, .unit = "",
     .help = "share of the training images kept out of all training"},
    {.key = "augment", .type = SN_OPT_AUGMENT, .offset = FIELD(augment),
     .fallback = "none", .min = 1, .max = 0, .unit = "",
     .help = "none, or any of: flip, translate:PIXELS, cutout:PIXELS"},
    {.key = "fit", .type = SN_OPT_NAME, .offset = FIELD(fit),
     .fallback = "crop", .min = 1, .max = 0, .names = fit_names, .unit = "",
     .help = "folder, list: the middle of a picture, all of it with padding, "
             "or all of it out of shape"},
    {.key = "cache", .type = SN_OPT_NAME, .offset = FIELD(cache),
     .fallback = "auto", .min = 1, .max = 0, .names = cache_names,
     .unit = "",
     .help = "folder, list: where decoded images are kept; changes no bit of "
             "the result"},
    {.key = "skip_bad", .type = SN_OPT_BOOL, .offset = FIELD(skip_bad),
     .fallback = "no", .min = 1, .max = 0, .unit = "",
     .help = "folder, list: leaves out images that cannot be read, instead of "
             "refusing to train"},
    {.key = "test_share", .type = SN_OPT_REAL, .offset = FIELD(test_share),
     .fallback = "0.1", .min = 0.001, .max = 0.5, .unit = "",
     .help = "folder, list: share of each class set aside for testing, where "
             "the set has no test images"},
    {.key = "train", .type = SN_OPT_INT, .offset = FIELD(scenes_train),
     .fallback = "6000", .min = 2 * SN_SCENE_CLASSES, .max = 1e6,
     .unit = "images",
     .help = "how many training images scenes draws; files have their own "
             "number"},
    {.key = "test", .type = SN_OPT_INT, .offset = FIELD(scenes_test),
     .fallback = "2000", .min = 2 * SN_SCENE_CLASSES, .max = 1e6,
     .unit = "images", .help = "how many test images scenes draws"},
};
/* clang-format on */

const struct sn_option_table sn_data_table = {
    .section = "data",
    .help = "the images to learn from",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

static const char *set_name(int set)
{
    for (const struct sn_option_name *n = set_names; n->name; n++)
        if (n->value == set)
            return n->name;
    return NULL;
}

sn_status sn_data_options_check(const struct sn_data_options *o,
                                struct sn_error *err)
{
    const char *name = set_name(o->set);
    struct sn_error part;
    sn_status rc = SN_OK;
    SN_CHECK(name); /* the option table lets nothing else through */
    if (readers[o->set].from_files && !o->path[0])
        rc = sn_fail_more(err, SN_ERR_CONFIG,
                          "[data] path: set = %s needs the %s", name,
                          o->set == SN_DATA_LIST ? "CSV file that lists them"
                                                 : "folder of its files");
    if (!sn_text_is_plain(o->path)) {
        char shown[4 * SN_TEXT_MAX];
        rc = sn_fail_more(err, SN_ERR_CONFIG,
                          "[data] path: '%s' is not text, expected UTF-8 "
                          "without control characters",
                          sn_text_shown(shown, sizeof shown, o->path));
    }
    if (o->size < SN_SIDE_MIN || o->size > SN_SIDE_MAX)
        rc = sn_fail_more(err, SN_ERR_CONFIG,
                          "[data] size: %d is out of range, expected %d to %d",
                          o->size, SN_SIDE_MIN, SN_SIDE_MAX);
    if (o->set == SN_DATA_SCENES && o->size < SN_SCENE_SIDE_MIN)
        rc = sn_fail_more(err, SN_ERR_CONFIG,
                          "[data] size: set = scenes cannot be drawn at %d "
                          "pixels, expected %d or more",
                          o->size, SN_SCENE_SIDE_MIN);

    struct sn_augment a;
    if (sn_augment_parse(&a, o->augment, &part) != SN_OK)
        rc = sn_fail_more(err, SN_ERR_CONFIG, "[data] augment: %s", part.text);
    else if (sn_augment_check(&a, o->size, &part) != SN_OK)
        rc = sn_fail_more(err, SN_ERR_CONFIG, "[data] augment: %s", part.text);
    return rc;
}

sn_status sn_images_alloc(struct sn_images *images, int n, int h, int w, int c,
                          struct sn_error *err)
{
    const size_t size = (size_t)h * (size_t)w * (size_t)c; /* far below 2^64 */
    const bool fits = size <= PTRDIFF_MAX / (size_t)n;
    images->pixels = fits ? malloc((size_t)n * size) : NULL;
    images->labels = malloc((size_t)n * sizeof *images->labels);
    if (!images->pixels || !images->labels)
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for %d images of %dx%dx%d (%.0f MiB)", n, h,
                       w, c, (double)n * (double)size / 0x1p20);
    images->n = n;
    images->h = h;
    images->w = w;
    images->c = c;
    return SN_OK;
}

void sn_images_release(struct sn_images *images)
{
    if (!images->store)
        free(images->pixels);
    free(images->labels);
    free(images->masks);
    free(images->boxes);
    free(images->first_box);
    *images = (struct sn_images){0};
}

void sn_dataset_normalise(struct sn_dataset *set, int ic,
                          const uint64_t count[256])
{
    uint64_t pixels = 0, sum = 0, squares = 0;
    for (uint64_t v = 0; v < 256; v++) {
        pixels += count[v];
        sum += v * count[v];
        squares += v * v * count[v];
    }
    const double mean = (double)sum / (double)pixels;
    const double variance = (double)squares / (double)pixels - mean * mean;
    /* a channel that never changes is left in its scale */
    const double deviation = variance > 1e-6 ? sqrt(variance) : 255.0;
    set->mean[ic] = (float)(mean / 255.0);
    set->deviation[ic] = (float)(deviation / 255.0);
}

/* Mean and deviation of each channel of images in memory. */
static void measure(struct sn_dataset *set)
{
    const struct sn_images *im = &set->train;
    const size_t pixels = (size_t)im->n * (size_t)im->h * (size_t)im->w;
    for (int ic = 0; ic < im->c; ic++) {
        uint64_t count[256] = {0};
        for (size_t ip = 0; ip < pixels; ip++)
            count[im->pixels[ip * (size_t)im->c + (size_t)ic]]++;
        sn_dataset_normalise(set, ic, count);
    }
}

sn_status sn_dataset_open(struct sn_dataset *set,
                          const struct sn_data_options *o, uint64_t seed,
                          struct sn_error *err)
{
    return sn_dataset_open_watched(set, o, seed, NULL, err);
}

sn_status sn_dataset_open_watched(struct sn_dataset *set,
                                  const struct sn_data_options *o,
                                  uint64_t seed, const struct sn_watch *watch,
                                  struct sn_error *err)
{
    struct sn_error faults = {0};
    if (sn_data_options_check(o, &faults) != SN_OK)
        return sn_fail(err, SN_ERR_CONFIG, "%s", faults.text);

    struct sn_dataset found = {.watch = watch};
    snprintf(found.name, sizeof found.name, "%s", set_name(o->set));
    const sn_status rc = readers[o->set].read(&found, o, seed, err);
    if (rc == SN_OK) {
        if (!found.store) /* a store counts while it decodes */
            measure(&found);
        found.watch = NULL;
        *set = found; /* only now: a failed open leaves `set` as it was */
    } else {
        sn_dataset_release(&found);
    }
    return rc;
}

static size_t image_bytes(const struct sn_images *im)
{
    const size_t pixels = (size_t)im->n * (size_t)im->h * (size_t)im->w;
    const size_t own = im->store ? 0 : pixels * (size_t)im->c;
    return own + (im->masks ? pixels : 0) + (size_t)im->n * sizeof *im->labels;
}

size_t sn_dataset_bytes(const struct sn_dataset *set)
{
    return image_bytes(&set->train) + image_bytes(&set->test) +
           (set->store ? sn_store_bytes(set->store) : 0);
}

void sn_dataset_release(struct sn_dataset *set)
{
    sn_images_release(&set->train);
    sn_images_release(&set->test);
    sn_store_close(set->store);
    set->store = NULL;
}
