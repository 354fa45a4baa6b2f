/* The search over labels: a multiple-choice knapsack over a chain of blocks.
 *
 * A label is a net cut off behind some block: its costs so far, its worth so
 * far.  Of two labels at the same place the one that costs no less of anything
 * and is worth no more can never win and is dropped, so a place holds a
 * *front*.  A block shifts the front once per take and merges the shifted
 * fronts; a stage's depth is where a label leaves the stage.  Source: METHOD
 * 2.4; label setting as for the constrained shortest path (Desrochers and
 * Soumis 1988).
 *
 * With one limit that is all, in double, no quantisation: sums are monotone
 * under rounding, so dropping is safe.  With several, the costs behind the
 * first are compared by the step they lie in, of 256 between the least and the
 * most that can still be had there; sums stay exact, so what is found is within
 * the limits.  A label whose bound is below a net that is known is dropped too;
 * that is what keeps fronts short. */

#include "search/derive_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256 };

/* The step a label took last; its path is the chain of parents. */
struct label {
    double cost[SN_BUDGETS_ADDED], worth;
    ptrdiff_t parent; /* in the pool; -1 at the start */
    short depth;      /* option of a depth decision, or -1: a block */
    short stage, block, take;
};

/* Labels ascending in the first cost. */
struct front {
    struct label *item; /* owned */
    size_t count, room;
};

/* Where the labels of a merge stand: the most they may have spent, the width
 * of a bucket, and the most that what lies behind can be worth. */
struct place {
    double most[SN_BUDGETS_ADDED], slack[SN_BUDGETS_ADDED];
    double behind;
};

struct chain {
    const struct sn_programme *p;
    const struct sn_bound *bound; /* or NULL */
    double lost;         /* most that a label passed over could be worth */
    double *best;        /* [size1 + 1, size2 + 1] worths seen; see seen() */
    int size1, size2;    /* buckets of the second and third cost, or 1 */
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

/* The net a label stands for, 0 where nothing is taken yet. */
static void trace(const struct chain *c, const struct label *l,
                  struct sn_pick *pick)
{
    memset(pick, 0, sizeof *pick);
    while (l) {
        if (l->depth >= 0)
            pick->depth[l->stage] = l->depth;
        else if (l->block >= 0)
            pick->take[l->stage][l->block] = l->take;
        l = l->parent < 0 ? NULL : &c->pool.item[l->parent];
    }
}

/* Whether net a is listed before b: the first stage that differs decides, its
 * depth before its blocks. */
static bool listed_before(const struct sn_pick *a, const struct sn_pick *b)
{
    for (int is = 0; is < SN_MAX_STAGES; is++) {
        if (a->depth[is] != b->depth[is])
            return a->depth[is] < b->depth[is];
        for (int ib = 0; ib < SN_MAX_DEPTH; ib++)
            if (a->take[is][ib] != b->take[is][ib])
                return a->take[is][ib] < b->take[is][ib];
    }
    return true;
}

/* Whether a comes before b: cheaper, then worth more, then the option listed
 * first in the earliest decision that differs. */
static bool before(const struct chain *c, const struct label *a,
                   const struct label *b)
{
    if (a->cost[0] != b->cost[0])
        return a->cost[0] < b->cost[0];
    if (a->worth != b->worth)
        return a->worth > b->worth;
    for (int j = 1; j < c->p->dims; j++)
        if (a->cost[j] != b->cost[j])
            return a->cost[j] < b->cost[j];
    struct sn_pick of_a, of_b;
    trace(c, a, &of_a);
    trace(c, b, &of_b);
    return listed_before(&of_a, &of_b);
}

/* ---- dominance ---- */

/* The greatest worth among labels seen in buckets up to i1, i2 (from 1): a
 * Fenwick tree of maxima in two directions. */
static double seen(const struct chain *c, int i1, int i2)
{
    double worth = -INFINITY;
    for (int i = i1; i > 0; i -= i & -i)
        for (int j = i2; j > 0; j -= j & -j)
            worth = fmax(worth, c->best[i * (c->size2 + 1) + j]);
    return worth;
}

static void see(struct chain *c, int i1, int i2, double worth)
{
    for (int i = i1; i <= c->size1; i += i & -i)
        for (int j = i2; j <= c->size2; j += j & -j) {
            double *best = &c->best[i * (c->size2 + 1) + j];
            *best = fmax(*best, worth);
        }
}

static void forget(struct chain *c)
{
    for (int i = 0; i < (c->size1 + 1) * (c->size2 + 1); i++)
        c->best[i] = -INFINITY;
}

/* The bucket of a cost, from 1: how much of the slack it has used. */
static int bucket(const struct place *at, const struct label *l, int j)
{
    const double used = l->cost[j] - (at->most[j] - at->slack[j]);
    const double i = at->slack[j] > 0.0 ? BUCKETS * used / at->slack[j] : 0.0;
    return 1 + (int)fmin(fmax(i, 0.0), BUCKETS - 1);
}

static bool within(const struct chain *c, const struct place *at,
                   const struct label *l)
{
    for (int j = 0; j < c->p->dims; j++)
        if (l->cost[j] > at->most[j])
            return false;
    return true;
}

/* The most that a net through this label can be worth. */
static double most_through(const struct chain *c, const struct place *at,
                           const struct label *l)
{
    double most = l->worth + at->behind;
    for (int j = 0; j < c->p->dims; j++)
        most += c->bound->price[j] * (c->p->limit[j] - l->cost[j]);
    return most;
}

/* Whether a label may yet win; it is then remembered.  Labels come in order. */
static bool keeps(struct chain *c, const struct place *at,
                  const struct label *l)
{
    if (!within(c, at, l))
        return false;
    const int i1 = c->size1 > 1 ? bucket(at, l, 1) : 1;
    const int i2 = c->size2 > 1 ? bucket(at, l, 2) : 1;
    double most = INFINITY;
    if (c->bound) {
        /* a hair more: it is summed in another order than a net */
        most = most_through(c, at, l);
        if (most + 1e-9 * (fabs(most) + fabs(c->bound->floor)) <
            c->bound->floor)
            return false;
    }
    if (l->worth <= seen(c, i1, i2)) {
        /* a label in a lower bucket costs less for certain */
        const double sure =
            seen(c, c->size1 > 1 ? i1 - 1 : 1, c->size2 > 1 ? i2 - 1 : 1);
        if (c->size1 > 1 && l->worth > sure)
            c->lost = fmax(c->lost, most);
        return false;
    }
    see(c, i1, i2, l->worth);
    return true;
}

/* ---- fronts ---- */

/* A step from every label of a front: what it adds, and how it is recorded. */
struct step {
    double cost[SN_BUDGETS_ADDED], worth;
    struct label mark; /* stage, block, depth, take */
};

static struct label take_step(const struct label *from, ptrdiff_t index,
                              const struct step *step)
{
    struct label l = step->mark;
    for (int j = 0; j < SN_BUDGETS_ADDED; j++)
        l.cost[j] = from->cost[j] + step->cost[j];
    l.worth = from->worth + step->worth;
    l.parent = index;
    return l;
}

/* *into becomes the front of itself and of `from`, whose labels lie in the
 * pool from `base` on, shifted by the step. */
static sn_status merge(struct chain *c, struct front *into,
                       const struct front *from, ptrdiff_t base,
                       const struct step *step, const struct place *at,
                       struct sn_error *err)
{
    struct front *out = &c->spare;
    SN_TRY(reserve(into, into->count, err));
    SN_TRY(reserve(out, into->count + from->count, err));
    size_t i = 0, j = 0;
    out->count = 0;
    forget(c);
    while (i < into->count || j < from->count) {
        struct label shifted = {0};
        if (j < from->count)
            shifted = take_step(&from->item[j], base + (ptrdiff_t)j, step);
        const bool old =
            j == from->count ||
            (i < into->count && before(c, &into->item[i], &shifted));
        const struct label next = old ? into->item[i++] : shifted;
        j += !old;
        if (keeps(c, at, &next))
            out->item[out->count++] = next;
    }
    swap_fronts(into, out);
    return SN_OK;
}

/* Copies a front into the pool; *base is where it begins. */
static sn_status keep(struct chain *c, const struct front *f, ptrdiff_t *base,
                      struct sn_error *err)
{
    SN_TRY(reserve(&c->pool, c->pool.count + f->count, err));
    *base = (ptrdiff_t)c->pool.count;
    if (f->count > 0)
        memcpy(c->pool.item + c->pool.count, f->item,
               f->count * sizeof *f->item);
    c->pool.count += f->count;
    return SN_OK;
}

/* ---- the chain ---- */

/* Labels of stage `is`: what the stages behind it need is kept back, less a
 * hair: it is summed in another order than a label. */
static void make_place(const struct chain *c, int is, struct place *at)
{
    const struct sn_programme *p = c->p;
    *at = (struct place){0};
    for (int j = 0; j < p->dims; j++) {
        double lowest, highest, all = p->fixed[j], rest = 0.0;
        for (int js = 0; js < p->space->n_stages; js++) {
            sn_programme_range(p, js, j, &lowest, &highest);
            all += lowest;
            if (js > is)
                rest += lowest;
        }
        at->most[j] = p->limit[j] - rest * (1.0 - 1e-12);
        at->slack[j] = p->limit[j] - all;
    }
}

/* Front behind a block: `cur` shifted by every take, merged. */
static sn_status add_block(struct chain *c, int is, int ib, struct place *at,
                           struct sn_error *err)
{
    const struct sn_programme *p = c->p;
    ptrdiff_t base;
    SN_TRY(keep(c, &c->cur, &base, err));
    c->behind.count = 0;
    at->behind = c->bound ? c->bound->inside[is][ib] : 0.0;
    for (int i = 0; i < p->takes[is][ib]; i++) {
        const struct sn_take *t = &p->take[p->first[is][ib] + i];
        struct step step = {.worth = t->worth,
                            .mark = {.depth = -1,
                                     .stage = (short)is,
                                     .block = (short)ib,
                                     .take = (short)i}};
        memcpy(step.cost, t->cost, sizeof step.cost);
        SN_TRY(merge(c, &c->behind, &c->cur, base, &step, at, err));
    }
    swap_fronts(&c->cur, &c->behind);
    return SN_OK;
}

/* All labels of a stage that stop at its current depth leave it. */
static sn_status leave_stage(struct chain *c, int is, int i, struct place *at,
                             struct sn_error *err)
{
    const struct step step = {
        .worth = c->p->depth_worth[is][i],
        .mark = {.depth = (short)i, .stage = (short)is, .block = -1}};
    ptrdiff_t base;
    at->behind = c->bound ? c->bound->behind[is] : 0.0;
    SN_TRY(keep(c, &c->cur, &base, err));
    return merge(c, &c->leave, &c->cur, base, &step, at, err);
}

static sn_status add_stage(struct chain *c, int is, struct sn_error *err)
{
    const struct sn_stage_space *s = &c->p->space->stage[is];
    struct place at;
    make_place(c, is, &at);
    c->leave.count = 0;
    for (int i = 0, ib = 0; i < c->p->n_depth[is]; i++) {
        for (; ib < s->depth[i]; ib++)
            SN_TRY(add_block(c, is, ib, &at, err));
        SN_TRY(leave_stage(c, is, i, &at, err));
    }
    swap_fronts(&c->cur, &c->leave);
    return SN_OK;
}

/* Runs the chain; of labels worth the same the first is the best. */
static sn_status run(struct chain *c, const struct label **best,
                     struct sn_error *err)
{
    SN_TRY(reserve(&c->cur, 1, err));
    c->cur.item[0] = (struct label){.parent = -1, .depth = -1, .block = -1};
    memcpy(c->cur.item[0].cost, c->p->fixed, sizeof c->p->fixed);
    c->cur.count = 1;
    for (int is = 0; is < c->p->space->n_stages; is++)
        SN_TRY(add_stage(c, is, err));
    for (size_t i = 0; i < c->cur.count; i++)
        if (!*best || c->cur.item[i].worth > (*best)->worth)
            *best = &c->cur.item[i];
    return SN_OK;
}

sn_status sn_chain_run(const struct sn_programme *p, const struct sn_bound *b,
                       struct sn_pick *pick, bool *found, double *lost,
                       struct sn_error *err)
{
    struct chain c = {.p = p,
                      .bound = b,
                      .lost = -INFINITY,
                      .size1 = p->dims > 1 ? BUCKETS : 1,
                      .size2 = p->dims > 2 ? BUCKETS : 1};
    const size_t cells = (size_t)(c.size1 + 1) * (size_t)(c.size2 + 1);
    const struct label *best = NULL;
    sn_status rc = SN_OK;
    c.best = malloc(cells * sizeof *c.best);
    if (!c.best)
        rc = sn_fail(err, SN_ERR_MEMORY, "derivation: no memory for %zu cells",
                     cells);
    if (rc == SN_OK)
        rc = run(&c, &best, err);
    if (rc == SN_OK) {
        *found = best != NULL;
        *lost = c.lost;
        if (best)
            trace(&c, best, pick);
    }
    free(c.best);
    free(c.pool.item);
    free(c.cur.item);
    free(c.behind.item);
    free(c.leave.item);
    free(c.spare.item);
    return rc;
}
