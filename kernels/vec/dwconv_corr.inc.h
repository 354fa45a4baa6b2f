/* Depthwise convolution, forward and the gradient of the input; a part of
 * dwconv.inc.h.
 *
 * Both write values y that are sums over pixels x.  Forward an output row goes
 * down to the input rows that begin at stride times itself.  The gradient of
 * the input goes up from output pixels to a grid that is `stride` times finer;
 * its tiles begin where the first tap meets a pixel, so that row ir of a tile
 * meets the same taps in all of them. */

struct corr {
    float *y;
    const float *x, *w;
    ptrdiff_t y_row, y_col, x_row, x_col, w_row, w_col; /* distances */
    int oh, ow, h, wd;                                  /* pixels of y, of x */
    int k, stride, up, pad_h, pad_w, c;
    const struct sn_window *win;
};

/* Values [row, ...) x [col, ...), and what they read: columns of x from `left`
 * on, of which bit i of `columns` tells whether column i is inside of the
 * image; rows [first, last), relative to row `top`, that are. */
struct corr_tile {
    int row, col, top, left, first, last;
    unsigned columns;
};

/* The tap by which row (column) `to` of a tile meets row `from` of its pixels,
 * in [0, k) if it does. */
V_INLINE int find_tap(int to, int from, int k, int stride, int up)
{
    return up ? to - (from - (k - 1) / stride) * stride : from - to * stride;
}

/* Rows (columns) of x that n rows of a tile read. */
V_INLINE int corr_reach(int n, int k, int stride, int up)
{
    return up ? (n - 1) / stride + (k - 1) / stride + 1 : (n - 1) * stride + k;
}

/* The first of them. */
V_INLINE int corr_first(int at, int pad, int k, int stride, int up)
{
    return up ? (at + pad) / stride - (k - 1) / stride : at * stride - pad;
}

/* A tile's columns. */
V_INLINE int corr_cols(int k, int stride, int up)
{
    if (up && stride > 1)
        return V_REGISTERS < 32 ? 4 : 8;
    return k == 3 ? 4 : 8;
}

/* Its rows: two where their sums, two tap rows and a pixel fit into registers,
 * and where they take turns at the taps. */
V_INLINE int corr_rows(int k, int stride, int up)
{
    if (up && stride > 1)
        return 2;
    return 2 * corr_cols(k, stride, up) + 2 * k + 1 <= V_REGISTERS ? 2 : 1;
}

/* Adds a row of pixels to the rows of a tile that `use` has a bit for, with the
 * tap rows w. */
V_INLINE void corr_row(v_f32 *sum, const struct corr *q, const float *x,
                       const float *const *w, unsigned columns,
                       const unsigned use, const int k, const int stride,
                       const int up, const int edge, v_mask m, const int full)
{
    const int cols = corr_cols(k, stride, up);
    v_f32 tap[2 * V_TAPS];

    V_UNROLL
    for (int i = 0; i < 2 * k; i++)
        if (use >> i / k & 1)
            tap[i] = v_get(w[i / k] + i % k * q->w_col, m, full);
    V_UNROLL
    for (int iw = 0; iw < corr_reach(cols, k, stride, up); iw++) {
        if (edge && !(columns >> iw & 1))
            continue;
        const v_f32 v = v_hold(v_get(x + iw * q->x_col, m, full));
        V_UNROLL
        for (int i = 0; i < 2 * cols; i++) {
            const int jw = find_tap(i % cols, iw, k, stride, up);
            if ((use >> i / cols & 1) && inside(jw, k))
                sum[i] = v_fma(v, tap[i / cols * k + jw], sum[i]);
        }
    }
}

/* One vector of channels of a tile; with `edge`, columns of x may be outside of
 * the image, and values of the tile as well. */
V_INLINE void corr_vector(const struct corr *q, const struct corr_tile *t,
                          int ic, const int k, const int stride, const int up,
                          const int edge, v_mask m, const int full)
{
    const int cols = corr_cols(k, stride, up);
    const int rows = corr_rows(k, stride, up);
    const float *x =
        q->x + (t->top + t->first) * q->x_row + t->left * q->x_col + ic;
    float *y = q->y + t->row * q->y_row + t->col * q->y_col + ic;
    v_f32 sum[V_TILE];

    V_UNROLL
    for (int i = 0; i < rows * cols; i++)
        sum[i] = v_zero();
    for (int ih = t->first; ih < t->last; ih++, x += q->x_row) {
        const int jh[2] = {find_tap(0, ih, k, stride, up),
                           find_tap(1, ih, k, stride, up)};
        const float *const w[2] = {q->w + jh[0] * q->w_row + ic,
                                   q->w + jh[1] * q->w_row + ic};
        if (rows == 1)
            corr_row(sum, q, x, w, t->columns, 1, k, stride, up, edge, m, full);
        else if (!inside(jh[1], k))
            corr_row(sum, q, x, w, t->columns, 1, k, stride, up, edge, m, full);
        else if (!inside(jh[0], k))
            corr_row(sum, q, x, w, t->columns, 2, k, stride, up, edge, m, full);
        else
            corr_row(sum, q, x, w, t->columns, 3, k, stride, up, edge, m, full);
    }
    V_UNROLL
    for (int i = 0; i < rows * cols; i++)
        if (!edge || (inside(t->row + i / cols, q->oh) &&
                      inside(t->col + i % cols, q->ow)))
            v_put(y + i / cols * q->y_row + i % cols * q->y_col, sum[i], m,
                  full);
}

/* All channels of a tile. */
V_INLINE void corr_channels(const struct corr *q, const struct corr_tile *t,
                            struct ahead *ahead, const int k, const int stride,
                            const int up, const int edge)
{
    int ic = 0;
    for (; q->c - ic >= V_WIDTH; ic += V_WIDTH) {
        ask_ahead(ahead);
        corr_vector(q, t, ic, k, stride, up, edge, v_tail(0), 1);
    }
    if (ic < q->c) {
        ask_ahead(ahead);
        corr_vector(q, t, ic, k, stride, up, 1, v_tail(q->c - ic), 0);
    }
}

V_INLINE void corr_image(const struct corr *q, const int k, const int stride,
                         const int up)
{
    const int cols = corr_cols(k, stride, up);
    const int rows = corr_rows(k, stride, up);
    const int high = corr_reach(rows, k, stride, up);
    const int wide = corr_reach(cols, k, stride, up);
    struct ahead ahead =
        find_ahead(q->win, tiles_of(q->oh, rows) * tiles_of(q->ow, cols) *
                               tiles_of(q->c, V_WIDTH));
    struct corr_tile t;

    for (t.row = up ? -(q->pad_h % stride) : 0; t.row < q->oh; t.row += rows) {
        const int whole = t.row >= 0 && t.row + rows <= q->oh;
        t.top = corr_first(t.row, q->pad_h, k, stride, up);
        t.first = most(-t.top, 0);
        t.last = least(q->h - t.top, high);
        t.col = up ? -(q->pad_w % stride) : 0;
        for (; t.col < q->ow; t.col += cols) {
            t.left = corr_first(t.col, q->pad_w, k, stride, up);
            t.columns = inside_bits(t.left, wide, q->wd);
            if (whole && t.col >= 0 && t.col + cols <= q->ow &&
                t.columns == (1u << wide) - 1u)
                corr_channels(q, &t, &ahead, k, stride, up, 0);
            else
                corr_channels(q, &t, &ahead, k, stride, up, 1);
        }
    }
}

/* ---- any kernel and stride ---- */

/* The pixels that a value reads along one direction, and their taps. */
struct corr_run {
    int first, count; /* pixels */
    int tap, step;    /* the first one's tap; from tap to tap */
};

V_INLINE struct corr_run find_run(const struct corr *q, int at, int extent,
                                  int pad)
{
    const int last = (at + pad) / q->stride; /* going up: tap (at+pad)%stride */
    int lo = q->up ? last - (q->k - 1 - (at + pad) % q->stride) / q->stride
                   : at * q->stride - pad;
    int hi = q->up ? last + 1 : lo + q->k;
    if (q->up && (at + pad) % q->stride >= q->k)
        hi = lo;
    const int from = lo;
    lo = most(lo, 0);
    hi = least(hi, extent);
    return (struct corr_run){.first = lo,
                             .count = hi - lo,
                             .tap =
                                 q->up ? at + pad - lo * q->stride : lo - from,
                             .step = q->up ? -q->stride : 1};
}

V_INLINE void corr_value(const struct corr *q, const struct corr_run *h,
                         const struct corr_run *w, float *y, int ic, v_mask m,
                         const int full)
{
    v_f32 sum = v_zero();
    for (int i = 0; i < h->count; i++) {
        const float *x = q->x + (h->first + i) * q->x_row + ic;
        const float *wt = q->w + (h->tap + i * h->step) * q->w_row + ic;
        for (int j = 0; j < w->count; j++)
            sum = v_fma(v_get(x + (w->first + j) * q->x_col, m, full),
                        v_get(wt + (w->tap + j * w->step) * q->w_col, m, full),
                        sum);
    }
    v_put(y + ic, sum, m, full);
}

static void corr_any(const struct corr *q)
{
    for (int ih = 0; ih < q->oh; ih++) {
        const struct corr_run h = find_run(q, ih, q->h, q->pad_h);
        for (int iw = 0; iw < q->ow; iw++) {
            const struct corr_run w = find_run(q, iw, q->wd, q->pad_w);
            float *y = q->y + ih * q->y_row + iw * q->y_col;
            int ic = 0;
            for (; q->c - ic >= V_WIDTH; ic += V_WIDTH)
                corr_value(q, &h, &w, y, ic, v_tail(0), 1);
            if (ic < q->c)
                corr_value(q, &h, &w, y, ic, v_tail(q->c - ic), 0);
        }
    }
}

/* ---- which function does what ---- */

typedef void corr_fn(const struct corr *q);

#define CORR(name, k, stride, up)                                              \
    static void name(const struct corr *q)                                     \
    {                                                                          \
        corr_image(q, k, stride, up);                                          \
    }

CORR(down_k3s1, 3, 1, 0)
CORR(down_k5s1, 5, 1, 0)
CORR(down_k7s1, 7, 1, 0)
CORR(down_k3s2, 3, 2, 0)
CORR(down_k5s2, 5, 2, 0)
CORR(down_k7s2, 7, 2, 0)
CORR(up_k3s1, 3, 1, 1)
CORR(up_k5s1, 5, 1, 1)
CORR(up_k7s1, 7, 1, 1)
CORR(up_k3s2, 3, 2, 1)
CORR(up_k5s2, 5, 2, 1)
CORR(up_k7s2, 7, 2, 1)

static void corr_run_any(const struct corr *q)
{
    static corr_fn *const of[2][2][V_TAPS + 1] = {
        {{[3] = down_k3s1, [5] = down_k5s1, [7] = down_k7s1},
         {[3] = down_k3s2, [5] = down_k5s2, [7] = down_k7s2}},
        {{[3] = up_k3s1, [5] = up_k5s1, [7] = up_k7s1},
         {[3] = up_k3s2, [5] = up_k5s2, [7] = up_k7s2}}};
    corr_fn *fn = NULL;
    if (q->k <= V_TAPS && q->stride <= 2)
        fn = of[q->up][q->stride - 1][q->k];
    (fn ? fn : corr_any)(q);
}

static void V_NAME(dwconv_fwd)(float *y, ptrdiff_t y_p, const float *x,
                               ptrdiff_t x_p, const float *w, ptrdiff_t w_row,
                               ptrdiff_t w_col, int c,
                               const struct sn_window *win)
{
    const struct corr q = {.y = y,
                           .x = x,
                           .w = w,
                           .y_row = win->y_pitch * y_p,
                           .y_col = y_p,
                           .x_row = win->x_pitch * x_p,
                           .x_col = x_p,
                           .w_row = w_row,
                           .w_col = w_col,
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
    corr_run_any(&q);
}

static void V_NAME(dwconv_bwd_data)(float *dx, ptrdiff_t dx_p, const float *dy,
                                    ptrdiff_t dy_p, const float *w,
                                    ptrdiff_t w_row, ptrdiff_t w_col, int c,
                                    const struct sn_window *win)
{
    const struct corr q = {.y = dx,
                           .x = dy,
                           .w = w,
                           .y_row = win->x_pitch * dx_p,
                           .y_col = dx_p,
                           .x_row = win->y_pitch * dy_p,
                           .x_col = dy_p,
                           .w_row = w_row,
                           .w_col = w_col,
                           .oh = win->h,
                           .ow = win->w,
                           .h = win->oh,
                           .wd = win->ow,
                           .k = win->k,
                           .stride = win->stride,
                           .up = 1,
                           .pad_h = win->top,
                           .pad_w = win->left,
                           .c = c,
                           .win = win};
    corr_run_any(&q);
}
