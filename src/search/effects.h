#ifndef SN_SEARCH_EFFECTS_H
#define SN_SEARCH_EFFECTS_H

/* What every option does to a score, from the scores of random nets; and which
 * options a proxy may reject before a search (METHOD 3.2). */

#include "search/derive.h"

/* Nets and what they scored. */
struct sn_effects_input {
    const struct sn_space *space; /* borrowed, as are the others */
    const struct sn_decisions *d;
    const int *choice;   /* [n, d->count] settled (choice.h) */
    const double *score; /* [n] finite */
    int n;               /* 2 at least */
};

/* Main effects by ridge regression on one-hot options, x_j = 1 where the net
 * has option j (and meets its decision):
 *
 *   w = (X'X + I)^-1 X'y,   columns and y less their means
 *   error_j = s sqrt( (X'X + I)^-1_jj ),   s^2 = |y - Xw|^2 / (n - 1)
 *
 * effect, error [d->total] overwritten; 0 where there is nothing to choose.
 * Effects are those against the mean option of their decision, each weighted by
 * how often it was seen.  SN_ERR_MEMORY. */
sn_status sn_effects_fit(double *effect, double *error,
                         const struct sn_effects_input *in,
                         struct sn_error *err);

/* Mean seconds of an option over what else its block offers; of a depth, the
 * mean blocks it has.  cost [d->total] overwritten. */
void sn_option_costs(double *cost, const struct sn_cost_table *t,
                     const struct sn_space *space,
                     const struct sn_decisions *d);

/* Marks what may go: options with an effect below -2 errors, beside a better
 * one of their decision that costs less by more than a fifth (so that they are
 * over 25 % costlier).  At most a quarter of the options that decisions of
 * several have, those furthest below first.  drop [d->total] overwritten.
 * Returns how many. */
int sn_effects_drop(bool *drop, const double *effect, const double *error,
                    const double *cost, const struct sn_decisions *d);

/* Fractional ranks of x [n] in [0, 1], the largest 1, equal ones their mean;
 * NaN and -INFINITY are least.  rank [n] overwritten. */
void sn_fractional_ranks(double *rank, const double *x, int n);

#endif
