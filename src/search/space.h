#ifndef SN_SEARCH_SPACE_H
#define SN_SEARCH_SPACE_H

/* The choices: what a config's [space] and [stage.N] sections offer.
 *
 * A net is stem -> stages of blocks -> head -> pool -> linear.  Per stage the
 * depth is chosen, per block the op, and per op its kernel and expansion.
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
    SN_MAX_DECISIONS =
        SN_MAX_STAGES * (1 + SN_MAX_DEPTH * (1 + 2 * SN_OP_COUNT)),
    SN_MAX_OPTIONS = SN_MAX_DECISIONS * SN_MAX_CHOICES
};

/* Ranges of what a space or an arch may hold; each starts at 1 (classes and a
 * fused block's expansion at 2). */
enum {
    SN_MAX_SIDE = 4096, /* of the input image */
    SN_MAX_WIDTH = 4096,
    SN_MAX_STRIDE = 4,
    SN_MAX_KERNEL = 15, /* odd */
    SN_MAX_EXPANSION = 16
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

struct sn_space {
    int h, w, c, classes;  /* the network's input and output */
    int stem, stem_stride; /* 3x3 conv, batch-norm, act */
    int head;              /* 1x1 conv, batch-norm, act; 0: absent */
    sn_act act;
    int n_stages;
    struct sn_stage_space stage[SN_MAX_STAGES];
};

typedef enum {
    SN_DECIDE_DEPTH, /* options: stage.depth[] */
    SN_DECIDE_OP,    /* options: block.op[] */
    SN_DECIDE_K,     /* options: block.of[op].k[] */
    SN_DECIDE_E      /* options: block.of[op].e[] */
} sn_decision_kind;

struct sn_decision {
    sn_decision_kind kind;
    int stage, block; /* block: 0-based within the stage, -1 for depth */
    sn_block_op op;   /* K and E: of which op */
    int n;            /* options; 1 where nothing is to be chosen */
    int first;        /* index of its first option in the flat arrays */
};

struct sn_decisions {
    int count; /* decisions */
    int total; /* options of all of them: length of the flat arrays */
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
