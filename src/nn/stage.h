#ifndef SN_NN_STAGE_H
#define SN_NN_STAGE_H

/* A convolution between two tensors, with its loader and epilogue: the part
 * that conv, IBN and fused-IBN layers are made of.
 *
 * Forward reads `in` through its pending affine and activation, writes raw
 * values to `out` and leaves their batch-norm sums.  Backward reads dL/dy of
 * `out` through the batch-norm's backward, adds dL/dx to `in`, and adds the
 * weight gradient.  Every pass runs over work units in parallel; within a unit
 * over a few rows of pixels at a time, so few that loader, product and epilogue
 * meet the same values in the second-level cache and nothing wide is walked
 * over twice.  How many is a function of shapes alone, because it decides in
 * which order sums are taken.
 *
 * The three kinds are point.c, dense.c and depth.c. */

#include "nn/plan.h"

typedef enum {
    SN_STAGE_POINT, /* 1x1, stride 1: a matrix product on rows as they lie */
    SN_STAGE_DENSE, /* k x k over all channels */
    SN_STAGE_DEPTH  /* k x k per channel */
} sn_stage_kind;

struct sn_stage {
    sn_stage_kind kind;
    struct sn_tensor *in, *out;
    struct sn_weight weight; /* POINT [cin, cout]; DENSE [k*k*cin, cout], tap
                              * first; DEPTH [k*k, c] */
    ptrdiff_t tap;           /* DENSE: values between taps; cin*ld, more for
                              * the leading channels of wider ones */
    ptrdiff_t tap_row;       /* DENSE, DEPTH: values between rows of taps;
                              * k*tap or k*ld, more for the centre of a larger
                              * kernel */
    struct sn_window window; /* of one image */

    /* POINT only: factors on the rows of the weight, i.e. on the channels of
     * x, behind its activation (an expansion mask), and where their
     * derivatives go, overwritten by backward: dmask[c] = dL/dmask[c].  NULL:
     * none.  A factor in front of a batch-norm would be cancelled by it. */
    const sn_real *mask;
    double *dmask;

    /* A block that runs its inner channels a part at a time (wide.h): then
     * `out` is a sum that POINT stages write one after the other, `in`'s
     * gradient one that they add to. */
    bool out_adds, out_more; /* POINT: others wrote `out` before; will after */
    bool in_adds, in_more;   /* POINT, DENSE: likewise, of in->dz */

    int step;           /* POINT: pixels at a time; else output rows */
    int group;          /* DENSE, pairs: images of a product for the weights */
    sn_real *masked;    /* [cin, cout] rows of the weight times mask */
    sn_real *slots;     /* [units, rows, cols] weight gradients, shared */
    size_t slot_values; /* of one unit */
    bool gathers;       /* x and dy instead, for one product (gather.h) */
    void *turned;       /* the weight as backward reads it (turn.h), shared */
    bool exact;         /* products are of sn_real, whatever the plan says */
    bool pairs;         /* products are of words of two sn_bf16 */
    void *packed; /* the weight as forward then reads it, in turned's place; of
                   * a DENSE view with gaps the values alone */
};

/* What a layer is given to run. */
struct sn_pass {
    const struct sn_kernels *k;
    const struct sn_scratch *scratch; /* one per thread */
    sn_mode mode;
    bool weights; /* backward: weight gradients are wanted */
};

/* Settles shapes: `out` from `in`, k (odd) and stride, with pad (k-1)/2.
 * Registers the stage as a reader of `in`; both tensors are borrowed.  tap_row
 * is read for DEPTH alone, which keeps the channels: cout = in->c. */
void sn_stage_init(struct sn_stage *s, sn_stage_kind kind, struct sn_tensor *in,
                   struct sn_tensor *out, int cout, int k, int stride,
                   struct sn_weight weight, ptrdiff_t tap_row);

/* A DENSE stage whose weight is a view with gaps: tap and tap_row; 0: none. */
void sn_stage_taps(struct sn_stage *s, ptrdiff_t tap, ptrdiff_t tap_row);

/* Where row ir of the weight, of a [rows, cout] without gaps, begins in it. */
static inline ptrdiff_t sn_stage_row_at(const struct sn_stage *s, int ir)
{
    const int k = s->window.k, cin = s->in->c;
    if (s->kind == SN_STAGE_DEPTH)
        return ir / k * s->tap_row + ir % k * (ptrdiff_t)s->weight.ld;
    if (s->kind == SN_STAGE_DENSE)
        return ir / (k * cin) * s->tap_row + ir / cin % k * s->tap +
               ir % cin * (ptrdiff_t)s->weight.ld;
    return ir * (ptrdiff_t)s->weight.ld;
}

/* Whether a row of taps of a DENSE weight is not one run of values. */
static inline bool sn_stage_gaps(const struct sn_stage *s)
{
    const ptrdiff_t tap = (ptrdiff_t)s->in->c * s->weight.ld;
    return s->kind == SN_STAGE_DENSE &&
           (s->tap != tap || s->tap_row != s->window.k * tap);
}

/* Raises the plan's needs to what the stage wants; takes the stage's own
 * memory and what it shares with others. */
void sn_stage_plan(struct sn_stage *s, struct sn_plan *plan);

/* Raises the needs of what a backward pass of the stage shares with others. */
void sn_stage_plan_shared(const struct sn_stage *s, struct sn_plan *plan);

/* Overwrites out->y and readies out's pending affine. */
void sn_stage_fwd(struct sn_stage *s, const struct sn_pass *pass);

/* Writes out->y again as forward did, for backward; the rest stands. */
void sn_stage_again(struct sn_stage *s, const struct sn_pass *pass);

/* Reads dL/dy of `out`, adds to in->dz if `in` wants a gradient; accumulates
 * weight.g if the pass wants weights; overwrites dmask. */
void sn_stage_bwd(struct sn_stage *s, const struct sn_pass *pass);

#endif
