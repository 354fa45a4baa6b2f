#ifndef SN_JOB_ENV_H
#define SN_JOB_ENV_H

/* What a run ran on: program, processor, libraries. */

#include <stdint.h>

#include "base/text.h"
#include "job/rundir.h"
#include "kernels/kernels.h"

/* The revision of the source this program was built from; `unknown` where the
 * build could not ask. */
const char *sn_env_revision(void);

/* One line for people: processor, threads, instruction set. */
void sn_env_line(char *buf, size_t size, const struct sn_kernels *k,
                 int threads);

/* The same and more as a JSON object.  `command` and `seed` may be NULL: left
 * out.  Caller frees; NULL when memory is short. */
char *sn_env_json(const struct sn_kernels *k, int threads, const uint64_t *seed,
                  const char *command);

/* Writes env.json.  SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_env_write(const struct sn_rundir *dir, const struct sn_kernels *k,
                       int threads, uint64_t seed, const char *command,
                       struct sn_error *err);

#endif
