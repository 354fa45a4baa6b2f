/* BMP, all of it that is met: Windows 2 to 5 and OS/2 headers, 1 to 32 bits a
 * pixel, palettes, bit masks, run lengths, rows from below or from above.
 *
 * stb_image reads BMP too, but takes palette entries that a file lacks from
 * uninitialised memory (so one picture has other pixels in every run), and
 * refuses valid files with a gap before their pixels.  The format is small
 * enough to be read right.
 *
 * Source: the bitmap structures of the Windows API (wingdi.h), and the notes of
 * J. Summers' BMP suite. */

#include "datasets/image_internal.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_HEADER = 14, CORE = 12, INFO = 40, OS2 = 64, C = 3 };
enum coding { PLAIN, RLE8, RLE4, FIELDS, ALPHA_FIELDS = 6 };

struct bmp {
    const uint8_t *bytes;
    size_t n;
    int h, w, bits;
    bool from_above;
    enum coding coding;
    size_t header; /* its bytes */
    size_t first;  /* where the pixels begin */
    uint8_t palette[256][C];
    uint32_t mask[C];
};

/* ---- header ---- */

static const char *read_sizes(struct bmp *b, struct sn_image_header *claim)
{
    const uint8_t *p = b->bytes + FILE_HEADER;
    const bool core = b->header == CORE;
    const int32_t tall =
        core ? (int32_t)sn_le16(p + 6) : (int32_t)sn_le32(p + 8);
    const int32_t wide =
        core ? (int32_t)sn_le16(p + 4) : (int32_t)sn_le32(p + 4);
    b->bits = (int)sn_le16(p + (core ? 10 : 14));
    b->from_above = tall < 0;
    if (tall == INT32_MIN || wide < 0)
        return "a damaged BMP: its sides make no sense";
    claim->h = b->h = tall < 0 ? -tall : tall;
    claim->w = b->w = wide;
    const uint32_t coding = core || b->header < INFO ? PLAIN : sn_le32(p + 16);
    if (coding > FIELDS && coding != ALPHA_FIELDS)
        return "a BMP with a JPEG or PNG in it, which is not read";
    if (b->header == OS2 && coding == FIELDS)
        return "a Huffman-coded BMP, which is not read";
    b->coding = (enum coding)coding;
    return NULL;
}

static const char *check_depth(const struct bmp *b)
{
    const int bits = b->bits;
    if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16 &&
        bits != 24 && bits != 32)
        return "a damaged BMP: no pixel has that many bits";
    const int run = b->coding == RLE8 ? 8 : b->coding == RLE4 ? 4 : bits;
    const bool masked = b->coding == FIELDS || b->coding == ALPHA_FIELDS;
    if (run != bits || (masked && bits != 16 && bits != 32) ||
        (b->from_above && run != bits))
        return "a damaged BMP: its coding does not go with its bits a pixel";
    return NULL;
}

/* Bytes of a stored row: whole words of four. */
static size_t row_bytes(const struct bmp *b)
{
    return ((size_t)b->w * (size_t)b->bits + 31) / 32 * 4;
}

/* Entries of the palette. */
static size_t palette_count(const struct bmp *b)
{
    const size_t most = (size_t)1 << b->bits;
    const uint32_t told =
        b->header >= INFO ? sn_le32(b->bytes + FILE_HEADER + 32) : 0;
    return told > 0 && told < most ? told : most;
}

/* Where the pixels begin; some writers point at the palette instead. */
static size_t first_byte(const struct bmp *b)
{
    const size_t first = sn_le32(b->bytes + 10);
    const size_t behind = FILE_HEADER + b->header;
    return b->bits <= 8 && first == behind
               ? behind + palette_count(b) * (b->header == CORE ? 3 : 4)
               : first;
}

const char *sn_bmp_header(struct sn_image_header *claim, double *most,
                          const uint8_t *bytes, size_t n)
{
    struct bmp b = {.bytes = bytes, .n = n};
    if (n < FILE_HEADER + CORE)
        return "a BMP that ends within its header";
    b.header = sn_le32(bytes + FILE_HEADER);
    if (b.header != CORE && b.header != 16 &&
        (b.header < INFO || b.header > 124))
        return "a BMP with a header of an unknown kind";
    if (n < FILE_HEADER + b.header)
        return "a BMP that ends within its header";
    const char *why = read_sizes(&b, claim);
    if (!why)
        why = check_depth(&b);
    const size_t first = why ? n : first_byte(&b);
    const double stored = first < n ? (double)(n - first) : 0;
    if (b.coding == RLE8 || b.coding == RLE4)
        *most = stored * 255 / 2; /* a run of 255 costs two bytes */
    else if (!why)                /* whole rows */
        *most = b.w > 0 ? (double)b.w * (stored / (double)row_bytes(&b)) : 0;
    return why;
}

static void read_palette(struct bmp *b)
{
    const size_t entry = b->header == CORE ? 3 : 4;
    size_t at = FILE_HEADER + b->header;
    const size_t count = palette_count(b);
    for (size_t i = 0; i < count && at + entry <= b->n; i++, at += entry) {
        /* a palette that is cut short by the pixels ends there */
        if (b->first >= FILE_HEADER + b->header && at + entry > b->first)
            break;
        for (int ic = 0; ic < C; ic++)
            b->palette[i][ic] = b->bytes[at + 2 - (size_t)ic];
    }
}

/* Where the bits of red, green and blue lie. */
static const char *read_masks(struct bmp *b)
{
    static const uint32_t of16[C] = {0x7c00, 0x03e0, 0x001f};
    static const uint32_t of32[C] = {0xff0000, 0x00ff00, 0x0000ff};
    const bool told = b->coding == FIELDS || b->coding == ALPHA_FIELDS;
    const size_t at = FILE_HEADER + INFO; /* behind it, or a part of it */
    if (told && at + 4 * C > b->n)
        return "a BMP that ends within its header";
    for (size_t ic = 0; ic < C; ic++) {
        b->mask[ic] = told            ? sn_le32(b->bytes + at + 4 * ic)
                      : b->bits == 16 ? of16[ic]
                                      : of32[ic];
        if (b->mask[ic] == 0)
            continue;
        const uint32_t low = b->mask[ic] & ~(b->mask[ic] - 1);
        const uint32_t bits = b->mask[ic] / low;
        if (bits & (bits + 1))
            return "a damaged BMP: the mask of a colour has gaps";
    }
    return NULL;
}

/* ---- pixels ---- */

static uint8_t *row_at(const struct bmp *b, uint8_t *pixels, int y)
{
    const int from_top = b->from_above ? y : b->h - 1 - y;
    return pixels + (size_t)from_top * (size_t)b->w * C;
}

static uint8_t masked(uint32_t pixel, uint32_t mask)
{
    if (mask == 0)
        return 0;
    const uint32_t low = mask & ~(mask - 1);
    const uint64_t value = (pixel & mask) / low, most = mask / low;
    return (uint8_t)((value * 255 + most / 2) / most);
}

static void plain_row(const struct bmp *b, uint8_t *to, const uint8_t *row)
{
    const int bits = b->bits;
    for (int i = 0; i < b->w; i++, to += C) {
        if (bits <= 8) {
            const int shift = 8 - bits - i * bits % 8;
            const int index = row[i * bits / 8] >> shift & ((1 << bits) - 1);
            memcpy(to, b->palette[index], C);
        } else if (bits == 24) {
            for (int ic = 0; ic < C; ic++)
                to[ic] = row[i * C + 2 - ic];
        } else {
            const uint32_t pixel =
                bits == 16 ? sn_le16(row + 2 * i) : sn_le32(row + 4 * i);
            for (int ic = 0; ic < C; ic++)
                to[ic] = masked(pixel, b->mask[ic]);
        }
    }
}

/* Sets `count` pixels from (x, y) on to the colours that `code` holds: bytes
 * for RLE8, halves of bytes by turns for RLE4.  A run has its one byte again
 * and again. */
static void put(const struct bmp *b, uint8_t *pixels, int x, int y, int count,
                const uint8_t *code, bool run)
{
    uint8_t *to = row_at(b, pixels, y) + (size_t)x * C;
    for (int i = 0; i < count && x + i < b->w; i++, to += C) {
        const bool halves = b->coding == RLE4;
        const uint8_t byte = code[run ? 0 : halves ? i / 2 : i];
        const int index = !halves ? byte : i % 2 ? byte & 15 : byte >> 4;
        memcpy(to, b->palette[index], C);
    }
}

/* Pairs of bytes: (count, colour), or 0 and an order: 0 end of row, 1 end of
 * picture, 2 move, more: so many colours follow. */
static const char *unpack_runs(const struct bmp *b, uint8_t *pixels)
{
    enum { END_ROW, END, MOVE };
    const uint8_t *p = b->bytes + b->first, *end = b->bytes + b->n;
    int x = 0, y = 0;
    while (end - p >= 2 && y < b->h) {
        const int count = p[0], order = p[1];
        p += 2;
        if (count) {
            put(b, pixels, x, y, count, p - 1, true);
            x += count;
        } else if (order == END_ROW) {
            x = 0;
            y++;
        } else if (order == END) {
            return NULL;
        } else if (order == MOVE) {
            if (end - p < 2)
                break;
            x += p[0];
            y += p[1];
            p += 2;
        } else {
            const int bytes = b->coding == RLE4 ? (order + 1) / 2 : order;
            if (end - p < bytes)
                break;
            put(b, pixels, x, y, order, p, false);
            x += order;
            p += bytes + bytes % 2 <= end - p ? bytes + bytes % 2 : bytes;
        }
        if (x > b->w)
            x = b->w; /* what is too much for a row is left out */
    }
    return y >= b->h ? NULL : "a BMP that ends within its pixels: cut short";
}

uint8_t *sn_bmp_decode(const uint8_t *bytes, size_t n, int *h, int *w,
                       const char **why)
{
    struct bmp b = {.bytes = bytes, .n = n};
    struct sn_image_header claim;
    b.header = sn_le32(bytes + FILE_HEADER);
    *why = read_sizes(&b, &claim);
    b.first = first_byte(&b);
    if (!*why && b.bits <= 8)
        read_palette(&b);
    else if (!*why && b.bits != 24)
        *why = read_masks(&b);
    if (*why)
        return NULL;

    uint8_t *pixels = malloc((size_t)b.h * (size_t)b.w * C);
    if (!pixels) {
        *why = SN_IMAGE_NO_MEMORY;
        return NULL;
    }
    *h = b.h;
    *w = b.w;
    if (b.coding == RLE8 || b.coding == RLE4) {
        for (ptrdiff_t ip = 0; ip < (ptrdiff_t)b.h * b.w; ip++)
            memcpy(pixels + ip * C, b.palette[0], C);
        *why = unpack_runs(&b, pixels);
    } else {
        for (int iy = 0; iy < b.h; iy++)
            plain_row(&b, row_at(&b, pixels, iy),
                      bytes + b.first + (size_t)iy * row_bytes(&b));
    }
    if (!*why)
        return pixels;
    free(pixels);
    return NULL;
}
