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

void sn_path_frames(struct sn_path *c, const struct sn_frames *frames)
{
    double p[SN_MAX_OPTIONS], tau[SN_MAX_OPTIONS];
    c->frames = frames->count > 1 ? frames : NULL;
    if (!c->frames)
        return;
    sn_budget_softmax(c->d, c->state.logit, p);
    c->start_target = sn_frames_slopes(frames, c->d, p, tau);
}

/* Tilts to a target; returns E[LAT]. */
static double tilt(const struct sn_path *c, double target, double *p,
                   double *share, double *mu)
{
    double expected = 0.0;
    if (!c->frames) {
        sn_budget_tilt(c->cost, c->space, c->d, c->state.logit, target, p, mu);
        return sn_expected_latency(c->cost, c->space, c->d, p, NULL);
    }
    sn_budget_tilt_frames(c->frames, c->d, c->state.logit, target, p, share,
                          mu);
    for (int i = 0; i < c->frames->count; i++) {
        const struct sn_frame *f = &c->frames->item[i];
        double here[SN_MAX_OPTIONS];
        sn_budget_frame(&f->cost, &f->space, c->d, c->state.logit, target, *mu,
                        here);
        expected += share[i] *
                    sn_expected_latency(&f->cost, &f->space, c->d, here, NULL);
    }
    return expected;
}

void sn_path_end(const struct sn_path *c, double *p)
{
    double share[SN_MAX_FRAMES], mu;
    tilt(c, c->target, p, share, &mu);
}

void sn_path_odds(const struct sn_path *c, double done, double after,
                  struct sn_path_odds *odds)
{
    odds->target = 0.0;
    if (c->target > 0.0)
        odds->target = sn_budget_anneal(c->start_target, c->target, after);
    odds->explore = explore_start + (explore_end - explore_start) * done;
    odds->largest = largest_start + (largest_end - largest_start) * done;
    odds->expected = tilt(c, odds->target, odds->p, odds->share, &odds->mu);
}

/* ---- sampling ---- */

/* Indices of a draw: one of the option, others of what else is to be decided.
 * Part of every saved run. */
enum {
    PICK_OPTION,
    PICK_LARGEST,
    PICK_WAY,
    PICK_SIZE,
    PICK_KERNEL,
    PICK_FRAME,
    PICK_FLIP,
    PICK_FLIP_WAY
};

/* The kernel of an expansion's op, as it is chosen; -1 for other decisions. */
static int kernel_beside(const struct sn_path *c, const struct sn_decision *x,
                         const int *choice)
{
    return x->kind == SN_DECIDE_E ? choice[c->d->k[x->stage][x->block][x->op]]
                                  : -1;
}

/* Whether option i may stand beside what is chosen: rules may bar an expansion
 * together with a kernel. */
static bool may_stand(const struct sn_path *c, const int *choice, int id, int i)
{
    const struct sn_decision *x = &c->d->item[id];
    if (x->kind != SN_DECIDE_K && x->kind != SN_DECIDE_E)
        return true;
    const struct sn_op_space *of =
        &c->space->stage[x->stage].block[x->block].of[x->op];
    const int other = x->kind == SN_DECIDE_E
                          ? kernel_beside(c, x, choice)
                          : choice[c->d->e[x->stage][x->block][x->op]];
    return x->kind == SN_DECIDE_E ? sn_op_offers(of, other, i)
                                  : sn_op_offers(of, i, other);
}

/* An option from p with a share of chance; kernels are picked before the
 * expansions, which are then those that may stand beside them. */
static int pick(const struct sn_path *c, const struct sn_path_odds *odds,
                const double *p, uint32_t draw, const int *choice, int id)
{
    const struct sn_decision *d = &c->d->item[id];
    const bool last = d->kind == SN_DECIDE_E;
    double u = sn_rng_uniform(sn_rng_make(c->seed, SN_RNG_SAMPLE), draw,
                              (uint32_t)id, PICK_OPTION);
    double sum = 0.0, barred = 0.0;
    int found = 0;
    for (int i = 0; i < d->n && last; i++)
        if (!may_stand(c, choice, id, i))
            barred +=
                (1.0 - odds->explore) * p[d->first + i] + odds->explore / d->n;
    u *= 1.0 - barred;
    for (int i = 0; i < d->n; i++) {
        if (last && !may_stand(c, choice, id, i))
            continue;
        found = i;
        sum += (1.0 - odds->explore) * p[d->first + i] + odds->explore / d->n;
        if (u < sum)
            break;
    }
    return found;
}

static const struct sn_cost_table *cost_of(const struct sn_path *c,
                                           const int *choice)
{
    if (!c->frames)
        return c->cost;
    return &c->frames->item[sn_frame_of(c->space, c->d, choice)].cost;
}

static double latency_of(const struct sn_path *c, const int *choice)
{
    const struct sn_decisions *d = c->d;
    const struct sn_cost_table *cost = cost_of(c, choice);
    double sum = cost->fixed.seconds;
    for (int is = 0; is < c->space->n_stages; is++) {
        const struct sn_stage_space *s = &c->space->stage[is];
        for (int ib = 0; ib < s->depth[choice[d->depth[is]]]; ib++) {
            const sn_block_op op = s->block[ib].op[choice[d->op[is][ib]]];
            sum += cost->block[is][ib][op][choice[d->k[is][ib][op]]]
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
    for (int id = 0; id < c->d->frame; id++) {
        if (c->d->item[id].kind == SN_DECIDE_OP || choice[id] == 0 ||
            !sn_decision_met(c->space, c->d, choice, id) ||
            !may_stand(c, choice, id, choice[id] - 1))
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
    for (int id = 0; id < c->d->frame; id++)
        if (c->d->item[id].kind != SN_DECIDE_OP) {
            choice[id] = c->d->item[id].n - 1;
            while (c->d->item[id].kind == SN_DECIDE_E &&
                   !may_stand(c, choice, id, choice[id]))
                choice[id]--;
        }
    double latency = latency_of(c, choice);
    while (odds->target > 0.0 && latency > largest_cost * odds->target)
        if (!shrink(c, choice, &latency))
            return;
}

/* A frame from the shares, and the distribution inside it. */
static void pick_frame(const struct sn_path *c, const struct sn_path_odds *odds,
                       uint32_t draw, double *p, int *choice)
{
    const int n = c->frames->count;
    const double u = sn_rng_uniform(sn_rng_make(c->seed, SN_RNG_SAMPLE), draw,
                                    0, PICK_FRAME);
    double sum = 0.0;
    int i = 0;
    for (; i < n - 1; i++) {
        sum += (1.0 - odds->explore) * odds->share[i] + odds->explore / n;
        if (u < sum)
            break;
    }
    const struct sn_frame *f = &c->frames->item[i];
    sn_frame_choose(c->space, c->d, i, choice);
    sn_budget_frame(&f->cost, &f->space, c->d, c->state.logit, odds->target,
                    odds->mu, p);
}

void sn_path_draw(const struct sn_path *c, const struct sn_path_odds *odds,
                  uint32_t draw, bool may_be_large, int *choice)
{
    const struct sn_rng rng = sn_rng_make(c->seed, SN_RNG_SAMPLE);
    double here[SN_MAX_OPTIONS];
    const double *p = odds->p;
    if (c->frames) {
        pick_frame(c, odds, draw, here, choice);
        p = here;
    }
    for (int id = 0; id < c->d->frame; id++)
        choice[id] = pick(c, odds, p, draw, choice, id);
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
    return to >= 0 && to < a->c->d->item[id].n &&
           may_stand(a->c, a->choice, id, to);
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

bool sn_path_flip(const struct sn_path *c, const int *choice, uint32_t draw,
                  struct sn_probe *probe, int *other)
{
    const int n = c->d->count - c->d->frame;
    const struct sn_rng rng = sn_rng_make(c->seed, SN_RNG_SAMPLE);
    if (n == 0)
        return false;
    const int id =
        c->d->frame + (int)sn_rng_below(rng, draw, 0, PICK_FLIP, (uint32_t)n);
    const int from = choice[id];
    int to = from + (sn_rng_below(rng, draw, 0, PICK_FLIP_WAY, 2) ? 1 : -1);
    if (to < 0 || to >= c->d->item[id].n)
        to = 2 * from - to; /* the other way */
    memcpy(other, choice, (size_t)c->d->count * sizeof *other);
    other[id] = to;
    *probe = (struct sn_probe){.decision = id, .from = from, .to = to};
    return true;
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
    if (sn_decides_frame(&c->d->item[probe->decision])) {
        /* the whole difference: both ends of the gate at once */
        const bool up = probe->to > probe->from;
        const int io = first + (up ? probe->to : probe->from);
        const double x = up ? probe->slope : -probe->slope;
        take_up(&s->off_sum[io], &s->off_count[io], x);
        take_up(&s->on_sum[io], &s->on_count[io], x);
        return;
    }
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
