#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <omp.h>

#include "base/file.h"
#include "datasets/datasets_internal.h"
#include "datasets/inspect.h"
#include "datasets/store.h"
#include "datasets/write.h"

/* Images of one's own: class folders and lists, what is made of them, where
 * they are kept, and what is said of those that are no good. */

static struct sn_error err;

/* ---- making sets ---- */

/* check_dir()/name, new, with its parents. */
static const char *folder(const char *name)
{
    const char *path = check_path(name);
    check_ok(sn_dir_make(path, &err), &err);
    return path;
}

/* A picture of one grey level with a mark that makes it unlike any other. */
static void picture(const char *dir, const char *name, int mark, int h, int w)
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

static void junk(const char *dir, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    check_ok(sn_file_write(path, text, strlen(text), &err), &err);
}

/* Classes cat (n images), dog (n + 1) and owl (n + 2) in dir/part. */
static void fill(const char *dir, const char *part, int n, int mark)
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

static struct sn_data_options options(int set, const char *path)
{
    struct sn_data_options o;
    sn_option_defaults(&sn_data_table, &o);
    o.set = set;
    o.size = 8;
    o.cache = SN_CACHE_RAM;
    snprintf(o.path, sizeof o.path, "%s", path);
    return o;
}

static struct sn_dataset *opened(const struct sn_data_options *o)
{
    struct sn_dataset *set = calloc(1, sizeof *set);
    check_ok(sn_dataset_open(set, o, 1, &err), &err);
    return set;
}

static void closed(struct sn_dataset *set)
{
    sn_dataset_release(set);
    free(set);
}

static void set_fails(const struct sn_data_options *o, sn_status code,
                      const char *text)
{
    static struct sn_dataset set;
    check_fails(sn_dataset_open(&set, o, 1, &err), &err, code, text);
    assert_null(set.store);
}

/* ---- folders ---- */

static void classes_alone_are_divided(void **state)
{
    (void)state;
    const char *dir = folder("plain");
    fill(dir, "", 20, 0);
    picture(dir, "owl/deeper/still/x.PNG", 999, 9, 9);
    picture(dir, ".hidden/x.png", 1000, 9, 9);
    picture(dir, "cat/.x.png", 1001, 9, 9);
    picture(dir, "stray.png", 1002, 9, 9);
    junk(dir, "notes.txt", "x");
    junk(dir, "cat/Thumbs.db", "x");
    const struct sn_data_options o = options(SN_DATA_FOLDER, dir);
    struct sn_dataset *set = opened(&o);
    assert_int_equal(set->classes, 3);
    assert_string_equal(set->class_name[0], "cat");
    assert_string_equal(set->class_name[2], "owl");
    assert_int_equal(set->test.n, 2 + 2 + 2);
    assert_int_equal(set->train.n, 20 + 21 + 23 - 6);
    assert_int_equal(set->own_val, 0);
    assert_int_equal(set->train.h, 8);
    assert_int_equal(set->train.c, 3);
    assert_string_equal(
        set->found, "train 58 (no parts of its own), test 6 set aside; 1 "
                    "image of no class, not used; 2 other files (Thumbs.db); "
                    "in memory");
    /* what is set aside is so for every seed */
    struct sn_dataset *other = calloc(1, sizeof *other);
    check_ok(sn_dataset_open(other, &o, 77, &err), &err);
    check_same(other->test.pixels, set->test.pixels, 6 * 8 * 8 * 3, "test");
    closed(other);
    closed(set);
}

static void parts_are_taken_as_they_are(void **state)
{
    (void)state;
    static const char *const val[] = {"val", "valid", "Validation"};
    for (int iv = 0; iv < 3; iv++) {
        char name[32];
        snprintf(name, sizeof name, "parts%d", iv);
        const char *dir = folder(name);
        fill(dir, "train", 5, 0);
        fill(dir, val[iv], 2, 100);
        fill(dir, "test", 3, 200);
        picture(dir, "rest/y.png", 300, 9, 9);
        struct sn_data_options o = options(SN_DATA_FOLDER, dir);
        struct sn_dataset *set = opened(&o);
        struct sn_split split;
        assert_int_equal(set->train.n, 18 + 9);
        assert_int_equal(set->own_val, 9);
        assert_int_equal(set->test.n, 12);
        assert_non_null(strstr(set->found, val[iv]));
        check_ok(sn_split_make(&split, set, 0.3, 0.2, 1, &err), &err);
        assert_int_equal(split.n_val, 9);
        assert_int_equal(split.val[0], 18);
        assert_int_equal(split.n_full, 18);
        assert_int_equal(split.n_arch, 1 + 1 + 1);
        sn_split_release(&split);
        closed(set);
    }
}

/* Mean and deviation are those of the training pixels: not of val or test. */
static void statistics_are_of_training_alone(void **state)
{
    (void)state;
    const char *dir = folder("stats");
    fill(dir, "train", 2, 0);
    struct sn_data_options o = options(SN_DATA_FOLDER, dir);
    o.test_share = 0.001;
    fill(dir, "test", 1, 0);
    struct sn_dataset *plain = opened(&o);
    fill(dir, "val", 2, 150);
    struct sn_dataset *with_val = opened(&o);
    assert_true(plain->mean[0] == with_val->mean[0]);
    assert_true(plain->deviation[2] == with_val->deviation[2]);
    double sum = 0;
    const int n = plain->train.n * 64;
    for (int i = 0; i < n; i++)
        sum += plain->train.pixels[3 * i];
    assert_true(fabs(sum / n / 255 - (double)plain->mean[0]) < 1e-6);
    closed(plain);
    closed(with_val);
}

static void folder_faults_are_told(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("f0"));
    set_fails(&o, SN_ERR_INPUT,
              "f0: holds 0 folders, expected at least 2: one "
              "for each class");
    picture(o.path, "one/x.png", 1, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "f0: holds 1 folder, expected at least 2");
    snprintf(o.path, sizeof o.path, "%s/nix", check_dir());
    set_fails(&o, SN_ERR_INPUT, "[data] path: there is no folder ");
    assert_null(strstr(err.text, "fetch"));

    o = options(SN_DATA_FOLDER, folder("f1"));
    fill(o.path, "val", 1, 0);
    set_fails(&o, SN_ERR_INPUT, "f1: has a folder val but none named train");
    fill(o.path, "train", 2, 0);
    fill(o.path, "valid", 1, 0);
    set_fails(&o, SN_ERR_INPUT,
              "f1: has a folder val and a folder valid, expected one of them");

    o = options(SN_DATA_FOLDER, folder("f2"));
    fill(o.path, "train", 2, 0);
    picture(o.path, "test/catt/x.png", 1, 9, 9);
    set_fails(&o, SN_ERR_INPUT,
              "f2/test/catt: a class that train does not "
              "have; did you mean 'cat'?");

    o = options(SN_DATA_FOLDER, folder("f3"));
    fill(o.path, "", 3, 0);
    folder("f3/empty");
    set_fails(&o, SN_ERR_INPUT, "f3: class empty has no training images");

    o = options(SN_DATA_FOLDER, folder("f4"));
    picture(o.path, "a/x.png", 1, 9, 9);
    picture(o.path, "b/x.png", 2, 9, 9);
    set_fails(&o, SN_ERR_INPUT,
              "f4: there are no test images, and no class "
              "has two different images to set one aside");

    o = options(SN_DATA_FOLDER, folder("f5"));
    fill(o.path, "", 2, 0);
    folder("f5/this class has a name that no table and no label will ever want "
           "to show");
    set_fails(&o, SN_ERR_INPUT,
              ": a class name of 71 bytes, expected at most "
              "63");
}

static void links_that_go_round_end(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("round"));
    fill(o.path, "", 2, 0);
    char link[4096];
    snprintf(link, sizeof link, "%s/cat/again", o.path);
    assert_int_equal(symlink("..", link), 0);
    set_fails(&o, SN_ERR_INPUT,
              "more than 16 folders within each other, or a "
              "link that goes round");
}

/* ---- lists ---- */

static const char *list_of(const char *name, const char *text)
{
    for (int i = 0; i < 8; i++) {
        char file[32];
        snprintf(file, sizeof file, "l/%d.png", i);
        picture(check_dir(), file, i, 9, 9);
    }
    return check_write_text(name, text);
}

static void lists_are_read(void **state)
{
    (void)state;
    const char *path =
        list_of("full.csv", "\xef\xbb\xbfsplit,comment,Label,path\r\n"
                            "train,\"a, \"\"b\"\"\",10,l/0.png\r\n"
                            ",,9,l/1.png\n"
                            "\n"
                            "validation,, 9 ,\"l/2.png\"\n"
                            "TEST,x,10,l/3.png\n"
                            "train,x,,l/4.png");
    const struct sn_data_options o = options(SN_DATA_LIST, path);
    struct sn_dataset *set = opened(&o);
    assert_int_equal(set->classes, 2);
    assert_string_equal(set->class_name[0], "10"); /* by bytes */
    assert_string_equal(set->class_name[1], "9");
    assert_int_equal(set->train.n, 3);
    assert_int_equal(set->own_val, 1);
    assert_int_equal(set->test.n, 1);
    assert_int_equal(set->train.labels[0], 0);
    assert_int_equal(set->train.labels[1], 1);
    assert_int_equal(set->train.labels[2], 1);
    assert_non_null(strstr(set->found, "1 image of no class, not used"));
    closed(set);

    path = list_of("bare.csv", "l/0.png,a\nl/1.png,b\nl/2.png,a\nl/3.png,b\n");
    const struct sn_data_options bare = options(SN_DATA_LIST, path);
    set = opened(&bare);
    assert_int_equal(set->train.n, 2);
    assert_int_equal(set->test.n, 2);
    closed(set);
}

static void list_faults_are_told_all(void **state)
{
    (void)state;
    const char *path = list_of("bad.csv", "path,label,split\n"
                                          "l/0.png\n"
                                          ",a,train\n"
                                          "l/1.png,a,trian\n"
                                          "\"l/2.png\"x,b,test\n"
                                          "l/3.png,b,\"test\n");
    struct sn_data_options o = options(SN_DATA_LIST, path);
    static struct sn_dataset set;
    const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
    assert_int_equal(rc, SN_ERR_INPUT);
    static const char *const lines[] = {
        "bad.csv:2: expected a path, a comma and a label\n",
        "bad.csv:3: expected a path, a comma and a label\n",
        "bad.csv:4: expected train, val or test as the split, found 'trian'\n",
        "bad.csv:5: text behind a closing quote\n",
        "bad.csv:6: a quote that does not end"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_non_null(strstr(err.text, lines[i]));

    o = options(SN_DATA_LIST, list_of("one.csv", "l/0.png,a\n"));
    set_fails(&o, SN_ERR_INPUT, "one.csv: names 1 class, expected at least 2");
    o = options(SN_DATA_LIST,
                list_of("long.csv", "l/0.png,0123456789012345678901234567890"
                                    "123456789012345678901234567890123\n"));
    set_fails(&o, SN_ERR_INPUT,
              "long.csv:1: the label is too long, expected "
              "at most 63 bytes: '0123456");
    o = options(SN_DATA_LIST, check_write("zero.csv", "a\0b,c\n", 6));
    set_fails(&o, SN_ERR_INPUT, "zero.csv: holds a zero byte, expected text");
    o = options(SN_DATA_LIST, check_path("none.csv"));
    set_fails(&o, SN_ERR_INPUT, "none.csv");
    o = options(SN_DATA_LIST, "");
    set_fails(&o, SN_ERR_CONFIG,
              "[data] path: set = list needs the CSV file that lists them");
}

/* ---- bad images ---- */

static const char *spoilt_set(const char *name)
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

static void bad_images_are_all_listed(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, spoilt_set("spoilt"));
    static struct sn_dataset refused;
    const sn_status rc = sn_dataset_open(&refused, &o, 1, &err);
    assert_int_equal(rc, SN_ERR_INPUT);
    static const char *const lines[] = {
        "4 of 28 images cannot be used; `skip_bad = yes` leaves them out",
        "/train/dog/bad.jpg: is no JPEG, PNG or BMP file",
        "/train/owl/empty.png: the file is empty",
        "/train/owl/gone.png: No such file",
        "/test/cat/pipe.jpg: is a pipe or a device, expected a file"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_non_null(strstr(err.text, lines[i]));

    o.skip_bad = true;
    struct sn_dataset *set = opened(&o);
    assert_int_equal(set->train.n, 15);
    assert_int_equal(set->test.n, 9);
    assert_non_null(strstr(set->found, "; 4 bad images left out; in memory"));

    /* the others are what they are without the bad ones beside them */
    const char *clean = folder("clean");
    fill(clean, "train", 4, 0);
    fill(clean, "test", 2, 50);
    const struct sn_data_options c = options(SN_DATA_FOLDER, clean);
    struct sn_dataset *want = opened(&c);
    check_same(set->train.pixels, want->train.pixels, 15 * 8 * 8 * 3, "train");
    check_same(set->test.pixels, want->test.pixels, 9 * 8 * 8 * 3, "test");
    check_same(set->mean, want->mean, sizeof set->mean, "mean");
    closed(want);
    closed(set);
}

/* ---- caches ---- */

/* A training batch of the set under `cache`, moved and mirrored. */
static void batch_of(float *x, int *labels, const struct sn_data_options *o,
                     int cache, const char *said)
{
    struct sn_data_options own = *o;
    own.cache = cache;
    own.skip_bad = true;
    struct sn_dataset *set = opened(&own);
    struct sn_loader l;
    const struct sn_augment augment = {1, 2, 3};
    int index[15];
    for (int i = 0; i < 15; i++)
        index[i] = i;
    assert_non_null(strstr(set->found, said));
    assert_true((set->train.pixels == NULL) == (cache == SN_CACHE_OFF));
    check_ok(sn_loader_init(&l, set, &set->train, index, 15, 12, 8, 4, &augment,
                            1, 5, &err),
             &err);
    assert_int_equal(sn_loader_batch(&l, 3, 0, x, labels), 12);
    check_ok(sn_loader_status(&l, &err), &err);
    sn_loader_release(&l);
    closed(set);
}

enum { BATCH = 12 * 8 * 8 * 4 };

static void caches_change_no_bit(void **state)
{
    (void)state;
    static float want[BATCH], got[BATCH];
    int want_labels[12], labels[12];
    setenv("XDG_CACHE_HOME", folder("cache"), 1);
    struct sn_data_options o = options(SN_DATA_FOLDER, spoilt_set("cached"));
    for (int fit = SN_FIT_CROP; fit <= SN_FIT_STRETCH; fit++) {
        o.fit = fit;
        batch_of(want, want_labels, &o, SN_CACHE_RAM, "in memory");
        static const struct {
            int cache;
            const char *said;
        } ways[] = {{SN_CACHE_AUTO, "in memory"},
                    {SN_CACHE_DISK, "on disk"},
                    {SN_CACHE_DISK, "on disk, known from before"},
                    {SN_CACHE_OFF, "decoded when asked for"},
                    {SN_CACHE_OFF, "asked for, known from before"}};
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            memset(got, 0xff, sizeof got);
            omp_set_num_threads(1 + (int)i % 3);
            batch_of(got, labels, &o, ways[i].cache, ways[i].said);
            check_same(got, want, sizeof want, ways[i].said);
            check_same(labels, want_labels, sizeof labels, "labels");
        }
    }
    omp_set_num_threads(1);
}

/* The one file in the cache's folder. */
static const char *cache_file(const char *cache)
{
    static char path[4096];
    char command[4096];
    snprintf(command, sizeof command, "ls %s/supernet/*", cache);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(path, sizeof path, f));
    assert_null(fgets(command, sizeof command, f));
    pclose(f);
    path[strcspn(path, "\n")] = '\0';
    return path;
}

/* What is not the file that was written is made anew. */
static void spoilt_caches_are_not_used(void **state)
{
    (void)state;
    static float want[BATCH], got[BATCH];
    int labels[12];
    const char *cache = folder("cache2");
    setenv("XDG_CACHE_HOME", cache, 1);
    struct sn_data_options o = options(SN_DATA_FOLDER, spoilt_set("cached2"));
    batch_of(want, labels, &o, SN_CACHE_DISK, "on disk");
    const char *path = cache_file(cache);
    size_t n;
    const char *whole = check_read(path, &n);
    static const size_t cuts[] = {0, 7, 100, 5000};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        check_ok(sn_file_write(path, whole, cuts[i], &err), &err);
        batch_of(got, labels, &o, SN_CACHE_DISK, "on disk");
        check_same(got, want, sizeof want, "after a cut");
    }
    for (size_t at = 0; at < 40; at += 4) { /* the header, byte by byte */
        char *spoilt = malloc(n);
        memcpy(spoilt, whole, n);
        spoilt[at] = (char)(spoilt[at] + 1);
        check_ok(sn_file_write(path, spoilt, n, &err), &err);
        free(spoilt);
        batch_of(got, labels, &o, SN_CACHE_DISK, "on disk");
        check_same(got, want, sizeof want, "after damage");
    }
    /* a bad image that was left out once is refused without skip_bad */
    o.cache = SN_CACHE_DISK;
    set_fails(&o, SN_ERR_INPUT, "4 of 28 images cannot be used");
    /* a file that changed is read again */
    picture(o.path, "train/cat/000.png", 5000, 30, 9);
    batch_of(got, labels, &o, SN_CACHE_DISK, "on disk");
    assert_true(memcmp(got, want, sizeof want) != 0);
}

static void caches_need_a_place(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("placeless"));
    fill(o.path, "", 3, 0);
    o.cache = SN_CACHE_DISK;
    unsetenv("XDG_CACHE_HOME");
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
    unsetenv("HOME");
    set_fails(&o, SN_ERR_OUTPUT,
              "[data] cache: disk needs a folder: neither "
              "XDG_CACHE_HOME nor HOME names one");
    o.cache = SN_CACHE_OFF; /* which only loses time */
    closed(opened(&o));
    setenv("HOME", home, 1);
    free(home);
    o.cache = SN_CACHE_DISK;
    setenv("XDG_CACHE_HOME", check_write_text("file", "x"), 1);
    set_fails(&o, SN_ERR_OUTPUT, "folder cannot be made");
}

/* With cache = off an image may vanish while it is needed. */
static void vanished_images_are_told(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("vanish"));
    fill(o.path, "", 3, 0);
    o.cache = SN_CACHE_OFF;
    setenv("XDG_CACHE_HOME", folder("cache3"), 1);
    struct sn_dataset *set = opened(&o);
    struct sn_loader l;
    int index[] = {0, 1, 2, 3}, labels[4];
    float x[4 * 8 * 8 * 3];
    char path[SN_CATALOG_PATH];
    check_ok(sn_loader_init(&l, set, &set->train, index, 4, 4, 8, 3, NULL, 0, 0,
                            &err),
             &err);
    sn_loader_batch(&l, 0, 0, x, labels);
    check_ok(sn_loader_status(&l, &err), &err);
    sn_catalog_path(&set->store->catalog, 2, path);
    assert_int_equal(unlink(path), 0);
    sn_loader_batch(&l, 0, 0, x, labels);
    for (int i = 0; i < 8 * 8 * 3; i++)
        assert_true(x[2 * 8 * 8 * 3 + i] == 0);
    check_fails(sn_loader_status(&l, &err), &err, SN_ERR_INPUT, path);
    junk(o.path, "cat/back.txt", "");
    sn_loader_release(&l);
    closed(set);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *path = list_of("m.csv", "l/0.png,a\nl/1.png,b\nl/2.png,a\n"
                                        "l/3.png,b\n");
    const struct sn_data_options o = options(SN_DATA_LIST, path);
    omp_set_num_threads(1);
    for (int i = 0;; i++) {
        static struct sn_dataset set;
        check_fail_allocation(i);
        const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            sn_dataset_release(&set);
            break;
        }
        assert_int_equal(rc, SN_ERR_MEMORY);
        assert_null(set.store);
    }
}

/* ---- check ---- */

static int find(const struct sn_inspection *it, enum sn_finding_kind kind,
                const char *file)
{
    for (int i = 0; i < it->n; i++) {
        const struct sn_finding *f = &it->finding[i];
        if (f->kind == kind && f->entry >= 0 &&
            strcmp(it->catalog.names + it->catalog.entry[f->entry].name,
                   file) == 0)
            return i;
    }
    return -1;
}

static void check_finds_everything(void **state)
{
    (void)state;
    const char *dir = spoilt_set("findings");
    struct sn_data_options o = options(SN_DATA_FOLDER, dir);
    picture(dir, "train/cat/twin.png", 0, 10, 12);  /* cat/000 */
    picture(dir, "train/owl/other.png", 0, 10, 12); /* a cat as well */
    picture(dir, "test/cat/seen.png", 1, 10, 12);   /* cat/001 */
    picture(dir, "train/stray.png", 400, 9, 9);
    folder("findings/train/void");
    for (int i = 0; i < 60; i++) {
        char name[64];
        snprintf(name, sizeof name, "train/dog/more%d.png", i);
        picture(dir, name, 500 + i, 9, 20);
    }
    struct sn_inspection it;
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        check_ok(sn_inspect(&it, &o, &err), &err);
        assert_int_equal(it.count[SN_FIND_BROKEN], 4);
        assert_int_equal(it.count[SN_FIND_UNLABELLED], 1);
        assert_int_equal(it.count[SN_FIND_EMPTY], 1);
        assert_int_equal(it.count[SN_FIND_LEAK], 1);
        assert_int_equal(it.count[SN_FIND_CONFLICT], 1);
        assert_int_equal(it.count[SN_FIND_DOUBLE], 1);
        assert_int_equal(it.count[SN_FIND_FEW], 1); /* cat: 5 of 65 */
        assert_int_equal(it.count[SN_FIND_OTHER], 0);
        assert_int_equal(sn_inspection_errors(&it), 8);
        const int twin = find(&it, SN_FIND_DOUBLE, "train/cat/twin.png");
        assert_true(twin >= 0 && it.finding[twin].other >= 0);
        assert_true(find(&it, SN_FIND_LEAK, "test/cat/seen.png") >= 0);
        assert_true(find(&it, SN_FIND_CONFLICT, "train/owl/other.png") >= 0);
        assert_true(find(&it, SN_FIND_UNLABELLED, "train/stray.png") >= 0);
        const int bad = find(&it, SN_FIND_BROKEN, "train/dog/bad.jpg");
        assert_true(bad >= 0);
        assert_string_equal(it.finding[bad].text,
                            "is no JPEG, PNG or BMP file");
        assert_int_equal(it.w.most, 20);
        assert_int_equal(it.h.least, 9);
        sn_inspection_release(&it);
    }
    omp_set_num_threads(1);
}

/* ---- write ---- */

static void written_sets_are_read_back(void **state)
{
    (void)state;
    struct sn_data_options o;
    sn_option_defaults(&sn_data_table, &o);
    o.size = 16;
    o.scenes_train = 30;
    o.scenes_test = 20;
    struct sn_dataset *scenes = opened(&o);
    const char *dir = check_path("written");
    check_ok(sn_dataset_write(scenes, dir, SN_IMAGE_PNG, &err), &err);
    check_fails(sn_dataset_write(scenes, dir, SN_IMAGE_PNG, &err), &err,
                SN_ERR_OUTPUT,
                "written: is not empty; expected a new or an "
                "empty folder");
    struct sn_data_options f = options(SN_DATA_FOLDER, dir);
    f.size = 16;
    struct sn_dataset *set = opened(&f);
    assert_int_equal(set->classes, 10);
    assert_int_equal(set->train.n, 30);
    assert_int_equal(set->test.n, 20);
    for (int label = 0; label < 10; label++) /* the first of each class */
        for (int i = 0; i < 30; i++) {
            if (strcmp(scenes->class_name[scenes->train.labels[i]],
                       set->class_name[label]) != 0)
                continue;
            int to = 0;
            while (set->train.labels[to] != label)
                to++;
            check_same(set->train.pixels + (size_t)to * 16 * 16 * 3,
                       scenes->train.pixels + (size_t)i * 16 * 16 * 3,
                       16 * 16 * 3, "a picture");
            break;
        }
    closed(set);
    closed(scenes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_alone_are_divided),
        cmocka_unit_test(parts_are_taken_as_they_are),
        cmocka_unit_test(statistics_are_of_training_alone),
        cmocka_unit_test(folder_faults_are_told),
        cmocka_unit_test(links_that_go_round_end),
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(list_faults_are_told_all),
        cmocka_unit_test(bad_images_are_all_listed),
        cmocka_unit_test(caches_change_no_bit),
        cmocka_unit_test(spoilt_caches_are_not_used),
        cmocka_unit_test(caches_need_a_place),
        cmocka_unit_test(vanished_images_are_told),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(check_finds_everything),
        cmocka_unit_test(written_sets_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
