#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/dataset.h"

/* The split: disjoint, complete, balanced, and a function of the seed. */

enum { N = 1003, CLASSES = 7 };

static int labels[N];

/* Classes of different sizes: class k has about k + 1 shares of 28. */
static struct sn_dataset uneven_set(void)
{
    struct sn_dataset set = {.classes = CLASSES};
    for (int i = 0; i < N; i++) {
        int share = i * 11 % 28, label = 0;
        while (share > label)
            share -= ++label;
        labels[i] = label;
    }
    set.train.n = N;
    set.train.labels = labels;
    return set;
}

static struct sn_split make(double val, double arch, uint64_t seed)
{
    const struct sn_dataset set = uneven_set();
    struct sn_split split;
    struct sn_error err = {0};
    check_ok(sn_split_make(&split, &set, val, arch, seed, &err), &err);
    return split;
}

/* Adds `mark` to seen[] for each index, which must ascend. */
static void mark(int *seen, const int *index, int n, int value)
{
    for (int i = 0; i < n; i++) {
        assert_in_range(index[i], 0, N - 1);
        assert_true(i == 0 || index[i] > index[i - 1]);
        seen[index[i]] += value;
    }
}

static void parts_are_disjoint_and_complete(void **state)
{
    (void)state;
    int seen[N] = {0}, full[N] = {0};
    struct sn_split s = make(0.1, 0.2, 5);
    assert_int_equal(s.n_weights + s.n_arch, s.n_full);
    assert_int_equal(s.n_full + s.n_val, N);
    mark(seen, s.weights, s.n_weights, 1);
    mark(seen, s.arch, s.n_arch, 10);
    mark(seen, s.val, s.n_val, 100);
    mark(full, s.full, s.n_full, 1);
    for (int i = 0; i < N; i++) {
        assert_true(seen[i] == 1 || seen[i] == 10 || seen[i] == 100);
        assert_int_equal(full[i], seen[i] != 100);
    }
    sn_split_release(&s);
    assert_null(s.full);
}

static int count(const int *index, int n, int label)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        found += labels[index[i]] == label;
    return found;
}

static void classes_give_the_same_share(void **state)
{
    (void)state;
    struct sn_split s = make(0.1, 0.2, 5);
    for (int label = 0; label < CLASSES; label++) {
        int all = 0;
        for (int i = 0; i < N; i++)
            all += labels[i] == label;
        const int val = (int)lround(0.1 * all);
        assert_int_equal(count(s.val, s.n_val, label), val);
        assert_int_equal(count(s.arch, s.n_arch, label),
                         (int)lround(0.2 * (all - val)));
    }
    sn_split_release(&s);
}

static void same_seed_same_split(void **state)
{
    (void)state;
    struct sn_split a = make(0.1, 0.2, 5), b = make(0.1, 0.2, 5);
    struct sn_split other = make(0.1, 0.2, 6), whole = make(0.1, 0, 5);
    const size_t bytes = (size_t)a.n_val * sizeof *a.val;
    check_same(b.val, a.val, bytes, "val");
    check_same(b.arch, a.arch, (size_t)a.n_arch * sizeof *a.arch, "arch");
    assert_int_equal(other.n_val, a.n_val);
    assert_true(memcmp(other.val, a.val, bytes) != 0);

    /* what is in val does not depend on the other share */
    assert_int_equal(whole.n_arch, 0);
    check_same(whole.val, a.val, bytes, "val without arch");
    check_same(whole.full, a.full, (size_t)a.n_full * sizeof *a.full, "full");
    check_same(whole.weights, a.full, (size_t)a.n_full * sizeof *a.full,
               "weights without arch");
    sn_split_release(&a);
    sn_split_release(&b);
    sn_split_release(&other);
    sn_split_release(&whole);
}

static void no_share_no_part(void **state)
{
    (void)state;
    struct sn_split s = make(0, 0, 5);
    assert_int_equal(s.n_val, 0);
    assert_int_equal(s.n_arch, 0);
    assert_int_equal(s.n_weights, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(s.weights[i], i);
    sn_split_release(&s);
}

static void refuses_empty_parts(void **state)
{
    (void)state;
    struct sn_dataset set = uneven_set();
    struct sn_split s = {0};
    struct sn_error err = {0};
    set.train.n = 20;
    check_fails(sn_split_make(&s, &set, 0.01, 0, 1, &err), &err, SN_ERR_CONFIG,
                "[data] val: a share of 0.01 of 20 training images leaves none "
                "of any class");
    check_fails(sn_split_make(&s, &set, 0, 0.01, 1, &err), &err, SN_ERR_CONFIG,
                "[search] arch_split: a share of 0.01 of 20 training images");
    check_fails(sn_split_make(&s, &set, 0.4, 0.99, 1, &err), &err,
                SN_ERR_CONFIG,
                "val = 0.4 and arch_split = 0.99 leave none of the 20 training "
                "images to train weights on");
    assert_null(s.weights);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    const struct sn_dataset set = uneven_set();
    for (int n = 0; n < 6; n++) {
        struct sn_split s = {0};
        struct sn_error err = {0};
        check_fail_allocation(n);
        const sn_status rc = sn_split_make(&s, &set, 0.1, 0.2, 1, &err);
        assert_true(check_allocation_failed());
        check_fails(rc, &err, SN_ERR_MEMORY, "no memory to divide 1003 images");
        assert_null(s.full);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_disjoint_and_complete),
        cmocka_unit_test(classes_give_the_same_share),
        cmocka_unit_test(same_seed_same_split),
        cmocka_unit_test(no_share_no_part),
        cmocka_unit_test(refuses_empty_parts),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
