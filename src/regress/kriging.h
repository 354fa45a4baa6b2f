#ifndef SN_REGRESS_KRIGING_H
#define SN_REGRESS_KRIGING_H

/* Unknowns that resemble each other, seen through sums.
 *
 *   y[i] = sum over terms of count * r[index] + noise,   r ~ N(0, G)
 *
 * The posterior mean of r, and of any other unknown q whose covariance with r
 * is k, is linear in the covariances (Rasmussen and Williams, "Gaussian
 * Processes for Machine Learning", 2006, equations 2.25 and 2.30):
 *
 *   E[r] = G beta,   E[q] = k' beta,   beta = A' (A G A' + noise^2 I)^-1 y
 *
 * where A holds the counts.  Solved through whichever is smaller, the unknowns
 * or the sums. */

#include "base/status.h"

struct sn_kriging_sums {
    int unknowns;
    const int *start;    /* [n + 1]: terms of sum i are start[i] .. */
    const int *index;    /* of a term: its unknown */
    const double *count; /* of a term: its factor */
    const double *y;     /* [n] */
    int n;
};

/* Fills beta [unknowns] and the logarithm of the marginal likelihood, up to a
 * constant (equation 2.30); beta may be NULL.  g [unknowns, unknowns] is G,
 * read; noise > 0.  An evidence of -infinity says that G was no covariance.
 * SN_ERR_MEMORY. */
sn_status sn_kriging_solve(double *beta, double *evidence,
                           const struct sn_kriging_sums *sums, const double *g,
                           double noise, struct sn_error *err);

#endif
