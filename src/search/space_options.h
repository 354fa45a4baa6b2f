#ifndef SN_SEARCH_SPACE_OPTIONS_H
#define SN_SEARCH_SPACE_OPTIONS_H

/* Sections [space] and [stage.N]: what a config offers, and the space it makes.
 *
 * A stage takes each of op, e, e_ibn and e_fused from [space] unless it sets
 * it; e_OP then replaces e for that op.  Starred entries are the baseline's
 * choice, else the IBN, the largest expansion, the largest depth. */

#include "base/option.h"
#include "search/space.h"

struct sn_space_options {
    int stem, stem_stride;
    int head; /* 0: absent */
    int act;  /* sn_act */
    struct sn_name_list op;
    struct sn_int_list e, e_of[SN_OP_COUNT]; /* e_of empty: as e */
};

struct sn_stage_options {
    int width, stride;
    struct sn_int_list depth;
    struct sn_name_list op;                  /* empty: as in [space] */
    struct sn_int_list e, e_of[SN_OP_COUNT]; /* the same, each for itself */
};

extern const struct sn_option_table sn_space_options;
extern const struct sn_option_table sn_stage_options; /* "stage.*" */

/* Told of every fault: where it stands, and a message without file and line. */
typedef void sn_space_fault_fn(void *ctx, const char *section, const char *key,
                               const char *text);

/* The space of a config for images of h x w x c in so many classes.  Every
 * fault is reported to `fault`; SN_ERR_CONFIG when there was one, *space is
 * then untouched. */
sn_status sn_space_from_options(struct sn_space *space,
                                const struct sn_space_options *options,
                                const struct sn_stage_options *stages,
                                int n_stages, int h, int w, int c, int classes,
                                sn_space_fault_fn *fault, void *ctx);

#endif
