#ifndef SN_TESTS_DATASETS_OWN_IMAGES_H
#define SN_TESTS_DATASETS_OWN_IMAGES_H

/* Small sets of picture files, and what the tests of folders, lists and stores
 * do with all of them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "datasets/datasets_internal.h"
#include "datasets/image.h"
#include "datasets/store.h"

static struct sn_error err;

/* check_dir()/name, new, with its parents. */
static inline const char *folder(const char *name)
{
    const char *path = check_path(name);
    check_ok(sn_dir_make(path, &err), &err);
    return path;
}

/* A picture of one grey level with a mark that makes it unlike any other; its
 * folder is made. */
static inline void picture(const char *dir, const char *name, int mark, int h,
                           int w)
{
    char path[4096], at[4096];
    uint8_t *pixels = malloc((size_t)(h * w * 3));
    for (int i = 0; i < h * w * 3; i++)
        pixels[i] = (uint8_t)(20 + mark % 200 + i % 7);
    pixels[0] = (uint8_t)(mark / 200);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(at, sizeof at, "%.*s", (int)(strrchr(path, '/') - path), path);
    check_ok(sn_dir_make(at, &err), &err);
    check_ok(sn_image_write(path, pixels, h, w, SN_IMAGE_PNG, &err), &err);
    free(pixels);
}

/* A file that is no picture. */
static inline void junk(const char *dir, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    check_ok(sn_file_write(path, text, strlen(text), &err), &err);
}

/* Classes cat (n images), dog (n + 1) and owl (n + 2) in dir/part. */
static inline void fill(const char *dir, const char *part, int n, int mark)
{
    static const char *const classes[] = {"cat", "dog", "owl"};
    char name[256];
    for (int ic = 0; ic < 3; ic++)
        for (int i = 0; i < n + ic; i++) {
            snprintf(name, sizeof name, "%s%s%s/%03d.png", part,
                     part[0] ? "/" : "", classes[ic], i);
            picture(dir, name, mark++, 10 + ic, 12);
        }
}

/* Classes a and b in dir/part, n different pictures each. */
static inline void fill_two(const char *dir, const char *part, int n, int mark)
{
    char name[256];
    for (int i = 0; i < 2 * n; i++) {
        snprintf(name, sizeof name, "%s%s%c/%03d.png", part, part[0] ? "/" : "",
                 i % 2 ? 'b' : 'a', i);
        picture(dir, name, mark + i, 9, 9);
    }
}

/* Classes of train and test with four images that cannot be read. */
static inline const char *spoilt_set(const char *name)
{
    const char *dir = folder(name);
    fill(dir, "train", 4, 0);
    fill(dir, "test", 2, 50);
    junk(dir, "train/dog/bad.jpg", "no picture at all");
    junk(dir, "train/owl/empty.png", "");
    char path[4096];
    snprintf(path, sizeof path, "%s/train/owl/gone.png", dir);
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(path, sizeof path, "%s/test/cat/pipe.jpg", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    return dir;
}

/* A list in check_dir(), beside pictures l/0.png to l/7.png. */
static inline const char *list_of(const char *name, const char *text)
{
    for (int i = 0; i < 8; i++) {
        char file[32];
        snprintf(file, sizeof file, "l/%d.png", i);
        picture(check_dir(), file, i, 9, 9);
    }
    return check_write_text(name, text);
}

static inline struct sn_data_options options(int set, const char *path)
{
    struct sn_data_options o;
    sn_option_defaults(&sn_data_table, &o);
    o.set = set;
    o.size = 8;
    o.cache = SN_CACHE_RAM;
    snprintf(o.path, sizeof o.path, "%s", path);
    return o;
}

static inline struct sn_dataset *opened(const struct sn_data_options *o)
{
    struct sn_dataset *set = calloc(1, sizeof *set);
    check_ok(sn_dataset_open(set, o, 1, &err), &err);
    return set;
}

static inline void closed(struct sn_dataset *set)
{
    sn_dataset_release(set);
    free(set);
}

/* Opening the set is refused so. */
static inline void set_fails(const struct sn_data_options *o, sn_status code,
                             const char *text)
{
    static struct sn_dataset set;
    check_fails(sn_dataset_open(&set, o, 1, &err), &err, code, text);
    assert_null(set.store);
}

#endif
