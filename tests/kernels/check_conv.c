/* im2col and col2im against the reference, and as adjoints of each other. */
#include "windows.h"

static void spread_once(const struct sn_kernels *ref,
                        const struct sn_kernels *opt, int c, int gap,
                        const struct sn_window *win)
{
    const struct rows x = rows_noise(c, (ptrdiff_t)win->h * win->w, gap, 1);
    const struct rows near = rows_again(&x, 3 - gap);
    const int row = win->k * win->k * c;
    const ptrdiff_t out = (ptrdiff_t)win->oh * win->ow;
    const struct rows want = rows_unset(row, out, 0);
    const struct rows got = rows_copy(&want), tight = rows_copy(&want);

    ref->im2col(want.x, x.x, x.ld, c, win);
    opt->im2col(got.x, x.x, x.ld, c, win);
    opt->im2col(tight.x, near.x, near.ld, c, win);
    rows_near(&got, &want, 0.0);
    rows_same(&tight, &got);
}

static void gather_once(const struct sn_kernels *ref,
                        const struct sn_kernels *opt, int c, int gap,
                        const struct sn_window *win)
{
    const int row = win->k * win->k * c;
    const ptrdiff_t in = (ptrdiff_t)win->h * win->w;
    const struct rows dcol =
        rows_noise(row, (ptrdiff_t)win->oh * win->ow, 0, 1);

    for (int add = 0; add < 2; add++) {
        const struct rows want =
            add ? rows_noise(c, in, gap, 1) : rows_unset(c, in, gap);
        const struct rows got = rows_copy(&want);
        const struct rows tight = rows_again(&want, 3 - gap);
        ref->col2im(want.x, want.ld, dcol.x, c, win, add);
        opt->col2im(got.x, got.ld, dcol.x, c, win, add);
        opt->col2im(tight.x, tight.ld, dcol.x, c, win, add);
        rows_near(&got, &want, SN_TOL(win->k * win->k));
        rows_same(&tight, &got);
    }
}

/* <im2col(x), d> = <x, col2im(d)> */
static void adjoint_once(const struct sn_kernels *ref,
                         const struct sn_kernels *opt, int c, int gap,
                         const struct sn_window *win)
{
    const int row = win->k * win->k * c;
    const ptrdiff_t in = (ptrdiff_t)win->h * win->w;
    const ptrdiff_t out = (ptrdiff_t)win->oh * win->ow;
    const struct rows x = rows_noise(c, in, gap, 1);
    const struct rows dcol = rows_noise(row, out, 0, 1);
    const struct rows col = rows_unset(row, out, 0);
    const struct rows dx = rows_unset(c, in, gap);
    (void)ref;

    opt->im2col(col.x, x.x, x.ld, c, win);
    opt->col2im(dx.x, dx.ld, dcol.x, c, win, 0);
    near_double(rows_dot(&x, &dx), rows_dot(&col, &dcol),
                (double)(in * c) * SN_TOL(win->k * win->k));
}

static const int kernels[] = {1, 2, 3, 5, 7};

static void check_im2col(const struct sn_kernels *ref,
                         const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], spread_once);
}

static void check_col2im(const struct sn_kernels *ref,
                         const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], gather_once);
}

static void check_adjoint(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(kernels); i++)
        walk_windows(ref, opt, kernels[i], adjoint_once);
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {SLOT(im2col), 0, check_im2col},
        {SLOT(col2im), 0, check_col2im},
        {"im2col and col2im agree", offsetof(struct sn_kernels, im2col), 1,
         check_adjoint},
    };
    return kernel_tests("kernels conv", tests, COUNT(tests));
}
