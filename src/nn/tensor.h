#ifndef SN_NN_TENSOR_H
#define SN_NN_TENSOR_H

/* A tensor is a raw convolution output plus a pending per-channel affine and
 * activation.
 *
 * Layout, decided once: NHWC, shape [n, h, w, c], the c values of a pixel
 * together, pixels `ld` values apart (ld = c rounded up to 16, so that every
 * pixel starts on a cache line; the lanes between are never read).
 *
 * A convolution stores what it computed, y, and while it is hot adds up the
 * sums batch-norm needs.  Nobody ever stores the normalised, activated tensor:
 * whoever reads it applies
 *
 *     x = act(s*y + b)        s = gamma*rstd, b = beta - mu*s
 *
 * while loading.  Backward mirrors that: a reader adds its gradient dx to `dz`;
 * the last of the tensor's readers turns the sum into the gradient of
 * z = s*y + b in place, dz = dx*act'(z), and adds up the sums B1 = sum dz and
 * B2 = sum dz*(y - mu), from which the layer that wrote y gets
 *
 *     dy = ps*dz + q*(y - mu) + r
 *     ps = s, q = -s*rstd^2*B2/N, r = -s*B1/N;  dbeta = B1, dgamma = rstd*B2
 *
 * while loading (METHOD 7.2; BNFF, Jung et al., SysML 2019).
 *
 * Work units.  A batch is cut into min(n, SN_UNITS) runs of whole images, the
 * same for every layer and any number of threads.  Every sum over a batch has
 * one slot per unit; slots are joined in their order.  So results do not
 * depend on the number of threads. */

#include <stdbool.h>

#include "base/arena.h"
#include "kernels/kernels.h"

enum { SN_UNITS = 16, SN_LANES = 16 };

/* How statistics are had: of the batch; of the batch, and added to the
 * population's; or the population's, as they were saved. */
typedef enum { SN_MODE_TRAIN, SN_MODE_CALIBRATE, SN_MODE_EVAL } sn_mode;

/* A matrix of weights inside a flat array of parameters, or the leading part of
 * one: row ir at w + ir*ld.  A subnet's layer is such a view of the supernet's
 * weights, never a copy. */
struct sn_weight {
    sn_real *w; /* borrowed */
    sn_real *g; /* gradient, same layout, accumulated */
    int ld;
};

/* Where a batch-norm's parameters and population statistics live. */
struct sn_bn_view {
    sn_real *gamma, *beta, *dgamma, *dbeta; /* [c] borrowed */
    double *mean, *m2; /* [c] population: mean, sum of squared deviations */
    double *count;     /* [1] values per channel that went into them */
};

#define SN_BN_EPS 1e-5

struct sn_bn {
    struct sn_bn_view view;
    sn_real *s, *b, *mu; /* [c] the pending affine; the mean it was made from */
    double *rstd;        /* [c] */
    sn_real *ps, *q, *r; /* [c] backward */
    sn_real *shift;      /* [units, c] first row of each unit */
    double *sum1, *sum2; /* [units, c] forward, then B1, B2 */
    bool more;           /* channels of the same batch-norm follow (wide.h) */
};

struct sn_tensor {
    int n, h, w, c, ld;
    sn_real *y;          /* [n, h, w, ld] */
    sn_real *dz;         /* same; NULL when no gradient is wanted */
    sn_bf16 *y16, *dz16; /* instead of these in SN_BF16 (inside blocks alone) */
    sn_form form;        /* SN_REAL or SN_BF16 */
    struct sn_bn *bn;    /* NULL: nothing pending, y is what readers see */
    sn_act act;          /* pending behind bn */
    int readers;         /* layers that read it */
    int grads_seen;      /* of them, how many have added their gradient */
    size_t dz_at;        /* between layers: dz, in its place (plan.c) */
    int last_reader; /* between layers: index of the last layer that reads it */
    bool wants_grad;
    bool kept; /* inside a block: y outlives forward; else it is made again */
};

static inline ptrdiff_t sn_tensor_pixels(const struct sn_tensor *t)
{
    return (ptrdiff_t)t->n * t->h * t->w;
}

/* Unit u of `count` holds the images [sn_unit_first(u), sn_unit_first(u+1)). */
static inline int sn_unit_count(int n)
{
    return n < SN_UNITS ? n : SN_UNITS;
}

static inline int sn_unit_first(int n, int u)
{
    return (int)((long)n * u / sn_unit_count(n));
}

/* The first pixel of unit u. */
static inline ptrdiff_t sn_unit_pixel(const struct sn_tensor *t, int u)
{
    return (ptrdiff_t)sn_unit_first(t->n, u) * t->h * t->w;
}

/* Gives a tensor its shape; no memory yet. */
void sn_tensor_shape(struct sn_tensor *t, int n, int h, int w, int c);

/* Values of y, and of dz. */
size_t sn_tensor_values(const struct sn_tensor *t);

static inline size_t sn_form_bytes(sn_form form)
{
    return form == SN_BF16 ? sizeof(sn_bf16) : sizeof(sn_real);
}

/* Whether readers find what they read as it lies: in sn_real, and with nothing
 * pending on it. */
static inline bool sn_tensor_lies(const struct sn_tensor *t)
{
    return !t->bn && t->form == SN_REAL;
}

/* The room that y takes, and dz, in sn_real. */
static inline size_t sn_tensor_reals(const struct sn_tensor *t)
{
    const size_t bytes = sn_tensor_values(t) * sn_form_bytes(t->form);
    return (bytes + sizeof(sn_real) - 1) / sizeof(sn_real);
}

/* y from `pixel` on, and dz; as it lies. */
static inline struct sn_rows sn_tensor_rows(const struct sn_tensor *t,
                                            ptrdiff_t pixel)
{
    if (t->form == SN_BF16)
        return (struct sn_rows){t->y16 + pixel * t->ld, t->ld, SN_BF16};
    return (struct sn_rows){t->y + pixel * t->ld, t->ld, SN_REAL};
}

static inline struct sn_rows sn_tensor_grad_rows(const struct sn_tensor *t,
                                                 ptrdiff_t pixel)
{
    if (t->form == SN_BF16)
        return (struct sn_rows){t->dz16 + pixel * t->ld, t->ld, SN_BF16};
    return (struct sn_rows){t->dz + pixel * t->ld, t->ld, SN_REAL};
}

/* Takes y, and what a batch-norm needs, from `a`. */
void sn_tensor_plan(struct sn_tensor *t, struct sn_arena *a);

/* Takes what a batch-norm needs alone. */
void sn_tensor_plan_bn(struct sn_tensor *t, struct sn_arena *a);

/* All that follows works on `count` pixels of the batch from `pixel` on.  A
 * unit passes over its pixels in order. */

/* The loader: writes them to dst, in its form, as a reader sees them. */
typedef void sn_load_pixels_fn(const struct sn_kernels *k,
                               const struct sn_tensor *t, ptrdiff_t pixel,
                               ptrdiff_t count, struct sn_rows dst);
sn_load_pixels_fn sn_tensor_load;

/* The backward loader of the layer that wrote t: dL/dy. */
sn_load_pixels_fn sn_tensor_load_grad;

/* The same in SN_REAL, without a copy where nothing is pending; else in
 * `scratch` ([count, t->ld] values). */
struct sn_rows sn_tensor_view(const struct sn_kernels *k,
                              const struct sn_tensor *t, ptrdiff_t pixel,
                              ptrdiff_t count, sn_real *scratch);
struct sn_rows sn_tensor_view_grad(const struct sn_kernels *k,
                                   const struct sn_tensor *t, ptrdiff_t pixel,
                                   ptrdiff_t count, sn_real *scratch);

/* The epilogue, by unit u after it wrote them to y. */
void sn_tensor_wrote(const struct sn_kernels *k, struct sn_tensor *t, int u,
                     ptrdiff_t pixel, ptrdiff_t count, sn_mode mode);

/* After all units wrote: joins their sums (Chan et al. 1979) and makes s, b. */
void sn_tensor_written(struct sn_tensor *t, sn_mode mode);

/* Whether a reader has to add to dz (else it overwrites). */
static inline int sn_tensor_adds(const struct sn_tensor *t)
{
    return t->grads_seen > 0;
}

/* The backward epilogue, by unit u after it added its gradient to them in dz.
 * Does its work for the last reader alone. */
void sn_tensor_added(const struct sn_kernels *k, struct sn_tensor *t, int u,
                     ptrdiff_t pixel, ptrdiff_t count);

/* After all units added: counts the reader; after the last one joins B1, B2,
 * accumulates dgamma and dbeta and makes ps, q, r. */
void sn_tensor_grad_added(struct sn_tensor *t);

#endif
