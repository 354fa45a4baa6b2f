#ifndef SN_JOB_REDERIVE_H
#define SN_JOB_REDERIVE_H

/* Another net from a finished search, in seconds: the costs lie in table.csv,
 * the worth of every option in values.csv; nothing is trained and the target's
 * description is not needed. */

#include "job/result.h"

/* Derives the best net of `run` for `latency` (`2 ms`, `50 %` of the
 * baseline), and writes RUN/derive/LATENCY/arch.txt and cost.json.  *r gets
 * net and baseline, untrained, and r->dir the folder.
 *
 * SN_ERR_CONFIG for a latency that cannot be read, SN_ERR_INPUT for a run
 * without a finished search, SN_ERR_INFEASIBLE, SN_ERR_OUTPUT, SN_ERR_MEMORY.
 */
sn_status sn_rederive(struct sn_job_result *r, const char *run,
                      const char *latency, struct sn_error *err);

#endif
