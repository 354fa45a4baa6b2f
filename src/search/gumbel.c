/* The controller of mode = gumbel: FBNet's relaxed choices (Wu et al., CVPR
 * 2019) with a PI controller for the multiplier (after Stooke et al., ICML
 * 2020).  METHOD 1.8 and 2.2 give the rules and their constants. */

#include "search/gumbel.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

/* METHOD's constants. */
static const double tau_start = 5.0, tau_fall = 0.06;
static const double ema_decay = 0.98;
static const double gain_integral = 0.02, gain_proportional = 1.0;
static const double integral_max = 50.0;
static const double adam_rate = 0.01, adam_beta1 = 0.5, adam_beta2 = 0.999;
static const double adam_epsilon = 1e-8;
static const double log_scale = 0.2, log_power = 0.6;
static const double gate_floor = 0.05; /* below it a value is not observed */

/* ---- schedules ---- */

double sn_gumbel_tau(double t)
{
    return tau_start * pow(tau_fall, t);
}

double sn_gumbel_target(const struct sn_gumbel *g, double t)
{
    return sn_budget_anneal(g->start_target, g->target, t);
}

/* ---- distributions ---- */

/* out = softmax(in / tau) over one decision. */
static void softmax(double *out, const double *in, int n, double tau)
{
    double top = in[0], sum = 0.0;
    for (int i = 1; i < n; i++)
        top = fmax(top, in[i]);
    for (int i = 0; i < n; i++)
        sum += out[i] = exp((in[i] - top) / tau);
    for (int i = 0; i < n; i++)
        out[i] /= sum;
}

/* din of a softmax, given its output and dout; in place allowed. */
static void softmax_bwd(double *din, const double *out, const double *dout,
                        int n, double tau)
{
    double mean = 0.0;
    for (int i = 0; i < n; i++)
        mean += out[i] * dout[i];
    for (int i = 0; i < n; i++)
        din[i] = out[i] * (dout[i] - mean) / tau;
}

void sn_gumbel_gates(const struct sn_gumbel *g, uint32_t step, double tau,
                     double *gate)
{
    const struct sn_rng rng = sn_rng_make(g->seed, SN_RNG_GATE);
    for (int id = 0; id < g->d->count; id++) {
        const struct sn_decision *d = &g->d->item[id];
        double noisy[SN_MAX_CHOICES];
        for (int i = 0; i < d->n; i++)
            noisy[i] = g->state.logit[d->first + i] +
                       sn_rng_gumbel(rng, step, (uint32_t)id, (uint64_t)i);
        softmax(gate + d->first, noisy, d->n, tau);
    }
}

void sn_gumbel_probabilities(const struct sn_gumbel *g, double *p)
{
    sn_budget_softmax(g->d, g->state.logit, p);
}

void sn_gumbel_init(struct sn_gumbel *g, const struct sn_space *space,
                    const struct sn_decisions *d,
                    const struct sn_cost_table *cost, sn_penalty penalty,
                    double target, uint64_t seed)
{
    memset(g, 0, sizeof *g);
    g->space = space;
    g->d = d;
    g->cost = cost;
    g->penalty = penalty;
    g->target = target;
    g->seed = seed;
    double p[SN_MAX_OPTIONS] = {0};
    sn_gumbel_probabilities(g, p);
    g->start_target = sn_expected_latency(cost, space, d, p, NULL);
}

/* ---- gradient ---- */

/* The part through the gates: dCE/dalpha. */
static void loss_gradient(const struct sn_gumbel *g, const double *gate,
                          const double *dgate, double tau, double *grad)
{
    for (int id = 0; id < g->d->count; id++) {
        const struct sn_decision *d = &g->d->item[id];
        softmax_bwd(grad + d->first, gate + d->first, dgate + d->first, d->n,
                    tau);
    }
}

/* E[LAT], and its gradient dE[LAT]/dalpha. */
static double latency_gradient(const struct sn_gumbel *g, double *grad)
{
    double p[SN_MAX_OPTIONS] = {0};
    sn_gumbel_probabilities(g, p);
    const double expected =
        sn_expected_latency(g->cost, g->space, g->d, p, grad);
    for (int id = 0; id < g->d->count; id++) {
        const struct sn_decision *d = &g->d->item[id];
        softmax_bwd(grad + d->first, p + d->first, grad + d->first, d->n, 1.0);
    }
    return expected;
}

/* f(E) = .2 * ln(E / 1 us)^.6 and its slope.  FBNet means nets of many
 * microseconds; nearer to one than a tenth the logarithm is held there. */
static double log_penalty(double expected, double *slope)
{
    const double held = 0.1;
    const double u = log(expected * 1e6);
    *slope = 0.0;
    if (u > held)
        *slope = log_scale * log_power * pow(u, log_power - 1.0) / expected;
    return log_scale * pow(fmax(u, held), log_power);
}

/* L's gradient from those of its parts: *grad, that of CE, becomes L's. */
static void join_gradients(const struct sn_gumbel *g, double *grad,
                           const double *lat, double expected, double lambda,
                           double target, double ce)
{
    double of_ce = 1.0, of_lat = 0.0;
    if (g->target > 0.0 && g->penalty == SN_PENALTY_PI)
        of_lat = lambda / target;
    if (g->target > 0.0 && g->penalty == SN_PENALTY_LOG) {
        double slope;
        of_ce = log_penalty(expected, &slope);
        of_lat = ce * slope;
    }
    for (int io = 0; io < g->d->total; io++)
        grad[io] = of_ce * grad[io] + of_lat * lat[io];
}

void sn_gumbel_gradient(const struct sn_gumbel *g, const double *gate,
                        const double *dgate, double tau, double lambda,
                        double target, double ce, double *grad)
{
    double lat[SN_MAX_OPTIONS] = {0};
    loss_gradient(g, gate, dgate, tau, grad);
    const double expected = latency_gradient(g, lat);
    join_gradients(g, grad, lat, expected, lambda, target, ce);
}

/* ---- values ---- */

/* Share of the output that a decision's block stands in: the gates of the
 * depths that reach it, and for kernel and expansion the op's own. */
static double enclosing(const struct sn_gumbel *g, const double *gate,
                        const struct sn_decision *d)
{
    if (d->kind == SN_DECIDE_DEPTH)
        return 1.0;
    const struct sn_stage_space *s = &g->space->stage[d->stage];
    const double *depth = gate + g->d->item[g->d->depth[d->stage]].first;
    double share = 0.0;
    for (int i = 0; i < s->n_depth; i++)
        share += s->depth[i] > d->block ? depth[i] : 0.0;
    if (d->kind == SN_DECIDE_OP)
        return share;
    const struct sn_block_space *b = &s->block[d->block];
    const double *op = gate + g->d->item[g->d->op[d->stage][d->block]].first;
    for (int i = 0; i < b->n_op; i++)
        if (b->op[i] == d->op)
            share *= op[i];
    return share;
}

static void observe_values(struct sn_gumbel *g, const double *gate,
                           const double *dgate)
{
    for (int id = 0; id < g->d->count; id++) {
        const struct sn_decision *d = &g->d->item[id];
        const double share = enclosing(g, gate, d);
        if (share < gate_floor)
            continue;
        for (int io = d->first; io < d->first + d->n; io++) {
            g->state.value_sum[io] = ema_decay * g->state.value_sum[io] -
                                     (1.0 - ema_decay) * dgate[io] / share;
            g->state.value_count[io] =
                ema_decay * g->state.value_count[io] + (1.0 - ema_decay);
        }
    }
}

void sn_gumbel_values(const struct sn_gumbel *g, double *value)
{
    double p[SN_MAX_OPTIONS] = {0};
    sn_gumbel_probabilities(g, p);
    for (int id = 0; id < g->d->count; id++) {
        const struct sn_decision *d = &g->d->item[id];
        double mean = 0.0;
        for (int io = d->first; io < d->first + d->n; io++) {
            const double count = g->state.value_count[io];
            value[io] = count > 0.0 ? g->state.value_sum[io] / count : 0.0;
            mean += p[io] * value[io];
        }
        for (int io = d->first; io < d->first + d->n; io++)
            value[io] -= mean;
    }
}

/* ---- one step ---- */

static double norm(const double *x, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* Takes up an observation into an EMA whose count is kept beside it. */
static double ema(double old, double x)
{
    return ema_decay * old + (1.0 - ema_decay) * x;
}

double sn_gumbel_lambda(const struct sn_gumbel *g, double expected,
                        double target)
{
    const struct sn_gumbel_state *s = &g->state;
    if (g->target <= 0.0 || g->penalty != SN_PENALTY_PI || s->lat_norm <= 0.0)
        return 0.0; /* no budget, or nothing that latency depends on */
    const double error = expected / target - 1.0;
    const double scale = s->ce_norm / s->lat_norm; /* same count: cancels */
    return scale * fmax(0.0, s->integral + gain_proportional * error);
}

/* The PI rule takes up one step: integral and the norms behind its scale. */
static void update_controller(struct sn_gumbel *g, const double *grad_ce,
                              const double *grad_lat, double expected,
                              double target)
{
    struct sn_gumbel_state *s = &g->state;
    if (g->target <= 0.0 || g->penalty != SN_PENALTY_PI)
        return;
    const double error = expected / target - 1.0;
    s->integral =
        fmin(fmax(s->integral + gain_integral * error, 0.0), integral_max);
    s->ce_norm = ema(s->ce_norm, norm(grad_ce, g->d->total));
    s->lat_norm = ema(s->lat_norm, norm(grad_lat, g->d->total) / target);
    s->norm_count = ema(s->norm_count, 1.0);
}

/* Adam (Kingma and Ba 2015), no decay. */
static void adam(struct sn_gumbel_state *s, const double *grad, int n)
{
    s->updates += 1.0;
    const double seen1 = 1.0 - pow(adam_beta1, s->updates);
    const double seen2 = 1.0 - pow(adam_beta2, s->updates);
    for (int i = 0; i < n; i++) {
        s->adam_m[i] = adam_beta1 * s->adam_m[i] + (1.0 - adam_beta1) * grad[i];
        s->adam_v[i] =
            adam_beta2 * s->adam_v[i] + (1.0 - adam_beta2) * grad[i] * grad[i];
        s->logit[i] -= adam_rate * (s->adam_m[i] / seen1) /
                       (sqrt(s->adam_v[i] / seen2) + adam_epsilon);
    }
}

void sn_gumbel_update(struct sn_gumbel *g, const double *gate,
                      const double *dgate, double ce, double t, bool frozen)
{
    double grad[SN_MAX_OPTIONS] = {0}, lat[SN_MAX_OPTIONS] = {0};
    observe_values(g, gate, dgate);
    if (frozen)
        return;
    const double target = sn_gumbel_target(g, t);
    loss_gradient(g, gate, dgate, sn_gumbel_tau(t), grad);
    const double expected = latency_gradient(g, lat);
    update_controller(g, grad, lat, expected, target);
    join_gradients(g, grad, lat, expected,
                   sn_gumbel_lambda(g, expected, target), target, ce);
    adam(&g->state, grad, g->d->total);
}

double sn_gumbel_argmax(const struct sn_gumbel *g, int *choice)
{
    double p[SN_MAX_OPTIONS] = {0};
    for (int id = 0; id < g->d->count; id++) {
        const struct sn_decision *d = &g->d->item[id];
        const double *logit = g->state.logit + d->first;
        choice[id] = 0;
        for (int i = 1; i < d->n; i++)
            if (logit[i] > logit[choice[id]])
                choice[id] = i;
        p[d->first + choice[id]] = 1.0;
    }
    return sn_expected_latency(g->cost, g->space, g->d, p, NULL);
}
