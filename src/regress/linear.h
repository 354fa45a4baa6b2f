#ifndef SN_REGRESS_LINEAR_H
#define SN_REGRESS_LINEAR_H

/* Small dense linear algebra of regressions: matrices are row-major doubles,
 * symmetric ones whole.
 *
 * The room `regress` fits functions to numbers.  It knows rows, columns and
 * targets, and has not heard of operators or devices. */

#include <stdbool.h>

#include "base/status.h"

/* Solves a x = b for a symmetric positive definite a [n, n] by Cholesky's
 * decomposition.  a is overwritten by its factor (the lower half), x [n] may be
 * b.  False when a is not positive definite; x is then undefined. */
bool sn_solve_spd(double *a, double *x, const double *b, int n);

/* With the factor that sn_solve_spd() left in `a`: solves for another b. */
void sn_solve_again(const double *a, double *x, const double *b, int n);

/* The x >= 0 [n] that minimises x' a x - 2 b' x, for a symmetric positive
 * semi-definite a [n, n]: least squares with a = A'A and b = A'y.  Lawson and
 * Hanson's active sets ("Solving Least Squares Problems", 1974, chapter 23).
 * n <= SN_NNLS_MAX. */
enum { SN_NNLS_MAX = 32 };
void sn_nnls(double *x, const double *a, const double *b, int n);

/* Ridge regression with standardised columns and a free intercept.
 *
 *   y ~ bias + sum over j of weight[j] * (x[j] - mean[j]) / scale[j]
 *
 * minimises sum (y - f)^2 + lambda * n_rows * |weight|^2.  A column that is the
 * same in all rows gets scale 1 and weight 0. */
struct sn_ridge {
    int columns;
    double bias;
    double *mean, *scale, *weight; /* owned, one block, [columns] each */
};

/* x [rows, columns] read, y [rows] read.  rows >= 1.  SN_ERR_MEMORY. */
sn_status sn_ridge_fit(struct sn_ridge *r, const double *x, const double *y,
                       int rows, int columns, double lambda,
                       struct sn_error *err);

double sn_ridge_predict(const struct sn_ridge *r, const double *x);

/* Room for so many columns, all zero but the scales.  SN_ERR_MEMORY. */
sn_status sn_ridge_init(struct sn_ridge *r, int columns, struct sn_error *err);

/* Takes one that was never fitted (all zero) as well. */
void sn_ridge_release(struct sn_ridge *r);

#endif
