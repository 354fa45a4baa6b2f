/* A k x k convolution per channel, band after band of an image: rows with
 * something pending are loaded into scratch, others are read where they lie. */

#include <string.h>

#include "nn/band.h"

/* Two rows share the pixels they read, so the kernels take rows in twos. */
static void plan_scratch(struct sn_stage *s, struct sn_plan *plan)
{
    const struct sn_window *w = &s->window;
    const ptrdiff_t x = w->w * s->in->ld, dy = w->ow * s->out->ld;
    const ptrdiff_t fit = SN_STEP_VALUES / (x * w->stride + dy) / 2 * 2;
    s->step = sn_least(sn_most((int)fit, 2), w->oh);
    sn_plan_raise(
        &plan->need.load,
        sn_band_values(s->in, sn_stage_x_rows(s, s->step), 0, s->in->ld));
    sn_plan_raise(
        &plan->need.grad,
        sn_band_values(s->out, sn_stage_dy_rows(s, s->step), 0, s->out->ld));
    sn_plan_raise(&plan->need.dx, (size_t)(s->step * w->stride + w->stride) *
                                      (size_t)w->w * (size_t)s->in->ld);
    sn_plan_raise(&plan->need.dx,
                  (size_t)s->step * (size_t)w->ow * (size_t)s->out->ld);
}

static struct sn_band x_band(const struct sn_stage *s,
                             const struct sn_work *unit)
{
    return sn_band_make(s->in, sn_tensor_load, unit->scratch->load, SN_REAL,
                        sn_stage_x_rows(s, s->step), 0, s->in->ld);
}

static struct sn_band dy_band(const struct sn_stage *s,
                              const struct sn_work *unit)
{
    return sn_band_make(s->out, sn_tensor_load_grad, unit->scratch->grad,
                        SN_REAL, sn_stage_dy_rows(s, s->step), 0, s->out->ld);
}

/* The values of a tensor from a pixel on, or their gradients. */
typedef struct sn_rows rows_fn(const struct sn_tensor *t, ptrdiff_t pixel);

/* Has the band hold rows [first, next) of image `in`: where they lie, `rows` of
 * its tensor, unless something is pending on them. */
static void slide(struct sn_band *b, const struct sn_work *unit, rows_fn *rows,
                  int in, int first, int next)
{
    const struct sn_tensor *t = b->t;
    if (!sn_tensor_lies(t)) {
        sn_band_slide(b, unit->k, in, first, next);
        return;
    }
    b->at = rows(t, ((ptrdiff_t)in * t->h + first) * t->w).at;
    b->first = first;
    b->next = next;
}

/* Rows [first, first + count) of image `in`, which come next: those of the next
 * image behind its last. */
static struct sn_ahead ahead_of(const struct sn_tensor *t, rows_fn *rows,
                                int in, int first, int count)
{
    const ptrdiff_t pixel = ((ptrdiff_t)in * t->h + first) * t->w;
    const ptrdiff_t values = (ptrdiff_t)count * t->w * t->ld;
    return (struct sn_ahead){rows(t, pixel).at,
                             values * (ptrdiff_t)sn_form_bytes(t->form)};
}

/* What output rows [first, next) read of x: the rows that the band then
 * holds. */
static struct sn_window slide_x(const struct sn_stage *s,
                                const struct sn_work *unit, struct sn_band *x,
                                int in, int first, int next)
{
    const struct sn_window *w = &s->window;
    const int top = first * w->stride - w->top;
    const int from = sn_most(top, 0);
    const int to = sn_least(top + sn_stage_x_rows(s, next - first), w->h);
    slide(x, unit, sn_tensor_rows, in, from, to);
    return (struct sn_window){.h = to - from,
                              .w = w->w,
                              .oh = next - first,
                              .ow = w->ow,
                              .k = w->k,
                              .stride = w->stride,
                              .top = from - top,
                              .left = w->left,
                              .x_pitch = w->w,
                              .y_pitch = w->ow};
}

/* Where the kernel writes what goes to `to`, which takes sn_real alone: there,
 * or in scratch, from where deliver() brings it. */
static struct sn_rows work_place(const struct sn_work *unit, struct sn_rows to,
                                 int adds)
{
    if (to.form == SN_REAL && !adds)
        return to;
    return sn_reals(unit->scratch->dx, to.p);
}

static void deliver(const struct sn_work *unit, struct sn_rows to,
                    struct sn_rows from, int adds, int c, ptrdiff_t pixels)
{
    if (from.at != to.at)
        unit->k->load(to, from, NULL, NULL, SN_ACT_NONE, 1, adds, c, pixels);
}

/* y rows of `win`, from `pixel` on */
static void forward(const struct sn_stage *s, const struct sn_work *unit,
                    const struct sn_band *x, const struct sn_window *win,
                    ptrdiff_t pixel)
{
    const ptrdiff_t pixels = (ptrdiff_t)win->oh * win->ow;
    const struct sn_rows y = sn_tensor_rows(s->out, pixel);
    const struct sn_rows to = work_place(unit, y, 0);
    unit->k->dwconv_fwd(to.at, to.p, x->at, x->col, s->weight.w, s->tap_row,
                        s->weight.ld, s->out->c, win);
    deliver(unit, y, to, 0, s->out->c, pixels);
    sn_stage_wrote(s, unit, pixel, pixels);
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
            struct sn_window win = slide_x(s, unit, &x, in, ih, next);
            win.ahead[0] = ahead_of(s->in, sn_tensor_rows, in, x.next,
                                    s->step * w->stride);
            win.ahead[1] = ahead_of(s->out, sn_tensor_rows, in, next, s->step);
            forward(s, unit, &x, &win, ((ptrdiff_t)in * w->oh + ih) * w->ow);
        }
    }
}

/* dx of rows [first, next) of image `in` */
static void data_grad(const struct sn_stage *s, const struct sn_work *unit,
                      const struct sn_band *dy, int in, int first, int next)
{
    struct sn_tensor *x = s->in;
    const struct sn_window *w = &s->window;
    const int adds = sn_stage_adds(s);
    const ptrdiff_t pixel = ((ptrdiff_t)in * w->h + first) * w->w;
    struct sn_window win = {.h = next - first,
                            .w = w->w,
                            .oh = dy->next - dy->first,
                            .ow = w->ow,
                            .k = w->k,
                            .stride = w->stride,
                            .top = w->top + first - dy->first * w->stride,
                            .left = w->left,
                            .x_pitch = w->w,
                            .y_pitch = w->ow};
    const ptrdiff_t pixels = (ptrdiff_t)(next - first) * w->w;
    win.ahead[0] =
        ahead_of(x, sn_tensor_grad_rows, in, next, s->step * w->stride);
    if (!unit->weights) /* else asked for there */
        win.ahead[1] =
            ahead_of(s->out, sn_tensor_grad_rows, in, dy->next, s->step);
    else if (s->out->bn)
        win.ahead[1] = ahead_of(s->out, sn_tensor_rows, in, dy->next, s->step);
    const struct sn_rows dx = sn_tensor_grad_rows(x, pixel);
    const struct sn_rows to = work_place(unit, dx, adds);
    unit->k->dwconv_bwd_data(to.at, to.p, dy->at, dy->col, s->weight.w,
                             s->tap_row, s->weight.ld, x->c, &win);
    deliver(unit, dx, to, adds, x->c, pixels);
    sn_stage_added(s, unit, pixel, pixels);
}

/* Everything that output rows [first, next) of image `in` bring. */
static void bwd_rows(struct sn_stage *s, const struct sn_work *unit,
                     struct sn_band *x, struct sn_band *dy, int in, int first,
                     int next)
{
    const struct sn_window *w = &s->window;
    const int stride = w->stride;
    const int end = next == w->oh ? w->h : next * stride;
    const int before = first - (w->k - 1 - w->top) / stride;
    const int behind = (end - 1 + w->top) / stride + 1;
    slide(dy, unit, sn_tensor_grad_rows, in, sn_most(before, 0),
          sn_least(sn_most(behind, next), w->oh));
    if (unit->weights) {
        struct sn_window win = slide_x(s, unit, x, in, first, next);
        win.ahead[0] =
            ahead_of(s->in, sn_tensor_rows, in, x->next, s->step * stride);
        win.ahead[1] =
            ahead_of(s->out, sn_tensor_grad_rows, in, dy->next, s->step);
        unit->k->dwconv_bwd_weight(sn_unit_slot(s, unit), s->out->c, x->at,
                                   x->col, sn_band_at(dy, first, 0), dy->col,
                                   s->out->c, &win);
    }
    if (s->in->wants_grad)
        data_grad(s, unit, dy, in, first * stride, end);
}

static void bwd(struct sn_stage *s, const struct sn_work *unit)
{
    const struct sn_images images = sn_unit_images(s, unit);
    struct sn_band x = x_band(s, unit), dy = dy_band(s, unit);
    if (unit->weights)
        memset(sn_unit_slot(s, unit), 0, s->slot_values * sizeof *s->slots);
    for (int in = images.first; in < images.next; in++) {
        sn_band_rewind(&x);
        sn_band_rewind(&dy);
        for (int ih = 0; ih < s->window.oh; ih += s->step)
            bwd_rows(s, unit, &x, &dy, in, ih,
                     sn_least(ih + s->step, s->window.oh));
    }
}

static bool takes_pairs(const struct sn_stage *s)
{
    (void)s; /* there are no products */
    return false;
}

const struct sn_stage_way sn_stage_depth = {plan_scratch, fwd, bwd,
                                            takes_pairs};
