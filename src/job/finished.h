#ifndef SN_JOB_FINISHED_H
#define SN_JOB_FINISHED_H

/* A finished search, as it lies in its run: what every option costs
 * (table.csv) and is worth (values.csv).  Nothing else of the run is needed;
 * the target's description only where rules keep the baseline out of the table.
 */

#include "job/options.h"
#include "job/rundir.h"
#include "search/frames.h"

struct sn_finished {
    struct sn_rundir dir;
    struct sn_job_config config; /* owned */
    struct sn_arch found;        /* the run's own net */
    struct sn_space space;
    struct sn_decisions decisions;
    struct sn_frames frames;           /* owned, with their cost tables */
    const struct sn_cost_table *table; /* of the frame of `found` */
    struct sn_arch baseline;
    struct sn_cost baseline_cost;
    /* of the last epoch of the search, [decisions.total] */
    double value[SN_MAX_OPTIONS], probability[SN_MAX_OPTIONS];
}; /* on the heap, please */

/* SN_ERR_INPUT for a run without a finished search, SN_ERR_MEMORY; what it
 * holds then is released all the same. */
sn_status sn_finished_open(struct sn_finished *s, const char *run,
                           struct sn_error *err);
void sn_finished_release(struct sn_finished *s);

/* Cost of a net of its space: the same sum, in the same order, as the
 * derivation's. */
void sn_finished_cost(struct sn_cost *cost, const struct sn_finished *s,
                      const struct sn_arch *arch);

/* Where a block stands in what is offered there: indices into op[], and into
 * that op's k[] and e[]. */
struct sn_offer_index {
    int op, k, e;
};
struct sn_offer_index sn_offer_find(const struct sn_block_space *offer,
                                    struct sn_block block);

#endif
