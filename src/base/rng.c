/* Draws from Philox 4x32-10 as shipped by Random123: the key is the seed mixed
 * with the purpose, the counter is (epoch, item, index).  Every function below
 * evaluates one block, so that a draw costs the same wherever it stands. */

#include "base/rng.h"

#include <math.h>

#include <Random123/philox.h>

#include "base/status.h"

/* The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection
 * of 64 bits in which every input bit moves every output bit.  Neighbouring
 * seeds and purposes so become unrelated keys. */
static uint64_t mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
    return v ^ (v >> 31);
}

struct sn_rng sn_rng_make(uint64_t seed, enum sn_rng_purpose purpose)
{
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t key = mix(mix(seed) + golden * (uint64_t)purpose);
    return (struct sn_rng){{(uint32_t)key, (uint32_t)(key >> 32)}};
}

void sn_rng_words(struct sn_rng rng, uint32_t epoch, uint32_t item,
                  uint64_t index, uint32_t out[4])
{
    const philox4x32_key_t key = {{rng.key[0], rng.key[1]}};
    const philox4x32_ctr_t counter = {
        {epoch, item, (uint32_t)index, (uint32_t)(index >> 32)}};
    const philox4x32_ctr_t words = philox4x32(counter, key);
    for (int i = 0; i < 4; i++)
        out[i] = words.v[i];
}

/* Uniform in the open interval (0, 1): 52 bits and a half, all exact. */
static double open_unit(uint32_t high, uint32_t low)
{
    const uint64_t bits = ((uint64_t)high << 32 | low) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

double sn_rng_uniform(struct sn_rng rng, uint32_t epoch, uint32_t item,
                      uint64_t index)
{
    uint32_t word[4];
    sn_rng_words(rng, epoch, item, index, word);
    return (double)(word[0] >> 8) * 0x1p-24;
}

uint32_t sn_rng_below(struct sn_rng rng, uint32_t epoch, uint32_t item,
                      uint64_t index, uint32_t n)
{
    SN_CHECK(n >= 1);
    uint32_t word[4];
    sn_rng_words(rng, epoch, item, index, word);

    /* floor(n * (word[0] * 2^32 + word[1]) / 2^64); the sum cannot overflow */
    const uint64_t high = (uint64_t)n * word[0];
    const uint64_t low = (uint64_t)n * word[1];
    return (uint32_t)((high + (low >> 32)) >> 32);
}

double sn_rng_normal(struct sn_rng rng, uint32_t epoch, uint32_t item,
                     uint64_t index)
{
    const double two_pi = 6.283185307179586476925;
    uint32_t word[4];
    sn_rng_words(rng, epoch, item, index, word);
    const double radius = sqrt(-2.0 * log(open_unit(word[0], word[1])));
    return radius * cos(two_pi * open_unit(word[2], word[3]));
}

double sn_rng_gumbel(struct sn_rng rng, uint32_t epoch, uint32_t item,
                     uint64_t index)
{
    uint32_t word[4];
    sn_rng_words(rng, epoch, item, index, word);
    return -log(-log(open_unit(word[0], word[1])));
}
