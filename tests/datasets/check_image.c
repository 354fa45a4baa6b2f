#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "datasets/datasets_internal.h"
#include "datasets/image_internal.h"

/* Pictures in files: what is read, what is refused and how it is said, and
 * that no file, however spoilt, does harm.
 *
 *   check_image FILES   decodes each file that FILES lists, one a line, to
 *                       FILE.raw; for check_pillow.py */

static struct sn_error err;

/* ---- pictures to work with ---- */

enum { H = 24, W = 37 };

/* A smooth picture with a dark corner, so that its sides can be told apart. */
static void paint(uint8_t *pixels, int h, int w)
{
    for (int iy = 0; iy < h; iy++)
        for (int ix = 0; ix < w; ix++) {
            uint8_t *p = pixels + (iy * w + ix) * 3;
            const bool corner = iy < h / 3 && ix < w / 3;
            p[0] = (uint8_t)(corner ? 10 : 60 + 150 * ix / w);
            p[1] = (uint8_t)(corner ? 10 : 60 + 150 * iy / h);
            p[2] = (uint8_t)(corner ? 10 : 128);
        }
}

static const char *write_picture(const char *name, int h, int w,
                                 enum sn_image_format format)
{
    static uint8_t pixels[256 * 256 * 3];
    const char *path = check_path(name);
    assert_true(h * w <= 256 * 256);
    paint(pixels, h, w);
    check_ok(sn_image_write(path, pixels, h, w, format, &err), &err);
    return path;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put32le(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* A file under construction. */
struct bytes {
    uint8_t data[1 << 16];
    size_t n;
};

static void add(struct bytes *b, const void *data, size_t n)
{
    assert_true(b->n + n <= sizeof b->data);
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void add_chunk(struct bytes *b, const char *type, const void *data,
                      size_t n)
{
    uint8_t head[8], sum[4];
    put32(head, (uint32_t)n);
    memcpy(head + 4, type, 4);
    add(b, head, 8);
    add(b, data, n);
    put32(sum, (uint32_t)crc32(0, b->data + b->n - n - 4, (unsigned)n + 4));
    add(b, sum, 4);
}

/* A PNG of `rows` bytes of raw data (filters included). */
static struct bytes *make_png(uint32_t h, uint32_t w, int bits, int colour,
                              const uint8_t *rows, size_t n)
{
    static struct bytes b;
    uint8_t ihdr[13] = {0};
    static uint8_t packed[1 << 15];
    uLongf size = sizeof packed;
    b.n = 0;
    add(&b, "\x89PNG\r\n\x1a\n", 8);
    put32(ihdr, w);
    put32(ihdr + 4, h);
    ihdr[8] = (uint8_t)bits;
    ihdr[9] = (uint8_t)colour;
    add_chunk(&b, "IHDR", ihdr, sizeof ihdr);
    assert_int_equal(compress(packed, &size, rows, n), Z_OK);
    add_chunk(&b, "IDAT", packed, size);
    add_chunk(&b, "IEND", NULL, 0);
    return &b;
}

static struct sn_image decoded(const struct bytes *b)
{
    struct sn_image im;
    check_ok(sn_image_decode(&im, b->data, b->n, "x", &err), &err);
    return im;
}

/* Fails unless the bytes are refused with that reason, named after the file. */
static void refused(const void *data, size_t n, const char *why)
{
    struct sn_image im = {.h = 77};
    char named[300];
    snprintf(named, sizeof named, "a/b.png: %s", why);
    check_fails(sn_image_decode(&im, data, n, "a/b.png", &err), &err,
                SN_ERR_INPUT, named);
    assert_int_equal(im.h, 77); /* untouched */
}

/* ---- what is read ---- */

static void png_keeps_every_pixel(void **state)
{
    (void)state;
    uint8_t want[H * W * 3];
    struct sn_image im;
    paint(want, H, W);
    const char *path = write_picture("x.png", H, W, SN_IMAGE_PNG);
    check_ok(sn_image_read(&im, path, &err), &err);
    assert_int_equal(im.h, H);
    assert_int_equal(im.w, W);
    check_same(im.pixels, want, sizeof want, "the pixels of a PNG");
    sn_image_release(&im);
    assert_null(im.pixels);
}

static void jpeg_stays_near(void **state)
{
    (void)state;
    uint8_t want[H * W * 3];
    struct sn_image im;
    double sum = 0;
    paint(want, H, W);
    const char *path = write_picture("x.jpg", H, W, SN_IMAGE_JPEG);
    check_ok(sn_image_read(&im, path, &err), &err);
    assert_int_equal(im.h, H);
    assert_int_equal(im.w, W);
    for (int i = 0; i < H * W * 3; i++)
        sum += abs(im.pixels[i] - want[i]);
    assert_true(sum / (H * W * 3) < 3);
    sn_image_release(&im);
}

/* Grey, grey with alpha, palette, 16 bits: one PNG each, of 2 x 1 pixels. */
static void png_kinds_become_rgb(void **state)
{
    (void)state;
    static const struct {
        int bits, colour;
        uint8_t row[20];
        size_t n;
        uint8_t want[6];
    } kinds[] = {
        {8, 0, {0, 7, 200}, 3, {7, 7, 7, 200, 200, 200}},
        {1, 0, {0, 0x40}, 2, {0, 0, 0, 255, 255, 255}},
        {8, 4, {0, 7, 0, 200, 255}, 5, {7, 7, 7, 200, 200, 200}},
        {8, 6, {0, 1, 2, 3, 0, 4, 5, 6, 9}, 9, {1, 2, 3, 4, 5, 6}},
        {16, 0, {0, 0x12, 0xff, 0xab, 0}, 5, {18, 18, 18, 171, 171, 171}},
        {16,
         2,
         {0, 1, 9, 2, 9, 3, 9, 4, 9, 5, 9, 6, 9},
         13,
         {1, 2, 3, 4, 5, 6}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct sn_image im = decoded(make_png(
            1, 2, kinds[i].bits, kinds[i].colour, kinds[i].row, kinds[i].n));
        assert_int_equal(im.w, 2);
        check_same(im.pixels, kinds[i].want, 6, "pixels");
        sn_image_release(&im);
    }
}

/* The file's bytes with an EXIF block behind its first two. */
static struct bytes *with_exif(const char *jpeg, const void *tiff, size_t n)
{
    static struct bytes b;
    size_t bytes;
    const char *data = check_read(jpeg, &bytes);
    const uint8_t head[] = {0xff, 0xe1, (uint8_t)((n + 8) >> 8),
                            (uint8_t)(n + 8)};
    b.n = 0;
    add(&b, data, 2);
    add(&b, head, sizeof head);
    add(&b, "Exif\0\0", 6);
    add(&b, tiff, n);
    add(&b, data + 2, bytes - 2);
    return &b;
}

static void orientation_is_honoured(void **state)
{
    (void)state;
    /* where the dark corner is to be seen: below?, to the right? */
    static const bool below[9] = {0, 0, 0, 1, 1, 0, 0, 1, 1};
    static const bool right[9] = {0, 0, 1, 1, 0, 0, 1, 1, 0};
    const char *path = write_picture("turn.jpg", H, W, SN_IMAGE_JPEG);
    for (int value = 1; value <= 8; value++)
        for (int big = 0; big < 2; big++) {
            uint8_t le[26] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
            uint8_t be[26] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01";
            le[18] = be[19] = (uint8_t)value;
            struct sn_image im =
                decoded(with_exif(path, big ? be : le, sizeof le));
            assert_int_equal(im.h, value < 5 ? H : W);
            assert_int_equal(im.w, value < 5 ? W : H);
            const int y = below[value] ? im.h - 3 : 2;
            const int x = right[value] ? im.w - 3 : 2;
            assert_true(im.pixels[(y * im.w + x) * 3] < 40);
            assert_true(im.pixels[((im.h - 1 - y) * im.w + x) * 3] > 40);
            assert_true(im.pixels[(y * im.w + im.w - 1 - x) * 3] > 40);
            sn_image_release(&im);
        }
}

static void spoilt_exif_is_none(void **state)
{
    (void)state;
    static const uint8_t good[26] =
        "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06";
    assert_int_equal(sn_exif_orientation(good, sizeof good), 6);
    for (size_t n = 0; n < 22; n++) {
        uint8_t *cut = malloc(n + 1); /* the sanitizer sees its end */
        memcpy(cut, good, n);
        assert_int_equal(sn_exif_orientation(cut, n), 0);
        free(cut);
    }
    for (size_t at = 0; at < 22; at++)
        for (int v = 0; v < 256; v++) {
            uint8_t bad[26];
            memcpy(bad, good, sizeof bad);
            bad[at] = (uint8_t)v;
            const int found = sn_exif_orientation(bad, sizeof bad);
            assert_true(found >= 0 && found <= 8);
        }
    /* the first pointer leads out of the block */
    uint8_t far[26];
    memcpy(far, good, sizeof far);
    memset(far + 4, 0xff, 4);
    assert_int_equal(sn_exif_orientation(far, sizeof far), 0);
}

/* PNG's own block. */
static void png_orientation_is_honoured(void **state)
{
    (void)state;
    static const uint8_t tiff[26] =
        "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08";
    static const uint8_t row[] = {0, 1, 1, 1, 2, 2, 2};
    struct bytes *b = make_png(1, 2, 8, 2, row, sizeof row);
    b->n -= 12; /* IEND comes again */
    add_chunk(b, "eXIf", tiff, sizeof tiff);
    add_chunk(b, "IEND", NULL, 0);
    struct sn_image im = decoded(b);
    assert_int_equal(im.h, 2);
    assert_int_equal(im.w, 1);
    assert_int_equal(im.pixels[0], 2);
    sn_image_release(&im);
}

/* ---- BMP ---- */

/* A BMP with a header of 40 bytes; `rest` is palette and pixels, the pixels
 * from `first` on. */
static struct bytes *make_bmp(int h, int w, int bits, int coding,
                              const void *rest, size_t n, size_t first)
{
    static struct bytes b;
    uint8_t head[54] = "BM";
    put32le(head + 10, (uint32_t)(54 + first));
    put32le(head + 14, 40);
    put32le(head + 18, (uint32_t)w);
    put32le(head + 22, (uint32_t)h);
    head[26] = 1;
    head[28] = (uint8_t)bits;
    put32le(head + 30, (uint32_t)coding);
    b.n = 0;
    add(&b, head, sizeof head);
    add(&b, rest, n);
    return &b;
}

static void bmp_kinds_become_rgb(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int h, w, bits, coding;
        uint8_t rest[48];
        size_t n, first;
        uint8_t want[12];
    } kinds[] = {
        {"24 bits, from below",
         2,
         1,
         24,
         0,
         {3, 2, 1, 0, 6, 5, 4, 0},
         8,
         0,
         {4, 5, 6, 1, 2, 3}},
        {"24 bits, from above",
         -2,
         1,
         24,
         0,
         {3, 2, 1, 0, 6, 5, 4, 0},
         8,
         0,
         {1, 2, 3, 4, 5, 6}},
        {"1 bit",
         1,
         2,
         1,
         0,
         {3, 2, 1, 0, 6, 5, 4, 0, 0x40, 0, 0, 0},
         12,
         8,
         {1, 2, 3, 4, 5, 6}},
        {"16 bits", 1, 1, 16, 0, {0x1f, 0x7c, 0, 0}, 4, 0, {255, 0, 255}},
        {"16 bits with masks",
         1,
         1,
         16,
         3,
         {0, 0xf8, 0, 0, 0xe0, 7, 0, 0, 0x1f, 0, 0, 0, 0xe0, 7, 0, 0},
         16,
         12,
         {0, 255, 0}},
        {"32 bits", 1, 1, 32, 0, {3, 2, 1, 9}, 4, 0, {1, 2, 3}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct sn_image im = decoded(
            make_bmp(kinds[i].h, kinds[i].w, kinds[i].bits, kinds[i].coding,
                     kinds[i].rest, kinds[i].n, kinds[i].first));
        check_same(im.pixels, kinds[i].want, (size_t)(im.h * im.w * 3),
                   kinds[i].what);
        sn_image_release(&im);
    }
}

/* Runs, single pixels, moves, and what is never set: colour 0. */
static void bmp_runs_are_unpacked(void **state)
{
    (void)state;
    uint8_t rest[1024 + 32] = {0};
    for (int i = 0; i < 256; i++)
        rest[4 * i] = rest[4 * i + 1] = rest[4 * i + 2] = (uint8_t)i;
    /* 5 5 5, end of row; 7 8 9, end of row; one to the right; 4, end */
    static const uint8_t eight[] = {3, 5, 0, 0, 0, 3, 7, 8, 9, 0,
                                    0, 0, 0, 2, 1, 0, 1, 4, 0, 1};
    memcpy(rest + 1024, eight, sizeof eight);
    struct sn_image im =
        decoded(make_bmp(3, 4, 8, 1, rest, 1024 + sizeof eight, 1024));
    static const uint8_t want[] = {0, 4, 0, 0, 7, 8, 9, 0, 5, 5, 5, 0};
    for (int i = 0; i < 12; i++)
        assert_int_equal(im.pixels[3 * i], want[i]);
    sn_image_release(&im);

    static const uint8_t four[] = {3, 0x12, 0, 4, 0x34, 0x56, 0, 1};
    memset(rest, 0, 64);
    for (int i = 0; i < 16; i++)
        rest[4 * i] = (uint8_t)(10 * i);
    memcpy(rest + 64, four, sizeof four);
    im = decoded(make_bmp(1, 7, 4, 2, rest, 64 + sizeof four, 64));
    static const uint8_t blue[] = {10, 20, 10, 30, 40, 50, 60};
    for (int i = 0; i < 7; i++)
        assert_int_equal(im.pixels[3 * i + 2], blue[i]);
    sn_image_release(&im);
}

/* ---- what is refused ---- */

static void other_files_are_named(void **state)
{
    (void)state;
    refused("", 0, "the file is empty");
    refused("x", 1, "is no JPEG, PNG or BMP file");
    refused("GIF89a\1\0\1\0", 10,
            "is no JPEG, PNG or BMP file, it seems to be GIF");
    refused("RIFF....WEBPVP8 ", 16,
            "is no JPEG, PNG or BMP file, it seems to be WebP");
    refused("II*\0....", 8, "is no JPEG, PNG or BMP file, it seems to be TIFF");
    refused("\0\0\0\x18"
            "ftypheic",
            12,
            "is no JPEG, PNG or BMP file, it seems to be HEIF, AVIF or video");
    refused("<svg>", 5,
            "is no JPEG, PNG or BMP file, it seems to be SVG or HTML");
}

static void claims_are_not_believed(void **state)
{
    (void)state;
    static const uint8_t row[] = {0, 1, 2, 3};
    struct bytes *b = make_png(60000, 60000, 8, 2, row, sizeof row);
    refused(b->data, b->n,
            "claims 60000x60000 pixels, expected at most 65535 a side and 134 "
            "million in all");
    b = make_png(1, 70000, 8, 2, row, sizeof row);
    refused(b->data, b->n, "claims 70000x1 pixels, expected at most");
    b = make_png(10000, 10000, 8, 2, row, sizeof row);
    refused(b->data, b->n, "claims 10000x10000 pixels, more than its ");
    b = make_png(0, 5, 8, 2, row, sizeof row);
    refused(b->data, b->n, "claims to be 5x0 pixels, expected at least one");
    b = make_png(1, 1, 8, 5, row, sizeof row);
    refused(b->data, b->n, "a damaged PNG: there is no colour type 5");

    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xc0, 0,    11,  8,
                                   0x27, 0x10, 0x27, 0x10, 1,    1,   0x11,
                                   0,    0xff, 0xda, 0,    8,    1,   1,
                                   0,    0,    0x3f, 0,    0xff, 0xd9};
    refused(jpeg, sizeof jpeg,
            "claims 10000x10000 pixels, more than its 27 "
            "bytes can hold: cut short or damaged");
    b = make_bmp(1000, 1000, 24, 0, row, sizeof row, 0);
    refused(b->data, b->n, "claims 1000x1000 pixels, more than its 58 bytes");
    b = make_bmp(60000, 60000, 24, 0, row, sizeof row, 0);
    refused(b->data, b->n, "claims 60000x60000 pixels, expected at most");
    b = make_bmp(1000, 1000, 8, 1, row, sizeof row, 0);
    refused(b->data, b->n, "claims 1000x1000 pixels, more than its 58 bytes");
}

/* The frame marker of a JPEG, changed. */
static void jpeg_kinds_are_told(void **state)
{
    (void)state;
    static const struct {
        int at, value;
        const char *why;
    } kinds[] = {
        {3, 0xc9,
         "an arithmetic-coded JPEG, which is not read; expected "
         "Huffman coding"},
        {3, 0xc3,
         "a lossless or hierarchical JPEG, which is not read; "
         "expected a baseline or progressive one"},
        {6, 12, "a JPEG of 12 bits a sample, which is not read; expected 8"},
        {8, 0, "a JPEG that tells its height at its end, which is not read"},
        {5, 3, "a damaged JPEG: its frame header is too short"},
        {5, 99, "a JPEG that ends within a segment: cut short or damaged"},
        {11, 9, "a damaged JPEG: its frame header makes no sense"},
        {16, 0xc4, "a damaged JPEG: a Huffman table makes no sense"},
        {19, 9, "a damaged JPEG: the header of a scan makes no sense"},
        {3, 0xfe, "a damaged JPEG: a scan without a frame"},
    };
    static const uint8_t jpeg[] = {
        0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0,    8, 1,    1,   0x11,
        0,    0xff, 0xda, 0,    8, 1,  1, 0, 0, 0x3f, 0, 0xff, 0xd9};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint8_t bad[sizeof jpeg];
        memcpy(bad, jpeg, sizeof jpeg);
        bad[kinds[i].at] = (uint8_t)kinds[i].value;
        refused(bad, sizeof bad, kinds[i].why);
    }
    refused(jpeg, 15, "a JPEG without a picture in it: cut short or damaged");
    refused(jpeg, sizeof jpeg, "a damaged JPEG: a Huffman table is missing");
}

static void png_damage_is_seen(void **state)
{
    (void)state;
    static const uint8_t row[] = {0, 1, 2, 3};
    struct bytes *b = make_png(1, 1, 8, 2, row, sizeof row);
    refused(b->data, b->n - 12, "a PNG without its end: cut short");
    refused(b->data, b->n - 14,
            "a PNG that ends within a chunk: cut short or "
            "damaged");
    b->data[8 + 8 + 3]++; /* the width */
    refused(b->data, b->n, "a damaged PNG: the checksum of chunk 8 is wrong");
    b = make_png(1, 1, 8, 2, row, sizeof row);
    memmove(b->data + 8, b->data + 33, b->n - 33);
    refused(b->data, b->n - 25, "a PNG that does not begin with its header");
    b = make_png(1, 1, 8, 2, row, 2); /* a row too short */
    refused(b->data, b->n, "cannot be decoded: ");
}

static void bmp_damage_is_seen(void **state)
{
    (void)state;
    uint8_t rest[1100] = {0};
    static const struct {
        int bits, coding;
        const char *why;
    } bad[] = {
        {7, 0, "a damaged BMP: no pixel has that many bits"},
        {24, 1, "a damaged BMP: its coding does not go with its bits a pixel"},
        {24, 3, "a damaged BMP: its coding does not go with its bits a pixel"},
        {24, 4, "a BMP with a JPEG or PNG in it, which is not read"},
        {8, 1,
         "cannot be decoded: a BMP that ends within its pixels: cut "
         "short"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bytes *b =
            make_bmp(4, 4, bad[i].bits, bad[i].coding, rest, 1034, 1024);
        b->data[54 + 1024] = 1; /* a run, then zeros: the rows do not end */
        b->n = 54 + 1024 + (bad[i].coding == 1 ? 2 : 10);
        refused(b->data, b->n, bad[i].why);
    }
    rest[0] = 5; /* a mask with a gap */
    struct bytes *b = make_bmp(1, 1, 16, 3, rest, 16, 12);
    refused(b->data, b->n,
            "cannot be decoded: a damaged BMP: the mask of a "
            "colour has gaps");
    refused(b->data, 20, "a BMP that ends within its header");
    b->data[14] = 13;
    refused(b->data, b->n, "a BMP with a header of an unknown kind");
}

/* Every file, cut at every length and with every byte spoilt in some way:
 * whatever comes, it comes back.  (The sanitizers look on.) */
static void spoilt_files_do_no_harm(void **state)
{
    (void)state;
    uint8_t rest[256 * 4 + 40] = {4, 1, 0, 2, 3, 1, 0, 0};
    const char *paths[] = {write_picture("s.jpg", 17, 19, SN_IMAGE_JPEG),
                           write_picture("s.png", 17, 19, SN_IMAGE_PNG),
                           check_path("s8.bmp"), check_path("s4.bmp")};
    struct bytes *b = make_bmp(5, 6, 8, 1, rest, sizeof rest, 1024);
    memcpy(b->data + 54 + 1024, rest, 20);
    check_write("s8.bmp", b->data, b->n);
    b = make_bmp(5, 6, 4, 0, rest, 64 + 20, 64);
    check_write("s4.bmp", b->data, b->n);
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    for (uint32_t ip = 0; ip < sizeof paths / sizeof *paths; ip++) {
        size_t n;
        const char *data = check_read(paths[ip], &n);
        for (size_t cut = 0; cut < n; cut++) {
            struct sn_image im = {0};
            uint8_t *own = malloc(n);
            memcpy(own, data, n);
            const size_t at =
                sn_rng_below(rng, ip, (uint32_t)cut, 0, (uint32_t)n);
            own[at] = (uint8_t)sn_rng_below(rng, ip, (uint32_t)cut, 1, 256);
            (void)!sn_image_decode(&im, own, n, "x", &err);
            sn_image_release(&im);
            free(own);
            own = malloc(cut + 1); /* no byte more than it says */
            memcpy(own, data, cut);
            (void)!sn_image_decode(&im, own, cut, "x", &err);
            sn_image_release(&im);
            free(own);
        }
    }
}

static void jpeg_without_its_end_is_refused(void **state)
{
    (void)state;
    size_t n;
    const char *path = write_picture("half.jpg", 64, 64, SN_IMAGE_JPEG);
    const char *data = check_read(path, &n);
    refused(data, n / 2, "");
    refused(data, n - 40, "");
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct sn_image im;
    check_fails(sn_image_read(&im, check_path("nothing.png"), &err), &err,
                SN_ERR_INPUT, "nothing.png");
    check_fails(sn_image_read(&im, check_dir(), &err), &err, SN_ERR_INPUT, "");
    uint8_t pixel[3] = {0};
    check_fails(sn_image_write(check_path("no/such.png"), pixel, 1, 1,
                               SN_IMAGE_PNG, &err),
                &err, SN_ERR_OUTPUT, "no/such.png: ");
    check_fails(sn_image_write("/dev/null", pixel, 1, 1, SN_IMAGE_PNG, &err),
                &err, SN_ERR_OUTPUT, "/dev/null: ");
    assert_int_equal(access("/dev/null", W_OK), 0); /* still there */
}

static void memory_may_run_out(void **state)
{
    (void)state;
    const char *paths[] = {write_picture("m.png", H, W, SN_IMAGE_PNG),
                           write_picture("m.jpg", H, W, SN_IMAGE_JPEG)};
    for (size_t ip = 0; ip < 2; ip++) {
        size_t n;
        const char *data = check_read(paths[ip], &n);
        for (int i = 0;; i++) {
            struct sn_image im = {0};
            check_fail_allocation(i);
            const sn_status rc = sn_image_decode(&im, data, n, "x", &err);
            const bool failed = check_allocation_failed();
            if (!failed)
                check_ok(rc, &err);
            else
                assert_int_equal(rc, SN_ERR_MEMORY);
            sn_image_release(&im);
            if (!failed)
                break;
        }
    }
}

/* ---- fitting ---- */

/* One output pixel of one channel by definition: weights of a triangle. */
static double triangle(const struct sn_image *im, double from_y, double from_x,
                       double step, int y, int x, int ic)
{
    const double half = step > 1 ? step : 1;
    const double cy = from_y + (y + 0.5) * step, cx = from_x + (x + 0.5) * step;
    double sum = 0, weight = 0;
    for (int iy = 0; iy < im->h; iy++)
        for (int ix = 0; ix < im->w; ix++) {
            const double wy = 1 - fabs((iy + 0.5 - cy) / half);
            const double wx = 1 - fabs((ix + 0.5 - cx) / half);
            if (wy <= 0 || wx <= 0)
                continue;
            weight += wy * wx;
            sum += wy * wx * im->pixels[(iy * im->w + ix) * 3 + ic];
        }
    return sum / weight;
}

static struct sn_image noise(int h, int w)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    struct sn_image im = {h, w, malloc((size_t)(h * w * 3))};
    for (int i = 0; i < h * w * 3; i++)
        im.pixels[i] = (uint8_t)sn_rng_below(rng, 3, (uint32_t)i, 0, 256);
    return im;
}

static void crop_is_the_middle_scaled(void **state)
{
    (void)state;
    static const int sides[][3] = {{40, 64, 16}, {64, 40, 16}, {9, 9, 16},
                                   {17, 31, 16}, {1, 5, 8},    {200, 3, 8}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct sn_image im = noise(sides[i][0], sides[i][1]);
        const int side = sides[i][2], least = im.h < im.w ? im.h : im.w;
        uint8_t *cell = malloc((size_t)(side * side * 3));
        struct sn_extent extent;
        check_ok(sn_image_fit(cell, &extent, &im, side, SN_FIT_CROP, &err),
                 &err);
        assert_int_equal(extent.h, side);
        assert_int_equal(extent.w, side);
        for (int iv = 0; iv < side * side * 3; iv++) {
            const double want = triangle(
                &im, (im.h - least) / 2.0, (im.w - least) / 2.0,
                (double)least / side, iv / 3 / side, iv / 3 % side, iv % 3);
            assert_true(fabs(cell[iv] - want) <= 1.01); /* two roundings */
        }
        free(cell);
        sn_image_release(&im);
    }
}

static void pad_keeps_the_ratio(void **state)
{
    (void)state;
    static const int sides[][4] = {{40, 64, 10, 16},
                                   {64, 40, 16, 10},
                                   {5, 7, 5, 7},
                                   {16, 16, 16, 16},
                                   {300, 2, 16, 1}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct sn_image im = noise(sides[i][0], sides[i][1]);
        uint8_t cell[16 * 16 * 3];
        struct sn_extent extent;
        memset(cell, 0xaa, sizeof cell);
        check_ok(sn_image_fit(cell, &extent, &im, 16, SN_FIT_PAD, &err), &err);
        assert_int_equal(extent.h, sides[i][2]);
        assert_int_equal(extent.w, sides[i][3]);
        for (int iy = 0; iy < 16; iy++)
            for (int ix = 0; ix < 16; ix++)
                if (iy >= extent.h || ix >= extent.w)
                    assert_int_equal(cell[(iy * 16 + ix) * 3], 0);
        if (extent.h == im.h)
            check_same(cell, im.pixels, (size_t)(im.w * 3), "the first row");
        sn_image_release(&im);
    }
}

static void stretch_fills_the_square(void **state)
{
    (void)state;
    uint8_t pixels[2 * 1 * 3] = {0, 0, 0, 255, 255, 255}, cell[8 * 8 * 3];
    const struct sn_image im = {2, 1, pixels};
    struct sn_extent extent;
    check_ok(sn_image_fit(cell, &extent, &im, 8, SN_FIT_STRETCH, &err), &err);
    assert_int_equal(extent.h, 8);
    for (int ix = 0; ix < 8; ix++) {
        assert_int_equal(cell[ix * 3], 0);
        assert_int_equal(cell[(7 * 8 + ix) * 3], 255);
        assert_true(cell[(3 * 8 + ix) * 3] < cell[(4 * 8 + ix) * 3]);
    }
}

static void fit_may_lack_memory(void **state)
{
    (void)state;
    struct sn_image im = noise(40, 30);
    uint8_t cell[16 * 16 * 3];
    struct sn_extent extent;
    for (int i = 0;; i++) {
        check_fail_allocation(i);
        const sn_status rc =
            sn_image_fit(cell, &extent, &im, 16, SN_FIT_CROP, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "no memory to scale 30x40 pixels");
    }
    sn_image_release(&im);
}

/* ---- for check_pillow.py ---- */

/* Pixels to PATH.raw, and `ok W H` or the reason on stdout. */
static void dump_one(const char *path)
{
    struct sn_image im;
    char to[4200];
    if (sn_image_read(&im, path, &err) != SN_OK) {
        printf("no %s\n", err.text);
        return;
    }
    snprintf(to, sizeof to, "%s.raw", path);
    check_ok(
        sn_file_write(to, im.pixels, (size_t)im.h * (size_t)im.w * 3, &err),
        &err);
    printf("ok %d %d\n", im.w, im.h);
    sn_image_release(&im);
}

static int dump(const char *list)
{
    char line[4096];
    FILE *f = fopen(list, "r");
    if (!f)
        return 1;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        dump_one(line);
    }
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_keeps_every_pixel),
        cmocka_unit_test(jpeg_stays_near),
        cmocka_unit_test(png_kinds_become_rgb),
        cmocka_unit_test(orientation_is_honoured),
        cmocka_unit_test(spoilt_exif_is_none),
        cmocka_unit_test(png_orientation_is_honoured),
        cmocka_unit_test(bmp_kinds_become_rgb),
        cmocka_unit_test(bmp_runs_are_unpacked),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(claims_are_not_believed),
        cmocka_unit_test(jpeg_kinds_are_told),
        cmocka_unit_test(png_damage_is_seen),
        cmocka_unit_test(bmp_damage_is_seen),
        cmocka_unit_test(spoilt_files_do_no_harm),
        cmocka_unit_test(jpeg_without_its_end_is_refused),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(crop_is_the_middle_scaled),
        cmocka_unit_test(pad_keeps_the_ratio),
        cmocka_unit_test(stretch_fills_the_square),
        cmocka_unit_test(fit_may_lack_memory),
    };
    if (argc > 1)
        return dump(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
