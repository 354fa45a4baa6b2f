/* A fingerprint of bytes: two lanes of multiply and shift over words of eight.
 * Two of a million different contents share one with probability 2^-88. */

#include "datasets/store_internal.h"

#include <string.h>

static struct sn_content mix(struct sn_content c, uint64_t word)
{
    c.word[0] = (c.word[0] ^ word) * 0x9e3779b97f4a7c15u;
    c.word[0] ^= c.word[0] >> 32;
    c.word[1] = (c.word[1] + word) * 0xc2b2ae3d27d4eb4fu;
    c.word[1] ^= c.word[1] >> 29;
    return c;
}

struct sn_content sn_content_add(struct sn_content c, const void *data,
                                 size_t bytes)
{
    const uint8_t *p = data;
    uint64_t word = 0;
    c = mix(c, bytes);
    for (; bytes >= sizeof word; bytes -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        c = mix(c, word);
    }
    word = 0;
    if (bytes)
        memcpy(&word, p, bytes);
    return mix(mix(c, word), 0x85ebca77c2b2ae63u);
}
