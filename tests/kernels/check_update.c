/* The optimiser's step against the reference. */
#include "kernel_check.h"

static void check_sgd(const struct sn_kernels *ref,
                      const struct sn_kernels *opt)
{
    static const int extents[] = {0,  1,  2,  7,  8,  9,  15,
                                  16, 17, 31, 32, 33, 97, 1009};
    const sn_real lr = (sn_real)0.3, momentum = (sn_real)0.9;
    const sn_real decay = (sn_real)0.01;

    for (int i = 0; i < COUNT(extents); i++) {
        const int n = extents[i];
        const struct rows g = rows_noise(n, 1, i % 5, 1);
        const struct rows w = rows_noise(n, 1, i % 3, 1);
        const struct rows m = rows_noise(n, 1, i % 4, 1);
        const struct rows got_w = rows_copy(&w), got_m = rows_copy(&m);
        describe("n=%d", n);
        ref->sgd(w.x, m.x, g.x, lr, momentum, decay, n);
        opt->sgd(got_w.x, got_m.x, g.x, lr, momentum, decay, n);
        rows_near(&got_m, &m, SN_TOL(2));
        rows_near(&got_w, &w, SN_TOL(3));
        rows_intact(&g);
        check_guards();
    }
}

int main(void)
{
    static const struct kernel_test tests[] = {{SLOT(sgd), 0, check_sgd}};
    return kernel_tests("kernels update", tests, COUNT(tests));
}
