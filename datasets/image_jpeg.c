/* From the coefficients of a JPEG to RGB, in two steps: blocks to planes, and
 * planes to colours.
 *
 * The inverse transform is libjpeg's accurate one (C. Loeffler, A. Ligtenberg,
 * G. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications",
 * ICASSP 1989, with 13-bit constants); stb's own rounds a little otherwise.
 *
 * Chroma is stored at half the resolution in most files, and how it is blown
 * up again is where decoders differ visibly.  This is what libjpeg does by
 * default ("fancy upsampling": a triangle of 3/4 and 1/4 in each direction,
 * rounded up and down by turns so that no shade drifts), and its conversion of
 * colours, to the last bit: pictures look to a net as they look to whoever
 * prepared them with any other program.  Source: the comments of libjpeg's
 * jdsample.c, jdcolor.c and jidctint.c; ITU T.871, section 7. */

#include "datasets/image_internal.h"

#include <stdlib.h>
#include <string.h>

static uint8_t clamp(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* ---- blocks ---- */

enum { CONST_BITS = 13, PASS1_BITS = 2, SIDE = 8, BLOCK = SIDE * SIDE };

/* Rounds away `bits` bits. */
static uint32_t descale(uint32_t x, int bits)
{
    return (uint32_t)((int32_t)(x + (1U << (bits - 1))) >> bits);
}

/* The 8-point transform of each column i: x[8 * row + i].  The result is
 * transposed, so that calling it twice does rows and columns.  Damaged files
 * may overflow, so the arithmetic is that of unsigned numbers. */
static void transform(uint32_t *to, const uint32_t *x, int bits)
{
    for (int i = 0; i < SIDE; i++, x++, to += SIDE) {
        uint32_t z1 = (x[2 * SIDE] + x[6 * SIDE]) * 4433;
        const uint32_t a2 = z1 - x[6 * SIDE] * 15137;
        const uint32_t a3 = z1 + x[2 * SIDE] * 6270;
        const uint32_t a0 = (x[0] + x[4 * SIDE]) << CONST_BITS;
        const uint32_t a1 = (x[0] - x[4 * SIDE]) << CONST_BITS;
        const uint32_t even[4] = {a0 + a3, a1 + a2, a1 - a2, a0 - a3};

        const uint32_t o7 = x[7 * SIDE], o5 = x[5 * SIDE];
        const uint32_t o3 = x[3 * SIDE], o1 = x[1 * SIDE];
        const uint32_t z5 = (o7 + o3 + o5 + o1) * 9633;
        z1 = 0 - (o7 + o1) * 7373;
        const uint32_t z2 = 0 - (o5 + o3) * 20995;
        const uint32_t z3 = z5 - (o7 + o3) * 16069;
        const uint32_t z4 = z5 - (o5 + o1) * 3196;
        const uint32_t odd[4] = {o1 * 12299 + z1 + z4, o3 * 25172 + z2 + z3,
                                 o5 * 16819 + z2 + z4, o7 * 2446 + z1 + z3};
        for (int k = 0; k < 4; k++) {
            to[k] = descale(even[k] + odd[k], bits);
            to[7 - k] = descale(even[k] - odd[k], bits);
        }
    }
}

void sn_jpeg_block(uint8_t *out, int stride, const int16_t *coefficients)
{
    uint32_t x[BLOCK], y[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        x[i] = (uint32_t)coefficients[i];
    transform(y, x, CONST_BITS - PASS1_BITS);
    transform(x, y, CONST_BITS + PASS1_BITS + 3);
    for (int iy = 0; iy < SIDE; iy++)
        for (int ix = 0; ix < SIDE; ix++)
            out[(ptrdiff_t)iy * stride + ix] =
                clamp((int32_t)x[iy * SIDE + ix] + 128);
}

/* ---- planes to full resolution, a row at a time ---- */

static const uint8_t *row_of(const struct sn_jpeg_plane *p, int y)
{
    y = y < 0 ? 0 : y >= p->h ? p->h - 1 : y;
    return p->data + y * p->stride;
}

static void repeat(uint8_t *out, const struct sn_jpeg_plane *p, int y, int w)
{
    const uint8_t *row = row_of(p, y / p->down);
    if (p->across == 1)
        memcpy(out, row, (size_t)w);
    else
        for (int i = 0; i < w; i++)
            out[i] = row[i / p->across];
}

/* Twice as wide. */
static void widen(uint8_t *out, const uint8_t *row, int w)
{
    const int last = w - 1;
    out[0] = row[0];
    out[1] = (uint8_t)((3 * row[0] + row[1] + 2) >> 2);
    for (int i = 1; i < last; i++) {
        out[2 * i] = (uint8_t)((3 * row[i] + row[i - 1] + 1) >> 2);
        out[2 * i + 1] = (uint8_t)((3 * row[i] + row[i + 1] + 2) >> 2);
    }
    out[2 * last] = (uint8_t)((3 * row[last] + row[last - 1] + 1) >> 2);
    out[2 * last + 1] = row[last];
}

/* Twice as high: a row between `near` and `far`. */
static void between(uint8_t *out, const uint8_t *near, const uint8_t *far,
                    int w, int bias)
{
    for (int i = 0; i < w; i++)
        out[i] = (uint8_t)((3 * near[i] + far[i] + bias) >> 2);
}

/* Both at once, rounded once. */
static void widen_between(uint8_t *out, const uint8_t *near, const uint8_t *far,
                          int w)
{
    int before = 0, here = 3 * near[0] + far[0];
    for (int i = 0; i < w; i++) {
        const int after = i + 1 < w ? 3 * near[i + 1] + far[i + 1] : here;
        out[2 * i] = (uint8_t)((i ? 3 * here + before + 8 : 4 * here + 8) >> 4);
        out[2 * i + 1] = (uint8_t)((3 * here + after + 7) >> 4);
        before = here;
        here = after;
    }
}

/* Row y of the picture, `w` samples of plane p; `out` has room for one more. */
static void plane_row(uint8_t *out, const struct sn_jpeg_plane *p, int y, int w)
{
    const int from = y / 2, next = y % 2 ? from + 1 : from - 1;
    const bool wide = p->across == 2 && p->w > 2;
    if (wide && p->down == 1)
        widen(out, row_of(p, y), p->w);
    else if (wide && p->down == 2)
        widen_between(out, row_of(p, from), row_of(p, next), p->w);
    else if (p->across == 1 && p->down == 2)
        between(out, row_of(p, from), row_of(p, next), w, y % 2 ? 2 : 1);
    else
        repeat(out, p, y, w);
}

/* ---- colours ---- */

/* 16-bit fixed point, rounded. */
static void ycc_row(uint8_t *to, uint8_t *const row[4], int w)
{
    enum { HALF = 1 << 15, R = 91881, GB = 22554, GR = 46802, B = 116130 };
    for (int i = 0; i < w; i++, to += SN_IMAGE_CHANNELS) {
        const int y = row[0][i], cb = row[1][i] - 128, cr = row[2][i] - 128;
        to[0] = clamp(y + ((R * cr + HALF) >> 16));
        to[1] = clamp(y + ((-GB * cb - GR * cr + HALF) >> 16));
        to[2] = clamp(y + ((B * cb + HALF) >> 16));
    }
}

static void rgb_row(uint8_t *to, uint8_t *const row[4], int w, bool grey)
{
    for (int i = 0; i < w; i++, to += SN_IMAGE_CHANNELS)
        for (int ic = 0; ic < SN_IMAGE_CHANNELS; ic++)
            to[ic] = row[grey ? 0 : ic][i];
}

/* Paper under ink: what the three colours leave, less what black takes.  Adobe
 * stores how much light is left, others how much ink there is. */
static void under_black(uint8_t *to, const uint8_t *black, int w, bool ink)
{
    for (int i = 0; i < w; i++, to += SN_IMAGE_CHANNELS)
        for (int ic = 0; ic < SN_IMAGE_CHANNELS; ic++) {
            const int light = ink ? 255 - to[ic] : to[ic];
            const int product = light * (ink ? 255 - black[i] : black[i]) + 128;
            to[ic] = (uint8_t)((product + (product >> 8)) >> 8);
        }
}

/* YCCK is the YCC form of light's complement: `to` then holds ink. */
static void invert(uint8_t *to, int w)
{
    for (int i = 0; i < w * SN_IMAGE_CHANNELS; i++)
        to[i] = (uint8_t)(255 - to[i]);
}

static void colour_row(uint8_t *to, uint8_t *const row[4],
                       const struct sn_jpeg *j)
{
    const bool ycc = j->colours == SN_JPEG_YCC || j->colours == SN_JPEG_YCCK;
    if (ycc)
        ycc_row(to, row, j->w);
    else
        rgb_row(to, row, j->w, j->colours == SN_JPEG_GREY);
    if (j->colours == SN_JPEG_YCCK)
        invert(to, j->w);
    if (j->colours == SN_JPEG_YCCK || j->colours == SN_JPEG_CMYK)
        under_black(to, row[3], j->w, !j->adobe);
}

bool sn_jpeg_rgb(uint8_t *pixels, const struct sn_jpeg *j)
{
    const size_t room = (size_t)j->w + 1;
    uint8_t *rows = malloc(4 * room);
    if (!rows)
        return false;
    uint8_t *const row[4] = {rows, rows + room, rows + 2 * room,
                             rows + 3 * room};
    for (int iy = 0; iy < j->h; iy++) {
        for (int ip = 0; ip < j->planes; ip++)
            plane_row(row[ip], &j->plane[ip], iy, j->w);
        colour_row(pixels + (size_t)iy * (size_t)j->w * SN_IMAGE_CHANNELS, row,
                   j);
    }
    free(rows);
    return true;
}
