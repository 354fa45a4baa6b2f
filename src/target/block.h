#ifndef SN_TARGET_BLOCK_H
#define SN_TARGET_BLOCK_H

/* Blocks as operators: which ones, and where their tensors live.
 *
 * Residency follows from the block's own tensors and the on-chip size alone
 * (DESIGN 8), so the cost of a net is the sum of its blocks':
 *
 *   a tensor at either end of a block lies in DRAM iff it alone exceeds S;
 *   IBN:   mid1 iff x + mid1 > S;
 *          mid2 iff res + mid1 + mid2 > S or res + mid2 + y > S;
 *   fused: mid  iff x + mid > S;
 *   conv:  nothing lies inside;
 *   the residual add is always resident.
 *
 * res is x where there is a residual, else nothing.  With e = 1 the depthwise
 * convolution reads x itself, which then stands for both res and mid1. */

#include "target/npu.h"

enum { SN_BLOCK_MAX_OPERATORS = 4 };

struct sn_block_operators {
    int count;
    struct sn_operator item[SN_BLOCK_MAX_OPERATORS];
    const char *part[SN_BLOCK_MAX_OPERATORS]; /* as weights call it: expand */
    double kept[SN_BLOCK_MAX_OPERATORS]; /* bytes alive beside its tensors */
};

/* Whether a block of this shape adds its input to its output. */
bool sn_block_residual(const struct sn_block_shape *shape);

/* The operators of a block in order of execution, residency flags set. */
void sn_block_operators(struct sn_block_operators *ops,
                        const struct sn_npu *npu,
                        const struct sn_block_shape *shape);

/* The stem: a 3x3 convolution of an h x w image of c channels. */
void sn_stem_operators(struct sn_block_operators *ops, const struct sn_npu *npu,
                       int h, int w, int c, int cout, int stride);

/* All behind the last block, which left h x w pixels of c channels: 1x1
 * convolution to `head` channels (0: none), global pool, linear layer. */
void sn_tail_operators(struct sn_block_operators *ops, const struct sn_npu *npu,
                       int h, int w, int c, int head, int classes);

/* Cost of operator i of a list, and of all of them. */
void sn_operators_cost_of(struct sn_cost *cost, const struct sn_npu *npu,
                          const struct sn_block_operators *ops, int i);
void sn_operators_cost(struct sn_cost *cost, const struct sn_npu *npu,
                       const struct sn_block_operators *ops);

/* Cost of a block; its peak counts the input as long as it is needed, and the
 * add writes in place. */
void sn_block_cost(struct sn_cost *cost, const struct sn_npu *npu,
                   const struct sn_block_shape *shape);

/* Of the stem, and of all behind the last block. */
void sn_stem_cost(struct sn_cost *cost, const struct sn_npu *npu, int h, int w,
                  int c, int cout, int stride);
void sn_tail_cost(struct sn_cost *cost, const struct sn_npu *npu, int h, int w,
                  int c, int head, int classes);

#endif
