#ifndef SN_TARGET_TARGET_OPTIONS_H
#define SN_TARGET_TARGET_OPTIONS_H

/* Section [target]: the device that a search is for. */

#include "base/option.h"

enum sn_target_kind { SN_TARGET_NPU, SN_TARGET_CPU };

struct sn_target_options {
    int kind; /* enum sn_target_kind */
    char file[SN_TEXT_MAX];
};

extern const struct sn_option_table sn_target_options;

#endif
