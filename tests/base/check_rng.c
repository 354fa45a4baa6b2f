/* Chance: the published vectors of Philox, and the shape of each draw. */

#include "check.h"

#include <math.h>

#include "base/rng.h"

enum { DRAWS = 200000 };

/* Known answers of the Random123 distribution for philox4x32 with 10 rounds. */
static void published_vectors(void **state)
{
    (void)state;
    const struct {
        struct sn_rng rng;
        uint32_t epoch, item;
        uint64_t index;
        uint32_t want[4];
    } cases[] = {
        {{{0, 0}}, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{{UINT32_MAX, UINT32_MAX}},
         UINT32_MAX,
         UINT32_MAX,
         UINT64_MAX,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{{0xa4093822, 0x299f31d0}},
         0x243f6a88,
         0x85a308d3,
         UINT64_C(0x0370734413198a2e),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t word[4];
        sn_rng_words(cases[i].rng, cases[i].epoch, cases[i].item,
                     cases[i].index, word);
        for (int iw = 0; iw < 4; iw++)
            assert_int_equal(word[iw], cases[i].want[iw]);
    }
}

/* Seeds and purposes next to each other give keys with nothing in common. */
static void keys_are_unrelated(void **state)
{
    (void)state;
    int bits = 0, pairs = 0;
    for (uint64_t seed = 0; seed < 64; seed++)
        for (int purpose = 1; purpose < 9; purpose++) {
            const struct sn_rng a =
                sn_rng_make(seed, (enum sn_rng_purpose)purpose);
            const struct sn_rng b =
                sn_rng_make(seed, (enum sn_rng_purpose)(purpose + 1));
            const struct sn_rng c =
                sn_rng_make(seed + 1, (enum sn_rng_purpose)purpose);
            bits += __builtin_popcount(a.key[0] ^ b.key[0]) +
                    __builtin_popcount(a.key[1] ^ c.key[1]);
            pairs += 2;
        }
    const double mean = (double)bits / pairs; /* 16 of 32 bits differ */
    assert_true(mean > 15 && mean < 17);
}

static void uniform_is_uniform(void **state)
{
    (void)state;
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_INIT);
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double u = sn_rng_uniform(rng, 1, 2, i);
        assert_true(u >= 0 && u < 1);
        assert_true((double)(float)u == u); /* exact in float */
        sum += u;
        squares += u * u;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 0.004);
    assert_true(fabs(squares / DRAWS - 1.0 / 3) < 0.004);
}

static void below_reaches_all_and_no_more(void **state)
{
    (void)state;
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SHUFFLE);
    int seen[7] = {0};
    for (uint64_t i = 0; i < 70000; i++) {
        const uint32_t v = sn_rng_below(rng, 0, 0, i, 7);
        assert_true(v < 7);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(seen[i] > 9500 && seen[i] < 10500);
    assert_int_equal(sn_rng_below(rng, 0, 0, 5, 1), 0);
    uint32_t greatest = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        const uint32_t v = sn_rng_below(rng, 0, 0, i, UINT32_MAX);
        greatest = v > greatest ? v : greatest;
    }
    assert_true(greatest > UINT32_MAX - UINT32_MAX / 100);
}

static void normal_and_gumbel_moments(void **state)
{
    (void)state;
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_GATE);
    const double euler = 0.5772156649, gumbel_variance = 1.6449340668;
    double n[4] = {0}, g[2] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double z = sn_rng_normal(rng, 0, 0, i);
        const double v = sn_rng_gumbel(rng, 0, 1, i);
        assert_true(isfinite(z) && isfinite(v));
        for (int k = 0; k < 4; k++)
            n[k] += pow(z, k + 1) / DRAWS;
        g[0] += v / DRAWS;
        g[1] += (v - euler) * (v - euler) / DRAWS;
    }
    assert_true(fabs(n[0]) < 0.012 && fabs(n[1] - 1) < 0.02);
    assert_true(fabs(n[2]) < 0.05 && fabs(n[3] - 3) < 0.15);
    assert_true(fabs(g[0] - euler) < 0.015);
    assert_true(fabs(g[1] - gumbel_variance) < 0.05);
}

static void below_nothing(void *arg)
{
    (void)arg;
    (void)sn_rng_below((struct sn_rng){{0, 0}}, 0, 0, 0, 0);
}

static void none_to_choose_from(void **state)
{
    (void)state;
    assert_true(check_aborts(below_nothing, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(keys_are_unrelated),
        cmocka_unit_test(uniform_is_uniform),
        cmocka_unit_test(below_reaches_all_and_no_more),
        cmocka_unit_test(normal_and_gumbel_moments),
        cmocka_unit_test(none_to_choose_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
