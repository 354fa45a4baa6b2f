#ifndef SN_AMX_TILE_H
#define SN_AMX_TILE_H

/* The eight tile registers of AMX, and what product_pairs.c does with them:
 *
 *   TILE_LOAD(t, at, bytes)   rows of memory, `bytes` apart, into tile t
 *   TILE_STORE(t, at, bytes)  tile t to memory
 *   TILE_ZERO(t)
 *   TILE_DOT(c, a, b)         c += a * b, a [m, k] and b [k, n] in words of two
 *                             bfloat16, c [m, n] in float
 *   tile_begin(m, n, k)       shapes: tiles 0 to 3 are [m, n] floats, 4 and 5
 *                             [m, k] words, 6 and 7 [k, n] words
 *   tile_end()                gives the registers back
 *
 * Tiles are named by literals.  With SN_AMX_EMULATED the same words in plain C,
 * for tests on machines that have no tiles: rounding aside they compute the
 * same, because each term is exact in float and the order of terms is fixed. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TILE_ROWS = 16, TILE_COLS = 16 }; /* at most; a column has 4 bytes */

#ifdef SN_AMX_EMULATED

#    include "kernels/bf16.h"

struct tile {
    int rows, cols;
    uint32_t at[TILE_ROWS][TILE_COLS];
};

static _Thread_local struct tile tiles[8];

static void tile_begin(int m, int n, int k)
{
    for (int t = 0; t < 8; t++) {
        memset(&tiles[t], 0, sizeof tiles[t]);
        tiles[t].rows = t < 6 ? m : k;
        tiles[t].cols = t >= 4 && t < 6 ? k : n;
    }
}

static void tile_end(void)
{
    memset(tiles, 0xff, sizeof tiles);
}

static void tile_load(int t, const void *at, ptrdiff_t bytes)
{
    for (int ir = 0; ir < tiles[t].rows; ir++)
        memcpy(tiles[t].at[ir], (const char *)at + ir * bytes,
               (size_t)tiles[t].cols * 4);
}

static void tile_store(int t, void *at, ptrdiff_t bytes)
{
    for (int ir = 0; ir < tiles[t].rows; ir++)
        memcpy((char *)at + ir * bytes, tiles[t].at[ir],
               (size_t)tiles[t].cols * 4);
}

static void tile_zero(int t)
{
    memset(tiles[t].at, 0, sizeof tiles[t].at);
}

static void tile_dot(int tc, int ta, int tb)
{
    for (int im = 0; im < tiles[tc].rows; im++)
        for (int ik = 0; ik < tiles[ta].cols; ik++)
            for (int in = 0; in < tiles[tc].cols; in++) {
                const uint32_t a = tiles[ta].at[im][ik];
                const uint32_t b = tiles[tb].at[ik][in];
                float c;
                memcpy(&c, &tiles[tc].at[im][in], sizeof c);
                c += sn_bf16_wide((sn_bf16)a) * sn_bf16_wide((sn_bf16)b);
                c += sn_bf16_wide((sn_bf16)(a >> 16)) *
                     sn_bf16_wide((sn_bf16)(b >> 16));
                memcpy(&tiles[tc].at[im][in], &c, sizeof c);
            }
}

#    define TILE_LOAD(t, at, bytes)  tile_load(t, at, bytes)
#    define TILE_STORE(t, at, bytes) tile_store(t, at, bytes)
#    define TILE_ZERO(t)             tile_zero(t)
#    define TILE_DOT(c, a, b)        tile_dot(c, a, b)

#else

#    include <immintrin.h>

/* What ldtilecfg reads. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

_Static_assert(sizeof(struct tile_config) == 64, "as the processor reads it");

/* The intrinsics do not tell the compiler which memory they read or write. */
static inline void tile_fence(void)
{
    __asm__ volatile("" ::: "memory");
}

static void tile_begin(int m, int n, int k)
{
    _Alignas(64) struct tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        config.rows[t] = (uint8_t)(t < 6 ? m : k);
        config.row_bytes[t] = (uint16_t)(4 * (t >= 4 && t < 6 ? k : n));
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config) : "memory");
}

static void tile_end(void)
{
    _tile_release();
}

#    define TILE_LOAD(t, at, bytes)                                            \
        do {                                                                   \
            tile_fence();                                                      \
            _tile_loadd(t, at, bytes);                                         \
        } while (0)
#    define TILE_STORE(t, at, bytes)                                           \
        do {                                                                   \
            _tile_stored(t, at, bytes);                                        \
            tile_fence();                                                      \
        } while (0)
#    define TILE_ZERO(t)      _tile_zero(t)
#    define TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)

#endif

#endif
