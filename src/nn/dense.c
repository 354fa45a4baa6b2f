/* A k x k convolution over all channels, without im2col: in a band whose pixels
 * touch, the k*cin values that a row of taps reads lie together, so an output
 * pixel is k runs of products.  The gradient of the weights is the same with
 * pixels and taps exchanged, the gradient of the input is a convolution with
 * the weights turned around (turn.h).
 *
 * Products of pairs take two channels at a time from bands of sn_bf16; for the
 * gradient of the weights, two output pixels: words of x hold each pixel with
 * the one a stride further, so that every tap finds its pairs. */

#include "nn/band.h"
#include "nn/turn.h"

/* Bands of one image as a unit passes over it, and with s->pairs what the
 * gradient of the weights reads of them, of s->group images where they are
 * small, because its sums are taken from memory and back once for each product:
 *
 *   x_words   [group, rows, frame + w + frame, cin]  of the rows that x holds
 *   dy_words  [group, step, (ow + 1) / 2, apart(cout)] */
struct bands {
    struct sn_band x, dy;
    float *x_words, *dy_words; /* as words: a float takes as much */
    int held;                  /* images that they hold */
    bool opened;               /* whether the slot holds something */
};

static bool takes_pairs(const struct sn_stage *s)
{
    return s->in->c % 2 == 0 && s->out->c % 2 == 0;
}

/* Of scratch for a band, in sn_real. */
static size_t band_reals(const struct sn_stage *s, const struct sn_tensor *t,
                         int rows)
{
    const size_t values = sn_band_values(t, rows, s->window.left, t->c);
    return s->pairs ? values / 2 : values;
}

/* Of one image. */
static size_t x_words(const struct sn_stage *s)
{
    const int rows = sn_stage_x_rows(s, s->step);
    return s->pairs ? sn_band_values(s->in, rows, s->window.left, s->in->c) : 0;
}

static ptrdiff_t dy_row_words(const struct sn_stage *s)
{
    return (ptrdiff_t)(s->window.ow + 1) / 2 * sn_apart(s->out->c);
}

static size_t dy_words(const struct sn_stage *s)
{
    return s->pairs ? (size_t)(s->step * dy_row_words(s)) : 0;
}

/* As many images of a unit as fit, if a step is a whole one. */
static int find_group(const struct sn_stage *s)
{
    const int units = sn_unit_count(s->in->n);
    const int images = (s->in->n + units - 1) / units;
    const size_t one = x_words(s) + dy_words(s);
    if (!s->pairs || s->step < s->window.oh)
        return 1;
    return sn_least(sn_most((int)(SN_STEP_VALUES / one), 1), images);
}

static void plan_scratch(struct sn_stage *s, struct sn_plan *plan)
{
    const struct sn_window *w = &s->window;
    const ptrdiff_t x = (ptrdiff_t)(w->w + 2 * w->left) * s->in->c;
    const ptrdiff_t dy = (ptrdiff_t)(w->ow + 2 * w->left) * s->out->c;
    const ptrdiff_t fit = SN_STEP_VALUES / (x * w->stride + dy);
    s->step = sn_least(sn_most((int)fit, 1), w->oh);
    s->group = find_group(s);
    sn_plan_raise(&plan->need.load,
                  band_reals(s, s->in, sn_stage_x_rows(s, s->step)) +
                      (size_t)s->group * x_words(s));
    sn_plan_raise(&plan->need.grad,
                  band_reals(s, s->out, sn_stage_dy_rows(s, s->step)) +
                      (size_t)s->group * dy_words(s));
}

/* Rows of x that output rows [first, next) read. */
static void slide_x(const struct sn_stage *s, const struct sn_work *unit,
                    struct sn_band *x, int in, int first, int next)
{
    const struct sn_window *w = &s->window;
    const int top = first * w->stride - w->top;
    sn_band_slide(x, unit->k, in, top, top + sn_stage_x_rows(s, next - first));
}

static struct sn_band x_band(const struct sn_stage *s,
                             const struct sn_work *unit)
{
    return sn_band_make(s->in, sn_tensor_load, unit->scratch->load,
                        s->pairs ? SN_BF16 : SN_REAL,
                        sn_stage_x_rows(s, s->step), s->window.left, s->in->c);
}

static struct bands make_bands(const struct sn_stage *s,
                               const struct sn_work *unit)
{
    const int dy_rows = sn_stage_dy_rows(s, s->step);
    const struct sn_scratch *scratch = unit->scratch;
    struct bands b = {.x = x_band(s, unit),
                      .dy = sn_band_make(s->out, sn_tensor_load_grad,
                                         scratch->grad,
                                         s->pairs ? SN_BF16 : SN_REAL, dy_rows,
                                         s->window.left, s->out->c)};
    if (s->pairs) {
        b.x_words = (void *)(scratch->load +
                             band_reals(s, s->in, sn_stage_x_rows(s, s->step)));
        b.dy_words = (void *)(scratch->grad + band_reals(s, s->out, dy_rows));
    }
    return b;
}

/* Values of a band, as a product counts them. */
static ptrdiff_t terms(const struct sn_stage *s, ptrdiff_t values)
{
    return s->pairs ? values / 2 : values;
}

/* y rows [first, next) of image `in` */
static void forward(const struct sn_stage *s, const struct sn_kernels *k,
                    const struct sn_band *x, int in, int first, int next)
{
    const struct sn_window *w = &s->window;
    const bool packed = s->pairs || sn_stage_gaps(s);
    const ptrdiff_t ld = packed ? s->out->ld : s->weight.ld;
    const ptrdiff_t run = terms(s, (ptrdiff_t)w->k * s->in->c);
    const struct sn_rows y =
        sn_tensor_rows(s->out, ((ptrdiff_t)in * w->oh + first) * w->ow);
    const struct sn_product p = {
        .rows = next - first,
        .m = w->ow,
        .n = s->out->c,
        .segs = w->k,
        .len = (int)run,
        .a = sn_band_at(x, first * w->stride - w->top, -w->left),
        .a_row = terms(s, w->stride * x->row),
        .a_m = terms(s, w->stride * x->col),
        .a_seg = terms(s, x->row),
        .a_k = 1,
        .b = packed ? s->packed : s->weight.w,
        .b_seg = run * ld,
        .b_k = ld,
        .c = y.at,
        .c_row = (ptrdiff_t)w->ow * y.p,
        .c_m = y.p,
        .c_form = y.form};
    sn_stage_multiply(s, k, &p);
}

static void fwd(struct sn_stage *s, const struct sn_work *unit)
{
    const struct sn_images images = sn_unit_images(s, unit);
    const struct sn_window *w = &s->window;
    struct sn_band x = x_band(s, unit);
    for (int in = images.first; in < images.next; in++) {
        sn_band_rewind(&x);
        for (int ih = 0; ih < w->oh; ih += s->step) {
            const int next = sn_least(ih + s->step, w->oh);
            slide_x(s, unit, &x, in, ih, next);
            forward(s, unit->k, &x, in, ih, next);
            sn_stage_wrote(s, unit, ((ptrdiff_t)in * w->oh + ih) * w->ow,
                           (ptrdiff_t)(next - ih) * w->ow);
        }
    }
}

/* Words of the band's x, held behind those that are: every value of a row with
 * the one `stride` pixels further, 0 behind the last. */
static void pair_x(const struct sn_stage *s, const struct sn_kernels *k,
                   const struct bands *b, int rows)
{
    const struct sn_band *x = &b->x;
    const ptrdiff_t further = s->window.stride * x->col;
    const ptrdiff_t both = x->row - further;
    for (int ir = 0; ir < rows; ir++) {
        sn_bf16 *from = sn_band_at(x, x->first + ir, -x->frame);
        float *to = b->x_words + (size_t)b->held * x_words(s) + ir * x->row;
        k->load((struct sn_rows){to, x->row, SN_PAIRS},
                (struct sn_rows){from, further, SN_BF16}, NULL, NULL,
                SN_ACT_NONE, 1, 0, (int)both, 2);
        k->load((struct sn_rows){to + both, x->row, SN_PAIRS},
                (struct sn_rows){from + both, further, SN_BF16}, NULL, NULL,
                SN_ACT_NONE, 1, 0, (int)further, 1);
    }
}

/* Words of dy rows [first, next), held likewise: pixels two by two. */
static void pair_dy(const struct sn_stage *s, const struct sn_kernels *k,
                    const struct bands *b, int first, int next)
{
    const int cout = s->out->c;
    float *to = b->dy_words + (size_t)b->held * dy_words(s);
    for (int ih = first; ih < next; ih++, to += dy_row_words(s))
        k->load((struct sn_rows){to, sn_apart(cout), SN_PAIRS},
                (struct sn_rows){sn_band_at(&b->dy, ih, 0), cout, SN_BF16},
                NULL, NULL, SN_ACT_NONE, 1, 0, cout, s->window.ow);
}

/* dW of output rows [first, next) of image `in`, or of the images held up to
 * it, added to the slot if it holds something. */
static void weight_grad(const struct sn_stage *s, const struct sn_kernels *k,
                        const struct bands *b, int in, int first, int next,
                        sn_real *slot)
{
    const struct sn_window *w = &s->window;
    const ptrdiff_t ahead = ((ptrdiff_t)in * w->oh + next) * w->ow;
    const int run = w->k * s->in->c, cout = s->out->c;
    struct sn_product p = {
        .rows = w->k,
        .m = run,
        .n = cout,
        .segs = next - first,
        .len = w->ow,
        .a = sn_band_at(&b->x, first * w->stride - w->top, -w->left),
        .a_row = b->x.row,
        .a_m = 1,
        .a_seg = w->stride * b->x.row,
        .a_k = w->stride * b->x.col,
        .b = sn_band_at(&b->dy, first, 0),
        .b_seg = b->dy.row,
        .b_k = b->dy.col,
        .c = slot,
        .c_row = (ptrdiff_t)run * cout,
        .c_m = cout,
        .add = b->opened,
        .ahead = sn_tensor_rows(s->out, ahead).at,
        .ahead_bytes = (ptrdiff_t)s->step * w->ow * s->out->ld *
                       (ptrdiff_t)sn_form_bytes(s->out->form)};
    if (s->pairs) {
        p.segs = b->held * (next - first);
        p.bunch = next - first;
        p.a_skip = (ptrdiff_t)x_words(s) - p.bunch * p.a_seg;
        p.len = (w->ow + 1) / 2;
        p.a = b->x_words;
        p.a_k = 2 * w->stride * b->x.col;
        p.b = b->dy_words;
        p.b_k = sn_apart(cout);
        p.b_seg = dy_row_words(s);
    }
    sn_stage_multiply(s, k, &p);
}

/* dx of the input pixels of phase (ph, pw) in rows [first, next); first is a
 * multiple of the stride */
static void phase_grad(const struct sn_stage *s, const struct sn_kernels *k,
                       const struct sn_band *dy, int in, int first, int next,
                       int ph, int pw)
{
    const struct sn_window *w = &s->window;
    const int stride = w->stride;
    const struct sn_phase h = sn_phase_of(ph, s, w->top);
    const struct sn_phase v = sn_phase_of(pw, s, w->left);
    const ptrdiff_t run = terms(s, (ptrdiff_t)v.taps * s->out->c);
    const struct sn_rows dx = sn_tensor_grad_rows(
        s->in, ((ptrdiff_t)in * w->h + first + ph) * w->w + pw);
    const struct sn_product p = {
        .rows = (next - first - ph + stride - 1) / stride,
        .m = (w->w - pw + stride - 1) / stride,
        .n = s->in->c,
        .segs = h.taps,
        .len = (int)run,
        .a = sn_band_at(dy, first / stride + h.back, v.back),
        .a_row = terms(s, dy->row),
        .a_m = terms(s, dy->col),
        .a_seg = terms(s, dy->row),
        .a_k = 1,
        .b = sn_turned_at(s, ph, pw),
        .b_seg = run * sn_turned_ld(s),
        .b_k = sn_turned_ld(s),
        .c = dx.at,
        .c_row = (ptrdiff_t)stride * w->w * dx.p,
        .c_m = stride * dx.p,
        .c_form = dx.form,
        .add = sn_stage_adds(s)};
    sn_stage_multiply(s, k, &p);
}

/* What output rows [first, next) of image `in` bring to the weights; `last`:
 * of the unit. */
static void bwd_weights(const struct sn_stage *s, const struct sn_work *unit,
                        struct bands *b, int in, int first, int next, bool last)
{
    slide_x(s, unit, &b->x, in, first, next);
    if (s->pairs) {
        pair_x(s, unit->k, b, sn_stage_x_rows(s, next - first));
        pair_dy(s, unit->k, b, first, next);
        if (++b->held < s->group && !last)
            return;
    }
    weight_grad(s, unit->k, b, in, first, next, sn_unit_slot(s, unit));
    b->held = 0;
    b->opened = true;
}

/* Everything that output rows [first, next) of image `in` bring. */
static void bwd_rows(struct sn_stage *s, const struct sn_work *unit,
                     struct bands *b, int in, int first, int next, bool last)
{
    const struct sn_window *w = &s->window;
    const int stride = w->stride, top = first * stride;
    const int end = next == w->oh ? w->h : next * stride;
    sn_band_slide(&b->dy, unit->k, in, first - (w->k - 1 - w->top) / stride,
                  sn_most(next, (end - 1 + w->top) / stride + 1));
    if (unit->weights)
        bwd_weights(s, unit, b, in, first, next, last);
    if (!s->in->wants_grad)
        return;
    for (int ip = 0; ip < stride * stride; ip++)
        phase_grad(s, unit->k, &b->dy, in, top, end, ip / stride, ip % stride);
    sn_stage_added(s, unit, ((ptrdiff_t)in * w->h + top) * w->w,
                   (ptrdiff_t)(end - top) * w->w);
}

static void bwd(struct sn_stage *s, const struct sn_work *unit)
{
    const struct sn_images images = sn_unit_images(s, unit);
    struct bands b = make_bands(s, unit);
    for (int in = images.first; in < images.next; in++) {
        sn_band_rewind(&b.x);
        sn_band_rewind(&b.dy);
        for (int ih = 0; ih < s->window.oh; ih += s->step)
            bwd_rows(s, unit, &b, in, ih, sn_least(ih + s->step, s->window.oh),
                     in + 1 == images.next && ih + s->step >= s->window.oh);
    }
}

const struct sn_stage_way sn_stage_dense = {plan_scratch, fwd, bwd,
                                            takes_pairs};
