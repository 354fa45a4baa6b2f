#ifndef SN_OPTIM_SGD_H
#define SN_OPTIM_SGD_H

/* Flat arrays in, flat arrays out. */

#include <stddef.h>

#include "kernels/kernels.h"

/* A run of values that share a weight decay. */
struct sn_sgd_group {
    size_t first, count;
    double decay;
};

/* One step of SGD with Nesterov momentum over all groups (kernels.h: sgd).
 * Elementwise, so parallel over groups without changing a bit. */
void sn_sgd_step(const struct sn_kernels *k, sn_real *w, sn_real *m,
                 const sn_real *g, const struct sn_sgd_group *group, int groups,
                 double lr, double momentum);

/* Scales g so that its 2-norm is at most `most`; gives the norm it had.  The
 * sum is taken group by group, in order. */
double sn_clip_norm(sn_real *g, const struct sn_sgd_group *group, int groups,
                    double most);

/* Learning rate of step `step` of `steps`: linear from .2*peak to peak over the
 * first `warmup` of the steps, then linear to .02*peak at the last one
 * (METHOD 4.3; linear decay: Li et al., "Budgeted training", ICLR 2020). */
double sn_schedule_lr(double peak, double warmup, long step, long steps);

#endif
