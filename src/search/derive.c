/* From values and costs to the best net within budgets (METHOD 2.4).
 *
 * One budget that adds up is met exactly, by the chain of labels alone.  With
 * several, the net that spends least of the last one within the others comes
 * first: by it one knows whether there is any, and has one to begin with.
 * Prices of the limits then bound what is left to be won, and the chain looks
 * only at what may win it. */

#include "search/derive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "search/derive_internal.h"

/* ---- the programme ---- */

int sn_programme_depth(const struct sn_programme *p, int stage)
{
    const int n = p->n_depth[stage];
    return n > 0 ? p->space->stage[stage].depth[n - 1] : 0;
}

static void block_range(const struct sn_programme *p, int is, int ib, int i,
                        double *lowest, double *highest)
{
    *lowest = INFINITY;
    *highest = 0.0;
    for (int it = 0; it < p->takes[is][ib]; it++) {
        const double x = p->take[p->first[is][ib] + it].cost[i];
        *lowest = fmin(*lowest, x);
        *highest = fmax(*highest, x);
    }
}

void sn_programme_range(const struct sn_programme *p, int stage, int i,
                        double *lowest, double *highest)
{
    /* no block costs less than nothing: least depth, greatest depth */
    *lowest = *highest = 0.0;
    for (int ib = 0; ib < sn_programme_depth(p, stage); ib++) {
        double low, high;
        block_range(p, stage, ib, i, &low, &high);
        if (ib < p->space->stage[stage].depth[0])
            *lowest += low;
        *highest += high;
    }
}

bool sn_pick_measure(const struct sn_programme *p, const struct sn_pick *pick,
                     double *cost, double *worth)
{
    bool within = true;
    *worth = 0.0;
    memcpy(cost, p->fixed, sizeof p->fixed);
    for (int is = 0; is < p->space->n_stages; is++) {
        const int depth = p->space->stage[is].depth[pick->depth[is]];
        *worth += p->depth_worth[is][pick->depth[is]];
        for (int ib = 0; ib < depth; ib++) {
            const struct sn_take *t =
                &p->take[p->first[is][ib] + pick->take[is][ib]];
            for (int j = 0; j < p->dims; j++)
                cost[j] += t->cost[j];
            *worth += t->worth;
        }
    }
    for (int j = 0; j < p->dims; j++)
        within = within && cost[j] <= p->limit[j];
    return within;
}

/* What a derivation is given. */
struct request {
    const struct sn_space *space;
    const struct sn_decisions *d;
    const struct sn_cost_table *t;
    const double *value; /* NULL: every net is worth the same */
    const struct sn_budget *budget;
};

static double value_of(const struct request *q, int decision, int i)
{
    return q->value ? q->value[q->d->item[decision].first + i] : 0.0;
}

/* The costs that count: the limited kinds, or latency where there is none. */
static void choose_kinds(struct sn_programme *p, const struct request *q)
{
    for (int i = 0; i < SN_BUDGETS_ADDED; i++)
        if (sn_budget_has(q->budget, (sn_budget_kind)i))
            p->kind[p->dims++] = (sn_budget_kind)i;
    if (p->dims == 0)
        p->kind[p->dims++] = SN_BUDGET_LATENCY;
    for (int j = 0; j < p->dims; j++) {
        p->limit[j] = q->budget->limit[p->kind[j]];
        p->fixed[j] = sn_cost_of(&q->t->fixed, p->kind[j]);
    }
}

/* Lists the takes of a block, at most as many as the table has entries. */
static int list_takes(struct sn_programme *p, const struct request *q, int is,
                      int ib, struct sn_take *out)
{
    const struct sn_block_space *b = &q->space->stage[is].block[ib];
    int n = 0;
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        for (int ik = 0; ik < b->of[op].n_k; ik++)
            for (int ie = 0; ie < b->of[op].n_e; ie++) {
                const struct sn_cost *c = &q->t->block[is][ib][op][ik][ie];
                if (!sn_op_offers(&b->of[op], ik, ie) ||
                    c->activations > q->budget->limit[SN_BUDGET_ACTIVATIONS])
                    continue;
                out[n] = (struct sn_take){
                    .worth = value_of(q, q->d->op[is][ib], i) +
                             value_of(q, q->d->k[is][ib][op], ik) +
                             value_of(q, q->d->e[is][ib][op], ie),
                    .op = (short)i,
                    .k = (short)ik,
                    .e = (short)ie};
                for (int j = 0; j < p->dims; j++)
                    out[n].cost[j] = sn_cost_of(c, p->kind[j]);
                n++;
            }
    }
    return n;
}

static int most_takes(const struct sn_space *space)
{
    int n = 0;
    for (int is = 0; is < space->n_stages; is++)
        for (int ib = 0; ib < sn_space_max_depth(space, is); ib++) {
            const struct sn_block_space *b = &space->stage[is].block[ib];
            for (int i = 0; i < b->n_op; i++)
                n += b->of[b->op[i]].n_k * b->of[b->op[i]].n_e;
        }
    return n;
}

static sn_status make_programme(struct sn_programme *p, const struct request *q,
                                struct sn_error *err)
{
    const size_t most = (size_t)most_takes(q->space);
    p->space = q->space;
    p->d = q->d;
    p->take = malloc((most + 1) * sizeof *p->take);
    if (!p->take)
        return sn_fail(err, SN_ERR_MEMORY,
                       "derivation: no memory for %zu options", most);
    choose_kinds(p, q);
    int first = 0;
    for (int is = 0; is < q->space->n_stages; is++) {
        const struct sn_stage_space *s = &q->space->stage[is];
        bool stands = true; /* every block so far has a take */
        for (int i = 0, ib = 0; i < s->n_depth && stands; i++) {
            for (; ib < s->depth[i]; ib++) {
                const int n = list_takes(p, q, is, ib, p->take + first);
                p->first[is][ib] = first;
                p->takes[is][ib] = n;
                first += n;
                stands = stands && n > 0;
            }
            p->n_depth[is] += stands;
            p->depth_worth[is][i] = value_of(q, q->d->depth[is], i);
        }
    }
    return SN_OK;
}

/* ---- feasibility ---- */

static sn_status refuse(const struct request *q, sn_budget_kind kind,
                        double lowest, double highest, struct sn_error *err)
{
    char limit[SN_QUANTITY_TEXT], low[SN_QUANTITY_TEXT], high[SN_QUANTITY_TEXT];
    return sn_fail(
        err, SN_ERR_INFEASIBLE,
        "%s budget %s: no net of this space meets it; attainable: %s to %s",
        sn_budget_name(kind),
        sn_budget_exact(limit, sizeof limit, kind, q->budget->limit[kind]),
        sn_budget_exact(low, sizeof low, kind, lowest),
        sn_budget_exact(high, sizeof high, kind, highest));
}

/* Each budget by itself; the activations first, as they thin the takes. */
static sn_status check_alone(const struct sn_programme *p,
                             const struct request *q, struct sn_error *err)
{
    double lowest, highest;
    sn_cost_range(q->t, q->space, SN_BUDGET_ACTIVATIONS, &lowest, &highest);
    if (lowest > q->budget->limit[SN_BUDGET_ACTIVATIONS])
        return refuse(q, SN_BUDGET_ACTIVATIONS, lowest, highest, err);
    for (int j = 0; j < p->dims; j++) {
        lowest = highest = p->fixed[j];
        for (int is = 0; is < p->space->n_stages; is++) {
            double low, high;
            sn_programme_range(p, is, j, &low, &high);
            lowest += low;
            highest += high;
        }
        /* a hair less: it is summed in another order than a net */
        if (lowest * (1.0 - 1e-12) > p->limit[j])
            return refuse(q, p->kind[j], lowest, highest, err);
    }
    return SN_OK;
}

static sn_status solve(const struct sn_programme *p, struct sn_pick *pick,
                       bool *found, double *most, struct sn_error *err);

/* The net that spends least in the last dimension, within the others. */
static sn_status find_leanest(const struct sn_programme *p,
                              struct sn_pick *pick, bool *found,
                              struct sn_error *err)
{
    const int last = p->dims - 1;
    struct sn_programme q = *p;
    size_t n = 0;
    double most;
    for (int is = 0; is < p->space->n_stages; is++)
        for (int ib = 0; ib < sn_programme_depth(p, is); ib++)
            n += (size_t)p->takes[is][ib];
    q.dims = last;
    q.take = malloc((n + 1) * sizeof *q.take);
    if (!q.take)
        return sn_fail(err, SN_ERR_MEMORY,
                       "derivation: no memory for %zu options", n);
    memset(q.depth_worth, 0, sizeof q.depth_worth);
    for (int is = 0, first = 0; is < p->space->n_stages; is++)
        for (int ib = 0; ib < sn_programme_depth(p, is); ib++) {
            q.first[is][ib] = first;
            for (int i = 0; i < p->takes[is][ib]; i++, first++) {
                q.take[first] = p->take[p->first[is][ib] + i];
                q.take[first].worth = -q.take[first].cost[last];
            }
        }
    const sn_status rc = solve(&q, pick, found, &most, err);
    free(q.take);
    return rc;
}

/* ---- solving ---- */

/* With several limits; *found and *most as of solve(). */
static sn_status solve_many(const struct sn_programme *p, struct sn_pick *pick,
                            bool *found, double *most, struct sn_error *err)
{
    double cost[SN_BUDGETS_ADDED], worth, lost;
    struct sn_bound bound;
    struct sn_pick better;
    bool is_better;
    SN_TRY(find_leanest(p, pick, found, err));
    *found = *found && sn_pick_measure(p, pick, cost, &worth);
    if (!*found)
        return SN_OK;
    sn_bound_find(&bound, p, pick);
    SN_TRY(sn_chain_run(p, &bound, &better, &is_better, &lost, err));
    if (is_better && sn_pick_measure(p, &better, cost, &worth) &&
        worth >= bound.floor) {
        *pick = better;
        bound.floor = worth;
    }
    *most = fmax(bound.floor, fmin(bound.most, lost));
    return SN_OK;
}

/* The net of greatest worth.  *found is false when none is within the limits;
 * *pick is then the nearest that was seen, if any.  *most is what no net within
 * them exceeds. */
static sn_status solve(const struct sn_programme *p, struct sn_pick *pick,
                       bool *found, double *most, struct sn_error *err)
{
    double cost[SN_BUDGETS_ADDED], lost;
    memset(pick, 0, sizeof *pick);
    if (p->dims > 1)
        return solve_many(p, pick, found, most, err);
    SN_TRY(sn_chain_run(p, NULL, pick, found, &lost, err));
    if (*found)
        (void)sn_pick_measure(p, pick, cost, most);
    return SN_OK;
}

/* No net meets all budgets: *leanest meets those in front of the first that it
 * exceeds, and spends as little of that as they let it. */
static sn_status refuse_together(const struct sn_programme *p,
                                 const struct request *q,
                                 const struct sn_pick *leanest,
                                 struct sn_error *err)
{
    char limit[SN_QUANTITY_TEXT], need[SN_QUANTITY_TEXT];
    struct sn_text others = {0};
    double cost[SN_BUDGETS_ADDED], worth;
    int last = 0;
    (void)sn_pick_measure(p, leanest, cost, &worth);
    while (last + 1 < p->dims && cost[last] <= p->limit[last])
        last++;
    for (int j = 0; j < last; j++)
        sn_text_add(
            &others, "%s%s %s", j ? ", " : "", sn_budget_name(p->kind[j]),
            sn_budget_exact(limit, sizeof limit, p->kind[j], p->limit[j]));
    const sn_status rc = sn_fail(
        err, SN_ERR_INFEASIBLE,
        "%s budget %s: no net of this space meets it within %s; attainable: "
        "%s and more",
        sn_budget_name(p->kind[last]),
        sn_budget_exact(limit, sizeof limit, p->kind[last],
                        q->budget->limit[p->kind[last]]),
        others.data ? others.data : "rounding",
        sn_budget_exact(need, sizeof need, p->kind[last], cost[last]));
    sn_text_release(&others);
    return rc;
}

/* Option indices of every decision of the net picked. */
static void choose(const struct sn_programme *p, const struct sn_pick *pick,
                   int *choice)
{
    const struct sn_decisions *d = p->d;
    memset(choice, 0, (size_t)d->count * sizeof *choice);
    for (int is = 0; is < p->space->n_stages; is++) {
        const struct sn_stage_space *s = &p->space->stage[is];
        choice[d->depth[is]] = pick->depth[is];
        for (int ib = 0; ib < s->depth[pick->depth[is]]; ib++) {
            const struct sn_take *t =
                &p->take[p->first[is][ib] + pick->take[is][ib]];
            const sn_block_op op = s->block[ib].op[t->op];
            choice[d->op[is][ib]] = t->op;
            choice[d->k[is][ib][op]] = t->k;
            choice[d->e[is][ib][op]] = t->e;
        }
    }
}

static sn_status derive(struct sn_programme *p, const struct request *q,
                        struct sn_arch *arch, struct sn_derived *out,
                        struct sn_error *err)
{
    struct sn_pick pick;
    double cost[SN_BUDGETS_ADDED], worth, most;
    int choice[SN_MAX_DECISIONS];
    bool found;
    SN_TRY(make_programme(p, q, err));
    SN_TRY(check_alone(p, q, err));
    SN_TRY(solve(p, &pick, &found, &most, err));
    if (!found)
        return refuse_together(p, q, &pick, err);
    choose(p, &pick, choice);
    sn_arch_choose(arch, q->space, q->d, choice);
    (void)sn_pick_measure(p, &pick, cost, &worth);
    if (out)
        *out = (struct sn_derived){.worth = worth, .gap = most - worth};
    return SN_OK;
}

sn_status sn_derive(struct sn_arch *arch, const struct sn_space *space,
                    const struct sn_decisions *d, const struct sn_cost_table *t,
                    const double *value, const struct sn_budget *budget,
                    struct sn_derived *out, struct sn_error *err)
{
    const struct request q = {space, d, t, value, budget};
    struct sn_programme *p = calloc(1, sizeof *p);
    if (!p)
        return sn_fail(err, SN_ERR_MEMORY,
                       "derivation: no memory for the programme");
    const sn_status rc = derive(p, &q, arch, out, err);
    free(p->take);
    free(p);
    return rc;
}
