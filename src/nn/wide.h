#ifndef SN_NN_WIDE_H
#define SN_NN_WIDE_H

/* The expanded tensors inside a block.  They are 3 to 6 times wider than what
 * a block connects; their raw values are kept from forward to backward, their
 * gradients live in one layer's backward only and so share one place. */

#include "nn/layer.h"

/* Readies `t` as a tensor inside a block with batch-norm `bn`. */
static inline void sn_wide_init(struct sn_tensor *t, struct sn_bn *bn,
                                struct sn_bn_view view, sn_act act)
{
    bn->view = view;
    t->bn = bn;
    t->act = act;
    t->wants_grad = true;
}

/* Takes t's own memory, and `*at` values into the shared place for its
 * gradient; *at moves on. */
static inline void sn_wide_plan(struct sn_tensor *t, struct sn_plan *plan,
                                size_t *at)
{
    sn_tensor_plan(t, plan->arena);
    if (!plan->backward)
        return;
    t->dz = plan->wides ? plan->wides + *at : NULL;
    *at += (size_t)sn_tensor_pixels(t) * (size_t)t->ld;
    if (plan->need.wide < *at)
        plan->need.wide = *at;
}

#endif
