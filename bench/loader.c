/* What bringing images costs a training step.
 *
 *   share = (step with the loader - step replaying one batch) / step replaying
 *
 * The images are class folders (`--set folder`, the cache asked for, net D of
 * nets.h at `--size`) or CIFAR-10 (`--set cifar10`, net A at 32 pixels); they
 * are augmented as their configs have it, after a first epoch that is not
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
#include "bench/flags.h"
#include "bench/nets.h"
#include "bench/sample.h"
#include "datasets/loader.h"
#include "optim/sgd.h"
#include "search/supernet.h"

enum { SEED = 1, MAX_STEPS = 100000 };

#define RATE      0.02
#define MOMENTUM  0.9
#define SMOOTHING 0.1

struct flags {
    const char *data, *cache, *set;
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

static bool is_cifar(const struct flags *f)
{
    return strcmp(f->set, "cifar10") == 0;
}

static void make_arch(struct bench *b)
{
    sn_net_arch(&b->arch, is_cifar(&b->flags) ? 'A' : 'D');
    b->arch.h = b->arch.w = b->flags.size;
    b->arch.c = b->data.train.c;
    b->arch.classes = b->data.classes;
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
    const struct sn_option *set = sn_option_find(&sn_data_table, "set");
    sn_option_defaults(&sn_data_table, &o);
    o.size = b->flags.size;
    snprintf(o.path, sizeof o.path, "%s", b->flags.data);
    SN_TRY(sn_option_parse(set, &o, b->flags.set, "", err));
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
    const struct sn_augment photos = {.flip = 1, .translate = 16};
    const struct sn_augment cifar = {.flip = 1, .translate = 4, .cutout = 8};
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
                          sn_graph_first(&b->graph)->ld,
                          is_cifar(&b->flags) ? &cifar : &photos, 1, SEED, err);
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
    const double with = sn_sample_of(b->with, f->steps).median;
    const double again = sn_sample_of(b->again, f->steps).median;
    const double share = (with - again) / again;
    if (f->json) {
        printf("{\"set\": \"%s\", \"size\": %d, \"batch\": %d, \"threads\": "
               "%d, \"isa\": "
               "\"%s\", \"cache\": \"%s\", \"images\": %d, \"with_ms\": %.3f, "
               "\"replay_ms\": %.3f, \"share\": %.4f}\n",
               f->set, f->size, f->batch, f->threads, b->k.isa, f->cache,
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
    "usage: loader --data DIR [--set folder|cifar10] [--size N] [--batch N]\n"
    "              [--cache ram|disk|off] [--threads N] [--steps N] [--json]\n";

static sn_status read_flags(struct flags *f, int argc, char **argv,
                            struct sn_error *err)
{
    *f = (struct flags){
        .cache = "ram", .set = "folder", .threads = sn_os_cores(), .steps = 20};
    const struct sn_flag table[] = {
        {"--data", SN_FLAG_TEXT, &f->data, 0},
        {"--set", SN_FLAG_TEXT, &f->set, 0},
        {"--cache", SN_FLAG_TEXT, &f->cache, 0},
        {"--size", SN_FLAG_COUNT, &f->size, 512},
        {"--batch", SN_FLAG_COUNT, &f->batch, 4096},
        {"--threads", SN_FLAG_COUNT, &f->threads, 1024},
        {"--steps", SN_FLAG_COUNT, &f->steps, MAX_STEPS},
        {"--json", SN_FLAG_SET, &f->json, 0},
        {0}};
    SN_TRY(sn_flags_read(table, argc, argv, err));
    if (!f->data)
        return sn_fail(err, SN_ERR_CONFIG, "--data: expected a folder");
    if (!is_cifar(f) && strcmp(f->set, "folder") != 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--set: '%s' is not known; expected folder or cifar10",
                       f->set);
    if (!f->size)
        f->size = is_cifar(f) ? 32 : 224;
    if (!f->batch)
        f->batch = is_cifar(f) ? 128 : 16;
    return SN_OK;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct sn_error err = {0};
    sn_os_wait_briefly(argv); /* as the program itself */
    sn_status rc = read_flags(&b.flags, argc, argv, &err);
    if (rc != SN_OK) {
        fprintf(stderr, "loader: %s\n%s", err.text, usage);
        return rc;
    }
    omp_set_num_threads(b.flags.threads);
    sn_kernels_init(&b.k, sn_cpu_isa());
    rc = bench_open(&b, &err);
    if (rc == SN_OK)
        rc = measure(&b, &err);
    if (rc == SN_OK)
        print_result(&b);
    else
        fprintf(stderr, "loader: %s\n", err.text);
    bench_close(&b);
    return rc;
}
