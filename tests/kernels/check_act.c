/* The loader and its inner product against the reference. */
#include "kernel_check.h"

static const sn_act acts[] = {SN_ACT_NONE, SN_ACT_RELU, SN_ACT_RELU6,
                              SN_ACT_HSWISH};

/* With a scale up to 9 and an offset up to 2 every piece of every activation
 * is met, and no value exceeds 11. */
enum { SCALE = 9, OFFSET = 2, BOUND = 11 };

static void load_once(const struct sn_kernels *ref,
                      const struct sn_kernels *opt, int c, int p, int gap,
                      int variant)
{
    const sn_act act = acts[variant % 4];
    const int add = variant / 4 % 2, plain = variant / 8 % 2;
    const sn_real gain = variant % 3 ? (sn_real)0.7 : 1;
    const struct rows src = rows_noise(c, p, gap, plain ? BOUND : 1);
    const struct rows s = rows_noise(c, 1, 0, SCALE);
    const struct rows b = rows_noise(c, 1, 0, OFFSET);
    const struct rows want = rows_noise(c, p, 3 - gap, 1);
    const struct rows got = rows_copy(&want);
    const struct rows tight = rows_again(&want, 0);
    const struct rows place = rows_copy(&src), near = rows_again(&src, 0);
    const sn_real *vs = plain ? NULL : s.x, *vb = plain ? NULL : b.x;

    describe("c=%d p=%d gap=%d act=%d add=%d plain=%d", c, p, gap, (int)act,
             add, plain);
    ref->load(reals(&want), reals(&src), vs, vb, act, gain, add, c, p);
    opt->load(reals(&got), reals(&src), vs, vb, act, gain, add, c, p);
    rows_near(&got, &want, BOUND * SN_TOL(2));

    /* neither the distance of pixels nor working in place changes a bit */
    opt->load(reals(&tight), reals(&near), vs, vb, act, gain, add, c, p);
    rows_same(&tight, &got);
    if (!add) {
        opt->load(reals(&place), reals(&place), vs, vb, act, gain, 0, c, p);
        rows_intact(&place);
        rows_same(&place, &got);
    }
    check_guards();
}

static void check_load(const struct sn_kernels *ref,
                       const struct sn_kernels *opt)
{
    int turn = 0;
    for (int i = 0; i < COUNT(some_channels); i++)
        for (int j = 0; j < COUNT(some_rows); j++)
            for (int variant = turn++ % 2; variant < 16; variant += 2)
                load_once(ref, opt, some_channels[i], some_rows[j],
                          turn % 2 ? 3 : 0, variant);
}

/* A NaN is not hidden by any activation. */
static void check_load_nan(const struct sn_kernels *ref,
                           const struct sn_kernels *opt)
{
    enum { C = 21 };
    sn_real src[C], dst[C];
    (void)ref;
    for (int i = 0; i < COUNT(acts); i++) {
        for (int at = 0; at < C; at++) {
            describe("act=%d at=%d", (int)acts[i], at);
            for (int ic = 0; ic < C; ic++)
                src[ic] = ic == at ? (sn_real)NAN : 1;
            opt->load(sn_reals(dst, C), sn_reals(src, C), NULL, NULL, acts[i],
                      1, 0, C, 1);
            for (int ic = 0; ic < C; ic++)
                if (isnan(dst[ic]) != (ic == at))
                    fail_msg("%s: value %d is %g", kernel_words, ic,
                             (double)dst[ic]);
        }
    }
}

static void dot_once(const struct sn_kernels *ref, const struct sn_kernels *opt,
                     int c, int p, int gap, int variant)
{
    const sn_act act = acts[variant % 4];
    const int plain = variant / 4 % 2;
    const struct rows dy = rows_noise(c, p, gap, 1);
    const struct rows src = rows_noise(c, p, 3 - gap, plain ? BOUND : 1);
    const struct rows s = rows_noise(c, 1, 0, SCALE);
    const struct rows b = rows_noise(c, 1, 0, OFFSET);
    const struct rows near_dy = rows_again(&dy, 0), near = rows_again(&src, 0);
    const sn_real *vs = plain ? NULL : s.x, *vb = plain ? NULL : b.x;

    describe("c=%d p=%d gap=%d act=%d plain=%d", c, p, gap, (int)act, plain);
    const double want =
        ref->load_dot(dy.x, dy.ld, src.x, src.ld, vs, vb, act, c, p);
    const double got =
        opt->load_dot(dy.x, dy.ld, src.x, src.ld, vs, vb, act, c, p);
    const double tight = opt->load_dot(near_dy.x, near_dy.ld, near.x, near.ld,
                                       vs, vb, act, c, p);
    near_double(got, want, BOUND * SN_TOL((double)p * c));
    near_double(tight, got, 0.0);
    check_guards();
}

static void check_load_dot(const struct sn_kernels *ref,
                           const struct sn_kernels *opt)
{
    int turn = 0;
    for (int i = 0; i < COUNT(some_channels); i++)
        for (int j = 0; j < COUNT(some_rows); j++)
            for (int variant = turn++ % 2; variant < 8; variant += 2)
                dot_once(ref, opt, some_channels[i], some_rows[j],
                         turn % 2 ? 3 : 0, variant);
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {SLOT(load), 0, check_load},
        {"load of NaN", offsetof(struct sn_kernels, load), 1, check_load_nan},
        {SLOT(load_dot), 0, check_load_dot},
    };
    return kernel_tests("kernels act", tests, COUNT(tests));
}
