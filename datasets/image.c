/* Pictures in files, decoded and written; see image.h. */

#include "datasets/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "datasets/datasets_internal.h"
#include "datasets/image_internal.h"

/* ---- orientation ---- */

/* The pixels of the stored picture [h, w] as they are to be seen.  EXIF's
 * values: 2 mirrored, 3 upside down, 4 both, 5 to 8 the same with rows and
 * columns exchanged. */
static void turn(uint8_t *to, const uint8_t *from, int h, int w,
                 int orientation)
{
    const bool swapped = orientation >= 5;
    const bool mirror_y = orientation == 3 || orientation == 4 ||
                          orientation == 6 || orientation == 7;
    const bool mirror_x = orientation == 2 || orientation == 3 ||
                          orientation == 7 || orientation == 8;
    const int oh = swapped ? w : h, ow = swapped ? h : w;
    for (int iy = 0; iy < oh; iy++)
        for (int ix = 0; ix < ow; ix++) {
            const int y = swapped ? ix : iy, x = swapped ? iy : ix;
            const size_t row = (size_t)(mirror_y ? h - 1 - y : y);
            const size_t col = (size_t)(mirror_x ? w - 1 - x : x);
            const uint8_t *pixel = from + (row * (size_t)w + col) * 3;
            *to++ = pixel[0];
            *to++ = pixel[1];
            *to++ = pixel[2];
        }
}

static sn_status upright(struct sn_image *im, int orientation, const char *name,
                         struct sn_error *err)
{
    if (orientation == 1)
        return SN_OK;
    uint8_t *turned = malloc((size_t)im->h * (size_t)im->w * SN_IMAGE_CHANNELS);
    if (!turned)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory to turn %dx%d pixels",
                       name, im->w, im->h);
    turn(turned, im->pixels, im->h, im->w, orientation);
    free(im->pixels);
    im->pixels = turned;
    if (orientation >= 5) {
        const int h = im->h;
        im->h = im->w;
        im->w = h;
    }
    return SN_OK;
}

/* ---- reading ---- */

/* NULL with the reason. */
static uint8_t *decode_pixels(const struct sn_image_header *header,
                              const uint8_t *bytes, size_t n, int *h, int *w,
                              const char **why)
{
    if (header->kind == SN_KIND_BMP)
        return sn_bmp_decode(bytes, n, h, w, why);
    if (!header->junk)
        return sn_stb_decode(bytes, n, h, w, why);
    uint8_t *tidy = malloc(n);
    *why = SN_IMAGE_NO_MEMORY;
    if (!tidy)
        return NULL;
    uint8_t *pixels =
        sn_stb_decode(tidy, sn_jpeg_tidy(tidy, bytes, n), h, w, why);
    free(tidy);
    return pixels;
}

/* The pixels of a file whose header is fine, upright. */
static sn_status decode(struct sn_image *im,
                        const struct sn_image_header *header,
                        const uint8_t *bytes, size_t n, const char *name,
                        struct sn_error *err)
{
    struct sn_image found = {0};
    const char *why = NULL;
    found.pixels = decode_pixels(header, bytes, n, &found.h, &found.w, &why);
    if (!found.pixels && why && strcmp(why, SN_IMAGE_NO_MEMORY) == 0)
        return sn_fail(err, SN_ERR_MEMORY,
                       "%s: no memory to decode %dx%d pixels", name, header->w,
                       header->h);
    if (!found.pixels) /* "Corrupt JPEG" says no more than this */
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be decoded: %s", name,
                       why && strncmp(why, "Corrupt ", 8) != 0
                           ? why
                           : "cut short or damaged");
    sn_status rc = SN_OK;
    if (found.h != header->h || found.w != header->w)
        rc = sn_fail(err, SN_ERR_INPUT,
                     "%s: its header says %dx%d pixels, %dx%d came", name,
                     header->w, header->h, found.w, found.h);
    if (rc == SN_OK)
        rc = upright(&found, header->orientation, name, err);
    if (rc == SN_OK)
        *im = found;
    else
        sn_image_release(&found);
    return rc;
}

sn_status sn_image_decode(struct sn_image *im, const void *bytes, size_t n,
                          const char *name, struct sn_error *err)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    struct sn_image_header header = {0};
    SN_TRY(sn_image_header(&header, bytes, n, name, err));
    const bool large = (int64_t)header.h * header.w > SN_IMAGE_LARGE;
    if (large)
        pthread_mutex_lock(&one_at_a_time);
    const sn_status rc = decode(im, &header, bytes, n, name, err);
    if (large)
        pthread_mutex_unlock(&one_at_a_time);
    return rc;
}

sn_status sn_image_read(struct sn_image *im, const char *path,
                        struct sn_error *err)
{
    char *bytes;
    size_t n;
    int64_t size;
    SN_TRY(sn_file_size(path, &size, err)); /* a pipe would block */
    SN_TRY(sn_file_read(path, SN_IMAGE_BYTES_MAX, &bytes, &n, err));
    const sn_status rc = sn_image_decode(im, bytes, n, path, err);
    free(bytes);
    return rc;
}

void sn_image_release(struct sn_image *im)
{
    free(im->pixels);
    *im = (struct sn_image){0};
}

/* ---- writing ---- */

static void add_piece(void *ctx, void *data, int size)
{
    sn_file_add(ctx, data, (size_t)size); /* a failure is kept in mind */
}

sn_status sn_image_write(const char *path, const uint8_t *pixels, int h, int w,
                         enum sn_image_format format, struct sn_error *err)
{
    struct sn_file_writer file;
    SN_TRY(sn_file_create(&file, path, err));
    if (sn_stb_encode(format, pixels, h, w, add_piece, &file))
        return sn_file_commit(&file, err);
    sn_file_abandon(&file);
    return sn_fail(err, SN_ERR_MEMORY, "%s: no memory to write %dx%d pixels",
                   path, w, h);
}
