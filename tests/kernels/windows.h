#ifndef SN_TESTS_WINDOWS_H
#define SN_TESTS_WINDOWS_H

/* The windows that convolutions are tried with: every kernel, stride and pad of
 * interest over images from one pixel up, smaller than the kernel as well. */

#include "kernel_check.h"

typedef void window_fn(const struct sn_kernels *ref,
                       const struct sn_kernels *opt, int c, int gap,
                       const struct sn_window *win);

/* Output extent; `more` asks for rows that only zeros may follow. */
static inline int window_out_extent(int in, int k, int stride, int pad,
                                    int more)
{
    const int room = in + 2 * pad - k;
    return room < 0 ? 0 : room / stride + 1 + more;
}

/* Calls fn over all windows of kernel k, channel counts and gaps in turn. */
static inline void walk_windows(const struct sn_kernels *ref,
                                const struct sn_kernels *opt, int k,
                                window_fn *fn)
{
    static const int sizes[][2] = {{0, 4}, {1, 1}, {1, 5},  {4, 1},
                                   {2, 3}, {3, 2}, {4, 4},  {5, 7},
                                   {7, 5}, {8, 8}, {9, 13}, {3, 20}};
    static const int channels[] = {1, 16, 7, 8, 33, 9, 15, 17, 0, 40};
    int turn = 0;

    for (int i = 0; i < COUNT(sizes); i++) {
        for (int stride = 1; stride <= 3; stride++) {
            for (int pad = 0; pad <= 3; pad++, turn++) {
                const int more = turn % 3 == 2, h = sizes[i][0];
                const int w = sizes[i][1], gap = turn % 2 ? 3 : 0;
                const int left = turn % 5 == 4 ? 3 - pad : pad;
                const struct sn_window win = {
                    .h = h,
                    .w = w,
                    .k = k,
                    .stride = stride,
                    .top = pad,
                    .left = left,
                    .x_pitch = w + turn % 3,
                    .y_pitch =
                        window_out_extent(w, k, stride, left, more) + turn % 2,
                    .oh = window_out_extent(h, k, stride, pad, more),
                    .ow = window_out_extent(w, k, stride, left, more)};
                describe("c=%d gap=%d h=%d w=%d oh=%d ow=%d k=%d stride=%d "
                         "top=%d left=%d",
                         channels[turn % COUNT(channels)], gap, h, w, win.oh,
                         win.ow, k, stride, pad, left);
                fn(ref, opt, channels[turn % COUNT(channels)], gap, &win);
                check_guards();
            }
        }
    }
}

#endif
