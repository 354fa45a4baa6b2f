#ifndef SN_TARGET_ROOFLINE_H
#define SN_TARGET_ROOFLINE_H

/* The analytic prior: a device as a few coefficients (METHOD-NPU 2, 3 and 6).
 *
 *   T(unit) = sum over parts of  |a, q, d|_p + launch
 *   a = arithmetic: passes of the array, or values of element-wise work
 *   q = values moved beside the array
 *   d = weights and values moved to or from DRAM
 *
 * Lanes that a shape does not fill are paid all the same: a pass is counted
 * with extents rounded up to the lanes, which is what makes a device's cost a
 * staircase.  p = 1 adds what a device does one after the other, a large p is
 * the maximum of what it does at once.  Coefficients are found by
 * Levenberg and Marquardt's method on the logarithm of latency, lanes and
 * on-chip size by one-dimensional sweeps. */

#include "base/status.h"
#include "target/sums.h"

typedef enum {
    SN_ROOF_CONV,    /* a pass of the array */
    SN_ROOF_DWCONV,  /* the same of a depthwise convolution */
    SN_ROOF_VECTOR,  /* a value of element-wise work */
    SN_ROOF_SQUEEZE, /* the same inside a squeeze-and-excite */
    SN_ROOF_VALUE,   /* a value read or written beside the array */
    SN_ROOF_WEIGHT,  /* a weight fetched */
    SN_ROOF_DRAM,    /* a value read from or written to DRAM */
    SN_ROOF_LAUNCH,  /* a part started */
    SN_ROOF_TERMS
} sn_roof_term;

struct sn_roofline {
    double us[SN_ROOF_TERMS];             /* microseconds of each; >= 0 */
    double sharpness;                     /* p, from 1 on */
    int in_lanes, out_lanes, pixel_lanes; /* of the array, >= 1 */
    int dw_lanes, dw_pixels, dw_taps;     /* of depthwise convolutions */
    int pack;       /* 1: taps fill the lanes that few input channels leave */
    double on_chip; /* values that fit beside the array; 0: without end */
};

/* `conv`, `dwconv`, ...: the words of files. */
const char *sn_roof_term_name(sn_roof_term term);

/* Microseconds, positive and finite. */
double sn_roofline_predict(const struct sn_roofline *r,
                           const struct sn_unit *u);

/* Fits a roofline to n >= 1 sums of units.  The same rows give the same bits.
 * SN_ERR_MEMORY. */
sn_status sn_roofline_fit(struct sn_roofline *r, const struct sn_sums *sums,
                          struct sn_error *err);

/* The same to n >= 1 units that were measured alone. */
sn_status sn_roofline_fit_units(struct sn_roofline *r,
                                const struct sn_unit *const *u,
                                const double *us, int n, struct sn_error *err);

#endif
