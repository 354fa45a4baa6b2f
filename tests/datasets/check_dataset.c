#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/datasets_internal.h"

/* Section [data]: defaults, cross-checks, statistics, and what is said of a
 * folder that is not there. */

static struct sn_data_options defaults(void)
{
    struct sn_data_options o;
    sn_option_defaults(&sn_data_table, &o);
    return o;
}

static void table_has_defaults(void **state)
{
    (void)state;
    const struct sn_data_options o = defaults();
    assert_string_equal(sn_data_table.section, "data");
    assert_int_equal(o.set, SN_DATA_SCENES);
    assert_string_equal(o.path, "");
    assert_int_equal(o.size, 32);
    assert_true(o.val == 0.1);
    assert_string_equal(o.augment, "none");
    assert_int_equal(o.scenes_train, 6000);
    assert_int_equal(o.scenes_test, 2000);
    struct sn_error err = {0};
    check_ok(sn_data_options_check(&o, &err), &err);
}

/* Parses `text` as key `key`. */
static sn_status set_key(struct sn_data_options *o, const char *key,
                         const char *text, struct sn_error *err)
{
    const struct sn_option *row = sn_option_find(&sn_data_table, key);
    assert_non_null(row);
    return sn_option_parse(row, o, text, "", err);
}

static void table_knows_every_set_and_range(void **state)
{
    (void)state;
    struct sn_data_options o = defaults();
    struct sn_error err = {0};
    static const struct {
        const char *name;
        int set;
    } sets[] = {{"scenes", SN_DATA_SCENES},
                {"idx", SN_DATA_IDX},
                {"cifar10", SN_DATA_CIFAR10},
                {"cifar100", SN_DATA_CIFAR100}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        check_ok(set_key(&o, "set", sets[i].name, &err), &err);
        assert_int_equal(o.set, sets[i].set);
    }
    static const char *const wrong[][2] = {{"set", "imagenet"}, {"size", "7"},
                                           {"size", "513"},     {"val", "0.51"},
                                           {"val", "-0.1"},     {"train", "19"},
                                           {"test", "1000001"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_fails(set_key(&o, wrong[i][0], wrong[i][1], &err), &err,
                    SN_ERR_CONFIG, "");
}

static void check_lists_all_faults(void **state)
{
    (void)state;
    struct sn_data_options o = defaults();
    struct sn_error err = {0};
    o.set = SN_DATA_IDX;
    o.size = 1000;
    snprintf(o.augment, sizeof o.augment, "flop");
    const sn_status rc = sn_data_options_check(&o, &err);
    assert_int_equal(rc, SN_ERR_CONFIG);
    assert_string_equal(
        err.text,
        "[data] path: set = idx needs the folder of its files\n"
        "[data] size: 1000 is out of range, expected 8 to 512\n"
        "[data] augment: 'flop' is not known, expected none, or any of flip, "
        "translate:PIXELS, cutout:PIXELS");

    o = defaults();
    o.size = 12;
    snprintf(o.augment, sizeof o.augment, "translate:7");
    struct sn_dataset set;
    err = (struct sn_error){0};
    check_fails(sn_dataset_open(&set, &o, 1, &err), &err, SN_ERR_CONFIG,
                "[data] size: set = scenes cannot be drawn at 12 pixels, "
                "expected 16 or more\n[data] augment: translate:7 is more than "
                "half the side of images of 12 pixels");
    o.size = 16;
    snprintf(o.augment, sizeof o.augment, "cutout:9");
    check_fails(sn_dataset_open(&set, &o, 1, &err), &err, SN_ERR_CONFIG,
                "[data] augment: cutout:9 is more than half the side");
}

static sn_status open_path(const char *path, struct sn_error *err)
{
    static struct sn_dataset set;
    struct sn_data_options o = defaults();
    o.set = SN_DATA_CIFAR10;
    snprintf(o.path, sizeof o.path, "%s", path);
    return sn_dataset_open(&set, &o, 1, err);
}

static void missing_folders_are_explained(void **state)
{
    (void)state;
    struct sn_error err = {0};
    char text[512], deep[256];
    assert_int_equal(mkdir(check_path("data"), 0700), 0);
    assert_int_equal(mkdir(check_path("data/cifar-10"), 0700), 0);
    assert_int_equal(mkdir(check_path("data/.hidden"), 0700), 0);
    check_write_text("data/notes.txt", "");

    snprintf(text, sizeof text,
             "[data] path: there is no folder %s/data/cifar10\n"
             "  the nearest one that exists is %s/data, which holds cifar-10, "
             "notes.txt; did you mean 'cifar-10'?\n"
             "  to get the data: datasets/fetch.sh cifar10",
             check_dir(), check_dir());
    check_fails(open_path(check_path("data/cifar10"), &err), &err, SN_ERR_INPUT,
                text);
    snprintf(deep, sizeof deep, "%s/x/.././data//cifar10/deeper/still/",
             check_dir());
    snprintf(text, sizeof text,
             "there is no folder %s/data/cifar10/deeper/still\n"
             "  the nearest one that exists is %s/data, which holds",
             check_dir(), check_dir());
    check_fails(open_path(deep, &err), &err, SN_ERR_INPUT, text);

    check_fails(open_path("/supernet-no-such-folder/x", &err), &err,
                SN_ERR_INPUT, "the nearest one that exists is /, which holds ");
    check_fails(open_path("/../supernet-no-such-folder", &err), &err,
                SN_ERR_INPUT, "there is no folder /supernet-no-such-folder\n");
    check_fails(open_path(check_path("data/cifar-10/x"), &err), &err,
                SN_ERR_INPUT, "/data/cifar-10, which is empty");
    check_fails(open_path(check_path("data/notes.txt"), &err), &err,
                SN_ERR_INPUT,
                "notes.txt is a file, expected the folder that holds the files "
                "of the data set");
    check_fails(open_path(check_path("data/notes.txt/x"), &err), &err,
                SN_ERR_INPUT, "the nearest one that exists is ");
    memset(deep, 'd', sizeof deep - 1); /* no file name is so long */
    deep[sizeof deep - 1] = '\0';
    deep[0] = '/';
    check_fails(open_path(deep, &err), &err, SN_ERR_INPUT,
                "there is no folder");
}

static void relative_paths_are_shown_in_full(void **state)
{
    (void)state;
    struct sn_error err = {0};
    char here[512], text[2048];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(text, sizeof text,
             "there is no folder %s/no-such-folder/x\n"
             "  the nearest one that exists is %s, which",
             here, here);
    check_fails(open_path("./no-such-folder/x", &err), &err, SN_ERR_INPUT,
                text);
}

static void long_listings_are_cut(void **state)
{
    (void)state;
    struct sn_error err = {0};
    assert_int_equal(mkdir(check_path("many"), 0700), 0);
    for (int i = 0; i < 11; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/f%02d", i);
        check_write_text(name, "");
    }
    check_fails(open_path(check_path("many"), &err), &err, SN_ERR_INPUT,
                "there is no file data_batch_1.bin in ");
    check_fails(
        open_path(check_path("many"), &err), &err, SN_ERR_INPUT,
        "which holds f00, f01, f02, f03, f04, f05, f06, f07 and 3 more");
}

static void folders_it_may_not_enter(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root goes everywhere */
    struct sn_error err = {0};
    assert_int_equal(mkdir(check_path("closed"), 0), 0);
    check_fails(open_path(check_path("closed/x"), &err), &err, SN_ERR_INPUT,
                "closed/x: Permission denied");
    check_fails(open_path(check_path("closed"), &err), &err, SN_ERR_INPUT,
                "data_batch_1.bin: Permission denied");
}

/* Two 1x2 grey pictures as an IDX set: mean and deviation by hand. */
static struct sn_dataset tiny_set(const uint8_t pixels[4])
{
    uint8_t images[16 + 4] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2};
    const uint8_t labels[8 + 2] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    memcpy(images + 16, pixels, 4);
    check_write("train-images-idx3-ubyte", images, sizeof images);
    check_write("train-labels-idx1-ubyte", labels, sizeof labels);
    check_write("t10k-images-idx3-ubyte", images, sizeof images);
    check_write("t10k-labels-idx1-ubyte", labels, sizeof labels);
    struct sn_dataset set;
    struct sn_error err = {0};
    struct sn_data_options o = defaults();
    o.set = SN_DATA_IDX;
    snprintf(o.path, sizeof o.path, "%s", check_dir());
    check_ok(sn_dataset_open(&set, &o, 1, &err), &err);
    return set;
}

static void statistics_are_exact(void **state)
{
    (void)state;
    struct sn_dataset set = tiny_set((const uint8_t[]){10, 20, 30, 60});
    assert_true(set.mean[0] == (float)(30.0 / 255.0));
    assert_true(set.deviation[0] == (float)(sqrt(350.0) / 255.0));
    sn_dataset_release(&set);

    set = tiny_set((const uint8_t[]){9, 9, 9, 9}); /* no division by zero */
    assert_true(set.mean[0] == (float)(9.0 / 255.0));
    assert_true(set.deviation[0] == 1.0f);
    sn_dataset_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_has_defaults),
        cmocka_unit_test(table_knows_every_set_and_range),
        cmocka_unit_test(check_lists_all_faults),
        cmocka_unit_test(missing_folders_are_explained),
        cmocka_unit_test(relative_paths_are_shown_in_full),
        cmocka_unit_test(long_listings_are_cut),
        cmocka_unit_test(folders_it_may_not_enter),
        cmocka_unit_test(statistics_are_exact),
    };
    return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
