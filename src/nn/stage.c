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
    SN_CHECK(!s->mask || s->kind == SN_STAGE_POINT);
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
    const struct sn_kernels *k;
    const struct sn_scratch *scratch; /* of the thread that runs it */
};

/* Rows of values as a kernel takes them, pixels `ld` apart. */
struct rows {
    const sn_real *at;
    int ld;
};

static ptrdiff_t image_at(const struct sn_tensor *t, int image)
{
    return (ptrdiff_t)image * t->h * t->w * t->ld;
}

/* Pixels of the chunk's output; a chunk is small, or one image. */
static int out_pixels(const struct sn_stage *s, const struct chunk *ch)
{
    return ch->count * s->out->h * s->out->w;
}

static sn_real *slot_of(const struct sn_stage *s, const struct chunk *ch)
{
    return s->slots + (size_t)ch->u * s->slot_values;
}

static struct rows load(const struct sn_stage *s, const struct chunk *ch)
{
    struct rows x;
    x.at = sn_tensor_load(ch->k, s->in, ch->first, ch->count, ch->scratch->load,
                          &x.ld);
    return x;
}

/* The weight of a 1x1 convolution, its mask applied. */
static struct rows point_weight(const struct sn_stage *s)
{
    if (s->mask)
        return (struct rows){s->masked, s->out->c};
    return (struct rows){s->weight.w, s->weight.ld};
}

/* Fills scratch->col with the matrix rows of a dense convolution's chunk. */
static void spread(const struct sn_stage *s, const struct chunk *ch,
                   struct rows x)
{
    const ptrdiff_t step = (ptrdiff_t)s->out->h * s->out->w * weight_rows(s);
    for (int in = 0; in < ch->count; in++)
        ch->k->im2col(ch->scratch->col + in * step, x.at + image_at(s->in, in),
                      x.ld, s->in->c, &s->window);
}

static void fwd_depth(const struct sn_stage *s, const struct chunk *ch,
                      struct rows x, sn_real *y)
{
    for (int in = 0; in < ch->count; in++)
        ch->k->dwconv_fwd(y + image_at(s->out, in), s->out->ld,
                          x.at + image_at(s->in, in), x.ld, s->weight.w,
                          s->tap_row, s->weight.ld, s->out->c, &s->window);
}

static void fwd_dense(const struct sn_stage *s, const struct chunk *ch,
                      struct rows x, sn_real *y)
{
    const int rows = weight_rows(s);
    spread(s, ch, x);
    ch->k->gemm(0, 0, out_pixels(s, ch), s->out->c, rows, ch->scratch->col,
                rows, s->weight.w, s->weight.ld, 0, y, s->out->ld);
}

static void fwd_point(const struct sn_stage *s, const struct chunk *ch,
                      struct rows x, sn_real *y)
{
    const struct rows w = point_weight(s);
    ch->k->gemm(0, 0, out_pixels(s, ch), s->out->c, s->in->c, x.at, x.ld, w.at,
                w.ld, 0, y, s->out->ld);
}

static void fwd_chunk(struct sn_stage *s, const struct chunk *ch, sn_mode mode)
{
    const struct rows x = load(s, ch);
    sn_real *y = s->out->y + image_at(s->out, ch->first);
    if (s->kind == SN_STAGE_DEPTH)
        fwd_depth(s, ch, x, y);
    else if (s->kind == SN_STAGE_DENSE)
        fwd_dense(s, ch, x, y);
    else
        fwd_point(s, ch, x, y);
    sn_tensor_wrote(ch->k, s->out, ch->u, ch->first, ch->count, mode);
}

/* dL/dx of image `in` of a depthwise chunk, given dL/dy of that image. */
static void bwd_depth_data(const struct sn_stage *s, const struct chunk *ch,
                           int in, const sn_real *dy, int dy_ld)
{
    const struct sn_tensor *x = s->in;
    const int adds = sn_tensor_adds(x);
    sn_real *dx = x->dz + image_at(x, ch->first + in);
    sn_real *to = adds ? ch->scratch->col : dx;
    ch->k->dwconv_bwd_data(to, x->ld, dy, dy_ld, s->weight.w, s->tap_row,
                           s->weight.ld, x->c, &s->window);
    if (adds)
        ch->k->load(dx, x->ld, to, x->ld, NULL, NULL, SN_ACT_NONE, 1, 1, x->c,
                    (ptrdiff_t)x->h * x->w);
}

static void bwd_depth(const struct sn_stage *s, const struct chunk *ch,
                      struct rows x, struct rows dy)
{
    sn_real *slot = slot_of(s, ch);
    if (ch->opens)
        memset(slot, 0, s->slot_values * sizeof *slot);
    for (int in = 0; in < ch->count; in++) {
        const sn_real *dyi = dy.at + image_at(s->out, in);
        ch->k->dwconv_bwd_weight(slot, s->out->c, x.at + image_at(s->in, in),
                                 x.ld, dyi, dy.ld, s->out->c, &s->window);
        if (s->in->wants_grad)
            bwd_depth_data(s, ch, in, dyi, dy.ld);
    }
}

static void bwd_dense(const struct sn_stage *s, const struct chunk *ch,
                      struct rows x, struct rows dy)
{
    const int pixels = out_pixels(s, ch);
    const int rows = weight_rows(s), cols = s->out->c;
    sn_real *col = ch->scratch->col;
    spread(s, ch, x);
    ch->k->gemm(1, 0, rows, cols, pixels, col, rows, dy.at, dy.ld, !ch->opens,
                slot_of(s, ch), cols);
    if (!s->in->wants_grad)
        return;
    ch->k->gemm(0, 1, pixels, rows, cols, dy.at, dy.ld, s->weight.w,
                s->weight.ld, 0, col, rows);
    const ptrdiff_t step = (ptrdiff_t)s->out->h * s->out->w * rows;
    for (int in = 0; in < ch->count; in++)
        ch->k->col2im(s->in->dz + image_at(s->in, ch->first + in), s->in->ld,
                      col + in * step, s->in->c, &s->window,
                      sn_tensor_adds(s->in));
}

static void bwd_point(const struct sn_stage *s, const struct chunk *ch,
                      struct rows x, struct rows dy)
{
    const int pixels = out_pixels(s, ch);
    const int cin = s->in->c, cout = s->out->c;
    const struct rows w = point_weight(s);
    ch->k->gemm(1, 0, cin, cout, pixels, x.at, x.ld, dy.at, dy.ld, !ch->opens,
                slot_of(s, ch), cout);
    if (s->in->wants_grad)
        ch->k->gemm(0, 1, pixels, cin, cout, dy.at, dy.ld, w.at, w.ld,
                    sn_tensor_adds(s->in),
                    s->in->dz + image_at(s->in, ch->first), s->in->ld);
}

static void bwd_chunk(struct sn_stage *s, const struct chunk *ch, sn_mode mode)
{
    (void)mode; /* backward follows training alone */
    struct rows dy;
    dy.at = sn_tensor_load_grad(ch->k, s->out, ch->first, ch->count,
                                ch->scratch->grad, &dy.ld);
    const struct rows x = load(s, ch);
    if (s->kind == SN_STAGE_DEPTH)
        bwd_depth(s, ch, x, dy);
    else if (s->kind == SN_STAGE_DENSE)
        bwd_dense(s, ch, x, dy);
    else
        bwd_point(s, ch, x, dy);
    if (s->in->wants_grad)
        sn_tensor_added(ch->k, s->in, ch->u, ch->first, ch->count);
}

/* ---- the passes ---- */

typedef void chunk_fn(struct sn_stage *s, const struct chunk *ch, sn_mode mode);

/* Runs over all chunks: units in parallel, the chunks of a unit in order. */
static void run_chunks(struct sn_stage *s, const struct sn_pass *pass,
                       chunk_fn *run)
{
    const int n = s->in->n, units = sn_unit_count(n);
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        const int first = sn_unit_first(n, u), next = sn_unit_first(n, u + 1);
        for (int in = first; in < next; in += s->chunk) {
            const int left = next - in;
            const struct chunk ch = {.u = u,
                                     .first = in,
                                     .count = left < s->chunk ? left : s->chunk,
                                     .opens = in == first,
                                     .k = pass->k,
                                     .scratch =
                                         &pass->scratch[omp_get_thread_num()]};
            run(s, &ch, pass->mode);
        }
    }
}

static void mask_weight(const struct sn_stage *s)
{
    const int rows = weight_rows(s), cols = weight_cols(s);
    for (int ir = 0; ir < rows; ir++)
        for (int ic = 0; ic < cols; ic++)
            s->masked[(ptrdiff_t)ir * cols + ic] =
                s->mask[ir] * s->weight.w[(ptrdiff_t)ir * s->weight.ld + ic];
}

void sn_stage_fwd(struct sn_stage *s, const struct sn_pass *pass)
{
    if (s->mask)
        mask_weight(s);
    run_chunks(s, pass, fwd_chunk);
    sn_tensor_written(s->out, pass->mode);
}

/* Row ir of the weight gradient: joins the slots, in order; with a mask the
 * slots hold dL/d(masked weight). */
static void join_row(const struct sn_stage *s, int ir, int units)
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

void sn_stage_bwd(struct sn_stage *s, const struct sn_pass *pass)
{
    const int units = sn_unit_count(s->in->n);
    const int rows = weight_rows(s);
    run_chunks(s, pass, bwd_chunk);
#pragma omp parallel for schedule(static)
    for (int ir = 0; ir < rows; ir++)
        join_row(s, ir, units);
    sn_tensor_grad_added(s->in);
}
