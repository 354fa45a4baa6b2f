#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "datasets/dataset.h"

/* The real sets, where datasets/fetch.sh has put them: the figures that are
 * known of them.  Tests run in the root of the project. */

#define CIFAR10 "datasets/data/cifar10"
#define FASHION "datasets/data/fashion-mnist"

static struct sn_dataset open_or_skip(enum sn_dataset_kind kind,
                                      const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        skip();
    struct sn_data_options o = {
        .set = kind, .size = 32, .val = 0.1, .augment = "none"};
    struct sn_dataset set;
    struct sn_error err = {0};
    snprintf(o.path, sizeof o.path, "%s", path);
    check_ok(sn_dataset_open(&set, &o, 1, &err), &err);
    return set;
}

static void has_statistics(const struct sn_dataset *set, int ic, double mean,
                           double deviation)
{
    assert_true((double)set->mean[ic] > mean - 5.1e-5);
    assert_true((double)set->mean[ic] < mean + 5.1e-5);
    assert_true((double)set->deviation[ic] > deviation - 5.1e-5);
    assert_true((double)set->deviation[ic] < deviation + 5.1e-5);
}

static void is_balanced(const struct sn_images *images)
{
    int count[10] = {0};
    for (int i = 0; i < images->n; i++)
        count[images->labels[i]]++;
    for (int label = 0; label < 10; label++)
        assert_int_equal(count[label], images->n / 10);
}

static void cifar10_is_what_it_is(void **state)
{
    (void)state;
    struct sn_dataset set = open_or_skip(SN_DATA_CIFAR10, CIFAR10);
    static const int train[] = {6, 9, 9, 4, 1, 1, 2, 7, 8, 3};
    static const int test[] = {3, 8, 8, 0, 6, 6, 1, 6, 3, 1};
    assert_int_equal(set.train.n, 50000);
    assert_int_equal(set.test.n, 10000);
    assert_string_equal(set.class_name[0], "airplane");
    assert_string_equal(set.class_name[9], "truck");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(set.train.labels[i], train[i]);
        assert_int_equal(set.test.labels[i], test[i]);
    }
    is_balanced(&set.train);
    is_balanced(&set.test);
    has_statistics(&set, 0, 0.4914, 0.2470);
    has_statistics(&set, 1, 0.4822, 0.2435);
    has_statistics(&set, 2, 0.4465, 0.2616);
    sn_dataset_release(&set);
}

static void fashion_mnist_is_what_it_is(void **state)
{
    (void)state;
    struct sn_dataset set = open_or_skip(SN_DATA_IDX, FASHION);
    assert_int_equal(set.train.n, 60000);
    assert_int_equal(set.test.n, 10000);
    assert_int_equal(set.train.h, 28);
    assert_int_equal(set.train.c, 1);
    assert_int_equal(set.classes, 10);
    assert_string_equal(set.class_name[9], "Ankle boot");
    is_balanced(&set.train);
    is_balanced(&set.test);
    has_statistics(&set, 0, 0.2860, 0.3530);
    sn_dataset_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar10_is_what_it_is),
        cmocka_unit_test(fashion_mnist_is_what_it_is),
    };
    return cmocka_run_group_tests_name("real sets", tests, NULL, NULL);
}
