#ifndef SN_TARGET_LANDSCAPE_H
#define SN_TARGET_LANDSCAPE_H

/* What channels cost on a device: an operator swept over its output channels.
 *
 * Arithmetic grows evenly with channels, cost in steps of P, so what a channel
 * costs is a saw: at each multiple of P a local minimum, behind it a cliff, and
 * a search that goes by slopes is caught between them.  The curated widths are
 * the multiples of P, without those that cost as much as a wider one. */

#include "target/target.h"

enum { SN_LANDSCAPE_MAX = 512 };

/* One sweep: every width, or the curated ones. */
struct sn_sweep {
    int n;
    int channels[SN_LANDSCAPE_MAX];   /* ascending */
    double seconds[SN_LANDSCAPE_MAX]; /* of the operator */
    double each[SN_LANDSCAPE_MAX];    /* of a channel: seconds / channels */
    int minima, each_minima;          /* local ones, of either */
};

struct sn_landscape {
    struct sn_operator op; /* cout counts for nothing */
    int lanes;             /* P */
    struct sn_sweep raw, curated;
};

/* Sweeps cout of `op` from 1 to `most`, at most SN_LANDSCAPE_MAX. */
void sn_landscape_make(struct sn_landscape *l, const struct sn_target *t,
                       const struct sn_operator *op, int most);

/* Local minima of v [n]: runs of equal values that are lower than what stands
 * on both sides of them. */
int sn_local_minima(const double *v, int n);

#endif
