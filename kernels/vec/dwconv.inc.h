/* Depthwise convolution of one image; its meaning is in ref/dwconv.c.
 *
 * One vector of channels at a time goes over the whole image, so that the rows
 * it reads again for the next taps are still in the first-level cache.  Within
 * an output row a tile of up to V_TILE columns stays in registers while the tap
 * rows pass by; each input pixel of a tap row is loaded once and serves every
 * column that it reaches.  Input pixels outside of the image are skipped: whole
 * tap rows, and in the first and last tiles of a row single columns, for which
 * such tiles have code of their own.
 *
 * The gradient of the input is the same loop.  The input pixels of one phase
 * (their position modulo the stride) see a fixed subset of the taps, and along
 * a phase one input pixel further means one output pixel further: a
 * convolution of dy with stride 1 and the flipped subset, written to every
 * stride-th pixel of dx.  With stride 1 there is one phase and all taps.
 *
 * An output value adds its taps in the order of rows, then columns, whichever
 * function computes it. */
#include "kernels/kernels_internal.h"

#include "kernels/vec/vec.h"

enum {
    V_TILE = 8,      /* output columns in registers */
    V_TILE_GRAD = 4, /* the same in the gradient of the weights */
    V_TAPS = 7       /* the widest kernel with code of its own */
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

/* ---- forward, and the gradient of the input ---- */

/* y[ih, iw] = sum of x[ih*stride + jh - pad_h, iw*stride + jw - pad_w] *
 * wt[jh, jw]; *_row and *_col are distances in values, negative for flipped
 * weights, and the pads may be negative. */
struct corr {
    float *y;
    const float *x, *wt;
    ptrdiff_t y_row, y_col, x_row, x_col, w_row, w_col;
    int oh, ow, h, w, kh, kw, stride, pad_h, pad_w;
};

/* The tap rows of one output row that lie inside of the image. */
struct band {
    const float *x, *wt; /* the first of them: input row, weights */
    int rows;
};

V_INLINE struct band find_band(const struct corr *q, int ih)
{
    const int top = ih * q->stride - q->pad_h;
    const int lo = most(0, -top), hi = least(q->kh, q->h - top);

    if (hi <= lo)
        return (struct band){.x = q->x, .wt = q->wt, .rows = 0};
    return (struct band){.x = q->x + (top + lo) * q->x_row,
                         .wt = q->wt + lo * q->w_row,
                         .rows = hi - lo};
}

/* Whether sums, taps and all pixels of a tap row fit into registers. */
V_INLINE int corr_fits(const int n, const int kw, const int stride)
{
    return (n - 1) * stride + kw + n + kw <= V_REGISTERS;
}

/* Adds a tap row to n columns, x at the first pixel they read: tap after tap,
 * so that a sum waits for n others before its next term. */
V_INLINE void corr_row_wide(v_f32 *acc, const v_f32 *tap, const float *x,
                            ptrdiff_t x_col, const int kw, const int stride,
                            const int n, v_mask m, const int full)
{
    v_f32 v[V_REGISTERS];

    V_UNROLL
    for (int ix = 0; ix < (n - 1) * stride + kw; ix++)
        v[ix] = v_hold(v_get(x + ix * x_col, m, full));
    V_UNROLL
    for (int jw = 0; jw < kw; jw++) {
        V_UNROLL
        for (int it = 0; it < n; it++)
            acc[it] = v_fma(v[it * stride + jw], tap[jw], acc[it]);
    }
}

/* The same pixel after pixel. */
V_INLINE void corr_row(v_f32 *acc, const v_f32 *tap, const struct corr *q,
                       const float *x, int left, const int kw, const int stride,
                       const int n, const int clipped, v_mask m, const int full)
{
    V_UNROLL
    for (int ix = 0; ix < (n - 1) * stride + kw; ix++) {
        if (clipped && !inside(left + ix, q->w))
            continue;
        const v_f32 v = v_hold(v_get(x + (left + ix) * q->x_col, m, full));
        V_UNROLL
        for (int it = 0; it < n; it++) {
            const int jw = ix - it * stride;
            if (jw >= 0 && jw < kw)
                acc[it] = v_fma(v, tap[jw], acc[it]);
        }
    }
}

/* n output columns from iw on; with `clipped`, taps may be outside. */
V_INLINE void corr_tile(const struct corr *q, float *y, struct band in, int iw,
                        const int kw, const int stride, const int n,
                        const int clipped, v_mask m, const int full)
{
    const int left = iw * stride - q->pad_w;
    const float *wt = in.wt;
    v_f32 acc[V_TILE], tap[V_TAPS];

    V_UNROLL
    for (int it = 0; it < n; it++)
        acc[it] = v_zero();
    for (int jh = 0; jh < in.rows; jh++, wt += q->w_row) {
        const float *x = in.x + jh * q->x_row;
        V_UNROLL
        for (int jw = 0; jw < kw; jw++)
            tap[jw] = v_get(wt + jw * q->w_col, m, full);
        if (!clipped && corr_fits(n, kw, stride))
            corr_row_wide(acc, tap, x + left * q->x_col, q->x_col, kw, stride,
                          n, m, full);
        else
            corr_row(acc, tap, q, x, left, kw, stride, n, clipped, m, full);
    }
    V_UNROLL
    for (int it = 0; it < n; it++)
        v_put(y + (iw + it) * q->y_col, acc[it], m, full);
}

/* Output columns from iw on in tiles of n; returns the first one left over. */
V_INLINE int corr_tiles(const struct corr *q, float *y, struct band in, int iw,
                        const int kw, const int stride, const int n, v_mask m,
                        const int full)
{
    for (; q->ow - iw >= n; iw += n) {
        const int left = iw * stride - q->pad_w;
        const int right = left + (n - 1) * stride + kw - 1;
        if (inside(left, q->w) && inside(right, q->w))
            corr_tile(q, y, in, iw, kw, stride, n, 0, m, full);
        else
            corr_tile(q, y, in, iw, kw, stride, n, 1, m, full);
    }
    return iw;
}

/* One output column of any kernel. */
V_INLINE void corr_column(const struct corr *q, float *y, struct band in,
                          int iw, v_mask m, const int full)
{
    const int left = iw * q->stride - q->pad_w;
    const int lo = most(0, -left), hi = least(q->kw, q->w - left);
    v_f32 acc = v_zero();

    for (int jh = 0; jh < in.rows; jh++) {
        const float *x = in.x + jh * q->x_row;
        const float *wt = in.wt + jh * q->w_row;
        for (int jw = lo; jw < hi; jw++)
            acc = v_fma(v_get(x + (left + jw) * q->x_col, m, full),
                        v_get(wt + jw * q->w_col, m, full), acc);
    }
    v_put(y + iw * q->y_col, acc, m, full);
}

/* One vector of channels over the whole image; kw = 0: any width and stride. */
V_INLINE void corr_image(const struct corr *q, const int kw, const int stride,
                         v_mask m, const int full)
{
    for (int ih = 0; ih < q->oh; ih++) {
        const struct band in = find_band(q, ih);
        float *y = q->y + ih * q->y_row;
        int iw = 0;
        if (kw > 0) {
            iw = corr_tiles(q, y, in, iw, kw, stride, V_TILE, m, full);
            iw = corr_tiles(q, y, in, iw, kw, stride, V_TILE / 2, m, full);
            iw = corr_tiles(q, y, in, iw, kw, stride, 1, m, full);
        }
        for (; iw < q->ow; iw++)
            corr_column(q, y, in, iw, m, full);
    }
}

typedef void corr_fn(const struct corr *q, int lanes);

#define CORR(name, kw, stride)                                                 \
    static void name(const struct corr *q, int lanes)                          \
    {                                                                          \
        if (lanes >= V_WIDTH)                                                  \
            corr_image(q, kw, stride, v_tail(0), 1);                           \
        else                                                                   \
            corr_image(q, kw, stride, v_tail(lanes), 0);                       \
    }

CORR(corr_any, 0, 1)
CORR(corr_k1s1, 1, 1)
CORR(corr_k2s1, 2, 1)
CORR(corr_k3s1, 3, 1)
CORR(corr_k4s1, 4, 1)
CORR(corr_k5s1, 5, 1)
CORR(corr_k7s1, 7, 1)
CORR(corr_k3s2, 3, 2)
CORR(corr_k5s2, 5, 2)
CORR(corr_k7s2, 7, 2)

static corr_fn *find_corr(int kw, int stride)
{
    static corr_fn *const s1[V_TAPS + 1] = {
        [1] = corr_k1s1, [2] = corr_k2s1, [3] = corr_k3s1,
        [4] = corr_k4s1, [5] = corr_k5s1, [7] = corr_k7s1,
    };
    static corr_fn *const s2[V_TAPS + 1] = {
        [3] = corr_k3s2,
        [5] = corr_k5s2,
        [7] = corr_k7s2,
    };
    corr_fn *fn = NULL;
    if (kw <= V_TAPS)
        fn = stride == 1 ? s1[kw] : stride == 2 ? s2[kw] : NULL;
    return fn ? fn : corr_any;
}

static void V_NAME(dwconv_fwd)(float *y, ptrdiff_t y_p, const float *x,
                               ptrdiff_t x_p, const float *w, ptrdiff_t w_row,
                               ptrdiff_t w_col, int c,
                               const struct sn_window *win)
{
    struct corr q = {
        .y_row = win->y_pitch * y_p,
        .y_col = y_p,
        .oh = win->oh,
        .ow = win->ow,
        .x_row = win->x_pitch * x_p,
        .x_col = x_p,
        .h = win->h,
        .w = win->w,
        .w_row = w_row,
        .w_col = w_col,
        .kh = win->k,
        .kw = win->k,
        .stride = win->stride,
        .pad_h = win->top,
        .pad_w = win->left,
    };
    corr_fn *const run = find_corr(win->k, win->stride);

    for (int ic = 0; ic < c; ic += V_WIDTH) {
        q.y = y + ic;
        q.x = x + ic;
        q.wt = w + ic;
        run(&q, c - ic);
    }
}

/* The inputs of one phase along one direction, and the taps they see. */
struct phase {
    int inputs; /* phase, phase + stride, ... */
    int taps;   /* count */
    int last;   /* the last tap, the first of the flipped kernel */
    int pad;
};

static struct phase find_phase(int phase, int extent, int k, int stride,
                               int pad)
{
    const int first = (phase + pad) % stride; /* the first tap */
    struct phase f = {0};

    if (phase < extent)
        f.inputs = (extent - phase - 1) / stride + 1;
    if (first < k)
        f.taps = (k - first - 1) / stride + 1;
    f.last = first + (f.taps - 1) * stride;
    f.pad = f.taps - 1 - (phase + pad) / stride;
    return f;
}

static void V_NAME(dwconv_bwd_data)(float *dx, ptrdiff_t dx_p, const float *dy,
                                    ptrdiff_t dy_p, const float *w,
                                    ptrdiff_t w_row, ptrdiff_t w_col, int c,
                                    const struct sn_window *win)
{
    const int stride = win->stride;
    struct corr q = {
        .y_row = win->x_pitch * dx_p * stride,
        .y_col = dx_p * stride,
        .x_row = win->y_pitch * dy_p,
        .x_col = dy_p,
        .h = win->oh,
        .w = win->ow,
        .w_row = -stride * w_row,
        .w_col = -stride * w_col,
        .stride = 1,
    };

    for (int ic = 0; ic < c; ic += V_WIDTH) {
        for (int i = 0; i < stride * stride; i++) {
            const int ph = i / stride, pw = i % stride;
            const struct phase h =
                find_phase(ph, win->h, win->k, stride, win->top);
            const struct phase v =
                find_phase(pw, win->w, win->k, stride, win->left);
            if (h.inputs == 0 || v.inputs == 0)
                continue;
            q.y = dx + ((ptrdiff_t)ph * win->x_pitch + pw) * dx_p + ic;
            q.x = dy + ic;
            q.wt = w + ic;
            if (h.taps > 0 && v.taps > 0)
                q.wt += h.last * w_row + v.last * w_col;
            q.oh = h.inputs;
            q.ow = v.inputs;
            q.kh = h.taps;
            q.kw = v.taps;
            q.pad_h = h.pad;
            q.pad_w = v.pad;
            find_corr(v.taps, 1)(&q, c - ic);
        }
    }
}

/* ---- the gradient of the weights ---- */

struct grad {
    float *dw;
    const float *x, *dy;
    ptrdiff_t dw_p, x_p, dy_p;
    const struct sn_window *win;
};

/* The sums of `rows` tap rows from jh on, k taps each. */
struct taps {
    v_f32 sum[3 * V_TAPS];
};

/* Adds n output columns from iw on; with `clipped`, taps may be outside. */
V_INLINE void grad_tile(struct taps *t, const struct grad *q, int ih, int iw,
                        int jh, const int rows, const int k, const int stride,
                        const int n, const int clipped, v_mask m,
                        const int full)
{
    const struct sn_window *win = q->win;
    const int top = ih * stride + jh - win->top;
    const int left = iw * stride - win->left;
    const float *dy = q->dy + ((ptrdiff_t)ih * win->y_pitch + iw) * q->dy_p;
    v_f32 d[V_TILE_GRAD];

    V_UNROLL
    for (int it = 0; it < n; it++)
        d[it] = v_hold(v_get(dy + it * q->dy_p, m, full));
    V_UNROLL
    for (int ix = 0; ix < (n - 1) * stride + k; ix++) {
        if (clipped && !inside(left + ix, win->w))
            continue;
        V_UNROLL
        for (int ir = 0; ir < rows; ir++) {
            const ptrdiff_t at =
                (ptrdiff_t)(top + ir) * win->x_pitch + left + ix;
            if (clipped && !inside(top + ir, win->h))
                continue;
            const v_f32 v = v_hold(v_get(q->x + at * q->x_p, m, full));
            V_UNROLL
            for (int it = 0; it < n; it++) {
                const int jw = ix - it * stride;
                if (jw >= 0 && jw < k)
                    t->sum[ir * k + jw] = v_fma(v, d[it], t->sum[ir * k + jw]);
            }
        }
    }
}

V_INLINE void grad_rows(const struct grad *q, int jh, const int rows,
                        const int k, const int stride, v_mask m, const int full)
{
    const struct sn_window *win = q->win;
    const int n = V_TILE_GRAD, reach = (n - 1) * stride + k - 1;
    struct taps t;

    V_UNROLL
    for (int i = 0; i < rows * k; i++)
        t.sum[i] = v_zero();
    for (int ih = 0; ih < win->oh; ih++) {
        int iw = 0;
        const int top = ih * stride + jh - win->top;
        const int whole = inside(top, win->h) && inside(top + rows - 1, win->h);
        for (; win->ow - iw >= n; iw += n) {
            const int left = iw * stride - win->left;
            if (whole && inside(left, win->w) && inside(left + reach, win->w))
                grad_tile(&t, q, ih, iw, jh, rows, k, stride, n, 0, m, full);
            else
                grad_tile(&t, q, ih, iw, jh, rows, k, stride, n, 1, m, full);
        }
        for (; iw < win->ow; iw++)
            grad_tile(&t, q, ih, iw, jh, rows, k, stride, 1, 1, m, full);
    }
    V_UNROLL
    for (int i = 0; i < rows * k; i++) {
        float *dw = q->dw + ((ptrdiff_t)jh * k + i) * q->dw_p;
        v_put(dw, v_add(v_get(dw, m, full), t.sum[i]), m, full);
    }
}

/* Any kernel and stride: one tap after the other. */
V_INLINE void grad_taps(const struct grad *q, v_mask m, const int full)
{
    const struct sn_window *win = q->win;
    const int k = win->k, stride = win->stride;

    for (int i = 0; i < k * k; i++) {
        const int jh = i / k, jw = i % k;
        float *dw = q->dw + i * q->dw_p;
        v_f32 sum = v_zero();
        for (int ih = 0; ih < win->oh; ih++) {
            const int xh = ih * stride + jh - win->top;
            if (xh < 0 || xh >= win->h)
                continue;
            for (int iw = 0; iw < win->ow; iw++) {
                const int xw = iw * stride + jw - win->left;
                const ptrdiff_t in = (ptrdiff_t)xh * win->x_pitch + xw;
                const ptrdiff_t out = (ptrdiff_t)ih * win->y_pitch + iw;
                if (xw >= 0 && xw < win->w)
                    sum = v_fma(v_get(q->x + in * q->x_p, m, full),
                                v_get(q->dy + out * q->dy_p, m, full), sum);
            }
        }
        v_put(dw, v_add(v_get(dw, m, full), sum), m, full);
    }
}

/* With k = 3 all nine sums fit into registers; wider kernels take one tap row
 * after the other. */
V_INLINE void grad_image(const struct grad *q, const int k, const int stride,
                         v_mask m, const int full)
{
    const int rows = k == 3 ? 3 : 1;
    if (k == 0)
        grad_taps(q, m, full);
    for (int jh = 0; jh < k; jh += rows)
        grad_rows(q, jh, rows, k, stride, m, full);
}

typedef void grad_fn(const struct grad *q, int lanes);

#define GRAD(name, k, stride)                                                  \
    static void name(const struct grad *q, int lanes)                          \
    {                                                                          \
        if (lanes >= V_WIDTH)                                                  \
            grad_image(q, k, stride, v_tail(0), 1);                            \
        else                                                                   \
            grad_image(q, k, stride, v_tail(lanes), 0);                        \
    }

GRAD(grad_any, 0, 1)
GRAD(grad_k3s1, 3, 1)
GRAD(grad_k5s1, 5, 1)
GRAD(grad_k7s1, 7, 1)
GRAD(grad_k3s2, 3, 2)
GRAD(grad_k5s2, 5, 2)
GRAD(grad_k7s2, 7, 2)

static grad_fn *find_grad(int k, int stride)
{
    static grad_fn *const of[2][V_TAPS + 1] = {
        {[3] = grad_k3s1, [5] = grad_k5s1, [7] = grad_k7s1},
        {[3] = grad_k3s2, [5] = grad_k5s2, [7] = grad_k7s2},
    };
    grad_fn *fn = NULL;
    if (k <= V_TAPS && (stride == 1 || stride == 2))
        fn = of[stride - 1][k];
    return fn ? fn : grad_any;
}

static void V_NAME(dwconv_bwd_weight)(float *dw, ptrdiff_t dw_p, const float *x,
                                      ptrdiff_t x_p, const float *dy,
                                      ptrdiff_t dy_p, int c,
                                      const struct sn_window *win)
{
    struct grad q = {.dw_p = dw_p, .x_p = x_p, .dy_p = dy_p, .win = win};
    grad_fn *const run = find_grad(win->k, win->stride);

    for (int ic = 0; ic < c; ic += V_WIDTH) {
        q.dw = dw + ic;
        q.x = x + ic;
        q.dy = dy + ic;
        run(&q, c - ic);
    }
}

void V_NAME(sn_dwconv_fill)(struct sn_kernels *k)
{
    k->dwconv_fwd = V_NAME(dwconv_fwd);
    k->dwconv_bwd_data = V_NAME(dwconv_bwd_data);
    k->dwconv_bwd_weight = V_NAME(dwconv_bwd_weight);
}
