/* Depthwise convolution of one image; its meaning is in ref/dwconv.c.
 *
 * A tile of a few rows and columns stays in registers for one vector of
 * channels: each pixel that it reads is loaded once and serves every value that
 * it reaches, a tap row serves all rows of the tile.  The channels of a tile
 * are the inner loop, tiles go along the rows: memory is read and written pixel
 * after pixel, as it lies, and no lines that are wanted at a time fight for a
 * place in the first-level cache, whatever the distances between pixels are.
 *
 * A tile at the edge of the image tests each column that it reads and leaves
 * out those outside; rows outside are left out of all tiles.  It also stands in
 * for a tile of fewer rows or columns, of which it writes those that are there.
 *
 * A value adds its terms in an order that is the same whichever tile it falls
 * into. */
#include "kernels/kernels_internal.h"

#include "kernels/vec/vec.h"

enum {
    V_TAPS = 7, /* the widest kernel with code of its own */
    V_TILE = 16 /* most values of a tile */
};

V_INLINE int least(int a, int b)
{
    return a < b ? a : b;
}

V_INLINE int most(int a, int b)
{
    return a > b ? a : b;
}

V_INLINE int inside(int i, int extent)
{
    return i >= 0 && i < extent;
}

/* Bit i < n tells whether first + i is in [0, extent); n < 32. */
V_INLINE unsigned inside_bits(int first, int n, int extent)
{
    unsigned bits = 0;
    for (int i = most(-first, 0); i < least(extent - first, n); i++)
        bits |= 1u << i;
    return bits;
}

/* Where in the memory ahead a kernel is, and how far it goes with each vector
 * of channels of a tile. */
struct ahead {
    const char *at[2];
    ptrdiff_t step[2]; /* bytes */
};

V_INLINE struct ahead find_ahead(const struct sn_window *win, ptrdiff_t vectors)
{
    struct ahead ahead = {{NULL, NULL}, {0, 0}};
    for (int i = 0; i < 2; i++)
        if (win->ahead[i].at && vectors > 0) {
            ahead.at[i] = win->ahead[i].at;
            ahead.step[i] = win->ahead[i].bytes / vectors + 1;
        }
    return ahead;
}

V_INLINE void ask_ahead(struct ahead *ahead)
{
    for (int i = 0; i < 2; i++) {
        for (ptrdiff_t at = 0; at < ahead->step[i]; at += V_LINE)
            v_soon(ahead->at[i] + at);
        ahead->at[i] += ahead->step[i];
    }
}

/* Tiles of n, the last one perhaps smaller. */
V_INLINE ptrdiff_t tiles_of(int extent, int n)
{
    return (extent + n - 1) / n;
}

#include "kernels/vec/dwconv_corr.inc.h"
#include "kernels/vec/dwconv_grad.inc.h"

void V_NAME(sn_dwconv_fill)(struct sn_kernels *k)
{
    k->dwconv_fwd = V_NAME(dwconv_fwd);
    k->dwconv_bwd_data = V_NAME(dwconv_bwd_data);
    k->dwconv_bwd_weight = V_NAME(dwconv_bwd_weight);
}
