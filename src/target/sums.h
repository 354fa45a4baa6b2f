#ifndef SN_TARGET_SUMS_H
#define SN_TARGET_SUMS_H

/* Measurements as sums of units: a row of an operator CSV is one unit, that of
 * a whole net is all of its units. */

#include "target/unit.h"

struct sn_sums {
    const struct sn_unit *const *unit; /* [units], each different */
    int units;
    const int *start;    /* [n + 1]: terms of row i are start[i] .. */
    const int *index;    /* of a term: its unit */
    const double *count; /* of a term: how often */
    const double *us;    /* [n]: measured, > 0 */
    int n;
};

#endif
