#ifndef SN_BENCH_SAMPLE_H
#define SN_BENCH_SAMPLE_H

/* Repeated timings and what is said of them. */

enum { SN_SAMPLE_LEAST = 5, SN_SAMPLE_MOST = 400 };

struct sn_sample {
    int n;
    double median, least, most;
};

/* Sorts x[n], n >= 1, and sums it up. */
struct sn_sample sn_sample_of(double *x, int n);

/* Seconds of run(ctx): once to warm up, then as often as `budget` seconds
 * allow, SN_SAMPLE_LEAST times at least and SN_SAMPLE_MOST at most. */
struct sn_sample sn_sample_time(void (*run)(void *ctx), void *ctx,
                                double budget);

/* A geometric mean under way; all zero to begin with. */
struct sn_geomean {
    double logs;
    int n;
};

void sn_geomean_add(struct sn_geomean *g, double value);

/* 0 where nothing was added. */
double sn_geomean_of(const struct sn_geomean *g);

#endif
