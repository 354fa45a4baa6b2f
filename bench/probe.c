/* Limits of the machine; see probe.h.
 *
 * The vectors are the compiler's own (GCC's vector_size), so that this compiles
 * for any processor; on x86 the multiply-adds are there once per instruction
 * set, chosen as the kernels are. */

#include "bench/probe.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/os.h"
#include "kernels/kernels.h"

static const double run_seconds = 0.03;
enum { RUNS = 7 };

/* ---- multiply-adds ---- */

/* Chains that do not wait for each other: more than latency times units of any
 * core around, fewer than 16 registers. */
enum { CHAINS = 12, CHAIN_LENGTH = 64 };

typedef float floats4 __attribute__((vector_size(16)));

/* The body of the three functions below: n times CHAIN_LENGTH multiply-adds in
 * each chain, of vectors of type V.  A macro, because a function that is
 * compiled for less than its vectors is cut to pieces before it is inlined. */
#define EACH_CHAIN _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)
#define RUN_CHAINS(V, n)                                                       \
    do {                                                                       \
        V x[CHAINS], a = {0}, b = {0}, sum = {0};                              \
        a += 0.999F;                                                           \
        b += 0.001F;                                                           \
        EACH_CHAIN x[i] = a + (float)i;                                        \
        for (long in = 0; in < (n)*CHAIN_LENGTH; in++)                         \
            EACH_CHAIN x[i] = x[i] * a + b;                                    \
        EACH_CHAIN sum += x[i];                                                \
        return sum[0];                                                         \
    } while (0)

typedef float chains_fn(long n);

static float chains_plain(long n)
{
    RUN_CHAINS(floats4, n);
}

#ifdef __x86_64__
typedef float floats8 __attribute__((vector_size(32)));
typedef float floats16 __attribute__((vector_size(64)));

__attribute__((target("avx2,fma"))) static float chains_avx2(long n)
{
    RUN_CHAINS(floats8, n);
}

__attribute__((target("avx512f"))) static float chains_avx512(long n)
{
    RUN_CHAINS(floats16, n);
}
#endif

struct chains {
    chains_fn *run;
    int lanes;
};

static struct chains chains_of(unsigned isa)
{
#ifdef __x86_64__
    if (isa & SN_ISA_AVX512)
        return (struct chains){chains_avx512, 16};
    if (isa & SN_ISA_AVX2)
        return (struct chains){chains_avx2, 8};
#endif
    (void)isa;
    return (struct chains){chains_plain, 4};
}

/* ---- streams ---- */

/* What a thread streams over: `n` values in all, `third` = n / 3. */
struct stream {
    float *x;
    size_t n, third;
};

typedef float stream_fn(const struct stream *s);

/* The compiler makes these once per instruction set, where it can. */
#if defined __x86_64__ && defined __GNUC__ && !defined __clang__
#    define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#    define CLONES
#endif

/* Four streams with a sum each, so that no addition waits for the last. */
CLONES static float read_all(const struct stream *s)
{
    const size_t quarter = s->n / 4;
    const float *x = s->x;
    float a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
    for (size_t i = 0; i < quarter; i++) {
        a += x[i];
        b += x[i + quarter];
        c += x[i + 2 * quarter];
        d += x[i + 3 * quarter];
    }
    return a + b + c + d;
}

CLONES static float scale_in_place(const struct stream *s)
{
    float *x = s->x;
    for (size_t i = 0; i < s->n; i++)
        x[i] *= 1.0000001F;
    return x[0];
}

CLONES static float triad(const struct stream *s)
{
    float *restrict x = s->x;
    const float *restrict y = s->x + s->third;
    const float *restrict z = s->x + 2 * s->third;
    for (size_t i = 0; i < s->third; i++)
        x[i] = y[i] + 0.5F * z[i];
    return x[0];
}

/* ---- running ---- */

/* One thing to measure: exactly one of the two functions is set. */
struct task {
    chains_fn *chains;
    stream_fn *stream;
    struct stream *each; /* [threads] */
};

static void repeat(const struct task *t, int thread, long n)
{
    volatile float kept = 0; /* lest the compiler drop the work */
    if (t->chains)
        kept = t->chains(n);
    for (long in = 0; in < n && t->stream; in++)
        kept = t->stream(&t->each[thread]);
    (void)kept;
}

/* Seconds until the last of the threads is done, by the first one's clock. */
static double run_together(const struct task *t, int threads, long n)
{
    double start = 0, end = 0;
#pragma omp parallel num_threads(threads)
    {
#pragma omp barrier
#pragma omp master
        start = sn_clock_seconds();
        repeat(t, omp_get_thread_num(), n);
#pragma omp barrier
#pragma omp master
        end = sn_clock_seconds();
    }
    return end - start;
}

/* Repeats a second and thread, the best of all runs. */
static double best_rate(const struct task *t, int threads)
{
    long n = 1;
    double seconds = run_together(t, threads, n), best = 0;
    while (seconds < run_seconds / 4) {
        n *= 2;
        seconds = run_together(t, threads, n);
    }
    n = (long)ceil((double)n * run_seconds / seconds);
    for (int ir = 0; ir < RUNS; ir++)
        best = fmax(best, (double)n / run_together(t, threads, n));
    return best;
}

double sn_probe_peak(unsigned isa, int threads)
{
    const struct chains c = chains_of(isa);
    const double flop = 2.0 * CHAINS * CHAIN_LENGTH * c.lanes;
    return flop * threads * best_rate(&(struct task){.chains = c.run}, threads);
}

/* Takes every thread's values, and has each write its own first. */
static bool take_streams(struct stream *each, int threads, size_t bytes)
{
    const size_t lines = bytes / (size_t)threads / (12 * 64) * 12;
    const size_t n = 16 * (lines ? lines : 12);
    bool taken = true;
    for (int it = 0; it < threads; it++) {
        each[it] = (struct stream){sn_os_block(n * sizeof(float)), n, n / 3};
        taken = taken && each[it].x;
    }
#pragma omp parallel num_threads(threads) if (taken)
    {
        const struct stream *s = &each[omp_get_thread_num()];
        for (size_t i = 0; taken && i < s->n; i++)
            s->x[i] = 1;
    }
    return taken;
}

struct sn_bandwidth sn_probe_bandwidth(size_t bytes, int threads)
{
    struct sn_bandwidth b = {0};
    struct stream *each = calloc((size_t)threads, sizeof *each);
    if (!each)
        return b;
    if (take_streams(each, threads, bytes)) {
        const double once =
            (double)threads * (double)each[0].n * (double)sizeof(float);
        b.read =
            once * best_rate(&(struct task){.stream = read_all, .each = each},
                             threads);
        b.in_place =
            2 * once *
            best_rate(&(struct task){.stream = scale_in_place, .each = each},
                      threads);
        b.triad =
            once *
            best_rate(&(struct task){.stream = triad, .each = each}, threads);
    }
    for (int it = 0; it < threads; it++)
        free(each[it].x);
    free(each);
    return b;
}
