/* The meaning itself: every operation of every table on values small enough to
 * be worked out by hand.  All of them are exact in float. */
#include "kernel_check.h"

static void same_values(const sn_real *got, const sn_real *want, int n)
{
    check_near(got, want, n, 0.0, "%s", kernel_words);
}

static void hand_load(const struct sn_kernels *ref, const struct sn_kernels *k)
{
    const sn_real src[] = {-2, 0, 1, 4}, s[] = {2, 2, 2, 2}, b[] = {1, 1, 1, 1};
    const sn_real relu6[] = {0, 1, 3, 6}, relu[] = {0, 1, 3, 9};
    const sn_real none[] = {-3, 1, 3, 9}, plus[] = {1, 2, 3, 5.5f};
    sn_real y[] = {1, 1.5f, 1.5f, 2.5f};
    (void)ref;

    describe("z = -3, 1, 3, 9");
    k->load(sn_reals(y, 2), sn_reals(src, 2), s, b, SN_ACT_RELU6, 0.5f, 1, 2,
            2);
    same_values(y, plus, 4);
    k->load(sn_reals(y, 2), sn_reals(src, 2), s, b, SN_ACT_RELU6, 1, 0, 2, 2);
    same_values(y, relu6, 4);
    k->load(sn_reals(y, 2), sn_reals(src, 2), s, b, SN_ACT_RELU, 1, 0, 2, 2);
    same_values(y, relu, 4);
    k->load(sn_reals(y, 2), sn_reals(src, 2), s, b, SN_ACT_NONE, 1, 0, 2, 2);
    same_values(y, none, 4);
    k->load(sn_reals(y, 2), sn_reals(src, 2), NULL, NULL, SN_ACT_NONE, 1, 0, 2,
            2);
    same_values(y, src, 4);

    k->load(sn_reals(y, 2), sn_reals(src, 2), s, b, SN_ACT_HSWISH, 1, 0, 2, 2);
    const sn_real hswish[] = {0, (sn_real)(4.0 / 6.0), 3, 9};
    check_near(y, hswish, 4, 9 * SN_TOL(1), "%s", kernel_words);
}

static void hand_load_dot(const struct sn_kernels *ref,
                          const struct sn_kernels *k)
{
    const sn_real src[] = {-2, 0, 1, 4}, s[] = {2, 2}, b[] = {1, 1};
    const sn_real dy[] = {10, 1, 2, -1};
    (void)ref;
    describe("z = -3, 1, 3, 9");
    near_double(k->load_dot(dy, 2, src, 2, s, b, SN_ACT_RELU6, 2, 2), 1.0, 0.0);
    near_double(k->load_dot(dy, 2, src, 2, NULL, NULL, SN_ACT_NONE, 2, 2),
                -22.0, 0.0);
}

static void hand_bn(const struct sn_kernels *ref, const struct sn_kernels *k)
{
    const sn_real y[] = {1, 5, 2, 6, 6, 7}; /* 3 pixels of 2 channels */
    const sn_real shift[] = {2, 6}, mu[] = {3, 6}, s[] = {1, 1}, b[] = {-2, -4};
    const sn_real ps[] = {2, 1}, q[] = {1, 2}, r[] = {0.5f, 0};
    const sn_real masked[] = {0, 1, 0, 1, 1, 1};
    const sn_real want[] = {-1.5f, -1, -0.5f, 1, 5.5f, 3};
    sn_real dz[] = {1, 1, 1, 1, 1, 1};
    double s1[] = {100, 0}, s2[] = {0, 100};
    (void)ref;

    describe("3 pixels of 2 channels");
    k->bn_sums(s1, s2, sn_reals(y, 2), shift, 2, 3);
    near_double(s1[0], 103.0, 0.0);
    near_double(s1[1], 0.0, 0.0);
    near_double(s2[0], 17.0, 0.0);
    near_double(s2[1], 102.0, 0.0);

    /* z = -1 1, 0 2, 4 3 */
    k->act_bwd(sn_reals(dz, 2), sn_reals(y, 2), s, b, mu, SN_ACT_RELU, s1, s2,
               2, 3);
    same_values(dz, masked, 6);
    near_double(s1[0], 104.0, 0.0);
    near_double(s1[1], 3.0, 0.0);
    near_double(s2[0], 20.0, 0.0);
    near_double(s2[1], 102.0, 0.0);

    k->bn_bwd(sn_reals(dz, 2), sn_reals(dz, 2), sn_reals(y, 2), ps, q, r, mu, 2,
              3);
    same_values(dz, want, 6);
}

static void hand_bias(const struct sn_kernels *ref, const struct sn_kernels *k)
{
    const sn_real dy[] = {1, 2, 3, 4, 5, 6};
    double db[] = {1, -1};
    (void)ref;
    describe("3 pixels of 2 channels");
    k->bias_grad(db, dy, 2, 2, 3);
    near_double(db[0], 10.0, 0.0);
    near_double(db[1], 11.0, 0.0);
}

/* An image of 2 x 3 under a 2 x 2 kernel, stride 1, a zero row and column in
 * front: which tap meets which pixel cannot be mistaken. */
static const struct sn_window small = {.h = 2,
                                       .w = 3,
                                       .oh = 2,
                                       .ow = 3,
                                       .k = 2,
                                       .stride = 1,
                                       .top = 1,
                                       .left = 1,
                                       .x_pitch = 3,
                                       .y_pitch = 3};
static const sn_real small_x[] = {1, 2, 3, 4, 5, 6};

/* The same convolution over the image with its zeros around it. */
static void hand_product(const struct sn_kernels *ref,
                         const struct sn_kernels *k)
{
    const sn_real x[] = {0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6};
    const sn_real w[] = {1, 10, 100, 1000};
    const sn_real y[] = {1000, 2100, 3200, 4010, 5421, 6532};
    const sn_real twice[] = {2000, 4200, 6400, 8020, 10842, 13064};
    sn_real got[6];
    struct sn_product p = {.rows = 2,
                           .m = 3,
                           .n = 1,
                           .segs = 2,
                           .len = 2,
                           .a = x,
                           .a_row = 4,
                           .a_m = 1,
                           .a_seg = 4,
                           .a_k = 1,
                           .b = w,
                           .b_seg = 2,
                           .b_k = 1,
                           .c = got,
                           .c_row = 3,
                           .c_m = 1};
    (void)ref;

    describe("2 x 3 pixels, k = 2");
    k->product(&p);
    same_values(got, y, 6);
    p.add = 1;
    k->product(&p);
    same_values(got, twice, 6);
}

static void hand_dwconv(const struct sn_kernels *ref,
                        const struct sn_kernels *k)
{
    const sn_real w[] = {1, 10, 100, 1000}; /* rows of the kernel */
    const sn_real y[] = {1000, 2100, 3200, 4010, 5421, 6532};
    const sn_real ones[] = {1, 1, 1, 1, 1, 1};
    const sn_real dx[] = {1111, 1111, 1010, 1100, 1100, 1000};
    const sn_real dw[] = {3, 6, 12, 22}; /* 1+2, 1+2+3, ... and 1 in the last */
    sn_real got[6], taps[] = {0, 0, 0, 1};
    (void)ref;

    describe("2 x 3 pixels, k = 2, pad = 1");
    k->dwconv_fwd(got, 1, small_x, 1, w, 2, 1, 1, &small);
    same_values(got, y, 6);
    k->dwconv_bwd_data(got, 1, ones, 1, w, 2, 1, 1, &small);
    same_values(got, dx, 6);
    k->dwconv_bwd_weight(taps, 1, small_x, 1, ones, 1, 1, &small);
    same_values(taps, dw, 4);
}

static void hand_sgd(const struct sn_kernels *ref, const struct sn_kernels *k)
{
    /* g' = 1 + 0.5*2 = 2, m = 0.5*4 + 2 = 4, w = 2 - 0.25*(2 + 0.5*4) = 1 */
    const sn_real g[] = {1}, one[] = {1}, four[] = {4};
    sn_real w[] = {2}, m[] = {4};
    (void)ref;
    describe("one weight");
    k->sgd(w, m, g, 0.25f, 0.5f, 0.5f, 1);
    same_values(w, one, 1);
    same_values(m, four, 1);
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {"load by hand", 0, 1, hand_load},
        {"load_dot by hand", 0, 1, hand_load_dot},
        {"bn by hand", 0, 1, hand_bn},
        {"bias_grad by hand", 0, 1, hand_bias},
        {"product by hand", 0, 1, hand_product},
        {"dwconv by hand", 0, 1, hand_dwconv},
        {"sgd by hand", 0, 1, hand_sgd},
    };
    return kernel_tests("kernels by hand", tests, COUNT(tests));
}
