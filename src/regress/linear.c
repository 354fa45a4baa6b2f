/* Cholesky, non-negative least squares, ridge regression (linear.h). */

#include "regress/linear.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- Cholesky ---- */

bool sn_solve_spd(double *a, double *x, const double *b, int n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (ptrdiff_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (j < i)
                a[i * n + j] = sum / a[j * n + j];
            else if (sum > 0.0 && isfinite(sum))
                a[i * n + i] = sqrt(sum);
            else
                return false;
        }
    sn_solve_again(a, x, b, n);
    return true;
}

void sn_solve_again(const double *a, double *x, const double *b, int n)
{
    for (ptrdiff_t i = 0; i < n; i++) { /* L z = b */
        double sum = b[i];
        for (ptrdiff_t k = 0; k < i; k++)
            sum -= a[i * n + k] * x[k];
        x[i] = sum / a[i * n + i];
    }
    for (ptrdiff_t i = n - 1; i >= 0; i--) { /* L' x = z */
        double sum = x[i];
        for (ptrdiff_t k = i + 1; k < n; k++)
            sum -= a[k * n + i] * x[k];
        x[i] = sum / a[i * n + i];
    }
}

/* ---- non-negative least squares ---- */

/* Solves for the free variables alone, the others zero; a little weight on the
 * diagonal stands for variables that no row tells apart. */
static bool solve_free(double *x, const double *a, const double *b,
                       const bool *is_free, int n)
{
    double sub[SN_NNLS_MAX * SN_NNLS_MAX], rhs[SN_NNLS_MAX] = {0};
    double z[SN_NNLS_MAX] = {0};
    int index[SN_NNLS_MAX], m = 0;
    for (int i = 0; i < n; i++)
        if (is_free[i])
            index[m++] = i;
    for (int i = 0; i < m; i++) {
        rhs[i] = b[index[i]];
        for (int j = 0; j < m; j++)
            sub[i * m + j] = a[index[i] * n + index[j]];
        sub[i * m + i] *= 1.0 + 1e-12;
    }
    if (!sn_solve_spd(sub, z, rhs, m))
        return false;
    memset(x, 0, (size_t)n * sizeof *x);
    for (int i = 0; i < m; i++)
        x[index[i]] = z[i];
    return true;
}

/* The fixed variable whose growth lowers the error fastest, in its own scale;
 * -1: none does. */
static int steepest(const double *x, const double *a, const double *b,
                    const bool *is_free, const bool *banned, int n)
{
    int best = -1;
    double most = 0.0;
    for (int i = 0; i < n; i++) {
        double slope = b[i];
        for (int j = 0; j < n; j++)
            slope -= a[i * n + j] * x[j];
        const double size = sqrt(a[i * n + i]);
        if (is_free[i] || banned[i] || size == 0.0)
            continue;
        if (slope > 1e-10 * fabs(b[i]) && slope / size > most) {
            most = slope / size;
            best = i;
        }
    }
    return best;
}

/* Moves x towards z until the first free variable reaches zero, which is then
 * fixed.  False when z is feasible, and x is z. */
static bool step_back(double *x, const double *z, bool *is_free, int n)
{
    double share = 1.0;
    int hit = -1;
    for (int i = 0; i < n; i++)
        if (is_free[i] && z[i] <= 0.0) {
            const double t = x[i] / (x[i] - z[i]);
            if (hit < 0 || t < share) {
                share = t;
                hit = i;
            }
        }
    for (int i = 0; i < n; i++)
        x[i] += hit < 0 ? z[i] - x[i] : share * (z[i] - x[i]);
    if (hit < 0)
        return false;
    for (int i = 0; i < n; i++)
        if (i == hit || (is_free[i] && x[i] <= 0.0)) {
            x[i] = 0.0;
            is_free[i] = false;
        }
    return true;
}

void sn_nnls(double *x, const double *a, const double *b, int n)
{
    bool is_free[SN_NNLS_MAX] = {false}, banned[SN_NNLS_MAX] = {false};
    double z[SN_NNLS_MAX] = {0};
    SN_CHECK(n <= SN_NNLS_MAX);
    memset(x, 0, (size_t)n * sizeof *x);
    for (int round = 0; round < 3 * n; round++) {
        const int next = steepest(x, a, b, is_free, banned, n);
        if (next < 0)
            break;
        is_free[next] = true;
        for (bool inside = false; !inside;) {
            if (!solve_free(z, a, b, is_free, n)) {
                is_free[next] = false; /* it says what others say already */
                banned[next] = true;
                break;
            }
            inside = !step_back(x, z, is_free, n);
        }
    }
}

/* ---- ridge ---- */

sn_status sn_ridge_init(struct sn_ridge *r, int columns, struct sn_error *err)
{
    const size_t n = columns > 0 ? (size_t)columns : 1;
    double *block = calloc(3 * n, sizeof *block);
    if (!block)
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for a regression of %d columns", columns);
    *r = (struct sn_ridge){.columns = columns,
                           .mean = block,
                           .scale = block + n,
                           .weight = block + 2 * n};
    for (int i = 0; i < columns; i++)
        r->scale[i] = 1.0;
    return SN_OK;
}

static void standardise(struct sn_ridge *r, const double *x, int rows)
{
    const ptrdiff_t m = r->columns;
    for (ptrdiff_t j = 0; j < m; j++) {
        double sum = 0.0, square = 0.0;
        for (ptrdiff_t i = 0; i < rows; i++)
            sum += x[i * m + j];
        r->mean[j] = sum / rows;
        for (ptrdiff_t i = 0; i < rows; i++) {
            const double d = x[i * m + j] - r->mean[j];
            square += d * d;
        }
        const double scale = sqrt(square / rows);
        if (scale > 1e-9 * (1.0 + fabs(r->mean[j])))
            r->scale[j] = scale;
    }
}

sn_status sn_ridge_fit(struct sn_ridge *r, const double *x, const double *y,
                       int rows, int columns, double lambda,
                       struct sn_error *err)
{
    const ptrdiff_t m = columns;
    struct sn_ridge fit;
    double *a = calloc((size_t)(m * m + 2 * m + 1), sizeof *a);
    if (!a)
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for a regression of %d columns", columns);
    const sn_status rc = sn_ridge_init(&fit, columns, err);
    if (rc != SN_OK) {
        free(a);
        return rc;
    }
    double *b = a + m * m, *z = b + m;
    standardise(&fit, x, rows);
    for (ptrdiff_t i = 0; i < rows; i++)
        fit.bias += y[i] / rows;
    for (ptrdiff_t i = 0; i < rows; i++) {
        for (ptrdiff_t j = 0; j < m; j++)
            z[j] = (x[i * m + j] - fit.mean[j]) / fit.scale[j];
        for (ptrdiff_t j = 0; j < m; j++) {
            b[j] += z[j] * (y[i] - fit.bias);
            for (ptrdiff_t k = 0; k <= j; k++)
                a[j * m + k] += z[j] * z[k];
        }
    }
    for (ptrdiff_t j = 0; j < m; j++)
        a[j * m + j] += lambda * rows + 1e-9;
    if (!sn_solve_spd(a, fit.weight, b, columns))
        memset(fit.weight, 0, (size_t)m * sizeof *fit.weight);
    free(a);
    *r = fit;
    return SN_OK;
}

double sn_ridge_predict(const struct sn_ridge *r, const double *x)
{
    double y = r->bias;
    for (int j = 0; j < r->columns; j++)
        y += r->weight[j] * (x[j] - r->mean[j]) / r->scale[j];
    return y;
}

void sn_ridge_release(struct sn_ridge *r)
{
    free(r->mean);
    *r = (struct sn_ridge){0};
}
