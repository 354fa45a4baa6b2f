/* Corrections out of whole nets (correction.h).
 *
 * Nets weigh by the inverse of their time, so errors are relative.  The shares
 * and the noise are those that make the nets likeliest (the evidence), found
 * one after the other on at most EVIDENCE_NETS of them; the points then take
 * all nets. */

#include "target/correction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regress/kriging.h"
#include "regress/linear.h"

enum {
    EVIDENCE_NETS = 400,
    SEARCHED = 600, /* units up to which shares are searched for */
    ROUNDS = 3,
    HYPERS = SN_LIKES + 1
};

#define LEAST_SHARE 0.05 /* of its base estimate that a unit costs at least */
#define NOISE_MIN   5e-4
#define CONSTANT_SD 0.3 /* of the mean net: what is not in any unit */

/* ---- likeness ---- */

struct sn_point sn_point_make(const struct sn_unit *u)
{
    return (struct sn_point){.unit = *u,
                             .cin = log2(u->cin),
                             .cout = log2(u->cout),
                             .pixels = log2((double)u->h * u->w),
                             .expansion = log2((u->mid + 1.0) / u->cin),
                             .kernel = log2(u->k)};
}

/* exp(-(x / 0.4)^2): 1 where they are the same, little an octave away. */
static double bell(double x)
{
    return x == 0.0 ? 1.0 : exp(-x * x / 0.16);
}

static double squared(double x)
{
    return x * x;
}

double sn_likeness(const double share[SN_LIKES], const struct sn_point *p,
                   const struct sn_point *q)
{
    const struct sn_unit *a = &p->unit, *b = &q->unit;
    if (a->op != b->op)
        return 0.0;
    const bool extents = a->cin == b->cin && a->cout == b->cout &&
                         a->h == b->h && a->w == b->w &&
                         a->stride == b->stride && a->skip == b->skip;
    const bool squeeze = (a->se > 0) == (b->se > 0);
    const bool expansion = a->expands == b->expands &&
                           (int64_t)a->mid * b->cin == (int64_t)b->mid * a->cin;
    const bool self = extents && expansion && a->k == b->k && a->se == b->se &&
                      a->groups == b->groups && a->act == b->act &&
                      a->batch == b->batch;
    const double far = fabs(p->cin - q->cin) + fabs(p->cout - q->cout) +
                       fabs(p->pixels - q->pixels);
    const double near = far > 0.0 ? exp(-far / 3.0) : 1.0;
    const double e = expansion ? 1.0 : bell(p->expansion - q->expansion);
    const double k = bell(p->kernel - q->kernel);
    double sum = near * e * k * squared(share[SN_LIKE_KERNEL]);
    if (squeeze)
        sum += near * e * squared(share[SN_LIKE_SQUEEZE]);
    if (extents)
        sum += squared(share[SN_LIKE_EXTENTS]);
    if (extents && squeeze && expansion)
        sum += squared(share[SN_LIKE_VARIANT]);
    if (self)
        sum += squared(share[SN_LIKE_SELF]);
    return sum;
}

double sn_correct(const struct sn_correction *c, const struct sn_unit *u,
                  double us)
{
    const double base = c->gain * us;
    const struct sn_point p = sn_point_make(u);
    double sum = 0.0;
    for (int i = 0; i < c->points; i++)
        sum += sn_likeness(c->share, &p, &c->point[i]) * c->beta[i];
    return fmax(base + (base + c->offset) * sum, LEAST_SHARE * base);
}

double sn_net_time(const struct sn_correction *c, const struct sn_sums *nets,
                   const double *us, int net)
{
    double sum = c->constant;
    for (int it = nets->start[net]; it < nets->start[net + 1]; it++)
        sum += nets->count[it] * us[nets->index[it]];
    return sum;
}

/* ---- gain and constant ---- */

static void fit_affine(struct sn_correction *c, const struct sn_sums *nets,
                       const double *base)
{
    double a[4] = {0}, b[2] = {0}, x[2];
    static const struct sn_correction none = {.gain = 1.0};
    for (int i = 0; i < nets->n; i++) {
        const double row[2] = {sn_net_time(&none, nets, base, i) / nets->us[i],
                               1.0 / nets->us[i]};
        for (int j = 0; j < 2; j++) {
            b[j] += row[j];
            for (int k = 0; k < 2; k++)
                a[2 * j + k] += row[j] * row[k];
        }
    }
    sn_nnls(x, a, b, 2);
    c->gain = x[0] > 0.0 ? x[0] : 1.0;
    c->constant = x[0] > 0.0 ? x[1] : 0.0;
}

/* ---- points ---- */

struct kriging {
    const struct sn_sums *nets;
    int m;                  /* units, and the constant behind them */
    struct sn_point *point; /* [m - 1] */
    double *scale;          /* [m]: of a unit's deviation */
    double *g;              /* [m, m] */
    double *beta;           /* [m] */
    double *y;              /* [n]: what the affine fit leaves over, relative */
    int *start;             /* [n + 1] */
    int *index; /* a term for the constant behind those of each net */
    double *count;
};

static void kriging_release(struct kriging *k)
{
    free(k->point);
    free(k->scale);
    free(k->g);
    free(k->beta);
    free(k->y);
    free(k->start);
    free(k->index);
    free(k->count);
}

static bool kriging_reserve(struct kriging *k)
{
    const size_t n = (size_t)k->nets->n, m = (size_t)k->m;
    const size_t terms = (size_t)k->nets->start[n] + n;
    k->point = malloc(m * sizeof *k->point);
    k->scale = malloc(m * sizeof *k->scale);
    k->g = malloc(m * m * sizeof *k->g);
    k->beta = malloc(m * sizeof *k->beta);
    k->y = malloc(n * sizeof *k->y);
    k->start = malloc((n + 1) * sizeof *k->start);
    k->index = malloc(terms * sizeof *k->index);
    k->count = malloc(terms * sizeof *k->count);
    return k->point && k->scale && k->g && k->beta && k->y && k->start &&
           k->index && k->count;
}

static void kriging_rows(struct kriging *k, const struct sn_correction *c,
                         const double *base)
{
    const struct sn_sums *nets = k->nets;
    double mean_base = 0.0, mean_us = 0.0;
    int at = 0;
    for (int i = 0; i < nets->units; i++)
        mean_base += c->gain * base[i] / nets->units;
    for (int i = 0; i < nets->n; i++)
        mean_us += nets->us[i] / nets->n;
    for (int i = 0; i < nets->units; i++) {
        k->point[i] = sn_point_make(nets->unit[i]);
        k->scale[i] = c->gain * base[i] + 0.2 * mean_base;
    }
    k->scale[nets->units] = CONSTANT_SD * mean_us;
    k->start[0] = 0;
    for (int i = 0; i < nets->n; i++) {
        double sum = c->constant;
        for (int it = nets->start[i]; it < nets->start[i + 1]; it++) {
            sum += nets->count[it] * c->gain * base[nets->index[it]];
            k->index[at] = nets->index[it];
            k->count[at++] = nets->count[it] / nets->us[i];
        }
        k->index[at] = nets->units;
        k->count[at++] = 1.0 / nets->us[i];
        k->start[i + 1] = at;
        k->y[i] = 1.0 - sum / nets->us[i];
    }
}

static void kriging_covariance(struct kriging *k, const double *share)
{
    const struct sn_sums *nets = k->nets;
    const ptrdiff_t m = k->m;
    memset(k->g, 0, (size_t)(m * m) * sizeof *k->g);
    for (ptrdiff_t i = 0; i < nets->units; i++)
        for (ptrdiff_t j = 0; j <= i; j++)
            k->g[i * m + j] = k->g[j * m + i] =
                k->scale[i] * k->scale[j] *
                sn_likeness(share, &k->point[i], &k->point[j]);
    k->g[m * m - 1] = k->scale[m - 1] * k->scale[m - 1];
}

/* Evidence of the first n nets under hyper = shares and noise. */
static sn_status evidence_of(struct kriging *k, const double hyper[HYPERS],
                             int n, double *beta, double *evidence,
                             struct sn_error *err)
{
    const struct sn_kriging_sums sums = {.unknowns = k->m,
                                         .start = k->start,
                                         .index = k->index,
                                         .count = k->count,
                                         .y = k->y,
                                         .n = n};
    kriging_covariance(k, hyper);
    return sn_kriging_solve(beta, evidence, &sums, k->g, hyper[SN_LIKES], err);
}

static sn_status search(struct kriging *k, double hyper[HYPERS],
                        struct sn_error *err)
{
    static const double factor[] = {0.25, 0.5, 2.0, 4.0};
    const int n = k->nets->n < EVIDENCE_NETS ? k->nets->n : EVIDENCE_NETS;
    double best, found;
    SN_TRY(evidence_of(k, hyper, n, NULL, &best, err));
    for (int round = 0; round < ROUNDS; round++)
        for (int j = 0; j < HYPERS; j++) {
            const double from = hyper[j];
            double kept = from;
            for (size_t i = 0; i < sizeof factor / sizeof *factor; i++) {
                hyper[j] = from * factor[i];
                if (hyper[j] < NOISE_MIN || hyper[j] > 4.0)
                    continue;
                SN_TRY(evidence_of(k, hyper, n, NULL, &found, err));
                if (found > best) {
                    best = found;
                    kept = hyper[j];
                }
            }
            hyper[j] = kept;
        }
    return SN_OK;
}

static sn_status fit_points(struct sn_correction *c, struct kriging *k,
                            struct sn_error *err)
{
    const struct sn_sums *nets = k->nets;
    double hyper[HYPERS] = {0.1, 0.1, 0.1, 0.1, 0.05, 0.004}, evidence;
    if (nets->units <= SEARCHED)
        SN_TRY(search(k, hyper, err));
    SN_TRY(evidence_of(k, hyper, nets->n, k->beta, &evidence, err));
    if (evidence == -HUGE_VAL)
        return SN_OK; /* nets that say nothing: affine it stays */
    c->point = malloc((size_t)nets->units * sizeof *c->point);
    c->beta = malloc((size_t)nets->units * sizeof *c->beta);
    if (!c->point || !c->beta)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d points",
                       nets->units);
    for (int i = 0; i < nets->units; i++) {
        c->point[i] = k->point[i];
        c->beta[i] = k->beta[i] * k->scale[i];
    }
    c->points = nets->units;
    memcpy(c->share, hyper, sizeof c->share);
    const double sd = k->scale[nets->units];
    c->constant += sd * sd * k->beta[nets->units];
    return SN_OK;
}

sn_status sn_correction_fit(struct sn_correction *c, sn_nets_kind kind,
                            const struct sn_sums *nets, const double *base,
                            struct sn_error *err)
{
    struct sn_correction made = {.gain = 1.0};
    struct kriging k = {.nets = nets, .m = nets->units + 1};
    sn_status rc = SN_OK;
    if (kind != SN_NETS_SUM)
        fit_affine(&made, nets, base);
    if (kind == SN_NETS_KRIGED) {
        if (kriging_reserve(&k)) {
            kriging_rows(&k, &made, base);
            made.offset = k.scale[0] - made.gain * base[0];
            rc = fit_points(&made, &k, err);
        } else {
            rc = sn_fail(err, SN_ERR_MEMORY, "no memory for %d nets", nets->n);
        }
        kriging_release(&k);
    }
    if (rc == SN_OK)
        *c = made;
    else
        sn_correction_release(&made);
    return rc;
}

void sn_correction_release(struct sn_correction *c)
{
    free(c->point);
    free(c->beta);
    *c = (struct sn_correction){0};
}
