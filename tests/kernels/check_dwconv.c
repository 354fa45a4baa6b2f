/* Depthwise convolution against the reference; its passes against each other.
 */
#include "windows.h"

/* The weights of a k x k kernel as the centre crop of a wider one, its channels
 * as the prefix of more; all the rest is NaN. */
struct crop {
    struct rows all;
    const sn_real *w;
    ptrdiff_t row, col;
};

static struct crop make_crop(int c, int gap, int k)
{
    const int border = gap ? 1 : 0, wide = k + 2 * border;
    struct crop crop = {.all = rows_noise(c, (ptrdiff_t)wide * wide, gap, 1)};
    crop.col = crop.all.ld;
    crop.row = wide * crop.col;
    crop.w = crop.all.x + border * (crop.row + crop.col);
    for (int ih = 0; ih < wide; ih++)
        for (int iw = 0; iw < wide; iw++)
            if (ih < border || iw < border || ih >= wide - border ||
                iw >= wide - border)
                check_poison(crop.all.x + ih * crop.row + iw * crop.col, c);
    return crop;
}

/* Makes NaN of the pixels between rows of w, which nobody may read. */
static void poison_between(const struct rows *r, int w, int pitch)
{
    for (ptrdiff_t ip = 0; ip < r->p; ip++)
        if (ip % pitch >= w)
            check_poison(r->x + ip * r->ld, r->c);
}

/* Pixels of x and of dy. */
static struct rows x_rows(int c, int gap, const struct sn_window *win)
{
    const struct rows x =
        rows_noise(c, (ptrdiff_t)win->h * win->x_pitch, gap, 1);
    poison_between(&x, win->w, win->x_pitch);
    return x;
}

static struct rows dy_rows(int c, int gap, const struct sn_window *win)
{
    const struct rows dy =
        rows_noise(c, (ptrdiff_t)win->oh * win->y_pitch, gap, 1);
    poison_between(&dy, win->ow, win->y_pitch);
    return dy;
}

/* The same window with memory ahead, which has no effect. */
static struct sn_window and_ahead(const struct sn_window *win,
                                  const struct rows *r)
{
    struct sn_window with = *win;
    with.ahead[0] = (struct sn_ahead){r->x, 10000};
    with.ahead[1] = (struct sn_ahead){r->x, 1};
    return with;
}

static void fwd_once(const struct sn_kernels *ref, const struct sn_kernels *opt,
                     int c, int gap, const struct sn_window *win)
{
    const ptrdiff_t out = (ptrdiff_t)win->oh * win->y_pitch;
    const struct rows x = x_rows(c, gap, win), near = rows_again(&x, 1);
    const struct crop w = make_crop(c, gap, win->k);
    const struct rows want = rows_noise(c, out, 3 - gap, 1);
    const struct rows got = rows_copy(&want), tight = rows_again(&want, 0);
    const struct sn_window ahead = and_ahead(win, &x);

    ref->dwconv_fwd(want.x, want.ld, x.x, x.ld, w.w, w.row, w.col, c, win);
    opt->dwconv_fwd(got.x, got.ld, x.x, x.ld, w.w, w.row, w.col, c, win);
    rows_near(&got, &want, SN_TOL(win->k * win->k));
    opt->dwconv_fwd(tight.x, tight.ld, near.x, near.ld, w.w, w.row, w.col, c,
                    &ahead);
    rows_same(&tight, &got);
}

static void data_once(const struct sn_kernels *ref,
                      const struct sn_kernels *opt, int c, int gap,
                      const struct sn_window *win)
{
    const ptrdiff_t in = (ptrdiff_t)win->h * win->x_pitch;
    const struct rows dy = dy_rows(c, gap, win);
    const struct rows near = rows_again(&dy, 1);
    const struct crop w = make_crop(c, gap, win->k);
    const struct rows want = rows_noise(c, in, 3 - gap, 1);
    const struct rows got = rows_copy(&want), tight = rows_again(&want, 0);
    const struct sn_window ahead = and_ahead(win, &dy);

    ref->dwconv_bwd_data(want.x, want.ld, dy.x, dy.ld, w.w, w.row, w.col, c,
                         win);
    opt->dwconv_bwd_data(got.x, got.ld, dy.x, dy.ld, w.w, w.row, w.col, c, win);
    rows_near(&got, &want, SN_TOL(win->k * win->k));
    opt->dwconv_bwd_data(tight.x, tight.ld, near.x, near.ld, w.w, w.row, w.col,
                         c, &ahead);
    rows_same(&tight, &got);
}

static void weight_once(const struct sn_kernels *ref,
                        const struct sn_kernels *opt, int c, int gap,
                        const struct sn_window *win)
{
    const ptrdiff_t out = (ptrdiff_t)win->oh * win->y_pitch;
    const struct rows x = x_rows(c, gap, win), near = rows_again(&x, 1);
    const struct rows dy = dy_rows(c, 3 - gap, win);
    const struct rows near_dy = rows_again(&dy, 1);
    const struct rows want = rows_noise(c, win->k * win->k, gap, 1);
    const struct rows got = rows_copy(&want), tight = rows_again(&want, 1);
    const struct sn_window ahead = and_ahead(win, &x);

    ref->dwconv_bwd_weight(want.x, want.ld, x.x, x.ld, dy.x, dy.ld, c, win);
    opt->dwconv_bwd_weight(got.x, got.ld, x.x, x.ld, dy.x, dy.ld, c, win);
    rows_near(&got, &want, SN_TOL(out));
    opt->dwconv_bwd_weight(tight.x, tight.ld, near.x, near.ld, near_dy.x,
                           near_dy.ld, c, &ahead);
    rows_same(&tight, &got);
}

/* <fwd(x, w), dy> = <x, bwd_data(dy, w)> = <w, bwd_weight(x, dy)> */
static void adjoint_once(const struct sn_kernels *ref,
                         const struct sn_kernels *opt, int c, int gap,
                         const struct sn_window *win)
{
    const ptrdiff_t in = (ptrdiff_t)win->h * win->x_pitch;
    const ptrdiff_t out = (ptrdiff_t)win->oh * win->y_pitch;
    const int taps = win->k * win->k;
    const struct rows x = rows_noise(c, in, gap, 1);
    const struct rows w = rows_noise(c, taps, gap, 1);
    const struct rows dy = rows_noise(c, out, gap, 1);
    const struct rows y = rows_noise(c, out, 0, 0),
                      dx = rows_noise(c, in, 0, 0);
    const struct rows dw = rows_noise(c, taps, 0, 0);
    const double tol = (double)(out * c) * SN_TOL(taps);
    (void)ref;

    opt->dwconv_fwd(y.x, y.ld, x.x, x.ld, w.x, win->k * w.ld, w.ld, c, win);
    opt->dwconv_bwd_data(dx.x, dx.ld, dy.x, dy.ld, w.x, win->k * w.ld, w.ld, c,
                         win);
    opt->dwconv_bwd_weight(dw.x, dw.ld, x.x, x.ld, dy.x, dy.ld, c, win);
    const double product = rows_dot(&y, &dy);
    near_double(rows_dot(&x, &dx), product, tol);
    near_double(rows_dot(&w, &dw), product, tol);
}

static const int kernels[] = {1, 2, 3, 4, 5, 7, 9};

static void check_fwd(const struct sn_kernels *ref,
                      const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], fwd_once);
}

static void check_data(const struct sn_kernels *ref,
                       const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], data_once);
}

static void check_weight(const struct sn_kernels *ref,
                         const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], weight_once);
}

static void check_adjoint(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], adjoint_once);
}

/* An image of 32 x 32 as in training: whole tiles, and sums of many terms. */
static void check_large(const struct sn_kernels *ref,
                        const struct sn_kernels *opt)
{
    for (int k = 3; k <= 7; k += 2) {
        for (int stride = 1; stride <= 2; stride++) {
            const struct sn_window win = {.h = 32,
                                          .w = 32,
                                          .k = k,
                                          .stride = stride,
                                          .top = k / 2,
                                          .left = k / 2,
                                          .oh = 32 / stride,
                                          .ow = 32 / stride,
                                          .x_pitch = 32,
                                          .y_pitch = 32 / stride};
            describe("c=24 h=32 w=32 k=%d stride=%d", k, stride);
            fwd_once(ref, opt, 24, 0, &win);
            data_once(ref, opt, 24, 0, &win);
            weight_once(ref, opt, 24, 0, &win);
            check_guards();
        }
    }
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {SLOT(dwconv_fwd), 0, check_fwd},
        {SLOT(dwconv_bwd_data), 0, check_data},
        {SLOT(dwconv_bwd_weight), 0, check_weight},
        {"dwconv at 32x32", offsetof(struct sn_kernels, dwconv_fwd), 0,
         check_large},
        {"dwconv passes agree", offsetof(struct sn_kernels, dwconv_fwd), 1,
         check_adjoint},
    };
    return kernel_tests("kernels dwconv", tests, COUNT(tests));
}
