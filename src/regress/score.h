#ifndef SN_REGRESS_SCORE_H
#define SN_REGRESS_SCORE_H

/* How well predictions of positive quantities agree with measurements. */

#include "base/status.h"

struct sn_score {
    int rows;
    double mape;     /* mean of |predicted / measured - 1| */
    double within;   /* share of rows with that at most 0.1 */
    double worst;    /* largest of them */
    double median;   /* of the same */
    double spearman; /* rank correlation; 0 where all ranks are equal */
    double kendall;  /* tau-b; likewise */
};

/* measured, predicted [rows], all positive; rows >= 0 (none: all zero).
 * SN_ERR_MEMORY. */
sn_status sn_score_make(struct sn_score *s, const double *measured,
                        const double *predicted, int rows,
                        struct sn_error *err);

#endif
