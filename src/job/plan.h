#ifndef SN_JOB_PLAN_H
#define SN_JOB_PLAN_H

/* What a job will do, known before it starts: costs, the range that can be
 * attained, memory.  `supernet check` prints it; `train` refuses by it. */

#include "job/options.h"
#include "nn/graph.h"
#include "search/frames.h"
#include "search/reach.h"

struct sn_job_plan {
    struct sn_space space;
    struct sn_decisions decisions;
    struct sn_frames frames;   /* owned: what every option costs in each */
    struct sn_cost_table cost; /* in the baseline's */
    bool searches;             /* else one net is trained */
    struct sn_arch baseline;   /* the starred options */
    struct sn_cost baseline_cost;
    struct sn_arch only; /* without a search: the net that is trained */
    struct sn_cost only_cost;
    double lowest, highest; /* attainable latency, seconds */
    struct sn_budget budget;
    bool cached; /* the costs were there from before */
    bool stale;  /* what they were fitted to was measured with other kernels */
    char reach[SN_REACH_TEXT]; /* what was not measured, for people; or "" */

    bool bf16;           /* of training, inside of blocks */
    size_t data_bytes;   /* images in memory */
    size_t loader_bytes; /* what brings them, and decodes those that are not */
    size_t loader_least; /* the same on one thread: what a graph is cut down for
                          * may depend on no number of threads */
    size_t search_bytes; /* weights and graph of the search */
    size_t final_bytes;  /* the same of the largest net in final training */
    size_t available;    /* what the system has left; 0: unknown */
    size_t limit;        /* for images, weights and graph; 0: unknown */
    size_t room;         /* of it, for weights and graph; 0: any */
    bool limit_is_ours;  /* the config's, not the system's */
    struct sn_kept search_kept, final_kept; /* wide tensors, under the limit */
    int fits_search, fits_final; /* batches that would fit; 0: none */
};                               /* about 1.5 MB: on the heap, please */

/* Space, costs and budget, for images of so many channels and classes.
 * SN_ERR_CONFIG, SN_ERR_NUMERIC. */
sn_status sn_job_plan_costs(struct sn_job_plan *p,
                            const struct sn_job_config *c, int channels,
                            int classes, struct sn_error *err);

void sn_job_plan_release(struct sn_job_plan *p);

/* Whether every part of the images fills a batch.  SN_ERR_CONFIG, all faults at
 * their place in the config. */
sn_status sn_job_plan_batches(const struct sn_job_config *c,
                              const struct sn_split *split,
                              struct sn_error *err);

/* The latency a search aims at, seconds; 0: any. */
double sn_job_plan_target(const struct sn_job_plan *p);

/* Every budget with a limit, for people: `57.8 us of latency, 64.0 KiB of
 * weights`, or `none`.  Returns buf. */
enum { SN_BUDGET_LINE = 160 };
const char *sn_job_plan_budget(char buf[SN_BUDGET_LINE],
                               const struct sn_budget *budget);

/* Whether some net meets all budgets.  SN_ERR_INFEASIBLE with the attainable
 * range, SN_ERR_MEMORY. */
sn_status sn_job_plan_feasible(const struct sn_job_plan *p,
                               struct sn_error *err);

/* Adds up what search and final training take on so many threads, as many wide
 * tensors kept as the limit allows; `room` is that of a run that goes on, or 0
 * and it is found.  SN_ERR_MEMORY when not even the plan can be made. */
sn_status sn_job_plan_memory(struct sn_job_plan *p,
                             const struct sn_job_config *c,
                             const struct sn_dataset *data,
                             const struct sn_kernels *k, int threads,
                             size_t room, struct sn_error *err);

/* What is to be said of a stale plan. */
extern const char sn_job_plan_stale[];

/* How many nets the space has, for people: `8000`, `1.80e+16`.  Returns buf. */
enum { SN_NETS_TEXT = 24 };
const char *sn_job_plan_nets(char buf[SN_NETS_TEXT],
                             const struct sn_job_plan *p);

/* `in bf16 inside blocks, weights and sums in f32`, for people. */
const char *sn_job_plan_precision(const struct sn_job_plan *p);

/* What the limit costs, for people: ` (7 of 34 wide tensors made again)`, below
 * that ` (3 blocks in parts)`, or nothing.  Returns buf. */
enum { SN_AGAIN_TEXT = 64 };
const char *sn_job_plan_again(char buf[SN_AGAIN_TEXT],
                              const struct sn_job_plan *p);

/* Bytes at the worst moment, the images included. */
size_t sn_job_plan_peak(const struct sn_job_plan *p);

/* Bytes left for a graph beside the images and `weights` bytes of weights; 0:
 * any. */
size_t sn_job_plan_cap(const struct sn_job_plan *p, size_t weights);

/* Whether all of it is within the limit.  SN_ERR_MEMORY with the figures and
 * what would fit. */
sn_status sn_job_plan_fits(const struct sn_job_plan *p,
                           const struct sn_job_config *c, struct sn_error *err);

#endif
