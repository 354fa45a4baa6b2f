/* Frames priced, derived in, and averaged over; see frames.h. */

#include "search/frames.h"

#include <math.h>
#include <stdlib.h>

#include "search/budget.h"

sn_status sn_frames_open(struct sn_frames *f, const struct sn_space *space,
                         struct sn_error *err)
{
    const int count = sn_space_frames(space);
    SN_CHECK(count >= 1 && count <= SN_MAX_FRAMES);
    *f = (struct sn_frames){.item = calloc((size_t)count, sizeof *f->item)};
    if (!f->item)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d cost tables",
                       count);
    f->count = count;
    for (int i = 0; i < count; i++) {
        f->item[i].space = *space;
        sn_space_settle(&f->item[i].space, i);
    }
    return SN_OK;
}

sn_status sn_frames_make(struct sn_frames *f, const struct sn_space *space,
                         const struct sn_target *target, struct sn_error *err)
{
    SN_TRY(sn_frames_open(f, space, err));
    sn_status rc = SN_OK;
    for (int i = 0; rc == SN_OK && i < f->count; i++)
        rc = sn_cost_table_price(&f->item[i].cost, &f->item[i].space, target,
                                 err);
    if (rc != SN_OK)
        sn_frames_release(f);
    return rc;
}

void sn_frames_release(struct sn_frames *f)
{
    free(f->item);
    *f = (struct sn_frames){0};
}

void sn_frames_range(const struct sn_frames *f, sn_budget_kind kind,
                     double *lowest, double *highest)
{
    *lowest = INFINITY;
    *highest = 0.0;
    for (int i = 0; i < f->count; i++) {
        double low, high;
        sn_cost_range(&f->item[i].cost, &f->item[i].space, kind, &low, &high);
        *lowest = fmin(*lowest, low);
        *highest = fmax(*highest, high);
    }
}

/* ---- deriving ---- */

/* Worth of what makes frame i. */
static double frame_worth(const struct sn_frames *f,
                          const struct sn_decisions *d, int i,
                          const double *value)
{
    int choice[SN_MAX_DECISIONS];
    double worth = 0.0;
    sn_frame_choose(&f->item[i].space, d, i, choice);
    for (int id = d->frame; value && id < d->count; id++)
        worth += value[d->item[id].first + choice[id]];
    return worth;
}

/* The frame whose cheapest net is the cheapest, in the first limited kind. */
static int cheapest(const struct sn_frames *f, const struct sn_budget *budget)
{
    sn_budget_kind kind = SN_BUDGET_LATENCY;
    for (int i = SN_BUDGETS - 1; i >= 0; i--)
        if (sn_budget_has(budget, (sn_budget_kind)i))
            kind = (sn_budget_kind)i;
    double least = INFINITY;
    int best = 0;
    for (int i = 0; i < f->count; i++) {
        double low, high;
        sn_cost_range(&f->item[i].cost, &f->item[i].space, kind, &low, &high);
        if (low < least) {
            least = low;
            best = i;
        }
    }
    return best;
}

/* Latency of an arch of the frame. */
static double latency_of(const struct sn_frame *f, const struct sn_arch *arch)
{
    double sum = f->cost.fixed.seconds;
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block b = arch->stage[is].block[ib];
            const struct sn_op_space *of =
                &f->space.stage[is].block[ib].of[b.op];
            int ik = 0, ie = 0;
            while (of->k[ik] != b.k)
                ik++;
            while (of->e[ie] != b.e)
                ie++;
            sum += f->cost.block[is][ib][b.op][ik][ie].seconds;
        }
    return sum;
}

sn_status sn_frames_derive(struct sn_arch *arch, const struct sn_frames *f,
                           const struct sn_decisions *d, const double *value,
                           const struct sn_budget *budget,
                           struct sn_derived *out, struct sn_error *err)
{
    struct sn_derived best = {0}, got;
    double best_latency = 0.0, bound = -INFINITY;
    bool found = false;
    for (int i = 0; i < f->count; i++) {
        struct sn_arch here;
        struct sn_frame_dims dims;
        const struct sn_frame *x = &f->item[i];
        struct sn_error none = {0};
        const sn_status rc = sn_derive(&here, &x->space, d, &x->cost, value,
                                       budget, &got, &none);
        if (rc == SN_ERR_INFEASIBLE)
            continue;
        if (rc != SN_OK)
            return sn_fail(err, rc, "%s", none.text);
        sn_frame_dims(&dims, &x->space, i);
        sn_arch_settle(&here, &dims);
        got.worth += frame_worth(f, d, i, value);
        bound = fmax(bound, got.worth + got.gap);
        const double latency = latency_of(x, &here);
        if (!found || got.worth > best.worth ||
            (!(got.worth < best.worth) && latency < best_latency)) {
            best = got;
            best_latency = latency;
            *arch = here;
        }
        found = true;
    }
    if (!found) {
        const struct sn_frame *x = &f->item[cheapest(f, budget)];
        return sn_derive(arch, &x->space, d, &x->cost, value, budget, out, err);
    }
    best.gap = fmax(bound - best.worth, 0.0);
    if (out)
        *out = best;
    return SN_OK;
}

/* ---- averages ---- */

void sn_frames_share(const struct sn_frames *f, const struct sn_decisions *d,
                     const double *p, double *share)
{
    int choice[SN_MAX_DECISIONS];
    for (int i = 0; i < f->count; i++) {
        share[i] = 1.0;
        sn_frame_choose(&f->item[i].space, d, i, choice);
        for (int id = d->frame; id < d->count; id++)
            share[i] *= p[d->item[id].first + choice[id]];
    }
}

void sn_frames_marginals(const struct sn_frames *f,
                         const struct sn_decisions *d, const double *share,
                         double *p)
{
    int choice[SN_MAX_DECISIONS];
    for (int id = d->frame; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            p[d->item[id].first + i] = 0.0;
    for (int i = 0; i < f->count; i++) {
        sn_frame_choose(&f->item[i].space, d, i, choice);
        for (int id = d->frame; id < d->count; id++)
            p[d->item[id].first + choice[id]] += share[i];
    }
}

double sn_frames_slopes(const struct sn_frames *f, const struct sn_decisions *d,
                        const double *p, double *tau)
{
    double share[SN_MAX_FRAMES], slope[SN_MAX_OPTIONS], expected = 0.0;
    int choice[SN_MAX_DECISIONS];
    sn_frames_share(f, d, p, share);
    for (int io = 0; io < d->total; io++)
        tau[io] = 0.0;
    for (int i = 0; i < f->count; i++) {
        const struct sn_frame *x = &f->item[i];
        const double here = sn_budget_slopes(&x->cost, &x->space, d, p, slope);
        sn_frame_choose(&x->space, d, i, choice);
        for (int id = 0; id < d->frame; id++)
            for (int io = 0; io < d->item[id].n; io++)
                tau[d->item[id].first + io] +=
                    share[i] * slope[d->item[id].first + io];
        for (int id = d->frame; id < d->count; id++) {
            const int io = d->item[id].first + choice[id];
            tau[io] += p[io] > 0.0 ? share[i] / p[io] * here : 0.0;
        }
        expected += share[i] * here;
    }
    for (int id = d->frame; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            tau[d->item[id].first + i] -= expected;
    return expected;
}
