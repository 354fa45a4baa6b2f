/* Main effects of options; see effects.h. */

#include "search/effects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regress/linear.h"
#include "search/probe.h"

static const double least_errors = 2.0, costlier = 1.25, most_share = 0.25;
static const double prior = 1.0; /* of the ridge, beside X'X */

/* ---- the regression ---- */

/* Columns: the options of all decisions that have several. */
struct columns {
    int n;
    int *of;     /* [d->total] column of an option, -1: none; owned */
    double *x;   /* [rows, n] centred, owned; so are the others */
    double *y;   /* [rows] centred */
    double *a;   /* [n, n] X'X + I, then its factor */
    double *b;   /* [n] X'y; w; then one column of the inverse */
    double *w;   /* [n] */
    double *sum; /* [n] of a column before it was centred */
};

static void columns_release(struct columns *c)
{
    free(c->of);
    free(c->x);
    free(c->y);
    free(c->a);
    free(c->b);
}

static sn_status columns_take(struct columns *c,
                              const struct sn_effects_input *in,
                              struct sn_error *err)
{
    const struct sn_decisions *d = in->d;
    *c = (struct columns){.of = malloc((size_t)d->total * sizeof *c->of)};
    for (int id = 0; c->of && id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            c->of[d->item[id].first + i] = d->item[id].n > 1 ? c->n++ : -1;
    const size_t n = (size_t)c->n, rows = (size_t)in->n;
    c->x = calloc(rows * n + 1, sizeof *c->x);
    c->y = calloc(rows, sizeof *c->y);
    c->a = calloc(n * n + 1, sizeof *c->a);
    c->b = calloc(3 * n + 1, sizeof *c->b);
    if (!c->of || !c->x || !c->y || !c->a || !c->b) {
        columns_release(c);
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for the effects of %zu "
                       "options",
                       n);
    }
    c->w = c->b + n;
    c->sum = c->w + n;
    return SN_OK;
}

static void fill(struct columns *c, const struct sn_effects_input *in)
{
    const struct sn_decisions *d = in->d;
    double mean = 0.0;
    for (int ir = 0; ir < in->n; ir++) {
        const int *choice = in->choice + (ptrdiff_t)ir * d->count;
        mean += in->score[ir] / in->n;
        for (int id = 0; id < d->count; id++) {
            const int j = c->of[d->item[id].first + choice[id]];
            if (j < 0 || !sn_decision_met(in->space, d, choice, id))
                continue;
            c->x[(ptrdiff_t)ir * c->n + j] = 1.0;
            c->sum[j] += 1.0;
        }
    }
    for (int ir = 0; ir < in->n; ir++) {
        c->y[ir] = in->score[ir] - mean;
        for (int j = 0; j < c->n; j++)
            c->x[(ptrdiff_t)ir * c->n + j] -= c->sum[j] / in->n;
    }
}

/* a = X'X + I, b = X'y. */
static void add_products(struct columns *c, int rows)
{
    const int n = c->n;
    for (int ir = 0; ir < rows; ir++) {
        const double *x = c->x + (ptrdiff_t)ir * n;
        for (int i = 0; i < n; i++) {
            c->b[i] += x[i] * c->y[ir];
            for (int j = 0; j < n; j++)
                c->a[(ptrdiff_t)i * n + j] += x[i] * x[j];
        }
    }
    for (int i = 0; i < n; i++)
        c->a[(ptrdiff_t)i * n + i] += prior;
}

/* s^2 of what the fit leaves. */
static double variance(const struct columns *c, int rows)
{
    double sum = 0.0;
    for (int ir = 0; ir < rows; ir++) {
        double off = c->y[ir];
        for (int j = 0; j < c->n; j++)
            off -= c->x[(ptrdiff_t)ir * c->n + j] * c->w[j];
        sum += off * off;
    }
    return sum / (rows - 1);
}

/* Column j of the inverse, of which only its own entry is wanted. */
static double inverse_at(struct columns *c, int j)
{
    memset(c->b, 0, (size_t)c->n * sizeof *c->b);
    c->b[j] = 1.0;
    sn_solve_again(c->a, c->b, c->b, c->n);
    return c->b[j];
}

/* Effects against the mean of their decision. */
static void centre(double *effect, const struct columns *c,
                   const struct sn_decisions *d)
{
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        double mean = 0.0, seen = 0.0;
        for (int io = x->first; x->n > 1 && io < x->first + x->n; io++) {
            mean += c->sum[c->of[io]] * effect[io];
            seen += c->sum[c->of[io]];
        }
        for (int io = x->first; seen > 0.0 && io < x->first + x->n; io++)
            effect[io] -= mean / seen;
    }
}

sn_status sn_effects_fit(double *effect, double *error,
                         const struct sn_effects_input *in,
                         struct sn_error *err)
{
    struct columns c;
    SN_CHECK(in->n >= 2);
    SN_TRY(columns_take(&c, in, err));
    fill(&c, in);
    add_products(&c, in->n);
    const bool solved = sn_solve_spd(c.a, c.w, c.b, c.n);
    SN_CHECK(solved); /* X'X + I is positive definite */
    const double s2 = variance(&c, in->n);
    for (int io = 0; io < in->d->total; io++) {
        const int j = c.of[io];
        effect[io] = j >= 0 ? c.w[j] : 0.0;
        error[io] = j >= 0 ? sqrt(s2 * inverse_at(&c, j)) : 0.0;
    }
    centre(effect, &c, in->d);
    columns_release(&c);
    return SN_OK;
}

/* ---- what options cost ---- */

struct mean {
    double sum;
    int n;
};

/* Over the combinations of a block; op -1, ik -1, ie -1: any. */
static double block_cost(const struct sn_cost_table *t,
                         const struct sn_space *space, int is, int ib, int op,
                         int ik, int ie)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    struct mean m = {0};
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        for (int jk = 0; jk < of->n_k; jk++)
            for (int je = 0; je < of->n_e; je++) {
                if ((op >= 0 && op != (int)b->op[i]) || (ik >= 0 && ik != jk) ||
                    (ie >= 0 && ie != je) || !sn_op_offers(of, jk, je))
                    continue;
                m.sum += t->block[is][ib][b->op[i]][jk][je].seconds;
                m.n++;
            }
    }
    return m.n > 0 ? m.sum / m.n : 0.0;
}

static double option_cost(const struct sn_cost_table *t,
                          const struct sn_space *space,
                          const struct sn_decision *x, int i)
{
    const struct sn_stage_space *s = &space->stage[x->stage];
    double sum = 0.0;
    switch (x->kind) {
    case SN_DECIDE_DEPTH:
        for (int ib = 0; ib < s->depth[i]; ib++)
            sum += block_cost(t, space, x->stage, ib, -1, -1, -1);
        return sum;
    case SN_DECIDE_OP:
        return block_cost(t, space, x->stage, x->block,
                          (int)s->block[x->block].op[i], -1, -1);
    case SN_DECIDE_K:
        return block_cost(t, space, x->stage, x->block, (int)x->op, i, -1);
    case SN_DECIDE_E:
        return block_cost(t, space, x->stage, x->block, (int)x->op, -1, i);
    default: /* one table is of one frame */
        SN_CHECK(!"a decision of a stage or block");
        return 0.0;
    }
}

void sn_option_costs(double *cost, const struct sn_cost_table *t,
                     const struct sn_space *space, const struct sn_decisions *d)
{
    for (int id = 0; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            cost[d->item[id].first + i] =
                option_cost(t, space, &d->item[id], i);
}

/* ---- what may go ---- */

/* Whether a better option of the decision costs that much less. */
static bool is_beaten(const struct sn_decision *x, int io, const double *effect,
                      const double *cost)
{
    for (int j = x->first; j < x->first + x->n; j++)
        if (effect[j] > effect[io] && costlier * cost[j] < cost[io])
            return true;
    return false;
}

int sn_effects_drop(bool *drop, const double *effect, const double *error,
                    const double *cost, const struct sn_decisions *d)
{
    int open = 0, dropped = 0;
    memset(drop, 0, (size_t)d->total * sizeof *drop);
    for (int id = 0; id < d->count; id++)
        open += d->item[id].n > 1 ? d->item[id].n : 0;
    const int most = (int)(most_share * open);
    while (dropped < most) {
        int worst = -1;
        double least = -least_errors;
        for (int id = 0; id < d->count; id++) {
            const struct sn_decision *x = &d->item[id];
            for (int io = x->first; io < x->first + x->n; io++) {
                const double z = error[io] > 0.0 ? effect[io] / error[io] : 0.0;
                if (!drop[io] && z < least && is_beaten(x, io, effect, cost)) {
                    least = z;
                    worst = io;
                }
            }
        }
        if (worst < 0)
            break;
        drop[worst] = true;
        dropped++;
    }
    return dropped;
}

/* ---- ranks ---- */

/* Counts instead of sorting: n is a few hundred at most. */
void sn_fractional_ranks(double *rank, const double *x, int n)
{
    for (int i = 0; i < n; i++) {
        const double own = isnan(x[i]) ? -(double)INFINITY : x[i];
        double below = 0.0, same = 0.0;
        for (int j = 0; j < n; j++) {
            const double other = isnan(x[j]) ? -(double)INFINITY : x[j];
            below += other < own;
            same += other == own;
        }
        rank[i] = n > 1 ? (below + 0.5 * (same - 1.0)) / (n - 1) : 1.0;
    }
}
