#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "datasets/image_internal.h"

/* Small files that ask for much: time, memory, or what a decoder is not safe
 * with. */

static struct sn_error err;

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

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void add_chunk(struct bytes *b, const char *type, const void *data,
                      size_t n)
{
    uint8_t word[4];
    put32(word, (uint32_t)n);
    add(b, word, 4);
    const size_t first = b->n;
    add(b, type, 4);
    add(b, data, n);
    put32(word, (uint32_t)crc32(0, b->data + first, (unsigned)(n + 4)));
    add(b, word, 4);
}

/* A grey PNG of 8 bits a pixel up to its data. */
static void begin_png(struct bytes *b, uint32_t h, uint32_t w,
                      uint8_t interlace)
{
    uint8_t ihdr[13] = {0};
    b->n = 0;
    add(b, "\x89PNG\r\n\x1a\n", 8);
    put32(ihdr, w);
    put32(ihdr + 4, h);
    ihdr[8] = 8;
    ihdr[12] = interlace;
    add_chunk(b, "IHDR", ihdr, sizeof ihdr);
}

/* The data: n zeros, packed. */
static void add_zeros(struct bytes *b, size_t n)
{
    uint8_t *zeros = calloc(n, 1), *packed = malloc(n / 500 + 1000);
    uLongf size = (uLongf)(n / 500 + 1000);
    assert_int_equal(compress(packed, &size, zeros, (uLong)n), Z_OK);
    add_chunk(b, "IDAT", packed, size);
    free(zeros);
    free(packed);
}

static void refused(const struct bytes *b, const char *why)
{
    struct sn_image im = {.h = 77};
    char text[300];
    snprintf(text, sizeof text, "a/b: %s", why);
    check_fails(sn_image_decode(&im, b->data, b->n, "a/b", &err), &err,
                SN_ERR_INPUT, text);
    assert_int_equal(im.h, 77);
}

static void fine(const struct bytes *b, int h, int w)
{
    struct sn_image im;
    check_ok(sn_image_decode(&im, b->data, b->n, "x", &err), &err);
    assert_int_equal(im.h, h);
    assert_int_equal(im.w, w);
    sn_image_release(&im);
}

/* ---- PNG ---- */

static void png_holds_what_it_says(void **state)
{
    (void)state;
    static struct bytes b;
    begin_png(&b, 1, 1, 0);
    add_zeros(&b, 20u << 20);
    add_chunk(&b, "IEND", NULL, 0);
    assert_true(b.n < 25000);
    refused(&b, "cannot be decoded: holds more data than its header has room "
                "for");
    begin_png(&b, 1, 1, 0); /* a little too much is nobody's business */
    add_zeros(&b, 1000);
    add_chunk(&b, "IEND", NULL, 0);
    fine(&b, 1, 1);
    begin_png(&b, 300, 400, 0); /* in pieces */
    const size_t first = b.n;
    add_zeros(&b, 300 * 401);
    uint8_t packed[4096];
    const size_t n = b.n - first - 12;
    assert_true(n < sizeof packed);
    memcpy(packed, b.data + first + 8, n);
    b.n = first;
    for (size_t i = 0; i < n; i++)
        add_chunk(&b, "IDAT", packed + i, 1);
    add_chunk(&b, "IEND", NULL, 0);
    fine(&b, 300, 400);
}

/* Interlaced rows are more and shorter than those stb reckons with. */
static void png_interlaced_fits(void **state)
{
    (void)state;
    static struct bytes b;
    static const int sides[][2] = {{1, 1},    {8, 8},   {1, 3000},
                                   {3000, 1}, {700, 3}, {500, 500}};
    static const int pass[7][4] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4},
                                   {0, 2, 4, 4}, {2, 0, 4, 2}, {0, 1, 2, 2},
                                   {1, 0, 2, 1}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        const int h = sides[i][0], w = sides[i][1];
        size_t n = 0;
        for (int ip = 0; ip < 7; ip++) { /* PNG, 8.2: from row, column; step */
            const int rows = (h - pass[ip][0] + pass[ip][2] - 1) / pass[ip][2];
            const int cols = (w - pass[ip][1] + pass[ip][3] - 1) / pass[ip][3];
            if (rows > 0 && cols > 0)
                n += (size_t)rows * (size_t)(cols + 1);
        }
        begin_png(&b, (uint32_t)h, (uint32_t)w, 1);
        add_zeros(&b, n);
        add_chunk(&b, "IEND", NULL, 0);
        fine(&b, h, w);
    }
}

static void png_of_unknown_chunks_is_refused(void **state)
{
    (void)state;
    static struct bytes b;
    begin_png(&b, 1, 1, 0);
    add_chunk(&b, "abCd", "x", 1); /* need not be known */
    add_zeros(&b, 2);
    add_chunk(&b, "IEND", NULL, 0);
    fine(&b, 1, 1);
    begin_png(&b, 1, 1, 0);
    add_chunk(&b, "ABCD", "x", 1);
    add_zeros(&b, 2);
    add_chunk(&b, "IEND", NULL, 0);
    refused(&b, "a PNG whose chunk 33 is of an unknown kind and cannot be "
                "passed over");
}

/* ---- JPEG ---- */

/* A grey progressive JPEG of so many pixels a side, with `scans` empty scans
 * and `pad` bytes behind its end. */
static void make_scans(struct bytes *b, int side, int scans, size_t pad)
{
    static const uint8_t sos[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0};
    uint8_t sof[] = {0xff, 0xc2, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0};
    uint8_t dqt[69] = {0xff, 0xdb, 0, 67};
    uint8_t dht[21 + 1] = {0xff, 0xc4, 0, 20, 0, 1};
    static const uint8_t zeros[1 << 15];
    memset(dqt + 5, 1, 64);
    sof[5] = sof[7] = (uint8_t)(side >> 8);
    sof[6] = sof[8] = (uint8_t)side;
    b->n = 0;
    add(b, "\xff\xd8", 2);
    add(b, dqt, sizeof dqt);
    add(b, sof, sizeof sof);
    add(b, dht, sizeof dht);
    for (int i = 0; i < scans; i++)
        add(b, sos, sizeof sos);
    add(b, "\xff\xd9", 2);
    assert_true(pad <= sizeof zeros);
    add(b, zeros, pad);
}

static void jpeg_scans_are_counted(void **state)
{
    (void)state;
    static const char why[] = "a JPEG of more scans than its ";
    static struct bytes b;
    struct sn_image_header header;
    const clock_t start = clock();
    make_scans(&b, 2000, 1000, 0);
    refused(&b, why); /* at once: it took minutes */
    make_scans(&b, 8, 1000, 1 << 15);
    refused(&b, why);
    make_scans(&b, 8, 101, 1 << 15);
    refused(&b, why);
    make_scans(&b, 8, 100, 1 << 15);
    check_ok(sn_image_header(&header, b.data, b.n, "x", &err), &err);
    make_scans(&b, 512, 30, 200); /* blank: scans of 4096 blocks */
    refused(&b, why);
    make_scans(&b, 512, 12, 400);
    check_ok(sn_image_header(&header, b.data, b.n, "x", &err), &err);
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_holds_what_it_says),
        cmocka_unit_test(png_interlaced_fits),
        cmocka_unit_test(png_of_unknown_chunks_is_refused),
        cmocka_unit_test(jpeg_scans_are_counted),
    };
    return cmocka_run_group_tests_name("bombs", tests, NULL, NULL);
}
