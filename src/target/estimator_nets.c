/* What whole nets add to an estimator (estimator.h).
 *
 * As with classes: the nets are shuffled once, every k-th is held out in turn,
 * and the form with the least error on nets not seen is fitted to all. */

#include "target/estimator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "target/estimator_internal.h"

static const char *const kind_name[SN_NETS_KINDS] = {
    [SN_NETS_SUM] = "sum",
    [SN_NETS_AFFINE] = "affine",
    [SN_NETS_KRIGED] = "kriged"};

const char *sn_nets_kind_name(sn_nets_kind kind)
{
    return kind_name[kind];
}

/* Nets that a form needs to be tried. */
static const int nets_needed[SN_NETS_KINDS] = {
    [SN_NETS_SUM] = 1, [SN_NETS_AFFINE] = 3, [SN_NETS_KRIGED] = 8};

static sn_status no_memory(int nets, struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory to fit %d nets", nets);
}

/* ---- some of the nets ---- */

struct part {
    struct sn_sums sums;
    int *start, *index; /* owned, as in sums */
    double *count, *us;
};

static void release_part(struct part *p)
{
    free(p->start);
    free(p->index);
    free(p->count);
    free(p->us);
}

static sn_status part_init(struct part *p, const struct sn_sums *all,
                           struct sn_error *err)
{
    const size_t n = (size_t)all->n, terms = (size_t)all->start[n];
    SN_CHECK(n > 0 && terms > 0);
    *p = (struct part){.sums = *all,
                       .start = malloc((n + 1) * sizeof *p->start),
                       .index = malloc(terms * sizeof *p->index),
                       .count = malloc(terms * sizeof *p->count),
                       .us = malloc(n * sizeof *p->us)};
    p->sums.n = 0;
    p->sums.start = p->start;
    p->sums.index = p->index;
    p->sums.count = p->count;
    p->sums.us = p->us;
    if (p->start && p->index && p->count && p->us) {
        p->start[0] = 0;
        return SN_OK;
    }
    release_part(p);
    return no_memory(all->n, err);
}

static void part_add(struct part *p, const struct sn_sums *all, int net)
{
    int at = p->start[p->sums.n];
    for (int it = all->start[net]; it < all->start[net + 1]; it++, at++) {
        p->index[at] = all->index[it];
        p->count[at] = all->count[it];
    }
    p->us[p->sums.n++] = all->us[net];
    p->start[p->sums.n] = at;
}

/* ---- a fit to some nets ---- */

/* The base estimate of every unit: its class's, or, where there is none, that
 * of the roofline of these nets. */
static sn_status base_of(double *base, struct sn_roofline *own,
                         const struct sn_estimator *e,
                         const struct sn_sums *nets, struct sn_error *err)
{
    bool lacks = false;
    for (int i = 0; i < nets->units; i++)
        lacks |= !sn_estimator_has(e, nets->unit[i]->op);
    if (lacks)
        SN_TRY(sn_roofline_fit(own, nets, err));
    for (int i = 0; i < nets->units; i++) {
        const struct sn_unit *u = nets->unit[i];
        base[i] = sn_estimator_has(e, u->op)
                      ? sn_class_predict(&e->model[u->op], u)
                      : sn_roofline_predict(own, u);
    }
    return SN_OK;
}

/* Predicts the nets of fold `fold` in every form that is tried. */
static sn_status validate_fold(const struct sn_estimator *e,
                               const struct sn_sums *all, int fold, int folds,
                               const bool *tried, double *const *predicted)
{
    struct part seen;
    struct sn_roofline own;
    double *us = malloc(2 * (size_t)all->units * sizeof *us);
    sn_status rc = us ? part_init(&seen, all, NULL) : SN_ERR_MEMORY;
    if (rc != SN_OK) {
        free(us);
        return rc;
    }
    double *base = us + all->units;
    for (int i = 0; i < all->n; i++)
        if (i % folds != fold)
            part_add(&seen, all, i);
    rc = base_of(base, &own, e, &seen.sums, NULL);
    for (int kind = 0; kind < SN_NETS_KINDS && rc == SN_OK; kind++) {
        struct sn_correction c = {0};
        if (!tried[kind])
            continue;
        rc = sn_correction_fit(&c, (sn_nets_kind)kind, &seen.sums, base, NULL);
        for (int i = 0; i < all->units && rc == SN_OK; i++)
            us[i] = sn_correct(&c, all->unit[i], base[i]);
        for (int i = fold; i < all->n && rc == SN_OK; i += folds)
            predicted[kind][i] = fmax(sn_net_time(&c, all, us, i), 1e-6);
        sn_correction_release(&c);
    }
    release_part(&seen);
    free(us);
    return rc;
}

static sn_status validate(const struct sn_estimator *e, struct sn_fit_nets *r,
                          const struct sn_sums *all, int most_folds,
                          struct sn_error *err)
{
    const size_t n = (size_t)all->n;
    const int folds = all->n < most_folds ? all->n : most_folds;
    const int seen = all->n - (all->n + folds - 1) / folds;
    double *predicted[SN_NETS_KINDS];
    double *block = calloc(SN_NETS_KINDS * n, sizeof *block);
    int failed = 0;
    if (!block)
        return no_memory(all->n, err);
    for (size_t k = 0; k < SN_NETS_KINDS; k++) {
        predicted[k] = block + k * n;
        r->tried[k] = seen >= nets_needed[k];
    }
#pragma omp parallel for schedule(static, 1) reduction(+ : failed)
    for (int fold = 0; fold < folds; fold++)
        failed +=
            validate_fold(e, all, fold, folds, r->tried, predicted) != SN_OK;
    sn_status rc = failed ? no_memory(all->n, err) : SN_OK;
    for (int k = 0; k < SN_NETS_KINDS && rc == SN_OK; k++) {
        if (!r->tried[k])
            continue;
        rc = sn_score_make(&r->score[k], all->us, predicted[k], all->n, err);
        if (r->score[k].mape < r->score[r->kind].mape)
            r->kind = (sn_nets_kind)k;
    }
    memcpy(r->predicted, predicted[r->kind], n * sizeof *r->predicted);
    free(block);
    return rc;
}

/* ---- the whole ---- */

/* The roofline becomes the class of the ops that had none. */
static void take_classes(struct sn_estimator *e, const struct sn_sums *nets,
                         const struct sn_roofline *own)
{
    bool taken[SN_UNIT_OPS] = {false};
    for (int i = 0; i < nets->units; i++) {
        const struct sn_unit *u = nets->unit[i];
        struct sn_class_model *m = &e->model[u->op];
        float x[SN_FEATURES];
        if (m->present && !taken[u->op])
            continue;
        if (!taken[u->op])
            *m = (struct sn_class_model){.present = true,
                                         .family = SN_FAMILY_ROOFLINE,
                                         .prior = *own,
                                         .mape = (double)NAN,
                                         .within = (double)NAN,
                                         .spearman = (double)NAN};
        sn_features(x, u, sn_roofline_predict(own, u));
        for (int j = 0; j < SN_FEATURES; j++) {
            m->low[j] = taken[u->op] ? fminf(m->low[j], x[j]) : x[j];
            m->high[j] = taken[u->op] ? fmaxf(m->high[j], x[j]) : x[j];
        }
        taken[u->op] = true;
        m->rows++;
    }
}

static sn_status fit(struct sn_estimator *e, struct sn_fit_nets *r,
                     const struct sn_sums *all, int folds, struct sn_error *err)
{
    struct sn_roofline own;
    struct sn_correction c;
    double *base = malloc((size_t)all->units * sizeof *base);
    sn_status rc = base ? SN_OK : no_memory(all->n, err);
    if (rc == SN_OK && all->n > 1)
        rc = validate(e, r, all, folds, err);
    if (rc == SN_OK)
        rc = base_of(base, &own, e, all, err);
    if (rc == SN_OK)
        rc = sn_correction_fit(&c, r->kind, all, base, err);
    if (rc == SN_OK) {
        take_classes(e, all, &own);
        sn_correction_release(&e->nets);
        e->nets = c;
        e->nets_mape = all->n > 1 ? r->score[r->kind].mape : (double)NAN;
    }
    free(base);
    return rc;
}

sn_status sn_estimator_fit_nets(struct sn_estimator *e,
                                struct sn_fit_nets *report,
                                const struct sn_sums *nets, int folds,
                                uint64_t seed, struct sn_error *err)
{
    const size_t n = (size_t)nets->n;
    struct sn_fit_nets found = {.nets = nets->n, .units = nets->units};
    struct part all;
    int *order = malloc(n * sizeof *order);
    double *block = calloc(2 * n, sizeof *block);
    sn_status rc =
        order && block ? part_init(&all, nets, err) : no_memory(nets->n, err);
    if (rc != SN_OK) {
        free(order);
        free(block);
        return rc;
    }
    found.measured = block;
    found.predicted = block + n;
    sn_fit_order(order, nets->n, seed);
    for (size_t i = 0; i < n; i++) {
        part_add(&all, nets, order[i]);
        found.measured[i] = nets->us[order[i]];
    }
    rc = fit(e, &found, &all.sums, folds, err);
    release_part(&all);
    free(order);
    if (rc == SN_OK)
        *report = found;
    else
        sn_fit_nets_release(&found);
    return rc;
}

void sn_fit_nets_release(struct sn_fit_nets *report)
{
    free(report->measured);
    *report = (struct sn_fit_nets){0};
}
