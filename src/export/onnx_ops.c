/* A net as ONNX nodes: pictures to input, then stem, blocks, head, classifier.
 *
 * Every op that a block may be has a row in `ops`.  Convolutions stand in the
 * weights as [taps, cin, cout] and in ONNX as [cout, cin, kh, kw]. */

#include "export/export_internal.h"

#include <stdio.h>

#include "nn/infer.h"
#include "target/block.h"

/* The writer of a net, and the value it has come to. */
struct writer {
    struct sn_onnx_build *b;
    const struct sn_onnx_net *net;
    const char *x; /* its name */
    int h, w, c;   /* its extents */
};

/* A name: a dotted prefix and a part, `stage.1.block.2.ibn` + `expand`. */
struct name {
    char text[SN_ONNX_NAME];
};

static struct name join(const char *prefix, const char *part)
{
    struct name n;
    SN_CHECK(snprintf(n.text, sizeof n.text, "%s.%s", prefix, part) <
             (int)sizeof n.text);
    return n;
}

/* ---- pictures ---- */

const char *sn_onnx_input_name(bool raw)
{
    return raw ? "input" : "image";
}

/* x = x * scale_c (or + shift_c): one value a channel. */
static void per_channel(struct writer *w, const char *op, const char *name,
                        const char *constant, const double *value)
{
    const int dim[] = {1, w->c, 1, 1};
    float *values = sn_onnx_floats(w->b, constant, 4, dim);
    for (int ic = 0; values && ic < w->c; ic++)
        values[ic] = (float)value[ic];
    struct sn_onnx_node *node = sn_onnx_add(w->b, op, name, w->x);
    sn_onnx_reads(node, sn_onnx_last_constant(w->b));
    w->x = node->name;
}

/* Zeros around the normalised picture, as the loader centres it. */
static void pad(struct writer *w, int h, int width)
{
    const int top = (h - w->h) / 2, left = (width - w->w) / 2;
    if (h == w->h && width == w->w)
        return;
    SN_CHECK(h >= w->h && width >= w->w);
    int64_t *pads = sn_onnx_integers(w->b, "image.pads", 8);
    if (pads) { /* begins of n, c, h, w, then ends */
        pads[2] = top;
        pads[3] = left;
        pads[6] = h - w->h - top;
        pads[7] = width - w->w - left;
    }
    struct sn_onnx_node *node = sn_onnx_add(w->b, "Pad", "image.padded", w->x);
    sn_onnx_reads(node, sn_onnx_last_constant(w->b));
    w->x = node->name;
}

/* (pixel / 255 - mean) / deviation, in NCHW, padded. */
static void add_picture(struct writer *w)
{
    const struct sn_onnx_net *net = w->net;
    const struct sn_arch *a = net->arch;
    double scale[4], shift[4];
    SN_CHECK(a->c <= 4);
    w->x = sn_onnx_input_name(net->raw);
    w->c = a->c;
    if (!net->raw) {
        const int nchw[] = {0, 3, 1, 2};
        for (int ic = 0; ic < a->c; ic++) {
            const double dev = (double)net->deviation[ic];
            scale[ic] = 1 / (255 * dev);
            shift[ic] = -(double)net->mean[ic] / dev;
        }
        w->h = net->h;
        w->w = net->w;
        struct sn_onnx_node *node =
            sn_onnx_add(w->b, "Cast", "image.float", w->x);
        sn_onnx_set_int(node, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        node = sn_onnx_add(w->b, "Transpose", "image.nchw", node->name);
        sn_onnx_set_ints(node, "perm", 4, nchw);
        w->x = node->name;
        per_channel(w, "Mul", "image.scaled", "image.scale", scale);
        per_channel(w, "Add", "image.normalised", "image.shift", shift);
        pad(w, a->h, a->w);
    }
    w->h = a->h;
    w->w = a->w;
}

/* ---- convolutions ---- */

struct conv {
    int weight; /* of the params: [taps * rows, cout] */
    struct sn_bn_ids bn;
    int cout, k, stride;
    bool depthwise;
    sn_act act;
};

/* The weight times s, and the bias b = beta - s*mean. */
static void fold(const struct writer *w, const struct conv *c, float *weight,
                 float *bias)
{
    const struct sn_params *p = &w->net->net->params;
    const struct sn_weight from = sn_params_weight(p, c->weight);
    const struct sn_bn_view bn = sn_params_bn(p, c->bn);
    const int taps = c->k * c->k, rows = c->depthwise ? 1 : w->c;
    SN_CHECK(p->item[c->weight].rows == taps * rows &&
             p->item[c->weight].cols == c->cout);
    for (int oc = 0; oc < c->cout; oc++) {
        double s, b;
        sn_bn_fold(&bn, oc, &s, &b);
        bias[oc] = (float)b;
        for (int ir = 0; ir < rows; ir++)
            for (int it = 0; it < taps; it++) {
                const ptrdiff_t at = ((ptrdiff_t)it * rows + ir) * from.ld + oc;
                *weight++ = (float)(s * (double)from.w[at]);
            }
    }
}

static void activate(struct writer *w, sn_act act)
{
    static const char *const op[] = {[SN_ACT_RELU] = "Relu",
                                     [SN_ACT_RELU6] = "Clip",
                                     [SN_ACT_HSWISH] = "HardSwish"};
    if (act == SN_ACT_NONE)
        return;
    struct sn_onnx_node *node =
        sn_onnx_add(w->b, op[act], join(w->x, "act").text, w->x);
    if (act == SN_ACT_RELU6) {
        sn_onnx_reads(node, "relu6.least");
        sn_onnx_reads(node, "relu6.most");
    }
    w->x = node->name;
}

/* The bounds of relu6, once a model. */
static void add_bounds(struct writer *w)
{
    if (w->net->arch->act != SN_ACT_RELU6)
        return;
    sn_onnx_floats(w->b, "relu6.least", 0, NULL);
    float *most = sn_onnx_floats(w->b, "relu6.most", 0, NULL);
    if (most)
        *most = 6;
}

static void add_conv(struct writer *w, const char *name, const struct conv *c)
{
    const int half = (c->k - 1) / 2;
    const int kernel[] = {c->k, c->k}, strides[] = {c->stride, c->stride},
              pads[] = {half, half, half, half},
              shape[] = {c->cout, c->depthwise ? 1 : w->c, c->k, c->k};
    struct sn_onnx_node *node = sn_onnx_add(w->b, "Conv", name, w->x);
    float *weight = sn_onnx_floats(w->b, join(name, "weight").text, 4, shape);
    sn_onnx_reads(node, sn_onnx_last_constant(w->b));
    float *bias = sn_onnx_floats(w->b, join(name, "bias").text, 1, &c->cout);
    sn_onnx_reads(node, sn_onnx_last_constant(w->b));
    if (weight && bias)
        fold(w, c, weight, bias);
    sn_onnx_set_int(node, "group", c->depthwise ? w->c : 1);
    sn_onnx_set_ints(node, "kernel_shape", 2, kernel);
    sn_onnx_set_ints(node, "pads", 4, pads);
    sn_onnx_set_ints(node, "strides", 2, strides);
    w->x = node->name;
    w->c = c->cout;
    activate(w, c->act);
}

/* ---- blocks ---- */

/* One block: what it is, whose weights it has, what it is called. */
struct block {
    const struct sn_block *block;
    const struct sn_op_ids *ids;
    const char *name;
    int cout, stride;
};

static void add_ibn(struct writer *w, const struct block *b)
{
    const sn_act act = w->net->arch->act;
    const int mid = b->block->e * w->c;
    if (b->block->e > 1)
        add_conv(w, join(b->name, "expand").text,
                 &(struct conv){b->ids->expand, b->ids->bn[0], mid, 1, 1, false,
                                act});
    add_conv(w, join(b->name, "depth").text,
             &(struct conv){b->ids->depth, b->ids->bn[1], mid, b->block->k,
                            b->stride, true, act});
    add_conv(w, join(b->name, "project").text,
             &(struct conv){b->ids->project, b->ids->bn[2], b->cout, 1, 1,
                            false, SN_ACT_NONE});
}

static void add_fused(struct writer *w, const struct block *b)
{
    add_conv(w, join(b->name, "dense").text,
             &(struct conv){b->ids->dense, b->ids->bn[0], b->block->e * w->c,
                            b->block->k, b->stride, false, w->net->arch->act});
    add_conv(w, join(b->name, "project").text,
             &(struct conv){b->ids->project, b->ids->bn[2], b->cout, 1, 1,
                            false, SN_ACT_NONE});
}

static void add_plain(struct writer *w, const struct block *b)
{
    add_conv(w, join(b->name, "dense").text,
             &(struct conv){b->ids->dense, b->ids->bn[0], b->cout, b->block->k,
                            b->stride, false, w->net->arch->act});
}

/* One row per op of a block. */
static void (*const ops[SN_OP_COUNT])(struct writer *, const struct block *) = {
    [SN_OP_IBN] = add_ibn,
    [SN_OP_FUSED] = add_fused,
    [SN_OP_CONV] = add_plain,
};

bool sn_onnx_has_op(sn_block_op op)
{
    return ops[op];
}

static void add_block(struct writer *w, int is, int ib)
{
    const struct sn_arch *a = w->net->arch;
    const struct sn_block *block = &a->stage[is].block[ib];
    const char *before = w->x;
    char name[SN_ONNX_NAME];
    const struct sn_block_shape shape = sn_space_block(
        &w->net->net->space, is, ib, block->op, block->k, block->e);
    snprintf(name, sizeof name, "stage.%d.block.%d", is + 1, ib + 1);
    SN_CHECK(sn_onnx_has_op(block->op) && shape.cin == w->c);
    const struct name full = join(name, sn_block_op_name(block->op));
    ops[block->op](w, &(struct block){block,
                                      &w->net->net->block[is][ib][block->op],
                                      full.text, shape.cout, shape.stride});
    if (!sn_block_residual(&shape))
        return;
    struct sn_onnx_node *node =
        sn_onnx_add(w->b, "Add", join(name, "add").text, before);
    sn_onnx_reads(node, w->x);
    w->x = node->name;
}

/* ---- the net ---- */

/* logits = x W + bias of the pooled features; ONNX's W is [classes, cin]. */
static void add_linear(struct writer *w)
{
    const struct sn_supernet *net = w->net->net;
    const struct sn_weight from = sn_params_weight(&net->params, net->linear);
    const int classes = w->net->arch->classes, shape[] = {classes, w->c};
    struct sn_onnx_node *node = sn_onnx_add(w->b, "Gemm", SN_ONNX_LOGITS, w->x);
    float *to = sn_onnx_floats(w->b, "linear.weight", 2, shape);
    sn_onnx_reads(node, sn_onnx_last_constant(w->b));
    for (int oc = 0; to && oc < classes; oc++)
        for (int ic = 0; ic < w->c; ic++)
            *to++ = (float)from.w[(ptrdiff_t)ic * from.ld + oc];
    to = sn_onnx_floats(w->b, "linear.bias", 1, &classes);
    sn_onnx_reads(node, sn_onnx_last_constant(w->b));
    for (int oc = 0; to && oc < classes; oc++)
        to[oc] = (float)sn_params_weight(&net->params, net->bias).w[oc];
    sn_onnx_set_int(node, "transB", 1);
}

int sn_onnx_room(const struct sn_arch *arch)
{
    int blocks = 0;
    for (int is = 0; is < arch->n_stages; is++)
        blocks += arch->stage[is].depth;
    return 16 + 6 * blocks; /* three convolutions, two activations, an add */
}

void sn_onnx_add_net(struct sn_onnx_build *b, const struct sn_onnx_net *net)
{
    const struct sn_arch *a = net->arch;
    const struct sn_supernet *sn = net->net;
    struct writer w = {.b = b, .net = net};
    add_picture(&w);
    add_bounds(&w);
    add_conv(&w, "stem",
             &(struct conv){sn->stem, sn->stem_bn, a->stem, 3, a->stem_stride,
                            false, a->act});
    for (int is = 0; is < a->n_stages; is++)
        for (int ib = 0; ib < a->stage[is].depth; ib++)
            add_block(&w, is, ib);
    if (a->head > 0)
        add_conv(&w, "head",
                 &(struct conv){sn->head, sn->head_bn, a->head, 1, 1, false,
                                a->act});
    struct sn_onnx_node *node =
        sn_onnx_add(b, "GlobalAveragePool", "pool", w.x);
    node = sn_onnx_add(b, "Flatten", "features", node->name);
    sn_onnx_set_int(node, "axis", 1);
    w.x = node->name;
    add_linear(&w);
}

const char *sn_onnx_note(const struct sn_arch *arch)
{
    return arch->act == SN_ACT_RELU6
               ? "relu6 is written as Clip with inputs, which OpenCV 4 "
                 "refuses; it is tested with onnxruntime alone, relu and "
                 "hswish with onnxruntime and OpenCV"
               : NULL;
}
