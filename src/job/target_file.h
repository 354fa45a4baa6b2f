#ifndef SN_JOB_TARGET_FILE_H
#define SN_JOB_TARGET_FILE_H

/* The two things that `estimate` is given: a device and a net. */

#include "search/arch.h"
#include "target/target.h"

/* Whether a name is that of an estimator (*.est), of an operator CSV. */
bool sn_target_is_estimator(const char *path);
bool sn_target_is_csv(const char *path);

/* Opens the device of section [target].  A CSV is fitted, or taken from the
 * cache of what was fitted before.  SN_ERR_CONFIG; of an estimator or a CSV
 * SN_ERR_INPUT, SN_ERR_MEMORY. */
sn_status sn_target_open(struct sn_target *t, const struct sn_target_options *o,
                         struct sn_error *err);

/* Reads a device's file: an npu's description; an INI file with a section
 * [target]; an estimator or an operator CSV, which is a table then.  Statuses
 * of sn_target_open(). */
sn_status sn_target_read(struct sn_target *t, const char *path,
                         struct sn_error *err);

/* The net of an arch text, of a run directory (its arch.txt), or of a model
 * (subnet.safetensors, subnet.onnx).  SN_ERR_CONFIG for an arch text,
 * SN_ERR_INPUT. */
sn_status sn_arch_of(struct sn_arch *arch, const char *path,
                     struct sn_error *err);

/* Whether an estimator is of this machine, so that what it says holds here:
 * SN_ERR_CONFIG where it is not. */
sn_status sn_target_check_here(const struct sn_target *t, struct sn_error *err);

/* The device that a run was for.  SN_ERR_CONFIG, SN_ERR_INPUT. */
sn_status sn_target_of_run(struct sn_target *t, const char *run,
                           struct sn_error *err);

#endif
