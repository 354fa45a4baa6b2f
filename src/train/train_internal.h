#ifndef SN_TRAIN_INTERNAL_H
#define SN_TRAIN_INTERNAL_H

/* What the trainer and the modes of a search share. */

#include "train/searcher.h"

/* Whole batches of an epoch. */
int sn_trainer_batches(const struct sn_trainer *t, const struct sn_loader *l);

/* Group `ib` of `epoch`, forward and loss; leaves everything for backward.
 * Fails as sn_trainer_step does. */
sn_status sn_trainer_forward(struct sn_trainer *t, struct sn_loader *loader,
                             int epoch, int ib, long step,
                             struct sn_error *err);

/* Clears the gradients that the next step will read. */
void sn_trainer_clear(struct sn_trainer *t);

/* Pass `ip` of architecture step `arch`: the next held-out group, forward; adds
 * to the report. */
sn_status sn_searcher_forward(struct sn_searcher *s, long arch, int ip,
                              struct sn_step_report *r, struct sn_error *err);

extern const struct sn_search_mode sn_search_gumbel, sn_search_path,
    sn_search_oneshot;

#endif
