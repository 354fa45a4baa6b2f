#ifndef SN_NN_WIDE_H
#define SN_NN_WIDE_H

/* The expanded tensors inside a block, 3 to 6 times wider than what a block
 * connects.  Their gradients live in one layer's backward only and so share one
 * place; their values lie there too unless they are kept.
 *
 * Batch-norm, activation and depthwise convolution act per channel, so a block
 * can also run its inner channels a part at a time, and never holds more than
 * one part of what is wide: forward expands a part, filters it and adds what it
 * brings to the output; backward makes each part again (METHOD 7.3).  Exact,
 * but for the order in which the output is summed up. */

#include "nn/layer.h"

/* Readies `t` as a tensor inside a block with batch-norm `bn`. */
void sn_wide_init(struct sn_tensor *t, struct sn_bn *bn, struct sn_bn_view view,
                  sn_act act);

/* Room for t's values in the place that blocks share, from *at on; *at moves
 * behind it.  In sn_real, as everything that is planned. */
void *sn_wide_take(const struct sn_tensor *t, struct sn_plan *plan, size_t *at);

/* Settles what part of `all` t's batch-norm is, and where the values and the
 * gradient of one part of t lie; *at is where in the shared place, and moves
 * behind them.  Without a backward pass nothing has to be kept. */
void sn_wide_plan(struct sn_tensor *t, struct sn_bn *all,
                  const struct sn_parts *parts, struct sn_plan *plan,
                  size_t *at);

/* Makes t the channels from `first` on of one part. */
void sn_wide_part(struct sn_tensor *t, const struct sn_bn *all,
                  const struct sn_parts *parts, int first);

/* Channels of the part from `first` on. */
static inline int sn_parts_channels(const struct sn_parts *p, int first)
{
    const int left = p->channels - first;
    return left < p->each ? left : p->each;
}

static inline struct sn_weight sn_weight_columns(struct sn_weight w, int first)
{
    return (struct sn_weight){w.w + first, w.g + first, w.ld};
}

/* Makes `project`, which sums over the inner channels, that of one part. */
void sn_wide_project(struct sn_stage *project, const struct sn_parts *parts,
                     struct sn_weight whole, int first);

/* Tells the stage that reads the block's input which part this is. */
static inline void sn_wide_enter(struct sn_stage *s,
                                 const struct sn_parts *parts, int first)
{
    s->in_adds = first > 0;
    s->in_more = first + parts->each < parts->channels;
}

/* The tensor a block reads; NULL for what is no block of several stages. */
struct sn_tensor *sn_layer_block_input(struct sn_layer *layer);

/* The parts of a block that can run in several, else NULL. */
struct sn_parts *sn_layer_parts(struct sn_layer *layer);

/* A wide tensor of some block, and what it costs to make it again. */
struct sn_wide {
    struct sn_tensor *t;
    double macs; /* multiply-adds a value */
};

enum { SN_MAX_WIDES = 2 };

/* The wide tensors of a layer, none to SN_MAX_WIDES; returns how many. */
int sn_layer_wides(struct sn_layer *layer, struct sn_wide wide[SN_MAX_WIDES]);

#endif
