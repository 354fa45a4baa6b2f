#ifndef SN_SEARCH_SURROGATE_H
#define SN_SEARCH_SURROGATE_H

/* What nets would score, from the scores of some: ridge regression on the
 * options a net has and on pairs of neighbouring ones (METHOD 1.8; the pairs as
 * in BINAS, arXiv 2110.12399), in its dual form, as there are more features
 * than nets:
 *
 *   k(a, b) = #{options that both have} + #{pairs that both have} / 2
 *   f(a) = mean + sum over i of weight_i * k(a, net_i)
 *   (K + lambda I) weight = y - mean
 *
 * A pair is two decisions with something to choose, one behind the other, both
 * met.  lambda is the one of four with the least error on nets left out one by
 * one, for which the fit need not be made again (Allen's PRESS). */

#include "search/evolve.h"

struct sn_surrogate {
    const struct sn_space *space; /* borrowed, as are d and the pool */
    const struct sn_decisions *d;
    const struct sn_nets *pool; /* nets and their scores: its fitness */
    double *weight;             /* [pool->n] owned */
    double mean;
    double lambda; /* chosen */
    double error;  /* root mean square on nets left out */
};

/* Fits the scores of a pool of two nets at least.  SN_ERR_MEMORY; nothing is
 * held then. */
sn_status sn_surrogate_fit(struct sn_surrogate *s,
                           const struct sn_choice_limits *l,
                           const struct sn_nets *pool, struct sn_error *err);
void sn_surrogate_release(struct sn_surrogate *s);

/* f of a settled net; `ctx` is the surrogate: a fitness (evolve.h). */
sn_fitness_fn sn_surrogate_score;

/* The part of single options, as values that a derivation adds up, each less
 * the mean of its decision; value [d->total] overwritten. */
void sn_surrogate_values(const struct sn_surrogate *s, double *value);

#endif
