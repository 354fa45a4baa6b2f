#ifndef SN_JOB_RANKING_H
#define SN_JOB_RANKING_H

/* Random nets of a space, scored and ranked before any training, and what that
 * says of every option (METHOD 3.2). */

#include "job/plan.h"
#include "train/zero_shot.h"

struct sn_ranked_net {
    struct sn_arch arch;
    struct sn_cost cost;
    struct sn_zero_shot score;
    double rank; /* mean of its fractional ranks by both scores, in [0, 1] */
};

struct sn_ranking {
    int n;
    struct sn_ranked_net *net; /* [n] owned, best first */
    /* [decisions.total] of the plan: effect on the rank, its standard error
     * (search/effects.h), mean seconds, and what would be pruned */
    double effect[SN_MAX_OPTIONS], error[SN_MAX_OPTIONS];
    double cost[SN_MAX_OPTIONS];
    bool drop[SN_MAX_OPTIONS];
    int dropped;
    double seconds; /* wall time it took */
};                  /* about 100 KiB: on the heap, please */

struct sn_ranking_request {
    const struct sn_job_config *config;
    const struct sn_job_plan *plan; /* its costs are settled */
    const struct sn_dataset *data;
    const struct sn_split *split;
    const struct sn_kernels *kernels;
    int threads;
    const volatile sig_atomic_t *stop; /* as in struct sn_job_request */
};

/* Draws and scores [search] zero_shot_nets nets within the budget, on images
 * for weights.  SN_ERR_CONFIG when these do not fill two batches,
 * SN_ERR_INFEASIBLE, SN_ERR_MEMORY, what the loader says; SN_INTERRUPTED or
 * SN_TERMINATED when asked to stop.  Nothing is held then. */
sn_status sn_rank_nets(struct sn_ranking *r, const struct sn_ranking_request *q,
                       struct sn_error *err);
void sn_ranking_release(struct sn_ranking *r);

/* What would be pruned as rules: sections with `forbid`, to be put behind those
 * of a config (lines false), or lines `section.key=value` as -s takes them,
 * with the config's own `forbid` in front.  Caller frees; NULL when memory is
 * short. */
char *sn_ranking_rules(const struct sn_ranking *r,
                       const struct sn_job_plan *plan,
                       const struct sn_job_config *config, bool lines);

#endif
