/* Bands of rows; see band.h. */

#include "nn/band.h"

#include <string.h>

size_t sn_band_values(const struct sn_tensor *t, int room, int frame,
                      ptrdiff_t col)
{
    return (size_t)room * (size_t)(t->w + 2 * frame) * (size_t)col;
}

static size_t bytes_of(const struct sn_band *b, ptrdiff_t values)
{
    return (size_t)values * sn_form_bytes(b->form);
}

struct sn_band sn_band_make(const struct sn_tensor *t, sn_load_pixels_fn *load,
                            void *scratch, sn_form form, int room, int frame,
                            ptrdiff_t col)
{
    const struct sn_band b = {.t = t,
                              .load = load,
                              .at = scratch,
                              .form = form,
                              .frame = frame,
                              .col = col,
                              .row = (t->w + 2 * frame) * col};
    for (int ir = 0; ir < room && frame > 0; ir++) {
        memset(sn_band_at(&b, ir, -frame), 0, bytes_of(&b, frame * col));
        memset(sn_band_at(&b, ir, t->w), 0, bytes_of(&b, frame * col));
    }
    return b;
}

/* Rows [first, next), all inside of the image. */
static void load_rows(const struct sn_band *b, const struct sn_kernels *k,
                      int in, int first, int next)
{
    const struct sn_tensor *t = b->t;
    const int rows =
        b->frame == 0 ? 1 : next - first; /* a frame divides them */
    const ptrdiff_t count = (ptrdiff_t)(next - first) / rows * t->w;
    for (int ih = first; ih < first + rows; ih++)
        b->load(k, t, ((ptrdiff_t)in * t->h + ih) * t->w, count,
                (struct sn_rows){sn_band_at(b, ih, 0), b->col, b->form});
}

static void clear_rows(const struct sn_band *b, int first, int next)
{
    if (next > first)
        memset(sn_band_at(b, first, -b->frame), 0,
               bytes_of(b, (next - first) * b->row));
}

void sn_band_slide(struct sn_band *b, const struct sn_kernels *k, int in,
                   int first, int next)
{
    const int h = b->t->h;
    const bool empty = b->next == b->first;
    const int kept = !empty && b->next > first ? b->next - first : 0;
    if (kept > 0 && first > b->first)
        memmove(b->at, sn_band_at(b, first, -b->frame),
                bytes_of(b, kept * b->row));
    b->first = first;
    const int from = first + kept;
    b->next = next > from ? next : from;
    clear_rows(b, from, sn_least(0, next));
    const int inside = sn_most(from, 0), last = sn_least(next, h);
    if (last > inside)
        load_rows(b, k, in, inside, last);
    clear_rows(b, sn_most(from, h), next);
}
