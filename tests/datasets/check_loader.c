#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/rng.h"
#include "datasets/datasets_internal.h"

/* Batches: normalisation, placing, order, and each augmentation against its
 * definition, written here a second time and pixel by pixel. */

enum { MANY = 300 };

/* A set of n pictures of seeded noise, all bytes above 0; label i % 10. */
static struct sn_dataset noise_set(int n, int h, int w, int c)
{
    struct sn_dataset set = {.classes = 10};
    struct sn_error err = {0};
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    check_ok(sn_images_alloc(&set.train, n, h, w, c, &err), &err);
    for (int i = 0; i < n * h * w * c; i++)
        set.train.pixels[i] =
            (uint8_t)(1 + sn_rng_below(rng, 0, (uint32_t)i, 0, 255));
    for (int i = 0; i < n; i++)
        set.train.labels[i] = i % 10;
    for (int ic = 0; ic < c; ic++) {
        set.mean[ic] = 0.4f + 0.05f * (float)ic + 0.001f; /* no byte / 255 */
        set.deviation[ic] = 0.2f + 0.02f * (float)ic;
    }
    return set;
}

/* A loader of all pictures of a set in their order. */
static struct sn_loader loader_of(const struct sn_dataset *set, int batch,
                                  int size, int step,
                                  const struct sn_augment *a, int shuffle)
{
    static int all[MANY];
    struct sn_loader l;
    struct sn_error err = {0};
    for (int i = 0; i < MANY; i++)
        all[i] = i;
    check_ok(sn_loader_init(&l, set, &set->train, all, set->train.n, batch,
                            size, step, a, shuffle, check_seed(), &err),
             &err);
    return l;
}

/* The whole of an epoch's single batch, from memory that held NaN. */
static float *whole_batch(struct sn_loader *l, int epoch, int *labels)
{
    const ptrdiff_t n = (ptrdiff_t)l->n * l->size * l->size * l->pixel_step;
    float *x = check_zeros(n);
    check_poison(x, n);
    assert_int_equal(sn_loader_batch(l, epoch, 0, x, labels), l->n);
    return x;
}

static float value_of(const struct sn_dataset *set, int i, int y, int x, int ic)
{
    const struct sn_images *im = &set->train;
    const int at = ((i * im->h + y) * im->w + x) * im->c + ic;
    return ((float)im->pixels[at] / 255.0f - set->mean[ic]) /
           set->deviation[ic];
}

static float at(const struct sn_loader *l, const float *x, int i, int iy,
                int ix, int ic)
{
    return x[((ptrdiff_t)(i * l->size + iy) * l->size + ix) * l->pixel_step +
             ic];
}

static void normalises_exactly(void **state)
{
    (void)state;
    for (int c = 1; c <= 4; c++) {
        struct sn_dataset set = noise_set(5, 9, 9, c);
        struct sn_loader l = loader_of(&set, 5, 9, c + 2, NULL, 0);
        int labels[5];
        const float *x = whole_batch(&l, 0, labels);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(labels[i], i % 10);
            for (int ip = 0; ip < 81; ip++)
                for (int ic = 0; ic < c + 2; ic++) {
                    const float want =
                        ic < c ? value_of(&set, i, ip / 9, ip % 9, ic) : 0.0f;
                    const float got = at(&l, x, i, ip / 9, ip % 9, ic);
                    check_same(&got, &want, sizeof got, "a value");
                }
        }
        check_guards();
        sn_loader_release(&l);
        sn_images_release(&set.train);
    }
}

static void centres_smaller_pictures(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(2, 4, 6, 1);
    struct sn_loader l = loader_of(&set, 2, 9, 1, NULL, 0);
    int labels[2];
    const float *x = whole_batch(&l, 0, labels);
    for (int i = 0; i < 2; i++)
        for (int iy = 0; iy < 9; iy++)
            for (int ix = 0; ix < 9; ix++) {
                const int y = iy - 2,
                          px = ix - 1; /* (9 - 4) / 2, (9 - 6) / 2 */
                const bool in = y >= 0 && y < 4 && px >= 0 && px < 6;
                const float want = in ? value_of(&set, i, y, px, 0) : 0.0f;
                assert_true(at(&l, x, i, iy, ix, 0) == want);
            }
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

/* 1D area weights for 3 pixels into 2: (1, 1/2) and (1/2, 1) of 3/2. */
static void averages_larger_pictures(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(3, 12, 6, 2);
    struct sn_loader l = loader_of(&set, 3, 8, 2, NULL, 0);
    int labels[3];
    const float *x = whole_batch(&l, 0, labels);
    for (int i = 0; i < 3; i++)
        for (int iy = 0; iy < 8; iy++)
            for (int ix = 0; ix < 8; ix++)
                for (int ic = 0; ic < 2; ic++) {
                    /* 12 x 6 becomes 8 x 4, two columns from the left */
                    double want = 0;
                    const int px = ix - 2;
                    if (px < 0 || px >= 4) {
                        assert_true(at(&l, x, i, iy, ix, ic) == 0.0f);
                        continue;
                    }
                    for (int a = 0; a < 2; a++)
                        for (int b = 0; b < 2; b++) {
                            const double wy = (iy % 2 == a) ? 1.0 : 0.5;
                            const double wx = (px % 2 == b) ? 1.0 : 0.5;
                            const int sy = iy / 2 * 3 + iy % 2 + a;
                            const int sx = px / 2 * 3 + px % 2 + b;
                            want += wy * wx / 2.25 *
                                    (double)value_of(&set, i, sy, sx, ic);
                        }
                    assert_true(fabs((double)at(&l, x, i, iy, ix, ic) - want) <
                                1e-5);
                }
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

static void flips_alternate(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(MANY, 8, 8, 3);
    const struct sn_augment a = {.flip = 1};
    struct sn_loader l = loader_of(&set, MANY, 8, 3, &a, 0);
    int labels[MANY], mirrored = 0;
    float *x[3];
    for (int epoch = 0; epoch < 3; epoch++)
        x[epoch] = whole_batch(&l, epoch, labels);
    check_same(x[2], x[0], sizeof *x[0] * MANY * 8 * 8 * 3, "two epochs later");
    for (int i = 0; i < MANY; i++) {
        const bool first =
            at(&l, x[0], i, 0, 0, 0) == value_of(&set, i, 0, 7, 0) &&
            at(&l, x[0], i, 1, 2, 1) == value_of(&set, i, 1, 5, 1);
        mirrored += first;
        for (int ip = 0; ip < 64; ip++)
            for (int ic = 0; ic < 3; ic++) {
                const int y = ip / 8, px = ip % 8;
                const float plain = value_of(&set, i, y, px, ic);
                const float swapped = value_of(&set, i, y, 7 - px, ic);
                assert_true(at(&l, x[0], i, y, px, ic) ==
                            (first ? swapped : plain));
                assert_true(at(&l, x[1], i, y, px, ic) ==
                            (first ? plain : swapped));
            }
    }
    assert_in_range(mirrored, MANY / 2 - 45, MANY / 2 + 45); /* 5 deviations */
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

/* -3 -2 -1 0 1 .. n-1 n n+1 -> 3 2 1 0 1 .. n-1 n-2 n-3 */
static int reflected(int i, int n)
{
    return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

static void translation_reflects(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(MANY, 8, 8, 1);
    const struct sn_augment a = {.flip = 1, .translate = 3};
    struct sn_loader l = loader_of(&set, MANY, 8, 1, &a, 0);
    int labels[MANY], seen[7][7] = {{0}}, places = 0;
    for (int epoch = 0; epoch < 2; epoch++) {
        const float *x = whole_batch(&l, epoch, labels);
        for (int i = 0; i < MANY; i++) {
            const struct sn_move m =
                sn_augment_draw(&a, check_seed(), epoch, i, 8);
            assert_in_range(m.dx + 3, 0, 6);
            assert_in_range(m.dy + 3, 0, 6);
            places += !seen[m.dy + 3][m.dx + 3]++;
            for (int ip = 0; ip < 64; ip++) {
                const int ix = m.flip ? 7 - ip % 8 : ip % 8;
                const float want =
                    value_of(&set, i, reflected(ip / 8 - m.dy, 8),
                             reflected(ix - m.dx, 8), 0);
                assert_true(at(&l, x, i, ip / 8, ip % 8, 0) == want);
            }
        }
    }
    assert_int_equal(places, 49); /* of 600 draws over 49 places */
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

/* A small picture on a larger canvas is moved, and cut at the canvas' edge;
 * nothing of it is reflected. */
static void translation_moves_padded_pictures(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(MANY, 6, 6, 1);
    const struct sn_augment a = {.translate = 4};
    struct sn_loader l = loader_of(&set, MANY, 10, 1, &a, 0);
    int labels[MANY];
    const float *x = whole_batch(&l, 0, labels);
    for (int i = 0; i < MANY; i++) {
        const struct sn_move m = sn_augment_draw(&a, check_seed(), 0, i, 10);
        for (int ip = 0; ip < 100; ip++) {
            const int y = ip / 10 - 2 - m.dy, px = ip % 10 - 2 - m.dx;
            const bool in = y >= 0 && y < 6 && px >= 0 && px < 6;
            const float want = in ? value_of(&set, i, y, px, 0) : 0.0f;
            assert_true(at(&l, x, i, ip / 10, ip % 10, 0) == want);
        }
    }
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

static void cutout_clears_one_square(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(MANY, 8, 8, 3);
    const struct sn_augment a = {.cutout = 3};
    struct sn_loader l = loader_of(&set, MANY, 8, 5, &a, 0);
    int labels[MANY], corners[6][6] = {{0}}, places = 0;
    const float *x = whole_batch(&l, 0, labels);
    for (int i = 0; i < MANY; i++) {
        const struct sn_move m = sn_augment_draw(&a, check_seed(), 0, i, 8);
        assert_in_range(m.cut_x, 0, 5);
        assert_in_range(m.cut_y, 0, 5);
        places += !corners[m.cut_y][m.cut_x]++;
        for (int ip = 0; ip < 64; ip++)
            for (int ic = 0; ic < 3; ic++) {
                const int y = ip / 8, px = ip % 8;
                const bool cut = y >= m.cut_y && y < m.cut_y + 3 &&
                                 px >= m.cut_x && px < m.cut_x + 3;
                assert_true(at(&l, x, i, y, px, ic) ==
                            (cut ? 0.0f : value_of(&set, i, y, px, ic)));
            }
    }
    assert_int_equal(places, 36);
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

static void counts_batches(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(10, 8, 8, 1);
    float *x = check_zeros(4 * 64);
    int labels[4];
    struct sn_loader l = loader_of(&set, 4, 8, 1, NULL, 0);
    assert_int_equal(sn_loader_batches(&l), 3);
    check_poison(x, 4 * 64);
    labels[2] = labels[3] = -1;
    assert_int_equal(sn_loader_batch(&l, 0, 2, x, labels), 2);
    assert_int_equal(labels[0], 8);
    assert_int_equal(labels[1], 9);
    assert_int_equal(labels[2], -1);
    check_poisoned(x + 2 * 64, 2 * 64); /* the rest is left alone */
    sn_loader_release(&l);

    l = loader_of(&set, 4, 8, 1, NULL, 1);
    assert_int_equal(sn_loader_batches(&l), 2); /* the ragged rest is dropped */
    assert_int_equal(sn_loader_batch(&l, 0, 1, x, labels), 4);
    sn_loader_release(&l);

    set.train.n = 0; /* nothing to evaluate is no error */
    l = loader_of(&set, 4, 8, 1, NULL, 0);
    assert_int_equal(sn_loader_batches(&l), 0);
    sn_loader_release(&l);
    check_guards();
    sn_images_release(&set.train);
}

/* The pictures of an epoch in the order they come, known by their labels. */
static void order_of(struct sn_loader *l, int epoch, int *order)
{
    float *x = check_zeros(20 * 64);
    for (int ib = 0; ib < sn_loader_batches(l); ib++)
        assert_int_equal(sn_loader_batch(l, epoch, ib, x, order + ib * 20), 20);
    check_guards();
}

static void epochs_are_permutations(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(100, 8, 8, 1);
    int first[100], second[100], again[100], seen[100] = {0};
    for (int i = 0; i < 100; i++)
        set.train.labels[i] = i;
    struct sn_loader l = loader_of(&set, 20, 8, 1, NULL, 1);
    order_of(&l, 0, first);
    order_of(&l, 1, second);
    order_of(&l, 0, again); /* back in time */
    check_same(again, first, sizeof first, "epoch 0 once more");
    assert_true(memcmp(first, second, sizeof first) != 0);
    int fixed = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(seen[first[i]]++, 0);
        fixed += first[i] == i;
    }
    assert_true(fixed < 10); /* one is expected */

    /* another loader that begins in the middle of epoch 1 */
    struct sn_loader late = loader_of(&set, 20, 8, 1, NULL, 1);
    float *x = check_zeros(20 * 64);
    int labels[20];
    assert_int_equal(sn_loader_batch(&late, 1, 3, x, labels), 20);
    check_same(labels, second + 60, sizeof labels, "a batch after a resume");
    check_guards();
    late.seed++;
    late.order_epoch = -1;
    order_of(&late, 0, again);
    assert_true(memcmp(first, again, sizeof first) != 0);
    sn_loader_release(&late);
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

static void draws_from_its_index_alone(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(50, 8, 8, 1);
    const int index[6] = {3, 14, 15, 26, 35, 49};
    struct sn_loader l;
    struct sn_error err = {0};
    check_ok(sn_loader_init(&l, &set, &set.train, index, 6, 6, 8, 1, NULL, 1, 1,
                            &err),
             &err);
    int labels[6], sum = 0;
    const float *x = whole_batch(&l, 4, labels);
    for (int i = 0; i < 6; i++) {
        sum += l.order[i];
        assert_int_equal(labels[i], l.order[i] % 10);
        assert_true(at(&l, x, i, 2, 3, 0) ==
                    value_of(&set, l.order[i], 2, 3, 0));
    }
    assert_int_equal(sum, 3 + 14 + 15 + 26 + 35 + 49);
    check_guards();
    sn_loader_release(&l);
    sn_images_release(&set.train);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(MANY, 19, 23, 3);
    const struct sn_augment a = {.flip = 1, .translate = 2, .cutout = 5};
    const int threads = omp_get_max_threads();
    for (int size = 16; size <= 32; size += 16) { /* scaled down, and padded */
        struct sn_loader l = loader_of(&set, MANY, size, 4, &a, 1);
        int one[MANY], four[MANY];
        omp_set_num_threads(1);
        const float *x = whole_batch(&l, 3, one);
        omp_set_num_threads(4);
        const float *y = whole_batch(&l, 3, four);
        omp_set_num_threads(threads);
        check_same(four, one, sizeof one, "labels");
        check_same(y, x, sizeof *x * MANY * (size_t)(size * size * 4), "batch");
        check_guards();
        sn_loader_release(&l);
    }
    sn_images_release(&set.train);
}

static void parses_augment(void **state)
{
    (void)state;
    struct sn_augment a = {7, 7, 7};
    struct sn_error err = {0};
    check_ok(sn_augment_parse(&a, " none ", &err), &err);
    assert_true(a.flip == 0 && a.translate == 0 && a.cutout == 0);
    check_ok(sn_augment_parse(&a, "flip, translate:4,cutout : 8", &err), &err);
    assert_true(a.flip == 1 && a.translate == 4 && a.cutout == 8);
    check_ok(sn_augment_parse(&a, "cutout:512", &err), &err);
    assert_true(a.flip == 0 && a.translate == 0 && a.cutout == 512);
}

static void refuses_bad_augment(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } bad[] = {
        {"mixup:2", "'mixup' is not known, expected none, or any of flip, "
                    "translate:PIXELS, cutout:PIXELS"},
        {"", "'' is not known"},
        {"flip,", "'' is not known"},
        {"none, flip", "'none' is not known"},
        {"flip translate:4", "'flip translate' is not known"},
        {"flip, flip", "flip stands there twice"},
        {"translate:2, translate:2", "translate stands there twice"},
        {"flip:1", "flip takes no number"},
        {"translate", "translate needs a number of pixels, as in translate:4"},
        {"cutout, flip", "cutout needs a number of pixels"},
        {"translate:", "translate:: expected a number of pixels from 1 to 512"},
        {"translate:0", "translate:0: expected a number of pixels"},
        {"translate:-2", "translate:-2: expected a number of pixels"},
        {"cutout:4px", "cutout:4px: expected a number of pixels"},
        {"cutout:513", "cutout:513: expected a number of pixels"},
        {"cutout:99999999999999999999", "expected a number of pixels"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sn_augment a = {7, 7, 7};
        struct sn_error err = {0};
        check_fails(sn_augment_parse(&a, bad[i].text, &err), &err,
                    SN_ERR_CONFIG, bad[i].fault);
        assert_int_equal(a.translate, 7);
    }
}

static void refuses_what_cannot_be_loaded(void **state)
{
    (void)state;
    struct sn_dataset set = noise_set(10, 8, 8, 1);
    const int index[3] = {0, 1, 2};
    const struct sn_augment far = {.translate = 5}, big = {.cutout = 5};
    struct sn_loader l = {0};
    struct sn_error err = {0};
    check_fails(sn_loader_init(&l, &set, &set.train, index, 3, 4, 8, 1, NULL, 1,
                               1, &err),
                &err, SN_ERR_CONFIG,
                "batch: 3 images do not fill a batch of 4");
    check_fails(sn_loader_init(&l, &set, &set.train, index, 3, 3, 8, 1, &far, 1,
                               1, &err),
                &err, SN_ERR_CONFIG,
                "translate:5 is more than half the side of images of 8 pixels");
    check_fails(sn_loader_init(&l, &set, &set.train, index, 3, 3, 8, 1, &big, 1,
                               1, &err),
                &err, SN_ERR_CONFIG,
                "cutout:5 is more than half the side of images of 8 pixels");
    check_fail_allocation(0);
    const sn_status rc = sn_loader_init(&l, &set, &set.train, index, 3, 3, 8, 1,
                                        NULL, 1, 1, &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "no memory to order 3 images");
    assert_null(l.order);
    sn_images_release(&set.train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises_exactly),
        cmocka_unit_test(centres_smaller_pictures),
        cmocka_unit_test(averages_larger_pictures),
        cmocka_unit_test(flips_alternate),
        cmocka_unit_test(translation_reflects),
        cmocka_unit_test(translation_moves_padded_pictures),
        cmocka_unit_test(cutout_clears_one_square),
        cmocka_unit_test(counts_batches),
        cmocka_unit_test(epochs_are_permutations),
        cmocka_unit_test(draws_from_its_index_alone),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(parses_augment),
        cmocka_unit_test(refuses_bad_augment),
        cmocka_unit_test(refuses_what_cannot_be_loaded),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
