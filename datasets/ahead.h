#ifndef SN_DATASETS_AHEAD_H
#define SN_DATASETS_AHEAD_H

/* Decoding ahead: the pictures of the next batch, while this one is trained on.
 *
 * Helpers run at the system's idle priority: they get what the threads of the
 * training leave over (waiting at barriers, serial stretches, reading files)
 * and nothing more.  A batch waits for none of them: a picture that is not
 * ready when it is asked for is decoded by whoever asks.  So the helpers decide
 * how long a batch takes, never what is in it.
 *
 * A picture takes much memory while it is decoded, so however many loaders have
 * helpers, no more than `threads` of all of them decode at a time. */

#include "datasets/store.h"

struct sn_ahead;

/* Room for the pictures of a batch, and `threads` helpers (fewer where the
 * system grants fewer).  SN_ERR_MEMORY. */
sn_status sn_ahead_create(struct sn_ahead **ahead, const struct sn_store *store,
                          int batch, int threads, struct sn_error *err);

/* Bytes that it takes, without what decoding a picture takes. */
size_t sn_ahead_bytes(const struct sn_store *store, int batch, int threads);

/* The next batch holds pictures entry[n] of the store, n <= batch.  What was
 * wanted before is forgotten, and what was taken before is no longer valid. */
void sn_ahead_want(struct sn_ahead *ahead, const int *entry, int n);

/* Picture i of the batch, which is `entry` of the store: its square, or NULL
 * when it is not ready or another was wanted there.  Any thread. */
const uint8_t *sn_ahead_take(struct sn_ahead *ahead, int i, int entry);

/* Ends the helpers.  Takes NULL. */
void sn_ahead_destroy(struct sn_ahead *ahead);

#endif
