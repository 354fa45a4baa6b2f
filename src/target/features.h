#ifndef SN_TARGET_FEATURES_H
#define SN_TARGET_FEATURES_H

/* What a regression sees of a unit: sizes, work, traffic, and how well shapes
 * fill lanes and tiles (METHOD-NPU 2).  Sizes enter as logarithms. */

#include "target/roofline.h"

enum {
    SN_FEATURE_ACT = 12, /* sn_unit_act as it is */
    SN_FEATURE_SKIP = 13,
    SN_FEATURE_SIZES = 24, /* before: extents, and sums over them; from here on
                            * how shapes fill lanes and tiles */
    SN_FEATURES = 56
};

/* x [SN_FEATURES], every value finite.  The prior's own time is among them. */
void sn_features(float *x, const struct sn_unit *u, double prior_us);

/* `cin`, `macs`, ...: for messages. */
const char *sn_feature_name(int feature);

#endif
