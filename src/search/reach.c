/* What measurements reach; see reach.h. */

#include "search/reach.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "target/unit.h"

enum { WHERE = 64 };

struct reach {
    const struct sn_target *target;
    int parts, outside;
    char where[WHERE]; /* of the part that is furthest outside */
    const char *feature;
    double beyond;
    int lacking[SN_UNIT_OPS];       /* how many of a class are needed */
    char first[SN_UNIT_OPS][WHERE]; /* the first of them */
};

static void look(struct reach *r, const struct sn_target_parts *parts,
                 const char *where)
{
    for (int i = 0; i < parts->count; i++) {
        const struct sn_target_part *p = &parts->item[i];
        r->parts++;
        if (isnan(p->cost.seconds) && r->lacking[p->unit]++ == 0)
            snprintf(r->first[p->unit], WHERE, "%s",
                     *p->name ? p->name : where);
        if (!p->outside)
            continue;
        r->outside++;
        if (r->feature && p->beyond <= r->beyond)
            continue;
        r->feature = p->outside;
        r->beyond = p->beyond;
        snprintf(r->where, WHERE, "%s", *where ? where : p->name);
    }
}

static void look_at_block(struct reach *r, const struct sn_space *space, int is,
                          int ib)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        const struct sn_op_space *of = &b->of[op];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++) {
                const struct sn_block_shape shape =
                    sn_space_block(space, is, ib, op, of->k[ik], of->e[ie]);
                struct sn_target_parts parts;
                char where[WHERE];
                snprintf(where, sizeof where, "stage.%d.block.%d %s k%d e%d",
                         is + 1, ib + 1, sn_block_op_name(op), of->k[ik],
                         of->e[ie]);
                sn_target_block(&parts, r->target, &shape);
                look(r, &parts, where);
            }
    }
}

static void look_at_frame(struct reach *r, const struct sn_space *space)
{
    struct sn_target_parts parts;
    int h = sn_strided(space->h, space->stem_stride);
    int w = sn_strided(space->w, space->stem_stride);
    sn_target_stem(&parts, r->target, space->h, space->w, space->c, space->stem,
                   space->stem_stride);
    look(r, &parts, "");
    for (int is = 0; is < space->n_stages; is++) {
        h = sn_strided(h, space->stage[is].stride);
        w = sn_strided(w, space->stage[is].stride);
    }
    sn_target_tail(&parts, r->target, h, w,
                   space->stage[space->n_stages - 1].width, space->head,
                   space->classes);
    look(r, &parts, "");
}

/* All that is lacking in one message. */
static sn_status lacks(const struct reach *r, struct sn_error *err)
{
    struct sn_text list = {0};
    for (int i = 0; i < SN_UNIT_OPS; i++) {
        if (r->lacking[i] == 0)
            continue;
        sn_text_add(&list, "\n  %s: needed by %s",
                    sn_unit_op_name((sn_unit_op)i), r->first[i]);
        if (r->lacking[i] > 1)
            sn_text_add(&list, " and %d more", r->lacking[i] - 1);
    }
    if (!list.data && !list.failed)
        return SN_OK;
    const sn_status rc =
        sn_fail(err, SN_ERR_INPUT, "target %s: nothing was measured of%s",
                sn_target_name(r->target), list.data ? list.data : " it");
    sn_text_release(&list);
    return rc;
}

sn_status sn_space_reach(char note[SN_REACH_TEXT], const struct sn_space *space,
                         const struct sn_target *target, struct sn_error *err)
{
    struct reach r = {.target = target};
    note[0] = '\0';
    if (target->kind == SN_TARGET_NPU)
        return SN_OK; /* its formulas reach everything */
    look_at_frame(&r, space);
    for (int is = 0; is < space->n_stages; is++)
        for (int ib = 0; ib < sn_space_max_depth(space, is); ib++)
            look_at_block(&r, space, is, ib);
    SN_TRY(lacks(&r, err));
    if (r.outside)
        snprintf(note, SN_REACH_TEXT,
                 "%d of %d parts lie outside of what was measured, furthest %s "
                 "by %s: guesses",
                 r.outside, r.parts, r.where, r.feature);
    return SN_OK;
}

sn_status sn_arch_reach(char note[SN_REACH_TEXT], const struct sn_arch *arch,
                        const struct sn_target *target, struct sn_error *err)
{
    struct sn_space space;
    sn_arch_space(&space, arch);
    return sn_space_reach(note, &space, target, err);
}
