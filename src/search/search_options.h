#ifndef SN_SEARCH_SEARCH_OPTIONS_H
#define SN_SEARCH_SEARCH_OPTIONS_H

/* Section [search]: how the net is found. */

#include "base/option.h"

enum sn_search_mode_id {
    SN_SEARCH_GUMBEL,
    SN_SEARCH_PATH,
    SN_SEARCH_NONE /* trains one net: a given arch, or the baseline */
};

/* Whether zero-shot scores prune the space before the search. */
enum sn_zero_shot_id {
    SN_ZERO_SHOT_NO,
    SN_ZERO_SHOT_PRUNE,
    SN_ZERO_SHOT_DONE /* a run's own config: its rules are in it */
};

struct sn_search_options {
    int mode;               /* enum sn_search_mode_id */
    char arch[SN_TEXT_MAX]; /* mode none: an arch file; "": the baseline */
    int epochs, batch;
    double lr;
    double lr_warmup;  /* share of the steps in which lr rises */
    double warmup;     /* share of the search with frozen logits */
    double arch_split; /* share of the images held out for the logits */
    int penalty;       /* sn_penalty */
    int zero_shot;     /* enum sn_zero_shot_id */
    int zero_shot_nets;
};

extern const struct sn_option_table sn_search_options;

#endif
