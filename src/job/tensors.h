#ifndef SN_JOB_TENSORS_H
#define SN_JOB_TENSORS_H

/* What checkpoints and files of weights have in common: the arrays of a net in
 * a safetensors file, and a checksum over all of it. */

#include "base/hash.h"
#include "base/safetensors.h"
#include "nn/params.h"

/* Adds values[total], one array an entry of `p`, named prefix + its name.  The
 * values are borrowed until commit.  Shapes are what they are elsewhere, in
 * the order of our memory:
 *
 *   convolution [k, k, cin, cout]   linear [cin, cout]
 *   depthwise   [k, k, c, 1]        gamma, beta, bias [c] */
void sn_tensors_add(struct sn_tensor_writer *w, const char *prefix,
                    const struct sn_params *p, const sn_real *values);

/* Reads them back.  SN_ERR_INPUT when one is missing or of another shape. */
sn_status sn_tensors_take(const struct sn_tensor_file *f, const char *prefix,
                          const struct sn_params *p, sn_real *values,
                          struct sn_error *err);

/* Adds the checksum of all that was added, and writes the file.
 * SN_ERR_INPUT for metadata that are not UTF-8, SN_ERR_OUTPUT, SN_ERR_MEMORY.
 * Releases *w. */
sn_status sn_tensors_commit(struct sn_tensor_writer *w, const char *path,
                            struct sn_error *err);

/* Opens a file whose metadata says `format`, and checks its checksum.
 * SN_ERR_INPUT, SN_ERR_MEMORY. */
sn_status sn_tensors_open(struct sn_tensor_file *f, const char *path,
                          const char *format, struct sn_error *err);

/* A text of the metadata that must be there.  SN_ERR_INPUT. */
sn_status sn_tensors_meta(const struct sn_tensor_file *f, const char *key,
                          const char **value, struct sn_error *err);

#endif
