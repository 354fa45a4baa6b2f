#ifndef SN_JOB_TARGET_FILE_H
#define SN_JOB_TARGET_FILE_H

/* The two things that `estimate` is given: a device and a net. */

#include "search/arch.h"
#include "target/target.h"

/* Reads a device's file: an npu's description, or an estimator (*.est) of
 * measurements.  SN_ERR_CONFIG; of an estimator SN_ERR_INPUT, SN_ERR_MEMORY. */
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
