#ifndef SN_REGRESS_BOOST_H
#define SN_REGRESS_BOOST_H

/* Gradient-boosted regression trees.
 *
 *   f(x) = bias + sum over trees of the leaf that x falls into
 *
 * Each tree is fitted to what the ones before it left over (Friedman, "Greedy
 * function approximation", 2001), on histograms of at most 256 bins a column
 * (Ke et al., "LightGBM", 2017), always splitting the leaf that gains most.
 * A leaf's value is rate * sum(residual) / (rows + lambda); a split gains
 *
 *   L^2 / (nl + lambda) + R^2 / (nr + lambda) - (L + R)^2 / (n + lambda)
 *
 * with L and R the sums of residuals at its sides (Chen and Guestrin,
 * "XGBoost", 2016, equation 7, squared loss).  Residuals further out than
 * `clip` count as clip (Huber's loss); 0 clips nothing.
 *
 * The same rows and options give the same bits at any number of threads. */

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct sn_boost_options {
    int trees, leaves;              /* >= 1, >= 2 */
    int least;                      /* rows on either side of a split, >= 1 */
    double rate, lambda;            /* of learning; >= 0 */
    double row_share, column_share; /* drawn for each tree, in (0, 1] */
    double clip;
    uint64_t seed;
};

/* A node sends x left when x[column] < edge; column < 0: a leaf of `value`. */
struct sn_boost_node {
    float edge;
    int16_t column;
    uint16_t left; /* index within the tree; right is left + 1 */
    double value;
};

struct sn_boost {
    double bias;
    int columns, trees;
    int *root; /* owned, [trees + 1]: where each tree's nodes begin, and end */
    struct sn_boost_node *node; /* owned, [root[trees]] */
};

enum { SN_BOOST_MAX_LEAVES = 1024, SN_BOOST_MAX_TREES = 1 << 16 };

/* x [rows, columns] and y [rows] finite, read; rows >= 1.  SN_ERR_MEMORY. */
sn_status sn_boost_fit(struct sn_boost *b, const float *x, const double *y,
                       int rows, int columns,
                       const struct sn_boost_options *options,
                       struct sn_error *err);

double sn_boost_predict(const struct sn_boost *b, const float *x);

/* Takes one that was never fitted (all zero) as well. */
void sn_boost_release(struct sn_boost *b);

#endif
