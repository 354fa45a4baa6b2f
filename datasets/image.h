#ifndef SN_DATASETS_IMAGE_H
#define SN_DATASETS_IMAGE_H

/* Pictures in files: JPEG, PNG and BMP, whatever their extension says.
 *
 * A picture comes out as people see it: upright (EXIF orientation), three
 * bytes a pixel.  Grey is repeated, palettes are looked up, alpha is dropped
 * (not blended), of 16 bits the upper 8 are kept, CMYK becomes RGB.
 *
 * A file is believed nothing.  What its header claims is compared with a cap
 * and with what the file's own bytes could possibly hold before any memory is
 * taken for pixels. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define SN_IMAGE_CHANNELS   3
#define SN_IMAGE_SIDE_MAX   65535
#define SN_IMAGE_PIXELS_MAX (1 << 27) /* 134 million: 402 MB decoded */
#define SN_IMAGE_BYTES_MAX  (1 << 29) /* of a file */
#define SN_IMAGE_LARGE      (1 << 25) /* pixels: decoded one at a time */
#define SN_IMAGE_WORK       12 /* bytes a pixel that decoding takes at most */

/* Change with me: any pixel that comes out of image*.c or resize.c.  Squares on
 * disk of another version are not used. */
#define SN_IMAGE_VERSION 1

/* Which files of a folder are pictures: those whose names end in one of seven
 * ways, in any case; their content is another matter.  Who walks through
 * folders follows links, passes over hidden names (a dot in front, and the
 * __MACOSX of archives), and goes SN_PICTURE_FOLDERS deep. */
#define SN_PICTURE_FOLDERS 16
bool sn_is_picture_name(const char *name);
bool sn_is_hidden_name(const char *name);

/* Names of pictures of kinds that are not read: GIF, WebP, TIFF, HEIC, ...: a
 * set that has some is told so. */
bool sn_is_foreign_name(const char *name);

struct sn_image {
    int h, w;
    uint8_t *pixels; /* [h, w, 3] owned */
};

/* Decodes a file's bytes; `name` is for the message.  SN_ERR_INPUT with the
 * reason when they are no picture, one of a kind that is not read, damaged, cut
 * short, or claim too much; SN_ERR_MEMORY.  Any thread; of the pictures above
 * SN_IMAGE_LARGE one is decoded at a time. */
sn_status sn_image_decode(struct sn_image *im, const void *bytes, size_t n,
                          const char *name, struct sn_error *err);

/* The same for the file at `path`. */
sn_status sn_image_read(struct sn_image *im, const char *path,
                        struct sn_error *err);

void sn_image_release(struct sn_image *im);

/* How a picture comes to fill a square of `side` pixels. */
enum sn_fit {
    SN_FIT_CROP,   /* scaled until it covers the square, its middle is kept */
    SN_FIT_PAD,    /* scaled down until it fits; a smaller one stays as it is */
    SN_FIT_STRETCH /* scaled to the square, the ratio of its sides is lost */
};

/* What part of its square a picture takes: the upper left h x w. */
struct sn_extent {
    uint16_t h, w;
};

/* Scales `im` for a square of `side` pixels (at most SN_SIDE_MAX):
 *   cell   [side, side, 3] overwritten; outside *extent with 0
 *   extent overwritten; the whole square unless fit is SN_FIT_PAD
 * Resampling is a triangle as wide as the reduction, so nothing aliases
 * (resize.c); the bits depend on the arguments alone.  SN_ERR_MEMORY. */
sn_status sn_image_fit(uint8_t *cell, struct sn_extent *extent,
                       const struct sn_image *im, int side, enum sn_fit fit,
                       struct sn_error *err);

enum sn_image_format { SN_IMAGE_PNG, SN_IMAGE_JPEG };

/* Writes pixels [h, w, 3] as a PNG, or as a JPEG of quality 95; a file that
 * could not be written whole is removed.  SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_image_write(const char *path, const uint8_t *pixels, int h, int w,
                         enum sn_image_format format, struct sn_error *err);

#endif
