#ifndef SN_JOB_COMPARE_INTERNAL_H
#define SN_JOB_COMPARE_INTERNAL_H

/* What the two halves of a comparison share: the nets and overrides of its
 * runs (controls.c), and running them (compare.c). */

#include "job/compare.h"
#include "job/plan.h"

/* The runs of one control and seed. */
enum { SN_CONTROL_RUNS = SN_COMPARE_RANDOM };

struct sn_control_run {
    char name[64];       /* DIR/name is its folder */
    struct sn_arch arch; /* the net, where it is not searched */
    bool has_arch;
    struct sn_text overrides; /* `section.key=value` lines */
};

/* How many runs a control has for a seed, and the i-th of them; false when the
 * budget leaves it no net.  The plan is the config's own. */
int sn_control_runs(sn_control control);
sn_status sn_control_make(struct sn_control_run *run, sn_control control, int i,
                          uint64_t seed, const struct sn_job_plan *plan,
                          const struct sn_target *target, bool *possible,
                          struct sn_error *err);

#endif
