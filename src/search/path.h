#ifndef SN_SEARCH_PATH_H
#define SN_SEARCH_PATH_H

/* mode = single-path: one sampled subnet a step, its probes joined into a table
 * of option values, sampling tilted to the budget (DESIGN 5, METHOD 1.4, 2.2).
 *
 * This file is the controller: choices and slopes in, plain arrays out.  It
 * knows nothing of tensors.
 *
 * The table.  Options of a decision stand in a row, small to large (ops as they
 * are listed).  Between option i-1 and i lies a gate u; probes see dL/du at its
 * two ends, u = 0 where i-1 is active (off) and u = 1 where i is (on).  Neither
 * end alone will do: behind a batch-norm the trained, active side carries no
 * signal or one of the wrong sign.  Their mean is the loss difference by the
 * trapezoid rule:
 *
 *   D_i = (On_i + Off_i) / 2,   Q_i = D_1 + ... + D_i,   A_i = Q_i - sum p_j
 * Q_j
 *
 * On and Off are averages that forget (decay .98 an observation).  The logits
 * hold accuracy alone and follow by mirror descent,
 *
 *   alpha_i -= kappa / (updates * sigma) * A_i
 *
 * sigma the root mean square of A, so that an option one sigma better than its
 * rivals ends kappa = 6 nats ahead, whatever the scale of the loss.
 *
 * What makes the frame (space.h) is drawn first, the rest inside it.  There D
 * is had directly: the same subnet on the same images, one option further. */

#include "search/budget.h"
#include "search/frames.h"
#include "search/probe.h"

struct sn_path_state {
    double logit[SN_MAX_OPTIONS]; /* alpha, exactly 0 at the start */
    /* of the boundary below an option; index 0 of a decision is unused */
    double on_sum[SN_MAX_OPTIONS], on_count[SN_MAX_OPTIONS];
    double off_sum[SN_MAX_OPTIONS], off_count[SN_MAX_OPTIONS];
    double spread_sum, spread_count; /* of A*A, and its bias correction */
    double updates;                  /* that moved logits; whole */
};

struct sn_path {
    const struct sn_space *space; /* borrowed, as are the next two */
    const struct sn_decisions *d;
    const struct sn_cost_table *cost;
    const struct sn_frames *frames; /* borrowed; NULL: one, of that cost */
    double target;                  /* T, seconds; 0: no budget */
    double start_target; /* E[LAT] of the uniform p, where T' begins */
    long warmup_updates, total_updates; /* planned architecture steps */
    uint64_t seed;
    struct sn_path_state state;
};

/* A controller at its start: logits 0.  start_target is set; the caller plans
 * warmup_updates and total_updates. */
void sn_path_init(struct sn_path *c, const struct sn_space *space,
                  const struct sn_decisions *d,
                  const struct sn_cost_table *cost, double target,
                  uint64_t seed);

/* For a space of several frames, behind init: what they cost.  Borrowed. */
void sn_path_frames(struct sn_path *c, const struct sn_frames *frames);

/* What a step is drawn from. */
struct sn_path_odds {
    double p[SN_MAX_OPTIONS];    /* the tilted logits; over all frames */
    double share[SN_MAX_FRAMES]; /* of each frame, where there are several */
    double target;               /* T', seconds; 0: no budget */
    double expected;             /* E_p[LAT] */
    double mu;
    double explore; /* share of the uniform distribution that is mixed in */
    double largest; /* probability of a large net instead */
};

/* The odds as the state stands; done: share of the whole search, 0 to 1,
 * after: of what lies behind the warm-up. */
void sn_path_odds(const struct sn_path *c, double done, double after,
                  struct sn_path_odds *odds);

/* The subnet of a weight step: an option for every decision, drawn from the
 * odds, none that rules bar together; now and then the largest net, its ops as
 * they are drawn, shrunk step by step where most latency is saved until it
 * costs 2.5 T' at most, or is as small as its ops let it be.  choice [count] is
 * overwritten.  `draw` counts draws of the run. */
void sn_path_draw(const struct sn_path *c, const struct sn_path_odds *odds,
                  uint32_t draw, bool may_be_large, int *choice);

/* What the subnet of an architecture step is asked: for every block it has one
 * question up (a larger expansion or kernel, or another op), what its gradients
 * answer by themselves, and for every stage one block less and more.  Returns
 * how many; probe [SN_MAX_PROBES]. */
int sn_path_ask(const struct sn_path *c, const int *choice, uint32_t draw,
                struct sn_probe *probe);

/* Another frame for the subnet of an architecture step, one option further in
 * one of its decisions: other [count] is overwritten, probe->slope is to be the
 * loss there less the loss of `choice`.  False where there is one frame. */
bool sn_path_flip(const struct sn_path *c, const int *choice, uint32_t draw,
                  struct sn_probe *probe, int *other);

/* Takes up the answers of one architecture step; unless `frozen` (warm-up) the
 * logits move. */
void sn_path_update(struct sn_path *c, const struct sn_probe *probe, int n,
                    const double *p, bool frozen);

/* The tilted logits at the end of the search: p [total]. */
void sn_path_end(const struct sn_path *c, double *p);

/* v = -A under the distribution p; value [total]. */
void sn_path_values(const struct sn_path *c, const double *p, double *value);

/* The likeliest option of every decision (the first on ties), and the latency
 * of that net.  choice [count]. */
double sn_path_argmax(const struct sn_path *c, const double *p, int *choice);

#endif
