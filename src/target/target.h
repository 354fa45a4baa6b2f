#ifndef SN_TARGET_TARGET_H
#define SN_TARGET_TARGET_H

/* A device that nets are priced for, of whatever kind, and what the parts of a
 * net cost on it.
 *
 * A net is a stem, blocks and a tail (head, pool, linear layer); each of these
 * is a short list of priced parts: operators on an npu; on a cpu a block is
 * priced as a whole, by an estimator that was fitted to measurements.  The cost
 * of a net is the sum over all parts in order, its peak of live activations the
 * largest. */

#include "kernels/kernels.h"
#include "target/block.h"
#include "target/target_options.h"

struct sn_estimator;

struct sn_target {
    int kind;          /* enum sn_target_kind */
    struct sn_npu npu; /* of a cpu the name, and bytes of values and weights */
    struct sn_estimator *estimator; /* owned; NULL of an npu */
    sn_act act; /* of the nets: measured ones differ by it */
};

/* This machine by its estimator, which it takes over. */
void sn_target_cpu(struct sn_target *t, struct sn_estimator *estimator);

/* Takes one that is all zero as well. */
void sn_target_release(struct sn_target *t);

/* A part that is priced as a whole. */
struct sn_target_part {
    const char *name; /* expand, depth, ... as weights call it; "": a block */
    struct sn_operator op;
    struct sn_cost cost;
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

/* Sums, and the larger peak. */
void sn_target_parts_cost(struct sn_cost *cost,
                          const struct sn_target_parts *parts);

#endif
