#ifndef SN_BASE_RNG_H
#define SN_BASE_RNG_H

/* Chance without state.
 *
 * A draw is a pure function of (seed, purpose; epoch, item, index): Philox
 * 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011).  So a draw does not depend on the order of draws, the number of
 * threads, or on whether the run was interrupted, and no generator is ever
 * saved. */

#include <stdint.h>

/* What a draw is for.  Values are part of every saved run: append only. */
enum sn_rng_purpose {
    SN_RNG_INIT = 1, /* weights: epoch 0, item = parameter, index = element */
    SN_RNG_SHUFFLE = 2,  /* order of the images of an epoch */
    SN_RNG_SPLIT = 3,    /* which images are held out */
    SN_RNG_AUGMENT = 4,  /* item = image */
    SN_RNG_FLIP = 5,     /* the alternating flip's hash of an image */
    SN_RNG_GATE = 6,     /* Gumbel noise: epoch = step, item = decision */
    SN_RNG_SCENE = 7,    /* item = picture */
    SN_RNG_SAMPLE = 8,   /* sampled subnets: epoch = step, item = decision */
    SN_RNG_SYNTHETIC = 9, /* made-up data of benches and tests */
    SN_RNG_FIT = 10, /* rows and columns of a regression's trees and folds */
    SN_RNG_CANDIDATE = 11, /* nets that are compared: epoch = which of them */
    SN_RNG_EVOLVE = 12 /* crossings and mutants: epoch = round, generation */
};

/* The key of a stream; passed by value. */
struct sn_rng {
    uint32_t key[2];
};

struct sn_rng sn_rng_make(uint64_t seed, enum sn_rng_purpose purpose);

/* Four independent 32-bit words. */
void sn_rng_words(struct sn_rng rng, uint32_t epoch, uint32_t item,
                  uint64_t index, uint32_t out[4]);

/* Uniform in [0, 1), 24 bits: exact in float. */
double sn_rng_uniform(struct sn_rng rng, uint32_t epoch, uint32_t item,
                      uint64_t index);

/* Uniform integer in [0, n), n >= 1; the bias is below n / 2^64. */
uint32_t sn_rng_below(struct sn_rng rng, uint32_t epoch, uint32_t item,
                      uint64_t index, uint32_t n);

/* Standard normal (Box-Muller on one block of words). */
double sn_rng_normal(struct sn_rng rng, uint32_t epoch, uint32_t item,
                     uint64_t index);

/* Standard Gumbel, -ln(-ln u). */
double sn_rng_gumbel(struct sn_rng rng, uint32_t epoch, uint32_t item,
                     uint64_t index);

#endif
