#ifndef SN_JOB_RUNNER_H
#define SN_JOB_RUNNER_H

/* A finished net from its file, in inference form, ready to look at pictures.
 */

#include "job/weights.h"
#include "search/infer_arch.h"

struct sn_runner {
    char path[SN_RUN_PATH]; /* of its subnet.safetensors */
    struct sn_subnet subnet;
    struct sn_kernels kernels;
    struct sn_infer infer;
    int *labels; /* [batch] owned */
};

/* Opens the net of `path`, a run directory (its subnet.safetensors) or such a
 * file, for passes of `batch` pictures; 0: of as many as its accuracy was
 * measured with.  SN_ERR_INPUT, SN_ERR_MEMORY; *r is to be released then as
 * well. */
sn_status sn_runner_open(struct sn_runner *r, const char *path, int batch,
                         unsigned isa, int threads, struct sn_error *err);

/* The input of the next pass, [batch, h, w, ld], to be filled by a loader. */
struct sn_tensor *sn_runner_input(struct sn_runner *r);

/* One pass. */
void sn_runner_pass(struct sn_runner *r);

/* Logits [classes] of picture `in` of the last pass. */
const sn_real *sn_runner_logits(struct sn_runner *r, int in);

/* Takes one that was never opened (all zero) as well. */
void sn_runner_release(struct sn_runner *r);

#endif
