/* What an architecture step of mode = single-path costs beside a plain one.
 *
 * Net C's space (bench/nets.h); a step's subnet is drawn from logits 0.  Every
 * subnet is trained by a plain step (list and plan its layers, bring the
 * images, forward, backward, clip, SGD on what it reads) and asked by an
 * architecture step (the same with its probes, and the controller in place of
 * SGD), one after the other, so that both meet the same machine.  An epoch of
 * the search is four plain steps and an architecture step, as `arch_split = .2`
 * has it. */

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/rng.h"
#include "bench/flags.h"
#include "bench/nets.h"
#include "bench/sample.h"
#include "optim/sgd.h"
#include "search/path.h"
#include "target/target.h"

#define RATE      0.02
#define MOMENTUM  0.9
#define DECAY     2e-4
#define SMOOTHING 0.1
#define CLIP      5.0

enum { WARM_UP = 2, SEED = 1, MAX_STEPS = 100000, WEIGHT_STEPS = 4 };

struct flags {
    const char *isa_name;
    int batch, threads, steps;
    bool json;
};

static struct bench {
    struct flags flags;
    unsigned isa;
    struct sn_kernels k;
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_cost_table cost;
    struct sn_path path;
    struct sn_path_odds odds;
    int choice[SN_MAX_DECISIONS];
    struct sn_probe probe[SN_MAX_PROBES];
    struct sn_run *run;
    struct sn_sgd_group *group;
    float *images; /* [batch, h, w, c] */
    int *labels;
} b;

/* ne-1s; what it says is of no matter here. */
static struct sn_target some_device(void)
{
    return (struct sn_target){.kind = SN_TARGET_NPU,
                              .npu = {.name = "ne-1s",
                                      .clock = {.set = true, .value = 8e8},
                                      .in_lanes = 16,
                                      .out_lanes = 16,
                                      .pixel_lanes = 4,
                                      .dw_lanes = 16,
                                      .dw_taps = 1,
                                      .vector_lanes = 32,
                                      .pack_input = true,
                                      .on_chip = {.set = true, .value = 98304},
                                      .on_chip_bandwidth = 64,
                                      .dram_bandwidth = 2,
                                      .launch = 500,
                                      .weight_bytes = 1,
                                      .value_bytes = 1,
                                      .slowdown = 1,
                                      .weight_compression = 1}};
}

static sn_status take_memory(const struct sn_space *sp, struct sn_error *err)
{
    const size_t n = (size_t)b.flags.batch;
    size_t rows = 0;
    for (int id = 0; id < b.net.params.count; id++)
        rows += (size_t)b.net.params.item[id].rows;
    b.run = calloc(rows, sizeof *b.run);
    b.group = calloc(rows, sizeof *b.group);
    b.labels = calloc(n, sizeof *b.labels);
    b.images = calloc(n * (size_t)sp->h * (size_t)sp->w * (size_t)sp->c,
                      sizeof *b.images);
    if (!b.run || !b.group || !b.labels || !b.images)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu images", n);
    return SN_OK;
}

static void make_data(const struct sn_space *sp)
{
    const struct sn_rng rng = sn_rng_make(SEED, SN_RNG_SYNTHETIC);
    const int values = sp->h * sp->w * sp->c;
    for (int in = 0; in < b.flags.batch; in++) {
        b.labels[in] =
            (int)sn_rng_below(rng, 0, (uint32_t)in, 0, (uint32_t)sp->classes);
        for (int iv = 0; iv < values; iv++)
            b.images[(ptrdiff_t)in * values + iv] =
                (float)sn_rng_normal(rng, 1, (uint32_t)in, (uint64_t)iv);
    }
}

static sn_status bench_open(struct sn_error *err)
{
    static struct sn_space space;
    static struct sn_arch arch;
    const struct sn_target device = some_device();
    sn_net_arch(&arch, 'C');
    sn_net_space(&space, &arch, 'C');
    SN_TRY(sn_supernet_init(&b.net, &space, SEED, err));
    SN_TRY(sn_graph_init(&b.graph, &b.k, b.flags.threads, err));
    SN_TRY(sn_cost_table_make(&b.cost, &space, &device, err));
    SN_TRY(take_memory(&space, err));
    make_data(&space);
    sn_path_init(&b.path, &b.net.space, &b.net.decisions, &b.cost, 0, SEED);
    b.path.total_updates = b.flags.steps;
    sn_supernet_build_most(&b.net, &b.graph, b.flags.batch, SMOOTHING);
    return sn_graph_plan(&b.graph, true, err);
}

static void bench_close(void)
{
    free(b.run);
    free(b.group);
    free(b.labels);
    free(b.images);
    sn_graph_release(&b.graph);
    sn_supernet_release(&b.net);
}

/* What a step clears and updates. */
static int select_runs(const struct sn_arch *arch)
{
    const int n = sn_supernet_runs(&b.net, arch, b.run);
    for (int i = 0; i < n; i++)
        b.group[i] =
            (struct sn_sgd_group){b.run[i].first, b.run[i].count, DECAY};
    return n;
}

/* Images, forward, backward. */
static sn_status pass(int runs, struct sn_error *err)
{
    struct sn_params *p = &b.net.params;
    struct sn_tensor *x = sn_graph_first(&b.graph);
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(x); ip++)
        memcpy(x->y + ip * x->ld, b.images + ip * x->c,
               (size_t)x->c * sizeof *x->y);
    sn_graph_last(&b.graph)->labels = b.labels;
    sn_graph_fwd(&b.graph, SN_MODE_TRAIN);
    if (!isfinite(sn_graph_last(&b.graph)->mean))
        return sn_fail(err, SN_ERR_NUMERIC, "the loss is not finite");
    for (int i = 0; i < runs; i++)
        memset(p->g + b.group[i].first, 0, b.group[i].count * sizeof *p->g);
    sn_graph_bwd(&b.graph);
    return SN_OK;
}

static sn_status plain_step(struct sn_error *err)
{
    struct sn_params *p = &b.net.params;
    struct sn_arch arch;
    sn_arch_choose(&arch, &b.net.space, &b.net.decisions, b.choice);
    sn_supernet_build_arch(&b.net, &b.graph, &arch, b.flags.batch, SMOOTHING);
    SN_TRY(sn_graph_plan(&b.graph, true, err));
    const int runs = select_runs(&arch);
    SN_TRY(pass(runs, err));
    sn_clip_norm(p->g, b.group, runs, CLIP);
    sn_sgd_step(&b.k, p->w, p->m, p->g, b.group, runs, RATE, MOMENTUM);
    return SN_OK;
}

static sn_status arch_step(uint32_t it, struct sn_error *err)
{
    struct sn_arch arch;
    const int n = sn_path_ask(&b.path, b.choice, it, b.probe);
    sn_arch_choose(&arch, &b.net.space, &b.net.decisions, b.choice);
    sn_supernet_build_probed(&b.net, &b.graph, b.choice, b.probe, n,
                             b.flags.batch, SMOOTHING);
    SN_TRY(sn_graph_plan(&b.graph, true, err));
    SN_TRY(pass(select_runs(&arch), err));
    sn_supernet_read_probes(&b.net, b.choice, b.probe, n);
    sn_path_update(&b.path, b.probe, n, b.odds.p, false);
    memset(b.path.state.logit, 0, sizeof b.path.state.logit);
    sn_path_odds(&b.path, 0, 1, &b.odds);
    return SN_OK;
}

struct result {
    struct sn_sample plain, arch, ratio; /* seconds a step; of pairs */
    double of_sums, epoch;
};

static sn_status measure(double *plain, double *arch, double *ratio,
                         struct result *r, struct sn_error *err)
{
    const int n = b.flags.steps;
    const size_t planned = b.graph.arena.size;
    double sums[2] = {0, 0};
    sn_path_odds(&b.path, 0, 1, &b.odds);
    for (int it = -WARM_UP; it < n; it++) {
        const uint32_t draw = (uint32_t)(it + WARM_UP);
        sn_path_draw(&b.path, &b.odds, draw, false, b.choice);
        const double start = sn_clock_seconds();
        SN_TRY(plain_step(err));
        const double middle = sn_clock_seconds();
        SN_TRY(arch_step(draw, err));
        const double end = sn_clock_seconds();
        if (it < 0)
            continue;
        sums[0] += plain[it] = middle - start;
        sums[1] += arch[it] = end - middle;
        ratio[it] = arch[it] / plain[it];
    }
    SN_CHECK(b.graph.arena.size == planned); /* no step took memory */
    r->plain = sn_sample_of(plain, n);
    r->arch = sn_sample_of(arch, n);
    r->ratio = sn_sample_of(ratio, n);
    r->of_sums = sums[1] / sums[0];
    r->epoch = 1 + r->of_sums / WEIGHT_STEPS;
    return SN_OK;
}

static void print_result(const struct result *r)
{
    const struct flags *f = &b.flags;
    char cpu[128];
    sn_os_cpu_name(cpu, sizeof cpu);
    if (f->json)
        printf("{\"batch\": %d, \"threads\": %d, \"isa\": \"%s\", \"steps\": "
               "%d, \"plain_ms\": %.3f, \"arch_ms\": %.3f, \"ratio\": %.4f, "
               "\"ratio_of_sums\": %.4f, \"epoch_ratio\": %.4f}\n",
               f->batch, f->threads, b.k.isa, f->steps, 1e3 * r->plain.median,
               1e3 * r->arch.median, r->ratio.median, r->of_sums, r->epoch);
    else
        printf("%s, %s, f32, %d threads\n"
               "net C, batch %d, %d subnets\n"
               "plain step %.1f ms, with probes %.1f ms (medians)\n"
               "ratio of pairs: %.3f (%.3f to %.3f); of sums: %.3f\n"
               "a search epoch over its weight steps: %.3f\n",
               cpu, b.k.isa, f->threads, f->batch, f->steps,
               1e3 * r->plain.median, 1e3 * r->arch.median, r->ratio.median,
               r->ratio.least, r->ratio.most, r->of_sums, r->epoch);
}

static const char usage[] = "usage: search [--batch N] [--threads N] "
                            "[--steps N] [--isa ref|portable|avx2|avx512] "
                            "[--json]\n";

static sn_status read_flags(int argc, char **argv, struct sn_error *err)
{
    struct flags *f = &b.flags;
    const struct sn_flag flags[] = {
        {"--batch", SN_FLAG_COUNT, &f->batch, 4096},
        {"--threads", SN_FLAG_COUNT, &f->threads, 1024},
        {"--steps", SN_FLAG_COUNT, &f->steps, MAX_STEPS},
        {"--isa", SN_FLAG_TEXT, &f->isa_name, 0},
        {"--json", SN_FLAG_SET, &f->json, 0},
        {NULL, SN_FLAG_SET, NULL, 0}};
    SN_TRY(sn_flags_read(flags, argc, argv, err));
    return sn_flag_isa(&b.isa, f->isa_name, err);
}

static sn_status run(struct sn_error *err)
{
    struct result r = {0};
    const size_t n = (size_t)b.flags.steps;
    double *seconds = calloc(3 * n, sizeof *seconds);
    if (!seconds)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu steps", n);
    sn_kernels_init(&b.k, b.isa);
    omp_set_num_threads(b.flags.threads);
    sn_status rc = bench_open(err);
    if (rc == SN_OK)
        rc = measure(seconds, seconds + n, seconds + 2 * n, &r, err);
    if (rc == SN_OK)
        print_result(&r);
    bench_close();
    free(seconds);
    return rc;
}

int main(int argc, char **argv)
{
    static struct sn_error err;
    sn_os_wait_briefly(argv); /* as the program itself */
    b.flags =
        (struct flags){.batch = 64, .threads = sn_os_cores(), .steps = 20};
    sn_status rc = read_flags(argc, argv, &err);
    const bool asked = rc == SN_OK;
    if (asked)
        rc = run(&err);
    if (rc != SN_OK)
        fprintf(stderr, "search: %s\n%s", err.text, asked ? "" : usage);
    return rc;
}
