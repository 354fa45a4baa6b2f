#ifndef SN_JOB_MEASURE_NETS_H
#define SN_JOB_MEASURE_NETS_H

/* `supernet measure --nets`: random nets of a space, timed whole on this
 * machine.  What they take beside the sum of their units is what calibrates
 * it (`supernet fit --nets`).
 *
 *   device,input,act,arch,latency_us
 *
 * with facts in front as in an operator CSV; `arch` is in the words of
 * net_csv.h. */

#include "search/arch.h"
#include "target/measure.h"

struct sn_nets_request {
    const struct sn_space *space;
    const struct sn_kernels *k;
    const char *output; /* the CSV; nets that it has already are kept */
    const char *device; /* this machine, as the operators' file calls it */
    const char *facts;  /* lines in front of the header */
    double reference;   /* seconds of the reference unit at the pace that
                         * times are given at */
    double until;       /* of sn_clock_seconds(): then it ends */
    uint64_t seed;
    int n; /* nets of the file, from 1 */
    /* Told from time to time; NULL: nobody. */
    void (*tell)(void *context, int done, int all, double left);
    void *context;
};

struct sn_nets_result {
    int nets; /* of the space: there may be fewer than were asked for */
    int kept; /* that were there before */
    int done; /* timed now */
};

/* Draws nets evenly over the options of every decision, each another one, and
 * times those that the file has not: three times each, one after the other over
 * and over.  The file is written whole.  OpenMP is to be set to one thread.
 * SN_ERR_INPUT: a file of another device, or without those columns;
 * SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_measure_nets(struct sn_nets_result *result,
                          const struct sn_nets_request *request,
                          struct sn_error *err);

/* Times a net on this machine, pinned and on one thread, for at most so many
 * seconds.  SN_ERR_MEMORY. */
sn_status sn_measure_arch(struct sn_timing *t, const struct sn_arch *arch,
                          const struct sn_kernels *k, double seconds,
                          struct sn_error *err);

#endif
