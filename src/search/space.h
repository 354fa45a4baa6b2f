#ifndef SN_SEARCH_SPACE_H
#define SN_SEARCH_SPACE_H

/* The choices: what a config's [space] and [stage.N] sections offer.
 *
 * A net is stem -> stages of blocks -> head -> pool -> linear.  Per stage the
 * depth is chosen, per block the op, and per op its kernel and expansion.
 * Input size, multiplier, output stride and the stages' widths are of the whole
 * net: one option of each makes a *frame*, which is a space of its own (the
 * fields that they settle are those of one frame).
 * Every choice is a *decision* with its *options*; all quantities that exist
 * once per option (logit, gate, probability, value) are flat arrays over the
 * options of all decisions, laid out by struct sn_decisions. */

#include "base/limits.h"
#include "base/option.h"
#include "kernels/kernels.h"
#include "target/operator.h"

enum {
    SN_MAX_STAGES = 16,
    SN_MAX_DEPTH = 16,
    SN_MAX_CHOICES = 8, /* options of one list */
    SN_MAX_FRAMES = 128,
    SN_MAX_DECISIONS =
        SN_MAX_STAGES * (2 + SN_MAX_DEPTH * (1 + 2 * SN_OP_COUNT)) + 3,
    SN_MAX_OPTIONS = SN_MAX_DECISIONS * SN_MAX_CHOICES
};

/* Ranges of what a space or an arch may hold; each starts at 1 (classes and a
 * fused block's expansion at 2). */
enum {
    SN_MAX_SIDE = 4096, /* of the input image */
    SN_MAX_WIDTH = 4096,
    SN_MAX_STRIDE = 4,
    SN_MAX_KERNEL = 15, /* odd */
    SN_MAX_EXPANSION = 16,
    SN_LEAST_MULTIPLIER = 10, /* thousandths */
    SN_MAX_MULTIPLIER = 4000
};

struct sn_block {
    sn_block_op op;
    int k, e;
};

/* What one op offers in a block: kernels times expansions, but for those that
 * rules barred one by one (narrow.h). */
struct sn_op_space {
    int n_k, k[SN_MAX_CHOICES];      /* odd kernels, ascending */
    int n_e, e[SN_MAX_CHOICES];      /* expansions, ascending */
    unsigned barred[SN_MAX_CHOICES]; /* [ik], bit ie: not offered together */
};

/* What a block offers.  A config gives the blocks of a stage the same offers;
 * a net that stands alone has one offer per block, and they differ. */
struct sn_block_space {
    int n_op;
    sn_block_op op[SN_OP_COUNT]; /* offered, in the order listed */
    struct sn_block star;        /* the baseline's choice, offered or not */
    struct sn_op_space of[SN_OP_COUNT]; /* indexed by sn_block_op */
};

struct sn_stage_space {
    int width, stride;
    int n_depth, depth[SN_MAX_CHOICES]; /* ascending, >= 1 */
    int star_depth; /* blocks of the baseline, offered or not */
    struct sn_block_space block[SN_MAX_DEPTH]; /* up to the largest depth; the
                                                * baseline may have more */
};

/* What frames are made of.  A list of 0 entries is one of the value that the
 * space itself has. */
struct sn_frame_space {
    int n_input, input[SN_MAX_CHOICES];           /* sides, ascending */
    int n_multiplier, multiplier[SN_MAX_CHOICES]; /* thousandths, ascending */
    int n_output_stride, output_stride[SN_MAX_CHOICES]; /* ascending */
    int n_width[SN_MAX_STAGES], width[SN_MAX_STAGES][SN_MAX_CHOICES];
    int stem, stride[SN_MAX_STAGES]; /* before multiplier and output stride */
    int step;                        /* multiplied widths are multiples of it */
};

struct sn_space {
    int h, w, c, classes;  /* the network's input and output */
    int multiplier;        /* thousandths of all widths but the head's; 0: 1 */
    int stem, stem_stride; /* 3x3 conv, batch-norm, act */
    int head;              /* 1x1 conv, batch-norm, act; 0: absent */
    sn_act act;
    int n_stages;
    struct sn_stage_space stage[SN_MAX_STAGES];
    struct sn_frame_space frame;
};

typedef enum {
    SN_DECIDE_DEPTH, /* options: stage.depth[] */
    SN_DECIDE_OP,    /* options: block.op[] */
    SN_DECIDE_K,     /* options: block.of[op].k[] */
    SN_DECIDE_E,     /* options: block.of[op].e[] */
    SN_DECIDE_INPUT, /* options: frame.input[], and so on */
    SN_DECIDE_MULTIPLIER,
    SN_DECIDE_OUTPUT_STRIDE,
    SN_DECIDE_WIDTH
} sn_decision_kind;

struct sn_decision {
    sn_decision_kind kind;
    int stage, block; /* from 0; block -1: of the stage, stage -1: of the net */
    sn_block_op op;   /* K and E: of which op */
    int n;            /* options; 1 where nothing is to be chosen */
    int first;        /* index of its first option in the flat arrays */
};

struct sn_decisions {
    int count; /* decisions */
    int total; /* options of all of them: length of the flat arrays */
    int frame; /* index of the first that concerns frames; they come last, and
                * only those with something to choose */
    struct sn_decision item[SN_MAX_DECISIONS];
    /* index into item[] of each decision */
    int depth[SN_MAX_STAGES];
    int op[SN_MAX_STAGES][SN_MAX_DEPTH];
    int k[SN_MAX_STAGES][SN_MAX_DEPTH][SN_OP_COUNT]; /* -1: op not offered */
    int e[SN_MAX_STAGES][SN_MAX_DEPTH][SN_OP_COUNT];
};

/* Lists all decisions of a space, stage by stage, block by block up to the
 * largest depth.  The order is part of every saved run. */
void sn_decisions_make(struct sn_decisions *d, const struct sn_space *space);

/* ---- frames ---- */

/* What a frame settles. */
struct sn_frame_dims {
    int h, w, stem, multiplier;
    int width[SN_MAX_STAGES], stride[SN_MAX_STAGES];
};

/* How many there are, 1 at least. */
int sn_space_frames(const struct sn_space *space);

void sn_frame_dims(struct sn_frame_dims *f, const struct sn_space *space,
                   int frame);

/* Settles the space's own fields as in one of its frames; the choice stays. */
void sn_space_settle(struct sn_space *space, int frame);

/* The frame whose every tensor and weight is the largest. */
int sn_space_largest(const struct sn_space *space);

/* The frame of a choice [count]; and its decisions' options from a frame. */
int sn_frame_of(const struct sn_space *space, const struct sn_decisions *d,
                const int *choice);
void sn_frame_choose(const struct sn_space *space, const struct sn_decisions *d,
                     int frame, int *choice);

/* `input`, `multiplier`, `output_stride`, `width`: the keys of [space] and
 * [stage.N]; and option i of such a decision as it stands there. */
const char *sn_frame_word(sn_decision_kind kind);
enum { SN_FRAME_OPTION = 16 };
const char *sn_frame_option(char buf[SN_FRAME_OPTION],
                            const struct sn_space *space,
                            const struct sn_decision *d, int i);

/* Whether a decision is one of them. */
static inline bool sn_decides_frame(const struct sn_decision *d)
{
    return d->kind >= SN_DECIDE_INPUT;
}

/* ---- blocks ---- */

/* The block a stage may have at position ib (0-based): its shape for one
 * choice.  Width and side in front of the block follow from the space. */
struct sn_block_shape sn_space_block(const struct sn_space *space, int stage,
                                     int ib, sn_block_op op, int k, int e);

/* Whether kernel ik may be had together with expansion ie. */
bool sn_op_offers(const struct sn_op_space *of, int ik, int ie);

/* Blocks of the stage at its largest depth. */
int sn_space_max_depth(const struct sn_space *space, int stage);

/* `ibn`, `fused` or `conv`: the word of configs, arch texts and tables. */
const char *sn_block_op_name(sn_block_op op);

/* `relu`, `relu6` or `hswish`; NULL for any other. */
const char *sn_act_name(sn_act act);

/* Number of architectures of a space; a double, as it soon passes 2^64. */
double sn_space_size(const struct sn_space *space);

#endif
