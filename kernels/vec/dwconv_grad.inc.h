/* Depthwise convolution, the gradient of the weights; a part of dwconv.inc.h.
 *
 * A few columns of dy go down a few rows of the image, one row of them in
 * registers at a time, while the pixels of x that meet it pass by.  The sums of
 * the taps are in registers as well, all of them or one tap row after the
 * other. They begin at 0 with the tile and are added to dw behind it: partial
 * sums of a few terms, which lose less than one long chain. */

struct grad {
    float *dw;
    const float *x, *dy;
    ptrdiff_t dw_p, x_row, x_col, dy_row, dy_col; /* distances */
    int oh, ow, h, wd;                            /* pixels of dy, of x */
    int k, stride, pad_h, pad_w, c;
    const struct sn_window *win;
};

enum { V_TALL_GRAD = 8 }; /* rows of a tile */

/* dy [row, last) x [col, ...) and what meets it: columns of x from `left` on,
 * of which bit i of `columns` tells whether column i is inside of the image. */
struct grad_tile {
    int row, last, col, left;
    unsigned columns;
};

/* Tap rows that have their sums in registers. */
V_INLINE int grad_taps(int k)
{
    return k * k + 5 <= V_REGISTERS ? k : 1;
}

V_INLINE int grad_cols(int k)
{
    return grad_taps(k) == k ? 4 : 8;
}

/* Adds what row ih of a tile brings to the sums of the tap rows from jh on;
 * with `edge`, pixels of x and dy may be outside of the image. */
V_INLINE void grad_row(v_f32 *sum, const struct grad *q,
                       const struct grad_tile *t, int ih, int ic, int jh,
                       const int k, const int stride, const int edge, v_mask m,
                       const int full)
{
    const int cols = grad_cols(k), top = ih * stride + jh - q->pad_h;
    const float *dy = q->dy + ih * q->dy_row + t->col * q->dy_col + ic;
    const float *x = q->x + top * q->x_row + t->left * q->x_col + ic;
    v_f32 d[V_TILE];

    V_UNROLL
    for (int i = 0; i < cols; i++)
        d[i] = !edge || t->col + i < q->ow ? v_get(dy + i * q->dy_col, m, full)
                                           : v_zero();
    V_UNROLL
    for (int ir = 0; ir < grad_taps(k); ir++, x += q->x_row) {
        if (edge && !inside(top + ir, q->h))
            continue;
        V_UNROLL
        for (int iw = 0; iw < (cols - 1) * stride + k; iw++) {
            if (edge && !(t->columns >> iw & 1))
                continue;
            const v_f32 v = v_hold(v_get(x + iw * q->x_col, m, full));
            V_UNROLL
            for (int i = 0; i < cols; i++) {
                const int jw = iw - i * stride;
                if (inside(jw, k))
                    sum[ir * k + jw] = v_fma(v, d[i], sum[ir * k + jw]);
            }
        }
    }
}

/* One vector of channels of a tile, tap rows from jh on. */
V_INLINE void grad_vector(const struct grad *q, const struct grad_tile *t,
                          int ic, int jh, const int k, const int stride,
                          const int edge, v_mask m, const int full)
{
    float *dw = q->dw + jh * k * q->dw_p + ic;
    v_f32 sum[V_TAPS * V_TAPS];

    V_UNROLL
    for (int i = 0; i < grad_taps(k) * k; i++)
        sum[i] = v_zero();
    for (int ih = t->row; ih < t->last; ih++)
        grad_row(sum, q, t, ih, ic, jh, k, stride, edge, m, full);
    V_UNROLL
    for (int i = 0; i < grad_taps(k) * k; i++) {
        float *to = dw + i * q->dw_p;
        v_put(to, v_add(v_get(to, m, full), sum[i]), m, full);
    }
}

/* All channels and taps of a tile. */
V_INLINE void grad_channels(const struct grad *q, const struct grad_tile *t,
                            struct ahead *ahead, const int k, const int stride,
                            const int edge)
{
    for (int jh = 0; jh < k; jh += grad_taps(k)) {
        int ic = 0;
        for (; q->c - ic >= V_WIDTH; ic += V_WIDTH) {
            ask_ahead(ahead);
            grad_vector(q, t, ic, jh, k, stride, edge, v_tail(0), 1);
        }
        if (ic < q->c) {
            ask_ahead(ahead);
            grad_vector(q, t, ic, jh, k, stride, 1, v_tail(q->c - ic), 0);
        }
    }
}

V_INLINE void grad_image(const struct grad *q, const int k, const int stride)
{
    const int cols = grad_cols(k), wide = (cols - 1) * stride + k;
    struct ahead ahead = find_ahead(
        q->win, tiles_of(q->oh, V_TALL_GRAD) * tiles_of(q->ow, cols) *
                    tiles_of(q->c, V_WIDTH) * tiles_of(k, grad_taps(k)));
    struct grad_tile t;

    for (t.row = 0; t.row < q->oh; t.row = t.last) {
        t.last = least(t.row + V_TALL_GRAD, q->oh);
        const int whole = t.row * stride >= q->pad_h &&
                          (t.last - 1) * stride - q->pad_h + k <= q->h;
        for (t.col = 0; t.col < q->ow; t.col += cols) {
            t.left = t.col * stride - q->pad_w;
            t.columns = inside_bits(t.left, wide, q->wd);
            if (whole && t.col + cols <= q->ow &&
                t.columns == (1u << wide) - 1u)
                grad_channels(q, &t, &ahead, k, stride, 0);
            else
                grad_channels(q, &t, &ahead, k, stride, 1);
        }
    }
}

/* ---- any kernel and stride: one tap after the other ---- */

V_INLINE void grad_tap(const struct grad *q, int jh, int jw, int ic, v_mask m,
                       const int full)
{
    float *dw = q->dw + (jh * q->k + jw) * q->dw_p + ic;
    v_f32 sum = v_zero();
    for (int ih = 0; ih < q->oh; ih++) {
        const int xh = ih * q->stride + jh - q->pad_h;
        if (!inside(xh, q->h))
            continue;
        for (int iw = 0; iw < q->ow; iw++) {
            const int xw = iw * q->stride + jw - q->pad_w;
            const float *x = q->x + xh * q->x_row + xw * q->x_col + ic;
            const float *dy = q->dy + ih * q->dy_row + iw * q->dy_col + ic;
            if (inside(xw, q->wd))
                sum = v_fma(v_get(x, m, full), v_get(dy, m, full), sum);
        }
    }
    v_put(dw, v_add(v_get(dw, m, full), sum), m, full);
}

static void grad_any(const struct grad *q)
{
    for (int i = 0; i < q->k * q->k; i++) {
        int ic = 0;
        for (; q->c - ic >= V_WIDTH; ic += V_WIDTH)
            grad_tap(q, i / q->k, i % q->k, ic, v_tail(0), 1);
        if (ic < q->c)
            grad_tap(q, i / q->k, i % q->k, ic, v_tail(q->c - ic), 0);
    }
}

/* ---- which function does what ---- */

typedef void grad_fn(const struct grad *q);

#define GRAD(name, k, stride)                                                  \
    static void name(const struct grad *q)                                     \
    {                                                                          \
        grad_image(q, k, stride);                                              \
    }

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
    if (k <= V_TAPS && stride <= 2)
        fn = of[stride - 1][k];
    return fn ? fn : grad_any;
}

static void V_NAME(dwconv_bwd_weight)(float *dw, ptrdiff_t dw_p, const float *x,
                                      ptrdiff_t x_p, const float *dy,
                                      ptrdiff_t dy_p, int c,
                                      const struct sn_window *win)
{
    const struct grad q = {.dw = dw,
                           .x = x,
                           .dy = dy,
                           .dw_p = dw_p,
                           .x_row = win->x_pitch * x_p,
                           .x_col = x_p,
                           .dy_row = win->y_pitch * dy_p,
                           .dy_col = dy_p,
                           .oh = win->oh,
                           .ow = win->ow,
                           .h = win->h,
                           .wd = win->w,
                           .k = win->k,
                           .stride = win->stride,
                           .pad_h = win->top,
                           .pad_w = win->left,
                           .c = c,
                           .win = win};
    find_grad(win->k, win->stride)(&q);
}
