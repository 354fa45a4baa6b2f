/* Errors and rank correlations (score.h). */

#include "regress/score.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct pair {
    double key;
    int index;
};

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void sort_by(struct pair *p, const double *x, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (struct pair){.key = x[i], .index = i};
    qsort(p, (size_t)n, sizeof *p, by_key);
}

/* Ranks from 0; equal values share the mean of theirs. */
static void ranks(double *rank, struct pair *p, const double *x, int n)
{
    sort_by(p, x, n);
    for (int i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && p[end].key == p[i].key; end++)
            ;
        for (int j = i; j < end; j++)
            rank[p[j].index] = 0.5 * (i + end - 1);
    }
}

static double correlation(const double *x, const double *y, int n)
{
    const double mean = 0.5 * (n - 1); /* of ranks, ties or not */
    double xx = 0.0, yy = 0.0, xy = 0.0;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
        xy += (x[i] - mean) * (y[i] - mean);
    }
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : 0.0;
}

/* Sorts v by merging and counts the pairs that stood in the wrong order. */
static int64_t inversions(double *v, double *scratch, int n)
{
    if (n < 2)
        return 0;
    const int half = n / 2;
    int64_t count =
        inversions(v, scratch, half) + inversions(v + half, scratch, n - half);
    for (int i = 0; i < n; i++)
        scratch[i] = v[i];
    for (int i = 0, l = 0, r = half; i < n; i++) {
        const bool left = r == n || (l < half && scratch[l] <= scratch[r]);
        count += left ? 0 : half - l;
        v[i] = left ? scratch[l++] : scratch[r++];
    }
    return count;
}

/* Pairs among runs of equal keys. */
static int64_t tied(const double *key, int n)
{
    int64_t count = 0;
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && key[end] == key[i]; end++)
            ;
        count += (end - i) * (end - i - 1) / 2;
    }
    return count;
}

/* Kendall's tau-b by Knight's method (JASA 61, 1966): sorted by x, and by y
 * where x is equal, the discordant pairs are the inversions of y.  x and y are
 * ranks; all arrays are [n] and overwritten. */
static double kendall(struct pair *p, double *x, double *y, double *sorted,
                      double *scratch, int n)
{
    /* one key for both: ranks are multiples of a half below n */
    for (int i = 0; i < n; i++)
        scratch[i] = x[i] * (2.0 * n + 1.0) + y[i];
    sort_by(p, scratch, n);
    for (int i = 0; i < n; i++) {
        sorted[i] = p[i].key;
        scratch[i] = y[p[i].index];
    }
    const int64_t both = tied(sorted, n);
    for (int i = 0; i < n; i++)
        sorted[i] = x[p[i].index];
    const int64_t in_x = tied(sorted, n);
    for (int i = 0; i < n; i++)
        y[i] = scratch[i];
    const int64_t wrong = inversions(y, scratch, n);
    const int64_t in_y = tied(y, n);
    const double pairs = 0.5 * n * (n - 1.0);
    const double norm = sqrt((pairs - (double)in_x) * (pairs - (double)in_y));
    return norm > 0.0
               ? (pairs - (double)(in_x + in_y - both) - 2.0 * (double)wrong) /
                     norm
               : 0.0;
}

static void errors(struct sn_score *s, double *error, const double *measured,
                   const double *predicted, struct pair *p, int rows)
{
    for (int i = 0; i < rows; i++) {
        error[i] = fabs(predicted[i] / measured[i] - 1.0);
        s->mape += error[i] / rows;
        s->within += (error[i] <= 0.1) / (double)rows;
        s->worst = fmax(s->worst, error[i]);
    }
    sort_by(p, error, rows);
    s->median = 0.5 * (p[(rows - 1) / 2].key + p[rows / 2].key);
}

sn_status sn_score_make(struct sn_score *s, const double *measured,
                        const double *predicted, int rows, struct sn_error *err)
{
    *s = (struct sn_score){.rows = rows};
    if (rows == 0)
        return SN_OK;
    const size_t n = (size_t)rows;
    struct pair *p = malloc(n * sizeof *p);
    double *x = malloc(4 * n * sizeof *x);
    if (p && x) {
        errors(s, x, measured, predicted, p, rows);
        ranks(x, p, measured, rows);
        ranks(x + n, p, predicted, rows);
        s->spearman = correlation(x, x + n, rows);
        s->kendall = kendall(p, x, x + n, x + 2 * n, x + 3 * n, rows);
    }
    const bool done = p && x;
    free(x);
    free(p);
    return done ? SN_OK
                : sn_fail(err, SN_ERR_MEMORY, "no memory to compare %d rows",
                          rows);
}
