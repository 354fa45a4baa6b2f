#ifndef SN_JOB_REDERIVE_H
#define SN_JOB_REDERIVE_H

/* Other nets from a finished search, in seconds: the costs lie in table.csv,
 * the worth of every option in values.csv; nothing is trained and the target's
 * description is not needed.  Another target, or the same one measured anew,
 * prices the options again. */

#include "job/result.h"
#include "search/derive.h"
#include "search/reach.h"

enum { SN_REDERIVE_MAX = 32 }; /* latencies of one call */

struct sn_rederive_request {
    const char *run;
    /* As a config would have them (`2 ms`, `50 %` of the baseline's, `none`);
     * NULL: as the run's config says.  Of latencies a list with commas. */
    const char *budget[SN_BUDGETS];
    const char *target; /* a device's file; NULL: costs as they were searched */
};

struct sn_rederived {
    int n;                        /* one for each latency, in their order */
    struct sn_job_result *item;   /* [n] owned; net and baseline untrained */
    struct sn_derived *derived;   /* [n] owned */
    char (*latency)[SN_TEXT_MAX]; /* [n] owned: as given; "": not given */
    char target[SN_TEXT_MAX];     /* name of the device that was given, or "" */
    char reach[SN_REACH_TEXT];    /* what was not measured there, or "" */
    int kind; /* enum sn_target_kind that a config needs for it; -1: none does
               */
};

/* Derives the best net of the run for every latency, and writes each into
 * RUN/derive/LATENCY: arch.txt and cost.json; item[i].dir names the folder.
 * Budgets of other kinds follow in its name: `2ms,weights=64KiB`, and a target
 * by the name of its file: `2ms,target=cpu`.  With several
 * latencies RUN/pareto.csv has a row for each.  Nothing is written unless all
 * of them can be met.
 *
 * SN_ERR_CONFIG for a budget that cannot be read, SN_ERR_INPUT for a run
 * without a finished search or a target that lacks what its nets need,
 * SN_ERR_INFEASIBLE, SN_ERR_OUTPUT, SN_ERR_MEMORY; *r holds nothing then. */
sn_status sn_rederive(struct sn_rederived *r,
                      const struct sn_rederive_request *q,
                      struct sn_error *err);
void sn_rederived_release(struct sn_rederived *r);

#endif
