#ifndef SN_NN_INFER_H
#define SN_NN_INFER_H

/* A finished net in inference form: what a device would run.
 *
 * Batch-norms are folded into weights and biases,
 *
 *   z = s*conv(x) + b = conv'(x) + b      s = gamma / sqrt(var + eps)
 *   w' = s*w, b' = beta - s*mean
 *
 * so there are no statistics, no gradients and no loss; a residual is added in
 * place, and a tensor's memory is another's once its last reader is done.  The
 * convolutions are the engine's own stages (stage.h); as everywhere in it, bias
 * and activation are applied by whoever reads. */

#include "nn/graph.h"

typedef enum {
    SN_INFER_CONV,
    SN_INFER_ADD,
    SN_INFER_POOL,
    SN_INFER_LINEAR
} sn_infer_kind;

struct sn_infer_step {
    sn_infer_kind kind;
    struct sn_stage stage;      /* CONV, LINEAR */
    const struct sn_tensor *in; /* POOL; ADD: what is added to its out */
    struct sn_tensor out;       /* of ADD: the memory of the step before */
    bool applies;    /* ADD: what is pending on that is applied first */
    struct sn_bn bn; /* of out: factors of 1, the biases */
    const struct sn_tensor
        *was;  /* the tensor of the graph that it stands for */
    int place; /* of out, in the plan */
};

struct sn_infer {
    const struct sn_kernels *k; /* borrowed */
    struct sn_tensor input;     /* y is filled by the caller; a run leaves it */
    struct sn_infer_step *step; /* [steps] owned; the last one is the LINEAR */
    int steps;
    struct sn_arena arena;
    struct sn_scratch *scratch; /* [threads] owned */
    double *sums;               /* of the pool */
    int threads;
    size_t weights; /* bytes of folded weights and biases, padding included */
    size_t values;  /* bytes of the tensors between steps */
};

/* The net of `g`, a list that one arch built (sn_supernet_build_arch), for
 * passes of n images on at most so many threads.  Weights and statistics are
 * read now; nothing of g is kept, nor does it have to be planned.
 * SN_ERR_MEMORY; nothing is held then. */
sn_status sn_infer_init(struct sn_infer *f, const struct sn_graph *g, int n,
                        int threads, struct sn_error *err);
void sn_infer_release(struct sn_infer *f);

/* From input to logits.  Allocates nothing, cannot fail.  The same bits for any
 * number of threads. */
void sn_infer_run(struct sn_infer *f);

/* The steps [first, next) alone; their inputs hold what they hold. */
void sn_infer_run_steps(struct sn_infer *f, int first, int next);

/* [n, 1, 1, classes] of the last run. */
const struct sn_tensor *sn_infer_logits(const struct sn_infer *f);

/* The affine z = s*y + b that channel ic of a batch-norm is once its statistics
 * stand. */
void sn_bn_fold(const struct sn_bn_view *bn, int ic, double *s, double *b);

#endif
