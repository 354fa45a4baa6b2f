#ifndef SN_NN_PLAN_H
#define SN_NN_PLAN_H

/* Where everything lies, settled before the first step.
 *
 * Besides what a layer keeps for itself, layers share three places, as large as
 * the one that wants most: scratch of each thread; slots for the weight
 * gradients of units, and a weight as backward reads it; and the wide tensors
 * of one block that do not outlive it, their gradients first of all.  The
 * gradients of the narrow tensors between layers lie in one more place, each
 * from its last reader's backward to its writer's; a residual's three are one.
 *
 * A block may also forget its wide tensors behind forward and compute them
 * again in backward, from the tensor in front of them and the statistics it
 * still has: the same bits for less memory and more time (`kept` in tensor.h).
 * Which ones is settled here, from shapes and the memory allowed alone. */

#include "nn/tensor.h"

/* Scratch of one thread. */
struct sn_scratch {
    sn_real *load; /* x as it is read */
    sn_real *grad; /* dL/dy */
    sn_real *dx;   /* a gradient that is to be added */
};

/* What is settled for all layers together: the most that any of them wants of
 * what they share, in values, and where that lies.  Planning runs over the
 * layers twice with an arena that counts: the first run finds the needs, the
 * second the bytes; then once more to bind. */
struct sn_plan {
    struct sn_arena *arena;
    struct {
        size_t load, grad, dx; /* of one thread's scratch */
        size_t slots;          /* weight-gradient slots, all units */
        size_t turned;         /* a weight as backward reads it */
        size_t wide;           /* wide tensors of one block, not kept */
    } need;
    sn_real *slots, *turned, *wides;
    int threads;
    bool backward; /* gradients are wanted */
    bool bf16;     /* wide tensors are in SN_BF16 */
    bool pairs;    /* products take pairs of it */
};

/* Takes what the needs found so far ask for; scratch[plan->threads] of it. */
void sn_plan_share(struct sn_plan *plan, struct sn_scratch *scratch);

static inline void sn_plan_raise(size_t *need, size_t want)
{
    if (*need < want)
        *need = want;
}

#endif
