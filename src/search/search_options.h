#ifndef SN_SEARCH_SEARCH_OPTIONS_H
#define SN_SEARCH_SEARCH_OPTIONS_H

/* Section [search]: how the net is found. */

#include "base/option.h"

enum { SN_RACE_MAX = 8 };

enum sn_search_mode_id {
    SN_SEARCH_GUMBEL,
    SN_SEARCH_PATH,
    SN_SEARCH_ONESHOT,
    SN_SEARCH_FUNNEL, /* zero-shot, a search, evolution, one behind the other */
    SN_SEARCH_NONE    /* trains one net: a given arch, or the baseline */
};

/* Whether zero-shot scores prune the space before the search. */
enum sn_zero_shot_id {
    SN_ZERO_SHOT_NO,
    SN_ZERO_SHOT_PRUNE,
    SN_ZERO_SHOT_DONE /* a run's own config: its rules are in it */
};

/* How mode = oneshot samples the subnets of a step. */
enum sn_sampling_id {
    SN_SAMPLE_SANDWICH, /* the largest, the smallest, and some between */
    SN_SAMPLE_UNIFORM   /* one; every fourth time the largest */
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
    int sampling; /* enum sn_sampling_id */
    int subnets;  /* of a sandwich, beside its two ends */
    int samples;  /* nets measured before evolution begins */
    int funnel;   /* mode funnel: enum sn_search_mode_id of the search in it */
    int short_list, race, race_epochs;
};

/* The mode that trains the supernet. */
int sn_search_trains(const struct sn_search_options *o);

/* Whether nets are found by evolution on their measured accuracy, too. */
bool sn_search_evolves(const struct sn_search_options *o);

extern const struct sn_option_table sn_search_options;

#endif
