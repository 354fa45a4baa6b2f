#ifndef SN_SEARCH_INTERNAL_H
#define SN_SEARCH_INTERNAL_H

/* What the files that list layers share. */

#include "search/supernet.h"

/* The tensors of a subnet, and what its blocks are asked on the way. */
struct sn_listing {
    struct sn_block_tensors {
        struct sn_tensor *in, *y, *out; /* y: of the op; out: with residual */
    } of[SN_MAX_STAGES][SN_MAX_DEPTH];
    /* where the slope of the next kernel goes; NULL: nobody asks */
    double *wider[SN_MAX_STAGES][SN_MAX_DEPTH];
    /* what the block gives is held against something else: a conv block's,
     * whose activation is pending, is then applied in a layer of its own, as
     * the gradient in front of an activation is not the one that is asked for
     */
    bool held[SN_MAX_STAGES][SN_MAX_DEPTH];
    bool most; /* for planning: wherever a conv block may be, as if it were;
                * rules may bar the arch */
};

/* As sn_supernet_build_arch; fills l->of for the blocks of the arch. */
void sn_supernet_list(struct sn_supernet *sn, struct sn_graph *g,
                      const struct sn_arch *arch, int n, double smoothing,
                      struct sn_listing *l);

/* The channels [first, first + mid) of an op's expansion.  All of them, or some
 * with `raw` output for a branch. */
struct sn_channels {
    int first, mid;
    bool raw;
};

/* Adds one op of a block to the graph, in extents of the arch. */
struct sn_tensor *sn_supernet_add_op(struct sn_supernet *sn, struct sn_graph *g,
                                     const struct sn_arch *arch, int is, int ib,
                                     struct sn_tensor *x,
                                     const struct sn_block *block,
                                     const struct sn_channels *channels);

/* x + y, or y where shapes do not allow it. */
struct sn_tensor *sn_supernet_add_residual(struct sn_graph *g,
                                           const struct sn_arch *arch, int is,
                                           int ib, struct sn_tensor *x,
                                           struct sn_tensor *y);

#endif
