/* What bringing images costs a training step.
 *
 *   share = (step with the loader - step replaying one batch) / step replaying
 *
 * The net is net D of bench/step.c's family (MobileNetV2 layout, stem stride 2,
 * stage strides 1, 2, 2, 2, 1, 2, 1) at `--size`; the images are a folder, read
 * as `set = folder` with the cache asked for, after a first epoch that is not
 * counted; the medians are compared.  Steps of both kinds alternate, so that
 * both see the same machine.  Not so with no cache: a step that replays would
 * give the helpers that decode ahead time they do not have in training, and pay
 * for their work.  There all replaying comes first, with nothing wanted ahead,
 * then all the fresh steps in a row. */

#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "datasets/loader.h"
#include "datasets/store.h"
#include "optim/sgd.h"
#include "search/supernet.h"

enum { STAGES = 7, SEED = 1, MAX_STEPS = 100000 };

#define RATE      0.02
#define MOMENTUM  0.9
#define SMOOTHING 0.1

struct flags {
    const char *data, *cache;
    int size, batch, threads, steps;
    bool json;
};

struct bench {
    struct flags flags;
    struct sn_kernels k;
    struct sn_dataset data;
    struct sn_loader loader;
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_arch arch;
    struct sn_sgd_group *group;
    int *index, *labels;
    int epoch, batch;     /* that comes next */
    double *with, *again; /* [steps] seconds */
};

static const int layout[STAGES][4] = {
    {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

static void make_arch(struct bench *b)
{
    b->arch = (struct sn_arch){.h = b->flags.size,
                               .w = b->flags.size,
                               .c = b->data.train.c,
                               .classes = b->data.classes,
                               .act = SN_ACT_RELU6,
                               .stem = 16,
                               .stem_stride = 2,
                               .n_stages = STAGES,
                               .head = 1280};
    for (int is = 0; is < STAGES; is++) {
        struct sn_arch_stage *st = &b->arch.stage[is];
        st->width = layout[is][1];
        st->depth = layout[is][2];
        st->stride = layout[is][3];
        for (int ib = 0; ib < st->depth; ib++)
            st->block[ib] = (struct sn_block){SN_OP_IBN, 3, layout[is][0]};
    }
}

static void make_groups(struct bench *b)
{
    const struct sn_params *p = &b->net.params;
    for (int id = 0; id < p->count; id++)
        b->group[id] = (struct sn_sgd_group){
            p->item[id].first,
            (size_t)p->item[id].rows * (size_t)p->item[id].cols, 0};
}

static sn_status open_data(struct bench *b, struct sn_error *err)
{
    struct sn_data_options o;
    const struct sn_option *cache = sn_option_find(&sn_data_table, "cache");
    sn_option_defaults(&sn_data_table, &o);
    o.set = SN_DATA_FOLDER;
    o.size = b->flags.size;
    snprintf(o.path, sizeof o.path, "%s", b->flags.data);
    SN_TRY(sn_option_parse(cache, &o, b->flags.cache, "", err));
    SN_TRY(sn_dataset_open(&b->data, &o, SEED, err));
    const int n = b->data.train.n;
    b->index = malloc((size_t)n * sizeof *b->index);
    b->labels = malloc((size_t)b->flags.batch * sizeof *b->labels);
    if (!b->index || !b->labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d images", n);
    for (int i = 0; i < n; i++)
        b->index[i] = i;
    return SN_OK;
}

static sn_status bench_open(struct bench *b, struct sn_error *err)
{
    static struct sn_space space;
    const struct sn_augment augment = {.flip = 1, .translate = 16};
    SN_TRY(open_data(b, err));
    make_arch(b);
    sn_arch_space(&space, &b->arch);
    SN_TRY(sn_supernet_init(&b->net, &space, SEED, err));
    SN_TRY(sn_graph_init(&b->graph, &b->k, b->flags.threads, err));
    b->group = calloc((size_t)b->net.params.count, sizeof *b->group);
    b->with = calloc((size_t)b->flags.steps, sizeof *b->with);
    b->again = calloc((size_t)b->flags.steps, sizeof *b->again);
    if (!b->group || !b->with || !b->again)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d steps",
                       b->flags.steps);
    make_groups(b);
    sn_supernet_build_arch(&b->net, &b->graph, &b->arch, b->flags.batch,
                           SMOOTHING);
    SN_TRY(sn_graph_plan(&b->graph, true, err));
    return sn_loader_init(&b->loader, &b->data, &b->data.train, b->index,
                          b->data.train.n, b->flags.batch, b->flags.size,
                          sn_graph_first(&b->graph)->ld, &augment, 1, SEED,
                          err);
}

static void bench_close(struct bench *b)
{
    sn_loader_release(&b->loader);
    sn_graph_release(&b->graph);
    sn_supernet_release(&b->net);
    sn_dataset_release(&b->data);
    free(b->index);
    free(b->labels);
    free(b->group);
    free(b->with);
    free(b->again);
}

static void bring(struct bench *b)
{
    sn_loader_batch(&b->loader, b->epoch, b->batch,
                    sn_graph_first(&b->graph)->y, b->labels);
    if (++b->batch == sn_loader_batches(&b->loader)) {
        b->batch = 0;
        b->epoch++;
    }
}

/* Seconds of one step; without `fresh` the images are those that are there. */
static double step(struct bench *b, bool fresh)
{
    struct sn_params *p = &b->net.params;
    const double start = sn_clock_seconds();
    if (fresh)
        bring(b);
    sn_graph_last(&b->graph)->labels = b->labels;
    sn_params_zero_grad(p);
    sn_graph_fwd(&b->graph, SN_MODE_TRAIN);
    sn_graph_bwd(&b->graph);
    sn_sgd_step(&b->k, p->w, p->m, p->g, b->group, p->count, RATE, MOMENTUM);
    return sn_clock_seconds() - start;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

static sn_status measure(struct bench *b, struct sn_error *err)
{
    const int batches = sn_loader_batches(&b->loader);
    for (int ib = 0; ib < batches; ib++) /* the first epoch, unmeasured */
        bring(b);
    if (b->data.train.pixels) {
        step(b, true);
        for (int it = 0; it < b->flags.steps; it++) {
            b->with[it] = step(b, true);
            b->again[it] = step(b, false);
        }
    } else { /* behind the last batch of an epoch nothing is wanted */
        step(b, false);
        for (int it = 0; it < b->flags.steps; it++)
            b->again[it] = step(b, false);
        step(b, true);
        for (int it = 0; it < b->flags.steps; it++)
            b->with[it] = step(b, true);
    }
    return sn_loader_status(&b->loader, err);
}

static void print_result(struct bench *b)
{
    const struct flags *f = &b->flags;
    const double with = median(b->with, f->steps);
    const double again = median(b->again, f->steps);
    const double share = (with - again) / again;
    if (f->json) {
        printf("{\"size\": %d, \"batch\": %d, \"threads\": %d, \"isa\": "
               "\"%s\", \"cache\": \"%s\", \"images\": %d, \"with_ms\": %.3f, "
               "\"replay_ms\": %.3f, \"share\": %.4f}\n",
               f->size, f->batch, f->threads, b->k.isa, f->cache,
               b->data.train.n, 1e3 * with, 1e3 * again, share);
        return;
    }
    char cpu[128];
    sn_os_cpu_name(cpu, sizeof cpu);
    printf("%s, %s, f32, %d threads\n"
           "%d images at %d pixels, batch %d, cache %s, %d steps\n"
           "with the loader %.1f ms, replaying a batch %.1f ms: %+.2f %%\n",
           cpu, b->k.isa, f->threads, b->data.train.n, f->size, f->batch,
           f->cache, f->steps, 1e3 * with, 1e3 * again, 100 * share);
}

/* ---- command line ---- */

static const char usage[] =
    "usage: loader --data DIR [--size N] [--batch N] [--cache ram|disk|off]\n"
    "              [--threads N] [--steps N] [--json]\n";

static bool read_count(const char *text, int most, int *value)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > most)
        return false;
    *value = (int)n;
    return true;
}

static bool read_flag(struct flags *f, const char *flag, const char *value)
{
    if (strcmp(flag, "--data") == 0)
        f->data = value;
    else if (strcmp(flag, "--cache") == 0)
        f->cache = value;
    else if (strcmp(flag, "--size") == 0)
        return read_count(value, 512, &f->size);
    else if (strcmp(flag, "--batch") == 0)
        return read_count(value, 4096, &f->batch);
    else if (strcmp(flag, "--threads") == 0)
        return read_count(value, 1024, &f->threads);
    else if (strcmp(flag, "--steps") == 0)
        return read_count(value, MAX_STEPS, &f->steps);
    else
        return false;
    return true;
}

static bool read_flags(struct flags *f, int argc, char **argv)
{
    *f = (struct flags){.cache = "ram",
                        .size = 224,
                        .batch = 16,
                        .threads = sn_os_cores(),
                        .steps = 20};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            f->json = true;
        else if (i + 1 < argc && read_flag(f, argv[i], argv[i + 1]))
            i++;
        else
            return false;
    }
    return f->data != NULL;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct sn_error err = {0};
    sn_os_wait_briefly(argv); /* as the program itself */
    if (!read_flags(&b.flags, argc, argv)) {
        fputs(usage, stderr);
        return SN_ERR_CONFIG;
    }
    omp_set_num_threads(b.flags.threads);
    sn_kernels_init(&b.k, sn_cpu_isa());
    sn_status rc = bench_open(&b, &err);
    if (rc == SN_OK)
        rc = measure(&b, &err);
    if (rc == SN_OK)
        print_result(&b);
    else
        fprintf(stderr, "loader: %s\n", err.text);
    bench_close(&b);
    return rc;
}
