/* Costs of a space and of its nets on a device. */

#include "search/derive.h"

#include <math.h>
#include <string.h>

#include "target/target.h"

/* What stands around the blocks: stem, and all behind the last block, which
 * leaves h x w pixels of c channels. */
static void frame_cost(struct sn_cost *cost, const struct sn_target *target,
                       const struct sn_space *space)
{
    const int last = space->n_stages - 1;
    const struct sn_stage_space *s = &space->stage[last];
    const struct sn_block_shape b =
        sn_space_block(space, last, 0, SN_OP_IBN, 3, 1);
    struct sn_target_parts parts;
    struct sn_cost tail;
    sn_target_stem(&parts, target, space->h, space->w, space->c, space->stem,
                   space->stem_stride);
    sn_target_parts_cost(cost, &parts);
    sn_target_tail(&parts, target, sn_strided(b.h, s->stride),
                   sn_strided(b.w, s->stride), s->width, space->head,
                   space->classes);
    sn_target_parts_cost(&tail, &parts);
    sn_cost_add(cost, &tail);
    cost->seconds += sn_target_constant(target);
}

static void block_cost(struct sn_cost *cost, const struct sn_target *target,
                       const struct sn_block_shape *shape)
{
    struct sn_target_parts parts;
    sn_target_block(&parts, target, shape);
    sn_target_parts_cost(cost, &parts);
}

static bool usable(const struct sn_cost *c)
{
    return isfinite(c->seconds) && c->seconds > 0.0 && isfinite(c->weights) &&
           isfinite(c->activations);
}

static sn_status price_block(struct sn_cost_table *t,
                             const struct sn_space *space,
                             const struct sn_target *target, int is, int ib,
                             struct sn_error *err)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        const struct sn_op_space *of = &b->of[op];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++) {
                const struct sn_block_shape shape =
                    sn_space_block(space, is, ib, op, of->k[ik], of->e[ie]);
                struct sn_cost *c = &t->block[is][ib][op][ik][ie];
                block_cost(c, target, &shape);
                if (!usable(c))
                    return sn_fail(err, SN_ERR_NUMERIC,
                                   "target %s: stage.%d.block.%d, %s k%d e%d, "
                                   "costs %g s, expected a positive finite "
                                   "time",
                                   sn_target_name(target), is + 1, ib + 1,
                                   sn_block_op_name(op), of->k[ik], of->e[ie],
                                   c->seconds);
            }
    }
    return SN_OK;
}

sn_status sn_cost_table_make(struct sn_cost_table *t,
                             const struct sn_space *space,
                             const struct sn_target *target,
                             struct sn_error *err)
{
    memset(t, 0, sizeof *t);
    return sn_cost_table_price(t, space, target, err);
}

sn_status sn_cost_table_price(struct sn_cost_table *t,
                              const struct sn_space *space,
                              const struct sn_target *target,
                              struct sn_error *err)
{
    frame_cost(&t->fixed, target, space);
    if (!usable(&t->fixed))
        return sn_fail(err, SN_ERR_NUMERIC,
                       "target %s: stem and head cost %g s, expected a "
                       "positive finite time",
                       sn_target_name(target), t->fixed.seconds);
    for (int is = 0; is < space->n_stages; is++) {
        const int blocks = sn_space_max_depth(space, is);
        for (int ib = 0; ib < blocks; ib++)
            SN_TRY(price_block(t, space, target, is, ib, err));
    }
    return SN_OK;
}

void sn_arch_cost(struct sn_cost *cost, const struct sn_arch *arch,
                  const struct sn_target *target)
{
    struct sn_space space;
    sn_arch_space(&space, arch);
    frame_cost(cost, target, &space);
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block b = arch->stage[is].block[ib];
            const struct sn_block_shape shape =
                sn_space_block(&space, is, ib, b.op, b.k, b.e);
            struct sn_cost part;
            block_cost(&part, target, &shape);
            sn_cost_add(cost, &part);
        }
}

/* Cheapest and dearest option of a block. */
static void block_range(const struct sn_cost_table *t,
                        const struct sn_space *space, sn_budget_kind kind,
                        int is, int ib, double *lowest, double *highest)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    *lowest = INFINITY;
    *highest = 0.0;
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        for (int ik = 0; ik < b->of[op].n_k; ik++)
            for (int ie = 0; ie < b->of[op].n_e; ie++) {
                const double x =
                    sn_cost_of(&t->block[is][ib][op][ik][ie], kind);
                if (!sn_op_offers(&b->of[op], ik, ie))
                    continue;
                *lowest = fmin(*lowest, x);
                *highest = fmax(*highest, x);
            }
    }
}

/* Parts joined to a whole. */
static double join(sn_budget_kind kind, double whole, double part)
{
    return kind == SN_BUDGET_ACTIVATIONS ? fmax(whole, part) : whole + part;
}

void sn_stage_cost_range(const struct sn_cost_table *t,
                         const struct sn_space *space, sn_budget_kind kind,
                         int stage, double *lowest, double *highest)
{
    /* no block costs less than nothing: least depth, greatest depth */
    const struct sn_stage_space *s = &space->stage[stage];
    const int blocks = sn_space_max_depth(space, stage);
    *lowest = *highest = 0.0;
    for (int ib = 0; ib < blocks; ib++) {
        double low, high;
        block_range(t, space, kind, stage, ib, &low, &high);
        if (ib < s->depth[0])
            *lowest = join(kind, *lowest, low);
        *highest = join(kind, *highest, high);
    }
}

void sn_cost_range(const struct sn_cost_table *t, const struct sn_space *space,
                   sn_budget_kind kind, double *lowest, double *highest)
{
    *lowest = *highest = sn_cost_of(&t->fixed, kind);
    for (int is = 0; is < space->n_stages; is++) {
        double low, high;
        sn_stage_cost_range(t, space, kind, is, &low, &high);
        *lowest = join(kind, *lowest, low);
        *highest = join(kind, *highest, high);
    }
}
