/* What a set of images is known by: every change of an image, a label or a
 * class shows, and nothing else does. */

#include "check.h"

#include <stdio.h>
#include <string.h>

#include "datasets/fingerprint.h"
#include "datasets/store.h"

enum { N = 6, TEST = 2, BYTES = 4, NAME = 16 };

/* A set in memory; and one of files, if `files`. */
struct fixture {
    struct sn_dataset set;
    struct sn_store store;
    struct sn_entry entry[N + TEST];
    char names[NAME * (N + TEST)];
    uint8_t pixels[(N + TEST) * BYTES];
    int labels[N + TEST];
};

static void make(struct fixture *f, bool files)
{
    memset(f, 0, sizeof *f);
    f->set.classes = 3;
    for (int i = 0; i < 3; i++)
        snprintf(f->set.class_name[i], SN_CLASS_NAME, "class%d", i);
    for (int i = 0; i < N + TEST; i++) {
        f->labels[i] = i % 3;
        f->entry[i] = (struct sn_entry){(size_t)i * NAME,
                                        100 + i,
                                        0,
                                        i % 3,
                                        i < N ? SN_IN_TRAIN : SN_IN_TEST,
                                        0};
        snprintf(f->names + (ptrdiff_t)i * NAME, NAME, "%d.jpg", i);
        for (int ib = 0; ib < BYTES; ib++)
            f->pixels[i * BYTES + ib] = (uint8_t)(i * ib);
    }
    struct sn_images *train = &f->set.train, *test = &f->set.test;
    *train = (struct sn_images){.n = N, .h = 2, .w = 2, .c = 1};
    train->pixels = f->pixels;
    train->labels = f->labels;
    *test = *train;
    test->n = TEST;
    test->pixels = f->pixels + (ptrdiff_t)N * BYTES;
    test->labels = f->labels + N;
    if (!files)
        return;
    f->store.catalog.names = f->names;
    f->store.catalog.entry = f->entry;
    f->store.catalog.n = N + TEST;
    train->store = test->store = &f->store;
    test->first = N;
    train->pixels = test->pixels = NULL; /* they are never looked at */
}

/* What changed from `was` to what *f is now. */
static void changed(const struct fixture *f, const struct sn_data_print *was,
                    const char *text)
{
    struct sn_data_print is;
    char buf[256];
    sn_data_print(&is, &f->set);
    assert_string_equal(sn_data_print_changes(buf, sizeof buf, was, &is), text);
}

static void of_images_in_memory(void **state)
{
    (void)state;
    struct fixture f;
    struct sn_data_print was;
    make(&f, false);
    sn_data_print(&was, &f.set);
    changed(&f, &was, "");
    f.set.mean[0] = 0.5f; /* follows from the pixels */
    snprintf(f.set.name, sizeof f.set.name, "other");
    changed(&f, &was, "");
    f.pixels[3] ^= 1;
    changed(&f, &was, "the 6 training images are others");
    f.pixels[3] ^= 1;
    f.labels[5] ^= 1;
    changed(&f, &was, "the 6 training images are others");
    f.labels[5] ^= 1;
    f.pixels[N * BYTES] ^= 128;
    changed(&f, &was, "the 2 test images are others");
    f.set.test.n = 1;
    f.set.train.n = 5;
    changed(&f, &was,
            "there are 5 training images, there were 6; there are 1 test "
            "images, there were 2");
}

static void of_files(void **state)
{
    (void)state;
    struct fixture f;
    struct sn_data_print was;
    make(&f, true);
    sn_data_print(&was, &f.set);
    f.entry[2].mtime = 7;
    snprintf(f.store.catalog.root, sizeof f.store.catalog.root, "moved");
    changed(&f, &was, "");
    f.entry[2].bytes++;
    changed(&f, &was, "the 6 training images are others");
    f.entry[2].bytes--;
    f.entry[5].part = SN_IN_VAL;
    changed(&f, &was, "the 6 training images are others");
    f.entry[5].part = SN_IN_TRAIN;
    f.entry[0].label = 2;
    changed(&f, &was, "the 6 training images are others");
    f.entry[0].label = 0;
    f.set.mean[0] = 0.5f; /* the only word on what is in them */
    changed(&f, &was, "the 6 training images are others");
    f.set.mean[0] = 0;
    f.names[7 * NAME] = 'x';
    changed(&f, &was, "the 2 test images are others");
}

static void of_classes(void **state)
{
    (void)state;
    struct fixture f;
    struct sn_data_print was;
    make(&f, false);
    sn_data_print(&was, &f.set);
    f.set.class_name[1][0] = 'C';
    changed(&f, &was, "the 3 classes are others");
    f.set.classes = 2;
    changed(&f, &was, "there are 2 classes, there were 3");
    make(&f, false); /* the same letters, divided in another way */
    snprintf(f.set.class_name[0], SN_CLASS_NAME, "class0c");
    snprintf(f.set.class_name[1], SN_CLASS_NAME, "lass1");
    changed(&f, &was, "the 3 classes are others");
    f.pixels[0] ^= 1;
    f.pixels[N * BYTES] ^= 1;
    char few[24];
    struct sn_data_print is;
    sn_data_print(&is, &f.set);
    sn_data_print_changes(few, sizeof few, &was, &is);
    assert_string_equal(few, "the 3 classes are other");
}

static void as_text(void **state)
{
    (void)state;
    const struct sn_data_print p = {
        10, UINT64_MAX, {123456789, 1}, {1, 0x8000000000000000u}};
    static const char *const bad[] = {
        "",
        "classes",
        "classes 10 ffffffffffffffff train 1 0000000000000001 test 1",
        "classes 10 ffffffffffffffff train 1 0000000000000001 test 1 0",
        "classes 10 FFFFFFFFFFFFFFFF train 1 0000000000000001 test 1 "
        "0000000000000001",
        "classes 10 ffffffffffffffff train 1 0000000000000001 test 1 "
        "0000000000000001 ",
    };
    char text[SN_DATA_PRINT_TEXT], again[SN_DATA_PRINT_TEXT];
    struct sn_data_print q = {0};
    assert_true(sn_data_print_parse(&q, sn_data_print_text(text, &p)));
    assert_string_equal(sn_data_print_text(again, &q), text);
    assert_string_equal(
        text, "classes 10 ffffffffffffffff train 123456789 0000000000000001 "
              "test 1 8000000000000000");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sn_data_print_parse(&q, bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_images_in_memory),
        cmocka_unit_test(of_files),
        cmocka_unit_test(of_classes),
        cmocka_unit_test(as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
