#ifndef SN_TRAIN_ZERO_SHOT_H
#define SN_TRAIN_ZERO_SHOT_H

/* Scores nets by their first passes, before any training (search/proxy.h). */

#include "datasets/loader.h"
#include "search/supernet.h"

enum {
    SN_ZERO_SHOT_BATCHES = 2,
    SN_ZERO_SHOT_IMAGES = 128 /* of a batch, at most */
};

struct sn_zero_shot {
    double nwot, zico; /* larger is better; -INFINITY: not to be had */
};

/* What nets are scored with.  The memory of the largest net so far is kept. */
struct sn_scorer {
    struct sn_loader *loader; /* borrowed: two full batches, the same order
                               * every time */
    struct sn_graph graph;    /* owned */
    struct sn_space *space;   /* owned: of the net at hand */
    int *labels;              /* [batch] owned */
    uint64_t seed;            /* of the weights */
};

/* SN_ERR_MEMORY; nothing is held then. */
sn_status sn_scorer_init(struct sn_scorer *s, struct sn_loader *loader,
                         const struct sn_kernels *k, int threads, uint64_t seed,
                         struct sn_error *err);
void sn_scorer_release(struct sn_scorer *s);

/* Draws the net's weights and scores them: NWOT on the first batch, ZiCo on
 * both, cross-entropy without smoothing.  SN_ERR_MEMORY, or what the loader
 * says. */
sn_status sn_scorer_score(struct sn_scorer *s, const struct sn_arch *arch,
                          struct sn_zero_shot *out, struct sn_error *err);

#endif
