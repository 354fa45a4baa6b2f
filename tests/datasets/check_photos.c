#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "base/file.h"
#include "datasets/datasets_internal.h"
#include "datasets/inspect.h"
#include "datasets/store_internal.h"

/* Images of one's own, second part: names that are no text, lists of other
 * programs, copies, and what happens around the reading of many files. */

static struct sn_error err;

static const char *folder(const char *name)
{
    const char *path = check_path(name);
    check_ok(sn_dir_make(path, &err), &err);
    return path;
}

/* A picture of 9 x 9 pixels that is unlike those of other marks; its folder is
 * made. */
static void picture(const char *dir, const char *name, int mark)
{
    char path[4096], at[4096];
    uint8_t pixels[9 * 9 * 3];
    for (int i = 0; i < 9 * 9 * 3; i++)
        pixels[i] = (uint8_t)(mark + i % 7);
    pixels[0] = (uint8_t)(mark / 200);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(at, sizeof at, "%.*s", (int)(strrchr(path, '/') - path), path);
    check_ok(sn_dir_make(at, &err), &err);
    check_ok(sn_image_write(path, pixels, 9, 9, SN_IMAGE_PNG, &err), &err);
}

/* Classes a and b with n different pictures each. */
static void fill(const char *dir, const char *part, int n, int mark)
{
    char name[256];
    for (int i = 0; i < 2 * n; i++) {
        snprintf(name, sizeof name, "%s%s%c/%03d.png", part, part[0] ? "/" : "",
                 i % 2 ? 'b' : 'a', i);
        picture(dir, name, mark + i);
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

/* ---- names ---- */

/* A newline in a class's name would shift the lines of every list of classes
 * from then on. */
static void names_are_text(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("n1"));
    fill(o.path, "", 2, 0);
    picture(o.path, "c\nd/x.png", 50);
    set_fails(&o, SN_ERR_INPUT,
              "n1/c\\x0ad: a class name that is not text, expected UTF-8 "
              "without control characters");
    o = options(SN_DATA_FOLDER, folder("n2"));
    fill(o.path, "train", 2, 0);
    picture(o.path, "train/k\xe4se/x.png", 50);
    set_fails(&o, SN_ERR_INPUT, "n2/train/k\\xe4se: a class name that is not");

    o = options(SN_DATA_FOLDER, folder("n3")); /* letters of all kinds are */
    fill(o.path, "", 2, 0);
    picture(o.path, "k\xc3\xa4se/x.png", 50);
    closed(opened(&o));

    o = options(SN_DATA_LIST,
                check_write_text("n.csv", "x.png,a\n\"x.png\",\"b\nc\"\n"));
    set_fails(&o, SN_ERR_INPUT,
              "n.csv:2: a label that is not text, expected UTF-8 without "
              "control characters: 'b\\x0ac'");
    o = options(SN_DATA_LIST,
                check_write_text("m.csv", "x.png,a\n\"x.png,a\ny.png\",b\n"));
    set_fails(&o, SN_ERR_INPUT,
              "m.csv:2: a control character in a path, as after a stray quote: "
              "'x.png,a\\x0ay.png'");

    o = options(SN_DATA_FOLDER, "some\nwhere");
    set_fails(&o, SN_ERR_CONFIG,
              "[data] path: 'some\\x0awhere' is not text, expected UTF-8 "
              "without control characters");

    char names[SN_MAX_CLASSES][SN_CLASS_NAME];
    int count;
    check_write_text("classes.txt", "cat\nk\xe4se\n");
    check_fails(
        sn_class_names_read(names, &count, check_dir(), "classes.txt", &err),
        &err, SN_ERR_INPUT, "classes.txt:2: a class name that is not UTF-8");
}

/* ---- lists ---- */

static void lists_of_others_are_read(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "filename,class", "class,file", "Image,Category,Part",
        "subset,path,label", "split,category,filename"};
    char text[1024], name[32];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "l/%d.png", i);
        picture(check_dir(), name, i);
    }
    for (size_t ih = 0; ih < sizeof heads / sizeof *heads; ih++) {
        size_t used = (size_t)snprintf(text, sizeof text, "%s\n", heads[ih]);
        for (int i = 0; i < 6; i++) {
            char row[256], *at = row;
            char head[64];
            snprintf(head, sizeof head, "%s", heads[ih]);
            *at = '\0';
            for (char *word = head, *next; word; word = next) {
                next = strchr(word, ',');
                if (next)
                    *next++ = '\0';
                at += snprintf(at, 60, "%s", at == row ? "" : ",");
                if (strstr("class Category label category", word))
                    at += snprintf(at, 60, "%s", i % 2 ? "a" : "b");
                else if (strstr("Part subset split", word))
                    at += snprintf(at, 60, "%s", i < 4 ? "train" : "test");
                else
                    at += snprintf(at, 60, "l/%d.png", i);
            }
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s\n", row);
        }
        const struct sn_data_options o =
            options(SN_DATA_LIST, check_write_text("heads.csv", text));
        struct sn_dataset *set = opened(&o);
        assert_int_equal(set->train.n + set->test.n, 6);
        assert_int_equal(set->test.n, 2);
        assert_string_equal(set->class_name[0], "a");
        closed(set);
    }

    struct sn_data_options o = options(
        SN_DATA_LIST, check_write_text("h.csv", "bild,klasse\nl/0.png,a\n"));
    set_fails(&o, SN_ERR_INPUT,
              "h.csv:1: looks like a header, expected the words path and "
              "label, and split if there is one; there is no file 'bild'");
    o = options(
        SN_DATA_LIST,
        check_write_text("s.csv", "path;label\nl/0.png;a\nl/1.png;b\n"));
    static struct sn_dataset unset;
    assert_int_equal(sn_dataset_open(&unset, &o, 1, &err), SN_ERR_INPUT);
    assert_non_null(strstr(err.text, "s.csv:1: the fields are divided by ';', "
                                     "expected commas"));
    assert_null(strchr(err.text, '\n')); /* once, not for each line */
    o = options(SN_DATA_LIST, check_write_text("t.csv", "l/0.png\ta\n"));
    set_fails(&o, SN_ERR_INPUT, "t.csv:1: the fields are divided by tabs");
    o = options(SN_DATA_LIST, check_write_text("b.csv", "l/0.png|a\n"));
    set_fails(&o, SN_ERR_INPUT, "b.csv:1: the fields are divided by '|'");
    o = options(
        SN_DATA_LIST, /* a missing picture is no header */
        check_write_text("g.csv", "gone.png,a\nl/0.png,a\nl/1.png,b\n"));
    set_fails(&o, SN_ERR_INPUT, "gone.png: No such file");
}

static void too_many_classes_are_told(void **state)
{
    (void)state;
    char *text = calloc(SN_MAX_CLASSES + 2, 32);
    size_t used = 0;
    for (int i = 0; i <= SN_MAX_CLASSES; i++) /* in no order */
        used += (size_t)snprintf(text + used, 32, "l/0.png,c%d\n",
                                 i * 17 % (SN_MAX_CLASSES + 1));
    const struct sn_data_options o =
        options(SN_DATA_LIST, check_write_text("many.csv", text));
    set_fails(&o, SN_ERR_INPUT,
              "many.csv:1001: more than 1000 classes; this one is new: 'c984'");
    free(text);
}

/* ---- test images set aside ---- */

static int find(const struct sn_inspection *it, enum sn_finding_kind kind)
{
    for (int i = 0; i < it->n; i++)
        if (it->finding[i].kind == kind)
            return i;
    return -1;
}

/* Six copies of each picture: none is on both sides. */
static void copies_stay_together(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("copies"));
    char name[64];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "%c/%02d.png", i % 2 ? 'b' : 'a', i);
        picture(o.path, name, i % 10);
    }
    o.test_share = 0.4;
    struct sn_inspection it;
    check_ok(sn_inspect(&it, &o, &err), &err);
    assert_int_equal(sn_catalog_count(&it.catalog, SN_IN_TEST), 24);
    assert_int_equal(it.count[SN_FIND_LEAK], 0);
    assert_int_equal(it.count[SN_FIND_DOUBLE], 50);
    sn_inspection_release(&it);

    struct sn_dataset *set = opened(&o);
    for (int i = 0; i < set->test.n; i++)
        for (int k = 0; k < set->train.n; k++)
            assert_true(memcmp(set->test.pixels + i * 192,
                               set->train.pixels + k * 192, 192) != 0);
    closed(set);

    /* other bytes, the same pixels: at least it is told */
    o = options(SN_DATA_FOLDER, folder("recoded"));
    uint8_t white[9 * 9 * 3];
    memset(white, 255, sizeof white);
    fill(o.path, "", 3, 0);
    for (int i = 0; i < 2; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/c/%d.png", o.path, i);
        folder("recoded/c");
        check_ok(sn_image_write(path, white, 9, 9, SN_IMAGE_PNG, &err), &err);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/c/1.png", o.path);
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    fputc(0, f); /* behind the end */
    fclose(f);
    check_ok(sn_inspect(&it, &o, &err), &err);
    assert_int_equal(it.count[SN_FIND_LEAK], 1);
    sn_inspection_release(&it);
}

static void one_image_is_for_training(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("single"));
    fill(o.path, "", 4, 0);
    picture(o.path, "lone/x.png", 99);
    o.test_share = 0.5;
    struct sn_dataset *set = opened(&o);
    assert_int_equal(set->train.n, 2 + 2 + 1);
    assert_int_equal(set->test.n, 2 + 2);
    closed(set);
}

static void strange_classes_are_findings(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("strange"));
    struct sn_inspection it;
    fill(o.path, "train", 3, 0);
    fill(o.path, "test", 1, 50);
    picture(o.path, "test/aa/x.png", 90);
    picture(o.path, "test/nobody/x.png", 91);
    check_ok(sn_inspect(&it, &o, &err), &err);
    assert_int_equal(it.count[SN_FIND_STRANGE], 2);
    assert_int_equal(it.count[SN_FIND_UNLABELLED], 2);
    assert_int_equal(it.sound, 10);
    const int i = find(&it, SN_FIND_STRANGE);
    assert_string_equal(it.finding[i].text,
                        "test/aa: a class that train does not have");
    sn_inspection_release(&it);
    set_fails(&o, SN_ERR_INPUT, "strange/test/aa: a class that train does not");
    static struct sn_dataset set;
    assert_int_equal(sn_dataset_open(&set, &o, 1, &err), SN_ERR_INPUT);
    assert_non_null(strstr(err.text, "\n"));
    assert_non_null(strstr(err.text, "strange/test/nobody: a class that train "
                                     "does not have"));
}

/* ---- many that are bad ---- */

static void junk(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    check_ok(sn_file_write(path, "none", 4, &err), &err);
}

static void long_lists_end_well(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("junkyard"));
    char name[64];
    fill(o.path, "", 2, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "a/j%04d.jpg", i);
        junk(o.path, name);
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
    fill(o.path, "", 2, 0);
    junk(o.path, "a/x.png");
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
    fill(o.path, "train", 2, 0);
    folder("untested/test/a");
    junk(o.path, "test/a/x.png");
    o.skip_bad = true;
    set_fails(&o, SN_ERR_INPUT,
              "untested: there are no test images that can be read");
    junk(o.path, "train/b/001.png");
    junk(o.path, "train/b/003.png");
    set_fails(&o, SN_ERR_INPUT,
              "untested: class b has no training images that can be read");
}

/* ---- while images are read ---- */

static void reading_can_be_stopped(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("stopped"));
    fill(o.path, "", 3, 0);
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

static void changed_images_are_told(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("changed"));
    setenv("XDG_CACHE_HOME", folder("cache1"), 1);
    fill(o.path, "", 3, 0);
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

/* ---- the cache on disk ---- */

/* auto goes on without its file where that cannot be had; disk does not. */
static void disk_may_turn_to_off(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("turning"));
    fill(o.path, "", 3, 0);
    setenv("XDG_CACHE_HOME", check_write_text("no folder", "x"), 1);
    for (int may = 0; may < 2; may++) {
        struct sn_store s = {.side = 8, .cell = 192, .cache = SN_CACHE_DISK};
        struct sn_store_file f = {.fd = -1};
        check_ok(sn_catalog_open(&s.catalog, &o, &err), &err);
        const sn_status rc = sn_store_place(&s, &f, may, false, &err);
        if (may)
            check_ok(rc, &err);
        else
            check_fails(rc, &err, SN_ERR_OUTPUT, "folder cannot be made");
        assert_int_equal(s.cache, may ? SN_CACHE_OFF : SN_CACHE_DISK);
        assert_null(s.cells);
        sn_store_file_close(&f);
        sn_catalog_release(&s.catalog);
    }
}

static void old_caches_are_removed(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("aged"));
    const char *cache = folder("cache2");
    folder("cache2/supernet");
    setenv("XDG_CACHE_HOME", cache, 1);
    fill(o.path, "", 3, 0);
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
        snprintf(path, sizeof path, "cache2/supernet/%s", files[i].name);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(lists_of_others_are_read),
        cmocka_unit_test(too_many_classes_are_told),
        cmocka_unit_test(copies_stay_together),
        cmocka_unit_test(one_image_is_for_training),
        cmocka_unit_test(strange_classes_are_findings),
        cmocka_unit_test(long_lists_end_well),
        cmocka_unit_test(reasons_may_lack_memory),
        cmocka_unit_test(nothing_is_left_to_test_on),
        cmocka_unit_test(reading_can_be_stopped),
        cmocka_unit_test(changed_images_are_told),
        cmocka_unit_test(disk_may_turn_to_off),
        cmocka_unit_test(old_caches_are_removed),
    };
    return cmocka_run_group_tests_name("photos", tests, NULL, NULL);
}
