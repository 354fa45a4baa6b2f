#ifndef SN_TARGET_CORRECTION_H
#define SN_TARGET_CORRECTION_H

/* What whole nets say of their units: a correction on top of an estimate.
 *
 *   us(u)  = gain * base(u) + scale(u) * sum over points of
 *                likeness(u, point) * beta(point),
 *   scale(u) = gain * base(u) + offset
 *   net    = constant + sum over its units of us(u)
 *
 * A block table learned from nets needs as many nets as there are blocks; here
 * blocks that are alike share what is learned (regress/kriging.h), so a few
 * dozen nets go as far as hundreds. */

#include "base/status.h"
#include "target/sums.h"

/* How much of a unit's deviation is shared with what, as standard deviations
 * relative to scale(). */
typedef enum {
    SN_LIKE_VARIANT, /* the same extents, expansion and squeeze */
    SN_LIKE_EXTENTS, /* the same channels, sides and stride */
    SN_LIKE_SQUEEZE, /* near extents, like expansion, the same squeeze */
    SN_LIKE_KERNEL,  /* near extents, like expansion, like kernel */
    SN_LIKE_SELF,    /* the very same unit */
    SN_LIKES
} sn_like;

/* A unit, and the logarithms (base 2) that likeness compares. */
struct sn_point {
    struct sn_unit unit;
    double cin, cout, pixels, expansion, kernel;
};

struct sn_point sn_point_make(const struct sn_unit *u);

struct sn_correction {
    double gain, constant; /* 1 and 0: none; constant in microseconds */
    double offset;         /* microseconds */
    double share[SN_LIKES];
    int points;             /* 0: affine alone */
    struct sn_point *point; /* owned, [points] */
    double *beta;           /* owned, [points] */
};

/* Covariance of two units' deviations, over their scales. */
double sn_likeness(const double share[SN_LIKES], const struct sn_point *a,
                   const struct sn_point *b);

/* Microseconds of a unit whose base estimate is `us`; positive. */
double sn_correct(const struct sn_correction *c, const struct sn_unit *u,
                  double us);

/* How nets are predicted from their units. */
typedef enum {
    SN_NETS_SUM,    /* by the plain sum */
    SN_NETS_AFFINE, /* gain and constant */
    SN_NETS_KRIGED, /* and points */
    SN_NETS_KINDS
} sn_nets_kind;

/* Fits a correction of a kind to nets, given the base estimate of every unit
 * [nets->units].  SN_ERR_MEMORY. */
sn_status sn_correction_fit(struct sn_correction *c, sn_nets_kind kind,
                            const struct sn_sums *nets, const double *base,
                            struct sn_error *err);

/* Microseconds of a net out of those of its units [nets->units], corrected. */
double sn_net_time(const struct sn_correction *c, const struct sn_sums *nets,
                   const double *us, int net);

/* Takes one that is all zero as well. */
void sn_correction_release(struct sn_correction *c);

#endif
