/* Depthwise convolution of one image, channel by channel, in its three passes.
 * All three gather: each output value is one sum, rounded once. */
#include "kernels/kernels_internal.h"

#include "kernels/ref/window.h"

static void dwconv_fwd_ref(sn_real *y, ptrdiff_t y_p, const sn_real *x,
                           ptrdiff_t x_p, const sn_real *w, ptrdiff_t w_row,
                           ptrdiff_t w_col, int c, const struct sn_window *win)
{
    const int k = win->k, stride = win->stride;

    for (int ih = 0; ih < win->oh; ih++) {
        for (int iw = 0; iw < win->ow; iw++) {
            sn_real *to = y + ((ptrdiff_t)ih * win->y_pitch + iw) * y_p;
            for (int ic = 0; ic < c; ic++) {
                double sum = 0.0;
                for (int jh = 0; jh < k; jh++) {
                    const int xh = window_in(ih, jh, stride, win->top, win->h);
                    for (int jw = 0; jw < k && xh >= 0; jw++) {
                        const int xw =
                            window_in(iw, jw, stride, win->left, win->w);
                        const ptrdiff_t at = (ptrdiff_t)xh * win->x_pitch + xw;
                        if (xw >= 0)
                            sum += (double)x[at * x_p + ic] *
                                   (double)w[jh * w_row + jw * w_col + ic];
                    }
                }
                to[ic] = (sn_real)sum;
            }
        }
    }
}

static void dwconv_bwd_data_ref(sn_real *dx, ptrdiff_t dx_p, const sn_real *dy,
                                ptrdiff_t dy_p, const sn_real *w,
                                ptrdiff_t w_row, ptrdiff_t w_col, int c,
                                const struct sn_window *win)
{
    const int k = win->k, stride = win->stride;

    for (int xh = 0; xh < win->h; xh++) {
        for (int xw = 0; xw < win->w; xw++) {
            sn_real *to = dx + ((ptrdiff_t)xh * win->x_pitch + xw) * dx_p;
            for (int ic = 0; ic < c; ic++) {
                double sum = 0.0;
                for (int jh = 0; jh < k; jh++) {
                    const int ih =
                        window_out(xh, jh, stride, win->top, win->oh);
                    for (int jw = 0; jw < k && ih >= 0; jw++) {
                        const int iw =
                            window_out(xw, jw, stride, win->left, win->ow);
                        const ptrdiff_t at = (ptrdiff_t)ih * win->y_pitch + iw;
                        if (iw >= 0)
                            sum += (double)dy[at * dy_p + ic] *
                                   (double)w[jh * w_row + jw * w_col + ic];
                    }
                }
                to[ic] = (sn_real)sum;
            }
        }
    }
}

/* The gradient of tap (jh, jw) of one channel. */
static double tap_sum(const sn_real *x, ptrdiff_t x_p, const sn_real *dy,
                      ptrdiff_t dy_p, const struct sn_window *win, int jh,
                      int jw)
{
    double sum = 0.0;
    for (int ih = 0; ih < win->oh; ih++) {
        const int xh = window_in(ih, jh, win->stride, win->top, win->h);
        for (int iw = 0; iw < win->ow && xh >= 0; iw++) {
            const int xw = window_in(iw, jw, win->stride, win->left, win->w);
            const ptrdiff_t in = (ptrdiff_t)xh * win->x_pitch + xw;
            const ptrdiff_t out = (ptrdiff_t)ih * win->y_pitch + iw;
            if (xw >= 0)
                sum += (double)x[in * x_p] * (double)dy[out * dy_p];
        }
    }
    return sum;
}

static void dwconv_bwd_weight_ref(sn_real *dw, ptrdiff_t dw_p, const sn_real *x,
                                  ptrdiff_t x_p, const sn_real *dy,
                                  ptrdiff_t dy_p, int c,
                                  const struct sn_window *win)
{
    for (int jh = 0; jh < win->k; jh++) {
        for (int jw = 0; jw < win->k; jw++, dw += dw_p) {
            for (int ic = 0; ic < c; ic++) {
                const double sum =
                    tap_sum(x + ic, x_p, dy + ic, dy_p, win, jh, jw);
                dw[ic] = (sn_real)((double)dw[ic] + sum);
            }
        }
    }
}

void sn_dwconv_fill_ref(struct sn_kernels *k)
{
    k->dwconv_fwd = dwconv_fwd_ref;
    k->dwconv_bwd_data = dwconv_bwd_data_ref;
    k->dwconv_bwd_weight = dwconv_bwd_weight_ref;
}
