#ifndef SN_SEARCH_DERIVE_H
#define SN_SEARCH_DERIVE_H

/* From values and costs to the best net within budgets (METHOD 2.4).
 *
 * The cost table is the only thing the search knows of a device; the option
 * values are the only thing derivation knows of training. */

#include "search/arch.h"
#include "search/limits.h"

/* Cost of every (block, option) of a space; entries of options a block does
 * not have are zero. */
struct sn_cost_table {
    struct sn_cost fixed; /* stem, head, pool, linear: of every arch */
    struct sn_cost block[SN_MAX_STAGES][SN_MAX_DEPTH][SN_OP_COUNT]
                        [SN_MAX_CHOICES][SN_MAX_CHOICES]; /* [op][ik][ie] */
}; /* about 1.3 MB: too large for the stack */

struct sn_target;

/* Prices the whole space on an accelerator.  SN_ERR_NUMERIC when an entry is
 * not a positive finite number. */
sn_status sn_cost_table_make(struct sn_cost_table *t,
                             const struct sn_space *space,
                             const struct sn_target *target,
                             struct sn_error *err);

/* The same into a table whose entries are all 0. */
sn_status sn_cost_table_price(struct sn_cost_table *t,
                              const struct sn_space *space,
                              const struct sn_target *target,
                              struct sn_error *err);

/* Cost of one net: sums of seconds, macs, params, weights; the peak of live
 * activations is exact (maximum over the operators of the whole net).  Seconds
 * are added in the order of sn_derive, so they are its very sum. */
void sn_arch_cost(struct sn_cost *cost, const struct sn_arch *arch,
                  const struct sn_target *target);

/* The attainable range of one kind of cost, whatever the others are. */
void sn_cost_range(const struct sn_cost_table *t, const struct sn_space *space,
                   sn_budget_kind kind, double *lowest, double *highest);

/* The same of one stage alone. */
void sn_stage_cost_range(const struct sn_cost_table *t,
                         const struct sn_space *space, sn_budget_kind kind,
                         int stage, double *lowest, double *highest);

/* Expected latency under independent choices with probabilities p [total]:
 *
 *   E = fixed + sum over stages s, blocks b of
 *       P(depth_s > b) * sum_op p(op) sum_k p(k|op) sum_e p(e|op) t
 *
 * grad [total], unless NULL, is overwritten with dE/dp (each p taken as free).
 * Source: METHOD 2.2. */
double sn_expected_latency(const struct sn_cost_table *t,
                           const struct sn_space *space,
                           const struct sn_decisions *d, const double *p,
                           double *grad);

struct sn_derived {
    double worth;
    double gap; /* no net within the budgets is worth more than worth + gap */
};

/* The net of greatest worth among those within all budgets.  A net is worth
 * the sum over stages of value(depth) plus, over its blocks, value(op) +
 * value(k|op) + value(e|op); `value` [total] may hold anything finite, NULL
 * makes all nets worth the same.
 *
 * With no budget or one that adds up (peak activations beside it or not) the
 * net is the best, the gap 0; ties go to the cheaper net, then to the option
 * listed first.  With several, dominance is decided in 256 steps and a
 * Lagrangian bound tells the gap, which is mostly 0 all the same.
 *
 * *out may be NULL.  SN_ERR_INFEASIBLE, naming the attainable range, when no
 * net is within the budgets; SN_ERR_MEMORY.  On failure *arch and *out are
 * untouched. */
sn_status sn_derive(struct sn_arch *arch, const struct sn_space *space,
                    const struct sn_decisions *d, const struct sn_cost_table *t,
                    const double *value, const struct sn_budget *budget,
                    struct sn_derived *out, struct sn_error *err);

#endif
