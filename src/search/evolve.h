#ifndef SN_SEARCH_EVOLVE_H
#define SN_SEARCH_EVOLVE_H

/* Evolution over nets within a budget, on a fitness that costs nothing: a table
 * of values, or a surrogate of measured accuracies (METHOD 1.8, 3.3; Cai et
 * al., "Once-for-All", ICLR 2020; Guo et al., "Single Path One-Shot", ECCV
 * 2020).
 *
 * A generation keeps the best quarter of 100 nets; half of the others are
 * crossings of two of them, half mutants, each decision changed with chance
 * 0.1.  What is over a budget is drawn again. */

#include "search/choice.h"

/* Nets, settled and none twice. */
struct sn_nets {
    int count; /* decisions of a net */
    int n, room;
    int *choice;     /* [room, count] owned, as are the others */
    double *fitness; /* [room] */
    uint64_t *hash;  /* [room] of the choices */
};

/* SN_ERR_MEMORY; nothing is held then. */
sn_status sn_nets_init(struct sn_nets *p, const struct sn_decisions *d,
                       int room, struct sn_error *err);
void sn_nets_release(struct sn_nets *p);

static inline int *sn_nets_at(const struct sn_nets *p, int i)
{
    return p->choice + (ptrdiff_t)i * p->count;
}

/* Index of a net, -1: it is not there. */
int sn_nets_find(const struct sn_nets *p, const int *choice);

/* Adds a net unless it is there or the pool is full.  Gives its index, -1 when
 * it was not added. */
int sn_nets_add(struct sn_nets *p, const int *choice, double fitness);

/* Fittest first; equal ones as they were added. */
void sn_nets_sort(struct sn_nets *p);

/* In how many decisions net i of a differs from net j of b. */
int sn_nets_differ(const struct sn_nets *a, int i, const struct sn_nets *b,
                   int j);

typedef double sn_fitness_fn(void *ctx, const int *choice);

enum { SN_POPULATION = 100 };

struct sn_evolution {
    const struct sn_choice_limits *limits; /* borrowed */
    sn_fitness_fn *fitness;
    void *ctx;
    int generations;
    uint32_t round; /* another number, other draws */
};

/* Adds nets to `pool` generation by generation, from those in it (whose fitness
 * is taken anew) and random ones; leaves it sorted.  It needs room for those
 * and SN_POPULATION * (generations + 1) more to hold all that were met.
 * SN_ERR_INFEASIBLE, SN_ERR_MEMORY. */
sn_status sn_evolve(const struct sn_evolution *e, struct sn_nets *pool,
                    struct sn_error *err);

/* Fitness by values of options, as a derivation adds them up (derive.h). */
struct sn_value_fitness {
    const struct sn_space *space;
    const struct sn_decisions *d;
    const double *value; /* [total] */
};
sn_fitness_fn sn_fitness_of_values;

#endif
