#ifndef SN_SEARCH_FRAMES_H
#define SN_SEARCH_FRAMES_H

/* The frames of a space: for every choice of input size, multiplier, output
 * stride and widths a space that is settled on it, and what it costs.
 *
 * Inside a frame costs add up over blocks, as a cost table and the derivation
 * ask for; what concerns the whole net is looped over (DESIGN 2, METHOD 2.4).
 * Most spaces have one frame, and are then that frame. */

#include "search/derive.h"

struct sn_frame {
    struct sn_space space; /* settled */
    struct sn_cost_table cost;
};

struct sn_frames {
    int count;
    struct sn_frame *item; /* [count] owned, as in sn_frame_dims() */
};

/* Prices all of them.  Statuses of sn_cost_table_make(), SN_ERR_MEMORY; nothing
 * is held then. */
sn_status sn_frames_make(struct sn_frames *f, const struct sn_space *space,
                         const struct sn_target *target, struct sn_error *err);

/* The frames without prices, all 0. */
sn_status sn_frames_open(struct sn_frames *f, const struct sn_space *space,
                         struct sn_error *err);
void sn_frames_release(struct sn_frames *f);

/* The attainable range over all frames. */
void sn_frames_range(const struct sn_frames *f, sn_budget_kind kind,
                     double *lowest, double *highest);

/* The net of greatest worth over all frames: sn_derive() in each, its worth
 * with the values of what makes the frame.  Ties go to the cheaper net, then to
 * the frame that comes first.  SN_ERR_INFEASIBLE names the range of the frame
 * that can be had for least. */
sn_status sn_frames_derive(struct sn_arch *arch, const struct sn_frames *f,
                           const struct sn_decisions *d, const double *value,
                           const struct sn_budget *budget,
                           struct sn_derived *out, struct sn_error *err);

/* tau [total] (sn_budget_slopes) under p, the frame's choices independent as
 * well; returns E[LAT]. */
double sn_frames_slopes(const struct sn_frames *f, const struct sn_decisions *d,
                        const double *p, double *tau);

/* Probability of each frame under p: share [count]. */
void sn_frames_share(const struct sn_frames *f, const struct sn_decisions *d,
                     const double *p, double *share);

/* Probabilities of what makes frames, from theirs: p [total]. */
void sn_frames_marginals(const struct sn_frames *f,
                         const struct sn_decisions *d, const double *share,
                         double *p);

#endif
