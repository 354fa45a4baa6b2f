/* Images a second of whole training steps: forward, loss, backward, SGD.
 *
 * The nets (rows are expansion, width, depth, stride of a stage):
 *
 *   A   CIFAR MobileNetV2 x1.0 at 32 px
 *   B   A with its first three stages fused, expansion 4
 *   C   A's layout as a supernet, every block one of IBN e3, e6 x k3, k5 or
 *       fused e4 k3; each step trains one subnet, drawn uniformly
 *   D   A at 96 px, stem and first stages striding more
 *
 * The data is one batch made from counters, its classes told apart by a bright
 * band, so that the loss can fall.  All memory is planned before step one; for
 * C, for the largest of the subnets that will be drawn.  A step's time includes
 * listing and planning its layers and bringing its images, as in training. */

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/rng.h"
#include "optim/sgd.h"
#include "search/supernet.h"

#define RATE      0.02
#define MOMENTUM  0.9
#define DECAY     5e-4
#define SMOOTHING 0.1

enum { CLASSES = 10, STAGES = 7, WARM_UP = 2, SEED = 1, MAX_STEPS = 100000 };

struct flags {
    char net;
    int batch, threads, steps;
    const char *isa; /* NULL: the best */
    bool json;
};

/* ---- the nets ---- */

static const int layout[STAGES][4] = {
    {1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
static const int strides_d[STAGES] = {1, 2, 2, 2, 1, 2, 1};

static const struct sn_block choices_c[] = {{SN_OP_IBN, 3, 3},
                                            {SN_OP_IBN, 5, 3},
                                            {SN_OP_IBN, 3, 6},
                                            {SN_OP_IBN, 5, 6},
                                            {SN_OP_FUSED, 3, 4}};
enum { CHOICES_C = sizeof choices_c / sizeof *choices_c };

static void make_arch(struct sn_arch *arch, char net)
{
    const bool large = net == 'D';
    *arch = (struct sn_arch){.h = large ? 96 : 32,
                             .w = large ? 96 : 32,
                             .c = 3,
                             .classes = CLASSES,
                             .act = SN_ACT_RELU6,
                             .stem = 16,
                             .stem_stride = large ? 2 : 1,
                             .n_stages = STAGES,
                             .head = 1280};
    for (int is = 0; is < STAGES; is++) {
        struct sn_arch_stage *st = &arch->stage[is];
        st->width = layout[is][1];
        st->depth = layout[is][2];
        st->stride = large ? strides_d[is] : layout[is][3];
        for (int ib = 0; ib < st->depth; ib++)
            st->block[ib] =
                net == 'B' && is < 3
                    ? (struct sn_block){SN_OP_FUSED, 3, 4}
                    : (struct sn_block){SN_OP_IBN, 3, layout[is][0]};
    }
}

/* What every block of net C offers. */
static struct sn_block_space offer_c(void)
{
    struct sn_block_space b = {.n_op = 2, .op = {SN_OP_IBN, SN_OP_FUSED}};
    b.of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 2, .k = {3, 5}, .n_e = 2, .e = {3, 6}};
    b.of[SN_OP_FUSED] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 1, .e = {4}};
    return b;
}

static void make_space(struct sn_space *space, const struct sn_arch *arch,
                       char net)
{
    sn_arch_space(space, arch);
    for (int is = 0; is < STAGES && net == 'C'; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++)
            space->stage[is].block[ib] = offer_c();
}

/* Draws the subnet of a step: any of them is as likely as any other. */
static void draw_subnet(struct sn_arch *arch, int step)
{
    const struct sn_rng rng = sn_rng_make(SEED, SN_RNG_SAMPLE);
    uint32_t item = 0;
    for (int is = 0; is < STAGES; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++)
            arch->stage[is].block[ib] = choices_c[sn_rng_below(
                rng, (uint32_t)step, item++, 0, CHOICES_C)];
}

/* ---- the bench ---- */

struct bench {
    struct flags flags;
    struct sn_kernels k;
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_arch arch;
    struct sn_sgd_group *group;
    float *images; /* [batch, h, w, 3] */
    int *labels;
};

/* Lists the layers of step `step`. */
static void list_layers(struct bench *b, int step)
{
    if (b->flags.net == 'C')
        draw_subnet(&b->arch, step);
    sn_supernet_build_arch(&b->net, &b->graph, &b->arch, b->flags.batch,
                           SMOOTHING);
}

/* Takes the block that the largest step asks for. */
static sn_status reserve(struct bench *b, struct sn_error *err)
{
    const int steps = b->flags.net == 'C' ? WARM_UP + b->flags.steps : 1;
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
    for (int in = 0; in < b->flags.batch; in++) {
        b->labels[in] = (int)sn_rng_below(rng, 0, (uint32_t)in, 0, CLASSES);
        for (int ih = 0; ih < h; ih++)
            for (int iv = 0; iv < values; iv++) {
                const ptrdiff_t at = (ptrdiff_t)ih * values + iv;
                const bool lit = ih * CLASSES / h == b->labels[in];
                b->images[(ptrdiff_t)in * h * values + at] =
                    (float)sn_rng_normal(rng, 1, (uint32_t)in, (uint64_t)at) +
                    (lit ? 1.0F : 0.0F);
            }
    }
}

static void make_groups(struct bench *b)
{
    const struct sn_params *p = &b->net.params;
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
    make_arch(&b->arch, b->flags.net);
    make_space(&space, &b->arch, b->flags.net);
    SN_TRY(sn_supernet_init(&b->net, &space, SEED, err));
    SN_TRY(sn_graph_init(&b->graph, &b->k, b->flags.threads, err));
    b->group = calloc((size_t)b->net.params.count, sizeof *b->group);
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
    sn_supernet_release(&b->net);
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
    struct sn_params *p = &b->net.params;
    list_layers(b, it);
    SN_TRY(sn_graph_plan(&b->graph, true, err));
    bring_images(b);
    sn_params_zero_grad(p);
    sn_graph_fwd(&b->graph, SN_MODE_TRAIN);
    *loss = sn_graph_last(&b->graph)->mean;
    if (!isfinite(*loss))
        return sn_fail(err, SN_ERR_NUMERIC, "step %d: the loss is not finite",
                       it);
    sn_graph_bwd(&b->graph);
    sn_sgd_step(&b->k, p->w, p->m, p->g, b->group, p->count, RATE, MOMENTUM);
    return SN_OK;
}

struct result {
    double median, least, most; /* images a second */
    double loss_first, loss_last;
    double peak_rss, planned; /* MiB */
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sn_status measure(struct bench *b, double *rate, struct result *r,
                         struct sn_error *err)
{
    const int n = b->flags.steps;
    const size_t planned = b->graph.arena.size;
    for (int it = 0; it < WARM_UP + n; it++) {
        const double start = sn_clock_seconds();
        double loss;
        SN_TRY(step(b, it, &loss, err));
        if (it == 0)
            r->loss_first = loss;
        if (it >= WARM_UP)
            rate[it - WARM_UP] = b->flags.batch / (sn_clock_seconds() - start);
        r->loss_last = loss;
    }
    SN_CHECK(b->graph.arena.size == planned); /* no step took memory */
    qsort(rate, (size_t)n, sizeof *rate, by_value);
    r->least = rate[0];
    r->most = rate[n - 1];
    r->median = (rate[(n - 1) / 2] + rate[n / 2]) / 2;
    r->peak_rss = (double)sn_os_peak_rss() / 0x1p20;
    r->planned = (double)(planned + b->net.params.arena.size) / 0x1p20;
    return SN_OK;
}

static void print_result(const struct bench *b, const struct result *r)
{
    const struct flags *f = &b->flags;
    if (f->json) {
        printf("{\"net\": \"%c\", \"batch\": %d, \"threads\": %d, "
               "\"precision\": \"f32\", \"isa\": \"%s\", \"img_s\": %.2f, "
               "\"img_s_min\": %.2f, \"img_s_max\": %.2f, \"peak_rss_mib\": "
               "%.1f, \"planned_mib\": %.1f, \"loss_first\": %.6f, "
               "\"loss_last\": %.6f}\n",
               f->net, f->batch, f->threads, b->k.isa, r->median, r->least,
               r->most, r->peak_rss, r->planned, r->loss_first, r->loss_last);
        return;
    }
    char cpu[128];
    sn_os_cpu_name(cpu, sizeof cpu);
    printf("%s, %s, f32, %d threads\n"
           "net %c, batch %d, %d steps: %.1f img/s (%.1f to %.1f)\n"
           "memory: %.0f MiB planned, %.0f MiB resident at most\n"
           "loss: %.4f first, %.4f last\n",
           cpu, b->k.isa, f->threads, f->net, f->batch, f->steps, r->median,
           r->least, r->most, r->planned, r->peak_rss, r->loss_first,
           r->loss_last);
}

/* ---- command line ---- */

static const char usage[] =
    "usage: step --net A|B|C|D [--batch N] [--threads N] [--precision f32]\n"
    "            [--steps N] [--isa ref|avx2|avx512] [--json]\n";

static bool read_count(const char *text, int most, int *value)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > most)
        return false;
    *value = (int)n;
    return true;
}

/* One flag with its value; false when either is unknown. */
static bool read_flag(struct flags *f, const char *flag, const char *value)
{
    if (strcmp(flag, "--net") == 0) {
        f->net = value[0];
        return value[0] && !value[1] && strchr("ABCD", value[0]);
    }
    if (strcmp(flag, "--batch") == 0)
        return read_count(value, 4096, &f->batch);
    if (strcmp(flag, "--threads") == 0)
        return read_count(value, 1024, &f->threads);
    if (strcmp(flag, "--steps") == 0)
        return read_count(value, MAX_STEPS, &f->steps);
    if (strcmp(flag, "--precision") == 0)
        return strcmp(value, "f32") == 0;
    if (strcmp(flag, "--isa") == 0) {
        f->isa = value;
        return true;
    }
    return false;
}

static bool read_flags(struct flags *f, int argc, char **argv)
{
    *f = (struct flags){.threads = sn_os_cores(), .steps = 10};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            f->json = true;
        } else if (i + 1 >= argc || !read_flag(f, argv[i], argv[i + 1])) {
            fprintf(stderr, "step: unknown or bad flag `%s %s`\n", argv[i],
                    i + 1 < argc ? argv[i + 1] : "");
            return false;
        } else {
            i++;
        }
    }
    if (f->batch == 0) /* those of the numbers the project is held to */
        f->batch = f->net == 'C' ? 64 : f->net == 'D' ? 32 : 128;
    if (!f->net)
        fprintf(stderr, "step: which net? --net A, B, C or D\n");
    return f->net != 0;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct sn_error err = {0};
    struct result r = {0};
    unsigned isa = sn_cpu_isa();
    sn_os_wait_briefly(argv); /* as the program itself */
    if (!read_flags(&b.flags, argc, argv)) {
        fputs(usage, stderr);
        return SN_ERR_CONFIG;
    }
    if (b.flags.isa && sn_cpu_lower(isa, b.flags.isa, &isa) != 0) {
        fprintf(stderr, "step: this machine has no instruction set `%s`\n",
                b.flags.isa);
        return SN_ERR_CONFIG;
    }
    sn_kernels_init(&b.k, isa);
    omp_set_num_threads(b.flags.threads);

    double *rate = calloc((size_t)b.flags.steps, sizeof *rate);
    sn_status rc = rate ? bench_open(&b, &err)
                        : sn_fail(&err, SN_ERR_MEMORY, "no memory for %d steps",
                                  b.flags.steps);
    if (rc == SN_OK)
        rc = measure(&b, rate, &r, &err);
    if (rc == SN_OK)
        print_result(&b, &r);
    else
        fprintf(stderr, "step: %s\n", err.text);
    bench_close(&b);
    free(rate);
    return rc;
}
