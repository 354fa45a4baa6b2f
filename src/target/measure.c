/* Units on the clock of this machine; see measure.h. */

#include "target/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"

enum {
    LEAST_RUNS = 11, /* before a median is looked at */
    WARM_UP = 2,     /* runs that do not count */
    PLACEMENTS = 4,  /* of a unit in memory */
    REFERENCE_EVERY = 16
};

/* A unit, and the net of it and the layer in front of it. */
struct bench {
    struct sn_params params;
    struct sn_infer infer;
    int first; /* step of the unit */
    double run[SN_MEASURE_RUNS];
    struct sn_timing timing;
};

bool sn_measure_can(const struct sn_unit *u)
{
    switch (u->op) {
    case SN_UNIT_CONV:
    case SN_UNIT_IBN:
    case SN_UNIT_FUSED:
    case SN_UNIT_GAP:
    case SN_UNIT_FC:
        return u->groups <= 1 && u->se == 0 && u->batch == 1 && u->k % 2 == 1 &&
               u->act != SN_UNIT_SWISH;
    default:
        return false;
    }
}

sn_unit_act sn_unit_act_of(sn_act act)
{
    switch (act) {
    case SN_ACT_RELU:
        return SN_UNIT_RELU;
    case SN_ACT_RELU6:
        return SN_UNIT_RELU6;
    case SN_ACT_HSWISH:
        return SN_UNIT_HSWISH;
    default:
        return SN_UNIT_LINEAR;
    }
}

/* ---- the net around a unit ---- */

/* Parameters come before layers: the lists of both are walked twice, first to
 * add the entries, then to view them. */
struct builder {
    struct sn_params *p;
    struct sn_graph *g; /* NULL while entries are added */
    int entry, stat;    /* the next of either */
};

static struct sn_weight weight(struct builder *b, sn_param_kind kind, int rows,
                               int cols, int taps)
{
    char name[32];
    const int id = b->entry++;
    if (b->g)
        return sn_params_weight(b->p, id);
    snprintf(name, sizeof name, "w%d", id);
    sn_params_add(b->p, kind, rows, cols, taps, 0, name);
    return (struct sn_weight){0};
}

static struct sn_bn_view norm(struct builder *b, int c)
{
    char name[32];
    struct sn_bn_ids ids = {b->entry, b->entry + 1, b->stat};
    snprintf(name, sizeof name, "bn%d", b->stat);
    b->entry += 2;
    b->stat++;
    if (b->g)
        return sn_params_bn(b->p, ids);
    sn_params_add_bn(b->p, c, 1, name);
    return (struct sn_bn_view){0};
}

static sn_act act_of(sn_unit_act act)
{
    switch (act) {
    case SN_UNIT_RELU:
        return SN_ACT_RELU;
    case SN_UNIT_RELU6:
        return SN_ACT_RELU6;
    case SN_UNIT_HSWISH:
        return SN_ACT_HSWISH;
    default:
        return SN_ACT_NONE;
    }
}

static struct sn_tensor *conv(struct builder *b, struct sn_tensor *x, int cin,
                              int cout, int k, int stride, sn_act act)
{
    const struct sn_conv_spec spec = {
        .cout = cout,
        .k = k,
        .stride = stride,
        .weight = weight(b, SN_PARAM_CONV, k * k * cin, cout, k * k),
        .bn = norm(b, cout),
        .act = act};
    return b->g ? sn_graph_conv(b->g, "conv", x, &spec) : NULL;
}

static struct sn_tensor *ibn(struct builder *b, struct sn_tensor *x,
                             const struct sn_unit *u)
{
    struct sn_ibn_spec spec = {.k = u->k,
                               .stride = u->stride,
                               .mid = u->mid,
                               .cout = u->cout,
                               .expands = u->expands,
                               .act = act_of(u->act)};
    if (u->expands) {
        spec.expand = weight(b, SN_PARAM_CONV, u->cin, u->mid, 1);
        spec.bn[0] = norm(b, u->mid);
    }
    spec.depth =
        weight(b, SN_PARAM_DEPTHWISE, u->k * u->k, u->mid, u->k * u->k);
    spec.depth_row = (ptrdiff_t)u->k * spec.depth.ld;
    spec.bn[1] = norm(b, u->mid);
    spec.project = weight(b, SN_PARAM_CONV, u->mid, u->cout, 1);
    spec.bn[2] = norm(b, u->cout);
    return b->g ? sn_graph_ibn(b->g, "ibn", x, &spec) : NULL;
}

static struct sn_tensor *fused(struct builder *b, struct sn_tensor *x,
                               const struct sn_unit *u)
{
    struct sn_fused_spec spec = {.k = u->k,
                                 .stride = u->stride,
                                 .mid = u->mid,
                                 .cout = u->cout,
                                 .act = act_of(u->act)};
    spec.dense =
        weight(b, SN_PARAM_CONV, u->k * u->k * u->cin, u->mid, u->k * u->k);
    spec.bn[0] = norm(b, u->mid);
    spec.project = weight(b, SN_PARAM_CONV, u->mid, u->cout, 1);
    spec.bn[1] = norm(b, u->cout);
    return b->g ? sn_graph_fused(b->g, "fused", x, &spec) : NULL;
}

/* What stands in front of the unit: nothing in front of a first convolution,
 * which reads the image; a pool in front of a linear layer; else a 1x1. */
static struct sn_tensor *before(struct builder *b, struct sn_tensor *x,
                                const struct sn_unit *u)
{
    if (u->op == SN_UNIT_CONV && u->cin <= 4)
        return x;
    if (u->op == SN_UNIT_FC)
        return b->g ? sn_graph_pool(b->g, x) : NULL;
    return conv(b, x, 8, u->cin, 1, 1,
                u->op == SN_UNIT_GAP ? act_of(u->act) : SN_ACT_NONE);
}

static void unit(struct builder *b, struct sn_tensor *x,
                 const struct sn_unit *u)
{
    struct sn_tensor *y = NULL;
    switch (u->op) {
    case SN_UNIT_CONV:
    case SN_UNIT_IBN:
    case SN_UNIT_FUSED:
        y = u->op == SN_UNIT_IBN ? ibn(b, x, u)
            : u->op == SN_UNIT_FUSED
                ? fused(b, x, u)
                : conv(b, x, u->cin, u->cout, u->k, u->stride, act_of(u->act));
        if (u->skip && b->g)
            sn_graph_sum(b->g, "add",
                         (const struct sn_term[]){{.x = y}, {.x = x}}, 2);
        return;
    case SN_UNIT_GAP:
        if (b->g)
            sn_graph_pool(b->g, x);
        return;
    default: {
        const struct sn_weight w =
            weight(b, SN_PARAM_LINEAR, u->cin, u->cout, 1);
        const struct sn_weight bias = weight(b, SN_PARAM_BETA, 1, u->cout, 1);
        if (b->g)
            sn_graph_linear(b->g, x, u->cout, w, bias);
    }
    }
}

/* The image is as wide as what stands in front of the unit asks for. */
static int image_channels(const struct sn_unit *u)
{
    const bool direct =
        u->op == SN_UNIT_FC || (u->op == SN_UNIT_CONV && u->cin <= 4);
    return direct ? u->cin : 8;
}

static sn_status take_params(struct bench *b, const struct sn_unit *u,
                             struct sn_error *err)
{
    struct builder build = {.p = &b->params};
    before(&build, NULL, u);
    unit(&build, NULL, u);
    SN_TRY(sn_params_take(&b->params, err));
    sn_params_draw(&b->params, 1);
    for (size_t i = 0; i < b->params.stat_total; i++)
        b->params.m2[i] = 1;
    for (int i = 0; i < b->params.stats; i++)
        b->params.counts[i] = 1;
    return SN_OK;
}

static void fill_input(struct sn_tensor *x)
{
    const struct sn_rng rng = sn_rng_make(1, SN_RNG_SYNTHETIC);
    const size_t values = sn_tensor_values(x);
    for (size_t i = 0; i < values; i++)
        x->y[i] = (sn_real)sn_rng_normal(rng, 1, 0, i);
}

static sn_status open_bench(struct bench *b, const struct sn_unit *u,
                            const struct sn_kernels *k, struct sn_error *err)
{
    struct sn_graph graph;
    SN_CHECK(sn_measure_can(u));
    sn_params_init(&b->params);
    SN_TRY(take_params(b, u, err));
    SN_TRY(sn_graph_init(&graph, k, 1, err));
    struct builder build = {.p = &b->params, .g = &graph};
    sn_graph_reset(&graph, 1);
    struct sn_tensor *x = sn_graph_input(&graph, u->h, u->w, image_channels(u));
    unit(&build, before(&build, x, u), u);
    const sn_status rc = sn_infer_init(&b->infer, &graph, 1, 1, err);
    sn_graph_release(&graph);
    sn_params_release(&b->params);
    if (rc != SN_OK)
        return rc;
    b->first = u->op == SN_UNIT_CONV && u->cin <= 4 ? 0 : 1;
    fill_input(&b->infer.input);
    return SN_OK;
}

static void close_bench(struct bench *b)
{
    sn_infer_release(&b->infer);
    sn_params_release(&b->params);
}

/* ---- the clock ---- */

/* The second of two runs: behind the others' the first one finds its weights
 * where no net that fits the cache would. */
static double run(struct bench *b)
{
    sn_infer_run_steps(&b->infer, 0, b->infer.steps);
    sn_infer_run_steps(&b->infer, 0, b->first);
    const double start = sn_clock_seconds();
    sn_infer_run_steps(&b->infer, b->first, b->infer.steps);
    return sn_clock_seconds() - start;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of n runs and its 95 % interval, of ranks n/2 -+ .98 sqrt(n). */
static void look(struct sn_timing *t, const double *run_of, int n,
                 double precision)
{
    double sorted[SN_MEASURE_RUNS];
    memcpy(sorted, run_of, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    const double half = 0.98 * sqrt(n);
    const int low = (int)fmax(0, floor(n / 2.0 - half));
    const int high = (int)fmin(n - 1, ceil(n / 2.0 + half));
    t->runs = n;
    t->seconds = sorted[n / 2];
    t->spread = (sorted[high] - sorted[low]) / 2 / t->seconds;
    t->outliers = 0;
    for (int i = n - 1; i > 0 && sorted[i] > 1.5 * t->seconds; i--)
        t->outliers++;
    t->settled = n >= LEAST_RUNS && t->spread <= precision;
}

static void visit(struct bench *b, double precision)
{
    struct sn_timing *t = &b->timing;
    const double seconds = run(b);
    if (t->settled || t->runs == SN_MEASURE_RUNS)
        return;
    b->run[t->runs++] = seconds;
    if (t->runs % 4 == 3)
        look(t, b->run, t->runs, precision);
}

/* ---- groups ---- */

/* A fused block in the middle of everything. */
static const struct sn_unit reference_unit = {.op = SN_UNIT_FUSED,
                                              .cin = 32,
                                              .cout = 32,
                                              .h = 16,
                                              .w = 16,
                                              .k = 3,
                                              .stride = 1,
                                              .groups = 1,
                                              .mid = 64,
                                              .batch = 1,
                                              .act = SN_UNIT_RELU6,
                                              .skip = true};

/* Whether any unit still wants runs. */
static bool unsettled(const struct bench *b, int n, int *settled)
{
    int left = 0;
    for (int i = 0; i < n; i++)
        left += !b[i].timing.settled && b[i].timing.runs < SN_MEASURE_RUNS;
    *settled = n - left;
    return left > 0;
}

/* Another order of n things, Fisher and Yates'. */
static void shuffle(int *order, int n, struct sn_rng rng, uint32_t round)
{
    for (int i = n - 1; i > 0; i--) {
        const int j =
            (int)sn_rng_below(rng, round, (uint32_t)i, 0, (uint32_t)i + 1);
        const int kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* Rounds over all units, each in an order of its own; the reference is bench n.
 */
static void measure(struct bench *b, int *order, const struct sn_measuring *m)
{
    const struct sn_rng rng = sn_rng_make(m->seed, SN_RNG_SYNTHETIC);
    const int n = m->n;
    int settled = 0;
    for (int i = 0; i <= n; i++)
        for (int warm = 0; warm < WARM_UP; warm++)
            run(&b[i]);
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t round = 0; unsettled(b, n, &settled); round++) {
        shuffle(order, n, rng, round);
        for (int i = 0; i < n; i++) {
            if (i % REFERENCE_EVERY == 0)
                visit(&b[n], 0);
            visit(&b[order[i]], m->precision);
        }
        if (m->tell)
            m->tell(m->context, settled);
        if (round >= LEAST_RUNS && sn_clock_seconds() > m->until)
            break;
    }
}

/* Opens all benches in an order of their own, so that each lies elsewhere in
 * memory than the time before, measures, and adds what came out. */
static sn_status place(struct bench *b, int *order,
                       const struct sn_measuring *m, int placement,
                       struct sn_timing *all, struct sn_error *err)
{
    const struct sn_rng rng = sn_rng_make(m->seed, SN_RNG_SYNTHETIC);
    sn_status rc = SN_OK;
    memset(b, 0, ((size_t)m->n + 1) * sizeof *b);
    for (int i = 0; i <= m->n; i++)
        order[i] = i;
    shuffle(order, m->n + 1, rng, UINT32_MAX - (uint32_t)placement);
    for (int i = 0; rc == SN_OK && i <= m->n; i++) {
        const int at = order[i];
        rc = open_bench(&b[at], at < m->n ? &m->unit[at] : &reference_unit,
                        m->k, err);
    }
    if (rc == SN_OK)
        measure(b, order, m);
    for (int i = 0; i <= m->n; i++) {
        struct sn_timing *t = &b[i].timing;
        if (t->runs > 0)
            look(t, b[i].run, t->runs, m->precision);
        all[i].seconds += t->seconds / PLACEMENTS;
        all[i].spread += t->spread / PLACEMENTS;
        all[i].runs += t->runs;
        all[i].outliers += t->outliers;
        all[i].settled = t->settled && (placement == 0 || all[i].settled);
        close_bench(&b[i]);
    }
    return rc;
}

sn_status sn_measure_group(const struct sn_measuring *m,
                           struct sn_timing *timing,
                           struct sn_timing *reference, struct sn_error *err)
{
    const size_t count = (size_t)m->n + 1;
    struct bench *b = calloc(count, sizeof *b);
    struct sn_timing *all = calloc(count, sizeof *all);
    int *order = calloc(count, sizeof *order);
    sn_status rc = SN_OK;
    if (!b || !order || !all)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for %d units", m->n);
    for (int ip = 0; rc == SN_OK && ip < PLACEMENTS; ip++)
        rc = place(b, order, m, ip, all, err);
    if (rc == SN_OK) {
        memcpy(timing, all, (size_t)m->n * sizeof *all);
        *reference = all[m->n];
    }
    free(b);
    free(all);
    free(order);
    return rc;
}

struct sn_timing sn_measure_net(struct sn_infer *net, double precision,
                                double seconds)
{
    struct sn_timing t = {0};
    double run_of[SN_MEASURE_RUNS];
    const double until = sn_clock_seconds() + seconds;
    fill_input(&net->input);
    for (int warm = 0; warm < WARM_UP; warm++)
        sn_infer_run(net);
    for (int n = 0; n < SN_MEASURE_RUNS && !t.settled;) {
        const double start = sn_clock_seconds();
        sn_infer_run(net);
        run_of[n++] = sn_clock_seconds() - start;
        if (n % 4 == 3)
            look(&t, run_of, n, precision);
        if (n >= LEAST_RUNS && sn_clock_seconds() > until)
            break;
    }
    return t;
}
