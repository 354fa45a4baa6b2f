/* Images a second of whole training steps: forward, loss, backward, SGD.
 *
 * The data is one batch made from counters, its classes told apart by a bright
 * band, so that the loss can fall.  All memory is planned before step one; for
 * net C, for the largest of the subnets that will be drawn.  A step's time
 * includes listing and planning its layers and bringing its images, as in
 * training. */

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/rng.h"
#include "bench/flags.h"
#include "bench/nets.h"
#include "bench/probe.h"
#include "bench/sample.h"
#include "optim/sgd.h"
#include "search/supernet.h"

#define RATE      0.02
#define MOMENTUM  0.9
#define DECAY     5e-4
#define SMOOTHING 0.1

enum { WARM_UP = 2, SEED = 1, MAX_STEPS = 100000 };

struct flags {
    const char *net, *arch, *precision, *isa_name;
    int batch, threads, steps, memory; /* MiB that layers may take; 0: any */
    bool json, profile, bf16;
};

/* ---- the bench ---- */

struct bench {
    struct flags flags;
    char net; /* 'A' to 'D'; '-': of an arch file */
    unsigned isa;
    struct sn_kernels k;
    struct sn_supernet super;
    struct sn_graph graph;
    struct sn_arch arch;
    struct sn_sgd_group *group;
    float *images; /* [batch, h, w, c] */
    int *labels;
    struct sn_profile profile; /* of the timed steps */
    struct sn_net_work work;   /* of all of them, one image of each */
};

/* Lists the layers of step `step`. */
static void list_layers(struct bench *b, int step)
{
    if (b->net == 'C')
        sn_net_draw(&b->arch, step);
    sn_supernet_build_arch(&b->super, &b->graph, &b->arch, b->flags.batch,
                           SMOOTHING);
}

/* Takes the block that the largest step asks for. */
static sn_status reserve(struct bench *b, struct sn_error *err)
{
    const int steps = b->net == 'C' ? WARM_UP + b->flags.steps : 1;
    size_t most = 0;
    int largest = 0;
    for (int it = 0; it < steps; it++) {
        list_layers(b, it);
        const size_t bytes = sn_graph_bytes(&b->graph, true);
        if (bytes > most) {
            most = bytes;
            largest = it;
        }
    }
    list_layers(b, largest);
    return sn_graph_plan(&b->graph, true, err);
}

static void make_data(struct bench *b)
{
    const struct sn_rng rng = sn_rng_make(SEED, SN_RNG_SYNTHETIC);
    const int h = b->arch.h, values = b->arch.w * b->arch.c;
    const int classes = b->arch.classes;
    for (int in = 0; in < b->flags.batch; in++) {
        b->labels[in] =
            (int)sn_rng_below(rng, 0, (uint32_t)in, 0, (uint32_t)classes);
        for (int ih = 0; ih < h; ih++)
            for (int iv = 0; iv < values; iv++) {
                const ptrdiff_t at = (ptrdiff_t)ih * values + iv;
                const bool lit = ih * classes / h == b->labels[in];
                b->images[(ptrdiff_t)in * h * values + at] =
                    (float)sn_rng_normal(rng, 1, (uint32_t)in, (uint64_t)at) +
                    (lit ? 1.0F : 0.0F);
            }
    }
}

static void make_groups(struct bench *b)
{
    const struct sn_params *p = &b->super.params;
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const bool decays =
            it->kind == SN_PARAM_CONV || it->kind == SN_PARAM_LINEAR;
        b->group[id] = (struct sn_sgd_group){
            it->first, (size_t)it->rows * (size_t)it->cols, decays ? DECAY : 0};
    }
}

static sn_status bench_open(struct bench *b, struct sn_error *err)
{
    static struct sn_space space;
    const size_t n = (size_t)b->flags.batch;
    if (b->flags.arch)
        SN_TRY(sn_net_read(&b->arch, b->flags.arch, err));
    else
        sn_net_arch(&b->arch, b->net);
    sn_net_space(&space, &b->arch, b->net);
    SN_TRY(sn_supernet_init(&b->super, &space, SEED, err));
    SN_TRY(sn_graph_init(&b->graph, &b->k, b->flags.threads, err));
    b->graph.bf16 = b->flags.bf16;
    b->graph.cap = (size_t)b->flags.memory << 20;
    b->group = calloc((size_t)b->super.params.count, sizeof *b->group);
    b->labels = calloc(n, sizeof *b->labels);
    b->images =
        calloc(n * (size_t)b->arch.h * (size_t)b->arch.w * (size_t)b->arch.c,
               sizeof *b->images);
    if (!b->group || !b->labels || !b->images)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu images", n);
    make_groups(b);
    make_data(b);
    return reserve(b, err);
}

static void bench_close(struct bench *b)
{
    free(b->group);
    free(b->labels);
    free(b->images);
    sn_graph_release(&b->graph);
    sn_supernet_release(&b->super);
}

static void bring_images(struct bench *b)
{
    struct sn_tensor *x = sn_graph_first(&b->graph);
    const ptrdiff_t pixels = sn_tensor_pixels(x);
    for (ptrdiff_t ip = 0; ip < pixels; ip++)
        memcpy(x->y + ip * x->ld, b->images + ip * x->c,
               (size_t)x->c * sizeof *x->y);
    sn_graph_last(&b->graph)->labels = b->labels;
}

/* One step; gives its loss, of before the update. */
static sn_status step(struct bench *b, int it, double *loss,
                      struct sn_error *err)
{
    struct sn_params *p = &b->super.params;
    struct sn_profile *profile = b->graph.profile;
    double start = sn_profile_start(profile);
    list_layers(b, it);
    SN_TRY(sn_graph_plan(&b->graph, true, err));
    sn_profile_add(profile, SN_PART_PLAN, start);
    start = sn_profile_start(profile);
    bring_images(b);
    sn_profile_add(profile, SN_PART_IMAGES, start);
    sn_graph_fwd(&b->graph, SN_MODE_TRAIN);
    *loss = sn_graph_last(&b->graph)->mean;
    if (!isfinite(*loss))
        return sn_fail(err, SN_ERR_NUMERIC, "step %d: the loss is not finite",
                       it);
    start = sn_profile_start(profile);
    sn_params_zero_grad(p);
    sn_profile_add(profile, SN_PART_UPDATE, start);
    sn_graph_bwd(&b->graph);
    start = sn_profile_start(profile);
    sn_sgd_step(&b->k, p->w, p->m, p->g, b->group, p->count, RATE, MOMENTUM);
    sn_profile_add(profile, SN_PART_UPDATE, start);
    return SN_OK;
}

struct result {
    struct sn_sample rate; /* images a second */
    double loss_first, loss_last;
    double peak_rss, planned; /* MiB */
    struct sn_kept kept;      /* of the last step */
};

/* Adds the work of the step that was listed last. */
static void count_work(struct bench *b)
{
    const struct sn_net_work work = sn_net_work_of(&b->arch);
    b->work.flop += work.flop;
    b->work.bytes += work.bytes;
}

static sn_status measure(struct bench *b, double *rate, struct result *r,
                         struct sn_error *err)
{
    const int n = b->flags.steps;
    const size_t planned = b->graph.arena.size;
    for (int it = 0; it < WARM_UP + n; it++) {
        const bool timed = it >= WARM_UP;
        double loss;
        b->graph.profile = timed && b->flags.profile ? &b->profile : NULL;
        const double start = sn_clock_seconds();
        SN_TRY(step(b, it, &loss, err));
        const double seconds = sn_clock_seconds() - start;
        sn_profile_add(b->graph.profile, SN_PART_STEP, start);
        if (it == 0)
            r->loss_first = loss;
        if (timed) {
            rate[it - WARM_UP] = b->flags.batch / seconds;
            count_work(b);
        }
        r->loss_last = loss;
    }
    SN_CHECK(b->graph.arena.size == planned); /* no step took memory */
    r->rate = sn_sample_of(rate, n);
    r->peak_rss = (double)sn_os_peak_rss() / 0x1p20;
    r->kept = sn_graph_kept(&b->graph);
    r->planned = (double)(planned + b->super.params.arena.size) / 0x1p20;
    return SN_OK;
}

/* ---- output ---- */

static void print_json(const struct bench *b, const struct result *r,
                       double flops, double peak)
{
    const struct flags *f = &b->flags;
    printf("{\"net\": \"%s\", \"batch\": %d, \"threads\": %d, "
           "\"precision\": \"%s\", \"isa\": \"%s\", \"img_s\": %.2f, "
           "\"img_s_min\": %.2f, \"img_s_max\": %.2f, \"gflops\": %.2f, "
           "\"peak_gflops\": %.2f, \"peak_rss_mib\": %.1f, "
           "\"planned_mib\": %.1f, \"loss_first\": %.6f, "
           "\"loss_last\": %.6f}\n",
           f->net ? f->net : "arch", f->batch, f->threads, f->precision,
           b->k.isa, r->rate.median, r->rate.least, r->rate.most, flops / 1e9,
           peak / 1e9, r->peak_rss, r->planned, r->loss_first, r->loss_last);
}

static void print_profile(const struct bench *b)
{
    struct sn_text t = {0};
    sn_profile_text(&b->profile, &t);
    char *text = sn_text_take(&t);
    printf("\n%s", text ? text : "");
    free(text);
}

static void print_lines(const struct bench *b, const struct result *r,
                        double flops, double peak)
{
    const struct flags *f = &b->flags;
    const size_t large = (size_t)256 << 20; /* beyond most caches */
    const struct sn_bandwidth m = sn_probe_bandwidth(large, f->threads);
    const double moved = b->work.bytes / f->steps * r->rate.median;
    char cpu[128];
    sn_os_cpu_name(cpu, sizeof cpu);
    printf("%s, %s, %s, %d threads\n"
           "net %s, batch %d, %d steps: %.1f img/s (%.1f to %.1f)\n",
           cpu, b->k.isa, f->precision, f->threads, f->net ? f->net : f->arch,
           f->batch, f->steps, r->rate.median, r->rate.least, r->rate.most);
    printf("multiply-adds: %.1f GFLOP/s, %.1f %% of the machine's %.1f\n",
           flops / 1e9, 100 * flops / peak, peak / 1e9);
    printf("traffic: %.1f GB/s if all wide tensors are stored, %.1f %% of the "
           "triad's %.1f\n",
           moved / 1e9, 100 * moved / m.triad, m.triad / 1e9);
    printf("memory: %.0f MiB planned, %.0f MiB resident at most\n"
           "wide tensors: %d of %d kept, %d blocks in parts\n"
           "loss: %.4f first, %.4f last\n",
           r->planned, r->peak_rss, r->kept.kept, r->kept.wide,
           r->kept.in_parts, r->loss_first, r->loss_last);
}

static void print_result(const struct bench *b, const struct result *r)
{
    const double flops = b->work.flop / b->flags.steps * r->rate.median;
    const double peak = sn_probe_peak(b->isa, b->flags.threads);
    if (b->flags.json)
        print_json(b, r, flops, peak);
    else
        print_lines(b, r, flops, peak);
    if (b->flags.profile && !b->flags.json)
        print_profile(b);
}

/* ---- command line ---- */

static const char usage[] =
    "usage: step --net A|B|C|D | --arch FILE [--batch N] [--threads N]\n"
    "            [--precision f32|bf16] [--steps N] [--profile] [--json]\n"
    "            [--memory MIB]  what layers may take; the weights come on "
    "top\n"
    "            [--isa NAME]\n";

/* What no flag said: the batches of the numbers the project is held to. */
static int usual_batch(char net)
{
    return net == 'C' ? 64 : net == 'D' ? 32 : 128;
}

static sn_status read_flags(struct bench *b, int argc, char **argv,
                            struct sn_error *err)
{
    struct flags *f = &b->flags;
    const struct sn_flag flags[] = {
        {"--net", SN_FLAG_TEXT, &f->net, 0},
        {"--arch", SN_FLAG_TEXT, &f->arch, 0},
        {"--batch", SN_FLAG_COUNT, &f->batch, 4096},
        {"--threads", SN_FLAG_COUNT, &f->threads, 1024},
        {"--steps", SN_FLAG_COUNT, &f->steps, MAX_STEPS},
        {"--precision", SN_FLAG_TEXT, &f->precision, 0},
        {"--isa", SN_FLAG_TEXT, &f->isa_name, 0},
        {"--memory", SN_FLAG_COUNT, &f->memory, 1 << 20},
        {"--profile", SN_FLAG_SET, &f->profile, 0},
        {"--json", SN_FLAG_SET, &f->json, 0},
        {NULL, SN_FLAG_SET, NULL, 0}};
    SN_TRY(sn_flags_read(flags, argc, argv, err));
    SN_TRY(sn_flag_precision(&f->bf16, f->precision, err));
    SN_TRY(sn_flag_isa(&b->isa, f->isa_name, err));
    if (!f->net == !f->arch)
        return sn_fail(err, SN_ERR_CONFIG, "expected either --net or --arch");
    if (f->net && (strlen(f->net) != 1 || !strchr("ABCD", f->net[0])))
        return sn_fail(err, SN_ERR_CONFIG,
                       "--net: `%s` is not known, expected A, B, C or D",
                       f->net);
    b->net = '-';
    if (f->net)
        b->net = f->net[0];
    if (f->batch == 0)
        f->batch = usual_batch(b->net);
    return SN_OK;
}

static sn_status run(struct bench *b, struct sn_error *err)
{
    struct result r = {0};
    double *rate = calloc((size_t)b->flags.steps, sizeof *rate);
    if (!rate)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d steps",
                       b->flags.steps);
    sn_kernels_init(&b->k, b->isa);
    omp_set_num_threads(b->flags.threads);
    sn_status rc = bench_open(b, err);
    if (rc == SN_OK)
        rc = measure(b, rate, &r, err);
    if (rc == SN_OK)
        print_result(b, &r);
    bench_close(b);
    free(rate);
    return rc;
}

int main(int argc, char **argv)
{
    static struct bench b;
    static struct sn_error err;
    sn_os_wait_briefly(argv); /* as the program itself */
    b.flags = (struct flags){
        .precision = "f32", .threads = sn_os_cores(), .steps = 10};
    sn_status rc = read_flags(&b, argc, argv, &err);
    const bool asked = rc == SN_OK;
    if (asked)
        rc = run(&b, &err);
    if (rc != SN_OK)
        fprintf(stderr, "step: %s\n%s", err.text, asked ? "" : usage);
    return rc;
}
