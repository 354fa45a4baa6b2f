/* Sums of products over strided rows against the reference; the bits of a value
 * against other ways to come to it. */
#include "kernel_check.h"

/* A case: the extents, and how a lies (its four distances follow). */
struct shape {
    int rows, m, n, segs, len;
    bool touching; /* a_m = 1, as in the gradient of weights */
    bool add;
    int bunch; /* segs of `a` in one, with a gap between two; 0: none */
};

/* The operands of a shape, the pixels of b and c `gap` more than tight. */
struct operands {
    struct rows a, b, c;
    struct sn_product p;
};

static struct operands make_operands(const struct shape *s, int gap)
{
    struct operands o;
    enum { SKIP = 2 }; /* rows of o.a */
    const ptrdiff_t skips = s->bunch ? (s->segs - 1) / s->bunch * SKIP : 0;
    const ptrdiff_t terms = (ptrdiff_t)s->segs * s->len;
    const ptrdiff_t pixels = (ptrdiff_t)s->rows * s->m;
    /* one row of `a` per pixel and seg, or per term */
    o.a = s->touching ? rows_noise(s->m, s->rows * terms + skips, gap, 1)
                      : rows_noise(s->len, pixels * s->segs + skips, gap, 1);
    o.b = rows_noise(s->n, terms, gap, 1);
    o.c = s->add ? rows_noise(s->n, pixels, 3 - gap, 1)
                 : rows_unset(s->n, pixels, 3 - gap);
    o.p = (struct sn_product){.rows = s->rows,
                              .m = s->m,
                              .n = s->n,
                              .segs = s->segs,
                              .len = s->len,
                              .a = o.a.x,
                              .bunch = s->bunch,
                              .a_skip = SKIP * o.a.ld,
                              .b = o.b.x,
                              .b_seg = s->len * o.b.ld,
                              .b_k = o.b.ld,
                              .c = o.c.x,
                              .c_row = s->m * o.c.ld,
                              .c_m = o.c.ld,
                              .add = s->add};
    if (s->touching) {
        o.p.a_m = 1;
        o.p.a_k = o.a.ld;
        o.p.a_seg = s->len * o.a.ld;
        o.p.a_row = s->segs * o.p.a_seg;
    } else {
        o.p.a_k = 1;
        o.p.a_seg = o.a.ld;
        o.p.a_m = s->segs * o.a.ld;
        o.p.a_row = s->m * o.p.a_m;
    }
    return o;
}

static void describe_shape(const struct shape *s, int gap)
{
    describe("rows=%d m=%d n=%d segs=%d len=%d bunch=%d touching=%d add=%d "
             "gap=%d",
             s->rows, s->m, s->n, s->segs, s->len, s->bunch, s->touching,
             s->add, gap);
}

static void compare(const struct sn_kernels *ref, const struct sn_kernels *opt,
                    const struct shape *s, int gap)
{
    struct operands o = make_operands(s, gap);
    const struct rows got = rows_copy(&o.c);
    struct sn_product p = o.p;

    describe_shape(s, gap);
    ref->product(&o.p);
    p.c = got.x;
    p.ahead = o.a.x;
    p.ahead_bytes = o.a.n * (ptrdiff_t)sizeof *o.a.all;
    opt->product(&p);
    rows_near(&got, &o.c, SN_TOL(s->segs * s->len + 1));
    check_guards();
}

/* Every height and width of a tile, alone and behind others. */
static void check_extents(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    static const int ms[] = {0, 1, 2, 3, 5, 6, 7, 8, 9, 15, 17, 24};
    static const int ns[] = {0,  1,  7,  8,  9,  16, 17, 24, 25,
                             32, 33, 47, 48, 49, 64, 80, 97, 144};
    int turn = 0;

    for (int im = 0; im < COUNT(ms); im++) {
        for (int in = 0; in < COUNT(ns); in++, turn++) {
            const struct shape s = {.rows = 1 + turn % 2,
                                    .m = ms[im],
                                    .n = ns[in],
                                    .segs = 1 + turn % 3,
                                    .len = turn % 5 == 4 ? 40 : turn % 7,
                                    .touching = turn % 4 / 2,
                                    .add = turn % 3 == 1,
                                    .bunch = turn % 5 % 3};
            compare(ref, opt, &s, turn % 2 ? 3 : 0);
        }
    }
    const struct shape none = {.rows = 1, .m = 9, .n = 20, .segs = 0, .len = 3};
    compare(ref, opt, &none, 0);
}

/* A convolution's own distances: pixels that overlap, a stride of 2, flipped
 * rows of c.  The reference is told the same. */
static void check_overlap(const struct sn_kernels *ref,
                          const struct sn_kernels *opt)
{
    enum { W = 21, CIN = 5, COUT = 20, K = 3, OW = 10, OH = 2 };
    const struct rows x = rows_noise(W * CIN, 6, 0, 1);
    const struct rows w = rows_noise(COUT, K * K * CIN, 0, 1);
    const struct rows want = rows_unset(COUT, OH * OW, 2);
    const struct rows got = rows_copy(&want);
    struct sn_product p = {.rows = OH,
                           .m = OW,
                           .n = COUT,
                           .segs = K,
                           .len = K * CIN,
                           .a = x.x,
                           .a_row = 2 * x.ld,
                           .a_m = 2 * CIN,
                           .a_seg = x.ld,
                           .a_k = 1,
                           .b = w.x,
                           .b_seg = K * CIN * w.ld,
                           .b_k = w.ld,
                           .c = want.x,
                           .c_row = OW * want.ld,
                           .c_m = want.ld};
    describe("3x3, stride 2");
    ref->product(&p);
    p.c = got.x;
    opt->product(&p);
    rows_near(&got, &want, SN_TOL(K * K * CIN));
    check_guards();
}

static void check_bits_of(const struct sn_kernels *opt, int n)
{
    const struct shape s = {
        .rows = 2, .m = 13, .n = n, .segs = 2, .len = 37, .add = true};
    struct operands o = make_operands(&s, 0);
    const struct rows start = rows_copy(&o.c), tight = rows_again(&o.c, 0);
    const struct rows again = rows_again(&o.b, 7);
    struct sn_product p = o.p;

    describe_shape(&s, 0);
    opt->product(&o.p);
    p.c = tight.x;
    p.c_m = tight.ld;
    p.c_row = s.m * tight.ld;
    p.b = again.x;
    p.b_k = again.ld;
    p.b_seg = s.len * again.ld;
    opt->product(&p);
    rows_same(&o.c, &tight);
    for (int ir = 0; ir < s.rows; ir++)
        for (int im = 0; im < s.m; im++)
            for (int in = 0; in < s.n; in += 5) {
                struct sn_product one = o.p;
                one.rows = one.m = 1;
                one.n = 5;
                one.a = o.a.x + ir * o.p.a_row + im * o.p.a_m;
                one.b = o.b.x + in;
                one.c = start.x + ir * o.p.c_row + im * o.p.c_m + in;
                opt->product(&one);
            }
    rows_same(&o.c, &start);
    check_guards();
}

/* The same bits whatever the distances, and a few channels, one pixel at a time
 * as in one call.  The last vector is partial, or half of one is enough. */
static void check_bits(const struct sn_kernels *ref,
                       const struct sn_kernels *opt)
{
    (void)ref;
    check_bits_of(opt, 75);
    check_bits_of(opt, 40);
    check_bits_of(opt, 20);
}

int main(void)
{
    static const struct kernel_test tests[] = {
        {SLOT(product), 0, check_extents},
        {SLOT(product), 0, check_overlap},
        {SLOT(product), 1, check_bits},
    };
    return kernel_tests("kernels product", tests, COUNT(tests));
}
