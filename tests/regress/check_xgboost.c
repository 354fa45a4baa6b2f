/* Boosted trees beside XGBoost's, where its library is installed: on columns of
 * few values, whose bins are exact, both grow the same trees. */

#include "check.h"

#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "regress/boost.h"

enum { ROWS = 900, COLUMNS = 6, TREES = 30, LEAVES = 12 };

/* What is used of its C interface; every function gives 0 when all is well. */
typedef void *handle;
struct xgboost {
    void *library;
    int (*matrix)(const float *x, uint64_t rows, uint64_t columns,
                  float missing, handle *out);
    int (*info)(handle matrix, const char *field, const float *y, uint64_t n);
    int (*create)(const handle *matrix, uint64_t n, handle *out);
    int (*param)(handle booster, const char *name, const char *value);
    int (*update)(handle booster, int iteration, handle matrix);
    int (*predict)(handle booster, handle matrix, int options,
                   unsigned most_trees, int training, uint64_t *n,
                   const float **out);
    int (*free_matrix)(handle matrix);
    int (*free_booster)(handle booster);
};

/* False where there is no such library. */
static bool open_library(struct xgboost *x)
{
    static const char *const names[] = {"libxgboost.so.0", "libxgboost.so"};
    for (size_t i = 0; i < 2 && !x->library; i++)
        x->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!x->library)
        return false;
    const struct {
        const char *name;
        void *slot;
    } symbols[] = {{"XGDMatrixCreateFromMat", &x->matrix},
                   {"XGDMatrixSetFloatInfo", &x->info},
                   {"XGBoosterCreate", &x->create},
                   {"XGBoosterSetParam", &x->param},
                   {"XGBoosterUpdateOneIter", &x->update},
                   {"XGBoosterPredict", &x->predict},
                   {"XGDMatrixFree", &x->free_matrix},
                   {"XGBoosterFree", &x->free_booster}};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *found = dlsym(x->library, symbols[i].name);
        assert_non_null(found);
        memcpy(symbols[i].slot, &found, sizeof found);
    }
    return true;
}

/* Whole numbers of a few dozen values, and what is to be learned of them. */
static void draw_rows(float *x, double *y)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    for (uint32_t i = 0; i < ROWS; i++) {
        float *row = x + (size_t)i * COLUMNS;
        for (uint64_t j = 0; j < COLUMNS; j++)
            row[j] = (float)sn_rng_below(rng, 3, i, j, 40);
        y[i] = 0.1 * (double)row[0] + sin((double)row[1] / 5) +
               (row[2] > 20 ? 1.5 : 0) * (double)row[3] / 40 +
               0.3 * sn_rng_normal(rng, 4, i, 0);
    }
}

static void peer(const struct xgboost *g, const float *x, const double *y,
                 double bias, float *predicted)
{
    char base[32], eta[] = "0.2", leaves[8];
    float target[ROWS];
    const float *out;
    uint64_t n;
    handle matrix, booster;
    snprintf(base, sizeof base, "%.9g", bias);
    snprintf(leaves, sizeof leaves, "%d", LEAVES);
    const char *const param[][2] = {{"objective", "reg:squarederror"},
                                    {"tree_method", "hist"},
                                    {"grow_policy", "lossguide"},
                                    {"max_depth", "0"},
                                    {"max_leaves", leaves},
                                    {"max_bin", "256"},
                                    {"eta", eta},
                                    {"lambda", "1"},
                                    {"min_child_weight", "5"},
                                    {"base_score", base},
                                    {"nthread", "1"},
                                    {"verbosity", "0"}};
    for (int i = 0; i < ROWS; i++)
        target[i] = (float)y[i];
    assert_int_equal(g->matrix(x, ROWS, COLUMNS, NAN, &matrix), 0);
    assert_int_equal(g->info(matrix, "label", target, ROWS), 0);
    assert_int_equal(g->create(&matrix, 1, &booster), 0);
    for (size_t i = 0; i < sizeof param / sizeof *param; i++)
        assert_int_equal(g->param(booster, param[i][0], param[i][1]), 0);
    for (int it = 0; it < TREES; it++)
        assert_int_equal(g->update(booster, it, matrix), 0);
    assert_int_equal(g->predict(booster, matrix, 0, 0, 0, &n, &out), 0);
    assert_int_equal(n, ROWS);
    memcpy(predicted, out, ROWS * sizeof *predicted);
    g->free_booster(booster);
    g->free_matrix(matrix);
}

static void trees_are_those_of_xgboost(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS], theirs[ROWS];
    static double y[ROWS];
    const struct sn_boost_options o = {.trees = TREES,
                                       .leaves = LEAVES,
                                       .least = 5,
                                       .rate = 0.2,
                                       .lambda = 1,
                                       .row_share = 1,
                                       .column_share = 1,
                                       .seed = 1};
    struct xgboost g = {0};
    struct sn_boost b;
    struct sn_error err;
    if (!open_library(&g)) {
        printf("no libxgboost here (Debian: libxgboost0)\n");
        skip();
    }
    draw_rows(x, y);
    check_ok(sn_boost_fit(&b, x, y, ROWS, COLUMNS, &o, &err), &err);
    peer(&g, x, y, b.bias, theirs);
    double sum = 0, left = 0;
    for (int i = 0; i < ROWS; i++) {
        const double ours = sn_boost_predict(&b, x + (ptrdiff_t)i * COLUMNS);
        sum += (ours - (double)theirs[i]) * (ours - (double)theirs[i]);
        left += (ours - y[i]) * (ours - y[i]);
    }
    /* a tie that falls the other way moves a few rows */
    printf("apart by %.2g, rows left over by %.2g\n", sqrt(sum / ROWS),
           sqrt(left / ROWS));
    assert_true(sqrt(sum / ROWS) < 1e-3);
    sn_boost_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_are_those_of_xgboost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
