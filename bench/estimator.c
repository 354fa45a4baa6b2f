/* How well estimators predict what they have not seen: the table of
 * bench/RESULTS.md in one command.
 *
 *   estimator [DATA]      DATA: ../shared/data/latency, the public tables
 *
 * Every line holds rows out before anything is chosen: operators and nets are
 * shuffled by a fixed seed, `train` of them are fitted (families and forms are
 * compared by cross-validation inside those), and the score is that of others.
 * Described accelerators are sampled by their cycle model and fitted from the
 * times alone. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "job/target_file.h"
#include "target/estimator.h"
#include "target/net_csv.h"
#include "target/unit_csv.h"

enum { SEED = 7, TEST_MAX = 4000, NETS = 60, NET_BLOCKS = 14 };

static struct sn_error err;

static void check(sn_status rc, const char *what)
{
    if (rc == SN_OK)
        return;
    printf("%s: %s\n", what, err.text);
    exit((int)rc);
}

static void print_head(void)
{
    printf("%-34s %6s %6s  %-9s %8s %9s %8s %8s %8s %8s\n", "held out", "train",
           "test", "how", "MAPE", "within 10", "worst", "Kendall", "fit",
           "predict");
}

static void print_line(const char *name, int train, const char *how,
                       const struct sn_score *s, double fit_s, double us)
{
    printf("%-34s %6d %6d  %-9s %6.2f %% %7.1f %% %6.1f %% %8.4f %6.1f s "
           "%5.1f us\n",
           name, train, s->rows, how, 100 * s->mape, 100 * s->within,
           100 * s->worst, s->kendall, fit_s, us);
    fflush(stdout);
}

static uint32_t below(uint32_t item, uint64_t index, uint32_t n)
{
    return sn_rng_below(sn_rng_make(SEED, SN_RNG_SYNTHETIC), 9, item, index, n);
}

/* A random order of n things; the caller frees it. */
static int *shuffled(int n)
{
    int *order = malloc((size_t)n * sizeof *order);
    if (!order)
        exit(SN_ERR_MEMORY);
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)below(1, (uint64_t)i, (uint32_t)i + 1);
        const int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    return order;
}

/* ---- operators ---- */

struct rows {
    const struct sn_unit **unit;
    double *us;
    int n;
};

static void rows_init(struct rows *r, size_t room)
{
    *r = (struct rows){.unit = malloc(room * sizeof(void *)),
                       .us = malloc(room * sizeof *r->us)};
    if (!r->unit || !r->us)
        exit(SN_ERR_MEMORY);
}

static void rows_release(struct rows *r)
{
    free(r->unit);
    free(r->us);
}

static void rows_push(struct rows *r, const struct sn_unit *u, double us)
{
    r->unit[r->n] = u;
    r->us[r->n++] = us;
}

/* Fits to `seen` and scores on `other`. */
static void score_rows(const char *name, const struct rows *seen,
                       const struct rows *other, struct sn_estimator **keep)
{
    struct sn_estimator *e;
    struct sn_fit_report report;
    struct sn_score s;
    const struct sn_fit_rows rows = {
        .unit = seen->unit, .us = seen->us, .n = seen->n};
    const struct sn_fit_options o = {
        .device = name, .dtype = "", .seed = 1, .folds = 5};
    double *us = malloc((size_t)other->n * sizeof *us);
    if (!us)
        exit(SN_ERR_MEMORY);
    const double start = sn_clock_seconds();
    check(sn_estimator_fit(&e, &report, &rows, &o, &err), name);
    const double fitted = sn_clock_seconds();
    for (int i = 0; i < other->n; i++)
        us[i] = 1e6 * sn_estimator_predict(e, other->unit[i]).seconds;
    const double done = sn_clock_seconds();
    check(sn_score_make(&s, other->us, us, other->n, &err), name);
    print_line(name, seen->n, sn_family_name(report.item[0].family), &s,
               fitted - start, 1e6 * (done - fitted) / other->n);
    free(us);
    sn_fit_report_release(&report);
    if (keep)
        *keep = e;
    else
        sn_estimator_destroy(e);
}

/* One class of a public table; train 0: four fifths of what there is. */
static void operators(const char *dir, const char *file, const char *name,
                      const struct sn_unit_want *want, sn_unit_op op, int train)
{
    char path[512];
    struct sn_unit_table t;
    struct rows seen, other;
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    check(sn_unit_table_read(&t, path, want, &err), path);
    for (size_t i = 0; i < t.n; i++)
        n += t.row[i].unit.op == op;
    train = train ? train : n * 4 / 5;
    int *order = shuffled((int)t.n);
    rows_init(&seen, t.n);
    rows_init(&other, t.n);
    for (size_t i = 0; i < t.n; i++) {
        const struct sn_measured *m = &t.row[order[i]];
        if (m->unit.op == op && (seen.n < train || other.n < TEST_MAX))
            rows_push(seen.n < train ? &seen : &other, &m->unit, m->us);
    }
    score_rows(name, &seen, &other, NULL);
    free(order);
    rows_release(&seen);
    rows_release(&other);
    sn_unit_table_release(&t);
}

/* ---- nets alone ---- */

/* The nets order[first .. first + n) as sums of their own. */
static struct sn_sums pick(const struct sn_sums *all, const int *order,
                           int first, int n, int *start, int *index,
                           double *count, double *us)
{
    struct sn_sums s = *all;
    int at = 0;
    for (int i = 0; i < n; i++) {
        const int net = order[first + i];
        start[i] = at;
        us[i] = all->us[net];
        for (int it = all->start[net]; it < all->start[net + 1]; it++, at++) {
            index[at] = all->index[it];
            count[at] = all->count[it];
        }
    }
    start[n] = at;
    s.start = start;
    s.index = index;
    s.count = count;
    s.us = us;
    s.n = n;
    return s;
}

static void score_nets(const char *name, const struct sn_sums *all,
                       const int *order, int test, int train)
{
    const size_t terms = (size_t)all->start[all->n], n = (size_t)all->n;
    int *ints = malloc((n + 1 + terms) * sizeof *ints);
    double *reals = malloc((2 * n + terms) * sizeof *reals);
    double *unit_us = malloc((size_t)all->units * sizeof *unit_us);
    struct sn_estimator *e;
    struct sn_fit_report none;
    struct sn_fit_nets report;
    struct sn_score s;
    if (!ints || !reals || !unit_us)
        exit(SN_ERR_MEMORY);
    const struct sn_sums seen =
        pick(all, order, test, train, ints, ints + n + 1, reals, reals + terms);
    const struct sn_fit_rows rows = {0};
    const struct sn_fit_options o = {.device = name, .dtype = "", .folds = 5};
    const double start = sn_clock_seconds();
    check(sn_estimator_fit(&e, &none, &rows, &o, &err), name);
    check(sn_estimator_fit_nets(e, &report, &seen, 5, 1, &err), name);
    const double fitted = sn_clock_seconds();
    for (int i = 0; i < all->units; i++)
        unit_us[i] = 1e6 * sn_estimator_predict(e, all->unit[i]).seconds;
    const double done = sn_clock_seconds();
    double *measured = reals, *predicted = reals + n;
    for (int i = 0; i < test; i++) {
        const int net = order[i];
        measured[i] = all->us[net];
        predicted[i] = 1e6 * sn_estimator_constant(e);
        for (int it = all->start[net]; it < all->start[net + 1]; it++)
            predicted[i] += all->count[it] * unit_us[all->index[it]];
    }
    check(sn_score_make(&s, measured, predicted, test, &err), name);
    print_line(name, train, sn_nets_kind_name(report.kind), &s, fitted - start,
               1e6 * (done - fitted) / all->units);
    sn_fit_nets_release(&report);
    sn_estimator_destroy(e);
    free(ints);
    free(reals);
    free(unit_us);
}

static void nets(const char *dir, const char *file, const char *column,
                 const char *name)
{
    static const int trains[] = {50, 100, 400, 0};
    char path[512];
    struct sn_net_table t;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    check(sn_net_table_read(&t, path, column, NULL, &err), path);
    const struct sn_sums all = sn_net_table_sums(&t);
    int *order = shuffled(all.n);
    const int test = all.n / 5;
    for (size_t i = 0; i < sizeof trains / sizeof *trains; i++)
        score_nets(name, &all, order, test,
                   trains[i] ? trains[i] : all.n - test);
    free(order);
    sn_net_table_release(&t);
}

/* ---- nets from operators and blocks ---- */

/* Every row of both files is fitted, as if its tensors lay on chip; no net is
 * looked at. */
static void nets_of_parts(const char *dir, const char *device, const char *name)
{
    static const char *const file[] = {"blocks_vela_ethosu.csv",
                                       "ops_vela_ethosu.csv"};
    const struct sn_unit_want want = {.device = device, .resident = true};
    const struct sn_fit_options o = {
        .device = name, .dtype = "", .seed = 1, .folds = 5};
    struct sn_unit_table t[2];
    struct sn_net_table nets;
    struct sn_estimator *e;
    struct sn_fit_report report;
    struct sn_score s;
    struct rows rows;
    char path[512];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, file[i]);
        check(sn_unit_table_read(&t[i], path, &want, &err), path);
    }
    snprintf(path, sizeof path, "%s/nets_vela_ethosu.csv", dir);
    check(sn_net_table_read(&nets, path, NULL, device, &err), path);
    rows_init(&rows, t[0].n + t[1].n);
    for (int i = 0; i < 2; i++)
        for (size_t j = 0; j < t[i].n; j++)
            rows_push(&rows, &t[i].row[j].unit, t[i].row[j].us);
    const struct sn_fit_rows fit = {
        .unit = rows.unit, .us = rows.us, .n = rows.n};
    const double start = sn_clock_seconds();
    check(sn_estimator_fit(&e, &report, &fit, &o, &err), name);
    const double fitted = sn_clock_seconds();
    double *us = calloc((size_t)nets.n, sizeof *us);
    if (!us)
        exit(SN_ERR_MEMORY);
    for (int i = 0; i < nets.n; i++)
        for (int it = nets.start[i]; it < nets.start[i + 1]; it++)
            us[i] +=
                1e6 * nets.count[it] *
                sn_estimator_predict(e, &nets.unit[nets.index[it]]).seconds;
    check(sn_score_make(&s, nets.us, us, nets.n, &err), name);
    print_line(name, rows.n, "sum", &s, fitted - start, 0);
    free(us);
    rows_release(&rows);
    sn_fit_report_release(&report);
    sn_estimator_destroy(e);
    sn_net_table_release(&nets);
    for (int i = 0; i < 2; i++)
        sn_unit_table_release(&t[i]);
}

/* ---- described accelerators ---- */

static int width(uint32_t i, uint64_t index)
{
    static const int top[] = {32, 64, 160, 400, 1000};
    const int most = top[below(i, 100 + index, 5)];
    const int c = 1 + (int)below(i, index, (uint32_t)most);
    return below(i, 200 + index, 2) ? (c + 7) / 8 * 8 : c;
}

static struct sn_operator draw_operator(uint32_t i)
{
    static const sn_operator_kind kinds[] = {
        SN_OPERATOR_CONV, SN_OPERATOR_CONV,   SN_OPERATOR_CONV,
        SN_OPERATOR_CONV, SN_OPERATOR_DWCONV, SN_OPERATOR_DWCONV,
        SN_OPERATOR_ADD,  SN_OPERATOR_GAP};
    static const int ks[] = {1, 1, 3, 5};
    struct sn_operator op = {.kind = kinds[below(i, 1, 8)],
                             .cin = width(i, 2),
                             .cout = width(i, 3),
                             .h = 4 << below(i, 4, 6),
                             .k = ks[below(i, 5, 4)],
                             .stride = 1 + (int)below(i, 6, 2),
                             .in_dram = below(i, 7, 4) == 0,
                             .out_dram = below(i, 8, 4) == 0};
    op.w = op.h;
    if (op.kind != SN_OPERATOR_CONV)
        op.cout = op.cin;
    if (op.kind == SN_OPERATOR_ADD || op.kind == SN_OPERATOR_GAP) {
        op.k = op.stride = 1;
        op.in_dram = op.out_dram = false;
    }
    return op;
}

/* Random nets of blocks on the device, by its model and by the estimator. */
static void described_nets(const char *name, const struct sn_target *target,
                           const struct sn_estimator *e, int train)
{
    double truth[NETS] = {0}, guess[NETS] = {0};
    struct sn_score s;
    for (uint32_t i = 0; i < NETS; i++) {
        int c = 16, h = 128;
        for (uint64_t ib = 0; ib < NET_BLOCKS; ib++) {
            const uint32_t at = 100000 + i;
            const bool strides = ib % 3 == 0 && h > 8;
            struct sn_block_shape b = {
                .op = below(at, 10 * ib, 2) ? SN_OP_FUSED : SN_OP_IBN,
                .k = below(at, 10 * ib + 1, 3) ? 3 : 5,
                .e = 2 + (int)below(at, 10 * ib + 2, 5),
                .cin = c,
                .cout = strides ? c + 8 * (int)below(at, 10 * ib + 3, 6) : c,
                .h = h,
                .w = h,
                .stride = strides ? 2 : 1};
            struct sn_block_operators ops;
            sn_block_operators(&ops, &target->npu, &b);
            for (int j = 0; j < ops.count; j++) {
                struct sn_cost cost;
                const struct sn_unit u = sn_unit_of_operator(&ops.item[j]);
                sn_npu_cost(&cost, &target->npu, &ops.item[j]);
                truth[i] += cost.seconds;
                guess[i] += sn_estimator_predict(e, &u).seconds;
            }
            c = b.cout;
            h = sn_strided(h, b.stride);
        }
    }
    check(sn_score_make(&s, truth, guess, NETS, &err), name);
    print_line(name, train, "sum", &s, 0, 0);
}

static void described(const char *path, const char *name)
{
    enum { TRAIN = 6000, ALL = 8000 };
    struct sn_target target;
    struct sn_estimator *e;
    struct rows seen, other;
    char title[64];
    struct sn_unit *unit = malloc(ALL * sizeof *unit);
    if (!unit)
        exit(SN_ERR_MEMORY);
    check(sn_target_read(&target, path, &err), path);
    rows_init(&seen, ALL);
    rows_init(&other, ALL);
    for (uint32_t i = 0; i < ALL; i++) {
        struct sn_cost cost;
        const struct sn_operator op = draw_operator(1000 + i);
        sn_npu_cost(&cost, &target.npu, &op);
        unit[i] = sn_unit_of_operator(&op);
        rows_push(i < TRAIN ? &seen : &other, &unit[i], 1e6 * cost.seconds);
    }
    snprintf(title, sizeof title, "%s operators", name);
    score_rows(title, &seen, &other, &e);
    snprintf(title, sizeof title, "%s nets", name);
    described_nets(title, &target, e, TRAIN);
    sn_estimator_destroy(e);
    rows_release(&seen);
    rows_release(&other);
    free(unit);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data/latency";
    const struct sn_unit_want conv = {
        .device = "v100_tensorrt", .dtype = "int8", .batch = 1};
    const struct sn_unit_want dw = {.device = "v100_tensorrt", .dtype = "int8"};
    const struct sn_unit_want phone = {.device = "note10_cpu"};
    const struct sn_unit_want titan = {.device = "titanrtx_pytorch"};
    print_head();
    described("configs/targets/ne-1.ini", "ne-1");
    described("configs/targets/ethos-like.ini", "ethos-like");
    described("configs/targets/dpu-like.ini", "dpu-like");
    operators(dir, "ops_mobile_lut.csv", "Note10 IBN", &phone, SN_UNIT_IBN, 0);
    operators(dir, "ops_tfnas_ibn.csv", "Titan RTX IBN", &titan, SN_UNIT_IBN,
              0);
    operators(dir, "ops_v100_trt.csv.gz", "V100 int8 conv, batch 1", &conv,
              SN_UNIT_CONV, 6000);
    operators(dir, "ops_v100_trt.csv.gz", "V100 int8 depthwise", &dw,
              SN_UNIT_DWCONV, 6000);
    nets_of_parts(dir, "ethos-u55-256_sram_only",
                  "Ethos-U55-256 nets of parts");
    nets_of_parts(dir, "ethos-u65-256_dedicated_sram",
                  "Ethos-U65-256 nets of parts");
    nets_of_parts(dir, "ethos-u65-512_dedicated_sram",
                  "Ethos-U65-512 nets of parts");
    nets(dir, "nets_accelnasbench.csv", "zcu102_latency_ms",
         "ZCU102 nets, from nets alone");
    return 0;
}
