/* Bands of rows; see band.h. */

#include "nn/band.h"

#include <string.h>

size_t sn_band_values(const struct sn_tensor *t, int room, int frame,
                      ptrdiff_t col)
{
    return (size_t)room * (size_t)(t->w + 2 * frame) * (size_t)col;
}

struct sn_band sn_band_make(const struct sn_tensor *t, sn_load_pixels_fn *load,
                            sn_real *scratch, int room, int frame,
                            ptrdiff_t col)
{
    const struct sn_band b = {.t = t,
                              .load = load,
                              .at = scratch,
                              .frame = frame,
                              .col = col,
                              .row = (t->w + 2 * frame) * col};
    const size_t side = (size_t)(frame * col) * sizeof *scratch;
    for (int ir = 0; ir < room && frame > 0; ir++) {
        memset(scratch + ir * b.row, 0, side);
        memset(scratch + (ir + 1) * b.row - frame * col, 0, side);
    }
    return b;
}

/* Rows [first, next), all inside of the image. */
static void load_rows(const struct sn_band *b, const struct sn_kernels *k,
                      int in, int first, int next)
{
    const struct sn_tensor *t = b->t;
    const ptrdiff_t pixel = ((ptrdiff_t)in * t->h + first) * t->w;
    sn_real *to = b->at + (first - b->first) * b->row + b->frame * b->col;
    if (b->frame == 0) {
        b->load(k, t, pixel, (ptrdiff_t)(next - first) * t->w,
                sn_reals(to, b->col));
        return;
    }
    for (int ih = 0; ih < next - first; ih++)
        b->load(k, t, pixel + (ptrdiff_t)ih * t->w, t->w,
                sn_reals(to + ih * b->row, b->col));
}

static void clear_rows(const struct sn_band *b, int first, int next)
{
    if (next > first)
        memset(b->at + (first - b->first) * b->row, 0,
               (size_t)((next - first) * b->row) * sizeof *b->at);
}

void sn_band_slide(struct sn_band *b, const struct sn_kernels *k, int in,
                   int first, int next)
{
    const int h = b->t->h;
    const bool empty = b->next == b->first;
    const int kept = !empty && b->next > first ? b->next - first : 0;
    if (kept > 0 && first > b->first)
        memmove(b->at, b->at + (first - b->first) * b->row,
                (size_t)(kept * b->row) * sizeof *b->at);
    b->first = first;
    const int from = first + kept;
    b->next = next > from ? next : from;
    clear_rows(b, from, sn_least(0, next));
    const int inside = sn_most(from, 0), last = sn_least(next, h);
    if (last > inside)
        load_rows(b, k, in, inside, last);
    clear_rows(b, sn_most(from, h), next);
}
