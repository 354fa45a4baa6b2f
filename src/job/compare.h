#ifndef SN_JOB_COMPARE_H
#define SN_JOB_COMPARE_H

/* A search beside its controls: what else the same budget buys, trained
 * alike, over several seeds.  Every net is an ordinary run in
 * DIR/seed-S/CONTROL; a comparison that was interrupted goes on with them.
 *
 * All nets are trained from scratch by the config's [train], so that none has
 * an advantage but its own shape; budgets are those of the config's baseline,
 * in absolute figures. */

#include "job/job.h"

typedef enum {
    SN_CONTROL_BASELINE, /* the starred options; over the budget, as a rule */
    SN_CONTROL_EXPERT,   /* the baseline edited until it meets the budget */
    SN_CONTROL_RANDOM,   /* nets drawn from the space, near the budget */
    SN_CONTROL_WIDTH,    /* V1: the baseline, all channels scaled */
    SN_CONTROL_FUSION,   /* V2: a search for what to fuse alone */
    SN_CONTROL_BOTH,     /* V3: V2 at each of several multipliers */
    SN_CONTROL_SEARCHED, /* the config as it stands */
    SN_CONTROLS
} sn_control;

enum {
    SN_COMPARE_RANDOM = 8,      /* random nets a seed */
    SN_COMPARE_MULTIPLIERS = 3, /* of V3 */
    SN_COMPARE_SEEDS = 32
};

struct sn_compare_request {
    struct sn_job_request job; /* config, overrides, threads, out, stop; dir is
                                * the folder of the comparison */
    int seeds;                 /* the config's and those behind it */
};

/* One control: what its nets came to. */
struct sn_compared {
    int nets;             /* that were trained, over all seeds; 0: none could */
    int seeds;            /* that it has nets of */
    double accuracy;      /* mean over seeds of each seed's mean */
    double half_interval; /* of 95 %, over seeds; NaN for one seed */
    double latency, weights, activations; /* means over the nets */
};

struct sn_comparison {
    struct sn_budget budget;
    int seeds;
    struct sn_compared control[SN_CONTROLS];
};

/* `baseline`, `expert`, `random`, `V1 width`, ... */
const char *sn_control_name(sn_control control);

/* Runs what has not been run.  SN_ERR_CONFIG for a config that searches nothing
 * or has no budget, and for a folder that holds another comparison; any status
 * that a job returns; SN_INTERRUPTED or SN_TERMINATED with a text that says how
 * to go on. */
sn_status sn_compare(struct sn_comparison *c,
                     const struct sn_compare_request *q, struct sn_error *err);

#endif
