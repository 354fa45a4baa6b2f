#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <omp.h>

#include "datasets/inspect.h"
#include "datasets/write.h"
#include "own_images.h"

/* Images of one's own: class folders and lists, what is made of them, and what
 * is said of those that are no good.  Where they are kept: check_store.c. */

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
    junk(dir, "cat/phone.HEIC", "x");
    picture(dir, "__MACOSX/cat/x.png", 1003, 9, 9);
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
                    "image of no class, not used; 1 picture of a kind that is "
                    "not read (phone.HEIC); 2 other files (Thumbs.db); in "
                    "memory");
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
    picture(o.path, "x.png", 1, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "one for each class; 1 picture lies in none");
    picture(o.path, "y.png", 1, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "one for each class; 2 pictures lie in none");
    picture(o.path, "one/x.png", 1, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "f0: holds 1 folder, expected at least 2");
    picture(o.path, "one/cat/x.png", 1, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "f0/one'?");
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
    folder("f3/webp");
    junk(o.path, "webp/x.webp", "RIFF");
    picture(o.path, "z/x.png", 400, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "f3: class empty has no training images\n");
    set_fails(&o, SN_ERR_INPUT, "f3: class webp has no training images\n");
    set_fails(&o, SN_ERR_INPUT,
              "f3: has 1 picture of a kind that is not read (x.webp); expected "
              "JPEG, PNG or BMP");

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

/* A newline in a class's name would shift the lines of every list of classes
 * from then on. */
static void names_are_text(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("n1"));
    fill_two(o.path, "", 2, 0);
    picture(o.path, "c\nd/x.png", 50, 9, 9);
    set_fails(&o, SN_ERR_INPUT,
              "n1/c\\x0ad: a class name that is not text, expected UTF-8 "
              "without control characters");
    o = options(SN_DATA_FOLDER, folder("n2"));
    fill_two(o.path, "train", 2, 0);
    picture(o.path, "train/k\xe4se/x.png", 50, 9, 9);
    set_fails(&o, SN_ERR_INPUT, "n2/train/k\\xe4se: a class name that is not");

    o = options(SN_DATA_FOLDER, folder("n3")); /* letters of all kinds are */
    fill_two(o.path, "", 2, 0);
    picture(o.path, "k\xc3\xa4se/x.png", 50, 9, 9);
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

/* A list that contradicts itself, or is none. */
static void lists_that_make_no_sense_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } lists[] = {
        {"", "m.csv: holds no rows, expected a path, a comma and a label"},
        {"path,label\n", "m.csv: holds no rows"},
        {"\xff\xfe,", "m.csv: is UTF-16 text, expected UTF-8"},
        {"\xfe\xff\x01", "m.csv: is UTF-16 text, expected UTF-8"},
        {"path,label\nl/0.png,a\nl/1.png,b\nl/0.png,b\n",
         "m.csv:4: l/0.png is b, train; in line 2 it is a, train"},
        {"path,label,split\nl/0.png,a,test\nl/1.png,b,\nl/0.png,a,val\n",
         "m.csv:4: l/0.png is a, val; in line 2 it is a, test"},
        {"l/0.png,a\nl/1.png,b\nl/0.png,\n",
         "m.csv:3: l/0.png is of no class, train; in line 1 it is a, train"},
        {"path,label\nl/0.png,a,b,c\nl/1.png,b\n",
         "m.csv:2: 4 fields, expected 2; a comma within one needs quotes"},
        {"x/0.png,a\nx/1.png,b\n",
         "m.csv:1: there is no file x/0.png, nor any other of the 2; paths are "
         "relative to the list's folder"},
        {"path,label\nl\\0.png,a\nl\\1.png,b\n",
         "m.csv:2: there is no file l\\0.png, nor any other of the 2; paths "
         "are "
         "relative to the list's folder, with '/' between folders, not '\\'"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct sn_data_options o =
            options(SN_DATA_LIST, list_of("m.csv", lists[i].text));
        set_fails(&o, SN_ERR_INPUT, lists[i].fault);
    }
    /* fields that a spreadsheet leaves empty, lines that end in '\r' alone */
    const struct sn_data_options o = options(
        SN_DATA_LIST, list_of("m.csv", "path,label\rl/0.png,a,,\rl/1.png,b\r"
                                       "l/2.png,a\rl/3.png,b\r"));
    struct sn_dataset *set = opened(&o);
    assert_int_equal(set->train.n + set->test.n, 4);
    closed(set);
}

/* The same row twice is no contradiction, but worth knowing. */
static void rows_that_stand_twice_are_found(void **state)
{
    (void)state;
    struct sn_inspection it;
    const struct sn_data_options o =
        options(SN_DATA_LIST,
                list_of("twice.csv", "path,label,split\nl/0.png,a,train\n"
                                     "l/1.png,b,train\nl/2.png,a,test\n"
                                     "l/3.png,b,test\nl/0.png,a,train\n"));
    check_ok(sn_inspect(&it, &o, &err), &err);
    assert_int_equal(it.n, 1);
    assert_int_equal(it.finding[0].kind, SN_FIND_DOUBLE);
    assert_int_equal(it.finding[0].other, -1);
    assert_string_equal(it.finding[0].text, "listed in lines 2 and 6");
    sn_inspection_release(&it);
}

static void lists_of_others_are_read(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "filename,class", "class,file", "Image,Category,Part",
        "subset,path,label", "split,category,filename"};
    char text[1024], name[32];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "l/%d.png", i);
        picture(check_dir(), name, i, 9, 9);
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

/* Six copies of each picture: none is on both sides. */
static void copies_stay_together(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("copies"));
    char name[64];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "%c/%02d.png", i % 2 ? 'b' : 'a', i);
        picture(o.path, name, i % 10, 9, 9);
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
    fill_two(o.path, "", 3, 0);
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
    fill_two(o.path, "", 4, 0);
    picture(o.path, "lone/x.png", 99, 9, 9);
    o.test_share = 0.5;
    struct sn_dataset *set = opened(&o);
    assert_int_equal(set->train.n, 2 + 2 + 1);
    assert_int_equal(set->test.n, 2 + 2);
    closed(set);
}

/* ---- check ---- */

static int find_any(const struct sn_inspection *it, enum sn_finding_kind kind)
{
    for (int i = 0; i < it->n; i++)
        if (it->finding[i].kind == kind)
            return i;
    return -1;
}

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
    junk(dir, "train/owl/scan.tif", "");
    junk(dir, "train/owl/\xff\n.webp", "");
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
        assert_int_equal(it.count[SN_FIND_FOREIGN], 1);
        assert_string_equal(it.finding[it.n - 1].text,
                            "2 files, scan.tif among them");
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

static void strange_classes_are_findings(void **state)
{
    (void)state;
    struct sn_data_options o = options(SN_DATA_FOLDER, folder("strange"));
    struct sn_inspection it;
    fill_two(o.path, "train", 3, 0);
    fill_two(o.path, "test", 1, 50);
    picture(o.path, "test/aa/x.png", 90, 9, 9);
    picture(o.path, "test/nobody/x.png", 91, 9, 9);
    check_ok(sn_inspect(&it, &o, &err), &err);
    assert_int_equal(it.count[SN_FIND_STRANGE], 2);
    assert_int_equal(it.count[SN_FIND_UNLABELLED], 2);
    assert_int_equal(it.sound, 10);
    const int i = find_any(&it, SN_FIND_STRANGE);
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
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(list_faults_are_told_all),
        cmocka_unit_test(lists_that_make_no_sense_are_told),
        cmocka_unit_test(rows_that_stand_twice_are_found),
        cmocka_unit_test(lists_of_others_are_read),
        cmocka_unit_test(too_many_classes_are_told),
        cmocka_unit_test(copies_stay_together),
        cmocka_unit_test(one_image_is_for_training),
        cmocka_unit_test(check_finds_everything),
        cmocka_unit_test(strange_classes_are_findings),
        cmocka_unit_test(written_sets_are_read_back),
    };
    return cmocka_run_group_tests_name("folder", tests, NULL, NULL);
}
