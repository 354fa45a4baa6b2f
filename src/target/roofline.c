/* Evaluating and fitting the analytic prior (roofline.h). */

#include "target/roofline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regress/linear.h"

#define SHARPEST 64.0 /* from here on a norm is the maximum */

static const char *const term_name[SN_ROOF_TERMS] = {
    [SN_ROOF_CONV] = "conv",     [SN_ROOF_DWCONV] = "dwconv",
    [SN_ROOF_VECTOR] = "vector", [SN_ROOF_SQUEEZE] = "squeeze",
    [SN_ROOF_VALUE] = "value",   [SN_ROOF_WEIGHT] = "weight",
    [SN_ROOF_DRAM] = "dram",     [SN_ROOF_LAUNCH] = "launch"};

const char *sn_roof_term_name(sn_roof_term term)
{
    return term_name[term];
}

/* ---- the amounts of a part ---- */

/* What a part takes of each term. */
struct amounts {
    sn_roof_term array; /* which of the four kinds of arithmetic */
    double passes;
    double values;  /* moved beside the array */
    double weights; /* fetched */
    double dram;    /* values */
};

static double blocks(double extent, int lanes)
{
    return ceil(extent / lanes);
}

static double conv_passes(const struct sn_roofline *r, const struct sn_part *p)
{
    const bool packed = r->pack && p->cin < r->in_lanes;
    const double depth = packed ? blocks((double)p->taps * p->cin, r->in_lanes)
                                : p->taps * blocks(p->cin, r->in_lanes);
    return blocks(p->pixels, r->pixel_lanes) * blocks(p->cout, r->out_lanes) *
           depth * p->groups;
}

static double dw_passes(const struct sn_roofline *r, const struct sn_part *p)
{
    return blocks(p->pixels, r->dw_pixels) * blocks(p->cin, r->dw_lanes) *
           blocks(p->taps, r->dw_taps);
}

/* Share of an input in DRAM that is read again because windows cross tiles, and
 * how often weights come that do not stay beside the tiles (METHOD-NPU 3). */
static void tiling(const struct sn_roofline *r, const struct sn_part *p,
                   double weights, double *halo, double *times)
{
    const double half = r->on_chip / 2.0;
    *halo = 0.0;
    *times = 1.0;
    if (r->on_chip <= 0.0)
        return;
    if (p->in_dram && p->kernel > p->stride) {
        const double row = p->in / p->in_rows;
        *halo = (p->kernel - p->stride) / fmax(1.0, floor(half / row));
    }
    if (weights > half)
        *times = ceil((p->in + p->out) / half);
}

/* Biases and scales of an output channel, in weights. */
#define BIAS 8.0

static struct amounts amounts(const struct sn_roofline *r,
                              const struct sn_part *p)
{
    struct amounts m = {.array = SN_ROOF_VECTOR, .passes = p->work};
    if (p->kind == SN_PART_CONV) {
        m.array = SN_ROOF_CONV;
        m.passes = conv_passes(r, p);
    } else if (p->kind == SN_PART_DWCONV) {
        m.array = SN_ROOF_DWCONV;
        m.passes = dw_passes(r, p);
    } else if (p->squeezes) {
        m.array = SN_ROOF_SQUEEZE;
    }
    double halo, times;
    m.weights = p->weights > 0.0 ? p->weights + BIAS * p->cout * p->groups : 0;
    tiling(r, p, m.weights, &halo, &times);
    m.values = p->in * (1.0 + halo) + p->out + m.weights;
    m.weights *= times;
    m.dram = (p->in_dram ? p->in : 0.0) + (p->out_dram ? p->out : 0.0);
    return m;
}

/* ---- the model ---- */

/* |a, q, d|_p and its derivatives. */
static double norm(const double x[3], double p, double slope[3])
{
    const double top = fmax(x[0], fmax(x[1], x[2]));
    double sum = 0.0;
    slope[0] = slope[1] = slope[2] = 0.0;
    if (top <= 0.0)
        return 0.0;
    if (p >= SHARPEST) {
        slope[x[0] == top ? 0 : x[1] == top ? 1 : 2] = 1.0;
        return top;
    }
    if (p == 1.0) {
        slope[0] = slope[1] = slope[2] = 1.0;
        return x[0] + x[1] + x[2];
    }
    for (int i = 0; i < 3; i++)
        sum += pow(x[i] / top, p);
    const double value = top * pow(sum, 1.0 / p);
    for (int i = 0; i < 3; i++)
        slope[i] = pow(x[i] / value, p - 1.0);
    return value;
}

/* Adds a part's time to *t, and where grad is not NULL what each coefficient
 * has of it, coefficient times derivative, to grad. */
static void add_part(const struct sn_roofline *r, const struct amounts *m,
                     double *t, double *grad)
{
    const double array = r->us[m->array] * m->passes;
    const double value = r->us[SN_ROOF_VALUE] * m->values;
    const double weight = r->us[SN_ROOF_WEIGHT] * m->weights;
    const double dram = r->us[SN_ROOF_DRAM] * m->dram;
    double slope[3];
    *t += norm((double[3]){array, value, weight + dram}, r->sharpness, slope) +
          r->us[SN_ROOF_LAUNCH];
    if (!grad)
        return;
    grad[m->array] += slope[0] * array;
    grad[SN_ROOF_VALUE] += slope[1] * value;
    grad[SN_ROOF_WEIGHT] += slope[2] * weight;
    grad[SN_ROOF_DRAM] += slope[2] * dram;
    grad[SN_ROOF_LAUNCH] += r->us[SN_ROOF_LAUNCH];
}

#define LEAST_US 1e-6 /* a picosecond */

double sn_roofline_predict(const struct sn_roofline *r, const struct sn_unit *u)
{
    struct sn_part part[SN_UNIT_MAX_PARTS];
    const int n = sn_unit_parts(u, part);
    double t = 0.0;
    for (int i = 0; i < n; i++) {
        const struct amounts m = amounts(r, &part[i]);
        add_part(r, &m, &t, NULL);
    }
    return fmax(t, LEAST_US);
}

/* ---- fitting ---- */

/* A unit's parts, and their amounts under the current lanes. */
struct counted {
    int n;
    struct sn_part part[SN_UNIT_MAX_PARTS];
    struct amounts amount[SN_UNIT_MAX_PARTS];
};

struct fitting {
    const struct sn_sums *sums;
    struct counted *unit;    /* owned, [sums->units] */
    double *log_us;          /* owned, [n] */
    bool has[SN_ROOF_TERMS]; /* some row takes something of it */
};

/* Counts the units of the first n rows anew. */
static void count(struct fitting *f, const struct sn_roofline *r, int n)
{
    int last = -1;
    for (int it = 0; it < f->sums->start[n]; it++)
        if (f->sums->index[it] > last)
            last = f->sums->index[it];
    for (int i = 0; i <= last; i++)
        for (int ip = 0; ip < f->unit[i].n; ip++)
            f->unit[i].amount[ip] = amounts(r, &f->unit[i].part[ip]);
}

/* Time of a row; grad [TERMS] is coefficient times derivative. */
static double row_time(const struct fitting *f, const struct sn_roofline *r,
                       int row, double *grad)
{
    const struct sn_sums *s = f->sums;
    double t = 0.0;
    memset(grad, 0, SN_ROOF_TERMS * sizeof *grad);
    for (int it = s->start[row]; it < s->start[row + 1]; it++) {
        const struct counted *u = &f->unit[s->index[it]];
        double own = 0.0, slope[SN_ROOF_TERMS] = {0};
        for (int ip = 0; ip < u->n; ip++)
            add_part(r, &u->amount[ip], &own, slope);
        t += s->count[it] * own;
        for (int j = 0; j < SN_ROOF_TERMS; j++)
            grad[j] += s->count[it] * slope[j];
    }
    return fmax(t, LEAST_US);
}

/* Mean squared error of the logarithm. */
static double loss(const struct fitting *f, const struct sn_roofline *r, int n)
{
    double sum = 0.0, unused[SN_ROOF_TERMS];
    for (int i = 0; i < n; i++) {
        const double e = log(row_time(f, r, i, unused)) - f->log_us[i];
        sum += e * e;
    }
    return sum / n;
}

/* The coefficients of the plain sum (p = 1) that minimise the squared relative
 * error: where every fit begins. */
static void fit_sum(const struct fitting *f, struct sn_roofline *r, int n)
{
    double a[SN_ROOF_TERMS * SN_ROOF_TERMS] = {0}, b[SN_ROOF_TERMS] = {0};
    const struct sn_roofline ones = {.us = {1, 1, 1, 1, 1, 1, 1, 1},
                                     .sharpness = 1.0};
    for (int i = 0; i < n; i++) {
        double x[SN_ROOF_TERMS];
        row_time(f, &ones, i, x);
        for (int j = 0; j < SN_ROOF_TERMS; j++) {
            x[j] /= f->sums->us[i];
            b[j] += x[j];
            for (int k = 0; k <= j; k++)
                a[j * SN_ROOF_TERMS + k] += x[j] * x[k];
        }
    }
    for (int j = 0; j < SN_ROOF_TERMS; j++)
        for (int k = 0; k < j; k++)
            a[k * SN_ROOF_TERMS + j] = a[j * SN_ROOF_TERMS + k];
    sn_nnls(r->us, a, b, SN_ROOF_TERMS);
    /* logarithms are fitted next, so what is zero becomes small: a thousandth
     * of the mean row */
    for (int j = 0; j < SN_ROOF_TERMS; j++)
        if (r->us[j] <= 0.0 && b[j] > 0.0)
            r->us[j] = 1e-3 * n / b[j];
}

/* One step of Levenberg and Marquardt from r, under the damping; the result in
 * *next. */
static bool step(const struct fitting *f, const struct sn_roofline *r, int n,
                 double damping, struct sn_roofline *next)
{
    enum { M = SN_ROOF_TERMS };
    double a[M * M] = {0}, b[M] = {0}, move[M] = {0};
    for (int i = 0; i < n; i++) {
        double x[M];
        const double t = row_time(f, r, i, x);
        const double e = log(t) - f->log_us[i];
        for (int j = 0; j < M; j++) {
            x[j] /= t;
            b[j] -= x[j] * e;
            for (int k = 0; k <= j; k++)
                a[j * M + k] += x[j] * x[k];
        }
    }
    for (int j = 0; j < M; j++) {
        for (int k = 0; k < j; k++)
            a[k * M + j] = a[j * M + k];
        a[j * M + j] += damping * (a[j * M + j] + 1e-4 * n);
    }
    if (!sn_solve_spd(a, move, b, M))
        return false;
    *next = *r;
    for (int j = 0; j < M; j++)
        next->us[j] *= exp(fmax(-2.0, fmin(2.0, move[j])));
    return true;
}

/* Improves the coefficients on the first n rows; returns the loss. */
static double refine(const struct fitting *f, struct sn_roofline *r, int n,
                     int rounds)
{
    double damping = 1e-3, now = loss(f, r, n);
    for (int i = 0; i < rounds && damping < 1e6; i++) {
        struct sn_roofline next;
        double then = HUGE_VAL;
        if (step(f, r, n, damping, &next))
            then = loss(f, &next, n);
        const bool better = then < now;
        damping *= better ? 0.3 : 8.0;
        if (!better)
            continue;
        const double gain = (now - then) / now;
        *r = next;
        now = then;
        if (gain < 1e-6)
            break;
    }
    return now;
}

/* ---- lanes ---- */

enum { LANES = 14, SIZES = 16 };
static const int lanes[LANES] = {1,  2,  3,  4,  6,  8,  9,
                                 12, 16, 24, 32, 48, 64, 128};

/* Tries r under other lanes or another size; keeps them when that is better by
 * more than chance would have it. */
static void try_other(struct fitting *f, struct sn_roofline *r,
                      struct sn_roofline other, int n, double *best)
{
    count(f, &other, n);
    const double found = refine(f, &other, n, 12);
    if (found < *best * 0.999) {
        *best = found;
        *r = other;
    }
}

/* The roofline with another value of one lane count; passes shrink as lanes
 * grow, so the coefficient grows along. */
static struct sn_roofline with_lanes(const struct sn_roofline *r, int which,
                                     int value)
{
    struct sn_roofline o = *r;
    int *const lane[] = {&o.in_lanes, &o.out_lanes, &o.pixel_lanes,
                         &o.dw_lanes, &o.dw_pixels, &o.dw_taps};
    const double grows = (double)value / *lane[which];
    o.us[which < 3 ? SN_ROOF_CONV : SN_ROOF_DWCONV] *= grows;
    *lane[which] = value;
    return o;
}

/* One round over every lane count, `pack` and the on-chip size. */
static void sweep(struct fitting *f, struct sn_roofline *r, int n, double *best)
{
    for (int which = 0; which < 6; which++) {
        if (!f->has[which < 3 ? SN_ROOF_CONV : SN_ROOF_DWCONV])
            continue;
        const struct sn_roofline from = *r;
        for (int i = 0; i < LANES; i++)
            try_other(f, r, with_lanes(&from, which, lanes[i]), n, best);
    }
    struct sn_roofline other = *r;
    other.pack = !other.pack;
    try_other(f, r, other, n, best);
    const struct sn_roofline from = *r;
    for (int i = 0; i < SIZES && f->has[SN_ROOF_DRAM]; i++) {
        other = from;
        other.on_chip = ldexp(i % 2 ? 1.5 : 1.0, 14 + i / 2);
        try_other(f, r, other, n, best);
    }
    count(f, r, n);
}

/* The best sharpness for these lanes. */
static void sharpen(struct fitting *f, struct sn_roofline *r, int n, int rounds)
{
    static const double ps[] = {1, 1.5, 2, 4, 8, SHARPEST};
    struct sn_roofline best = *r, at = *r;
    double least = HUGE_VAL;
    for (size_t i = 0; i < sizeof ps / sizeof *ps; i++) {
        at.sharpness = ps[i]; /* from where the last one ended */
        const double found = refine(f, &at, n, rounds);
        if (found < least) {
            least = found;
            best = at;
        }
    }
    *r = best;
}

/* What is fitted to the device; the first rows stand for all of them where
 * there are many, as the caller has shuffled them. */
static void fit(struct fitting *f, struct sn_roofline *r)
{
    enum { FEW = 600, MANY = 4000 };
    const int n = f->sums->n;
    const int few = n < FEW ? n : FEW, many = n < MANY ? n : MANY;
    count(f, r, many);
    fit_sum(f, r, few);
    sharpen(f, r, few, 12);
    double best = loss(f, r, few);
    sweep(f, r, few, &best);
    sharpen(f, r, few, 12);
    best = loss(f, r, few);
    sweep(f, r, few, &best);
    count(f, r, many);
    refine(f, r, many, 30);
    sharpen(f, r, many, 20);
    for (int j = 0; j < SN_ROOF_TERMS; j++)
        if (!f->has[j])
            r->us[j] = 0.0;
}

static const struct sn_roofline plain = {.sharpness = 1.0,
                                         .in_lanes = 1,
                                         .out_lanes = 1,
                                         .pixel_lanes = 1,
                                         .dw_lanes = 1,
                                         .dw_pixels = 1,
                                         .dw_taps = 1};

static void take_rows(struct fitting *f)
{
    f->has[SN_ROOF_LAUNCH] = f->has[SN_ROOF_VALUE] = true;
    for (int i = 0; i < f->sums->n; i++)
        f->log_us[i] = log(f->sums->us[i]);
    for (int i = 0; i < f->sums->units; i++) {
        struct counted *u = &f->unit[i];
        u->n = sn_unit_parts(f->sums->unit[i], u->part);
        for (int ip = 0; ip < u->n; ip++) {
            const struct amounts m = amounts(&plain, &u->part[ip]);
            f->has[m.array] = true;
            f->has[SN_ROOF_WEIGHT] |= m.weights > 0.0;
            f->has[SN_ROOF_DRAM] |= m.dram > 0.0;
        }
    }
}

sn_status sn_roofline_fit(struct sn_roofline *r, const struct sn_sums *sums,
                          struct sn_error *err)
{
    struct fitting f = {.sums = sums};
    f.unit = malloc((size_t)sums->units * sizeof *f.unit);
    f.log_us = malloc((size_t)sums->n * sizeof *f.log_us);
    const bool has_room = f.unit && f.log_us;
    if (has_room) {
        take_rows(&f);
        *r = plain;
        fit(&f, r);
    }
    free(f.unit);
    free(f.log_us);
    return has_room ? SN_OK
                    : sn_fail(err, SN_ERR_MEMORY, "no memory to fit %d rows",
                              sums->n);
}

sn_status sn_roofline_fit_units(struct sn_roofline *r,
                                const struct sn_unit *const *u,
                                const double *us, int n, struct sn_error *err)
{
    int *start = malloc(((size_t)n + 1) * sizeof *start);
    double *one = malloc((size_t)n * sizeof *one);
    sn_status rc = SN_ERR_MEMORY;
    if (start && one) {
        for (int i = 0; i <= n; i++)
            start[i] = i; /* of its one term, which is its own unit */
        for (int i = 0; i < n; i++)
            one[i] = 1.0;
        const struct sn_sums sums = {.unit = u,
                                     .units = n,
                                     .start = start,
                                     .index = start,
                                     .count = one,
                                     .us = us,
                                     .n = n};
        rc = sn_roofline_fit(r, &sums, err);
    } else {
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory to fit %d rows", n);
    }
    free(start);
    free(one);
    return rc;
}
