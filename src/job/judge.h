#ifndef SN_JOB_JUDGE_H
#define SN_JOB_JUDGE_H

/* Nets judged by the weights of a finished supernet: batch-norm statistics
 * taken anew for each on training images, then its accuracy on the validation
 * images (METHOD 1.6, 2.4). */

#include "job/plan.h"
#include "job/rundir.h"

struct sn_judge_setup {
    const struct sn_rundir *dir; /* where supernet.safetensors lies */
    const struct sn_job_config *config;
    const struct sn_job_plan *plan;
    const struct sn_dataset *data;
    const struct sn_split *split; /* with validation images */
    const struct sn_kernels *kernels;
    int threads;
};

struct sn_judge {
    struct sn_supernet net; /* owned, as are the others */
    struct sn_graph graph;
    struct sn_loader plain, val;
    int *labels; /* [group] */
};

/* SN_ERR_INPUT when the supernet's file is missing or damaged, SN_ERR_MEMORY.
 * To be closed in any case. */
sn_status sn_judge_open(struct sn_judge *j, const struct sn_judge_setup *s,
                        struct sn_error *err);
void sn_judge_close(struct sn_judge *j);

/* An arch of the space.  SN_ERR_MEMORY, or what the loaders say. */
sn_status sn_judge_net(struct sn_judge *j, const struct sn_arch *arch,
                       struct sn_eval *e, struct sn_error *err);

#endif
