/* Scores of nets foretold from those of others; see surrogate.h. */

#include "search/surrogate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regress/linear.h"

static const double lambdas[] = {0.1, 1.0, 10.0, 100.0};
enum { LAMBDAS = sizeof lambdas / sizeof *lambdas };

/* k(a, b).  Both are settled, so a decision that is met in one alone differs
 * only by chance: it is asked of both. */
static double kernel(const struct sn_surrogate *s, const int *a, const int *b)
{
    double sum = 0.0;
    bool before = false; /* the decision before is the same in both */
    for (int id = 0; id < s->d->count; id++) {
        if (s->d->item[id].n < 2)
            continue;
        const bool in_a = sn_decision_met(s->space, s->d, a, id);
        const bool in_b = sn_decision_met(s->space, s->d, b, id);
        if (!in_a && !in_b)
            continue; /* neighbours are those that a net meets */
        const bool same = in_a && in_b && a[id] == b[id];
        sum += same ? (before ? 1.5 : 1.0) : 0.0;
        before = same;
    }
    return sum;
}

/* The matrices of a fit. */
struct fit {
    int n;
    double *k;    /* [n, n] owned, as are the others */
    double *a;    /* [n, n] */
    double *y;    /* [n] less the mean */
    double *w;    /* [n] */
    double *unit; /* [n] */
};

static void fit_release(struct fit *f)
{
    free(f->k);
    free(f->a);
    free(f->y);
}

static sn_status fit_take(struct fit *f, int n, struct sn_error *err)
{
    const size_t size = (size_t)n;
    *f = (struct fit){.n = n};
    f->k = calloc(size * size, sizeof *f->k);
    f->a = calloc(size * size, sizeof *f->a);
    f->y = calloc(3 * size, sizeof *f->y);
    if (f->k && f->a && f->y) {
        f->w = f->y + n;
        f->unit = f->w + n;
        return SN_OK;
    }
    fit_release(f);
    return sn_fail(err, SN_ERR_MEMORY, "no memory to compare %d nets", n);
}

static void fill(struct fit *f, const struct sn_surrogate *s)
{
    for (int i = 0; i < f->n; i++)
        f->y[i] = s->pool->fitness[i] - s->mean;
    for (int i = 0; i < f->n; i++)
        for (int j = 0; j <= i; j++)
            f->k[i * f->n + j] = f->k[j * f->n + i] =
                kernel(s, sn_nets_at(s->pool, i), sn_nets_at(s->pool, j));
}

/* Weights for one lambda, and the mean square error on nets left out:
 * w_i / (K + lambda I)^-1_ii is what net i is off by. */
static double try_lambda(struct fit *f, double lambda)
{
    const int n = f->n;
    double sum = 0.0;
    memcpy(f->a, f->k, (size_t)n * (size_t)n * sizeof *f->a);
    for (int i = 0; i < n; i++)
        f->a[i * n + i] += lambda;
    if (!sn_solve_spd(f->a, f->w, f->y, n))
        return INFINITY;
    for (int i = 0; i < n; i++) {
        memset(f->unit, 0, (size_t)n * sizeof *f->unit);
        f->unit[i] = 1.0;
        sn_solve_again(f->a, f->unit, f->unit, n);
        const double off = f->w[i] / f->unit[i];
        sum += off * off;
    }
    return sum / n;
}

sn_status sn_surrogate_fit(struct sn_surrogate *s,
                           const struct sn_choice_limits *l,
                           const struct sn_nets *pool, struct sn_error *err)
{
    struct fit f;
    SN_CHECK(pool->n >= 2);
    *s = (struct sn_surrogate){
        .space = l->space, .d = l->d, .pool = pool, .error = INFINITY};
    s->weight = calloc((size_t)pool->n, sizeof *s->weight);
    if (!s->weight)
        return sn_fail(err, SN_ERR_MEMORY, "no memory to compare %d nets",
                       pool->n);
    const sn_status rc = fit_take(&f, pool->n, err);
    if (rc != SN_OK) {
        sn_surrogate_release(s);
        return rc;
    }
    for (int i = 0; i < pool->n; i++)
        s->mean += pool->fitness[i] / pool->n;
    fill(&f, s);
    for (int i = 0; i < LAMBDAS; i++) {
        const double error = sqrt(try_lambda(&f, lambdas[i]));
        if (error >= s->error)
            continue;
        s->error = error;
        s->lambda = lambdas[i];
        memcpy(s->weight, f.w, (size_t)pool->n * sizeof *s->weight);
    }
    fit_release(&f);
    return SN_OK;
}

void sn_surrogate_release(struct sn_surrogate *s)
{
    free(s->weight);
    *s = (struct sn_surrogate){0};
}

double sn_surrogate_score(void *ctx, const int *choice)
{
    const struct sn_surrogate *s = ctx;
    double sum = s->mean;
    for (int i = 0; i < s->pool->n; i++)
        sum += s->weight[i] * kernel(s, choice, sn_nets_at(s->pool, i));
    return sum;
}

void sn_surrogate_values(const struct sn_surrogate *s, double *value)
{
    memset(value, 0, (size_t)s->d->total * sizeof *value);
    for (int id = 0; id < s->d->count; id++) {
        const struct sn_decision *x = &s->d->item[id];
        double mean = 0.0;
        for (int i = 0; x->n > 1 && i < s->pool->n; i++) {
            const int *net = sn_nets_at(s->pool, i);
            if (sn_decision_met(s->space, s->d, net, id))
                value[x->first + net[id]] += s->weight[i];
        }
        for (int i = 0; i < x->n; i++)
            mean += value[x->first + i] / x->n;
        for (int i = 0; i < x->n; i++)
            value[x->first + i] -= mean;
    }
}
