#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "datasets/datasets_internal.h"

/* `scenes`: the same pictures from the same seed, truthful masks and boxes,
 * and a task that pixels alone do not solve. */

static struct sn_dataset draw(int train, int test, int size, uint64_t seed)
{
    const struct sn_data_options o = {.set = SN_DATA_SCENES,
                                      .size = size,
                                      .val = 0.1,
                                      .augment = "none",
                                      .scenes_train = train,
                                      .scenes_test = test};
    struct sn_dataset set;
    struct sn_error err = {0};
    check_ok(sn_dataset_open(&set, &o, seed, &err), &err);
    return set;
}

static size_t bytes_of(const struct sn_images *im)
{
    return (size_t)im->n * (size_t)im->h * (size_t)im->w * (size_t)im->c;
}

static void same_images(const struct sn_images *a, const struct sn_images *b)
{
    const size_t boxes = (size_t)a->first_box[a->n];
    check_same(b->pixels, a->pixels, bytes_of(a), "pixels");
    check_same(b->masks, a->masks, bytes_of(a) / 3, "masks");
    check_same(b->labels, a->labels, (size_t)a->n * sizeof *a->labels,
               "labels");
    check_same(b->first_box, a->first_box,
               ((size_t)a->n + 1) * sizeof *a->first_box, "first_box");
    check_same(b->boxes, a->boxes, boxes * sizeof *a->boxes, "boxes");
}

static void seed_decides_all(void **state)
{
    (void)state;
    struct sn_dataset a = draw(100, 40, 32, 3), b = draw(100, 40, 32, 3);
    struct sn_dataset other = draw(100, 40, 32, 4);
    assert_string_equal(a.name, "scenes");
    assert_int_equal(a.train.n, 100);
    assert_int_equal(a.test.n, 40);
    assert_int_equal(a.classes, SN_SCENE_CLASSES);
    assert_string_equal(a.class_name[0], "disc");
    assert_string_equal(a.class_name[SN_SCENE_CLASSES - 1], "checker");
    same_images(&a.train, &b.train);
    same_images(&a.test, &b.test);
    for (int i = 0; i < 40; i++) { /* no picture is that of another seed */
        const size_t at = (size_t)i * 32 * 32 * 3, bytes = 32 * 32 * 3;
        assert_true(
            memcmp(a.train.pixels + at, other.train.pixels + at, bytes) != 0);
        assert_true(memcmp(a.train.pixels + at, a.test.pixels + at, bytes) !=
                    0);
        assert_true(memcmp(a.train.pixels + at, a.train.pixels + at + bytes,
                           bytes) != 0);
    }
    sn_dataset_release(&a);
    sn_dataset_release(&b);
    sn_dataset_release(&other);
    assert_null(a.train.pixels);
    assert_null(a.test.first_box);
}

static void larger_sets_begin_alike(void **state)
{
    (void)state;
    struct sn_dataset small = draw(20, 20, 32, 3), large = draw(55, 33, 32, 3);
    check_same(large.train.pixels, small.train.pixels, bytes_of(&small.train),
               "train");
    check_same(large.test.pixels, small.test.pixels, bytes_of(&small.test),
               "test");
    sn_dataset_release(&small);
    sn_dataset_release(&large);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    struct sn_dataset one = draw(101, 20, 24, 3);
    omp_set_num_threads(4);
    struct sn_dataset four = draw(101, 20, 24, 3);
    omp_set_num_threads(threads);
    same_images(&one.train, &four.train);
    same_images(&one.test, &four.test);
    sn_dataset_release(&one);
    sn_dataset_release(&four);
}

static void classes_are_balanced(void **state)
{
    (void)state;
    struct sn_dataset set = draw(57, 200, 16, 3);
    int train[SN_SCENE_CLASSES] = {0}, test[SN_SCENE_CLASSES] = {0};
    int in_order = 0;
    for (int i = 0; i < 57; i++)
        train[set.train.labels[i]]++;
    for (int i = 0; i < 200; i++) {
        test[set.test.labels[i]]++;
        in_order += set.test.labels[i] == i % SN_SCENE_CLASSES;
    }
    for (int label = 0; label < SN_SCENE_CLASSES; label++) {
        assert_in_range(train[label], 5, 6);
        assert_int_equal(test[label], 20);
    }
    assert_true(in_order < 60); /* 20 are expected */
    sn_dataset_release(&set);
}

/* The box is inside the picture, its edges touch the mask, and nothing of the
 * mask lies outside it. */
static void box_is_tight(const uint8_t *mask, int side, const struct sn_box *b)
{
    const int x0 = (int)b->x0, y0 = (int)b->y0;
    const int x1 = (int)b->x1, y1 = (int)b->y1;
    int edge[4] = {0};
    assert_true(x0 >= 0 && y0 >= 0 && x1 <= side && y1 <= side);
    assert_true(x0 < x1 && y0 < y1);
    for (int iy = 0; iy < side; iy++)
        for (int ix = 0; ix < side; ix++) {
            if (mask[iy * side + ix] != b->label + 1)
                continue;
            assert_true(ix >= x0 && ix < x1 && iy >= y0 && iy < y1);
            edge[0] |= ix == x0;
            edge[1] |= ix == x1 - 1;
            edge[2] |= iy == y0;
            edge[3] |= iy == y1 - 1;
        }
    assert_true(edge[0] && edge[1] && edge[2] && edge[3]);
}

static void boxes_fit_masks(void **state)
{
    (void)state;
    static const int sides[] = {16, 31, 64};
    for (int is = 0; is < 3; is++) {
        const int side = sides[is], n = 500;
        struct sn_dataset set = draw(n, 20, side, 7);
        int pairs = 0;
        double covered = 0;
        for (int i = 0; i < n; i++) {
            const uint8_t *mask = set.train.masks + (ptrdiff_t)i * side * side;
            const struct sn_box *box = set.train.boxes + set.train.first_box[i];
            const int boxes =
                set.train.first_box[i + 1] - set.train.first_box[i];
            assert_in_range(boxes, 1, SN_SCENE_OBJECTS);
            assert_int_equal(box[0].label, set.train.labels[i]);
            for (int ib = 0; ib < boxes; ib++)
                box_is_tight(mask, side, &box[ib]);
            if (boxes == 2) {
                pairs++;
                assert_int_not_equal(box[1].label, box[0].label);
                assert_in_range(box[1].label, 0, SN_SCENE_CLASSES - 1);
            }
            int own = 0;
            for (int ip = 0; ip < side * side; ip++) {
                own += mask[ip] == box[0].label + 1;
                assert_true(mask[ip] == 0 || mask[ip] == box[0].label + 1 ||
                            (boxes == 2 && mask[ip] == box[1].label + 1));
            }
            covered += own / (double)(side * side);
        }
        assert_in_range(pairs, n / 8, n / 2);
        assert_true(covered / n > 0.08 && covered / n < 0.4);
        sn_dataset_release(&set);
    }
}

/* Share of test pictures nearest to the mean picture of their own class. */
static double nearest_mean(const struct sn_dataset *set)
{
    enum { PIXELS = 32 * 32 * 3 };
    static double mean[SN_SCENE_CLASSES][PIXELS];
    int right = 0;
    for (int i = 0; i < set->train.n; i++)
        for (int ip = 0; ip < PIXELS; ip++)
            mean[set->train.labels[i]][ip] +=
                set->train.pixels[(ptrdiff_t)i * PIXELS + ip] *
                (double)SN_SCENE_CLASSES / set->train.n;
    for (int i = 0; i < set->test.n; i++) {
        int best = 0;
        double least = INFINITY;
        for (int label = 0; label < SN_SCENE_CLASSES; label++) {
            double sum = 0;
            for (int ip = 0; ip < PIXELS; ip++) {
                const double d = set->test.pixels[(ptrdiff_t)i * PIXELS + ip] -
                                 mean[label][ip];
                sum += d * d;
            }
            best = sum < least ? label : best;
            least = fmin(sum, least);
        }
        right += best == set->test.labels[i];
    }
    return (double)right / set->test.n;
}

/* Softmax regression on normalised pixels: a few passes of plain SGD. */
static double linear(const struct sn_dataset *set)
{
    enum { PIXELS = 32 * 32 * 3, K = SN_SCENE_CLASSES };
    static float w[K][PIXELS], x[PIXELS];
    int right = 0;
    for (int step = 0; step < 3 * set->train.n + set->test.n; step++) {
        const bool training = step < 3 * set->train.n;
        const struct sn_images *im = training ? &set->train : &set->test;
        const int i = step % set->train.n;
        const int at = training ? i : step - 3 * set->train.n;
        double p[K], sum = 0;
        int best = 0;
        for (int ip = 0; ip < PIXELS; ip++)
            x[ip] = (im->pixels[(ptrdiff_t)at * PIXELS + ip] - 115.0f) / 64.0f;
        for (int k = 0; k < K; k++) {
            float dot = 0;
            for (int ip = 0; ip < PIXELS; ip++)
                dot += w[k][ip] * x[ip];
            p[k] = exp((double)dot);
            sum += p[k];
            best = p[k] > p[best] ? k : best;
        }
        right += !training && best == im->labels[at];
        for (int k = 0; training && k < K; k++) {
            const double slope = p[k] / sum - (k == im->labels[at]);
            for (int ip = 0; ip < PIXELS; ip++)
                w[k][ip] -= (float)(1e-4 * slope) * x[ip];
        }
    }
    return (double)right / set->test.n;
}

static void pixels_alone_do_not_solve_it(void **state)
{
    (void)state;
    struct sn_dataset set = draw(2000, 1000, 32, 1);
    const double near = nearest_mean(&set), line = linear(&set);
    print_message("nearest mean %.3f, softmax regression %.3f\n", near, line);
    assert_true(near < 0.4 && line < 0.4);
    sn_dataset_release(&set);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    const struct sn_data_options o = {.set = SN_DATA_SCENES,
                                      .size = 16,
                                      .augment = "none",
                                      .scenes_train = 20,
                                      .scenes_test = 20};
    for (int n = 0; n < 10; n++) { /* five arrays each of train and test */
        struct sn_dataset set = {0};
        struct sn_error err = {0};
        check_fail_allocation(n);
        const sn_status rc = sn_dataset_open(&set, &o, 1, &err);
        assert_true(check_allocation_failed());
        check_fails(rc, &err, SN_ERR_MEMORY,
                    n % 5 < 2 ? "no memory for 20 images of 16x16x3"
                              : "no memory for masks and boxes of 20 pictures "
                                "of 16x16");
        assert_null(set.train.pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_decides_all),
        cmocka_unit_test(larger_sets_begin_alike),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(classes_are_balanced),
        cmocka_unit_test(boxes_fit_masks),
        cmocka_unit_test(pixels_alone_do_not_solve_it),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("scenes", tests, NULL, NULL);
}
