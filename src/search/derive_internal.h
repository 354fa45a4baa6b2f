#ifndef SN_SEARCH_DERIVE_INTERNAL_H
#define SN_SEARCH_DERIVE_INTERNAL_H

/* What the parts of the derivation share: the programme they solve.
 *
 * A net is a depth per stage and a *take* per block, one of the combinations
 * of op, kernel and expansion that the block offers and the budget of peak
 * activations lets stand.  Costs of up to three kinds add up, each held to its
 * limit; worths add up and are made as large as can be. */

#include "search/derive.h"

struct sn_take {
    double cost[SN_BUDGETS_ADDED], worth;
    short op, k, e; /* indices: of the block's op[], of that op's k[] and e[] */
};

struct sn_programme {
    const struct sn_space *space; /* borrowed, as are the decisions */
    const struct sn_decisions *d;
    int dims;                              /* kinds with a limit, at least 1 */
    sn_budget_kind kind[SN_BUDGETS_ADDED]; /* labels ascend in the first */
    double limit[SN_BUDGETS_ADDED], fixed[SN_BUDGETS_ADDED];
    struct sn_take *take;                   /* of all blocks, owned */
    int first[SN_MAX_STAGES][SN_MAX_DEPTH]; /* of a block's takes */
    int takes[SN_MAX_STAGES][SN_MAX_DEPTH]; /* how many; ascending as listed */
    int n_depth[SN_MAX_STAGES]; /* options whose blocks all have takes */
    double depth_worth[SN_MAX_STAGES][SN_MAX_CHOICES];
};

/* One net of it: a depth option per stage, a take per block up to it. */
struct sn_pick {
    short depth[SN_MAX_STAGES];
    short take[SN_MAX_STAGES][SN_MAX_DEPTH];
};

/* Blocks of a stage at its deepest option that still stands. */
int sn_programme_depth(const struct sn_programme *p, int stage);

/* Least and greatest cost of a stage in dimension i. */
void sn_programme_range(const struct sn_programme *p, int stage, int i,
                        double *lowest, double *highest);

/* Costs and worth of a net; false when some limit is exceeded. */
bool sn_pick_measure(const struct sn_programme *p, const struct sn_pick *pick,
                     double *cost, double *worth);

/* ---- derive_bound.c: what no net can exceed ---- */

/* Multipliers of the limits, and what they say of nets begun: the worth of any
 * way on from a label, less what it costs at these prices. */
struct sn_bound {
    double price[SN_BUDGETS_ADDED]; /* worth of a unit of each cost */
    double most;                    /* no net within the limits is worth more */
    double behind[SN_MAX_STAGES];   /* all stages behind this one */
    double inside[SN_MAX_STAGES][SN_MAX_DEPTH]; /* and the rest of this one */
    double floor; /* worth of a net that is known: less is not looked at */
};

/* Finds prices near the best ones by subgradient steps, starting from *pick, a
 * net within all limits, which is replaced by better ones that are met. */
void sn_bound_find(struct sn_bound *b, const struct sn_programme *p,
                   struct sn_pick *pick);

/* ---- derive_chain.c: the search over labels ---- */

/* The net of greatest worth; exact without a bound and with one limit.  With
 * several, of two nets begun whose further costs lie in the same of 256 steps
 * the one that is cheaper in the first kind and worth more is kept: *lost is
 * then the most that a net passed over could be worth (-INFINITY: none was).
 * *found is false when no net is within the limits, or none is worth more than
 * b->floor.  SN_ERR_MEMORY. */
sn_status sn_chain_run(const struct sn_programme *p, const struct sn_bound *b,
                       struct sn_pick *pick, bool *found, double *lost,
                       struct sn_error *err);

#endif
