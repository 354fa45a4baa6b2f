#ifndef SN_NN_WIDE_H
#define SN_NN_WIDE_H

/* The expanded tensors inside a block, 3 to 6 times wider than what a block
 * connects.  Their gradients live in one layer's backward only and so share one
 * place; their values lie there too unless they are kept. */

#include "nn/layer.h"

/* Readies `t` as a tensor inside a block with batch-norm `bn`. */
static inline void sn_wide_init(struct sn_tensor *t, struct sn_bn *bn,
                                struct sn_bn_view view, sn_act act)
{
    bn->view = view;
    t->bn = bn;
    t->act = act;
    t->wants_grad = t->kept = true;
}

/* `t`'s part of the shared place, from *at on; *at moves behind it.  In
 * sn_real, as everything that is planned. */
static inline void *sn_wide_take(const struct sn_tensor *t,
                                 struct sn_plan *plan, size_t *at)
{
    sn_real *part = plan->wides ? plan->wides + *at : NULL;
    *at += sn_tensor_reals(t);
    sn_plan_raise(&plan->need.wide, *at);
    return part;
}

/* Settles where t's values and gradient lie.  Without a backward pass nothing
 * has to be kept. */
static inline void sn_wide_plan(struct sn_tensor *t, struct sn_plan *plan,
                                size_t *at)
{
    t->form = plan->bf16 ? SN_BF16 : SN_REAL;
    t->y = t->dz = NULL;
    t->y16 = t->dz16 = NULL;
    sn_tensor_plan_bn(t, plan->arena);
    void *y =
        t->kept && plan->backward
            ? sn_arena_take(plan->arena, sn_tensor_reals(t), sizeof(sn_real))
            : sn_wide_take(t, plan, at);
    void *dz = plan->backward ? sn_wide_take(t, plan, at) : NULL;
    if (t->form == SN_BF16) {
        t->y16 = y;
        t->dz16 = dz;
    } else {
        t->y = y;
        t->dz = dz;
    }
}

/* The tensor a block reads; NULL for what is no block of several stages. */
static inline struct sn_tensor *sn_layer_block_input(struct sn_layer *layer)
{
    if (layer->id == SN_LAYER_FUSED)
        return layer->as.fused.dense.in;
    if (layer->id != SN_LAYER_IBN)
        return NULL;
    const struct sn_ibn *b = &layer->as.ibn;
    return b->expands ? b->expand.in : b->depth.in;
}

/* A wide tensor of some block, and what it costs to make it again. */
struct sn_wide {
    struct sn_tensor *t;
    double macs; /* multiply-adds a value */
};

enum { SN_MAX_WIDES = 2 };

/* The wide tensors of a layer, none to SN_MAX_WIDES; returns how many. */
static inline int sn_layer_wides(struct sn_layer *layer,
                                 struct sn_wide wide[SN_MAX_WIDES])
{
    /* per channel, a multiply-add takes about four times as long */
    enum { PER_CHANNEL = 4 };
    int n = 0;
    if (layer->id == SN_LAYER_FUSED) {
        struct sn_fused *b = &layer->as.fused;
        const int k = b->dense.window.k;
        wide[n++] = (struct sn_wide){&b->mid, (double)k * k * b->dense.in->c};
    } else if (layer->id == SN_LAYER_IBN) {
        struct sn_ibn *b = &layer->as.ibn;
        const int k = b->depth.window.k;
        if (b->expands)
            wide[n++] = (struct sn_wide){&b->mid1, b->expand.in->c};
        wide[n++] = (struct sn_wide){&b->mid2, (double)PER_CHANNEL * k * k};
    }
    return n;
}

#endif
