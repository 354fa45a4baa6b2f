#ifndef SN_NN_BRANCH_H
#define SN_NN_BRANCH_H

/* What would the loss do if a part of the net were another one?
 *
 * A branch is a short list of layers beside the net.  It runs in the backward
 * pass, forward only, at the moment when the gradient of the tensor it is held
 * against is complete, and gives one number: the derivative of the loss with
 * respect to a gate u, at u = 0, that would let the branch in.  Nothing is
 * stored for it and nothing runs backward through it, so it takes a third of
 * what training it would (METHOD 1.4).
 *
 *   INSTEAD  `at` becomes (1 - u)*at + u*end, both as their readers see them:
 *            slope = <dL/dat, end - at>
 *   BESIDE   y of `at`, in front of its batch-norm, becomes y + u*end:
 *            slope = <dL/dy, end>
 *   STANDS   for layers that other lists have in its place: it is planned as
 *            if it were trained as well, so that their needs are known
 *
 * Batch-norms of a branch take the statistics of the batch, as in training.
 * All branches of a graph share one place in memory. */

#include "nn/plan.h"
#include "nn/stage.h"

typedef enum {
    SN_BRANCH_INSTEAD,
    SN_BRANCH_BESIDE,
    SN_BRANCH_STANDS
} sn_branch_kind;

struct sn_branch {
    sn_branch_kind kind;
    int first, count; /* its layers in the graph's list; none: `end` is there */
    int at;           /* the layer that wrote what it is held against */
    const struct sn_tensor *end;
    double *slope; /* borrowed, overwritten by every backward pass; STANDS has
                    * none */
    double *slots; /* [units] */
};

/* Sum over all pixels of a product with a gradient of `at`, whose dz is
 * complete:
 *
 *   raw       <dL/dy(at), y(end)>; else <dL/dz(at), end as readers see it>
 *   instead   the same of `at` itself is taken off
 *
 * slots [units] is overwritten.  The order of the sum does not depend on the
 * number of threads. */
double sn_slope(const struct sn_tensor *at, const struct sn_tensor *end,
                bool raw, bool instead, double *slots,
                const struct sn_pass *pass);

/* Takes the slots of a slope at `at`, raises the need of scratch. */
double *sn_slope_plan(const struct sn_tensor *at, struct sn_plan *plan);

#endif
