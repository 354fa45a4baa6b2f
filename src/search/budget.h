#ifndef SN_SEARCH_BUDGET_H
#define SN_SEARCH_BUDGET_H

/* Logits, a budget, and the choices between: distributions whose expected
 * latency keeps to the budget without a multiplier to tune (METHOD 2.2). */

#include "search/derive.h"

/* T' after the share t of the search behind the warm-up: half a cosine from
 * `start` to `target`, there at 60 %.  `target` where start is below it. */
double sn_budget_anneal(double start, double target, double t);

/* p [total] = softmax(logit [total]) of every decision. */
void sn_budget_softmax(const struct sn_decisions *d, const double *logit,
                       double *p);

/* Tilts the logits until the budget is kept: among the distributions over nets
 * whose expected latency is within `target` the one nearest to that of the
 * logits, in the sense of Kullback and Leibler,
 *
 *   q(net) ~ p(net) * exp(-mu * LAT(net) / target)
 *   mu = min { mu >= 0 : E_q[LAT] <= target }
 *
 * which is again one of independent decisions: with t the cost of a block,
 *
 *   q(e | op)  ~ p(e | op) * exp(-mu * t / target), the sum of it Z(op)
 *   q(op)      ~ p(op) * Z(op), the sum of it Z(block)
 *   q(depth)   ~ p(depth) * product of Z over the blocks that are there
 *
 * Kernel and expansion of an op share a cost: where both are open their product
 * is the nearest one that alternating between them finds.  METHOD 2.2 has the
 * same with slopes of the mean cost, which agree where nothing is conditional.
 *
 * p [total] is overwritten; *mu may be asked for with NULL.  Where even the
 * cheapest net is dearer than `target`, p is nearly that net.  target is
 * seconds; 0 or infinite: no budget, mu = 0.  A pure function: the same logits
 * give the same bits. */
void sn_budget_tilt(const struct sn_cost_table *cost,
                    const struct sn_space *space, const struct sn_decisions *d,
                    const double *logit, double target, double *p, double *mu);

struct sn_frames;

/* The same over several frames: q(frame) ~ p(frame) * Z(frame), and inside each
 * the distribution above, all of one mu.  share [frames] is overwritten; p with
 * the averages over frames. */
void sn_budget_tilt_frames(const struct sn_frames *f,
                           const struct sn_decisions *d, const double *logit,
                           double target, double *p, double *share, double *mu);

/* The distribution of one frame at a mu: p [total], but for what makes the
 * frame. */
void sn_budget_frame(const struct sn_cost_table *cost,
                     const struct sn_space *space, const struct sn_decisions *d,
                     const double *logit, double target, double mu, double *p);

/* tau [total] of a distribution; returns E[LAT]. */
double sn_budget_slopes(const struct sn_cost_table *cost,
                        const struct sn_space *space,
                        const struct sn_decisions *d, const double *p,
                        double *tau);

#endif
