#ifndef SN_BENCH_PROBE_H
#define SN_BENCH_PROBE_H

/* What the machine can do at most, measured: results are told as shares of it.
 * Each figure is the best of several short runs, for a limit is what cannot be
 * passed; the threads are those of OpenMP, started together. */

#include <stddef.h>

/* f32 multiply-adds in registers, FLOP/s of all `threads` together, with the
 * best instruction set of `isa` (SN_ISA_ bits). */
double sn_probe_peak(unsigned isa, int threads);

/* Bytes a second of all threads together, each on arrays of its own. */
struct sn_bandwidth {
    double read;     /* sum of x[i] */
    double in_place; /* x[i] = a*x[i]: counted as read and as written */
    double triad;    /* x[i] = y[i] + a*z[i]: 12 bytes an element, by ordinary
                      * stores, which first read the line they write */
};

/* Over a working set of `bytes`, all arrays of all threads together.  All zero
 * when memory for it is lacking. */
struct sn_bandwidth sn_probe_bandwidth(size_t bytes, int threads);

#endif
