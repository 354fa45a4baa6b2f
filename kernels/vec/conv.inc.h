/* A full convolution as a matrix product: im2col and its adjoint.
 *
 * im2col copies runs: a tap row of k pixels is one run where the pixels of x
 * touch.  col2im gathers: the taps that read an input pixel along one direction
 * are first, first + stride, ..., each one output pixel before the last, so the
 * entries to add lie at constant distances. */
#include "kernels/kernels_internal.h"

#include "kernels/vec/vec.h"

/* The last, partial vector overlaps the one before it where there is one. */
V_INLINE void copy(float *dst, const float *src, ptrdiff_t n)
{
    const v_mask all = v_tail(0);
    if (n < V_WIDTH) {
        const v_mask m = v_tail(n > 0 ? (int)n : 0);
        v_put(dst, v_get(src, m, 0), m, 0);
        return;
    }
    for (ptrdiff_t i = 0; i < n - V_WIDTH; i += V_WIDTH)
        v_put(dst + i, v_get(src + i, all, 1), all, 1);
    v_put(dst + n - V_WIDTH, v_get(src + n - V_WIDTH, all, 1), all, 1);
}

V_INLINE void clear(float *dst, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        dst[i] = 0.0f;
}

V_INLINE int clip(int i, int lo, int hi)
{
    return i < lo ? lo : i > hi ? hi : i;
}

static void V_NAME(im2col)(float *col, const float *x, ptrdiff_t x_p, int c,
                           const struct sn_window *win)
{
    const int k = win->k;
    const ptrdiff_t tap_row = (ptrdiff_t)k * c;

    for (int ih = 0; ih < win->oh; ih++) {
        for (int iw = 0; iw < win->ow; iw++) {
            const int w0 = iw * win->stride - win->pad;
            const int lo = clip(-w0, 0, k), hi = clip(win->w - w0, lo, k);
            for (int jh = 0; jh < k; jh++, col += tap_row) {
                const int xh = ih * win->stride + jh - win->pad;
                if (xh < 0 || xh >= win->h || lo == hi) {
                    clear(col, tap_row);
                    continue;
                }
                const float *src = x + ((ptrdiff_t)xh * win->w + w0 + lo) * x_p;
                const int runs = x_p == c ? 1 : hi - lo;
                const ptrdiff_t n = (ptrdiff_t)(hi - lo) / runs * c;
                clear(col, (ptrdiff_t)lo * c);
                for (int ir = 0; ir < runs; ir++)
                    copy(col + lo * c + ir * n, src + ir * x_p, n);
                clear(col + (ptrdiff_t)hi * c, (ptrdiff_t)(k - hi) * c);
            }
        }
    }
}

/* The taps that read input ii along one direction, and the output of the
 * first; the next output is one less. */
struct readers {
    int first, count, out;
};

static struct readers find_readers(int ii, const struct sn_window *win,
                                   int extent)
{
    const int at = ii + win->pad, stride = win->stride;
    struct readers r = {.first = at % stride};
    const int last = at < win->k - 1 ? at : win->k - 1;

    if (at / stride >= extent) /* those taps belong to outputs past the end */
        r.first += (at / stride - extent + 1) * stride;
    r.out = (at - r.first) / stride;
    if (last >= r.first)
        r.count = (last - r.first) / stride + 1;
    return r;
}

V_INLINE void add_entries(float *dx, const float *dcol, ptrdiff_t down,
                          ptrdiff_t right, struct readers rh, struct readers rw,
                          int add, v_mask m, const int full)
{
    v_f32 acc = add ? v_get(dx, m, full) : v_zero();
    for (int ih = 0; ih < rh.count; ih++)
        for (int iw = 0; iw < rw.count; iw++)
            acc = v_add(acc, v_get(dcol + ih * down + iw * right, m, full));
    v_put(dx, acc, m, full);
}

static void V_NAME(col2im)(float *dx, ptrdiff_t dx_p, const float *dcol, int c,
                           const struct sn_window *win, int add)
{
    const ptrdiff_t k = win->k, row = k * k * c; /* one row of the matrix */
    const ptrdiff_t down = win->stride * k * c - win->ow * row;
    const ptrdiff_t right = (ptrdiff_t)win->stride * c - row;

    for (int xh = 0; xh < win->h; xh++) {
        const struct readers rh = find_readers(xh, win, win->oh);
        for (int xw = 0; xw < win->w; xw++, dx += dx_p) {
            const struct readers rw = find_readers(xw, win, win->ow);
            const ptrdiff_t at = (ptrdiff_t)rh.out * win->ow + rw.out;
            const float *from = dcol;
            int ic = 0;
            if (rh.count > 0 && rw.count > 0)
                from += at * row + (rh.first * k + rw.first) * c;
            for (; c - ic >= V_WIDTH; ic += V_WIDTH)
                add_entries(dx + ic, from + ic, down, right, rh, rw, add,
                            v_tail(0), 1);
            if (ic < c)
                add_entries(dx + ic, from + ic, down, right, rh, rw, add,
                            v_tail(c - ic), 0);
        }
    }
}

void V_NAME(sn_conv_fill)(struct sn_kernels *k)
{
    k->im2col = V_NAME(im2col);
    k->col2im = V_NAME(col2im);
}
