#ifndef SN_JOB_COST_CACHE_H
#define SN_JOB_COST_CACHE_H

/* Cost tables of measured devices, kept by all that they depend on: the
 * estimator, P, batch and bytes of the target, the activation, the precision,
 * the kernels of this program, and every shape of the space.  A table of
 * anything else has another name and another first line, so it is never taken.
 * What an accelerator's formulas say is not kept: they take less than reading.
 */

#include "search/derive.h"
#include "target/target.h"

/* The table of a space on a target: from the cache, else made and put there.
 * *cached (may be NULL) tells which.  Statuses of sn_cost_table_make(). */
sn_status sn_cost_table_get(struct sn_cost_table *t,
                            const struct sn_space *space,
                            const struct sn_target *target, bool *cached,
                            struct sn_error *err);

/* A number that differs where the kernels' sources do. */
const char *sn_kernels_sum(void);

#endif
