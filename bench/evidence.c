/* Which search signal tells how good a subnet is?
 *
 *   evidence --run RUN [--cases 60] [--seconds 20] [--out FILE] [--threads N]
 *
 * RUN is a run whose search is over.  Its shared weights stand still.  Each
 * signal is given the same processor time on the held-out images to fill its
 * table of option values:
 *
 *   trapezoid   probes of mode = single-path, both ends of a gate joined
 *   active      the active ends alone (straight-through)
 *   inactive    the other ends alone
 *   gumbel      soft gates at temperature 1 (values of mode = gumbel)
 *   reinforce   mean loss of sampled nets with and without an option
 *
 * A case is a random net and the same net with one option of one decision
 * changed.  Their losses are measured on the validation images, with batch
 * statistics, on two halves of the batches.  What a table says of a net, and of
 * the difference in a case, is then ranked against that.  `halves` ranks one
 * half against the other: nothing can do better than the measurement.
 *
 * All that was found is kept in FILE (RUN/evidence.safetensors), and the next
 * call goes on from there. */

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/safetensors.h"
#include "bench/flags.h"
#include "job/plan.h"
#include "job/weights.h"
#include "search/gumbel.h"
#include "search/path.h"

enum {
    SEED = 1,
    FIRST_CASE = 1 << 24, /* draws of cases, apart from those of steps */
    MAX_CASES = 2000,
    SAVE_SECONDS = 10
};

enum signal { PROBES, GUMBEL, REINFORCE, SIGNALS };
enum { NET, CHANGED, SIDES, HALVES = 2 };

struct flags {
    const char *run, *out, *isa_name;
    int cases, threads;
    double seconds;
};

/* What is kept in the file. */
struct kept {
    double seconds[SIGNALS], draws[SIGNALS];
    double measured; /* cases */
    double loss[MAX_CASES][SIDES][HALVES];
    double sum[SN_MAX_OPTIONS], count[SN_MAX_OPTIONS], base; /* REINFORCE */
};

static struct bench {
    struct flags flags;
    unsigned isa;
    struct sn_kernels k;
    struct sn_rundir dir;
    struct sn_job_config config;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_job_plan plan;
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_loader held_out, val;
    int group;
    int *labels;
    struct sn_path path;
    struct sn_path_odds odds; /* uniform */
    struct sn_gumbel gumbel;
    struct sn_probe probe[SN_MAX_PROBES];
    struct kept kept;
    char file[SN_RUN_PATH];
} b;

/* ---- opening ---- */

static sn_status open_run(struct sn_error *err)
{
    char path[SN_RUN_PATH];
    SN_TRY(sn_rundir_open(&b.dir, b.flags.run, err));
    SN_TRY(sn_job_config_read(
        &b.config, sn_rundir_file(&b.dir, "config.ini", path), NULL, 0, err));
    SN_TRY(sn_job_config_follow(&b.config, err));
    SN_TRY(sn_job_data(&b.data, &b.config, NULL, err));
    SN_TRY(sn_split_make(&b.split, &b.data, b.config.data.val,
                         b.config.search.arch_split, b.config.run.seed, err));
    SN_TRY(sn_job_plan_costs(&b.plan, &b.config, b.data.train.c, b.data.classes,
                             err));
    SN_TRY(sn_supernet_init(&b.net, &b.plan.space, SEED, err));
    return sn_supernet_load(&b.dir, &b.net, err);
}

static sn_status open_loader(struct sn_loader *l, const int *index, int n,
                             int shuffle, struct sn_error *err)
{
    const struct sn_augment none = {0};
    const int step = (b.plan.space.c + SN_LANES - 1) / SN_LANES * SN_LANES;
    SN_TRY(sn_loader_init(l, &b.data, &b.data.train, index, n, b.group,
                          b.config.data.size, step, &none, shuffle,
                          b.config.run.seed, err));
    if (n / b.group < HALVES)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: %d images are fewer than two batches of %d",
                       b.flags.run, n, b.group);
    return SN_OK;
}

static sn_status open_nets(struct sn_error *err)
{
    const struct sn_space *sp = &b.net.space;
    const struct sn_decisions *d = &b.net.decisions;
    b.group = sn_job_group(&b.config, b.config.search.batch);
    SN_TRY(open_loader(&b.held_out, b.split.arch, b.split.n_arch, 1, err));
    SN_TRY(open_loader(&b.val, b.split.val, b.split.n_val, 0, err));
    SN_TRY(sn_graph_init(&b.graph, &b.k, b.flags.threads, err));
    b.labels = calloc((size_t)b.group, sizeof *b.labels);
    if (!b.labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for labels");
    sn_path_init(&b.path, sp, d, &b.plan.cost, 0, SEED);
    b.path.warmup_updates = b.path.total_updates = 1; /* logits never move */
    sn_path_odds(&b.path, 0, 0, &b.odds);
    b.odds.explore = 1;
    sn_gumbel_init(&b.gumbel, sp, d, &b.plan.cost, SN_PENALTY_PI, 0, SEED);
    return SN_OK;
}

/* ---- what is kept ---- */

enum { ARRAYS = 14 };
struct array {
    const char *name;
    double *values;
    int n;
};

static void arrays_of(struct array out[ARRAYS])
{
    struct kept *k = &b.kept;
    struct sn_path_state *p = &b.path.state;
    struct sn_gumbel_state *g = &b.gumbel.state;
    const int n = b.net.decisions.total;
    const struct array all[ARRAYS] = {
        {"seconds", k->seconds, SIGNALS},
        {"draws", k->draws, SIGNALS},
        {"measured", &k->measured, 1},
        {"loss", &k->loss[0][0][0], MAX_CASES * SIDES * HALVES},
        {"reinforce.sum", k->sum, n},
        {"reinforce.count", k->count, n},
        {"reinforce.base", &k->base, 1},
        {"path.on_sum", p->on_sum, n},
        {"path.on_count", p->on_count, n},
        {"path.off_sum", p->off_sum, n},
        {"path.off_count", p->off_count, n},
        {"path.spread_count", &p->spread_count, 1},
        {"gumbel.value_sum", g->value_sum, n},
        {"gumbel.value_count", g->value_count, n}};
    memcpy(out, all, sizeof all);
}

static sn_status save(struct sn_error *err)
{
    struct sn_tensor_writer w = {0};
    struct array a[ARRAYS];
    arrays_of(a);
    sn_tensor_writer_init(&w);
    sn_tensor_writer_meta(&w, "format", "supernet-evidence 1");
    for (int i = 0; i < ARRAYS; i++) {
        const int64_t dims[] = {a[i].n};
        sn_tensor_writer_add(&w, a[i].name, SN_DTYPE_F64, 1, dims, a[i].values);
    }
    const sn_status rc = sn_tensor_writer_commit(&w, b.file, err);
    sn_tensor_writer_release(&w);
    return rc;
}

static sn_status load(struct sn_error *err)
{
    struct sn_tensor_file f = {0};
    struct array a[ARRAYS];
    if (!sn_file_exists(b.file))
        return SN_OK;
    arrays_of(a);
    SN_TRY(sn_tensor_file_open(&f, b.file, err));
    sn_status rc = SN_OK;
    for (int i = 0; i < ARRAYS && rc == SN_OK; i++) {
        const int64_t dims[] = {a[i].n};
        const void *data;
        rc = sn_tensor_file_find(&f, a[i].name, SN_DTYPE_F64, 1, dims, &data,
                                 err);
        if (rc == SN_OK)
            memcpy(a[i].values, data, (size_t)a[i].n * sizeof(double));
    }
    sn_tensor_file_close(&f);
    return rc;
}

/* ---- signals ---- */

/* The held-out batch of a draw, forward. */
static sn_status forward(struct sn_loader *l, long batch, struct sn_error *err)
{
    const int batches = l->n / b.group;
    sn_loader_batch(l, (int)(batch / batches), (int)(batch % batches),
                    sn_graph_first(&b.graph)->y, b.labels);
    SN_TRY(sn_loader_status(l, err));
    sn_graph_last(&b.graph)->labels = b.labels;
    sn_graph_last(&b.graph)->share = 1;
    sn_graph_fwd(&b.graph, SN_MODE_TRAIN);
    return SN_OK;
}

static sn_status draw_probes(uint32_t draw, struct sn_error *err)
{
    int choice[SN_MAX_DECISIONS];
    sn_path_draw(&b.path, &b.odds, draw, false, choice);
    const int n = sn_path_ask(&b.path, choice, draw, b.probe);
    sn_supernet_build_probed(&b.net, &b.graph, choice, b.probe, n, b.group, 0);
    SN_TRY(sn_graph_plan(&b.graph, true, err));
    SN_TRY(forward(&b.held_out, (long)draw, err));
    sn_params_zero_grad(&b.net.params);
    sn_graph_bwd(&b.graph);
    sn_supernet_read_probes(&b.net, choice, b.probe, n);
    sn_path_update(&b.path, b.probe, n, b.odds.p, true);
    return SN_OK;
}

static sn_status draw_gates(uint32_t draw, struct sn_error *err)
{
    static double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS];
    sn_supernet_build_gated(&b.net, &b.graph, b.group, 0);
    SN_TRY(sn_graph_plan(&b.graph, true, err));
    sn_gumbel_gates(&b.gumbel, draw, 1, gate);
    sn_supernet_set_gates(&b.net, gate);
    SN_TRY(forward(&b.held_out, (long)draw, err));
    sn_graph_bwd_gates(&b.graph);
    sn_supernet_gate_grads(&b.net, dgate);
    sn_gumbel_update(&b.gumbel, gate, dgate, sn_graph_last(&b.graph)->mean, 0,
                     true);
    return SN_OK;
}

static sn_status build_choice(const int *choice, struct sn_error *err)
{
    struct sn_arch arch;
    sn_arch_choose(&arch, &b.net.space, &b.net.decisions, choice);
    sn_supernet_build_arch(&b.net, &b.graph, &arch, b.group, 0);
    return sn_graph_plan(&b.graph, false, err);
}

static sn_status draw_losses(uint32_t draw, struct sn_error *err)
{
    const struct sn_decisions *d = &b.net.decisions;
    struct kept *k = &b.kept;
    int choice[SN_MAX_DECISIONS];
    sn_path_draw(&b.path, &b.odds, draw, false, choice);
    SN_TRY(build_choice(choice, err));
    SN_TRY(forward(&b.held_out, (long)draw, err));
    const double loss = sn_graph_last(&b.graph)->mean;
    const double base = draw == 0 ? loss : k->base;
    k->base = 0.95 * base + 0.05 * loss;
    for (int id = 0; id < d->count; id++) {
        if (!sn_decision_met(&b.net.space, d, choice, id))
            continue;
        k->sum[d->item[id].first + choice[id]] += loss - base;
        k->count[d->item[id].first + choice[id]] += 1;
    }
    return SN_OK;
}

/* ---- cases ---- */

/* Net and changed net of case i; which decision, and to what. */
static void make_case(int i, int *choice, int *changed)
{
    const struct sn_decisions *d = &b.net.decisions;
    const struct sn_rng rng = sn_rng_make(SEED, SN_RNG_SAMPLE);
    const uint32_t draw = (uint32_t)FIRST_CASE + (uint32_t)i;
    int open[SN_MAX_DECISIONS], n = 0;
    sn_path_draw(&b.path, &b.odds, draw, false, choice);
    for (int id = 0; id < d->count; id++)
        if (d->item[id].n > 1 && sn_decision_met(&b.net.space, d, choice, id))
            open[n++] = id;
    memcpy(changed, choice, (size_t)d->count * sizeof *choice);
    if (n == 0)
        return;
    const int id = open[sn_rng_below(rng, draw, 0, 100, (uint32_t)n)];
    const int to =
        (int)sn_rng_below(rng, draw, 0, 101, (uint32_t)d->item[id].n - 1);
    changed[id] = to + (to >= choice[id]);
}

static sn_status measure_net(const int *choice, double loss[HALVES],
                             struct sn_error *err)
{
    const int batches = b.split.n_val / b.group;
    int seen[HALVES] = {0, 0};
    SN_TRY(build_choice(choice, err));
    loss[0] = loss[1] = 0;
    for (int ib = 0; ib < batches; ib++) {
        SN_TRY(forward(&b.val, ib, err));
        loss[ib % HALVES] += sn_graph_last(&b.graph)->mean;
        seen[ib % HALVES]++;
    }
    for (int i = 0; i < HALVES; i++)
        loss[i] /= seen[i];
    return SN_OK;
}

static sn_status measure_case(int i, struct sn_error *err)
{
    int choice[SN_MAX_DECISIONS], changed[SN_MAX_DECISIONS];
    make_case(i, choice, changed);
    SN_TRY(measure_net(choice, b.kept.loss[i][NET], err));
    SN_TRY(measure_net(changed, b.kept.loss[i][CHANGED], err));
    b.kept.measured = i + 1;
    return SN_OK;
}

/* ---- all of it, saved every few seconds ---- */

static sn_status collect(struct sn_error *err)
{
    static sn_status (*const draw[SIGNALS])(uint32_t, struct sn_error *) = {
        draw_probes, draw_gates, draw_losses};
    struct kept *k = &b.kept;
    double saved = sn_clock_seconds();
    for (;;) {
        int next = 0;
        for (int is = 1; is < SIGNALS; is++)
            if (k->seconds[is] < k->seconds[next])
                next = is;
        if ((int)k->measured < b.flags.cases) {
            SN_TRY(measure_case((int)k->measured, err));
        } else if (k->seconds[next] < b.flags.seconds) {
            const clock_t start = clock(); /* processor time */
            SN_TRY(draw[next]((uint32_t)k->draws[next], err));
            k->seconds[next] += (double)(clock() - start) / CLOCKS_PER_SEC;
            k->draws[next] += 1;
        } else {
            return save(err);
        }
        if (sn_clock_seconds() - saved < SAVE_SECONDS)
            continue;
        SN_TRY(save(err));
        saved = sn_clock_seconds();
    }
}

/* ---- ranks ---- */

static double kendall(const double *x, const double *y, int n)
{
    double sum = 0, pairs_x = 0, pairs_y = 0; /* tau-b: ties count for none */
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            const double dx = (x[i] > x[j]) - (x[i] < x[j]);
            const double dy = (y[i] > y[j]) - (y[i] < y[j]);
            sum += dx * dy;
            pairs_x += dx * dx;
            pairs_y += dy * dy;
        }
    return pairs_x > 0 && pairs_y > 0 ? sum / sqrt(pairs_x * pairs_y) : 0;
}

static double rank_of(const double *x, int n, int i)
{
    double rank = 0;
    for (int j = 0; j < n; j++)
        rank += (x[j] < x[i]) + 0.5 * (x[j] == x[i]);
    return rank;
}

static double spearman(const double *x, const double *y, int n)
{
    double xy = 0, xx = 0, yy = 0;
    const double mean = 0.5 * n;
    for (int i = 0; i < n; i++) {
        const double rx = rank_of(x, n, i) - mean;
        const double ry = rank_of(y, n, i) - mean;
        xy += rx * ry;
        xx += rx * rx;
        yy += ry * ry;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* ---- what the tables say ---- */

/* Values from boundary slopes of the probes: on, off, or their mean. */
static void values_of_ends(double *value, bool on, bool off)
{
    const struct sn_decisions *d = &b.net.decisions;
    const struct sn_path_state *s = &b.path.state;
    for (int id = 0; id < d->count; id++) {
        double q = 0;
        for (int i = 0; i < d->item[id].n; i++) {
            const int io = d->item[id].first + i;
            const double ends = (double)on + (double)off;
            if (on && s->on_count[io] > 0)
                q += s->on_sum[io] / s->on_count[io] / ends;
            if (off && s->off_count[io] > 0)
                q += s->off_sum[io] / s->off_count[io] / ends;
            value[io] = -q;
        }
    }
}

static void values_of_losses(double *value)
{
    for (int io = 0; io < b.net.decisions.total; io++)
        value[io] =
            b.kept.count[io] > 0 ? -b.kept.sum[io] / b.kept.count[io] : 0;
}

static double worth(const double *value, const int *choice)
{
    const struct sn_decisions *d = &b.net.decisions;
    double sum = 0;
    for (int id = 0; id < d->count; id++)
        if (sn_decision_met(&b.net.space, d, choice, id))
            sum += value[d->item[id].first + choice[id]];
    return sum;
}

struct score {
    double tau, rho;       /* nets */
    double diff_rho, sign; /* differences; share of right signs */
    double size;           /* measured difference for one that is foretold */
};

/* `loss` foretold of net and changed net against what was measured. */
static struct score score_of(double foretold[][SIDES], int n)
{
    static double x[MAX_CASES], y[MAX_CASES];
    struct score s = {0};
    double xy = 0, xx = 0;
    int right = 0;
    for (int i = 0; i < n; i++) {
        x[i] = foretold[i][NET];
        y[i] = b.kept.loss[i][NET][0] + b.kept.loss[i][NET][1];
    }
    s.tau = kendall(x, y, n);
    s.rho = spearman(x, y, n);
    for (int i = 0; i < n; i++) {
        x[i] = foretold[i][CHANGED] - foretold[i][NET];
        y[i] = 0.5 * (b.kept.loss[i][CHANGED][0] + b.kept.loss[i][CHANGED][1] -
                      b.kept.loss[i][NET][0] - b.kept.loss[i][NET][1]);
        right += x[i] * y[i] > 0;
        xy += x[i] * y[i];
        xx += x[i] * x[i];
    }
    s.diff_rho = spearman(x, y, n);
    s.sign = n > 0 ? (double)right / n : 0;
    s.size = xx > 0 ? xy / xx : 0;
    return s;
}

static void print_score(const char *name, double draws, double seconds,
                        double foretold[][SIDES], int n)
{
    const struct score s = score_of(foretold, n);
    printf("%-10s %6.0f %8.1f  %6.3f %6.3f  %6.3f %6.1f %% %8.2f\n", name,
           draws, seconds, s.tau, s.rho, s.diff_rho, 100 * s.sign, s.size);
}

static void print_table(const char *name, enum signal of, const double *value,
                        int n)
{
    static double foretold[MAX_CASES][SIDES];
    int choice[SN_MAX_DECISIONS], changed[SN_MAX_DECISIONS];
    for (int i = 0; i < n; i++) {
        make_case(i, choice, changed);
        foretold[i][NET] = -worth(value, choice);
        foretold[i][CHANGED] = -worth(value, changed);
    }
    print_score(name, b.kept.draws[of], b.kept.seconds[of], foretold, n);
}

/* One half of the measurement against the other. */
static void print_halves(int n)
{
    static double x[MAX_CASES], y[MAX_CASES], dx[MAX_CASES], dy[MAX_CASES];
    int right = 0;
    for (int i = 0; i < n; i++) {
        double(*loss)[HALVES] = b.kept.loss[i];
        x[i] = loss[NET][0];
        y[i] = loss[NET][1];
        dx[i] = loss[CHANGED][0] - loss[NET][0];
        dy[i] = loss[CHANGED][1] - loss[NET][1];
        right += dx[i] * dy[i] > 0;
    }
    printf("%-10s %6s %8s  %6.3f %6.3f  %6.3f %6.1f %%\n", "halves", "", "",
           kendall(x, y, n), spearman(x, y, n), spearman(dx, dy, n),
           n > 0 ? 100.0 * right / n : 0);
}

/* What a net costs foretells something as well: more is better. */
static void print_control(const char *name, bool latency, int n)
{
    static double foretold[MAX_CASES][SIDES];
    int choice[SIDES][SN_MAX_DECISIONS];
    for (int i = 0; i < n; i++) {
        make_case(i, choice[NET], choice[CHANGED]);
        for (int is = 0; is < SIDES; is++) {
            struct sn_arch arch;
            struct sn_cost cost;
            sn_arch_choose(&arch, &b.net.space, &b.net.decisions, choice[is]);
            sn_arch_cost(&cost, &arch, &b.config.device);
            foretold[i][is] = latency ? -cost.seconds : -cost.macs;
        }
    }
    print_score(name, 0, 0, foretold, n);
}

static void print_all(void)
{
    static double value[SN_MAX_OPTIONS];
    const int n = (int)b.kept.measured;
    printf("%s: %d random nets, and each with one option changed\n"
           "%-10s %6s %8s  %6s %6s  %6s %8s %8s\n",
           b.flags.run, n, "signal", "draws", "cpu s", "tau", "rho", "d rho",
           "d sign", "d size");
    print_halves(n);
    values_of_ends(value, true, true);
    print_table("trapezoid", PROBES, value, n);
    values_of_ends(value, true, false);
    print_table("active", PROBES, value, n);
    values_of_ends(value, false, true);
    print_table("inactive", PROBES, value, n);
    sn_gumbel_values(&b.gumbel, value);
    print_table("gumbel", GUMBEL, value, n);
    values_of_losses(value);
    print_table("reinforce", REINFORCE, value, n);
    print_control("macs", false, n);
    print_control("latency", true, n);
}

/* ---- command line ---- */

static const char usage[] = "usage: evidence --run RUN [--cases N] [--seconds "
                            "S] [--out FILE] [--threads N] [--isa NAME]\n";

static sn_status read_flags(int argc, char **argv, struct sn_error *err)
{
    struct flags *f = &b.flags;
    const struct sn_flag flags[] = {
        {"--run", SN_FLAG_TEXT, &f->run, 0},
        {"--out", SN_FLAG_TEXT, &f->out, 0},
        {"--cases", SN_FLAG_COUNT, &f->cases, MAX_CASES},
        {"--seconds", SN_FLAG_REAL, &f->seconds, 0},
        {"--threads", SN_FLAG_COUNT, &f->threads, 1024},
        {"--isa", SN_FLAG_TEXT, &f->isa_name, 0},
        {NULL, SN_FLAG_SET, NULL, 0}};
    SN_TRY(sn_flags_read(flags, argc, argv, err));
    if (!f->run)
        return sn_fail(err, SN_ERR_CONFIG, "expected --run RUN");
    return sn_flag_isa(&b.isa, f->isa_name, err);
}

static sn_status run(struct sn_error *err)
{
    sn_kernels_init(&b.k, b.isa);
    omp_set_num_threads(b.flags.threads);
    sn_status rc = open_run(err);
    if (rc == SN_OK)
        rc = open_nets(err);
    sn_rundir_file(&b.dir, "evidence.safetensors", b.file);
    if (b.flags.out)
        snprintf(b.file, sizeof b.file, "%s", b.flags.out);
    if (rc == SN_OK)
        rc = load(err);
    if (rc == SN_OK)
        rc = collect(err);
    if (rc == SN_OK)
        print_all();
    sn_loader_release(&b.val);
    sn_loader_release(&b.held_out);
    sn_graph_release(&b.graph);
    sn_supernet_release(&b.net);
    sn_split_release(&b.split);
    sn_dataset_release(&b.data);
    sn_job_config_release(&b.config);
    free(b.labels);
    return rc;
}

int main(int argc, char **argv)
{
    static struct sn_error err;
    sn_os_wait_briefly(argv); /* as the program itself */
    b.flags =
        (struct flags){.cases = 60, .seconds = 20, .threads = sn_os_cores()};
    sn_status rc = read_flags(argc, argv, &err);
    const bool asked = rc == SN_OK;
    if (asked)
        rc = run(&err);
    if (rc != SN_OK)
        fprintf(stderr, "evidence: %s\n%s", err.text, asked ? "" : usage);
    return rc;
}
