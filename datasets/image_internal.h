#ifndef SN_DATASETS_IMAGE_INTERNAL_H
#define SN_DATASETS_IMAGE_INTERNAL_H

/* What image.c shares with the files it stands on. */

#include <stdbool.h>

#include "datasets/image.h"

/* Numbers as BMP and half of all EXIF blocks store them. */
static inline unsigned sn_le16(const uint8_t *p)
{
    return (unsigned)p[1] << 8 | p[0];
}

static inline uint32_t sn_le32(const uint8_t *p)
{
    return (uint32_t)sn_le16(p + 2) << 16 | sn_le16(p);
}

/* ---- image_header.c: what a file claims, before anything is decoded ---- */

enum sn_image_kind { SN_KIND_JPEG, SN_KIND_PNG, SN_KIND_BMP };

struct sn_image_header {
    enum sn_image_kind kind;
    int h, w;        /* as stored, before the orientation is applied */
    bool junk;       /* JPEG: bytes between its segments */
    int orientation; /* EXIF's 1 to 8; 1 where there is none that makes sense */
};

/* Looks at the whole structure of a file without decoding it.  SN_ERR_INPUT for
 * what is no JPEG, PNG or BMP, uses a feature that is not read, is damaged so
 * that it shows, claims more than the caps of image.h, or claims more pixels
 * than its bytes can hold. */
sn_status sn_image_header(struct sn_image_header *header, const uint8_t *bytes,
                          size_t n, const char *name, struct sn_error *err);

/* A JPEG without what stands between its segments and belongs to none, which
 * some decoders stumble over: at most n bytes, into `to`.  Returns how many.
 * Only for files that sn_image_header() lets pass. */
size_t sn_jpeg_tidy(uint8_t *to, const uint8_t *bytes, size_t n);

/* The orientation in a TIFF block, as EXIF stores it; 0 when it has none or is
 * malformed in any way. */
int sn_exif_orientation(const uint8_t *tiff, size_t n);

/* The reason that decoders give when memory is short; stb's word for it. */
#define SN_IMAGE_NO_MEMORY "Out of memory"

/* ---- image_bmp.c ---- */

/* What a BMP claims, and how many pixels its bytes can hold at most; NULL, or
 * what is wrong with it. */
const char *sn_bmp_header(struct sn_image_header *claim, double *most,
                          const uint8_t *bytes, size_t n);

/* Decodes a file that sn_bmp_header() and the caps let pass, as
 * sn_stb_decode(). */
uint8_t *sn_bmp_decode(const uint8_t *bytes, size_t n, int *h, int *w,
                       const char **why);

/* ---- image_jpeg.c: coefficients to planes, planes to colours ---- */

/* The 8x8 samples of a block, rows `stride` apart, from its coefficients, rows
 * first, already multiplied by their quantisers. */
void sn_jpeg_block(uint8_t *out, int stride, const int16_t *coefficients);

struct sn_jpeg_plane {
    const uint8_t *data; /* borrowed */
    ptrdiff_t stride;    /* bytes from row to row */
    int w, h;            /* samples, without what only fills a block */
    int across, down;    /* pixels of the picture that a sample stands for */
};

enum sn_jpeg_colours {
    SN_JPEG_GREY,
    SN_JPEG_YCC,
    SN_JPEG_RGB,
    SN_JPEG_CMYK,
    SN_JPEG_YCCK
};

struct sn_jpeg {
    int h, w, planes;
    struct sn_jpeg_plane plane[4];
    enum sn_jpeg_colours colours;
    bool adobe; /* the four planes of CMYK are stored as light */
};

/* Writes pixels [h, w, 3].  False: no memory. */
bool sn_jpeg_rgb(uint8_t *pixels, const struct sn_jpeg *j);

/* ---- image_stb.c: the one file that holds stb's code ---- */

/* Decodes a file that sn_image_header() lets pass to [h, w, 3], owned by the
 * caller (free()).  NULL with the reason, a constant text. */
uint8_t *sn_stb_decode(const uint8_t *bytes, size_t n, int *h, int *w,
                       const char **why);

/* Called with pieces of a file, in order. */
typedef void sn_stb_write_fn(void *ctx, void *data, int size);

/* False when memory was short. */
bool sn_stb_encode(enum sn_image_format format, const uint8_t *pixels, int h,
                   int w, sn_stb_write_fn *write, void *ctx);

#endif
