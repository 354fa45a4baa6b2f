/* Linear algebra, ridge, boosted trees and scores against what is known. */

#include "check.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "regress/boost.h"
#include "regress/linear.h"
#include "regress/score.h"

static double draw(uint32_t item, uint64_t index)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    return 2 * sn_rng_uniform(rng, 0, item, index) - 1;
}

static void near(double got, double want, double tol)
{
    if (!(fabs(got - want) <= tol))
        fail_msg("got %.12g, expected %.12g", got, want);
}

/* ---- linear ---- */

static void solves_systems(void **state)
{
    (void)state;
    enum { N = 7 };
    double root[N * N], a[N * N], x[N], b[N] = {0}, got[N];
    for (int i = 0; i < N * N; i++)
        root[i] = draw(1, (uint64_t)i);
    for (int i = 0; i < N; i++)
        x[i] = draw(2, (uint64_t)i);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i * N + j] = i == j;
            for (int k = 0; k < N; k++)
                a[i * N + j] += root[i * N + k] * root[j * N + k];
            b[i] += a[i * N + j] * x[j];
        }
    assert_true(sn_solve_spd(a, got, b, N));
    for (int i = 0; i < N; i++)
        near(got[i], x[i], 1e-9);
    sn_solve_again(a, got, b, N);
    for (int i = 0; i < N; i++)
        near(got[i], x[i], 1e-9);
    double bad[4] = {1, 2, 2, 1}, rhs[2] = {1, 1}; /* indefinite */
    assert_false(sn_solve_spd(bad, got, rhs, 2));
}

/* The conditions of Karush, Kuhn and Tucker: x >= 0, and the gradient is zero
 * where x > 0, else not negative. */
static void finds_non_negative_solutions(void **state)
{
    (void)state;
    enum { N = 6, ROWS = 20, CASES = 50 };
    for (uint32_t ic = 0; ic < CASES; ic++) {
        double a[N * N] = {0}, b[N] = {0}, x[N];
        for (uint32_t i = 0; i < ROWS; i++) {
            double row[N];
            for (int j = 0; j < N; j++)
                row[j] = draw(100 + ic, (uint64_t)i * N + (uint64_t)j) +
                         (ic % 2 ? 1 : 0);
            for (int j = 0; j < N; j++) {
                b[j] += row[j] * draw(200 + ic, i);
                for (int k = 0; k < N; k++)
                    a[j * N + k] += row[j] * row[k];
            }
        }
        sn_nnls(x, a, b, N);
        for (int j = 0; j < N; j++) {
            double slope = -b[j];
            for (int k = 0; k < N; k++)
                slope += a[j * N + k] * x[k];
            assert_true(x[j] >= 0);
            if (x[j] > 0)
                near(slope, 0, 1e-7);
            else
                assert_true(slope >= -1e-7);
        }
    }
}

static void ridge_finds_a_line(void **state)
{
    (void)state;
    enum { ROWS = 50, COLUMNS = 4 };
    double x[ROWS * COLUMNS], y[ROWS];
    struct sn_error err = {0};
    struct sn_ridge r;
    for (int i = 0; i < ROWS; i++) {
        double *row = x + (ptrdiff_t)i * COLUMNS;
        for (int j = 0; j < 3; j++)
            row[j] = 10 * draw(3, (uint64_t)(i * 3 + j));
        row[3] = 7; /* says nothing */
        y[i] = 2 + 3 * row[0] - 0.5 * row[1];
    }
    check_ok(sn_ridge_fit(&r, x, y, ROWS, COLUMNS, 0, &err), &err);
    for (int i = 0; i < ROWS; i++)
        near(sn_ridge_predict(&r, x + (ptrdiff_t)i * COLUMNS), y[i], 1e-5);
    near(r.weight[3], 0, 1e-9);
    const double other[COLUMNS] = {1, 1, 1, 1e6};
    near(sn_ridge_predict(&r, other), 4.5, 1e-3);
    sn_ridge_release(&r);
    /* a large penalty leaves the mean alone */
    check_ok(sn_ridge_fit(&r, x, y, ROWS, COLUMNS, 1e9, &err), &err);
    near(sn_ridge_predict(&r, x), r.bias, 1e-5);
    sn_ridge_release(&r);
}

/* ---- trees ---- */

static const struct sn_boost_options plain = {.trees = 1,
                                              .leaves = 2,
                                              .least = 1,
                                              .rate = 1,
                                              .lambda = 0,
                                              .row_share = 1,
                                              .column_share = 1};

static void a_stump_splits_best(void **state)
{
    (void)state;
    const float x[] = {1, 5, 2, 5, 3, 5, 10, 5, 11, 5, 12, 5};
    const double y[] = {1, 2, 3, 10, 11, 12};
    struct sn_error err = {0};
    struct sn_boost b;
    check_ok(sn_boost_fit(&b, x, y, 6, 2, &plain, &err), &err);
    assert_int_equal(b.root[1], 3);
    assert_int_equal(b.node[0].column, 0);
    near((double)b.node[0].edge, 6.5, 1e-6);
    near(sn_boost_predict(&b, (const float[]){0, 0}), 2, 1e-12);
    near(sn_boost_predict(&b, (const float[]){6.5F, 0}), 11, 1e-12);
    sn_boost_release(&b);
}

/* Without noise and with enough leaves every row is met. */
static void trees_meet_what_they_saw(void **state)
{
    (void)state;
    enum { ROWS = 200, COLUMNS = 3 };
    float x[ROWS * COLUMNS];
    double y[ROWS];
    struct sn_error err = {0};
    struct sn_boost b;
    struct sn_boost_options o = plain;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            x[i * COLUMNS + j] = (float)draw(5, (uint64_t)(i * COLUMNS + j));
        y[i] = draw(6, (uint64_t)i);
    }
    o.leaves = ROWS;
    check_ok(sn_boost_fit(&b, x, y, ROWS, COLUMNS, &o, &err), &err);
    for (int i = 0; i < ROWS; i++)
        near(sn_boost_predict(&b, x + (ptrdiff_t)i * COLUMNS), y[i], 1e-9);
    sn_boost_release(&b);
    o.leaves = 8;
    o.trees = 60;
    o.rate = 0.3;
    o.least = 5;
    check_ok(sn_boost_fit(&b, x, y, ROWS, COLUMNS, &o, &err), &err);
    int in_leaf[16] = {0};
    for (int i = 0; i < ROWS; i++) { /* `least` holds in the first tree */
        int at = 0;
        while (b.node[at].column >= 0)
            at = b.node[at].left +
                 !(x[i * COLUMNS + b.node[at].column] < b.node[at].edge);
        in_leaf[at]++;
    }
    for (int i = 0; i < b.root[1]; i++)
        assert_true(b.node[i].column >= 0 ? in_leaf[i] == 0 : in_leaf[i] >= 5);
    sn_boost_release(&b);
}

/* One far row moves the fit less under Huber's loss. */
static void a_clip_bounds_the_far_row(void **state)
{
    (void)state;
    enum { ROWS = 10 };
    const float x[ROWS] = {0};
    double y[ROWS] = {0};
    struct sn_error err = {0};
    struct sn_boost b;
    struct sn_boost_options o = plain;
    y[3] = 100;
    o.trees = 200;
    o.clip = 0.5;
    o.rate = 0.5;
    check_ok(sn_boost_fit(&b, x, y, ROWS, 1, &o, &err), &err);
    const double clipped = sn_boost_predict(&b, x);
    sn_boost_release(&b);
    o.clip = 0;
    check_ok(sn_boost_fit(&b, x, y, ROWS, 1, &o, &err), &err);
    near(sn_boost_predict(&b, x), 10, 1e-6);
    near(clipped, 0.5 / 9, 1e-3);
    sn_boost_release(&b);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    enum { ROWS = 50001, COLUMNS = 5 }; /* enough to be shared */
    static float x[ROWS * COLUMNS];
    static double y[ROWS];
    struct sn_error err = {0};
    struct sn_boost one, four;
    const struct sn_boost_options o = {.trees = 12,
                                       .leaves = 12,
                                       .least = 3,
                                       .rate = 0.3,
                                       .lambda = 1,
                                       .row_share = 0.7,
                                       .column_share = 0.6,
                                       .clip = 0.4,
                                       .seed = 3};
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            x[i * COLUMNS + j] = (float)draw(7, (uint64_t)(i * COLUMNS + j));
        y[i] = (double)(x[i * COLUMNS] * x[i * COLUMNS + 1]);
    }
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    check_ok(sn_boost_fit(&one, x, y, ROWS, COLUMNS, &o, &err), &err);
    omp_set_num_threads(4);
    check_ok(sn_boost_fit(&four, x, y, ROWS, COLUMNS, &o, &err), &err);
    omp_set_num_threads(before);
    check_same(one.root, four.root, 13 * sizeof *one.root, "roots");
    for (int i = 0; i < ROWS; i++)
        assert_true(sn_boost_predict(&one, x + (ptrdiff_t)i * COLUMNS) ==
                    sn_boost_predict(&four, x + (ptrdiff_t)i * COLUMNS));
    double left = 0, all = 0; /* and it has learned something */
    for (int i = 0; i < ROWS; i++) {
        const double e =
            y[i] - sn_boost_predict(&one, x + (ptrdiff_t)i * COLUMNS);
        left += e * e;
        all += y[i] * y[i];
    }
    assert_true(left < 0.5 * all);
    sn_boost_release(&one);
    sn_boost_release(&four);
}

/* ---- scores ---- */

static void scores_are_as_defined(void **state)
{
    (void)state;
    const double measured[] = {10, 20, 30, 40, 50};
    const double predicted[] = {11, 20, 24, 41, 50};
    struct sn_error err = {0};
    struct sn_score s;
    check_ok(sn_score_make(&s, measured, predicted, 5, &err), &err);
    near(s.mape, (0.1 + 0 + 0.2 + 0.025 + 0) / 5, 1e-12);
    near(s.worst, 0.2, 1e-12);
    near(s.median, 0.025, 1e-12);
    near(s.spearman, 1, 1e-12);
    near(s.kendall, 1, 1e-12);
    check_ok(sn_score_make(&s, measured, predicted, 0, &err), &err);
    assert_int_equal(s.rows, 0);
}

/* tau-b and rho by their definitions, with ties in both. */
static void ranks_agree_with_their_definitions(void **state)
{
    (void)state;
    enum { N = 60 };
    double x[N], y[N];
    struct sn_error err = {0};
    struct sn_score s;
    for (int i = 0; i < N; i++) {
        x[i] = 1 + floor(4 + 4 * draw(8, (uint64_t)i));
        y[i] = 1 + floor(x[i] + 4 + 4 * draw(9, (uint64_t)i));
    }
    double same = 0, tied_x = 0, tied_y = 0, rho[3] = {0};
    for (int i = 0; i < N; i++) {
        double rx = 0, ry = 0; /* ranks about their mean, times two */
        for (int j = 0; j < N; j++) {
            const double dx = (x[i] > x[j]) - (x[i] < x[j]);
            const double dy = (y[i] > y[j]) - (y[i] < y[j]);
            same += dx * dy / 2;
            tied_x += j < i && dx == 0;
            tied_y += j < i && dy == 0;
            rx += dx;
            ry += dy;
        }
        rho[0] += rx * ry;
        rho[1] += rx * rx;
        rho[2] += ry * ry;
    }
    const double pairs = N * (N - 1) / 2.0;
    check_ok(sn_score_make(&s, x, y, N, &err), &err);
    near(s.kendall, same / sqrt((pairs - tied_x) * (pairs - tied_y)), 1e-9);
    near(s.spearman, rho[0] / sqrt(rho[1] * rho[2]), 1e-9);
}

static sn_status all_of_it(struct sn_error *err)
{
    const float x[] = {1, 2, 3, 4};
    const double wide[] = {1, 2, 3, 4}, y[] = {1, 2, 3, 5};
    struct sn_ridge r = {0};
    struct sn_boost b = {0};
    struct sn_score s;
    sn_status rc = sn_ridge_fit(&r, wide, y, 4, 1, 0, err);
    if (rc == SN_OK)
        rc = sn_boost_fit(&b, x, y, 4, 1, &plain, err);
    if (rc == SN_OK)
        rc = sn_score_make(&s, y, wide, 4, err);
    sn_ridge_release(&r);
    sn_boost_release(&b);
    return rc;
}

static void survives_short_memory(void **state)
{
    (void)state;
    for (int i = 0;; i++) {
        struct sn_error err = {0};
        check_fail_allocation(i);
        const sn_status rc = all_of_it(&err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "no memory");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_systems),
        cmocka_unit_test(finds_non_negative_solutions),
        cmocka_unit_test(ridge_finds_a_line),
        cmocka_unit_test(a_stump_splits_best),
        cmocka_unit_test(trees_meet_what_they_saw),
        cmocka_unit_test(a_clip_bounds_the_far_row),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(scores_are_as_defined),
        cmocka_unit_test(ranks_agree_with_their_definitions),
        cmocka_unit_test(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
