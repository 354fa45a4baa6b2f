/* Decomposition of blocks into operators, and their cost (block.h). */

#include "target/block.h"

/* Bytes of the tensors of a block. */
struct tensors {
    double x, mid1, mid2, y;
};

bool sn_block_residual(const struct sn_block_shape *shape)
{
    return shape->stride == 1 && shape->cin == shape->cout;
}

static struct tensors tensors(const struct sn_npu *npu,
                              const struct sn_block_shape *b)
{
    const int mid = b->e * b->cin;
    const int oh = sn_strided(b->h, b->stride),
              ow = sn_strided(b->w, b->stride);
    return (struct tensors){.x = sn_npu_tensor_bytes(npu, b->h, b->w, b->cin),
                            .mid1 = sn_npu_tensor_bytes(npu, b->h, b->w, mid),
                            .mid2 = sn_npu_tensor_bytes(npu, oh, ow, mid),
                            .y = sn_npu_tensor_bytes(npu, oh, ow, b->cout)};
}

static void push(struct sn_block_operators *ops, const char *part,
                 struct sn_operator op, double kept)
{
    ops->part[ops->count] = part;
    ops->kept[ops->count] = kept;
    ops->item[ops->count++] = op;
}

/* The residual add, on the block's output. */
static void push_add(struct sn_block_operators *ops,
                     const struct sn_block_shape *b)
{
    push(ops, "add",
         (struct sn_operator){.kind = SN_OPERATOR_ADD,
                              .cin = b->cout,
                              .cout = b->cout,
                              .h = b->h,
                              .w = b->w,
                              .k = 1,
                              .stride = 1},
         0);
}

/* The projection to cout at the block's output side. */
static struct sn_operator projection(const struct sn_block_shape *b,
                                     bool in_dram, bool out_dram)
{
    return (struct sn_operator){.kind = SN_OPERATOR_CONV,
                                .cin = b->e * b->cin,
                                .cout = b->cout,
                                .h = sn_strided(b->h, b->stride),
                                .w = sn_strided(b->w, b->stride),
                                .k = 1,
                                .stride = 1,
                                .in_dram = in_dram,
                                .out_dram = out_dram};
}

static void ibn(struct sn_block_operators *ops, const struct sn_npu *npu,
                const struct sn_block_shape *b)
{
    const double on_chip = npu->on_chip.value;
    const struct tensors t = tensors(npu, b);
    const int mid = b->e * b->cin;
    const bool residual = sn_block_residual(b), expands = b->e > 1;
    const bool x_out = t.x > on_chip, y_out = t.y > on_chip;
    const bool mid1_out = expands ? t.x + t.mid1 > on_chip : x_out;
    const double kept = residual ? t.x : 0.0;
    /* during the depthwise convolution */
    const double read = expands ? kept + t.mid1 : t.x;
    const bool mid2_out =
        read + t.mid2 > on_chip || kept + t.mid2 + t.y > on_chip;
    if (expands)
        push(ops, "expand",
             (struct sn_operator){.kind = SN_OPERATOR_CONV,
                                  .cin = b->cin,
                                  .cout = mid,
                                  .h = b->h,
                                  .w = b->w,
                                  .k = 1,
                                  .stride = 1,
                                  .in_dram = x_out,
                                  .out_dram = mid1_out},
             0);
    push(ops, "depth",
         (struct sn_operator){.kind = SN_OPERATOR_DWCONV,
                              .cin = mid,
                              .cout = mid,
                              .h = b->h,
                              .w = b->w,
                              .k = b->k,
                              .stride = b->stride,
                              .in_dram = mid1_out,
                              .out_dram = mid2_out},
         expands ? kept : 0);
    push(ops, "project", projection(b, mid2_out, y_out), kept);
}

static void fused(struct sn_block_operators *ops, const struct sn_npu *npu,
                  const struct sn_block_shape *b)
{
    const double on_chip = npu->on_chip.value;
    const struct tensors t = tensors(npu, b);
    const bool mid_out = t.x + t.mid2 > on_chip;
    push(ops, "dense",
         (struct sn_operator){.kind = SN_OPERATOR_CONV,
                              .cin = b->cin,
                              .cout = b->e * b->cin,
                              .h = b->h,
                              .w = b->w,
                              .k = b->k,
                              .stride = b->stride,
                              .in_dram = t.x > on_chip,
                              .out_dram = mid_out},
         0);
    push(ops, "project", projection(b, mid_out, t.y > on_chip),
         sn_block_residual(b) ? t.x : 0);
}

static void conv(struct sn_block_operators *ops, const struct sn_npu *npu,
                 const struct sn_block_shape *b)
{
    const double on_chip = npu->on_chip.value;
    const struct tensors t = tensors(npu, b);
    push(ops, "conv",
         (struct sn_operator){.kind = SN_OPERATOR_CONV,
                              .cin = b->cin,
                              .cout = b->cout,
                              .h = b->h,
                              .w = b->w,
                              .k = b->k,
                              .stride = b->stride,
                              .in_dram = t.x > on_chip,
                              .out_dram = t.y > on_chip},
         0); /* a residual's x is read here and needed until the add */
}

void sn_block_operators(struct sn_block_operators *ops,
                        const struct sn_npu *npu,
                        const struct sn_block_shape *shape)
{
    ops->count = 0;
    switch (shape->op) {
    case SN_OP_FUSED:
        fused(ops, npu, shape);
        break;
    case SN_OP_CONV:
        conv(ops, npu, shape);
        break;
    default:
        ibn(ops, npu, shape);
        break;
    }
    if (sn_block_residual(shape))
        push_add(ops, shape);
}

/* An operator outside of blocks: a tensor spills iff it alone exceeds S. */
static void push_alone(struct sn_block_operators *ops, const struct sn_npu *npu,
                       const char *part, struct sn_operator op)
{
    op.in_dram =
        sn_npu_tensor_bytes(npu, op.h, op.w, op.cin) > npu->on_chip.value;
    op.out_dram = sn_npu_output_bytes(npu, &op) > npu->on_chip.value;
    push(ops, part, op, 0);
}

void sn_stem_operators(struct sn_block_operators *ops, const struct sn_npu *npu,
                       int h, int w, int c, int cout, int stride)
{
    ops->count = 0;
    push_alone(ops, npu, "stem",
               (struct sn_operator){.kind = SN_OPERATOR_CONV,
                                    .cin = c,
                                    .cout = cout,
                                    .h = h,
                                    .w = w,
                                    .k = 3,
                                    .stride = stride});
}

void sn_tail_operators(struct sn_block_operators *ops, const struct sn_npu *npu,
                       int h, int w, int c, int head, int classes)
{
    const int features = head > 0 ? head : c;
    ops->count = 0;
    if (head > 0)
        push_alone(ops, npu, "head",
                   (struct sn_operator){.kind = SN_OPERATOR_CONV,
                                        .cin = c,
                                        .cout = head,
                                        .h = h,
                                        .w = w,
                                        .k = 1,
                                        .stride = 1});
    push_alone(ops, npu, "pool",
               (struct sn_operator){.kind = SN_OPERATOR_GAP,
                                    .cin = features,
                                    .cout = features,
                                    .h = h,
                                    .w = w,
                                    .k = 1,
                                    .stride = 1});
    push_alone(ops, npu, "linear",
               (struct sn_operator){.kind = SN_OPERATOR_FC,
                                    .cin = features,
                                    .cout = classes,
                                    .h = 1,
                                    .w = 1,
                                    .k = 1,
                                    .stride = 1});
}

void sn_operators_cost_of(struct sn_cost *cost, const struct sn_npu *npu,
                          const struct sn_block_operators *ops, int i)
{
    sn_npu_cost(cost, npu, &ops->item[i]);
    cost->activations += ops->kept[i];
}

void sn_operators_cost(struct sn_cost *cost, const struct sn_npu *npu,
                       const struct sn_block_operators *ops)
{
    *cost = (struct sn_cost){0};
    for (int i = 0; i < ops->count; i++) {
        struct sn_cost part;
        sn_operators_cost_of(&part, npu, ops, i);
        sn_cost_add(cost, &part);
    }
}

void sn_block_cost(struct sn_cost *cost, const struct sn_npu *npu,
                   const struct sn_block_shape *shape)
{
    struct sn_block_operators ops;
    sn_block_operators(&ops, npu, shape);
    sn_operators_cost(cost, npu, &ops);
}

void sn_stem_cost(struct sn_cost *cost, const struct sn_npu *npu, int h, int w,
                  int c, int cout, int stride)
{
    struct sn_block_operators ops;
    sn_stem_operators(&ops, npu, h, w, c, cout, stride);
    sn_operators_cost(cost, npu, &ops);
}

void sn_tail_cost(struct sn_cost *cost, const struct sn_npu *npu, int h, int w,
                  int c, int head, int classes)
{
    struct sn_block_operators ops;
    sn_tail_operators(&ops, npu, h, w, c, head, classes);
    sn_operators_cost(cost, npu, &ops);
}
