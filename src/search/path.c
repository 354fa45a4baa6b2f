/* The controller of mode = single-path; see path.h.  Constants are METHOD's
 * (1.4, 2.2). */

#include "search/path.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

static const double ema_decay = 0.98, kappa = 6.0;
static const double explore_start = 0.2, explore_end = 0.05;
static const double largest_start = 0.25, largest_end = 0.05;
static const double largest_cost = 2.5; /* of T' */
static const double ask_op = 0.25;      /* else its size */

void sn_path_init(struct sn_path *c, const struct sn_space *space,
                  const struct sn_decisions *d,
                  const struct sn_cost_table *cost, double target,
                  uint64_t seed)
{
    double p[SN_MAX_OPTIONS];
    memset(c, 0, sizeof *c);
    c->space = space;
    c->d = d;
    c->cost = cost;
    c->target = target;
    c->seed = seed;
    sn_budget_softmax(d, c->state.logit, p);
    c->start_target = sn_expected_latency(cost, space, d, p, NULL);
}

void sn_path_odds(const struct sn_path *c, double done, double after,
                  struct sn_path_odds *odds)
{
    const struct sn_path_state *s = &c->state;
    odds->target = 0.0;
    if (c->target > 0.0)
        odds->target = sn_budget_anneal(c->start_target, c->target, after);
    odds->explore = explore_start + (explore_end - explore_start) * done;
    odds->largest = largest_start + (largest_end - largest_start) * done;
    sn_budget_tilt(c->cost, c->space, c->d, s->logit, odds->target, odds->p,
                   &odds->mu);
    odds->expected =
        sn_expected_latency(c->cost, c->space, c->d, odds->p, NULL);
}

/* ---- sampling ---- */

/* Indices of a draw: one of the option, others of what else is to be decided.
 * Part of every saved run. */
enum { PICK_OPTION, PICK_LARGEST, PICK_WAY, PICK_SIZE, PICK_KERNEL };

static int pick(const struct sn_path *c, const struct sn_path_odds *odds,
                uint32_t draw, int id)
{
    const struct sn_decision *d = &c->d->item[id];
    const double u = sn_rng_uniform(sn_rng_make(c->seed, SN_RNG_SAMPLE), draw,
                                    (uint32_t)id, PICK_OPTION);
    double sum = 0.0;
    for (int i = 0; i < d->n; i++) {
        sum += (1.0 - odds->explore) * odds->p[d->first + i] +
               odds->explore / d->n;
        if (u < sum)
            return i;
    }
    return d->n - 1;
}

static double latency_of(const struct sn_path *c, const int *choice)
{
    const struct sn_decisions *d = c->d;
    double sum = c->cost->fixed.seconds;
    for (int is = 0; is < c->space->n_stages; is++) {
        const struct sn_stage_space *s = &c->space->stage[is];
        for (int ib = 0; ib < s->depth[choice[d->depth[is]]]; ib++) {
            const sn_block_op op = s->block[ib].op[choice[d->op[is][ib]]];
            sum += c->cost
                       ->block[is][ib][op][choice[d->k[is][ib][op]]]
                              [choice[d->e[is][ib][op]]]
                       .seconds;
        }
    }
    return sum;
}

/* One size less where that saves most; false when all are smallest. */
static bool shrink(const struct sn_path *c, int *choice, double *latency)
{
    int best = -1;
    double least = *latency;
    for (int id = 0; id < c->d->count; id++) {
        if (c->d->item[id].kind == SN_DECIDE_OP || choice[id] == 0 ||
            !sn_decision_met(c->space, c->d, choice, id))
            continue;
        choice[id]--;
        const double now = latency_of(c, choice);
        choice[id]++;
        if (best < 0 || now < least) {
            best = id;
            least = now;
        }
    }
    if (best < 0)
        return false;
    choice[best]--;
    *latency = least;
    return true;
}

static void enlarge(const struct sn_path *c, const struct sn_path_odds *odds,
                    int *choice)
{
    for (int id = 0; id < c->d->count; id++)
        if (c->d->item[id].kind != SN_DECIDE_OP)
            choice[id] = c->d->item[id].n - 1;
    double latency = latency_of(c, choice);
    while (odds->target > 0.0 && latency > largest_cost * odds->target)
        if (!shrink(c, choice, &latency))
            return;
}

void sn_path_draw(const struct sn_path *c, const struct sn_path_odds *odds,
                  uint32_t draw, bool may_be_large, int *choice)
{
    const struct sn_rng rng = sn_rng_make(c->seed, SN_RNG_SAMPLE);
    for (int id = 0; id < c->d->count; id++)
        choice[id] = pick(c, odds, draw, id);
    if (may_be_large &&
        sn_rng_uniform(rng, draw, 0, PICK_LARGEST) < odds->largest)
        enlarge(c, odds, choice);
}

/* ---- questions ---- */

struct asking {
    const struct sn_path *c;
    const int *choice;
    struct sn_probe *probe;
    int n;
};

static bool has_next(const struct asking *a, int id, int way)
{
    const int to = a->choice[id] + way;
    return to >= 0 && to < a->c->d->item[id].n;
}

static void ask(struct asking *a, int id, int way)
{
    if (has_next(a, id, way))
        a->probe[a->n++] = (struct sn_probe){
            .decision = id, .from = a->choice[id], .to = a->choice[id] + way};
}

/* Another op or a larger size: one of them, which costs a part of the block's
 * own step.  Fewer questions about ops, as these cost most. */
static void ask_block(struct asking *a, int is, int ib, uint32_t draw)
{
    const struct sn_decisions *d = a->c->d;
    const struct sn_rng rng = sn_rng_make(a->c->seed, SN_RNG_SAMPLE);
    const int io = d->op[is][ib];
    const sn_block_op op = a->c->space->stage[is].block[ib].op[a->choice[io]];
    const int k = d->k[is][ib][op], e = d->e[is][ib][op];
    const bool down = op != SN_OP_IBN && has_next(a, k, -1);
    const bool kernels = has_next(a, k, 1) || down;
    const bool sizes = kernels || has_next(a, e, 1);
    const uint32_t item = (uint32_t)io;
    if (op == SN_OP_IBN)
        ask(a, k, -1); /* free */
    ask(a, e, -1);
    if (d->item[io].n > 1 &&
        (!sizes || sn_rng_uniform(rng, draw, item, PICK_WAY) < ask_op)) {
        const bool up =
            !has_next(a, io, -1) ||
            (has_next(a, io, 1) && sn_rng_below(rng, draw, item, PICK_SIZE, 2));
        ask(a, io, up ? 1 : -1);
    } else if (kernels && (!has_next(a, e, 1) ||
                           sn_rng_below(rng, draw, item, PICK_SIZE, 2))) {
        const bool up =
            !down || (has_next(a, k, 1) &&
                      sn_rng_below(rng, draw, item, PICK_KERNEL, 2));
        ask(a, k, up ? 1 : -1);
    } else {
        ask(a, e, 1);
    }
}

int sn_path_ask(const struct sn_path *c, const int *choice, uint32_t draw,
                struct sn_probe *probe)
{
    struct asking a = {c, choice, probe, 0};
    for (int is = 0; is < c->space->n_stages; is++) {
        const int depth = c->d->depth[is];
        ask(&a, depth, -1); /* nothing is run for it */
        ask(&a, depth, 1);
        for (int ib = 0; ib < c->space->stage[is].depth[choice[depth]]; ib++)
            ask_block(&a, is, ib, draw);
    }
    return a.n;
}

/* ---- the table ---- */

static void take_up(double *sum, double *count, double x)
{
    *sum = ema_decay * *sum + (1.0 - ema_decay) * x;
    *count = ema_decay * *count + (1.0 - ema_decay);
}

static void observe(struct sn_path *c, const struct sn_probe *probe)
{
    struct sn_path_state *s = &c->state;
    const int first = c->d->item[probe->decision].first;
    if (probe->to > probe->from)
        take_up(&s->off_sum[first + probe->to],
                &s->off_count[first + probe->to], probe->slope);
    else
        take_up(&s->on_sum[first + probe->from],
                &s->on_count[first + probe->from], -probe->slope);
}

/* D of the boundary below option io; 0 until both ends were seen. */
static double difference(const struct sn_path_state *s, int io)
{
    if (s->on_count[io] <= 0.0 || s->off_count[io] <= 0.0)
        return 0.0;
    return 0.5 * (s->on_sum[io] / s->on_count[io] +
                  s->off_sum[io] / s->off_count[io]);
}

void sn_path_values(const struct sn_path *c, const double *p, double *value)
{
    for (int id = 0; id < c->d->count; id++) {
        const struct sn_decision *d = &c->d->item[id];
        double q = 0.0, mean = 0.0;
        for (int i = 0; i < d->n; i++) {
            const int io = d->first + i;
            q += i > 0 ? difference(&c->state, io) : 0.0;
            value[io] = -q;
            mean += p[io] * value[io];
        }
        for (int io = d->first; io < d->first + d->n; io++)
            value[io] -= mean;
    }
}

/* Mean square of the values of all decisions that have something to choose. */
static double spread(const struct sn_path *c, const double *value)
{
    double sum = 0.0;
    int options = 0;
    for (int id = 0; id < c->d->count; id++) {
        const struct sn_decision *d = &c->d->item[id];
        for (int io = d->first; d->n > 1 && io < d->first + d->n; io++) {
            sum += value[io] * value[io];
            options++;
        }
    }
    return options > 0 ? sum / options : 0.0;
}

void sn_path_update(struct sn_path *c, const struct sn_probe *probe, int n,
                    const double *p, bool frozen)
{
    struct sn_path_state *s = &c->state;
    double value[SN_MAX_OPTIONS];
    for (int i = 0; i < n; i++)
        observe(c, &probe[i]);
    sn_path_values(c, p, value);
    take_up(&s->spread_sum, &s->spread_count, spread(c, value));
    const double sigma = sqrt(s->spread_sum / s->spread_count);
    const long planned = c->total_updates - c->warmup_updates;
    if (frozen)
        return;
    s->updates += 1.0;
    for (int io = 0; sigma > 0.0 && io < c->d->total; io++)
        s->logit[io] += kappa / ((double)planned * sigma) * value[io];
}

double sn_path_argmax(const struct sn_path *c, const double *p, int *choice)
{
    for (int id = 0; id < c->d->count; id++) {
        const struct sn_decision *d = &c->d->item[id];
        choice[id] = 0;
        for (int i = 1; i < d->n; i++)
            if (p[d->first + i] > p[d->first + choice[id]])
                choice[id] = i;
    }
    return latency_of(c, choice);
}
