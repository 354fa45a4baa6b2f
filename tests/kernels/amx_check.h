#ifndef SN_AMX_CHECK_H
#define SN_AMX_CHECK_H

/* Products of pairs in tiles, on tiles that are emulated: any machine can run
 * what only few have.  Where there are real ones check_bf16.c compares them. */

#include "kernel_check.h"

#include "kernels/bf16.h"
#include "kernels/kernels_internal.h"

static int left_to_vectors;

static void otherwise(const struct sn_product *p)
{
    left_to_vectors++;
    sn_product_pairs_ref(p);
}

#define SN_AMX_EMULATED
#define SN_AMX_OTHERWISE otherwise
#include "kernels/amx/product_pairs.inc.h"

static void needs_machine(void)
{
#ifdef __AVX512F__
    if (!(sn_cpu_isa() & SN_ISA_AVX512)) {
        print_message("this machine has no AVX-512\n");
        skip();
    }
#endif
}

/* Words of noise. */
static sn_bf16 *noise_words(ptrdiff_t n)
{
    const sn_real *x = check_noise(2 * n);
    sn_bf16 *words = (sn_bf16 *)check_zeros(n);
    for (ptrdiff_t i = 0; i < 2 * n; i++)
        words[i] = sn_bf16_round(x[i]);
    return words;
}

struct shape {
    int rows, m, n, segs, len;
    int bunch;   /* segs of `a` in one, of a gap between */
    int gap;     /* values between rows of b of two segs */
    bool turned; /* a_m = 1 */
    sn_form form;
    bool add;
};

static void compare(const struct shape *s)
{
    const ptrdiff_t terms = (ptrdiff_t)s->segs * s->len;
    const ptrdiff_t pixels = (ptrdiff_t)s->rows * s->m, ld = s->n + 3;
    enum { SKIP = 5 };
    const ptrdiff_t skips = s->bunch ? (s->segs - 1) / s->bunch * SKIP : 0;
    struct sn_product p = {.rows = s->rows,
                           .m = s->m,
                           .n = s->n,
                           .segs = s->segs,
                           .len = s->len,
                           .a = noise_words(pixels * terms + skips),
                           .bunch = s->bunch,
                           .a_skip = SKIP,
                           .b = noise_words(terms * s->n + s->segs * s->gap),
                           .b_seg = (ptrdiff_t)s->len * s->n + s->gap,
                           .b_k = s->n,
                           .c_row = s->m * ld,
                           .c_m = ld,
                           .c_form = s->form,
                           .add = s->add};
    p.a_k = s->turned ? s->m : 1;
    p.a_seg = s->turned ? (ptrdiff_t)s->len * s->m : s->len;
    p.a_m = s->turned ? 1 : terms;
    p.a_row = s->m * terms;
    sn_real *want = check_noise(pixels * ld + 1);
    sn_real *got = check_copy(want, pixels * ld + 1);
    p.ahead = p.a;
    p.ahead_bytes = pixels * terms;
    p.c = want;
    sn_product_pairs_ref(&p);
    p.c = got;
    product_pairs_tiles(&p);
    for (ptrdiff_t i = 0; i < pixels * ld; i++) {
        double g = (double)got[i], w = (double)want[i], tol = 1e-5;
        if (s->form == SN_BF16) {
            g = (double)sn_bf16_wide(((sn_bf16 *)got)[i]);
            w = (double)sn_bf16_wide(((sn_bf16 *)want)[i]);
            tol = 0x1p-7 * fabs(w) + 1e-5;
        }
        if (!(fabs(g - w) <= tol * (1 + sqrt((double)terms))))
            fail_msg("rows=%d m=%d n=%d segs=%d len=%d turned=%d form=%d "
                     "add=%d: %.9g at %td, expected %.9g",
                     s->rows, s->m, s->n, s->segs, s->len, s->turned,
                     (int)s->form, s->add, g, i, w);
    }
    check_guards();
}

static void shapes(void **state)
{
    static const int ms[] = {1, 3, 15, 16, 17, 31, 32, 33, 50, 64};
    static const int ns[] = {1, 8, 16, 17, 24, 32, 40, 48, 96};
    static const int lens[] = {4, 8, 12, 16, 20, 28, 48, 72};
    (void)state;
    needs_machine();
    int turn = 0;
    for (int im = 0; im < COUNT(ms); im++)
        for (int in = 0; in < COUNT(ns); in++, turn++) {
            struct shape s = {.rows = 1 + turn % 2,
                              .m = ms[im],
                              .n = ns[in],
                              .segs = 1 + turn % 3,
                              .len = lens[turn % COUNT(lens)],
                              .form = turn % 5 ? SN_REAL : SN_BF16};
            s.add = s.form == SN_REAL && turn % 2;
            compare(&s);
            s.turned = true;
            s.gap = turn % 2;
            compare(&s);
            s.bunch = 1 + turn % 2;
            compare(&s);
        }
    assert_int_equal(left_to_vectors, 0);
}

/* More terms than are turned at a time: in one run, and in many. */
static void slabs(void **state)
{
    (void)state;
    needs_machine();
    struct shape s = {.rows = 1,
                      .m = 40,
                      .n = 24,
                      .segs = 1,
                      .len = 3 * SLAB + 16,
                      .turned = true};
    compare(&s);
    s.segs = 37;
    s.len = 28;
    s.add = true;
    compare(&s);
    s.rows = 3;
    s.len = 16 * 17;
    s.segs = 2;
    compare(&s);
    s.gap = 1;
    compare(&s);
}

/* Short runs that follow each other are one of many. */
static void short_runs(void **state)
{
    (void)state;
    needs_machine();
    struct shape s = {
        .rows = 2, .m = 33, .n = 40, .segs = 24, .len = 2, .turned = true};
    left_to_vectors = 0;
    compare(&s);
    s.bunch = 8;
    s.segs = 160;
    compare(&s);
    assert_int_equal(left_to_vectors, 0);
    s.gap = 3;
    compare(&s);
    assert_int_equal(left_to_vectors, 1);
    left_to_vectors = 0;
}

/* Runs that nothing divides are left to others; so is nothing to do. */
static void left_over(void **state)
{
    (void)state;
    needs_machine();
    left_to_vectors = 0;
    struct shape s = {
        .rows = 1, .m = 20, .n = 20, .segs = 1, .len = 17, .add = true};
    compare(&s);
    assert_int_equal(left_to_vectors, 1);
    s.len = 0;
    compare(&s);
    assert_int_equal(left_to_vectors, 2);
    s.len = 3;
    compare(&s);
    assert_int_equal(left_to_vectors, 3);
}

static inline int amx_tests(const char *group)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(slabs),
        cmocka_unit_test(short_runs),
        cmocka_unit_test(left_over),
    };
    return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

#endif
