/* Scaling a picture to a square, without aliasing.
 *
 * Separable resampling with a triangle filter: an output pixel is the weighted
 * mean of the input pixels under a triangle of half-width max(1, reduction)
 * around its centre, first along rows, then along columns.  That is bilinear
 * interpolation where a picture grows and an area-like average where it
 * shrinks; it is what Pillow's BILINEAR and torchvision's antialiased resize
 * do, down to the rounding (weights of 22 bits, bytes between the passes), so
 * that pictures prepared by those look the same to a net.
 *
 * Integers alone: the bits are the same on every machine. */

#include "datasets/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/datasets_internal.h"
#include "datasets/image_internal.h"

enum { WEIGHT_BITS = 22, C = SN_IMAGE_CHANNELS };

/* Which input pixels make an output pixel, and their weights. */
struct taps {
    int first[SN_SIDE_MAX], count[SN_SIDE_MAX];
    int most;        /* weights of an output pixel, at most */
    int32_t *weight; /* [out, most] owned */
};

/* The weights of output pixel `i`, which add up to 2^22 but for rounding. */
static void make_tap(struct taps *t, int i, int in, double from, double step,
                     double half)
{
    const double centre = from + (i + 0.5) * step;
    int first = (int)(centre - half + 0.5), end = (int)(centre + half + 0.5);
    first = first < 0 ? 0 : first;
    end = end > in ? in : end;
    double sum = 0;
    for (int pass = 0; pass < 2; pass++) /* add them up, then share out */
        for (int it = first; it < end; it++) {
            const double away = fabs((it - centre + 0.5) / half);
            const double w = away < 1 ? 1 - away : 0;
            if (pass == 0)
                sum += w;
            else
                t->weight[(ptrdiff_t)i * t->most + it - first] =
                    (int32_t)(w / sum * (1 << WEIGHT_BITS) + 0.5);
        }
    t->first[i] = first;
    t->count[i] = end - first;
}

/* From [from, to) of `in` pixels to `out` pixels.  False: no memory. */
static bool make_taps(struct taps *t, int in, double from, double to, int out)
{
    const double step = (to - from) / out;
    const double half = step > 1 ? step : 1;
    t->most = (int)ceil(half) * 2 + 1;
    t->weight = calloc((size_t)out * (size_t)t->most, sizeof *t->weight);
    if (!t->weight)
        return false;
    for (int i = 0; i < out; i++)
        make_tap(t, i, in, from, step, half);
    return true;
}

static uint8_t to_byte(int32_t sum)
{
    const int32_t v = (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Output pixel i from `count` pixels that lie `step` bytes apart. */
static void mix(uint8_t *to, const uint8_t *from, ptrdiff_t step,
                const int32_t *weight, int count)
{
    int32_t r = 0, g = 0, b = 0; /* 255 * 2^22 < 2^31 */
    for (int it = 0; it < count; it++, from += step) {
        r += from[0] * weight[it];
        g += from[1] * weight[it];
        b += from[2] * weight[it];
    }
    to[0] = to_byte(r);
    to[1] = to_byte(g);
    to[2] = to_byte(b);
}

/* Rows [first, first + rows) of the picture, each scaled to `w` pixels. */
static void scale_rows(uint8_t *to, const struct sn_image *im, int first,
                       int rows, int w, const struct taps *t)
{
    for (int iy = 0; iy < rows; iy++) {
        const uint8_t *row =
            im->pixels + (size_t)(first + iy) * (size_t)im->w * C;
        for (int ix = 0; ix < w; ix++, to += C)
            mix(to, row + (ptrdiff_t)t->first[ix] * C, C,
                t->weight + (ptrdiff_t)ix * t->most, t->count[ix]);
    }
}

static void scale_columns(uint8_t *cell, ptrdiff_t cell_row,
                          const uint8_t *rows, int first, int h, int w,
                          const struct taps *t)
{
    const ptrdiff_t step = (ptrdiff_t)w * C;
    for (int iy = 0; iy < h; iy++)
        for (int ix = 0; ix < w; ix++)
            mix(cell + iy * cell_row + (ptrdiff_t)ix * C,
                rows + (t->first[iy] - first) * step + (ptrdiff_t)ix * C, step,
                t->weight + (ptrdiff_t)iy * t->most, t->count[iy]);
}

/* The part of the picture that is scaled, in its own pixels. */
struct box {
    double y0, x0, y1, x1;
};

static sn_status scale(uint8_t *cell, int side, struct sn_extent to,
                       const struct sn_image *im, const struct box *box,
                       struct sn_error *err)
{
    struct taps *t = calloc(2, sizeof *t); /* of rows, of columns */
    uint8_t *rows = NULL;
    sn_status rc = SN_OK;
    bool fits = t && make_taps(&t[0], im->h, box->y0, box->y1, to.h) &&
                make_taps(&t[1], im->w, box->x0, box->x1, to.w);
    if (fits) {
        const int first = t[0].first[0];
        const int count = t[0].first[to.h - 1] + t[0].count[to.h - 1] - first;
        rows = malloc((size_t)count * to.w * C);
        fits = rows != NULL;
        if (fits) {
            scale_rows(rows, im, first, count, to.w, &t[1]);
            scale_columns(cell, (ptrdiff_t)side * C, rows, first, to.h, to.w,
                          &t[0]);
        }
    }
    if (!fits)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory to scale %dx%d pixels",
                     im->w, im->h);
    free(rows);
    if (t) {
        free(t[0].weight);
        free(t[1].weight);
    }
    free(t);
    return rc;
}

/* A picture that needs no scaling. */
static void copy(uint8_t *cell, int side, const struct sn_image *im)
{
    const size_t row = (size_t)im->w * C;
    for (int iy = 0; iy < im->h; iy++)
        memcpy(cell + (size_t)iy * (size_t)side * C,
               im->pixels + (size_t)iy * row, row);
}

sn_status sn_image_fit(uint8_t *cell, struct sn_extent *extent,
                       const struct sn_image *im, int side, enum sn_fit fit,
                       struct sn_error *err)
{
    SN_CHECK(side >= 1 && side <= SN_SIDE_MAX && im->h >= 1 && im->w >= 1);
    struct box box = {0, 0, im->h, im->w};
    struct sn_extent to = {(uint16_t)side, (uint16_t)side};
    if (fit == SN_FIT_CROP) {
        const int least = im->h < im->w ? im->h : im->w;
        box.y0 = (im->h - least) / 2.0;
        box.x0 = (im->w - least) / 2.0;
        box.y1 = box.y0 + least;
        box.x1 = box.x0 + least;
    } else if (fit == SN_FIT_PAD) {
        const int longest = im->h > im->w ? im->h : im->w;
        const double shrink = longest > side ? (double)side / longest : 1;
        to.h = (uint16_t)fmax(1, round(im->h * shrink));
        to.w = (uint16_t)fmax(1, round(im->w * shrink));
        memset(cell, 0, (size_t)side * (size_t)side * C);
    }
    if (im->h == to.h && im->w == to.w)
        copy(cell, side, im);
    else
        SN_TRY(scale(cell, side, to, im, &box, err));
    *extent = to;
    return SN_OK;
}
