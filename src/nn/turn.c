/* Weights turned around for backward; see turn.h. */

#include "nn/turn.h"

struct sn_phase sn_phase_of(int phase, const struct sn_stage *s, int pad)
{
    const int k = s->window.k, stride = s->window.stride;
    const int first = (phase + pad) % stride;
    const int taps = first < k ? (k - first - 1) / stride + 1 : 0;
    return (struct sn_phase){first, taps,
                             (phase + pad - first) / stride - taps + 1};
}

int sn_turned_ld(const struct sn_stage *s)
{
    return (s->in->c + SN_LANES - 1) / SN_LANES * SN_LANES;
}

size_t sn_turned_values(const struct sn_stage *s)
{
    const size_t taps = (size_t)s->window.k * (size_t)s->window.k;
    const size_t turned = taps * (size_t)s->out->c * (size_t)sn_turned_ld(s);
    const size_t rows = taps * (size_t)s->in->c;
    const size_t packed = (s->pairs           ? (rows + 1) / 2
                           : sn_stage_gaps(s) ? rows
                                              : 0) *
                          (size_t)s->out->ld;
    return turned > packed ? turned : packed;
}

/* Taps of the phases before (ph, pw). */
static int taps_before(const struct sn_stage *s, int ph, int pw)
{
    const struct sn_window *w = &s->window;
    int taps = 0;
    for (int ip = 0; ip < ph * w->stride + pw; ip++)
        taps += sn_phase_of(ip / w->stride, s, w->top).taps *
                sn_phase_of(ip % w->stride, s, w->left).taps;
    return taps;
}

const void *sn_turned_at(const struct sn_stage *s, int ph, int pw)
{
    const ptrdiff_t cout = s->pairs ? (s->out->c + 1) / 2 : s->out->c;
    /* a word takes as much as a float */
    return (const sn_real *)s->turned +
           taps_before(s, ph, pw) * cout * sn_turned_ld(s);
}

/* Which of the turned taps tap (jh, jw) becomes. */
static int turned_tap(const struct sn_stage *s, int jh, int jw)
{
    const struct sn_window *w = &s->window;
    const int stride = w->stride;
    /* phase + pad = jh modulo stride */
    const int ph = (jh + stride * w->top - w->top) % stride;
    const int pw = (jw + stride * w->left - w->left) % stride;
    const struct sn_phase h = sn_phase_of(ph, s, w->top);
    const struct sn_phase v = sn_phase_of(pw, s, w->left);
    const int ih = h.taps - 1 - (jh - h.first) / stride;
    const int iw = v.taps - 1 - (jw - v.first) / stride;
    return taps_before(s, ph, pw) + ih * v.taps + iw;
}

/* The weight as the passes read it, and values between its rows: with a mask
 * the copy that forward took. */
struct rows {
    const sn_real *w;
    ptrdiff_t ld;
};

static struct rows weight_of(const struct sn_stage *s)
{
    if (s->mask)
        return (struct rows){s->masked, s->out->c};
    return (struct rows){s->weight.w, s->weight.ld};
}

void sn_pack(const struct sn_stage *s, const struct sn_kernels *k)
{
    /* rows that one thread takes at a time, in whole pairs; with gaps between
     * the taps, those of a tap */
    enum { ROWS = 32 };
    const int rows = s->window.k * s->window.k * s->in->c;
    const int chunk = sn_stage_gaps(s) ? s->in->c : ROWS;
    const struct rows w = weight_of(s);
    const sn_form form = s->pairs ? SN_PAIRS : SN_REAL;
#pragma omp parallel for schedule(static)
    for (int ir = 0; ir < rows; ir += chunk) {
        const ptrdiff_t to = s->pairs ? ir / 2 : ir;
        const ptrdiff_t from = s->mask ? ir * w.ld : sn_stage_row_at(s, ir);
        k->load((struct sn_rows){(sn_real *)s->packed + to * s->out->ld,
                                 s->out->ld, form},
                sn_reals(w.w + from, w.ld), NULL, NULL, SN_ACT_NONE, 1, 0,
                s->out->c, rows - ir < chunk ? rows - ir : chunk);
    }
}

/* Values, or words of two, of a block that is turned at a time: a cache line of
 * each of its rows. */
enum { BLOCK = SN_LANES };

/* dst[j*dst_p + i] = src[i*src_p + j] for i < rows, j < cols.  Words lie in the
 * place of values. */
static void turn_block(sn_real *dst, ptrdiff_t dst_p, const sn_real *src,
                       ptrdiff_t src_p, int rows, int cols)
{
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < rows; i++)
            dst[j * dst_p + i] = src[i * src_p + j];
}

/* Rows [first, first + rows) of the weight's tap, cin of them at most a block,
 * become columns of `dst`. */
static void turn_rows(const struct sn_stage *s, sn_real *dst,
                      const sn_real *src, ptrdiff_t ld, int rows)
{
    const int cout = s->out->c, dst_p = sn_turned_ld(s);
    for (int ic = 0; ic < cout; ic += BLOCK)
        turn_block(dst + (ptrdiff_t)ic * dst_p, dst_p, src + ic, ld, rows,
                   cout - ic < BLOCK ? cout - ic : BLOCK);
}

/* The same as words: rounded a strip of columns at a time. */
static void turn_rows_pairs(const struct sn_stage *s,
                            const struct sn_kernels *k, sn_real *dst,
                            const sn_real *src, ptrdiff_t ld, int rows)
{
    const int cout = s->out->c, dst_p = sn_turned_ld(s);
    sn_real strip[BLOCK * BLOCK]; /* [rows, BLOCK] words */
    for (int ic = 0; ic < cout; ic += 2 * BLOCK) {
        const int cols = cout - ic < 2 * BLOCK ? cout - ic : 2 * BLOCK;
        k->load((struct sn_rows){strip, 2 * (ptrdiff_t)BLOCK, SN_BF16},
                sn_reals(src + ic, ld), NULL, NULL, SN_ACT_NONE, 1, 0, cols,
                rows);
        turn_block(dst + (ptrdiff_t)ic / 2 * dst_p, dst_p, strip, BLOCK, rows,
                   (cols + 1) / 2);
    }
}

void sn_turn(const struct sn_stage *s, const struct sn_kernels *k)
{
    const int taps = s->window.k, cin = s->in->c;
    const int blocks = (cin + BLOCK - 1) / BLOCK;
    const ptrdiff_t tap_rows = s->pairs ? (s->out->c + 1) / 2 : s->out->c;
    const struct rows w = weight_of(s);
#pragma omp parallel for schedule(static)
    for (int ib = 0; ib < taps * taps * blocks; ib++) {
        const int tap = ib / blocks, ic = ib % blocks * BLOCK;
        const int rows = cin - ic < BLOCK ? cin - ic : BLOCK;
        const ptrdiff_t to = turned_tap(s, tap / taps, tap % taps) * tap_rows;
        const ptrdiff_t from = s->mask ? (tap * cin + ic) * w.ld
                                       : sn_stage_row_at(s, tap * cin + ic);
        const sn_real *src = w.w + from;
        sn_real *dst = (sn_real *)s->turned + to * sn_turned_ld(s) + ic;
        if (s->pairs)
            turn_rows_pairs(s, k, dst, src, w.ld, rows);
        else
            turn_rows(s, dst, src, w.ld, rows);
    }
}
