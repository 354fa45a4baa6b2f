/* Kriging of sums (kriging.h).
 *
 * With more sums than unknowns: G = L L', r = L z, and z solves
 * (L'SL / s^2 + I) z = L'A'y / s^2 with S = A'A.  Else C = A G A' + s^2 I is
 * solved itself. */

#include "regress/kriging.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "regress/linear.h"

/* out = A' x. */
static void gather(double *out, const struct sn_kriging_sums *s,
                   const double *x)
{
    memset(out, 0, (size_t)s->unknowns * sizeof *out);
    for (int i = 0; i < s->n; i++)
        for (int it = s->start[i]; it < s->start[i + 1]; it++)
            out[s->index[it]] += s->count[it] * x[i];
}

static double sum_of(const struct sn_kriging_sums *s, int i, const double *r)
{
    double sum = 0.0;
    for (int it = s->start[i]; it < s->start[i + 1]; it++)
        sum += s->count[it] * r[s->index[it]];
    return sum;
}

static double log_determinant(const double *factor, int n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++)
        sum += 2.0 * log(factor[i * n + i]);
    return sum;
}

/* C = A G A' + s^2 I by way of W = A G. */
static void covariance(double *c, double *w, const struct sn_kriging_sums *s,
                       const double *g, double noise)
{
    const ptrdiff_t n = s->n, m = s->unknowns;
    for (ptrdiff_t i = 0; i < n; i++) {
        memset(w, 0, (size_t)m * sizeof *w);
        for (int it = s->start[i]; it < s->start[i + 1]; it++)
            for (ptrdiff_t j = 0; j < m; j++)
                w[j] += s->count[it] * g[s->index[it] * m + j];
        for (int j = 0; j <= i; j++)
            c[i * n + j] = sum_of(s, j, w);
        c[i * n + i] += noise * noise;
    }
}

/* Through the sums.  scratch [n * n + n + unknowns]. */
static bool solve_sums(double *beta, double *evidence,
                       const struct sn_kriging_sums *s, const double *g,
                       double noise, double *scratch)
{
    const ptrdiff_t n = s->n;
    double *c = scratch, *alpha = c + n * n, *w = alpha + n;
    double fit = 0.0;
    covariance(c, w, s, g, noise);
    if (!sn_solve_spd(c, alpha, s->y, s->n))
        return false;
    for (ptrdiff_t i = 0; i < n; i++)
        fit += s->y[i] * alpha[i];
    *evidence = -0.5 * (fit + log_determinant(c, s->n));
    if (beta)
        gather(beta, s, alpha);
    return true;
}

/* m = I + L'SL / s^2, where `l` holds L below its diagonal and t = S L. */
static void precision(double *m, double *t, const double *l,
                      const struct sn_kriging_sums *s, double noise)
{
    const ptrdiff_t n = s->unknowns;
    memset(t, 0, (size_t)(n * n) * sizeof *t);
    for (int i = 0; i < s->n; i++) /* S, a product of few terms a sum */
        for (int a = s->start[i]; a < s->start[i + 1]; a++)
            for (int b = s->start[i]; b < s->start[i + 1]; b++)
                t[s->index[a] * n + s->index[b]] +=
                    s->count[a] * s->count[b] / (noise * noise);
    for (ptrdiff_t i = 0; i < n; i++) { /* row by row: S L over S */
        double *row = t + i * n;
        for (ptrdiff_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (ptrdiff_t k = j; k < n; k++)
                sum += row[k] * l[k * n + j];
            row[j] = sum; /* row[k < j] is not asked for again */
        }
    }
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t j = 0; j <= i; j++) {
            double sum = i == j;
            for (ptrdiff_t k = i; k < n; k++)
                sum += l[k * n + i] * t[k * n + j];
            m[i * n + j] = sum;
        }
}

/* Through the unknowns.  scratch [3 * unknowns^2 + 3 * unknowns + n]. */
static bool solve_unknowns(double *beta, double *evidence,
                           const struct sn_kriging_sums *s, const double *g,
                           double noise, double *scratch)
{
    const ptrdiff_t n = s->unknowns;
    const double precise = 1.0 / (noise * noise);
    double *l = scratch, *m = l + n * n, *t = m + n * n, *b = t + n * n;
    double *z = b + n, *r = z + n, *alpha = r + n;
    double trace = 0.0, fit = 0.0;
    memcpy(l, g, (size_t)(n * n) * sizeof *l);
    for (ptrdiff_t i = 0; i < n; i++)
        trace += g[i * n + i] / (double)n;
    for (ptrdiff_t i = 0; i < n; i++)
        l[i * n + i] += 1e-9 * trace; /* unknowns may be the same twice */
    memset(b, 0, (size_t)n * sizeof *b);
    if (!sn_solve_spd(l, z, b, s->unknowns))
        return false;
    precision(m, t, l, s, noise);
    gather(r, s, s->y);
    for (ptrdiff_t j = 0; j < n; j++) {
        b[j] = 0.0;
        for (ptrdiff_t k = j; k < n; k++)
            b[j] += precise * l[k * n + j] * r[k];
    }
    if (!sn_solve_spd(m, z, b, s->unknowns))
        return false;
    for (ptrdiff_t i = 0; i < n; i++) {
        r[i] = 0.0;
        for (ptrdiff_t k = 0; k <= i; k++)
            r[i] += l[i * n + k] * z[k];
        fit -= b[i] * z[i];
    }
    for (int i = 0; i < s->n; i++) {
        fit += precise * s->y[i] * s->y[i];
        alpha[i] = precise * (s->y[i] - sum_of(s, i, r));
    }
    *evidence =
        -0.5 * (fit + log_determinant(m, s->unknowns)) - s->n * log(noise);
    if (beta)
        gather(beta, s, alpha);
    return true;
}

sn_status sn_kriging_solve(double *beta, double *evidence,
                           const struct sn_kriging_sums *sums, const double *g,
                           double noise, struct sn_error *err)
{
    const size_t n = (size_t)sums->n, m = (size_t)sums->unknowns;
    const bool by_sums = n <= m;
    double *scratch = malloc((by_sums ? n * n + n + m : 3 * m * m + 3 * m + n) *
                             sizeof *scratch);
    if (!scratch)
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for %d sums of %d unknowns", sums->n,
                       sums->unknowns);
    *evidence = -HUGE_VAL;
    const bool done = (by_sums ? solve_sums : solve_unknowns)(
        beta, evidence, sums, g, noise, scratch);
    if (!done)
        *evidence = -HUGE_VAL;
    free(scratch);
    return SN_OK;
}
