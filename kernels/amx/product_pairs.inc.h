/* Sums of products of pairs in AMX tiles; their meaning is in ref/product.c.
 *
 * Two by two tiles of sums stay in registers while all terms pass by, 16 words
 * of them at a time, or as many as divide a run of terms.  Where the words of
 * one term of `a` lie together (the gradient of weights), `a` is turned first,
 * a slab of terms for 32 rows, because a tile wants the terms of a row.  The
 * last tile of a row or column begins where it is full and overlaps the one
 * before; what both computed is written once.  So the shapes of tiles are
 * settled once for a call.
 *
 * Runs that no more than a few words divide are left to vectors. */
#include "kernels/kernels_internal.h"

#include <stdbool.h>

#ifdef __AVX512F__
#    include <immintrin.h>
#endif

#include "kernels/amx/tile.h"
#include "kernels/bf16.h"

/* Who takes what is not worth a tile; the file that includes this may say. */
#ifndef SN_AMX_OTHERWISE
#    define SN_AMX_OTHERWISE sn_product_pairs_ref
#endif

enum {
    SLAB = 256, /* words of a row that is turned, at most */
    LEAST = 4   /* words at a time that are worth a tile */
};

/* Where rows of `a` begin: distances in words, those of one row together. */
struct left {
    const uint32_t *at;
    ptrdiff_t row, seg;
};

/* The terms of a call, or of a slab of it. */
struct terms {
    int segs, len, each; /* each divides len */
    const uint32_t *b;
    ptrdiff_t b_seg, b_k;
};

/* Rows or columns in tiles of `size`, the last one overlapping. */
struct cuts {
    int n, size, count;
};

static struct cuts cut(int n)
{
    const int size = n < 16 ? n : 16;
    return (struct cuts){n, size, (n + size - 1) / size};
}

/* Where tile i begins; the first that the tiles before it do not have. */
static int cut_begin(const struct cuts *c, int i)
{
    const int last = c->n - c->size, at = i * c->size;
    return at < last ? at : last;
}

typedef float sums[2][2][16][16]; /* of two by two tiles: [row, column] */

/* One block of tiles: rows from a0 and a1 on, columns from 0 and 1; `two_m`,
 * `two_n`: whether there is a second of either. */
static inline __attribute__((always_inline)) void
block(sums to, const struct terms *t, struct left a0, struct left a1, int in0,
      int in1, const int two_m, const int two_n)
{
    const ptrdiff_t row = a0.row * 4, term = t->b_k * 4;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int is = 0; is < t->segs; is++)
        for (int ik = 0; ik < t->len; ik += t->each) {
            const uint32_t *b = t->b + is * t->b_seg + ik * t->b_k;
            const ptrdiff_t at = is * a0.seg + ik;
            TILE_LOAD(4, a0.at + at, row);
            TILE_LOAD(6, b + in0, term);
            TILE_DOT(0, 4, 6);
            if (two_m) {
                TILE_LOAD(5, a1.at + at, row);
                TILE_DOT(2, 5, 6);
            }
            if (two_n) {
                TILE_LOAD(7, b + in1, term);
                TILE_DOT(1, 4, 7);
            }
            if (two_m && two_n)
                TILE_DOT(3, 5, 7);
        }
    TILE_STORE(0, to[0][0], 64);
    TILE_STORE(1, to[0][1], 64);
    TILE_STORE(2, to[1][0], 64);
    TILE_STORE(3, to[1][1], 64);
}

/* Writes the values of a tile from row and column `skip` on, which the tiles
 * before it do not have, to c. */
static void write_tile(const struct sn_product *p, ptrdiff_t c,
                       float (*from)[16], int rows, int cols, int skip_rows,
                       int skip_cols, int add)
{
    for (int ir = skip_rows; ir < rows; ir++) {
        const float *sum = from[ir];
        float *real = (float *)p->c + c + ir * p->c_m;
        sn_bf16 *half = (sn_bf16 *)p->c + c + ir * p->c_m;
        if (p->c_form == SN_BF16)
            for (int ic = skip_cols; ic < cols; ic++)
                half[ic] = sn_bf16_round(sum[ic]);
        else if (add)
            for (int ic = skip_cols; ic < cols; ic++)
                real[ic] += sum[ic];
        else
            for (int ic = skip_cols; ic < cols; ic++)
                real[ic] = sum[ic];
    }
}

/* All columns of tiles im and im + 1 of the rows, if there is that; a0 and a1
 * are where these begin in `a`, c is where row 0 begins in p->c. */
static void row_block(const struct sn_product *p, const struct terms *t,
                      struct left a0, struct left a1, ptrdiff_t c,
                      const struct cuts *m, const struct cuts *n, int im,
                      int add)
{
    const int two_m = im + 1 < m->count;
    for (int in = 0; in < n->count; in += 2) {
        _Alignas(64) sums got;
        const int two_n = in + 1 < n->count;
        const int n0 = cut_begin(n, in), n1 = cut_begin(n, in + two_n);
        if (two_m && two_n)
            block(got, t, a0, a1, n0, n1, 1, 1);
        else if (two_m)
            block(got, t, a0, a1, n0, n1, 1, 0);
        else if (two_n)
            block(got, t, a0, a1, n0, n1, 0, 1);
        else
            block(got, t, a0, a1, n0, n1, 0, 0);
        for (int i = 0; i <= two_m; i++)
            for (int j = 0; j <= two_n; j++) {
                const int at_m = cut_begin(m, im + i), at_n = j ? n1 : n0;
                write_tile(p, c + at_m * p->c_m + at_n, got[i][j], m->size,
                           n->size, (im + i) * m->size - at_m,
                           (in + j) * n->size - at_n, add);
            }
    }
}

/* Asks for a share of the memory that the caller reads next. */
static void ask_ahead(const struct sn_product *p, ptrdiff_t part,
                      ptrdiff_t parts)
{
    const char *at = p->ahead;
    const ptrdiff_t first = p->ahead_bytes * part / parts;
    const ptrdiff_t next = p->ahead_bytes * (part + 1) / parts;
    for (ptrdiff_t i = first; at && i < next; i += 64)
        __builtin_prefetch(at + i, 0, 2);
}

/* ---- rows of `a` lie as tiles want them ---- */

static void along_rows(const struct sn_product *p, int ir, const struct cuts *m,
                       const struct cuts *n, int im, int each)
{
    const uint32_t *a = (const uint32_t *)p->a + ir * p->a_row;
    const struct terms t = {p->segs, p->len, each, p->b, p->b_seg, p->b_k};
    const struct left a0 = {a + cut_begin(m, im) * p->a_m, p->a_m, p->a_seg};
    const int two = im + 1 < m->count;
    const struct left a1 = {a + cut_begin(m, im + two) * p->a_m, p->a_m,
                            p->a_seg};
    row_block(p, &t, a0, a1, ir * p->c_row, m, n, im, p->add);
}

/* ---- terms of `a` lie together: they are turned ---- */

/* So many terms, from `first` on; of whole runs unless it is a part of one or
 * runs of b follow each other without a gap. */
struct slab {
    int first, count;
};

#ifdef __AVX512F__
/* 16 terms of 16 rows: pairs, then fours of words, then fours of those. */
static inline void turn_16(uint32_t *to, const uint32_t *from, ptrdiff_t term)
{
    __m512i a[16], b[16];
#    pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        a[i] = _mm512_loadu_si512(from + i * term);
#    pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
#    pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            a[i + 2 * j] = _mm512_unpacklo_epi64(b[i + j], b[i + 2 + j]);
            a[i + 2 * j + 1] = _mm512_unpackhi_epi64(b[i + j], b[i + 2 + j]);
        }
        /* a[4*i + j]: words 4*i of rows j, 4 + j, 8 + j and 12 + j */
#    pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        const __m512i low = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
        const __m512i low_odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
        const __m512i high = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
        const __m512i high_odd =
            _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
        const __m512i rows[4] = {_mm512_shuffle_i32x4(low, high, 0x88),
                                 _mm512_shuffle_i32x4(low_odd, high_odd, 0x88),
                                 _mm512_shuffle_i32x4(low, high, 0xdd),
                                 _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd)};
#    pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            _mm512_storeu_si512(to + (4 * i + j) * SLAB, rows[i]);
    }
}
#endif

/* `count` terms of `rows` rows, to rows SLAB words apart. */
static void turn(uint32_t *to, const uint32_t *from, ptrdiff_t term, int rows,
                 int count)
{
    int ik = 0;
#ifdef __AVX512F__
    for (; rows == 16 && count - ik >= 16; ik += 16)
        turn_16(to + ik, from + ik * term, term);
#endif
    for (; ik < count; ik++)
        for (int im = 0; im < rows; im++)
            to[im * SLAB + ik] = from[ik * term + im];
}

/* Whether the runs of b are one. */
static bool one_run(const struct sn_product *p)
{
    return p->segs == 1 || p->b_seg == p->len * p->b_k;
}

/* Terms of the slab of so many rows from `im` on. */
static void turn_slab(uint32_t *to, const struct sn_product *p,
                      const struct slab *s, ptrdiff_t row, int rows)
{
    const uint32_t *a = (const uint32_t *)p->a + row;
    for (int it = 0, count; it < s->count; it += count) {
        const int is = (s->first + it) / p->len;
        const int ik = (s->first + it) % p->len;
        count = p->len - ik < s->count - it ? p->len - ik : s->count - it;
        turn(to + it, a + sn_product_seg(p, is) + ik * p->a_k, p->a_k, rows,
             count);
    }
}

static void turned_slab(const struct sn_product *p, const struct slab *s,
                        int ir, const struct cuts *m, const struct cuts *n,
                        int im, int each)
{
    _Alignas(64) uint32_t words[2 * TILE_ROWS * SLAB];
    const int len = one_run(p) || s->count < p->len ? s->count : p->len;
    const uint32_t *b = (const uint32_t *)p->b +
                        s->first / p->len * p->b_seg +
                        s->first % p->len * p->b_k;
    const struct terms t = {s->count / len, len, each, b, p->b_seg, p->b_k};
    const struct left a0 = {words, SLAB, len};
    const struct left a1 = {words + TILE_ROWS * SLAB, SLAB, len};
    for (int i = 0; i < 2 && im + i < m->count; i++)
        turn_slab(words + i * TILE_ROWS * SLAB, p, s,
                  ir * p->a_row + cut_begin(m, im + i), m->size);
    row_block(p, &t, a0, a1, ir * p->c_row, m, n, im, p->add || s->first > 0);
}

static void along_terms(const struct sn_product *p, int ir,
                        const struct cuts *m, const struct cuts *n, int im,
                        int each)
{
    const int run = one_run(p) ? p->segs * p->len : p->len;
    const int runs = p->segs * p->len / run;
    const int whole = run < SLAB ? SLAB / run : 1; /* runs of a slab */
    const int most = SLAB / each * each;
    for (int first = 0; first < runs; first += whole) {
        const int count = whole < runs - first ? whole : runs - first;
        for (int at = 0; at < count * run; at += most) {
            const int left = count * run - at;
            const struct slab s = {first * run + at,
                                   left < most ? left : most};
            turned_slab(p, &s, ir, m, n, im, each);
        }
    }
}

/* ---- the slot ---- */

/* The most words at a time that divide a run of them. */
static int words_at_a_time(int len)
{
    int each = len < TILE_COLS ? len : TILE_COLS;
    while (each > 1 && len % each != 0)
        each--;
    return each;
}

static void product_pairs_tiles(const struct sn_product *p)
{
    const bool rows = p->a_k == 1 && p->bunch == 0, terms = p->a_m == 1;
    const int run = !rows && one_run(p) ? p->segs * p->len : p->len;
    const int each = words_at_a_time(run);
    const struct cuts m = cut(p->m), n = cut(p->n);
    if (each < LEAST || p->segs == 0 || p->m == 0 || p->n == 0 ||
        (!rows && !terms)) {
        SN_AMX_OTHERWISE(p);
        return;
    }
    tile_begin(m.size, n.size, each);
    for (int ir = 0; ir < p->rows; ir++)
        for (int im = 0; im < m.count; im += 2) {
            ask_ahead(p, (ptrdiff_t)ir * m.count + im,
                      (ptrdiff_t)p->rows * m.count);
            if (rows)
                along_rows(p, ir, &m, &n, im, each);
            else
                along_terms(p, ir, &m, &n, im, each);
        }
    tile_end();
}
