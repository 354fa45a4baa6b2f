/* A convolution between two tensors; see stage.h.
 *
 * The weight gradient of a unit goes to the unit's slot; slots are joined in
 * order after the pass, so the sum is the same for any number of threads. */

#include "nn/stage.h"

#include <omp.h>
#include <string.h>

#include "base/status.h"

/* About half of a 1 MiB second-level cache, in values. */
enum { CHUNK_VALUES = 128 * 1024 };

static int weight_rows(const struct sn_stage *s)
{
    const int taps = s->window.k * s->window.k;
    return s->kind == SN_STAGE_DEPTH ? taps : taps * s->in->c;
}

static int weight_cols(const struct sn_stage *s)
{
    return s->out->c;
}

/* Images a chunk: a function of shapes alone, because it decides in which
 * order sums are taken. */
static int chunk_images(const struct sn_stage *s)
{
    const ptrdiff_t in = (ptrdiff_t)s->in->h * s->in->w * s->in->ld;
    const ptrdiff_t pixels = (ptrdiff_t)s->out->h * s->out->w;
    ptrdiff_t most = in;
    if (pixels * s->out->ld > most)
        most = pixels * s->out->ld;
    if (s->kind == SN_STAGE_DENSE && pixels * weight_rows(s) > most)
        most = pixels * weight_rows(s);
    const ptrdiff_t fit = CHUNK_VALUES / most;
    return fit < 1 ? 1 : fit > s->in->n ? s->in->n : (int)fit;
}

void sn_stage_init(struct sn_stage *s, sn_stage_kind kind, struct sn_tensor *in,
                   struct sn_tensor *out, int cout, int k, int stride,
                   struct sn_weight weight, ptrdiff_t tap_row)
{
    SN_CHECK(k % 2 == 1 && stride >= 1);
    SN_CHECK(kind != SN_STAGE_POINT || (k == 1 && stride == 1));
    SN_CHECK(kind != SN_STAGE_DEPTH || cout == in->c);
    const int pad = (k - 1) / 2;
    const int oh = (in->h - 1) / stride + 1, ow = (in->w - 1) / stride + 1;
    *s = (struct sn_stage){.kind = kind,
                           .in = in,
                           .out = out,
                           .weight = weight,
                           .tap_row = tap_row,
                           .window = {in->h, in->w, oh, ow, k, stride, pad}};
    sn_tensor_shape(out, in->n, oh, ow, cout);
    in->readers++;
    s->chunk = chunk_images(s);
}

static void raise(size_t *need, size_t want)
{
    if (*need < want)
        *need = want;
}

void sn_stage_plan(struct sn_stage *s, struct sn_arena *a,
                   struct sn_scratch_need *need)
{
    const size_t chunk = (size_t)s->chunk;
    const size_t in = (size_t)s->in->h * (size_t)s->in->w * (size_t)s->in->ld;
    const size_t out_pixels = (size_t)s->out->h * (size_t)s->out->w;
    const size_t rows = (size_t)weight_rows(s), cols = (size_t)weight_cols(s);
    raise(&need->load, chunk * in);
    raise(&need->grad, chunk * out_pixels * (size_t)s->out->ld);
    if (s->kind == SN_STAGE_DENSE)
        raise(&need->col, chunk * out_pixels * rows);
    if (s->kind == SN_STAGE_DEPTH) /* one image of dx, to be added */
        raise(&need->col, in);
    s->slot_values = rows * cols;
    raise(&need->slots, s->slot_values * (size_t)sn_unit_count(s->in->n));
    s->masked = NULL;
    if (s->mask)
        s->masked = sn_arena_take(a, rows * cols, sizeof(sn_real));
}

/* ---- one chunk: images [first, first + count) of unit u ---- */

struct chunk {
    int u, first, count;
    bool opens; /* the unit's first: its slot is overwritten */
};

static ptrdiff_t image_at(const struct sn_tensor *t, int image)
{
    return (ptrdiff_t)image * t->h * t->w * t->ld;
}

/* The matrix rows of a dense convolution's chunk. */
static void spread(const struct sn_stage *s, const struct sn_kernels *k,
                   const sn_real *x, int x_ld, int count, sn_real *col)
{
    const ptrdiff_t step = (ptrdiff_t)s->out->h * s->out->w * weight_rows(s);
    for (int in = 0; in < count; in++)
        k->im2col(col + in * step, x + in * image_at(s->in, 1), x_ld, s->in->c,
                  &s->window);
}

static void fwd_chunk(const struct sn_stage *s, const struct sn_kernels *k,
                      const struct sn_scratch *sc, const struct chunk *ch)
{
    int ld;
    const sn_real *x =
        sn_tensor_load(k, s->in, ch->first, ch->count, sc->load, &ld);
    sn_real *y = s->out->y + image_at(s->out, ch->first);
    const int pixels = ch->count * s->out->h * s->out->w;
    const int rows = weight_rows(s);
    if (s->kind == SN_STAGE_DEPTH) {
        for (int in = 0; in < ch->count; in++)
            k->dwconv_fwd(y + image_at(s->out, in), s->out->ld,
                          x + image_at(s->in, in), ld, s->weight.w, s->tap_row,
                          s->weight.ld, s->out->c, &s->window);
    } else if (s->kind == SN_STAGE_DENSE) {
        spread(s, k, x, ld, ch->count, sc->col);
        k->gemm(0, 0, pixels, s->out->c, rows, sc->col, rows, s->weight.w,
                s->weight.ld, 0, y, s->out->ld);
    } else {
        const sn_real *w = s->mask ? s->masked : s->weight.w;
        k->gemm(0, 0, pixels, s->out->c, rows, x, ld, w,
                s->mask ? s->out->c : s->weight.ld, 0, y, s->out->ld);
    }
}

static void bwd_depth(const struct sn_stage *s, const struct sn_kernels *k,
                      const struct sn_scratch *sc, const struct chunk *ch,
                      const sn_real *x, int x_ld, const sn_real *dy, int dy_ld)
{
    sn_real *slot = s->slots + (size_t)ch->u * s->slot_values;
    const int adds = sn_tensor_adds(s->in);
    const ptrdiff_t pixels = (ptrdiff_t)s->in->h * s->in->w;
    if (ch->opens)
        memset(slot, 0, s->slot_values * sizeof *slot);
    for (int in = 0; in < ch->count; in++) {
        const sn_real *dyi = dy + image_at(s->out, in);
        k->dwconv_bwd_weight(slot, s->out->c, x + image_at(s->in, in), x_ld,
                             dyi, dy_ld, s->out->c, &s->window);
        if (!s->in->wants_grad)
            continue;
        sn_real *dx = s->in->dz + image_at(s->in, ch->first + in);
        k->dwconv_bwd_data(adds ? sc->col : dx, s->in->ld, dyi, dy_ld,
                           s->weight.w, s->tap_row, s->weight.ld, s->in->c,
                           &s->window);
        if (adds)
            k->load(dx, s->in->ld, sc->col, s->in->ld, NULL, NULL, SN_ACT_NONE,
                    1, 1, s->in->c, pixels);
    }
}

static void bwd_dense(const struct sn_stage *s, const struct sn_kernels *k,
                      const struct sn_scratch *sc, const struct chunk *ch,
                      const sn_real *x, int x_ld, const sn_real *dy, int dy_ld)
{
    const int pixels = ch->count * s->out->h * s->out->w;
    const int rows = weight_rows(s), cols = s->out->c;
    spread(s, k, x, x_ld, ch->count, sc->col);
    k->gemm(1, 0, rows, cols, pixels, sc->col, rows, dy, dy_ld, !ch->opens,
            s->slots + (size_t)ch->u * s->slot_values, cols);
    if (!s->in->wants_grad)
        return;
    k->gemm(0, 1, pixels, rows, cols, dy, dy_ld, s->weight.w, s->weight.ld, 0,
            sc->col, rows);
    const ptrdiff_t step = (ptrdiff_t)s->out->h * s->out->w * rows;
    for (int in = 0; in < ch->count; in++)
        k->col2im(s->in->dz + image_at(s->in, ch->first + in), s->in->ld,
                  sc->col + in * step, s->in->c, &s->window,
                  sn_tensor_adds(s->in));
}

static void bwd_point(const struct sn_stage *s, const struct sn_kernels *k,
                      const struct chunk *ch, const sn_real *x, int x_ld,
                      const sn_real *dy, int dy_ld)
{
    const int pixels = ch->count * s->out->h * s->out->w;
    const int cin = s->in->c, cout = s->out->c;
    k->gemm(1, 0, cin, cout, pixels, x, x_ld, dy, dy_ld, !ch->opens,
            s->slots + (size_t)ch->u * s->slot_values, cout);
    if (!s->in->wants_grad)
        return;
    k->gemm(0, 1, pixels, cin, cout, dy, dy_ld,
            s->mask ? s->masked : s->weight.w, s->mask ? cout : s->weight.ld,
            sn_tensor_adds(s->in), s->in->dz + image_at(s->in, ch->first),
            s->in->ld);
}

static void bwd_chunk(const struct sn_stage *s, const struct sn_kernels *k,
                      const struct sn_scratch *sc, const struct chunk *ch)
{
    int x_ld, dy_ld;
    const sn_real *dy =
        sn_tensor_load_grad(k, s->out, ch->first, ch->count, sc->grad, &dy_ld);
    const sn_real *x =
        sn_tensor_load(k, s->in, ch->first, ch->count, sc->load, &x_ld);
    if (s->kind == SN_STAGE_DEPTH)
        bwd_depth(s, k, sc, ch, x, x_ld, dy, dy_ld);
    else if (s->kind == SN_STAGE_DENSE)
        bwd_dense(s, k, sc, ch, x, x_ld, dy, dy_ld);
    else
        bwd_point(s, k, ch, x, x_ld, dy, dy_ld);
}

/* ---- the passes ---- */

/* The next chunk of unit u behind images [.., *at); false at its end. */
static bool next_chunk(const struct sn_stage *s, int u, int *at,
                       struct chunk *ch)
{
    const int begin = sn_unit_first(s->in->n, u);
    const int end = sn_unit_first(s->in->n, u + 1);
    if (*at >= end)
        return false;
    const int count = end - *at < s->chunk ? end - *at : s->chunk;
    *ch = (struct chunk){u, *at, count, *at == begin};
    *at += count;
    return true;
}

static void mask_weight(struct sn_stage *s)
{
    const int rows = weight_rows(s), cols = weight_cols(s);
    for (int ir = 0; ir < rows; ir++)
        for (int ic = 0; ic < cols; ic++)
            s->masked[(ptrdiff_t)ir * cols + ic] =
                s->mask[ir] * s->weight.w[(ptrdiff_t)ir * s->weight.ld + ic];
}

void sn_stage_fwd(struct sn_stage *s, const struct sn_kernels *k,
                  const struct sn_scratch *scratch, sn_mode mode)
{
    const int units = sn_unit_count(s->in->n);
    if (s->mask)
        mask_weight(s);
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        const struct sn_scratch *sc = &scratch[omp_get_thread_num()];
        struct chunk ch;
        int at = sn_unit_first(s->in->n, u);
        while (next_chunk(s, u, &at, &ch)) {
            fwd_chunk(s, k, sc, &ch);
            sn_tensor_wrote(k, s->out, u, ch.first, ch.count, mode);
        }
    }
    sn_tensor_written(s->out, mode);
}

/* Row ir of the weight gradient: joins the slots, in order; with a mask the
 * slots hold dL/d(masked weight). */
static void join_row(struct sn_stage *s, int ir, int units)
{
    const int cols = weight_cols(s);
    const sn_real mask = s->mask ? s->mask[ir] : 1;
    ptrdiff_t to = (ptrdiff_t)ir * s->weight.ld;
    if (s->kind == SN_STAGE_DEPTH)
        to = ir / s->window.k * s->tap_row + ir % s->window.k * s->weight.ld;
    sn_real *sum = s->slots + (ptrdiff_t)ir * cols; /* unit 0's, in place */
    for (int u = 1; u < units; u++) {
        const sn_real *slot = sum + (size_t)u * s->slot_values;
        for (int ic = 0; ic < cols; ic++)
            sum[ic] += slot[ic];
    }
    double dmask = 0;
    for (int ic = 0; ic < cols; ic++) {
        s->weight.g[to + ic] += mask * sum[ic];
        dmask += (double)s->weight.w[to + ic] * (double)sum[ic];
    }
    if (s->dmask)
        s->dmask[ir] = dmask;
}

void sn_stage_bwd(struct sn_stage *s, const struct sn_kernels *k,
                  const struct sn_scratch *scratch)
{
    const int units = sn_unit_count(s->in->n);
    const int rows = weight_rows(s);
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        const struct sn_scratch *sc = &scratch[omp_get_thread_num()];
        struct chunk ch;
        int at = sn_unit_first(s->in->n, u);
        while (next_chunk(s, u, &at, &ch)) {
            bwd_chunk(s, k, sc, &ch);
            if (s->in->wants_grad)
                sn_tensor_added(k, s->in, u, ch.first, ch.count);
        }
    }
#pragma omp parallel for schedule(static)
    for (int ir = 0; ir < rows; ir++)
        join_row(s, ir, units);
    sn_tensor_grad_added(s->in);
}
