/* Everything that reads or writes bfloat16 against the reference: to one unit
 * in the last place, because a sum that is a rounding away may fall on the
 * other side of a tie.  The reference's own rounding is checked by hand. */
#include "kernel_check.h"

#include "kernels/bf16.h"
#include "kernels/kernels_internal.h"

static const sn_act acts[] = {SN_ACT_NONE, SN_ACT_RELU, SN_ACT_RELU6,
                              SN_ACT_HSWISH};
static const sn_form forms[] = {SN_REAL, SN_BF16, SN_PAIRS};

/* Channels and pixels: whole vectors, tails, odd numbers of both. */
static const struct {
    int c, p;
} sizes[] = {{0, 3},  {3, 0},    {1, 1},  {2, 5},   {7, 4},
             {15, 6}, {16, 1},   {17, 7}, {31, 2},  {32, 8},
             {33, 9}, {64, 130}, {72, 3}, {97, 13}, {5, 129}};

/* ---- a run of pixels in any form ---- */

enum { MARGIN = 16, POISON = 0x7fc5 };

/* Everything between two guard zones: values, and NaN of one pattern around and
 * between them. */
struct run {
    sn_bf16 *all;
    ptrdiff_t n; /* in sn_bf16 */
    struct sn_rows rows;
    int c;
    ptrdiff_t p;
};

/* Room for p pixels of c values in `form`, `gap` values or words between. */
static struct run run_unset(sn_form form, int c, ptrdiff_t p, int gap)
{
    const ptrdiff_t apart = c + c % 2 + gap;
    const ptrdiff_t reals = (p + 1) * apart + 2 * MARGIN;
    struct run r = {
        .all = (sn_bf16 *)check_zeros(reals), .n = 2 * reals, .c = c, .p = p};
    for (ptrdiff_t i = 0; i < r.n; i++)
        r.all[i] = POISON;
    r.rows = (struct sn_rows){r.all + 2 * MARGIN, apart, form};
    return r;
}

static struct run run_copy(const struct run *from)
{
    struct run r = *from;
    r.all = (sn_bf16 *)check_zeros(from->n / 2);
    memcpy(r.all, from->all, (size_t)from->n * sizeof *r.all);
    r.rows.at = r.all + 2 * MARGIN;
    return r;
}

/* Noise in [-scale, scale). */
static struct run run_noise(sn_form form, int c, ptrdiff_t p, int gap,
                            double scale)
{
    struct run r = run_unset(form, c, p, gap);
    const struct rows noise = rows_noise(c, p, 0, scale);
    for (ptrdiff_t ip = 0; ip < p; ip++)
        for (int ic = 0; ic < c; ic++) {
            const float x = noise.x[ip * noise.ld + ic];
            if (form == SN_REAL)
                ((float *)r.rows.at)[ip * r.rows.p + ic] = x;
            else
                ((sn_bf16 *)r.rows.at)[ip * r.rows.p + ic] = sn_bf16_round(x);
        }
    return r;
}

static bool near_half(sn_bf16 got, sn_bf16 want)
{
    const double a = (double)sn_bf16_wide(got), b = (double)sn_bf16_wide(want);
    return got == want || fabs(a - b) <= fabs(b) * 0x1p-7 + 1e-6;
}

static bool near_real(float got, float want)
{
    const double a = (double)got, b = (double)want;
    return memcmp(&got, &want, sizeof got) == 0 ||
           fabs(a - b) <= 1e-5 * (1 + fabs(b));
}

/* Fails unless all of both agree, what was not to be written included. */
static void runs_near(const struct run *got, const struct run *want)
{
    for (ptrdiff_t i = 0; i < want->n; i++) {
        if (want->rows.form != SN_REAL) {
            if (!near_half(got->all[i], want->all[i]))
                fail_msg("%s: %04x at %td, expected %04x", kernel_words,
                         got->all[i], i, want->all[i]);
            continue;
        }
        const float *g = (const float *)got->all, *w = (const float *)want->all;
        if (i % 2 == 0 && !near_real(g[i / 2], w[i / 2]))
            fail_msg("%s: %.9g at %td, expected %.9g", kernel_words,
                     (double)g[i / 2], i / 2, (double)w[i / 2]);
    }
}

/* ---- the reference itself ---- */

static void check_rounding(const struct sn_kernels *ref,
                           const struct sn_kernels *opt)
{
    static const struct {
        uint32_t bits;
        sn_bf16 half;
    } cases[] = {
        {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82},
        {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0xbf808001, 0xbf81},
        {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x7f7fffff, 0x7f80},
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x7fc00000, 0x7fc0},
        {0x7f800001, 0x7fc0}, {0x7fffffff, 0x7fff}, {0xffffffff, 0xffff},
    };
    enum { C = 20 };
    (void)ref;
    for (int i = 0; i < COUNT(cases); i++) {
        float src[C];
        sn_bf16 dst[C] = {0};
        for (int ic = 0; ic < C; ic++)
            memcpy(&src[ic], &cases[i].bits, sizeof *src);
        assert_int_equal(sn_bf16_round(src[0]), cases[i].half);
        describe("%08x", cases[i].bits);
        opt->load((struct sn_rows){dst, C, SN_BF16}, sn_reals(src, C), NULL,
                  NULL, SN_ACT_NONE, 1, 0, C, 1);
        for (int ic = 0; ic < C; ic++) {
            const float got = sn_bf16_wide(dst[ic]);
            const float want = sn_bf16_wide(cases[i].half);
            if (!(got == want || (isnan(got) && isnan(want))))
                fail_msg("%s: %04x, expected %04x", kernel_words, dst[ic],
                         cases[i].half);
        }
    }
}

/* Where the values of pairs lie, and the zeros that fill up. */
static void check_places(const struct sn_kernels *ref,
                         const struct sn_kernels *opt)
{
    const float src[3][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
    static const float pairs[2][3][2] = {{{1, 4}, {2, 5}, {3, 6}},
                                         {{7, 0}, {8, 0}, {9, 0}}};
    static const float plain[3][4] = {{1, 2, 3, 0}, {4, 5, 6, 0}, {7, 8, 9, 0}};
    sn_bf16 got[12];
    (void)ref;
    memset(got, 0xff, sizeof got);
    opt->load((struct sn_rows){got, 3, SN_PAIRS}, sn_reals(&src[0][0], 3), NULL,
              NULL, SN_ACT_NONE, 1, 0, 3, 3);
    describe("pairs");
    for (int i = 0; i < 12; i++)
        near_double((double)sn_bf16_wide(got[i]), (double)(&pairs[0][0][0])[i],
                    0);
    opt->load((struct sn_rows){got, 4, SN_BF16}, sn_reals(&src[0][0], 3), NULL,
              NULL, SN_ACT_NONE, 1, 0, 3, 3);
    describe("pixels");
    for (int i = 0; i < 12; i++)
        near_double((double)sn_bf16_wide(got[i]), (double)(&plain[0][0])[i], 0);
}

/* ---- loaders ---- */

static void load_once(const struct sn_kernels *ref,
                      const struct sn_kernels *opt, int size, sn_form in,
                      sn_form out, sn_act act, bool affine)
{
    const int c = sizes[size].c, p = sizes[size].p, gap = size % 3;
    const struct run src = run_noise(in, c, p, gap, 1);
    const struct rows s = rows_noise(c, 1, 0, 9), b = rows_noise(c, 1, 0, 2);
    const struct run want = run_unset(out, c, p, 2 - gap);
    const struct run got = run_copy(&want);

    describe("c=%d p=%d in=%d out=%d act=%d affine=%d", c, p, (int)in, (int)out,
             (int)act, affine);
    ref->load(want.rows, src.rows, affine ? s.x : NULL, affine ? b.x : NULL,
              act, 0.5f, 0, c, p);
    opt->load(got.rows, src.rows, affine ? s.x : NULL, affine ? b.x : NULL, act,
              0.5f, 0, c, p);
    runs_near(&got, &want);
    check_guards();
}

static void check_load(const struct sn_kernels *ref,
                       const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(sizes); i++)
        for (int in = 0; in < 2; in++)
            for (int out = 0; out < 3; out++)
                for (int ia = 0; ia < COUNT(acts); ia++)
                    load_once(ref, opt, i, forms[in], forms[out], acts[ia],
                              (i + in + out) % 2);
}

static void bn_bwd_once(const struct sn_kernels *ref,
                        const struct sn_kernels *opt, int size, sn_form in,
                        sn_form out)
{
    const int c = sizes[size].c, p = sizes[size].p, gap = size % 3;
    const struct run dz = run_noise(in, c, p, gap, 1);
    const struct run y = run_noise(in, c, p, 2 - gap, 1);
    const struct rows ps = rows_noise(c, 1, 0, 1), q = rows_noise(c, 1, 0, 1);
    const struct rows r = rows_noise(c, 1, 0, 1), mu = rows_noise(c, 1, 0, 1);
    const struct run want = run_unset(out, c, p, gap), got = run_copy(&want);

    describe("c=%d p=%d in=%d out=%d", c, p, (int)in, (int)out);
    ref->bn_bwd(want.rows, dz.rows, y.rows, ps.x, q.x, r.x, mu.x, c, p);
    opt->bn_bwd(got.rows, dz.rows, y.rows, ps.x, q.x, r.x, mu.x, c, p);
    runs_near(&got, &want);
    check_guards();
}

static void check_bn_bwd(const struct sn_kernels *ref,
                         const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(sizes); i++)
        for (int in = 0; in < 2; in++)
            for (int out = 0; out < 3; out++)
                bn_bwd_once(ref, opt, i, forms[in], forms[out]);
}

/* ---- sums ---- */

static void check_bn_sums(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        const int c = sizes[i].c, p = sizes[i].p;
        const struct run y = run_noise(SN_BF16, c, p, i % 3, 1);
        const struct rows shift = rows_noise(c, 1, 0, 0.25);
        struct sums w1 = {{0}}, w2 = {{0}}, g1 = {{0}}, g2 = {{0}};
        double *want1 = sums_start(&w1, c, 1), *want2 = sums_start(&w2, c, 2);
        double *got1 = sums_start(&g1, c, 1), *got2 = sums_start(&g2, c, 2);

        describe("c=%d p=%d", c, p);
        ref->bn_sums(want1, want2, y.rows, shift.x, c, p);
        opt->bn_sums(got1, got2, y.rows, shift.x, c, p);
        sums_near(&g1, &w1, c, 8 * SN_TOL(p)); /* sums are up to tens */
        sums_near(&g2, &w2, c, 8 * SN_TOL(p));
        check_guards();
    }
}

static void act_bwd_once(const struct sn_kernels *ref,
                         const struct sn_kernels *opt, int size, sn_act act)
{
    const int c = sizes[size].c, p = sizes[size].p;
    const struct run y = run_noise(SN_BF16, c, p, size % 3, 1);
    const struct run want = run_noise(SN_BF16, c, p, size % 2, 1);
    const struct run got = run_copy(&want);
    const struct rows s = rows_noise(c, 1, 0, 9), b = rows_noise(c, 1, 0, 2);
    const struct rows mu = rows_noise(c, 1, 0, 1);
    struct sums w1 = {{0}}, w2 = {{0}}, g1 = {{0}}, g2 = {{0}};
    double *want1 = sums_start(&w1, c, 1), *want2 = sums_start(&w2, c, 2);
    double *got1 = sums_start(&g1, c, 1), *got2 = sums_start(&g2, c, 2);

    describe("c=%d p=%d act=%d", c, p, (int)act);
    ref->act_bwd(want.rows, y.rows, s.x, b.x, mu.x, act, want1, want2, c, p);
    opt->act_bwd(got.rows, y.rows, s.x, b.x, mu.x, act, got1, got2, c, p);
    runs_near(&got, &want);
    sums_near(&g1, &w1, c, 2 * SN_TOL(p));
    sums_near(&g2, &w2, c, 3 * SN_TOL(p));
    check_guards();
}

static void check_act_bwd(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    for (int i = 0; i < COUNT(sizes); i++)
        for (int ia = 0; ia < COUNT(acts); ia++)
            act_bwd_once(ref, opt, i, acts[ia]);
}

/* ---- products ---- */

/* Words of noise, as many as n floats take. */
static sn_bf16 *noise_words(ptrdiff_t n)
{
    const sn_real *x = check_noise(2 * n);
    sn_bf16 *words = (sn_bf16 *)check_zeros(n);
    for (ptrdiff_t i = 0; i < 2 * n; i++)
        words[i] = sn_bf16_round(x[i]);
    return words;
}

/* m by n values of `len` terms; `touching` as for the gradient of weights. */
static void product_once(sn_product_fn *want_fn, sn_product_fn *got_fn,
                         bool pairs, int m, int n, int len, bool touching,
                         sn_form form)
{
    const ptrdiff_t a = (ptrdiff_t)m * len, b = (ptrdiff_t)n * len;
    const struct run want = run_unset(form, n, m, 1), got = run_copy(&want);
    struct sn_product p = {.rows = 1,
                           .m = m,
                           .n = n,
                           .segs = 1,
                           .len = len,
                           .a_m = touching ? 1 : len,
                           .a_k = touching ? m : 1,
                           .b_k = n,
                           .c = want.rows.at,
                           .c_m = want.rows.p,
                           .c_form = form};
    p.a = pairs ? (const void *)noise_words(a) : check_noise(a);
    p.b = pairs ? (const void *)noise_words(b) : check_noise(b);
    describe("m=%d n=%d len=%d touching=%d form=%d", m, n, len, touching,
             (int)form);
    want_fn(&p);
    p.c = got.rows.at;
    got_fn(&p);
    runs_near(&got, &want);
    if (form == SN_REAL && n > 0 && m > 0) { /* once more on top */
        p.add = 1;
        got_fn(&p);
        p.c = want.rows.at;
        want_fn(&p);
        runs_near(&got, &want);
    }
    check_guards();
}

static void products(sn_product_fn *want, sn_product_fn *got, bool pairs)
{
    static const int ms[] = {0, 1, 2, 3, 5, 8, 9, 15, 24};
    static const int ns[] = {0, 1, 8, 9, 16, 17, 24, 40, 48, 49, 97, 144};
    int turn = 0;
    for (int im = 0; im < COUNT(ms); im++)
        for (int in = 0; in < COUNT(ns); in++, turn++) {
            product_once(want, got, pairs, ms[im], ns[in], turn % 7 * 3,
                         turn % 2, SN_BF16);
            product_once(want, got, pairs, ms[im], ns[in], turn % 5 * 4,
                         turn % 3 == 0, SN_REAL);
        }
}

static void check_product(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    products(ref->product, opt->product, false);
}

static void check_pairs(const struct sn_kernels *ref,
                        const struct sn_kernels *opt)
{
    (void)ref;
    products(sn_product_pairs_ref, opt->product_pairs, true);
}

/* A word's first half meets the first half, its second the second. */
static void check_pairs_by_hand(const struct sn_kernels *ref,
                                const struct sn_kernels *opt)
{
    static const float a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 40};
    sn_bf16 aw[4], bw[4];
    float c = 5;
    (void)ref;
    for (int i = 0; i < 4; i++) {
        aw[i] = sn_bf16_round(a[i]);
        bw[i] = sn_bf16_round(b[i]);
    }
    const struct sn_product p = {.rows = 1,
                                 .m = 1,
                                 .n = 1,
                                 .segs = 1,
                                 .len = 2,
                                 .a = aw,
                                 .a_k = 1,
                                 .b = bw,
                                 .b_k = 1,
                                 .c = &c,
                                 .add = 1};
    sn_product_pairs_ref(&p);
    describe("1*10 + 2*20 + 3*30 + 4*40 + 5");
    near_double((double)c, 305, 0);
    if (opt->product_pairs) {
        opt->product_pairs(&p);
        near_double((double)c, 605, 0);
    }
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {"rounding", 0, 1, check_rounding},
        {"places", 0, 1, check_places},
        {"pairs by hand", 0, 1, check_pairs_by_hand},
        {SLOT(load), 0, check_load},
        {SLOT(bn_bwd), 0, check_bn_bwd},
        {SLOT(bn_sums), 0, check_bn_sums},
        {SLOT(act_bwd), 0, check_act_bwd},
        {SLOT(product), 0, check_product},
        {SLOT(product_pairs), 0, check_pairs},
    };
    return kernel_tests("kernels bf16", tests, COUNT(tests));
}
