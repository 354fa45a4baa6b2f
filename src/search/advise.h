#ifndef SN_SEARCH_ADVISE_H
#define SN_SEARCH_ADVISE_H

/* The classic edits of somebody who knows the device, each with what it would
 * change: fuse this block, take that one apart, round widths to the device's
 * lanes, a full convolution for a depthwise one, even out a width, drop a
 * block.  No accuracy is asked, only costs. */

#include "search/arch.h"
#include "search/limits.h"
#include "target/target.h"

typedef enum {
    SN_EDIT_FUSE,   /* a fused IBN for an IBN */
    SN_EDIT_UNFUSE, /* an IBN for a fused one or a convolution */
    SN_EDIT_CONV,   /* one full convolution for either */
    SN_EDIT_ROUND,  /* a width to a multiple of the lanes beside it */
    SN_EDIT_EVEN,   /* a stage's width to the mean of its neighbours' */
    SN_EDIT_NARROW, /* a stage's width by as many channels as the lanes are */
    SN_EDIT_DROP,   /* the last block of a stage */
    SN_EDITS
} sn_edit_kind;

struct sn_edit {
    sn_edit_kind kind;
    int stage, block;     /* from 0; stage -1: the stem, n_stages: the head */
    struct sn_block to;   /* fuse, unfuse */
    int width;            /* round, even, narrow */
    struct sn_cost after; /* of the whole net with this edit alone */
};

/* `fuse`, `unfuse`, ... */
const char *sn_edit_name(sn_edit_kind kind);

/* `stage.2.block.1  ibn k3 e6 -> fused k3 e4`.  Returns buf. */
enum { SN_EDIT_TEXT = 128 };
const char *sn_edit_text(char buf[SN_EDIT_TEXT], const struct sn_edit *edit,
                         const struct sn_arch *arch);

/* The edits of a net that lower one kind of cost, the greatest gain first, and
 * those roundings that add channels for nothing.  Of the expansions a block may
 * get the largest that gains is proposed.  *edits is owned by the caller.
 * SN_ERR_MEMORY. */
sn_status sn_advise(struct sn_edit **edits, int *n, const struct sn_arch *arch,
                    const struct sn_target *target, sn_budget_kind by,
                    struct sn_error *err);

/* Changes the net as an edit says. */
void sn_edit_apply(struct sn_arch *arch, const struct sn_edit *edit);

/* What an expert does: of the kinds whose bit (1 << kind) is set always the
 * edit that gains most, as long as there is one; once `budget` is met none
 * that takes capacity away (conv, narrow, even, drop), which until then are
 * taken by gain per multiply-add lost.  Without any budget those are not taken
 * at all. *steps may be NULL.  SN_ERR_MEMORY. */
sn_status sn_expert(struct sn_arch *arch, const struct sn_target *target,
                    unsigned kinds, sn_budget_kind by,
                    const struct sn_budget *budget, int *steps,
                    struct sn_error *err);

#endif
