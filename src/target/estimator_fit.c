/* Fitting an estimator: every family on every class, compared on rows that it
 * has not seen (estimator.h).
 *
 * Rows are shuffled once; fold f of k holds out every k-th of them.  A family's
 * score joins the predictions of all folds, so every row is predicted once, by
 * a fit that had not seen it.  The winner is fitted again to all rows. */

#include "target/estimator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "target/estimator_internal.h"

/* Rows that a family needs to be tried. */
static const int rows_needed[SN_FAMILIES] = {
    [SN_FAMILY_ROOFLINE] = 1, [SN_FAMILY_RIDGE] = 8, [SN_FAMILY_BOOSTED] = 40};

/* Rows of one class, or of some folds of it. */
struct sample {
    const struct sn_unit **unit; /* owned */
    double *us;
    int n;
};

static sn_status no_memory(int rows, struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory to fit %d rows", rows);
}

static void release_sample(struct sample *s)
{
    free(s->unit);
    free(s->us);
}

static sn_status sample_init(struct sample *s, int room, struct sn_error *err)
{
    const size_t n = room > 0 ? (size_t)room : 1;
    *s = (struct sample){.unit = malloc(n * sizeof(void *)),
                         .us = malloc(n * sizeof *s->us)};
    if (s->unit && s->us)
        return SN_OK;
    release_sample(s);
    return no_memory(room, err);
}

static void push(struct sample *s, const struct sn_unit *u, double us)
{
    s->unit[s->n] = u;
    s->us[s->n++] = us;
}

/* ---- one family ---- */

static void measure_box(struct sn_class_model *m, const struct sample *s)
{
    float x[SN_FEATURES];
    for (int i = 0; i < s->n; i++) {
        sn_features(x, s->unit[i], sn_roofline_predict(&m->prior, s->unit[i]));
        for (int j = 0; j < SN_FEATURES; j++) {
            m->low[j] = i ? fminf(m->low[j], x[j]) : x[j];
            m->high[j] = i ? fmaxf(m->high[j], x[j]) : x[j];
        }
    }
}

/* The features of all rows and the logarithms of their times, over the prior
 * where `residual`. */
struct design {
    float *x;     /* owned, [n, SN_FEATURES] */
    double *wide; /* owned, the same */
    double *y;    /* owned, [n] */
};

static void design_release(struct design *d)
{
    free(d->x);
    free(d->wide);
    free(d->y);
}

static sn_status design_make(struct design *d, const struct sn_roofline *prior,
                             const struct sample *s, bool residual,
                             struct sn_error *err)
{
    const size_t n = (size_t)s->n;
    *d = (struct design){.x = malloc(n * SN_FEATURES * sizeof *d->x),
                         .wide = malloc(n * SN_FEATURES * sizeof *d->wide),
                         .y = malloc(n * sizeof *d->y)};
    if (!d->x || !d->wide || !d->y) {
        design_release(d);
        return no_memory(s->n, err);
    }
    for (int i = 0; i < s->n; i++) {
        float *x = d->x + (ptrdiff_t)i * SN_FEATURES;
        const double t = sn_roofline_predict(prior, s->unit[i]);
        sn_features(x, s->unit[i], t);
        d->y[i] = log(s->us[i]) - (residual ? log(t) : 0.0);
        for (int j = 0; j < SN_FEATURES; j++)
            d->wide[(ptrdiff_t)i * SN_FEATURES + j] = (double)x[j];
    }
    return SN_OK;
}

static struct sn_boost_options boost_options(int rows, uint64_t seed)
{
    return (struct sn_boost_options){.trees = 400,
                                     .leaves = 24,
                                     .least = rows < 1000 ? 3 : 5,
                                     .rate = 0.06,
                                     .lambda = 1.0,
                                     .row_share = 0.8,
                                     .column_share = 0.5,
                                     .clip = 0.0,
                                     .seed = seed};
}

/* Fits one family on top of a prior that is there already. */
static sn_status fit_family(struct sn_class_model *m, sn_family family,
                            const struct sample *s, uint64_t seed,
                            struct sn_error *err)
{
    struct design d;
    sn_status rc = SN_OK;
    m->family = family;
    if (family == SN_FAMILY_ROOFLINE)
        return SN_OK;
    SN_TRY(design_make(&d, &m->prior, s, family == SN_FAMILY_BOOSTED, err));
    if (family == SN_FAMILY_RIDGE) {
        rc = sn_ridge_fit(&m->ridge, d.wide, d.y, s->n, SN_FEATURES, 1e-4, err);
    } else {
        const struct sn_boost_options o = boost_options(s->n, seed);
        rc = sn_boost_fit(&m->boost, d.x, d.y, s->n, SN_FEATURES, &o, err);
    }
    design_release(&d);
    return rc;
}

/* ---- cross-validation ---- */

/* The rows of `all` that fold `fold` holds out, predicted by fits that had not
 * seen them: predicted [SN_FAMILIES][n].  SN_ERR_MEMORY, without a text. */
static sn_status validate_fold(const struct sample *all, int fold, int folds,
                               const bool *tried, double *const *predicted,
                               uint64_t seed)
{
    struct sample seen;
    SN_TRY(sample_init(&seen, all->n, NULL));
    for (int i = 0; i < all->n; i++)
        if (i % folds != fold)
            push(&seen, all->unit[i], all->us[i]);
    struct sn_roofline prior;
    sn_status rc =
        sn_roofline_fit_units(&prior, seen.unit, seen.us, seen.n, NULL);
    for (int f = 0; f < SN_FAMILIES && rc == SN_OK; f++) {
        struct sn_class_model m = {.prior = prior};
        if (!tried[f])
            continue;
        rc = fit_family(&m, (sn_family)f, &seen, seed, NULL);
        for (int i = fold; i < all->n && rc == SN_OK; i += folds)
            predicted[f][i] = sn_class_predict(&m, all->unit[i]);
        sn_class_release(&m);
    }
    release_sample(&seen);
    return rc;
}

/* All folds, each a work unit of its own. */
static sn_status validate_folds(const struct sample *all, const bool *tried,
                                double *const *predicted,
                                const struct sn_fit_options *o,
                                struct sn_error *err)
{
    const int folds = all->n < o->folds ? all->n : o->folds;
    int failed = 0;
#pragma omp parallel for schedule(static, 1) reduction(+ : failed)
    for (int fold = 0; fold < folds; fold++)
        failed +=
            validate_fold(all, fold, folds, tried, predicted, o->seed) != SN_OK;
    return failed ? no_memory(all->n, err) : SN_OK;
}

/* Fewer rows than folds are predicted one by one; a single row cannot be. */
static sn_status validate(struct sn_fit_class *c, const struct sample *all,
                          const struct sn_fit_options *o, struct sn_error *err)
{
    const size_t n = (size_t)all->n;
    double *predicted[SN_FAMILIES] = {0};
    double *block = calloc(SN_FAMILIES * n, sizeof *block);
    if (!block)
        return no_memory(all->n, err);
    for (size_t f = 0; f < SN_FAMILIES; f++)
        predicted[f] = block + f * n;
    sn_status rc = validate_folds(all, c->tried, predicted, o, err);
    for (int f = 0; f < SN_FAMILIES && rc == SN_OK; f++) {
        if (!c->tried[f])
            continue;
        rc = sn_score_make(&c->score[f], all->us, predicted[f], all->n, err);
        if (!o->only && c->score[f].mape < c->score[c->family].mape)
            c->family = (sn_family)f;
    }
    if (rc == SN_OK) {
        memcpy(c->measured, all->us, n * sizeof *c->measured);
        memcpy(c->predicted, predicted[c->family], n * sizeof *c->predicted);
    }
    free(block);
    return rc;
}

static sn_status report_init(struct sn_fit_class *c, const struct sample *all,
                             sn_unit_op op, const struct sn_fit_options *o,
                             struct sn_error *err)
{
    const size_t n = (size_t)all->n;
    double *block = calloc(2 * n, sizeof *block);
    *c = (struct sn_fit_class){.op = op, .rows = all->n, .measured = block};
    if (!block)
        return no_memory(all->n, err);
    c->predicted = block + n;
    const int seen = all->n - all->n / o->folds;
    for (int f = 0; f < SN_FAMILIES; f++)
        c->tried[f] =
            (!o->only || *o->only == (sn_family)f || f == SN_FAMILY_ROOFLINE) &&
            seen >= rows_needed[f];
    if (o->only && c->tried[*o->only])
        c->family = *o->only;
    return SN_OK;
}

/* ---- a class, and all of them ---- */

static sn_status fit_class(struct sn_class_model *m, struct sn_fit_class *c,
                           const struct sample *all,
                           const struct sn_fit_options *o, struct sn_error *err)
{
    *m = (struct sn_class_model){
        .mape = (double)NAN, .within = (double)NAN, .spearman = (double)NAN};
    if (all->n > 1) {
        SN_TRY(validate(c, all, o, err));
        const struct sn_score *s = &c->score[c->family];
        m->mape = s->mape;
        m->within = s->within;
        m->spearman = s->spearman;
    }
    SN_TRY(sn_roofline_fit_units(&m->prior, all->unit, all->us, all->n, err));
    SN_TRY(fit_family(m, c->family, all, o->seed, err));
    measure_box(m, all);
    m->rows = all->n;
    m->present = true;
    return SN_OK;
}

void sn_fit_order(int *order, int n, uint64_t seed)
{
    const struct sn_rng rng = sn_rng_make(seed, SN_RNG_FIT);
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        const int j =
            (int)sn_rng_below(rng, 0, UINT32_MAX, (uint64_t)i, (uint32_t)i + 1);
        const int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

static sn_status fit_classes(struct sn_estimator *e, struct sn_fit_report *r,
                             const struct sn_fit_rows *rows, const int *order,
                             const struct sn_fit_options *o,
                             struct sn_error *err)
{
    struct sample all;
    sn_status rc = SN_OK;
    SN_TRY(sample_init(&all, rows->n, err));
    for (int op = 0; op < SN_UNIT_OPS && rc == SN_OK; op++) {
        all.n = 0;
        for (int i = 0; i < rows->n; i++)
            if (rows->unit[order[i]]->op == (sn_unit_op)op)
                push(&all, rows->unit[order[i]], rows->us[order[i]]);
        if (all.n == 0)
            continue;
        struct sn_fit_class *c = &r->item[r->classes++];
        rc = report_init(c, &all, (sn_unit_op)op, o, err);
        if (rc == SN_OK)
            rc = fit_class(&e->model[op], c, &all, o, err);
    }
    release_sample(&all);
    return rc;
}

sn_status sn_estimator_fit(struct sn_estimator **e,
                           struct sn_fit_report *report,
                           const struct sn_fit_rows *rows,
                           const struct sn_fit_options *options,
                           struct sn_error *err)
{
    struct sn_fit_report found = {0};
    struct sn_estimator *made = calloc(1, sizeof *made);
    int *order = malloc(((size_t)rows->n + 1) * sizeof *order);
    sn_status rc = made && order ? SN_OK : no_memory(rows->n, err);
    if (rc == SN_OK) {
        snprintf(made->device, sizeof made->device, "%s", options->device);
        snprintf(made->dtype, sizeof made->dtype, "%s", options->dtype);
        snprintf(made->kernels, sizeof made->kernels, "%s",
                 options->kernels ? options->kernels : "");
        made->nets.gain = 1.0;
        made->nets_mape = (double)NAN;
        sn_fit_order(order, rows->n, options->seed);
        rc = fit_classes(made, &found, rows, order, options, err);
    }
    free(order);
    if (rc == SN_OK) {
        *e = made;
        *report = found;
    } else {
        sn_estimator_destroy(made);
        sn_fit_report_release(&found);
    }
    return rc;
}

void sn_fit_report_release(struct sn_fit_report *report)
{
    for (int i = 0; i < report->classes; i++)
        free(report->item[i].measured);
    *report = (struct sn_fit_report){0};
}
