#ifndef SN_TARGET_ESTIMATOR_INTERNAL_H
#define SN_TARGET_ESTIMATOR_INTERNAL_H

/* What an estimator holds; for the files estimator*.c and their tests. */

#include "regress/boost.h"
#include "regress/linear.h"
#include "target/correction.h"
#include "target/estimator.h"
#include "target/features.h"

/* One class: a prior, and what is learned on top of it. */
struct sn_class_model {
    bool present;
    int rows; /* it was fitted to */
    sn_family family;
    struct sn_roofline prior;
    struct sn_ridge ridge;                     /* of RIDGE */
    struct sn_boost boost;                     /* of BOOSTED */
    float low[SN_FEATURES], high[SN_FEATURES]; /* what was measured */
    double mape, within, spearman;             /* held out; NaN: not known */
};

struct sn_estimator {
    char device[SN_DEVICE_TEXT], dtype[SN_DEVICE_TEXT];
    char kernels[SN_DEVICE_TEXT];
    struct sn_class_model model[SN_UNIT_OPS];
    struct sn_correction nets; /* of whole nets; gain 1 where there is none */
    double nets_mape;          /* of nets held out; NaN: not known */
};

/* Microseconds of a unit by one class's model. */
double sn_class_predict(const struct sn_class_model *m,
                        const struct sn_unit *u);

void sn_class_release(struct sn_class_model *m);

/* A random order [n]: Fisher and Yates, drawn from the seed. */
void sn_fit_order(int *order, int n, uint64_t seed);

#endif
