#ifndef SN_SEARCH_SPACE_OPTIONS_H
#define SN_SEARCH_SPACE_OPTIONS_H

/* Sections [space], [stage.N] and [stage.N.block.M]: what a config offers, and
 * the space it makes.
 *
 * `curate = yes` steps ranges of widths, and multiplied widths, by the target's
 * parallelism factor, `no` by 4; a width that is written out stands.
 *
 * A stage takes each of op, k, k_OP, e and e_OP from [space] unless it sets it;
 * k_OP and e_OP replace k and e for that op.  Starred entries are the
 * baseline's choice, else the IBN, kernel 3, the largest expansion, the largest
 * depth.  Rules (narrow.h) then narrow what is searched. */

#include "base/option.h"
#include "search/space.h"

struct sn_space_options {
    int stem, stem_stride;
    int head;                         /* 0: absent */
    int act;                          /* sn_act */
    struct sn_int_list input;         /* empty: the side of the images */
    struct sn_int_list multiplier;    /* thousandths */
    struct sn_int_list output_stride; /* empty: the product of all strides */
    bool curate;
    struct sn_name_list op;
    struct sn_int_list k, k_of[SN_OP_COUNT]; /* k_of empty: as k */
    struct sn_int_list e, e_of[SN_OP_COUNT]; /* e_of empty: as e */
};

/* Rules of an expert, see narrow.h; "": none. */
struct sn_rule_options {
    char pin[SN_TEXT_MAX], only[SN_TEXT_MAX], forbid[SN_TEXT_MAX];
};

struct sn_stage_options {
    int stride;
    struct sn_int_list width, depth;
    struct sn_name_list op;                  /* empty: as in [space] */
    struct sn_int_list k, k_of[SN_OP_COUNT]; /* the same, each for itself */
    struct sn_int_list e, e_of[SN_OP_COUNT];
    struct sn_rule_options rules;
};

struct sn_block_options {
    struct sn_rule_options rules;
};

extern const struct sn_option_table sn_space_options;
extern const struct sn_option_table sn_stage_options; /* "stage.*" */
extern const struct sn_option_table sn_block_options; /* "stage.*.block.*" */

/* Told of every fault: where it stands (key NULL: the section), and a message
 * without file and line. */
typedef void sn_space_fault_fn(void *ctx, const char *section, const char *key,
                               const char *text);

/* What else a space is made of: images of h x w x c in so many classes, and how
 * many channels the target computes at once (0: not known yet, and ranges of
 * widths are not looked at). */
struct sn_space_frame {
    int h, w, c, classes, lanes;
};

/* The space of a config; blocks [SN_MAX_STAGES, SN_MAX_DEPTH] are the rules of
 * single blocks.  Its own fields are those of the baseline's frame.  Every
 * fault is reported to `fault`; SN_ERR_CONFIG when there was one, *space is
 * then untouched. */
sn_status sn_space_from_options(struct sn_space *space,
                                const struct sn_space_options *options,
                                const struct sn_stage_options *stages,
                                int n_stages,
                                const struct sn_block_options *blocks,
                                const struct sn_space_frame *around,
                                sn_space_fault_fn *fault, void *ctx);

/* Whether the widths of such a space hang on the target's lanes. */
bool sn_space_options_curate(const struct sn_space_options *options,
                             const struct sn_stage_options *stages,
                             int n_stages);

#endif
