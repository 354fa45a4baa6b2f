/* The convolutions of a file of shapes, one by one: every pass as a stage of
 * the engine runs it (bench/trial.h), a batch of images on some threads.
 *
 * A pass is told in GFLOP/s, as a share of the multiply-adds that the machine
 * can do with that instruction set, and as a share of its bound: the longer of
 * the time for its multiply-adds at that rate and the time for the bytes that
 * it cannot help moving, at the rate at which the same threads stream over as
 * large a set (reads alone for backward-weight, the triad for the passes that
 * write).  Each answer is checked against the reference before it is timed. */

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "bench/flags.h"
#include "bench/probe.h"
#include "bench/sample.h"
#include "bench/trial.h"

/* Working sets are rounded up to powers of two of these MiB. */
enum { BANDWIDTHS = 10 };

struct bench {
    const char *shapes, *only, *pass, *precision, *isa_name;
    int threads;
    double seconds; /* of timing a pass */
    bool csv, fused, bf16;

    bool passes[SN_CONV_PASSES];
    unsigned isa;
    struct sn_kernels k;
    double peak;                            /* FLOP/s */
    struct sn_bandwidth memory[BANDWIDTHS]; /* of 2^i MiB; 0: not yet known */
    struct sn_geomean of_peak[SN_SHAPE_CLASSES][SN_CONV_PASSES];
    struct sn_geomean of_bound[SN_SHAPE_CLASSES][SN_CONV_PASSES];
};

static const char usage[] =
    "usage: kernels [--shapes FILE] [--only NAME,...]\n"
    "               [--pass fwd,bwd_data,bwd_weight] [--precision f32|bf16]\n"
    "               [--threads N] [--isa NAME]\n"
    "               [--seconds S] [--fused] [--csv]\n"
    "--fused    with a batch-norm and ReLU6 pending on input and output\n"
    "--csv      name,pass,precision,isa,variant,ms,gflops,share_of_peak\n"
    "--seconds  of timing, for each pass of each shape\n";

/* ---- the bound ---- */

static const struct sn_bandwidth *memory_for(struct bench *b, double bytes)
{
    int i = 0;
    while (i + 1 < BANDWIDTHS && bytes > (double)(1L << i) * 0x1p20)
        i++;
    if (b->memory[i].read <= 0)
        b->memory[i] = sn_probe_bandwidth((size_t)1 << (20 + i), b->threads);
    return &b->memory[i];
}

/* Weights are in f32 all the same, and hardly count. */
static double moved_bytes(const struct bench *b, const struct sn_shape *s,
                          sn_conv_pass pass)
{
    const double bytes = sn_shape_bytes(s, pass, b->fused);
    return b->bf16 ? bytes / 2 : bytes;
}

static double bound_seconds(struct bench *b, const struct sn_shape *s,
                            sn_conv_pass pass)
{
    const double bytes = moved_bytes(b, s, pass);
    const struct sn_bandwidth *m = memory_for(b, bytes);
    const double rate = pass == SN_CONV_BWD_WEIGHT ? m->read : m->triad;
    const double compute = sn_shape_flop(s) / b->peak, move = bytes / rate;
    return compute > move ? compute : move;
}

/* ---- timing ---- */

struct run {
    struct sn_trial *trial;
    sn_conv_pass pass;
};

static void run_once(void *ctx)
{
    const struct run *r = ctx;
    sn_trial_run(r->trial, r->pass);
}

/* Median seconds of a pass. */
static double time_pass(const struct bench *b, struct sn_trial *trial,
                        sn_conv_pass pass)
{
    struct run r = {trial, pass};
    return sn_sample_time(run_once, &r, b->seconds).median;
}

/* ---- output ---- */

/* What the machine can do with so many threads; those the passes run on ask
 * for their bandwidths again, and get the same ones. */
static void print_limits(struct bench *b, int threads)
{
    const bool ours = threads == b->threads;
    const double peak = ours ? b->peak : sn_probe_peak(b->isa, threads);
    printf("%d %-12s %9.1f GFLOP/s\n", threads,
           threads == 1 ? "thread" : "threads", peak / 1e9);
    printf("  %-12s %9s %9s %9s  GB/s\n", "working set", "read", "in place",
           "triad");
    for (int mib = 1; mib <= 256; mib *= 4) {
        const struct sn_bandwidth m =
            ours ? *memory_for(b, mib * 0x1p20)
                 : sn_probe_bandwidth((size_t)mib << 20, threads);
        printf("  %8d MiB %9.1f %9.1f %9.1f\n", mib, m.read / 1e9,
               m.in_place / 1e9, m.triad / 1e9);
    }
}

static void print_head(struct bench *b)
{
    char cpu[128];
    if (b->csv) {
        puts("name,pass,precision,isa,variant,ms,gflops,share_of_peak");
        return;
    }
    sn_os_cpu_name(cpu, sizeof cpu);
    printf("%s, %s, %s%s, %d threads\n", cpu, b->k.isa, b->precision,
           b->fused ? ", batch-norm and activation pending" : "", b->threads);
    if (b->threads > 1)
        print_limits(b, 1);
    print_limits(b, b->threads);
    printf("\n%-16s %-10s %-8s %9s %8s %7s %7s %7s\n", "name", "pass",
           "variant", "ms", "GFLOP/s", "GB/s", "peak", "bound");
}

static void print_pass(struct bench *b, const struct sn_shape *s,
                       const struct sn_trial *trial, sn_conv_pass pass,
                       double seconds)
{
    const double rate = sn_shape_flop(s) / seconds;
    const char *name = sn_conv_pass_name[pass];
    if (b->csv) {
        printf("%s,%s,%s,%s,%s,%.6g,%.5g,%.4g\n", s->name, name, b->precision,
               b->k.isa, sn_trial_variant(trial), 1e3 * seconds, rate / 1e9,
               rate / b->peak);
    } else {
        const sn_shape_class is = sn_shape_class_of(s);
        const double bound = bound_seconds(b, s, pass) / seconds;
        sn_geomean_add(&b->of_peak[is][pass], rate / b->peak);
        sn_geomean_add(&b->of_bound[is][pass], bound);
        printf("%-16s %-10s %-8s %9.3f %8.1f %7.1f %5.1f %% %5.1f %%\n",
               s->name, name, sn_trial_variant(trial), 1e3 * seconds,
               rate / 1e9, moved_bytes(b, s, pass) / seconds / 1e9,
               100 * rate / b->peak, 100 * bound);
    }
    fflush(stdout);
}

static void print_mean(const char *class, const char *pass,
                       const struct sn_geomean *of_peak,
                       const struct sn_geomean *of_bound)
{
    if (of_peak->n)
        printf("%-16s %-10s %8d %32.1f %% %5.1f %%\n", class, pass, of_peak->n,
               100 * sn_geomean_of(of_peak), 100 * sn_geomean_of(of_bound));
}

/* Geometric means of every class: of each pass, and of all. */
static void print_means(const struct bench *b)
{
    printf("\n%-16s %-10s %8s %34s %7s\n", "geometric means", "pass", "of",
           "peak", "bound");
    for (int is = 0; is < SN_SHAPE_CLASSES; is++) {
        struct sn_geomean of_peak = {0, 0}, of_bound = {0, 0};
        for (int ip = 0; ip < SN_CONV_PASSES; ip++) {
            const struct sn_geomean *p = &b->of_peak[is][ip];
            const struct sn_geomean *m = &b->of_bound[is][ip];
            print_mean(sn_shape_class_name[is], sn_conv_pass_name[ip], p, m);
            of_peak.logs += p->logs;
            of_peak.n += p->n;
            of_bound.logs += m->logs;
            of_bound.n += m->n;
        }
        print_mean(sn_shape_class_name[is], "all", &of_peak, &of_bound);
    }
}

/* ---- running ---- */

static sn_status run_shape(struct bench *b, const struct sn_shape *s,
                           struct sn_error *err)
{
    struct sn_trial *trial;
    SN_TRY(sn_trial_check(s, &b->k, b->threads, b->fused, b->bf16, err));
    SN_TRY(
        sn_trial_create(&trial, s, &b->k, b->threads, b->fused, b->bf16, err));
    for (int pass = 0; pass < SN_CONV_PASSES; pass++)
        if (b->passes[pass])
            print_pass(b, s, trial, (sn_conv_pass)pass,
                       time_pass(b, trial, (sn_conv_pass)pass));
    sn_trial_destroy(trial);
    return SN_OK;
}

static sn_status run_file(struct bench *b, struct sn_error *err)
{
    struct sn_shape *shapes;
    int count, run = 0;
    SN_TRY(sn_shapes_read(&shapes, &count, b->shapes, err));
    b->peak = sn_probe_peak(b->isa, b->threads);
    print_head(b);
    sn_status rc = SN_OK;
    for (int i = 0; i < count && rc == SN_OK; i++)
        if (sn_shape_listed(b->only, shapes[i].name)) {
            rc = run_shape(b, &shapes[i], err);
            run++;
        }
    if (rc == SN_OK && run == 0)
        rc = sn_fail(err, SN_ERR_CONFIG, "%s has none of the shapes asked for",
                     b->shapes);
    if (rc == SN_OK && !b->csv)
        print_means(b);
    free(shapes);
    return rc;
}

static sn_status read_flags(struct bench *b, int argc, char **argv,
                            struct sn_error *err)
{
    const struct sn_flag flags[] = {
        {"--shapes", SN_FLAG_TEXT, &b->shapes, 0},
        {"--only", SN_FLAG_TEXT, &b->only, 0},
        {"--pass", SN_FLAG_TEXT, &b->pass, 0},
        {"--precision", SN_FLAG_TEXT, &b->precision, 0},
        {"--threads", SN_FLAG_COUNT, &b->threads, 1024},
        {"--isa", SN_FLAG_TEXT, &b->isa_name, 0},
        {"--seconds", SN_FLAG_REAL, &b->seconds, 0},
        {"--fused", SN_FLAG_SET, &b->fused, 0},
        {"--csv", SN_FLAG_SET, &b->csv, 0},
        {NULL, SN_FLAG_SET, NULL, 0}};
    SN_TRY(sn_flags_read(flags, argc, argv, err));
    SN_TRY(sn_flag_precision(&b->bf16, b->precision, err));
    SN_TRY(sn_flag_isa(&b->isa, b->isa_name, err));
    if (!sn_conv_passes_read(b->passes, b->pass))
        return sn_fail(err, SN_ERR_CONFIG,
                       "--pass: found `%s`, expected a list of fwd, bwd_data "
                       "and bwd_weight",
                       b->pass);
    return SN_OK;
}

int main(int argc, char **argv)
{
    static struct bench b;
    static struct sn_error err;
    sn_os_wait_briefly(argv); /* as the program itself */
    b = (struct bench){.shapes = "bench/shapes.csv",
                       .pass = "fwd,bwd_data,bwd_weight",
                       .precision = "f32",
                       .threads = sn_os_cores(),
                       .seconds = 0.25};
    sn_status rc = read_flags(&b, argc, argv, &err);
    const bool asked = rc == SN_OK;
    if (asked) {
        sn_kernels_init(&b.k, b.isa);
        omp_set_num_threads(b.threads);
        rc = run_file(&b, &err);
    }
    if (rc != SN_OK)
        fprintf(stderr, "kernels: %s\n%s", err.text, asked ? "" : usage);
    return rc;
}
