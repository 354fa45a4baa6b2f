#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "base/file.h"
#include "datasets/ahead.h"
#include "datasets/datasets_internal.h"
#include "datasets/write.h"

/* Decoding ahead: what is handed out is the picture that was asked for, or
 * nothing, however helpers and askers interleave. */

static struct sn_error err;

enum { IMAGES = 40, SIDE = 16 };

/* A set of pictures of scenes, none of them kept. */
static struct sn_dataset *open_set(void)
{
    struct sn_data_options o;
    struct sn_dataset *set = calloc(1, sizeof *set);
    const char *dir = check_path("scenes");
    sn_option_defaults(&sn_data_table, &o);
    o.size = SIDE;
    o.scenes_train = IMAGES;
    o.scenes_test = 20;
    if (!sn_file_exists(dir)) {
        check_ok(sn_dataset_open(set, &o, 1, &err), &err);
        check_ok(sn_dataset_write(set, dir, SN_IMAGE_JPEG, &err), &err);
        sn_dataset_release(set);
    }
    setenv("XDG_CACHE_HOME", check_path("cache"), 1);
    o.set = SN_DATA_FOLDER;
    o.cache = SN_CACHE_OFF;
    snprintf(o.path, sizeof o.path, "%s", dir);
    check_ok(sn_dataset_open(set, &o, 1, &err), &err);
    return set;
}

static void closed(struct sn_dataset *set)
{
    sn_dataset_release(set);
    free(set);
}

static void pause_for(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

/* Picture i of the n that are wanted, once it is ready.  Helpers may get no
 * core for a while, so ever more time passes before it is asked for. */
static const uint8_t *wait_for(struct sn_ahead *a, int i, const int *entry,
                               int n)
{
    const uint8_t *got = NULL;
    for (int ms = 2; !got && ms < 60000; ms *= 2) {
        sn_ahead_want(a, entry, n);
        pause_for(ms);
        /* looking at another entry changes nothing */
        assert_null(sn_ahead_take(a, i, entry[i] + 1));
        got = sn_ahead_take(a, i, entry[i]);
    }
    return got;
}

static void ready_pictures_are_the_right_ones(void **state)
{
    (void)state;
    struct sn_dataset *set = open_set();
    struct sn_ahead *a;
    uint8_t want[SIDE * SIDE * 3];
    struct sn_extent extent;
    int entry[8];
    check_ok(sn_ahead_create(&a, set->store, 8, 3, &err), &err);
    for (int i = 0; i < 8; i++)
        entry[i] = 3 * i;
    assert_non_null(wait_for(a, 7, entry, 8));
    for (int i = 0; i < 8; i++) {
        const uint8_t *got = sn_ahead_take(a, i, entry[i]);
        check_ok(sn_store_decode(set->store, entry[i], want, &extent, &err),
                 &err);
        if (got)
            check_same(got, want, sizeof want, "a picture");
    }
    sn_ahead_want(a, entry, 0);
    assert_null(sn_ahead_take(a, 0, entry[0]));
    sn_ahead_destroy(a);
    sn_ahead_destroy(NULL);
    closed(set);
}

/* Several teams take turns: each is served, and one may end while the others
 * are at work or wait. */
static void teams_take_turns(void **state)
{
    (void)state;
    enum { TEAMS = 4 };
    struct sn_dataset *set = open_set();
    for (int round = 0; round < 20; round++) {
        struct sn_ahead *a[TEAMS];
        const int entry[3] = {round % IMAGES, (round + 5) % IMAGES, 3};
        for (int i = 0; i < TEAMS; i++) {
            check_ok(sn_ahead_create(&a[i], set->store, 3, 1 + i % 2, &err),
                     &err);
            sn_ahead_want(a[i], entry, 3);
        }
        if (round % 2)
            pause_for(1);
        sn_ahead_destroy(a[round % TEAMS]);
        const int stays = (round + 1) % TEAMS;
        assert_non_null(wait_for(a[stays], 2, entry, 3));
        for (int i = 0; i < TEAMS; i++)
            if (i != round % TEAMS)
                sn_ahead_destroy(a[i]);
    }
    closed(set);
}

/* What is wanted changes all the time. */
static void changes_of_mind_do_no_harm(void **state)
{
    (void)state;
    struct sn_dataset *set = open_set();
    uint8_t(*want)[SIDE * SIDE * 3] = malloc(IMAGES * sizeof *want);
    struct sn_ahead *a;
    struct sn_extent extent;
    int entry[8], ready = 0;
    for (int i = 0; i < IMAGES; i++)
        check_ok(sn_store_decode(set->store, i, want[i], &extent, &err), &err);
    check_ok(sn_ahead_create(&a, set->store, 8, 4, &err), &err);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 8; i++)
            entry[i] = (7 * round + 3 * i * (round % 5)) % IMAGES;
        sn_ahead_want(a, entry, 8);
        if (round % 3 == 0)
            pause_for(1);
        for (int i = 0; i < 8; i++) {
            const uint8_t *got = sn_ahead_take(a, i, entry[i]);
            if (!got)
                continue;
            ready++;
            check_same(got, want[entry[i]], sizeof *want, "a picture");
        }
    }
    sn_ahead_destroy(a);
    free(want);
    closed(set);
    printf("%d of 2400 pictures were ready\n", ready);
}

/* Epochs through a loader, with time for the helpers or without. */
static void batches_are_the_same_with_or_without(void **state)
{
    (void)state;
    struct sn_dataset *set = open_set();
    static float x[2][8 * SIDE * SIDE * 3];
    int index[IMAGES], labels[2][8];
    struct sn_loader l[2];
    const struct sn_augment augment = {1, 2, 4};
    for (int i = 0; i < IMAGES; i++)
        index[i] = i;
    for (int i = 0; i < 2; i++)
        check_ok(sn_loader_init(&l[i], set, &set->train, index, IMAGES - 3, 8,
                                SIDE, 3, &augment, i == 0, 1, &err),
                 &err);
    l[1].shuffle = 1; /* its batches are asked for out of order */
    for (int epoch = 0; epoch < 3; epoch++)
        for (int ib = 0; ib < sn_loader_batches(&l[0]); ib++) {
            omp_set_num_threads(1 + ib % 3);
            sn_loader_batch(&l[0], epoch, ib, x[0], labels[0]);
            sn_loader_batch(&l[1], epoch + 5, 0, x[1], labels[1]);
            sn_loader_batch(&l[1], epoch, ib, x[1], labels[1]);
            check_same(x[0], x[1], sizeof x[0], "a batch");
            check_same(labels[0], labels[1], sizeof labels[0], "labels");
            if (ib % 2)
                pause_for(1);
        }
    omp_set_num_threads(1);
    for (int i = 0; i < 2; i++) {
        check_ok(sn_loader_status(&l[i], &err), &err);
        sn_loader_release(&l[i]);
    }
    closed(set);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct sn_dataset *set = open_set();
    for (int i = 0;; i++) {
        struct sn_ahead *a = NULL;
        check_fail_allocation(i);
        const sn_status rc = sn_ahead_create(&a, set->store, 4, 2, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            sn_ahead_destroy(a);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "ahead");
    }
    closed(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_pictures_are_the_right_ones),
        cmocka_unit_test(teams_take_turns),
        cmocka_unit_test(changes_of_mind_do_no_harm),
        cmocka_unit_test(batches_are_the_same_with_or_without),
        cmocka_unit_test(memory_may_run_out),
    };
    omp_set_num_threads(3); /* scratch of loaders is for so many */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
