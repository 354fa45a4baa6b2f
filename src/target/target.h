#ifndef SN_TARGET_TARGET_H
#define SN_TARGET_TARGET_H

/* A device that nets are priced for, of whatever kind, and what the parts of a
 * net cost on it.
 *
 * A net is a stem, blocks and a tail (head, pool, linear layer); each of these
 * is a short list of priced parts: operators on an npu; on a cpu and a table a
 * block is priced as a whole, by an estimator that was fitted to measurements.
 * Of a table that has no such blocks it is priced by its convolutions, where it
 * has those; and what it holds only joined (pool and linear layer; convolution
 * and residual) is priced joined.  The cost of a net is the sum over all parts
 * in order and what the net costs beside them, its peak of live activations the
 * largest. */

#include "kernels/kernels.h"
#include "target/block.h"
#include "target/target_options.h"

struct sn_estimator;

struct sn_target {
    int kind;          /* enum sn_target_kind */
    struct sn_npu npu; /* of the others the name, P, bytes of values, weights */
    struct sn_estimator *estimator; /* owned; NULL of an npu */
    int batch;                      /* images a net takes at a time */
    sn_act act; /* of the nets: measured ones differ by it */
};

/* This machine by its estimator, which it takes over. */
void sn_target_cpu(struct sn_target *t, struct sn_estimator *estimator);

/* Any device by its estimator, which it takes over: P, and the batch at which
 * its nets are priced.  Bytes of values and weights follow from the
 * estimator's data type: `int8` has 8 bits, `fp16` 16; 32 where it names no
 * number. */
void sn_target_table(struct sn_target *t, struct sn_estimator *estimator, int p,
                     int batch);

/* Takes one that is all zero as well. */
void sn_target_release(struct sn_target *t);

/* A part that is priced as a whole. */
struct sn_target_part {
    const char *name; /* expand, depth, ... as weights call it; "": a block */
    struct sn_operator op;
    struct sn_cost cost;
    /* of measured devices: */
    int unit;            /* sn_unit_op: the class that prices it */
    const char *outside; /* the feature furthest outside of what was measured;
                          * NULL: inside */
    double beyond;       /* how far: a factor of 2 is 1 */
};

struct sn_target_parts {
    int count;
    struct sn_target_part item[SN_BLOCK_MAX_OPERATORS];
};

/* What messages and tables call the device. */
const char *sn_target_name(const struct sn_target *t);

/* The parallelism factor P: how many channels it computes at once. */
int sn_target_lanes(const struct sn_target *t);

/* An operator that stands alone.  Here and below, what an estimator has no
 * class for costs NAN seconds. */
void sn_target_operator(struct sn_cost *cost, const struct sn_target *t,
                        const struct sn_operator *op);

/* The parts of a block; of the stem: a 3x3 convolution of an h x w image of c
 * channels; of all behind the last block, which left h x w pixels of c
 * channels: 1x1 convolution to `head` channels (0: none), global pool, linear
 * layer. */
void sn_target_block(struct sn_target_parts *parts, const struct sn_target *t,
                     const struct sn_block_shape *shape);
void sn_target_stem(struct sn_target_parts *parts, const struct sn_target *t,
                    int h, int w, int c, int cout, int stride);
void sn_target_tail(struct sn_target_parts *parts, const struct sn_target *t,
                    int h, int w, int c, int head, int classes);

/* Seconds that a net takes beside its parts, as whole nets told. */
double sn_target_constant(const struct sn_target *t);

/* Sums, and the larger peak. */
void sn_target_parts_cost(struct sn_cost *cost,
                          const struct sn_target_parts *parts);

#endif
