/* What a picture's file claims, checked before anything is decoded.
 *
 * A header of thirty bytes may claim 65535 x 65535 pixels; a decoder that
 * takes the memory first is the oldest way to be knocked over.  So the claim
 * is held against what the file's bytes could produce at the very best:
 *
 *   JPEG  each 8x8 block of each component costs at least one bit, that of the
 *         Huffman code of its DC coefficient (ITU T.81, F.2.2.1)
 *   PNG   deflate gives at most 1032 bytes for one (RFC 1951: a match of 258
 *         bytes costs at least two bits)
 *   BMP   stores every pixel, or at best a run of 255 of them in two bytes
 *
 * The walk over a file's pieces also finds what the decoder behind does not
 * look for: the checksums of PNG, the end of a file that is too short, and the
 * features that have names a user can look up.  EXIF lies in JPEG's APP1 or
 * PNG's eXIf; only the orientation is read from it. */

#include "datasets/image_internal.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Bytes that are walked over; `at` never passes `n`. */
struct walk {
    const uint8_t *bytes;
    size_t n, at;
    bool junk;     /* JPEG: bytes were passed over */
    uint8_t *copy; /* JPEG: the segments go here, NULL: nowhere */
    size_t copied;
    const char *name;
    struct sn_error *err;
};

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static sn_status bad(const struct walk *f, const char *why)
{
    return sn_fail(f->err, SN_ERR_INPUT, "%s: %s", f->name, why);
}

/* ---- claims ---- */

/* Sides within the caps, and a picture no larger than `most` pixels, which is
 * what the file's bytes allow. */
static sn_status check_claim(const struct walk *f, int64_t h, int64_t w,
                             double most)
{
    if (h < 1 || w < 1)
        return sn_fail(f->err, SN_ERR_INPUT,
                       "%s: claims to be %lldx%lld pixels, expected at least "
                       "one",
                       f->name, (long long)w, (long long)h);
    if (h > SN_IMAGE_SIDE_MAX || w > SN_IMAGE_SIDE_MAX ||
        h * w > SN_IMAGE_PIXELS_MAX)
        return sn_fail(f->err, SN_ERR_INPUT,
                       "%s: claims %lldx%lld pixels, expected at most %d a "
                       "side and %d million in all",
                       f->name, (long long)w, (long long)h, SN_IMAGE_SIDE_MAX,
                       SN_IMAGE_PIXELS_MAX / 1000000);
    if ((double)h * (double)w > most)
        return sn_fail(f->err, SN_ERR_INPUT,
                       "%s: claims %lldx%lld pixels, more than its %zu bytes "
                       "can hold: cut short or damaged",
                       f->name, (long long)w, (long long)h, f->n);
    return SN_OK;
}

/* ---- EXIF ---- */

int sn_exif_orientation(const uint8_t *tiff, size_t n)
{
    enum { ENTRY = 12, TAG = 0x0112, SHORT = 3 };
    if (n < 8 ||
        (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 0;
    unsigned (*const get16)(const uint8_t *) = tiff[0] == 'I' ? sn_le16 : be16;
    uint32_t (*const get32)(const uint8_t *) = tiff[0] == 'I' ? sn_le32 : be32;
    const size_t first = get32(tiff + 4);
    if (first > n - 2)
        return 0;
    const size_t count = get16(tiff + first);
    const uint8_t *entry = tiff + first + 2;
    for (size_t i = 0; i < count; i++, entry += ENTRY) {
        if ((size_t)(tiff + n - entry) < ENTRY)
            return 0;
        if (get16(entry) != TAG)
            continue;
        const unsigned value = get16(entry + 8);
        return get16(entry + 2) == SHORT && value >= 1 && value <= 8
                   ? (int)value
                   : 0;
    }
    return 0;
}

static void take_orientation(struct sn_image_header *header,
                             const uint8_t *tiff, size_t n)
{
    const int found = sn_exif_orientation(tiff, n);
    if (found && header->orientation == 1)
        header->orientation = found;
}

/* ---- JPEG ---- */

enum jpeg_marker {
    TEM = 0x01,
    SOF_PROGRESSIVE = 0xc2,
    DHT = 0xc4,
    SOF_ARITHMETIC = 0xc9,
    RST0 = 0xd0,
    EOI = 0xd9,
    SOS = 0xda,
    DQT = 0xdb,
    APP1 = 0xe1
};

/* What was met on the way. */
struct jpeg {
    bool framed;
    int components, scans;
    double blocks; /* that its scans go through, as if no plane were smaller */
    uint8_t id[4], quantiser[4]; /* of the components */
    unsigned quantisers, dc, ac; /* a bit for each table that is there */
};

/* The frame header: what kind of JPEG, and how large. */
static sn_status jpeg_frame(struct sn_image_header *header, struct jpeg *j,
                            const struct walk *f, unsigned marker,
                            const uint8_t *p, size_t length)
{
    if (length < 6)
        return bad(f, "a damaged JPEG: its frame header is too short");
    if (marker >= SOF_ARITHMETIC)
        return bad(f, "an arithmetic-coded JPEG, which is not read; expected "
                      "Huffman coding");
    if (marker > SOF_PROGRESSIVE)
        return bad(f, "a lossless or hierarchical JPEG, which is not read; "
                      "expected a baseline or progressive one");
    if (p[0] != 8)
        return sn_fail(f->err, SN_ERR_INPUT,
                       "%s: a JPEG of %d bits a sample, which is not read; "
                       "expected 8",
                       f->name, p[0]);
    header->h = (int)be16(p + 1);
    header->w = (int)be16(p + 3);
    if (header->h == 0)
        return bad(f, "a JPEG that tells its height at its end, which is not "
                      "read");
    j->components = p[5];
    if (j->framed || j->components < 1 || j->components > 4 ||
        length != 6 + 3 * (size_t)j->components)
        return bad(f, "a damaged JPEG: its frame header makes no sense");
    for (int i = 0; i < j->components; i++) {
        j->id[i] = p[6 + 3 * i];
        j->quantiser[i] = p[8 + 3 * i];
    }
    j->framed = true;

    /* blocks of the component that has most, at one bit each */
    const double block = 8 * 8, bits = 8.0 * (double)f->n;
    return check_claim(f, header->h, header->w, block * bits);
}

/* Huffman tables.  Sixteen counts of codes may promise more codes than there
 * are bytes to code; stb_image writes over the end of its tables then. */
static sn_status jpeg_huffman(struct jpeg *j, const struct walk *f,
                              const uint8_t *p, size_t length)
{
    enum { HEAD = 17, CODES = 256 };
    while (length >= HEAD) {
        size_t codes = 0;
        for (int i = 1; i < HEAD; i++)
            codes += p[i];
        const unsigned bit = 1u << (p[0] & 15);
        *(p[0] >> 4 ? &j->ac : &j->dc) |= bit;
        if (codes > CODES || codes > length - HEAD)
            break;
        p += HEAD + codes;
        length -= HEAD + codes;
    }
    return length == 0 ? SN_OK
                       : bad(f, "a damaged JPEG: a Huffman table makes no "
                                "sense");
}

static void jpeg_quantisers(struct jpeg *j, const uint8_t *p, size_t length)
{
    while (length > 0) {
        const size_t bytes = p[0] >> 4 ? 129 : 65;
        j->quantisers |= 1u << (p[0] & 15);
        if (bytes > length)
            return; /* the decoder will say so */
        p += bytes;
        length -= bytes;
    }
}

/* A scan of n components goes through all their blocks, even one that holds
 * nothing; a thousand empty ones keep a decoder busy for minutes.  Encoders
 * write a dozen, which go through five blocks of a blank picture for each of
 * its bits: what is far beyond that is no picture. */
static sn_status jpeg_work(struct jpeg *j, const struct sn_image_header *header,
                           const struct walk *f, size_t n)
{
    enum { SCANS = 100, BLOCKS = 16 /* a bit */ };
    const double across = (header->w + 7) / 8, down = (header->h + 7) / 8;
    j->blocks += across * down * (double)n;
    if (j->scans < SCANS && j->blocks <= BLOCKS * 8.0 * (double)f->n)
        return SN_OK;
    return sn_fail(f->err, SN_ERR_INPUT,
                   "%s: a JPEG of more scans than its %zu bytes can fill: "
                   "damaged, or made to keep a reader busy",
                   f->name, f->n);
}

/* A scan: every table that it is decoded with has to be there. */
static sn_status jpeg_scan(struct jpeg *j, const struct sn_image_header *header,
                           const struct walk *f, const uint8_t *p,
                           size_t length)
{
    const size_t n = length ? p[0] : 0;
    if (!j->framed)
        return bad(f, "a damaged JPEG: a scan without a frame");
    if (n < 1 || n > 4 || length != 4 + 2 * n)
        return bad(f, "a damaged JPEG: the header of a scan makes no sense");
    SN_TRY(jpeg_work(j, header, f, n));
    const unsigned first = p[1 + 2 * n], last = p[2 + 2 * n];
    const bool refines = p[3 + 2 * n] >> 4;
    for (size_t i = 0; i < n; i++) {
        const unsigned dc = 1u << (p[2 + 2 * i] >> 4);
        const unsigned ac = 1u << (p[2 + 2 * i] & 15);
        if ((first == 0 && !refines && !(j->dc & dc)) ||
            (last > 0 && !(j->ac & ac)))
            return bad(f, "a damaged JPEG: a Huffman table is missing");
    }
    for (int i = 0; i < j->components; i++)
        if (j->quantiser[i] > 3 || !(j->quantisers & 1u << j->quantiser[i]))
            return bad(f, "a damaged JPEG: a table of quantisers is missing");
    j->scans++;
    return SN_OK;
}

/* EXIF, of the segments that applications add. */
static void jpeg_app1(struct sn_image_header *header, const uint8_t *p,
                      size_t length)
{
    enum { SIGNATURE = 6 };
    if (length > SIGNATURE && memcmp(p, "Exif\0", 5) == 0)
        take_orientation(header, p + SIGNATURE, length - SIGNATURE);
}

static sn_status jpeg_segment(struct sn_image_header *header, struct jpeg *j,
                              const struct walk *f, unsigned marker,
                              const uint8_t *p, size_t length)
{
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != DHT &&
                       marker != 0xc8 && marker != 0xcc;
    if (frame)
        return jpeg_frame(header, j, f, marker, p, length);
    if (marker == DHT)
        return jpeg_huffman(j, f, p, length);
    if (marker == SOS)
        return jpeg_scan(j, header, f, p, length);
    if (marker == DQT)
        jpeg_quantisers(j, p, length);
    else if (marker == APP1)
        jpeg_app1(header, p, length);
    return SN_OK;
}

/* The marker at or behind f->at; 0 at the end of the file. */
static unsigned next_marker(struct walk *f)
{
    while (f->at + 1 < f->n) {
        const uint8_t *p = f->bytes + f->at;
        const uint8_t *found = memchr(p, 0xff, f->n - f->at - 1);
        f->junk = f->junk || found != p;
        if (!found)
            break;
        f->at = (size_t)(found - f->bytes) + 1;
        if (found[1] != 0xff && found[1] != 0) {
            f->at++;
            return found[1];
        }
        f->junk = f->junk || found[1] == 0;
    }
    return 0;
}

/* Bytes [from, to) of the file. */
static void keep(struct walk *f, size_t from, size_t to)
{
    if (f->copy)
        memcpy(f->copy + f->copied, f->bytes + from, to - from);
    f->copied += to - from;
}

/* All segments.  What lies between the first scan and the end is pixels, with
 * segments in between that are found as a decoder finds them. */
static sn_status jpeg_header(struct sn_image_header *header, struct walk *f)
{
    struct jpeg j = {0};
    keep(f, 0, 2);
    f->at = 2;
    for (;;) {
        const unsigned marker = next_marker(f);
        if (marker == 0 || marker == EOI)
            break;
        if (marker == TEM || (marker >= RST0 && marker < EOI))
            continue; /* these stand alone */
        const size_t length = f->n - f->at < 2 ? 0 : be16(f->bytes + f->at);
        if (length < 2 || length > f->n - f->at)
            return bad(f, "a JPEG that ends within a segment: cut short or "
                          "damaged");
        if (j.scans == 0) {
            header->junk = f->junk;
            keep(f, f->at - 2, marker == SOS ? f->n : f->at + length);
        }
        SN_TRY(jpeg_segment(header, &j, f, marker, f->bytes + f->at + 2,
                            length - 2));
        f->at += length;
    }
    return j.scans ? SN_OK
                   : bad(f, "a JPEG without a picture in it: cut short or "
                            "damaged");
}

size_t sn_jpeg_tidy(uint8_t *to, const uint8_t *bytes, size_t n)
{
    struct sn_image_header header = {.orientation = 1};
    struct walk f = {.bytes = bytes, .n = n, .name = "", .copy = to};
    const sn_status rc = jpeg_header(&header, &f);
    SN_CHECK(rc == SN_OK);
    return f.copied;
}

/* ---- PNG ---- */

enum { PNG_SIGNATURE = 8, PNG_IHDR = 13, PNG_AROUND = 12 };

/* Sides, and bits of a pixel as stored. */
static sn_status png_ihdr(struct sn_image_header *header, int *bits,
                          const struct walk *f, const uint8_t *p, size_t length)
{
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
    if (length != PNG_IHDR)
        return bad(f, "a damaged PNG: its header has a wrong length");
    const uint32_t w = be32(p), h = be32(p + 4);
    const unsigned colour = p[9];
    if (colour >= sizeof channels / sizeof *channels || !channels[colour])
        return sn_fail(f->err, SN_ERR_INPUT,
                       "%s: a damaged PNG: there is no colour type %u", f->name,
                       colour);
    *bits = p[8] * channels[colour];
    SN_TRY(check_claim(f, h, w, (double)SN_IMAGE_PIXELS_MAX));
    header->h = (int)h;
    header->w = (int)w;
    return SN_OK;
}

/* The kinds that a reader has to know.  Any other that says so of itself is
 * refused here: the decoder behind would name it in a static buffer, from
 * several threads at once. */
static bool png_is_known(const uint8_t type[4])
{
    static const char kinds[][5] = {"IHDR", "PLTE", "IDAT", "IEND"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (memcmp(type, kinds[i], 4) == 0)
            return true;
    return false;
}

/* Chunk by chunk.  The checksum of one that can be done without is of no
 * interest; a broken one in the picture itself is a broken picture. */
static sn_status png_header(struct sn_image_header *header, struct walk *f)
{
    int bits = 0;
    double packed = 0;
    f->at = PNG_SIGNATURE;
    for (;;) {
        if (f->n - f->at < PNG_AROUND)
            return bad(f, "a PNG without its end: cut short");
        const uint8_t *chunk = f->bytes + f->at;
        const size_t length = be32(chunk);
        if (length > f->n - f->at - PNG_AROUND)
            return bad(f, "a PNG that ends within a chunk: cut short or "
                          "damaged");
        const uint8_t *type = chunk + 4, *data = chunk + 8;
        const bool critical = !(type[0] & 0x20);
        if (critical &&
            be32(data + length) != crc32(0, type, (unsigned)length + 4))
            return sn_fail(f->err, SN_ERR_INPUT,
                           "%s: a damaged PNG: the checksum of chunk %zu is "
                           "wrong",
                           f->name, f->at);
        if (critical && !png_is_known(type))
            return sn_fail(f->err, SN_ERR_INPUT,
                           "%s: a PNG whose chunk %zu is of an unknown kind "
                           "and cannot be passed over",
                           f->name, f->at);
        if (header->w == 0) {
            if (memcmp(type, "IHDR", 4) != 0)
                return bad(f, "a PNG that does not begin with its header");
            SN_TRY(png_ihdr(header, &bits, f, data, length));
        } else if (memcmp(type, "IDAT", 4) == 0) {
            packed += (double)length;
        } else if (memcmp(type, "eXIf", 4) == 0) {
            take_orientation(header, data, length);
        } else if (memcmp(type, "IEND", 4) == 0) {
            break;
        }
        f->at += length + PNG_AROUND;
    }
    return check_claim(f, header->h, header->w,
                       packed * 1032 * 8 / (bits > 0 ? bits : 1));
}

/* ---- BMP ---- */

static sn_status bmp_header(struct sn_image_header *header,
                            const struct walk *f)
{
    double most = 0;
    const char *why = sn_bmp_header(header, &most, f->bytes, f->n);
    return why ? bad(f, why) : check_claim(f, header->h, header->w, most);
}

/* ---- any file ---- */

/* What a file that is not read seems to be; NULL: unknown. */
static const char *other_kind(const uint8_t *p, size_t n)
{
    static const struct {
        size_t at;
        const char *magic, *name;
    } kinds[] = {
        {0, "GIF8", "GIF"},
        {8, "WEBP", "WebP"},
        {0, "8BPS", "PSD"},
        {0, "#?RADIANCE", "Radiance HDR"},
        {0, "#?RGBE", "Radiance HDR"},
        {0, "II*", "TIFF"},
        {0, "MM", "TIFF"},
        {4, "ftyp", "HEIF, AVIF or video"},
        {0, "%PDF", "PDF"},
        {0, "P5", "PGM"},
        {0, "P6", "PPM"},
        {0, "P4", "PBM"},
        {0, "<", "SVG or HTML"},
        {0, "PK", "ZIP"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t length = strlen(kinds[i].magic);
        if (n >= kinds[i].at + length &&
            memcmp(p + kinds[i].at, kinds[i].magic, length) == 0)
            return kinds[i].name;
    }
    return NULL;
}

sn_status sn_image_header(struct sn_image_header *header, const uint8_t *bytes,
                          size_t n, const char *name, struct sn_error *err)
{
    static const uint8_t png[PNG_SIGNATURE] = {137,  'P',  'N',  'G',
                                               '\r', '\n', 0x1a, '\n'};
    struct walk f = {.bytes = bytes, .n = n, .name = name, .err = err};
    struct sn_image_header found = {.orientation = 1};
    sn_status rc;
    if (n == 0)
        return bad(&f, "the file is empty");
    if (n > SN_IMAGE_BYTES_MAX)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: has %zu bytes, expected at most %d", name, n,
                       SN_IMAGE_BYTES_MAX);
    if (n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff) {
        rc = jpeg_header(&found, &f);
    } else if (n >= sizeof png && memcmp(bytes, png, sizeof png) == 0) {
        found.kind = SN_KIND_PNG;
        rc = png_header(&found, &f);
    } else if (n >= 2 && bytes[0] == 'B' && bytes[1] == 'M') {
        found.kind = SN_KIND_BMP;
        rc = bmp_header(&found, &f);
    } else {
        const char *kind = other_kind(bytes, n);
        return sn_fail(err, SN_ERR_INPUT, "%s: is no JPEG, PNG or BMP file%s%s",
                       name, kind ? ", it seems to be " : "", kind ? kind : "");
    }
    if (rc == SN_OK)
        *header = found;
    return rc;
}
