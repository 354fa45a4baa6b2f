#ifndef SN_BENCH_TRIAL_H
#define SN_BENCH_TRIAL_H

/* One convolution of a net, set up to be run over and over: the stage that the
 * layers are made of (nn/stage.h) between two tensors full of noise.
 *
 * Plain, nothing is pending on either tensor, and a pass is the convolution
 * alone: what other libraries' primitives do.  Fused, both have a batch-norm
 * and ReLU6 pending, as inside a block: forward applies the input's and sums up
 * the output's, backward goes through both.
 *
 * In bf16 both tensors and their gradients are, and products take pairs of it
 * where the kernels have that. */

#include "bench/shapes.h"
#include "nn/stage.h"

struct sn_trial; /* opaque */

/* Takes the memory for s->n images and fills it; kernels are borrowed.  Passes
 * may run on up to `threads` threads.  SN_ERR_MEMORY. */
sn_status sn_trial_create(struct sn_trial **trial, const struct sn_shape *s,
                          const struct sn_kernels *k, int threads, bool fused,
                          bool bf16, struct sn_error *err);
void sn_trial_destroy(struct sn_trial *trial);

void sn_trial_run(struct sn_trial *trial, sn_conv_pass pass);

/* `point`, `dense` or `depth`; with `+bn` behind it when fused. */
const char *sn_trial_variant(const struct sn_trial *trial);

/* Compares output and both gradients of two images with those of the reference
 * kernels in f32.  SN_ERR_NUMERIC, saying what differs by how much;
 * SN_ERR_MEMORY. */
sn_status sn_trial_check(const struct sn_shape *s, const struct sn_kernels *k,
                         int threads, bool fused, bool bf16,
                         struct sn_error *err);

#endif
