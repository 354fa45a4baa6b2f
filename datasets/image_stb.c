/* stb_image and stb_image_write (S. Barrett), compiled with no more than is
 * read through them: JPEG and PNG.  Most of the known faults of stb_image lie
 * in the formats that are left out (GIF, PNM, TGA, PSD, BMP); what is claimed
 * by a header is checked by image_header.c before a byte comes here.
 *
 * The code is the system's, in its own translation unit, so that what the
 * compilers say of it does not mix with what they say of ours. */

#include "datasets/image_internal.h"

#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#    pragma GCC diagnostic ignored "-Wunused-function"
#    if !defined(__clang__)
#        pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#    endif
#endif

/* The compressed stream of a PNG may hold a thousand times more than its header
 * has pixels for, and stb takes it all in before it looks.  So the blocks that
 * it makes larger as data comes are held to what the header asks for. */
static _Thread_local size_t grown_most; /* bytes; set before each file */
static _Thread_local bool grown_over;   /* more was wanted */

static void *grow(void *block, size_t bytes)
{
    grown_over = grown_over || bytes > grown_most;
    return grown_over ? NULL : realloc(block, bytes);
}

#define STBI_MALLOC(bytes)                 malloc(bytes)
#define STBI_REALLOC_SIZED(p, have, bytes) grow(p, bytes)
#define STBI_FREE(p)                       free(p)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_FAILURE_USERMSG
#define STBI_MAX_DIMENSIONS SN_IMAGE_SIDE_MAX
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

enum { JPEG_QUALITY = 95 };

/* What stb knows of a decoded file, in our words. */
static void describe(struct sn_jpeg *to, const stbi__jpeg *j)
{
    const int n = j->s->img_n;
    *to = (struct sn_jpeg){.h = (int)j->s->img_y,
                           .w = (int)j->s->img_x,
                           .planes = n,
                           .adobe = j->app14_color_transform >= 0};
    const bool plain = j->app14_color_transform == 0 && !j->jfif;
    if (n == 1)
        to->colours = SN_JPEG_GREY;
    else if (n == 3)
        to->colours = j->rgb == 3 || plain ? SN_JPEG_RGB : SN_JPEG_YCC;
    else
        to->colours =
            j->app14_color_transform == 2 ? SN_JPEG_YCCK : SN_JPEG_CMYK;
    for (int ip = 0; ip < n; ip++)
        to->plane[ip] = (struct sn_jpeg_plane){
            .data = j->img_comp[ip].data,
            .stride = j->img_comp[ip].w2,
            .w = j->img_comp[ip].x,
            .h = j->img_comp[ip].y,
            .across = j->img_h_max / j->img_comp[ip].h,
            .down = j->img_v_max / j->img_comp[ip].v,
        };
}

static void block(stbi_uc *out, int stride, short data[64])
{
    sn_jpeg_block(out, stride, data);
}

/* stb's entropy decoder; what comes after it is image_jpeg.c. */
static uint8_t *decode_jpeg(stbi__context *s, int *h, int *w, const char **why)
{
    struct sn_jpeg planes;
    uint8_t *pixels = NULL;
    stbi__jpeg *j = calloc(1, sizeof *j);
    *why = SN_IMAGE_NO_MEMORY;
    if (!j)
        return NULL;
    j->s = s;
    s->img_n = 0; /* so much there is to clean up */
    stbi__setup_jpeg(j);
    j->idct_block_kernel = block;
    if (stbi__decode_jpeg_image(j)) {
        describe(&planes, j);
        *h = planes.h;
        *w = planes.w;
        pixels =
            malloc((size_t)planes.h * (size_t)planes.w * SN_IMAGE_CHANNELS);
        if (pixels && !sn_jpeg_rgb(pixels, &planes)) {
            free(pixels);
            pixels = NULL;
        }
    } else {
        *why = stbi_failure_reason();
    }
    stbi__cleanup_jpeg(j);
    free(j);
    return pixels;
}

/* The largest block that a PNG of n bytes has reason to grow: its compressed
 * data side by side, or its rows.  Those of an interlaced picture are up to
 * four times as many bytes as stb begins with, for small ones; the doubling
 * goes one step beyond. */
static size_t png_most(const stbi__context *at, size_t n)
{
    enum { IHDR = 16, SLACK = 1 << 16 };
    stbi__context s = *at;
    stbi__skip(&s, IHDR);
    const size_t w = stbi__get32be(&s), h = stbi__get32be(&s);
    const size_t bits = (size_t)stbi__get8(&s) * 4; /* channels at most */
    const size_t rows = (w * bits / 8 + 2) * h;
    return 4 * (rows > n ? rows : n) + SLACK;
}

uint8_t *sn_stb_decode(const uint8_t *bytes, size_t n, int *h, int *w,
                       const char **why)
{
    int channels;
    stbi__context s;
    if (bytes[0] == 0xff) {
        stbi__start_mem(&s, bytes, (int)n);
        return decode_jpeg(&s, h, w, why);
    }
    stbi__start_mem(&s, bytes, (int)n);
    grown_most = png_most(&s, n);
    grown_over = false;
    uint8_t *pixels = stbi_load_from_memory(bytes, (int)n, w, h, &channels,
                                            SN_IMAGE_CHANNELS);
    if (!pixels)
        *why = grown_over ? "holds more data than its header has room for"
                          : stbi_failure_reason();
    return pixels;
}

bool sn_stb_encode(enum sn_image_format format, const uint8_t *pixels, int h,
                   int w, sn_stb_write_fn *write, void *ctx)
{
    if (format == SN_IMAGE_JPEG)
        return stbi_write_jpg_to_func(write, ctx, w, h, SN_IMAGE_CHANNELS,
                                      pixels, JPEG_QUALITY) != 0;
    return stbi_write_png_to_func(write, ctx, w, h, SN_IMAGE_CHANNELS, pixels,
                                  w * SN_IMAGE_CHANNELS) != 0;
}
