#ifndef SN_TARGET_TARGET_OPTIONS_H
#define SN_TARGET_TARGET_OPTIONS_H

/* Section [target]: the device that a search is for. */

#include "base/option.h"

enum sn_target_kind { SN_TARGET_NPU, SN_TARGET_CPU, SN_TARGET_TABLE };

struct sn_target_options {
    int kind; /* enum sn_target_kind */
    char file[SN_TEXT_MAX];
    /* of a table: */
    char device[SN_TEXT_MAX], dtype[SN_TEXT_MAX]; /* rows of these; "": all */
    int p;     /* channels computed at once */
    int batch; /* rows of this batch; nets are priced at it */
};

extern const struct sn_option_table sn_target_options;

#endif
