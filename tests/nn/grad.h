#ifndef SN_TESTS_NN_GRAD_H
#define SN_TESTS_NN_GRAD_H

/* A gradient against central differences, in the double build.
 *
 * Along a random direction d of unit length, f(t) = loss(x + t d) is looked at
 * in t = 0, +-h/4, +-h/2, +-h.  The difference quotients of h and h/2 are
 * joined (Richardson) and compared with the inner product of the gradient and
 * d.
 *
 * ReLU, ReLU6 and h-swish have kinks, and where one lies between -h and h the
 * quotient means nothing.  For a smooth f the second difference of a width is
 * four times that of half the width but for terms of h^4; a kink at t0 breaks
 * that (unless t0 is a third of the width, hence two pairs of widths).  Such a
 * direction is drawn again, and h made smaller.  The rule looks at the loss
 * alone, never at the gradient in question, so no wrong gradient passes by it.
 */

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"

#ifndef GRAD_STEP /* deep nets have kinks everywhere and take less */
#    define GRAD_STEP 3e-5
#endif
#define GRAD_BOUND    1e-5
#define GRAD_STEP_MIN 1e-6
#define GRAD_KINK     1e-6 /* share of the slope that kinks may hide */
#define GRAD_ROUNDING 32   /* of a sum of three losses over a quarter step */
/* Slopes below it are looked at absolutely: some are 0, as that of a shift in
 * front of a batch-norm. */
#define GRAD_FLOOR 1e-3

enum { GRAD_DIRECTIONS = 4, GRAD_REDRAWS = 100 };

/* A matrix of values and its gradient; rows lie ld apart. */
struct grad_view {
    const char *name;
    double *x;
    const double *g;
    ptrdiff_t rows, cols, ld;
};

typedef double grad_loss(void *ctx);

/* x += t * d, values outside of the view left alone. */
static inline void grad_move(const struct grad_view *v, const double *d,
                             double t)
{
    for (ptrdiff_t ir = 0; ir < v->rows; ir++)
        for (ptrdiff_t ic = 0; ic < v->cols; ic++)
            v->x[ir * v->ld + ic] += t * d[ir * v->cols + ic];
}

static inline double grad_loss_at(grad_loss *loss, void *ctx,
                                  const struct grad_view *v, const double *d,
                                  const double *origin, double t)
{
    for (ptrdiff_t ir = 0; ir < v->rows; ir++)
        for (ptrdiff_t ic = 0; ic < v->cols; ic++)
            v->x[ir * v->ld + ic] = origin[ir * v->cols + ic];
    if (t != 0)
        grad_move(v, d, t);
    return loss(ctx);
}

/* A direction of unit length. */
static inline void grad_direction(double *d, ptrdiff_t n, uint32_t draw)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    double sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        d[i] = sn_rng_normal(rng, 7, draw, (uint64_t)i);
        sum += d[i] * d[i];
    }
    for (ptrdiff_t i = 0; i < n; i++)
        d[i] /= sqrt(sum);
}

/* The slope of the loss along d; *kink: what kinks may have added to it, beyond
 * what rounding of the loss alone does to the differences. */
static inline double grad_slope(grad_loss *loss, void *ctx,
                                const struct grad_view *v, const double *d,
                                const double *origin, double step, double *kink)
{
    const double mid = grad_loss_at(loss, ctx, v, d, origin, 0);
    double slope[3], bend[3];
    for (int i = 0; i < 3; i++) { /* h, h/2, h/4 */
        const double h = step / (1 << i);
        const double left = grad_loss_at(loss, ctx, v, d, origin, -h);
        const double right = grad_loss_at(loss, ctx, v, d, origin, h);
        slope[i] = (right - left) / (2 * h);
        bend[i] = (left - 2 * mid + right) / (2 * h);
    }
    *kink = fmax(fabs(bend[0] - 2 * bend[1]), fabs(bend[1] - 2 * bend[2])) -
            GRAD_ROUNDING * DBL_EPSILON * fabs(mid) / step;
    grad_loss_at(loss, ctx, v, d, origin, 0); /* x as it was */
    return (4 * slope[1] - slope[0]) / 3;
}

/* max over directions of |slope - <grad, d>|, relative to the greatest slope
 * found (GRAD_FLOOR at least); infinity when anything is not finite or no
 * direction is smooth. */
static inline double grad_error(grad_loss *loss, void *ctx,
                                const struct grad_view *v)
{
    const ptrdiff_t n = v->rows * v->cols;
    double *d = malloc((size_t)n * sizeof *d);
    double *origin = malloc((size_t)n * sizeof *origin);
    double error = 0, scale = GRAD_FLOOR;
    uint32_t draw = 0;
    assert_true(d && origin);
    for (ptrdiff_t i = 0; i < n; i++)
        origin[i] = v->x[i / v->cols * v->ld + i % v->cols];

    for (int id = 0; id < GRAD_DIRECTIONS; id++) {
        double slope, kink, inner = 0, step = GRAD_STEP;
        int tries = 0;
        do {
            grad_direction(d, n, draw++);
            slope = grad_slope(loss, ctx, v, d, origin, step, &kink);
            step = fmax(step * 0.8, GRAD_STEP_MIN);
        } while (
            !(kink <= fmax(GRAD_KINK * fabs(slope), GRAD_BOUND * GRAD_FLOOR)) &&
            ++tries < GRAD_REDRAWS);
        for (ptrdiff_t i = 0; i < n; i++)
            inner += v->g[i / v->cols * v->ld + i % v->cols] * d[i];
        if (tries == GRAD_REDRAWS || !isfinite(slope) || !isfinite(inner))
            error = (double)INFINITY;
        error = fmax(error, fabs(slope - inner));
        scale = fmax(scale, fabs(slope));
    }
    free(d);
    free(origin);
    return error / scale;
}

/* Prints a line of the table; fails the test when the bound is broken. */
static inline void grad_check(const char *title, grad_loss *loss, void *ctx,
                              const struct grad_view *v)
{
    const double error = grad_error(loss, ctx, v);
    printf("%-28s d%-24s %.1e\n", title, v->name, error);
    if (!(error <= GRAD_BOUND))
        fail_msg("%s d%s: relative error %g, seed %llu", title, v->name, error,
                 (unsigned long long)check_seed());
}

#endif
