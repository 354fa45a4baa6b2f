#ifndef SN_SEARCH_GUMBEL_H
#define SN_SEARCH_GUMBEL_H

/* mode = gumbel: soft gates over shared weights, architecture parameters by
 * gradient, expected latency held to the budget by a PI controller
 * (DESIGN 5, METHOD 1.8 and 2.2).
 *
 * This file is the controller: plain arrays over options in, plain arrays out.
 * It knows nothing of tensors.  All of struct sn_gumbel_state is saved with a
 * run, so a resumed search continues to the bit. */

#include "search/budget.h"

typedef enum { SN_PENALTY_PI, SN_PENALTY_LOG } sn_penalty;

struct sn_gumbel_state {
    double logit[SN_MAX_OPTIONS]; /* alpha, exactly 0 at the start */
    double adam_m[SN_MAX_OPTIONS], adam_v[SN_MAX_OPTIONS];
    double value_sum[SN_MAX_OPTIONS];   /* EMA of v(d, i), decay .98 */
    double value_count[SN_MAX_OPTIONS]; /* EMA of its weight: bias correction */
    double integral;                    /* I of the PI rule */
    double ce_norm, lat_norm;           /* EMAs behind its scale s */
    double norm_count;                  /* their bias correction */
    double updates; /* architecture steps that moved logits; whole */
};

struct sn_gumbel {
    const struct sn_space *space; /* borrowed, as are the next two */
    const struct sn_decisions *d;
    const struct sn_cost_table *cost;
    sn_penalty penalty;
    double target;       /* T, seconds; 0: no budget, no penalty */
    double start_target; /* E[LAT] of the uniform p, where T' begins */
    uint64_t seed;
    struct sn_gumbel_state state;
};

/* A controller at its start: logits 0. */
void sn_gumbel_init(struct sn_gumbel *g, const struct sn_space *space,
                    const struct sn_decisions *d,
                    const struct sn_cost_table *cost, sn_penalty penalty,
                    double target, uint64_t seed);

/* tau = 5 * .06^t and T' (budget.h), t = share of the post-warm-up steps
 * done. */
double sn_gumbel_tau(double t);
double sn_gumbel_target(const struct sn_gumbel *g, double t);

/* Gates of one step: g = softmax((alpha + G) / tau) per decision, one Gumbel G
 * per option from counters (seed, step).  gate [total] overwritten. */
void sn_gumbel_gates(const struct sn_gumbel *g, uint32_t step, double tau,
                     double *gate);

/* p = softmax(alpha), without noise.  p [total] overwritten. */
void sn_gumbel_probabilities(const struct sn_gumbel *g, double *p);

/* dL/dalpha of one step, noise, temperature and lambda held fixed:
 *
 *   pi:   L = CE + lambda * (E[LAT]/T' - 1)
 *   log:  L = CE * .2 * ln(E[LAT] / 1 us)^.6
 *
 * CE depends on alpha through gate = softmax((alpha + G)/tau), E[LAT] through
 * p = softmax(alpha).  Without a budget (g->target 0) L = CE in both forms.
 *
 *   dgate [total]  read: dCE/dgate
 *   target         T', seconds
 *   ce             the step's cross-entropy, > 0; only `log` reads it
 *   grad  [total]  overwritten */
void sn_gumbel_gradient(const struct sn_gumbel *g, const double *gate,
                        const double *dgate, double tau, double lambda,
                        double target, double ce, double *grad);

/* One architecture step: values take up -dCE/dgate (divided by the gates that
 * enclose it, skipped below .05; centred by p when read), and unless `frozen`
 * (warm-up) the penalty's multiplier is updated and Adam (lr .01, betas
 * .5/.999) moves the logits.  t as above; ce is the step's cross-entropy. */
void sn_gumbel_update(struct sn_gumbel *g, const double *gate,
                      const double *dgate, double ce, double t, bool frozen);

/* v(d, i), bias-corrected and centred: v - sum_j p_j v_j.  value [total]. */
void sn_gumbel_values(const struct sn_gumbel *g, double *value);

/* Multiplier of the PI rule for E[LAT] = expected against T' = target as the
 * state stands: s * max(0, I + c), c = expected/target - 1; 0 without a budget
 * or with penalty `log`. */
double sn_gumbel_lambda(const struct sn_gumbel *g, double expected,
                        double target);

/* The option of greatest logit of every decision (first one on ties), and the
 * latency of that net. choice [count]. */
double sn_gumbel_argmax(const struct sn_gumbel *g, int *choice);

#endif
