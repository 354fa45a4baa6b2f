/* What is done to training images: flip, translate, cutout.
 *
 * The flip alternates: a hash decides on which side an image starts, and it
 * changes sides every epoch, so that any two epochs in a row show both.  That
 * is worth about two epochs in fifteen over flipping by chance (K. Jordan,
 * "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.6).
 * Cutout: T. DeVries, G. Taylor, "Improved Regularization of Convolutional
 * Neural Networks with Cutout", 2017; here the square lies inside the image.
 *
 * All draws are counters: (seed, epoch, image), see base/rng.h. */

#include "datasets/datasets_internal.h"

#include <string.h>

#include "base/rng.h"

enum kind { FLIP, TRANSLATE, CUTOUT, KINDS };

static const struct {
    const char *name;
    bool takes_pixels;
} kinds[KINDS] = {
    [FLIP] = {"flip", false},
    [TRANSLATE] = {"translate", true},
    [CUTOUT] = {"cutout", true},
};

/* A piece of the text that is parsed. */
struct word {
    const char *at;
    int length;
};

/* The text up to the next separator, without spaces around it. */
static struct word cut_word(const char **text, const char *separators)
{
    const char *at = *text + strspn(*text, " \t");
    size_t length = strcspn(at, separators);
    *text = at + length;
    while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    return (struct word){at, (int)length};
}

static bool is_word(struct word w, const char *name)
{
    return strlen(name) == (size_t)w.length &&
           memcmp(name, w.at, (size_t)w.length) == 0;
}

/* The number that `w` is, -1 where it is none from 1 to SN_SIDE_MAX. */
static int pixels_of(struct word w)
{
    int pixels = 0;
    for (int i = 0; i < w.length && pixels <= SN_SIDE_MAX; i++) {
        if (w.at[i] < '0' || w.at[i] > '9')
            return -1;
        pixels = 10 * pixels + (w.at[i] - '0');
    }
    return pixels >= 1 && pixels <= SN_SIDE_MAX ? pixels : -1;
}

/* Reads `name` or `name:pixels` at *text into value[], up to the comma. */
static sn_status parse_item(int value[KINDS], const char **text,
                            struct sn_error *err)
{
    const struct word name = cut_word(text, ":,");
    const bool colon = **text == ':';
    struct word number = {"", 0};
    if (colon) {
        ++*text;
        number = cut_word(text, ",");
    }

    int kind = 0;
    while (kind < KINDS && !is_word(name, kinds[kind].name))
        kind++;
    if (kind == KINDS)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%.*s' is not known, expected none, or any of flip, "
                       "translate:PIXELS, cutout:PIXELS",
                       name.length, name.at);
    if (value[kind])
        return sn_fail(err, SN_ERR_CONFIG, "%s stands there twice",
                       kinds[kind].name);
    if (colon && !kinds[kind].takes_pixels)
        return sn_fail(err, SN_ERR_CONFIG, "%s takes no number",
                       kinds[kind].name);
    if (!colon && kinds[kind].takes_pixels)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s needs a number of pixels, as in %s:4",
                       kinds[kind].name, kinds[kind].name);
    value[kind] = kinds[kind].takes_pixels ? pixels_of(number) : 1;
    if (value[kind] < 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s:%.*s: expected a number of pixels from 1 to %d",
                       kinds[kind].name, number.length, number.at, SN_SIDE_MAX);
    return SN_OK;
}

sn_status sn_augment_parse(struct sn_augment *a, const char *text,
                           struct sn_error *err)
{
    const char *rest = text;
    int value[KINDS] = {0};
    if (!is_word(cut_word(&rest, ","), "none") || *rest) {
        rest = text;
        SN_TRY(parse_item(value, &rest, err));
        while (*rest == ',') {
            rest++;
            SN_TRY(parse_item(value, &rest, err));
        }
    }
    *a = (struct sn_augment){value[FLIP], value[TRANSLATE], value[CUTOUT]};
    return SN_OK;
}

sn_status sn_augment_check(const struct sn_augment *a, int side,
                           struct sn_error *err)
{
    if (a->translate > side / 2)
        return sn_fail(err, SN_ERR_CONFIG,
                       "translate:%d is more than half the side of images of "
                       "%d pixels",
                       a->translate, side);
    if (a->cutout > side / 2)
        return sn_fail(err, SN_ERR_CONFIG,
                       "cutout:%d is more than half the side of images of %d "
                       "pixels",
                       a->cutout, side);
    return SN_OK;
}

/* A number in [0, n) from a random word; the bias is below n / 2^32. */
static int below(uint32_t word, int n)
{
    return (int)((uint64_t)word * (uint64_t)n >> 32);
}

struct sn_move sn_augment_draw(const struct sn_augment *a, uint64_t seed,
                               int epoch, int image, int side)
{
    struct sn_move m = {0};
    uint32_t word[4];
    if (a->flip) {
        const struct sn_rng hash = sn_rng_make(seed, SN_RNG_FLIP);
        sn_rng_words(hash, 0, (uint32_t)image, 0, word);
        m.flip = ((word[0] ^ (uint32_t)epoch) & 1) != 0;
    }

    const struct sn_rng rng = sn_rng_make(seed, SN_RNG_AUGMENT);
    sn_rng_words(rng, (uint32_t)epoch, (uint32_t)image, 0, word);
    m.dx = below(word[0], 2 * a->translate + 1) - a->translate;
    m.dy = below(word[1], 2 * a->translate + 1) - a->translate;
    m.cut = a->cutout;
    m.cut_x = below(word[2], side - a->cutout + 1);
    m.cut_y = below(word[3], side - a->cutout + 1);
    return m;
}

void sn_augment_map(int *from, int side, int shift, bool flip, bool reflect)
{
    for (int i = 0; i < side; i++) {
        int at = (flip ? side - 1 - i : i) - shift;
        if (reflect && at < 0)
            at = -at;
        if (reflect && at >= side)
            at = 2 * (side - 1) - at;
        from[i] = at;
    }
}
