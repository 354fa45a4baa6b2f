#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "datasets/store_internal.h"
#include "own_images.h"

/* The squares of picture files: reading them all, keeping them, decoding them
 * when they are asked for, and what is said of those that cannot be read. */

/* ---- bad images ---- */

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

    /* a name stays on its line */
    junk(o.path, "train/owl/\n\xe4.png", "");
    set_fails(&o, SN_ERR_INPUT, "/train/owl/\\x0a\\xe4.png: the file is empty");
    char odd[4096];
    snprintf(odd, sizeof odd, "%s/train/owl/\n\xe4.png", o.path);
    assert_int_equal(unlink(odd), 0);

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

static void long_lists_end_well(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("junkyard"));
    char name[64];
    fill_two(o.path, "", 2, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "a/j%04d.jpg", i);
        junk(o.path, name, "none");
    }
    static struct sn_dataset set;
    const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
    assert_int_equal(rc, SN_ERR_INPUT);
    int lines = 0, more = 0;
    char *line = strchr(err.text, '\n');
    for (; line; line = strchr(line + 1, '\n')) {
        char want[64];
        snprintf(want, sizeof want, "/a/j%04d.jpg: is no JPEG, PNG or BMP file",
                 lines);
        const size_t length = strcspn(line + 1, "\n");
        if (sscanf(line, "\n  ... and %d more: `supernet data check` lists all",
                   &more) == 1)
            break;
        assert_true(length > strlen(want));
        assert_memory_equal(line + 1 + length - strlen(want), want,
                            strlen(want));
        lines++;
    }
    assert_true(lines > 20);
    assert_int_equal(lines + more, 300);
    assert_non_null(line);
    assert_null(strchr(line + 1, '\n'));
    assert_true(strlen(err.text) < SN_ERROR_TEXT - 500); /* room for others */
}

/* The reason of a bad image may find no memory; that it is bad is told. */
static void reasons_may_lack_memory(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("silent"));
    static struct sn_dataset set;
    const int threads = omp_get_max_threads();
    bool silent = false;
    omp_set_num_threads(1); /* allocations come in one order */
    fill_two(o.path, "", 2, 0);
    junk(o.path, "a/x.png", "none");
    for (int i = 0; !silent; i++) {
        check_fail_allocation(i);
        const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
        if (!check_allocation_failed())
            break;
        assert_true(rc == SN_ERR_MEMORY || rc == SN_ERR_INPUT);
        if (strstr(err.text, "\n  no memory to say why")) {
            assert_non_null(strstr(err.text, "1 of 5 images cannot be used"));
            silent = true;
        }
    }
    omp_set_num_threads(threads);
    assert_true(silent);
}

static void nothing_is_left_to_test_on(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("untested"));
    fill_two(o.path, "train", 2, 0);
    folder("untested/test/a");
    junk(o.path, "test/a/x.png", "none");
    o.skip_bad = true;
    set_fails(&o, SN_ERR_INPUT,
              "untested: there are no test images that can be read");
    junk(o.path, "train/b/001.png", "none");
    junk(o.path, "train/b/003.png", "none");
    set_fails(&o, SN_ERR_INPUT,
              "untested: class b has no training images that can be read");
}

/* ---- while images are read ---- */

static void reading_can_be_stopped(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("stopped"));
    fill_two(o.path, "", 3, 0);
    static struct sn_dataset set;
    volatile sig_atomic_t stop = SIGINT;
    FILE *out = tmpfile(); /* no terminal: nothing is said there */
    const struct sn_watch watch = {.out = out, .stop = &stop};
    check_fails(sn_dataset_open_watched(&set, &o, 1, &watch, &err), &err,
                SN_INTERRUPTED,
                "interrupted while the images were read, before the first "
                "step");
    stop = SIGTERM;
    check_fails(sn_dataset_open_watched(&set, &o, 1, &watch, &err), &err,
                SN_TERMINATED, "interrupted while");
    assert_null(set.store);
    stop = 0;
    check_ok(sn_dataset_open_watched(&set, &o, 1, &watch, &err), &err);
    assert_null(set.watch);
    assert_true(ftell(out) == 0);
    sn_dataset_release(&set);
    fclose(out);
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

/* auto goes on without its file where that cannot be had; disk does not. */
static void disk_may_turn_to_another(void **state)
{
    (void)state;
    static const enum sn_cache others[] = {SN_CACHE_RAM, SN_CACHE_OFF,
                                           SN_CACHE_DISK};
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("turning"));
    fill_two(o.path, "", 3, 0);
    setenv("XDG_CACHE_HOME", check_write_text("no folder", "x"), 1);
    for (int i = 0; i < 3; i++) {
        struct sn_store s = {.side = 8, .cell = 192, .cache = SN_CACHE_DISK};
        struct sn_store_file f = {.fd = -1};
        check_ok(sn_catalog_open(&s.catalog, &o, &err), &err);
        const sn_status rc = sn_store_place(&s, &f, others[i], false, &err);
        if (others[i] == SN_CACHE_DISK)
            check_fails(rc, &err, SN_ERR_OUTPUT, "folder cannot be made");
        else
            check_ok(rc, &err);
        assert_int_equal(s.cache, others[i]);
        assert_true((s.cells != NULL) == (others[i] == SN_CACHE_RAM));
        free(s.cells);
        sn_store_file_close(&f);
        sn_catalog_release(&s.catalog);
    }
}

static void auto_takes_what_pays(void **state)
{
    (void)state;
    static const struct {
        double files, squares, left, room; /* MiB */
        enum sn_cache want;
    } cases[] = {
        {255, 100, 1000, 1000, SN_CACHE_RAM}, /* decoded in a moment */
        {256, 100, 1000, 1000, SN_CACHE_DISK},
        {256, 251, 1000, 1000, SN_CACHE_RAM}, /* the disk has other uses */
        {256, 251, 501, 1000, SN_CACHE_DISK}, /* but memory has so, too */
        {256, 501, 1000, 1000, SN_CACHE_OFF},
        {1, 500, 1000, 0, SN_CACHE_RAM},
        {1, 501, 1000, 0, SN_CACHE_OFF},
        {1, 501, 1000, 1002, SN_CACHE_DISK},
        {1, 1e6, 0, 0, SN_CACHE_RAM}, /* nobody knows what is left */
    };
    const double mib = 1 << 20;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            sn_store_choose(mib * cases[i].files, mib * cases[i].squares,
                            mib * cases[i].left, mib * cases[i].room),
            cases[i].want);
}

/* Where less memory is allowed than there is, pictures keep to that. */
static void allowed_memory_is_kept_to(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("allowed"));
    const struct sn_watch watch = {.memory = 1024};
    static struct sn_dataset set;
    setenv("XDG_CACHE_HOME", folder("cache allowed"), 1);
    fill_two(o.path, "", 4, 0);
    check_fails(sn_dataset_open_watched(&set, &o, 1, &watch, &err), &err,
                SN_ERR_MEMORY,
                "[data] cache: ram needs 1.50 KiB for the decoded images, and "
                "1.00 KiB are left; disk and off need less");
    o.cache = SN_CACHE_AUTO;
    check_ok(sn_dataset_open_watched(&set, &o, 1, &watch, &err), &err);
    assert_non_null(strstr(set.found, "on disk"));
    sn_dataset_release(&set);
}

/* ---- what it takes ---- */

static void what_it_takes_is_told(void **state)
{
    (void)state;
    enum { N = 12, BATCH_OF = 4, THREADS = 3, CELL = 8 * 8 * 3 };
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("takes"));
    setenv("XDG_CACHE_HOME", folder("cache takes"), 1);
    fill_two(o.path, "", N / 2, 0);
    picture(o.path, "a/large.png", 70, 40, 30);
    picture(o.path, "b/thin.png", 71, 100, 2); /* 8 wide amid its scaling */
    char path[4096];
    size_t file;
    snprintf(path, sizeof path, "%s/a/large.png", o.path);
    check_read(path, &file);

    struct sn_dataset *set = opened(&o);
    const size_t kept = sn_dataset_bytes(set);
    assert_true(kept > (size_t)(N + 2) * CELL);
    assert_int_equal(sn_loader_work(&set->train, THREADS), 0);
    assert_int_equal(sn_loader_bytes(&set->train, N, BATCH_OF, THREADS),
                     N * sizeof(int));
    closed(set);

    o.cache = SN_CACHE_OFF;
    for (int round = 0; round < 2; round++) { /* then known from before */
        set = opened(&o);
        assert_int_equal(kept - sn_dataset_bytes(set), (N + 2) * CELL);
        assert_int_equal(sn_store_work(set->store, 1),
                         40 * 30 * SN_IMAGE_WORK + file);
        assert_int_equal(sn_loader_work(&set->train, THREADS),
                         2 * THREADS * (40 * 30 * SN_IMAGE_WORK + file));
        const size_t squares = (BATCH_OF + 2 * THREADS) * CELL;
        const size_t stacks = THREADS * (512 << 10);
        const size_t loader =
            sn_loader_bytes(&set->train, N, BATCH_OF, THREADS);
        assert_true(loader > squares + stacks);
        assert_true(loader < squares + stacks + 4096);
        closed(set);
    }

    /* of those above the cap one is decoded at a time */
    struct sn_store s = {.most = SN_IMAGE_LARGE + 1};
    assert_int_equal(sn_store_work(&s, 3),
                     (3 * (size_t)SN_IMAGE_LARGE + 1) * SN_IMAGE_WORK);
}

static void old_caches_are_removed(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("aged"));
    const char *cache = folder("cache old");
    folder("cache old/supernet");
    setenv("XDG_CACHE_HOME", cache, 1);
    fill_two(o.path, "", 3, 0);
    o.cache = SN_CACHE_DISK;
    static const struct {
        const char *name;
        int days;
        bool stays;
    } files[] = {
        {"0123456789abcdef0123456789abcdef.squares", 31, false},
        {"0123456789abcdef0123456789abcdea.known", 31, false},
        {"0123456789abcdef0123456789abcdeb.squares", 29, true},
        {"0123456789abcdef0123456789abcdec.squares.tmp", 0, false},
        {"0123456789abcdef0123456789abcded.text", 400, true},
        {"somebody's.squares", 400, true},
    };
    char path[4096];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "cache old/supernet/%s", files[i].name);
        const char *file = check_write_text(path, "x");
        const time_t then = time(NULL) - files[i].days * 24 * 60 * 60;
        const struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
        assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
    }
    closed(opened(&o));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/supernet/%s", cache, files[i].name);
        assert_int_equal(sn_file_exists(path), files[i].stays);
    }
    /* what is found is used: its time is now */
    struct sn_dataset *set = opened(&o);
    assert_non_null(strstr(set->found, "known from before"));
    closed(set);
}

/* ---- images that change ---- */

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

static void changed_images_are_told(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("changed"));
    setenv("XDG_CACHE_HOME", folder("cache1"), 1);
    fill_two(o.path, "", 3, 0);
    o.cache = SN_CACHE_OFF;
    struct sn_dataset *set = opened(&o);
    struct sn_loader l;
    int index[] = {0, 1}, labels[2];
    float x[2 * 8 * 8 * 3];
    char path[SN_CATALOG_PATH];
    check_ok(sn_loader_init(&l, set, &set->train, index, 2, 2, 8, 3, NULL, 0, 0,
                            &err),
             &err);
    sn_loader_batch(&l, 0, 0, x, labels);
    check_ok(sn_loader_status(&l, &err), &err);
    sn_catalog_path(&set->store->catalog, 1, path);
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    sn_loader_batch(&l, 0, 0, x, labels);
    char want[SN_CATALOG_PATH + 64];
    snprintf(want, sizeof want, "%s: was changed since the images were listed",
             path);
    check_fails(sn_loader_status(&l, &err), &err, SN_ERR_INPUT, want);
    sn_loader_release(&l);
    closed(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_images_are_all_listed),
        cmocka_unit_test(long_lists_end_well),
        cmocka_unit_test(reasons_may_lack_memory),
        cmocka_unit_test(nothing_is_left_to_test_on),
        cmocka_unit_test(reading_can_be_stopped),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(caches_change_no_bit),
        cmocka_unit_test(spoilt_caches_are_not_used),
        cmocka_unit_test(caches_need_a_place),
        cmocka_unit_test(disk_may_turn_to_another),
        cmocka_unit_test(auto_takes_what_pays),
        cmocka_unit_test(allowed_memory_is_kept_to),
        cmocka_unit_test(what_it_takes_is_told),
        cmocka_unit_test(old_caches_are_removed),
        cmocka_unit_test(vanished_images_are_told),
        cmocka_unit_test(changed_images_are_told),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
