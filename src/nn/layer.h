#ifndef SN_NN_LAYER_H
#define SN_NN_LAYER_H

/* The layer contract.
 *
 * A layer reads tensors, owns the tensor it writes, and has one forward and
 * one backward.  Sizes are settled when it is added to a graph; `plan` takes
 * its memory; after that nothing in it allocates or can fail.
 *
 *   fwd  writes out.y and what hangs on it
 *   bwd  reads out.dz, complete by then, adds the gradient of every input and
 *        accumulates the gradients of its weights
 *
 * A layer kind is one file, a row in sn_layer_kinds (layer.c), and a builder
 * below. */

#include "nn/params.h"
#include "nn/stage.h"

enum { SN_LAYER_NAME = 48, SN_MAX_TERMS = 20 };

/* One convolution with batch-norm and activation, both left pending. */
struct sn_conv {
    struct sn_stage stage;
    struct sn_bn bn;
};

/* The inner channels of a block, run `each` at a time: what the tensors and
 * stages of one part are views of (wide.h). */
struct sn_parts {
    int channels, each;         /* each = channels: one part */
    struct sn_bn bn[2];         /* of all channels of the wide tensors */
    struct sn_weight weight[3]; /* of all channels; project is the last */
    const sn_real *mask;        /* of project */
    double *dmask;
};

/* Inverted bottleneck (MobileNetV2, Sandler et al., CVPR 2018):
 *
 *   y = BN3(P * act(BN2(dw_k(act(BN1(E * x))))))
 *
 * BN3 is left pending.  With e = 1 there is no E and no BN1. */
struct sn_ibn {
    struct sn_tensor mid1, mid2; /* raw E*x and dw(..), kept for backward */
    struct sn_bn bn[3];
    struct sn_stage expand, depth, project;
    bool expands;
    struct sn_parts parts;
    struct sn_wider {
        struct sn_tensor out; /* mid2, had its kernel been the wider one */
        struct sn_stage depth;
        struct sn_weight weight; /* of all channels */
        double *slope;           /* NULL: nobody asks */
        double *slots;
    } wider;
};

/* Fused inverted bottleneck (EfficientNet-EdgeTPU, Gupta & Akin 2019):
 *
 *   y = BN3(P * act(BN1(conv_k(x))))                     BN3 left pending */
struct sn_fused {
    struct sn_tensor mid;
    struct sn_bn bn[2];
    struct sn_stage dense, project;
    struct sn_parts parts;
};

/* out = sum over i of coef_i * x_i, materialised: residuals, op gates and depth
 * gates.  Backward: dcoef_i = <dout, x_i>, overwritten. */
struct sn_sum {
    struct sn_tensor *in[SN_MAX_TERMS];
    const sn_real *coef[SN_MAX_TERMS]; /* borrowed; NULL: 1 */
    double *dcoef[SN_MAX_TERMS];       /* borrowed; NULL: not wanted */
    int terms;
    double *slots; /* [units, terms] */
};

/* Global average pool: out [n, 1, 1, c]. */
struct sn_pool {
    struct sn_tensor *in;
    double *sums; /* [threads, c] */
};

/* out = x W + bias over [n, 1, 1, cin]. */
struct sn_linear {
    struct sn_stage stage; /* a POINT stage */
    struct sn_weight bias;
    double *slots; /* [cout] */
};

/* Softmax cross-entropy with label smoothing, the mean over the batch:
 *
 *   loss_i = -sum_j t_ij log softmax(x_i)_j
 *   t_i = (1 - eps)*onehot(label_i) + eps/classes
 *
 * Its out tensor is empty; results lie here. */
struct sn_loss {
    struct sn_tensor *in;
    const int *labels; /* [n] borrowed, set before every step */
    double smoothing;
    double share; /* of the gradient: below 1 where a step has several passes */
    double *each; /* [n] loss of each image */
    int *guess;   /* [n] the class of greatest logit, first on ties */
    double mean;
    int correct;
};

/* -log softmax(x)_label of logits x [c], without smoothing; *guess is the class
 * of greatest logit, first on ties. */
double sn_cross_entropy(const sn_real *x, int c, int label, int *guess);

typedef enum {
    SN_LAYER_INPUT,
    SN_LAYER_CONV,
    SN_LAYER_IBN,
    SN_LAYER_FUSED,
    SN_LAYER_SUM,
    SN_LAYER_POOL,
    SN_LAYER_LINEAR,
    SN_LAYER_LOSS,
    SN_LAYER_KINDS
} sn_layer_id;

struct sn_layer {
    sn_layer_id id;
    char name[SN_LAYER_NAME];
    struct sn_tensor out;
    union {
        struct sn_conv conv;
        struct sn_ibn ibn;
        struct sn_fused fused;
        struct sn_sum sum;
        struct sn_pool pool;
        struct sn_linear linear;
        struct sn_loss loss;
    } as;
};

struct sn_layer_kind {
    const char *name; /* in logs and profiles */
    void (*plan)(struct sn_layer *, struct sn_plan *);
    void (*fwd)(struct sn_layer *, const struct sn_pass *);
    void (*bwd)(struct sn_layer *, const struct sn_pass *);
};

extern const struct sn_layer_kind sn_layer_kinds[SN_LAYER_KINDS];

/* ---- what a layer kind asks of its builder ---- */

struct sn_conv_spec {
    int cout, k, stride;
    struct sn_weight weight; /* [k*k*cin, cout] */
    ptrdiff_t tap, tap_row;  /* values between taps and rows of them, where
                              * weight is a view with gaps; else 0 */
    struct sn_bn_view bn;
    sn_act act;
};

struct sn_ibn_spec {
    int k, stride, mid, cout; /* mid == cin and no expand.w for e = 1 */
    bool expands;
    struct sn_weight expand;  /* [cin, mid] */
    struct sn_weight depth;   /* [k*k, mid] */
    ptrdiff_t depth_row;      /* values between its rows of taps */
    struct sn_weight project; /* [mid, cout] */
    struct sn_bn_view bn[3];
    sn_act act;
    const sn_real *mask; /* [mid] on the rows of project, or NULL */
    double *dmask;       /* [mid] */
    bool raw;            /* y = h2 * P as it is, without BN3: for branches */
    /* Backward asks for a kernel of wider_k, of the taps `wider` and rows of
     * them wider_row apart: the slope of a gate on those that k lacks, in front
     * of BN2 (METHOD 1.4).  NULL: it does not. */
    int wider_k;
    struct sn_weight wider; /* [wider_k*wider_k, mid] */
    double *wider_slope;
};

struct sn_fused_spec {
    int k, stride, mid, cout;
    struct sn_weight dense;   /* [k*k*cin, mid] */
    ptrdiff_t tap, tap_row;   /* of dense, as in sn_conv_spec */
    struct sn_weight project; /* [mid, cout] */
    struct sn_bn_view bn[2];
    sn_act act;
    const sn_real *mask; /* as in sn_ibn_spec */
    double *dmask;
    bool raw;
};

struct sn_term {
    struct sn_tensor *x;
    const sn_real *coef;
    double *dcoef;
};

/* Settle `layer` (zeroed, named) from its inputs' shapes. */
void sn_conv_init(struct sn_layer *layer, struct sn_tensor *in,
                  const struct sn_conv_spec *spec);
void sn_ibn_init(struct sn_layer *layer, struct sn_tensor *in,
                 const struct sn_ibn_spec *spec);
void sn_fused_init(struct sn_layer *layer, struct sn_tensor *in,
                   const struct sn_fused_spec *spec);
void sn_sum_init(struct sn_layer *layer, const struct sn_term *terms, int n);
void sn_pool_init(struct sn_layer *layer, struct sn_tensor *in);
void sn_linear_init(struct sn_layer *layer, struct sn_tensor *in, int cout,
                    struct sn_weight weight, struct sn_weight bias);
void sn_loss_init(struct sn_layer *layer, struct sn_tensor *in,
                  double smoothing);

/* The rows of the table. */
void sn_conv_plan(struct sn_layer *, struct sn_plan *);
void sn_conv_fwd(struct sn_layer *, const struct sn_pass *);
void sn_conv_bwd(struct sn_layer *, const struct sn_pass *);
void sn_ibn_plan(struct sn_layer *, struct sn_plan *);
void sn_ibn_fwd(struct sn_layer *, const struct sn_pass *);
void sn_ibn_bwd(struct sn_layer *, const struct sn_pass *);
void sn_fused_plan(struct sn_layer *, struct sn_plan *);
void sn_fused_fwd(struct sn_layer *, const struct sn_pass *);
void sn_fused_bwd(struct sn_layer *, const struct sn_pass *);
void sn_sum_plan(struct sn_layer *, struct sn_plan *);
void sn_sum_fwd(struct sn_layer *, const struct sn_pass *);
void sn_sum_bwd(struct sn_layer *, const struct sn_pass *);
void sn_pool_plan(struct sn_layer *, struct sn_plan *);
void sn_pool_fwd(struct sn_layer *, const struct sn_pass *);
void sn_pool_bwd(struct sn_layer *, const struct sn_pass *);
void sn_linear_plan(struct sn_layer *, struct sn_plan *);
void sn_linear_fwd(struct sn_layer *, const struct sn_pass *);
void sn_linear_bwd(struct sn_layer *, const struct sn_pass *);
void sn_loss_plan(struct sn_layer *, struct sn_plan *);
void sn_loss_fwd(struct sn_layer *, const struct sn_pass *);
void sn_loss_bwd(struct sn_layer *, const struct sn_pass *);

#endif
