/* A full convolution as a matrix product: its input spread into rows, and the
 * adjoint, which gathers the gradients of those rows. */
#include "kernels/kernels_internal.h"

#include "kernels/ref/window.h"

static void im2col_ref(sn_real *col, const sn_real *x, ptrdiff_t x_p, int c,
                       const struct sn_window *win)
{
    for (int ih = 0; ih < win->oh; ih++) {
        for (int iw = 0; iw < win->ow; iw++) {
            for (int jh = 0; jh < win->k; jh++) {
                for (int jw = 0; jw < win->k; jw++, col += c) {
                    const int yh =
                        window_in(ih, jh, win->stride, win->pad, win->h);
                    const int yw =
                        window_in(iw, jw, win->stride, win->pad, win->w);
                    const int in = yh >= 0 && yw >= 0;
                    const ptrdiff_t at = (ptrdiff_t)yh * win->w + yw;
                    for (int ic = 0; ic < c; ic++)
                        col[ic] = in ? x[at * x_p + ic] : 0;
                }
            }
        }
    }
}

/* Sum of the entries of dcol that read channel ic of input pixel (yh, yw). */
static double read_sum(const sn_real *dcol, int c, const struct sn_window *win,
                       int yh, int yw, int ic)
{
    double sum = 0.0;
    for (int jh = 0; jh < win->k; jh++) {
        const int ih = window_out(yh, jh, win->stride, win->pad, win->oh);
        for (int jw = 0; jw < win->k && ih >= 0; jw++) {
            const int iw = window_out(yw, jw, win->stride, win->pad, win->ow);
            if (iw < 0)
                continue;
            const ptrdiff_t row = (ptrdiff_t)ih * win->ow + iw;
            const ptrdiff_t tap = (ptrdiff_t)jh * win->k + jw;
            sum += (double)dcol[(row * win->k * win->k + tap) * c + ic];
        }
    }
    return sum;
}

static void col2im_ref(sn_real *dx, ptrdiff_t dx_p, const sn_real *dcol, int c,
                       const struct sn_window *win, int add)
{
    for (int yh = 0; yh < win->h; yh++) {
        for (int yw = 0; yw < win->w; yw++, dx += dx_p) {
            for (int ic = 0; ic < c; ic++) {
                const double old = add ? (double)dx[ic] : 0.0;
                const double sum = read_sum(dcol, c, win, yh, yw, ic);
                dx[ic] = (sn_real)(old + sum);
            }
        }
    }
}

void sn_conv_fill_ref(struct sn_kernels *k)
{
    k->im2col = im2col_ref;
    k->col2im = col2im_ref;
}
