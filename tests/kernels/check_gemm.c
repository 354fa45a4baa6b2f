/* The matrix product of OpenBLAS against the reference, and its independence
 * of the number of threads around it. */
#include "kernel_check.h"

#include <omp.h>

#include "kernels/kernels_internal.h"

static void setup(struct sn_kernels *ref, struct sn_kernels *blas)
{
    sn_kernels_init(ref, SN_ISA_REF);
    *blas = *ref;
    sn_kernels_fill_blas(blas);
    kernel_op = "gemm";
    kernel_set = "blas";
}

/* m x n x k, the matrices as they are stored, rows `gap` more than tight. */
static void product_once(const struct sn_kernels *ref,
                         const struct sn_kernels *opt, int m, int n, int k,
                         int mode, int gap)
{
    const int ta = mode & 1, tb = mode / 2 & 1, add = mode / 4 & 1;
    const struct rows a = rows_noise(ta ? m : k, ta ? k : m, gap, 1);
    const struct rows b = rows_noise(tb ? k : n, tb ? n : k, gap, 1);
    const struct rows want =
        add ? rows_noise(n, m, gap, 1) : rows_unset(n, m, gap);
    const struct rows got = rows_copy(&want);

    describe("m=%d n=%d k=%d ta=%d tb=%d add=%d gap=%d", m, n, k, ta, tb, add,
             gap);
    ref->gemm(ta, tb, m, n, k, a.x, a.ld, b.x, b.ld, add, want.x, want.ld);
    opt->gemm(ta, tb, m, n, k, a.x, a.ld, b.x, b.ld, add, got.x, got.ld);
    rows_near(&got, &want, SN_TOL(k + 1));
    check_guards();
}

static void check_gemm(void **state)
{
    static const int extents[] = {0, 1, 2, 5, 8, 17, 33};
    enum { N = sizeof extents / sizeof *extents };
    struct sn_kernels ref, blas;
    (void)state;

    setup(&ref, &blas);
    assert_true(ref.gemm != blas.gemm);
    for (int i = 0; i < N * N * N; i++)
        for (int mode = 0; mode < 8; mode++)
            product_once(&ref, &blas, extents[i / N / N], extents[i / N % N],
                         extents[i % N], mode, (i + mode) % 3 ? 5 : 0);
    product_once(&ref, &blas, 130, 70, 300, 0, 3);
    product_once(&ref, &blas, 70, 130, 300, 5, 3);
}

/* Each member of a team of any size gets the bits that the others get. */
static void check_teams(void **state)
{
    enum { M = 256, N = 96, K = 144, TEAM = 4 };
    struct sn_kernels ref, blas;
    const struct rows a = rows_noise(K, M, 0, 1), b = rows_noise(N, K, 0, 1);
    struct rows c[2 * TEAM];
    int count = 0;
    (void)state;

    setup(&ref, &blas);
    describe("teams of 2 and of %d", TEAM);
    for (int i = 0; i < 2 * TEAM; i++)
        c[i] = rows_unset(N, M, 0);
    for (int team = 2; team <= TEAM; team += 2) {
#pragma omp parallel num_threads(team)
        {
            const struct rows *mine = &c[count + omp_get_thread_num()];
            blas.gemm(0, 0, M, N, K, a.x, a.ld, b.x, b.ld, 0, mine->x,
                      mine->ld);
        }
        count += team;
    }
    assert_true(count == 2 + TEAM);
    for (int i = 1; i < count; i++)
        rows_same(&c[i], &c[0]);
    check_guards();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_gemm),
        cmocka_unit_test(check_teams),
    };
    return cmocka_run_group_tests_name("kernels gemm", tests, NULL, NULL);
}
