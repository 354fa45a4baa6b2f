/* Repeated timings: median and extremes; geometric means of ratios. */

#include "bench/sample.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct sn_sample sn_sample_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return (struct sn_sample){.n = n,
                              .median = (x[(n - 1) / 2] + x[n / 2]) / 2,
                              .least = x[0],
                              .most = x[n - 1]};
}

struct sn_sample sn_sample_time(void (*run)(void *ctx), void *ctx,
                                double budget)
{
    double seconds[SN_SAMPLE_MOST];
    int n = 0;
    run(ctx);
    const double begin = sn_clock_seconds();
    double start = begin;
    while (n < SN_SAMPLE_LEAST ||
           (n < SN_SAMPLE_MOST && start - begin < budget)) {
        run(ctx);
        const double end = sn_clock_seconds();
        seconds[n++] = end - start;
        start = end;
    }
    return sn_sample_of(seconds, n);
}

void sn_geomean_add(struct sn_geomean *g, double value)
{
    g->logs += log(value);
    g->n++;
}

double sn_geomean_of(const struct sn_geomean *g)
{
    return g->n ? exp(g->logs / g->n) : 0;
}
