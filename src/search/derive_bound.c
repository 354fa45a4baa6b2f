/* Lagrangian bounds: with a price on every limited cost the blocks no longer
 * meet, and the best net is the best option of each.
 *
 *   most(price) = max over nets of worth - sum_i price_i (cost_i - limit_i)
 *
 * is no less than the worth of any net within the limits, whatever the prices
 * (>= 0); the least of it over prices is found by Polyak's subgradient steps,
 * whose nets are, where within the limits, answers by the way.  Source:
 * Lagrangian relaxation of the multiple-choice knapsack (Fisher 1981). */

#include "search/derive_internal.h"

#include <math.h>

enum { STEPS = 400, HELD = 12 }; /* HELD: steps without gain before a halving */

/* The take of a block that is best at these prices. */
static int best_take(const struct sn_programme *p, const double *price, int is,
                     int ib, double *worth)
{
    int best = 0;
    *worth = -INFINITY;
    for (int i = 0; i < p->takes[is][ib]; i++) {
        const struct sn_take *t = &p->take[p->first[is][ib] + i];
        double x = t->worth;
        for (int j = 0; j < p->dims; j++)
            x -= price[j] * t->cost[j];
        if (x > *worth) {
            *worth = x;
            best = i;
        }
    }
    return best;
}

/* The best way through a stage; fills its part of *pick, and best[ib], the
 * worth of each block at these prices. */
static double best_stage(const struct sn_programme *p, const double *price,
                         int is, struct sn_pick *pick, double *best)
{
    const struct sn_stage_space *s = &p->space->stage[is];
    double most = -INFINITY, sum = 0.0;
    for (int i = 0, ib = 0; i < p->n_depth[is]; i++) {
        for (; ib < s->depth[i]; ib++) {
            pick->take[is][ib] = (short)best_take(p, price, is, ib, &best[ib]);
            sum += best[ib];
        }
        if (p->depth_worth[is][i] + sum > most) {
            most = p->depth_worth[is][i] + sum;
            pick->depth[is] = (short)i;
        }
    }
    return most;
}

/* most(price), and the net it is taken at. */
static double relax(const struct sn_programme *p, const double *price,
                    struct sn_pick *pick)
{
    double most = 0.0, best[SN_MAX_DEPTH];
    for (int j = 0; j < p->dims; j++)
        most += price[j] * (p->limit[j] - p->fixed[j]);
    for (int is = 0; is < p->space->n_stages; is++)
        most += best_stage(p, price, is, pick, best);
    return most;
}

/* Takes up *tried where it is within the limits and worth more. */
static void improve(const struct sn_programme *p, struct sn_pick *pick,
                    double *floor, const struct sn_pick *tried)
{
    double cost[SN_BUDGETS_ADDED], worth;
    if (sn_pick_measure(p, tried, cost, &worth) && worth > *floor) {
        *floor = worth;
        *pick = *tried;
    }
}

/* Single options changed for better ones, as long as there is one that fits. */
static void polish(const struct sn_programme *p, struct sn_pick *pick,
                   double *floor)
{
    double before;
    do {
        before = *floor;
        for (int is = 0; is < p->space->n_stages; is++) {
            const int depth = p->space->stage[is].depth[pick->depth[is]];
            for (int ib = 0; ib < depth; ib++)
                for (int i = 0; i < p->takes[is][ib]; i++) {
                    struct sn_pick tried = *pick;
                    tried.take[is][ib] = (short)i;
                    improve(p, pick, floor, &tried);
                }
        }
    } while (*floor > before);
}

/* Prices times costs are worths: each cost in units of its limit. */
static void step_prices(const struct sn_programme *p, double *price,
                        const double *cost, double length)
{
    double square = 0.0, over[SN_BUDGETS_ADDED];
    for (int j = 0; j < p->dims; j++) {
        over[j] = cost[j] / p->limit[j] - 1.0;
        if (over[j] < 0.0 && !(price[j] > 0.0))
            over[j] = 0.0; /* a price is never negative */
        square += over[j] * over[j];
    }
    for (int j = 0; j < p->dims && square > 0.0; j++)
        price[j] =
            fmax(0.0, price[j] + length * over[j] / square / p->limit[j]);
}

/* What lies behind every block at the prices found. */
static void look_behind(struct sn_bound *b, const struct sn_programme *p)
{
    double behind = 0.0, best[SN_MAX_DEPTH];
    struct sn_pick pick;
    for (int is = p->space->n_stages - 1; is >= 0; is--) {
        const struct sn_stage_space *s = &p->space->stage[is];
        const double whole = best_stage(p, b->price, is, &pick, best);
        b->behind[is] = behind;
        for (int ib = 0; ib < sn_programme_depth(p, is); ib++) {
            double sum = 0.0, most = -INFINITY;
            for (int i = 0, jb = ib + 1; i < p->n_depth[is]; i++) {
                if (s->depth[i] <= ib)
                    continue;
                for (; jb < s->depth[i]; jb++)
                    sum += best[jb];
                most = fmax(most, p->depth_worth[is][i] + sum);
            }
            b->inside[is][ib] = most + behind;
        }
        behind += whole;
    }
}

void sn_bound_find(struct sn_bound *b, const struct sn_programme *p,
                   struct sn_pick *pick)
{
    double price[SN_BUDGETS_ADDED] = {0}, cost[SN_BUDGETS_ADDED], worth;
    double share = 1.0; /* of Polyak's step */
    int held = 0;
    const bool within = sn_pick_measure(p, pick, cost, &b->floor);
    SN_CHECK(within);
    b->most = INFINITY;
    for (int step = 0; step < STEPS; step++) {
        struct sn_pick tried = {0};
        const double most = relax(p, price, &tried);
        (void)sn_pick_measure(p, &tried, cost, &worth);
        improve(p, pick, &b->floor, &tried);
        held = most < b->most ? 0 : held + 1;
        if (most < b->most) {
            b->most = most;
            for (int j = 0; j < SN_BUDGETS_ADDED; j++)
                b->price[j] = price[j];
        }
        if (held == HELD) {
            share /= 2;
            held = 0;
        }
        step_prices(p, price, cost, share * fmax(0.0, most - b->floor));
    }
    polish(p, pick, &b->floor);
    look_behind(b, p);
}
