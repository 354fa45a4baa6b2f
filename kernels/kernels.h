#ifndef SN_KERNELS_H
#define SN_KERNELS_H

/* Arithmetic on floats, one core, no idea what a layer is.
 *
 * Every operation has a contract here and a slot in struct sn_kernels.
 * kernels/ref defines its meaning; the instruction-set folders replace slots
 * by faster functions that agree with it within SN_TOL of the number of terms.
 *
 * Common to all: images lie pixel by pixel with the c values of a pixel
 * together (NHWC); `x_p` is the distance in values between two pixels of x
 * (x_p >= c), as is `p` of struct sn_rows.  Extents may be 0; no alignment is
 * asked; outputs do not overlap inputs unless the contract says "in place
 * allowed".  A kernel is serial, keeps no state, allocates nothing and cannot
 * fail.  Values between c and x_p are neither read nor written. */

#include <stddef.h>
#include <stdint.h>

#ifdef SN_DOUBLE
typedef double sn_real; /* the test build for gradient checks */
#else
typedef float sn_real;
#endif

/* bfloat16: the upper half of a float, rounded to the nearest, ties to even.
 * Memory alone holds it; sums are in sn_real, whatever the form. */
typedef uint16_t sn_bf16;

/* How values lie.  In pairs, value ic of pixels 2*i and 2*i + 1 lie together, a
 * word: what an instruction takes that multiplies and adds two at a time. */
typedef enum { SN_REAL, SN_BF16, SN_PAIRS } sn_form;

/* The values of a run of pixels, `p` apart: in sn_real or sn_bf16 values from
 * pixel to pixel; as pairs in words of two sn_bf16 from pair to pair. Borrowed;
 * the contract of a slot says whether they are read or written.
 *
 * Who writes SN_BF16 with an odd c writes a 0 behind it, who writes SN_PAIRS of
 * an odd number of pixels zeros in the place of the missing one, so that a
 * reader may take two at a time. */
struct sn_rows {
    void *at;
    ptrdiff_t p;
    sn_form form;
};

static inline struct sn_rows sn_reals(const sn_real *at, ptrdiff_t p)
{
    return (struct sn_rows){(void *)(uintptr_t)at, p, SN_REAL};
}

typedef enum {
    SN_ACT_NONE,
    SN_ACT_RELU,  /* max(z, 0) */
    SN_ACT_RELU6, /* min(max(z, 0), 6) */
    SN_ACT_HSWISH /* z * min(max(z + 3, 0), 6) / 6 */
} sn_act;

/* Sums of products over rows as they lie: what a 1x1 and a k x k convolution
 * and their two gradients come down to, without copies (im2col) or transposes.
 *
 *   c(ir, im, in) = sum over is < segs, ik < len of
 *                       a(ir, im, is, ik) * b(is, ik, in)   (+ c when `add`)
 *
 *   a(ir, im, is, ik) = a[ir*a_row + im*a_m + is*a_seg + ik*a_k
 *                         + is/bunch*a_skip]
 *   b(is, ik, in)     = b[is*b_seg + ik*b_k + in]
 *   c(ir, im, in)     = c[ir*c_row + im*c_m + in]
 *
 * For a convolution's output: `rows` output rows of m pixels, n channels, segs
 * tap rows of len = k*cin values that lie together.  For the gradient of its
 * weights: tap rows, the k*cin entries of one, n channels; segs output rows of
 * len pixels, those of an image in a bunch; with bunch 0 there is one.  With segs or len 0 the sum is 0.  A sum adds its terms in their
 * order from 0 on, `add` comes last: the bits of a value depend neither on m
 * and n nor on any distance. */
struct sn_product {
    int rows, m, n, segs, len;
    const void *a; /* sn_real; of product_pairs words */
    ptrdiff_t a_row, a_m, a_seg, a_k;
    int bunch;
    ptrdiff_t a_skip;
    const void *b; /* likewise */
    ptrdiff_t b_seg, b_k;
    void *c; /* sn_real or sn_bf16 */
    ptrdiff_t c_row, c_m;
    sn_form c_form; /* SN_REAL, or SN_BF16 without `add` */
    int add;
    /* Memory that the caller reads next: asked for along the way, while the
     * arithmetic leaves the bus idle.  Of no effect on any value. */
    const void *ahead;
    ptrdiff_t ahead_bytes;
};
typedef void sn_product_fn(const struct sn_product *p);

/* product_pairs is the same on words of two sn_bf16: every term is
 *
 *   a.first * b.first + a.second * b.second
 *
 * in float, rounded as the processor pleases, and all distances of a and b are
 * in words.  Terms that are not wanted are 0 in both.  A slot that may be
 * empty: then products of sn_real are as fast. */

/* The loader: what a reader of a raw convolution output applies to it.
 *
 *   dst[p, c] = gain * act(s[c] * src[p, c] + b[c])  (+ dst when `add`)
 *
 *   dst  written, any form;  src  read, SN_REAL or SN_BF16
 *
 * s and b may both be NULL: then z = src.  A NaN passes through.  `add` asks
 * for a dst in SN_REAL.  In place allowed where both are SN_REAL. */
typedef void sn_load_fn(struct sn_rows dst, struct sn_rows src,
                        const sn_real *s, const sn_real *b, sn_act act,
                        sn_real gain, int add, int c, ptrdiff_t p);

/* Inner product of a gradient with what the loader would give:
 *
 *   returns sum over p, c of dy[p, c] * act(s[c] * src[p, c] + b[c])
 *
 * s, b may both be NULL. */
typedef double sn_load_dot_fn(const sn_real *dy, ptrdiff_t dy_p,
                              const sn_real *src, ptrdiff_t src_p,
                              const sn_real *s, const sn_real *b, sn_act act,
                              int c, ptrdiff_t p);

/* Batch-norm sums of a convolution's output, shifted so that nothing cancels
 * (METHOD 7.2):
 *
 *   s1[c] += sum over p of (y[p, c] - shift[c])
 *   s2[c] += sum over p of (y[p, c] - shift[c])^2
 *
 *   y       read, SN_REAL or SN_BF16
 *   s1, s2  [c]  accumulated;  shift [c]  read, any value near the mean */
typedef void sn_bn_sums_fn(double *s1, double *s2, struct sn_rows y,
                           const sn_real *shift, int c, ptrdiff_t p);

/* Backward through a pending affine and activation, in place, with the two
 * sums that batch-norm's backward needs (METHOD 7.2):
 *
 *   z = s*y + b;  dz[p, c] = dz[p, c] * act'(z)
 *   b1[c] += sum over p of dz[p, c]
 *   b2[c] += sum over p of dz[p, c] * (y[p, c] - mu[c])
 *
 *   dz, y  both SN_REAL or both SN_BF16
 *
 * act'(z) of ReLU is 1 for z > 0, of ReLU6 1 for 0 < z < 6, else 0; of h-swish
 * 0 for z <= -3, 1 for z >= 3, else (2z + 3) / 6. */
typedef void sn_act_bwd_fn(struct sn_rows dz, struct sn_rows y,
                           const sn_real *s, const sn_real *b,
                           const sn_real *mu, sn_act act, double *b1,
                           double *b2, int c, ptrdiff_t p);

/* Backward through batch-norm itself, in the loader of the convolution below:
 *
 *   dy[p, c] = ps[c] * dz[p, c] + q[c] * (y[p, c] - mu[c]) + r[c]
 *
 *   dy  written, any form;  dz, y  read, both SN_REAL or both SN_BF16
 *
 * In place allowed where all are SN_REAL (dy == dz). */
typedef void sn_bn_bwd_fn(struct sn_rows dy, struct sn_rows dz,
                          struct sn_rows y, const sn_real *ps, const sn_real *q,
                          const sn_real *r, const sn_real *mu, int c,
                          ptrdiff_t p);

/* Column sums: db[c] += sum over p of dy[p, c]. */
typedef void sn_bias_grad_fn(double *db, const sn_real *dy, ptrdiff_t dy_p,
                             int c, ptrdiff_t p);

/* What a convolution over one image looks like.  Output pixel (ih, iw) and tap
 * (jh, jw) meet input pixel (ih*stride + jh - top, iw*stride + jw - left);
 * outside of [0, h) x [0, w) the input counts as 0. */
struct sn_window {
    int h, w;             /* input pixels */
    int oh, ow;           /* output pixels */
    int k;                /* taps in each direction, >= 1 */
    int stride;           /* >= 1 */
    int top;              /* zeros before the first row */
    int left;             /* zeros before the first column */
    int x_pitch, y_pitch; /* pixels from row to row of x, of y: >= w, ow */
    /* Memory that the caller reads or writes next: asked for along the way,
     * while the arithmetic leaves the bus idle.  Of no effect on any value. */
    struct sn_ahead {
        const void *at; /* NULL: none */
        ptrdiff_t bytes;
    } ahead[2];
};

/* Depthwise weights: tap (jh, jw) of channel ic at w[jh*w_row + jw*w_col + ic],
 * so a centre crop of a larger kernel and a channel prefix are views. */

/* Depthwise convolution of one image:
 *
 *   y[(ih, iw), c] = sum over jh, jw of x[input pixel, c] * w[jh, jw, c]
 *
 *   x [h*x_pitch, c] read;  y [oh*y_pitch, c] overwritten but for the pixels
 *   between the rows */
typedef void sn_dwconv_fwd_fn(sn_real *y, ptrdiff_t y_p, const sn_real *x,
                              ptrdiff_t x_p, const sn_real *w, ptrdiff_t w_row,
                              ptrdiff_t w_col, int c,
                              const struct sn_window *win);

/* dx[(input pixel), c] = sum over the (ih, iw, jh, jw) that read it of
 * dy[(ih, iw), c] * w[jh, jw, c];   dx [h*x_pitch, c] overwritten likewise */
typedef void sn_dwconv_bwd_data_fn(sn_real *dx, ptrdiff_t dx_p,
                                   const sn_real *dy, ptrdiff_t dy_p,
                                   const sn_real *w, ptrdiff_t w_row,
                                   ptrdiff_t w_col, int c,
                                   const struct sn_window *win);

/* dw[(jh*k + jw)*dw_p + ic] += sum over ih, iw of
 * x[input pixel, ic] * dy[(ih, iw), ic];   dw accumulated, taps dw_p apart */
typedef void sn_dwconv_bwd_weight_fn(sn_real *dw, ptrdiff_t dw_p,
                                     const sn_real *x, ptrdiff_t x_p,
                                     const sn_real *dy, ptrdiff_t dy_p, int c,
                                     const struct sn_window *win);

/* One step of SGD with Nesterov momentum and coupled weight decay, elementwise:
 *
 *   g' = g + decay*w;  m = momentum*m + g';  w -= lr*(g' + momentum*m) */
typedef void sn_sgd_fn(sn_real *w, sn_real *m, const sn_real *g, sn_real lr,
                       sn_real momentum, sn_real decay, ptrdiff_t n);

struct sn_kernels {
    sn_product_fn *product;
    sn_load_fn *load;
    sn_load_dot_fn *load_dot;
    sn_bn_sums_fn *bn_sums;
    sn_act_bwd_fn *act_bwd;
    sn_bn_bwd_fn *bn_bwd;
    sn_bias_grad_fn *bias_grad;
    sn_dwconv_fwd_fn *dwconv_fwd;
    sn_dwconv_bwd_data_fn *dwconv_bwd_data;
    sn_dwconv_bwd_weight_fn *dwconv_bwd_weight;
    sn_sgd_fn *sgd;
    sn_product_fn *product_pairs; /* or NULL */
    const char *isa; /* the highest that filled slots, by its name */
};

/* Instruction sets, a bit each; the reference is always there, and plain
 * vectors are wherever the compiler goes. */
enum {
    SN_ISA_REF = 0,
    SN_ISA_PORTABLE = 1,
    SN_ISA_AVX2 = 2,
    SN_ISA_AVX512 = 4,
    SN_ISA_AVX512BF16 = 8,
    SN_ISA_AMX = 16 /* tiles of sn_bf16 */
};

/* Fills every slot but the one that may be empty: the reference first, then
 * each instruction set of `isa` on top. */
void sn_kernels_init(struct sn_kernels *k, unsigned isa);

/* What processor and operating system both allow, as SN_ISA_ bits (cpu.c). */
unsigned sn_cpu_isa(void);

/* Lowers `allowed` to the set named "ref", "portable", "avx2", "avx512",
 * "avx512bf16" or "amx" and those below it; -1 when the name is none of these,
 * -2 when `allowed` lacks it. */
int sn_cpu_lower(unsigned allowed, const char *name, unsigned *isa);

#endif
