/* Exact derivation: a multiple-choice knapsack over a chain of blocks.
 *
 * A label is a net cut off behind some block: its latency so far, its worth so
 * far.  Of two labels at the same place the one that is no faster and worth no
 * more can never win and is dropped, so a place holds a *front*, ascending in
 * both latency and worth.  A block shifts the front once per option and merges
 * the shifted fronts; a stage's depth is where a label leaves the stage.  All
 * in double, no quantisation: sums are monotone under rounding, so dropping is
 * safe.  Source: METHOD 2.4; label setting as for the constrained shortest
 * path (Desrochers and Soumis 1988). */

#include "search/derive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The step a label took last; its path is the chain of parents. */
struct label {
    double latency, worth;
    ptrdiff_t parent; /* in the pool; -1 at the start */
    int depth;        /* option of a depth decision, or -1: a block */
    short stage, block;
    short op, k, e; /* options, where a block */
};

/* Labels ascending in latency and worth. */
struct front {
    struct label *item; /* owned */
    size_t count, room;
};

struct derivation {
    const struct sn_space *space;
    const struct sn_decisions *d;
    const struct sn_cost_table *t;
    const double *value;
    double limit;        /* labels slower than this are dropped on the way */
    struct front pool;   /* every label that was ever somebody's parent */
    struct front cur;    /* inside a stage: labels behind the current block */
    struct front behind; /* the same behind the next one, under construction */
    struct front leave;  /* labels that left the stage */
    struct front spare;  /* receives a merge */
};

static void swap_fronts(struct front *a, struct front *b)
{
    const struct front swap = *a;
    *a = *b;
    *b = swap;
}

static sn_status reserve(struct front *f, size_t count, struct sn_error *err)
{
    if (count < f->room) /* never equal: even an empty front has its array */
        return SN_OK;
    size_t room = f->room ? f->room : 256;
    while (room <= count)
        room *= 2;
    struct label *grown = realloc(f->item, room * sizeof *grown);
    if (!grown)
        return sn_fail(err, SN_ERR_MEMORY,
                       "derivation: no memory for %zu partial nets", room);
    f->item = grown;
    f->room = room;
    return SN_OK;
}

/* ---- order ---- */

/* Options taken on the way to a label, 0 where there is none yet. */
static void trace(const struct derivation *dp, const struct label *l,
                  int *choice)
{
    const struct sn_decisions *d = dp->d;
    memset(choice, 0, (size_t)d->count * sizeof *choice);
    for (;; l = &dp->pool.item[l->parent]) {
        if (l->depth >= 0) {
            choice[d->depth[l->stage]] = l->depth;
        } else if (l->block >= 0) {
            const sn_block_op op =
                dp->space->stage[l->stage].block[l->block].op[l->op];
            choice[d->op[l->stage][l->block]] = l->op;
            choice[d->k[l->stage][l->block][op]] = l->k;
            choice[d->e[l->stage][l->block][op]] = l->e;
        }
        if (l->parent < 0)
            return;
    }
}

/* Whether a comes before b: faster, then worth more, then the option listed
 * first in the earliest decision that differs. */
static bool before(const struct derivation *dp, const struct label *a,
                   const struct label *b)
{
    if (a->latency != b->latency)
        return a->latency < b->latency;
    if (a->worth != b->worth)
        return a->worth > b->worth;
    int of_a[SN_MAX_DECISIONS], of_b[SN_MAX_DECISIONS];
    trace(dp, a, of_a);
    trace(dp, b, of_b);
    for (int id = 0; id < dp->d->count; id++)
        if (of_a[id] != of_b[id])
            return of_a[id] < of_b[id];
    return true;
}

/* ---- fronts ---- */

/* A step from every label of a front: what it adds, and how it is recorded. */
struct step {
    double latency, worth;
    struct label mark; /* stage, block, depth, op, k, e */
};

static struct label take_step(const struct label *from, ptrdiff_t index,
                              const struct step *step)
{
    struct label l = step->mark;
    l.latency = from->latency + step->latency;
    l.worth = from->worth + step->worth;
    l.parent = index;
    return l;
}

/* *into becomes the front of itself and of `from`, whose labels lie in the
 * pool from `base` on, shifted by the step. */
static sn_status merge(struct derivation *dp, struct front *into,
                       const struct front *from, ptrdiff_t base,
                       const struct step *step, struct sn_error *err)
{
    struct front *out = &dp->spare;
    SN_TRY(reserve(into, into->count, err));
    SN_TRY(reserve(out, into->count + from->count, err));
    size_t i = 0, j = 0;
    double best = -INFINITY;
    out->count = 0;
    while (i < into->count || j < from->count) {
        struct label shifted = {0};
        if (j < from->count)
            shifted = take_step(&from->item[j], base + (ptrdiff_t)j, step);
        const bool old =
            j == from->count ||
            (i < into->count && before(dp, &into->item[i], &shifted));
        const struct label next = old ? into->item[i++] : shifted;
        j += !old;
        if (next.worth > best && next.latency <= dp->limit) {
            best = next.worth;
            out->item[out->count++] = next;
        }
    }
    swap_fronts(into, out);
    return SN_OK;
}

/* Copies a front into the pool; *base is where it begins. */
static sn_status keep(struct derivation *dp, const struct front *f,
                      ptrdiff_t *base, struct sn_error *err)
{
    SN_TRY(reserve(&dp->pool, dp->pool.count + f->count, err));
    *base = (ptrdiff_t)dp->pool.count;
    if (f->count > 0)
        memcpy(dp->pool.item + dp->pool.count, f->item,
               f->count * sizeof *f->item);
    dp->pool.count += f->count;
    return SN_OK;
}

/* ---- the chain ---- */

static double option_value(const struct derivation *dp, int decision, int i)
{
    return dp->value[dp->d->item[decision].first + i];
}

/* One option of a block as a step. */
static struct step block_step(const struct derivation *dp, int is, int ib,
                              int i, int ik, int ie)
{
    const sn_block_op op = dp->space->stage[is].block[ib].op[i];
    const struct sn_decisions *d = dp->d;
    return (struct step){.latency = dp->t->block[is][ib][op][ik][ie].seconds,
                         .worth = option_value(dp, d->op[is][ib], i) +
                                  option_value(dp, d->k[is][ib][op], ik) +
                                  option_value(dp, d->e[is][ib][op], ie),
                         .mark = {.depth = -1,
                                  .stage = (short)is,
                                  .block = (short)ib,
                                  .op = (short)i,
                                  .k = (short)ik,
                                  .e = (short)ie}};
}

/* Front behind a block: `cur` shifted by every option, merged. */
static sn_status add_block(struct derivation *dp, int is, int ib,
                           struct sn_error *err)
{
    const struct sn_block_space *b = &dp->space->stage[is].block[ib];
    ptrdiff_t base;
    SN_TRY(keep(dp, &dp->cur, &base, err));
    dp->behind.count = 0;
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++) {
                const struct step step = block_step(dp, is, ib, i, ik, ie);
                SN_TRY(merge(dp, &dp->behind, &dp->cur, base, &step, err));
            }
    }
    swap_fronts(&dp->cur, &dp->behind);
    return SN_OK;
}

/* All labels of a stage that stop at its current depth leave it. */
static sn_status leave_stage(struct derivation *dp, int is, int i,
                             struct sn_error *err)
{
    const struct step step = {
        .worth = option_value(dp, dp->d->depth[is], i),
        .mark = {.depth = i, .stage = (short)is, .block = -1}};
    ptrdiff_t base;
    SN_TRY(keep(dp, &dp->cur, &base, err));
    return merge(dp, &dp->leave, &dp->cur, base, &step, err);
}

static sn_status add_stage(struct derivation *dp, int is, struct sn_error *err)
{
    const struct sn_stage_space *s = &dp->space->stage[is];
    dp->leave.count = 0;
    for (int i = 0, ib = 0; i < s->n_depth; i++) {
        for (; ib < s->depth[i]; ib++)
            SN_TRY(add_block(dp, is, ib, err));
        SN_TRY(leave_stage(dp, is, i, err));
    }
    swap_fronts(&dp->cur, &dp->leave);
    return SN_OK;
}

/* Least time of the stages behind stage `is`, a hair under: it is summed in
 * another order than a label. */
static double least_rest(const struct derivation *dp, int is)
{
    double lowest, highest, rest = 0.0;
    for (int js = is + 1; js < dp->space->n_stages; js++) {
        sn_stage_cost_range(dp->t, dp->space, js, &lowest, &highest);
        rest += lowest;
    }
    return rest * (1.0 - 1e-12);
}

/* Runs the chain; the last label within the budget is the best net. */
static sn_status run_chain(struct derivation *dp, double budget,
                           const struct label **best, struct sn_error *err)
{
    SN_TRY(reserve(&dp->cur, 1, err));
    dp->cur.item[0] = (struct label){.latency = dp->t->fixed.seconds,
                                     .parent = -1,
                                     .depth = -1,
                                     .block = -1};
    dp->cur.count = 1;
    for (int is = 0; is < dp->space->n_stages; is++) {
        dp->limit = budget - least_rest(dp, is);
        SN_TRY(add_stage(dp, is, err));
    }
    if (dp->cur.count == 0) {
        double lowest, highest;
        sn_cost_range(dp->t, dp->space, &lowest, &highest);
        return sn_fail(err, SN_ERR_INFEASIBLE,
                       "latency budget %.4g us: no net of this space is that "
                       "fast; attainable: %.4g us to %.4g us",
                       budget * 1e6, lowest * 1e6, highest * 1e6);
    }
    *best = &dp->cur.item[dp->cur.count - 1];
    return SN_OK;
}

sn_status sn_derive(struct sn_arch *arch, const struct sn_space *space,
                    const struct sn_decisions *d, const struct sn_cost_table *t,
                    const double *value, double budget, double *worth,
                    struct sn_error *err)
{
    struct derivation dp = {.space = space, .d = d, .t = t, .value = value};
    const struct label *best = NULL;
    const sn_status rc = run_chain(&dp, budget, &best, err);
    if (rc == SN_OK) {
        int choice[SN_MAX_DECISIONS];
        trace(&dp, best, choice);
        sn_arch_choose(arch, space, d, choice);
        if (worth)
            *worth = best->worth;
    }
    free(dp.pool.item);
    free(dp.cur.item);
    free(dp.behind.item);
    free(dp.leave.item);
    free(dp.spare.item);
    return rc;
}
