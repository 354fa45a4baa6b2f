#ifndef SN_TARGET_MEASURE_H
#define SN_TARGET_MEASURE_H

/* How long units take on this machine.
 *
 * A unit is timed as it runs inside a net: in inference form, batch 1, on one
 * thread, its input written just before, with bias and activation pending, by
 * another convolution that does not count.  Two runs follow each other, and the
 * second counts: its weights are as warm as in a net that is run over and over
 * and fits the second-level cache; those of larger nets are colder, which the
 * calibration by whole nets is for.  (With weights as cold as the runs of all
 * others leave them, sums over small nets come out a third too large.)  Runs of
 * all units are mixed.  A unit's time is the median of its runs; it is run
 * until the 95 % interval of that median is within `precision` of it.
 *
 * Where its tensors happen to lie in memory makes some units a tenth slower or
 * faster, and stays while they lie there: so a unit is measured in four places,
 * and its time is the mean of the four medians.
 *
 * One reference unit runs among the others.  Where the machine's clock drifts,
 * it drifts with them, so times are given at the pace of a first group. */

#include "base/status.h"
#include "nn/infer.h"
#include "target/unit.h"

enum { SN_MEASURE_RUNS = 61 }; /* of a unit in one place, at most */

struct sn_timing {
    double seconds; /* the mean of the medians */
    double spread;  /* half the 95 % interval of it, relative */
    int runs;
    int outliers; /* runs that took more than 1.5 times as long */
    bool settled; /* else the time was up */
};

struct sn_measuring {
    const struct sn_kernels *k; /* borrowed */
    const struct sn_unit *unit; /* [n] borrowed */
    int n;
    double precision; /* 0.02: 2 % */
    double until;     /* of sn_clock_seconds(): then it ends */
    uint64_t seed;    /* of the order of runs */
    /* Told from time to time how many are settled; NULL: nobody. */
    void (*tell)(void *context, int settled);
    void *context;
};

/* `act` as units have it. */
sn_unit_act sn_unit_act_of(sn_act act);

/* Whether units like this can be timed: convolutions without groups, blocks
 * without squeeze-and-excite, global pools, linear layers; batch 1. */
bool sn_measure_can(const struct sn_unit *u);

/* Times a group of units, all held in memory at once, and the reference.
 * OpenMP is to be set to one thread.  timing [n], *reference overwritten.
 * SN_ERR_MEMORY. */
sn_status sn_measure_group(const struct sn_measuring *m,
                           struct sn_timing *timing,
                           struct sn_timing *reference, struct sn_error *err);

/* Times a whole net the same way: its input stays, nothing else runs between.
 * At most SN_MEASURE_RUNS runs. */
struct sn_timing sn_measure_net(struct sn_infer *net, double precision,
                                double seconds);

#endif
