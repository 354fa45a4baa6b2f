#ifndef SN_TARGET_OPERATOR_H
#define SN_TARGET_OPERATOR_H

/* The operator: the unit that a device runs, and that is priced.
 *
 * A block of the network is a short list of operators; what a block costs on a
 * device is the sum over them, each told which of its tensors live on chip
 * (METHOD-NPU 3). */

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    SN_OPERATOR_CONV,
    SN_OPERATOR_DWCONV,
    SN_OPERATOR_ADD, /* two inputs of cin channels */
    SN_OPERATOR_GAP, /* global average pool */
    SN_OPERATOR_FC
} sn_operator_kind;

struct sn_operator {
    sn_operator_kind kind;
    int cin, cout;          /* channels; dwconv, add, gap: cout = cin */
    int h, w;               /* of the input */
    int k, stride;          /* 1, 1 where they mean nothing */
    bool in_dram, out_dram; /* the tensor lives outside the chip */
};

/* The blocks of the search space. */
typedef enum {
    SN_OP_IBN,
    SN_OP_FUSED,
    SN_OP_CONV, /* one k x k convolution: e is 1 and means nothing */
    SN_OP_COUNT
} sn_block_op;

/* Everything the cost of one block depends on. */
struct sn_block_shape {
    sn_block_op op;
    int k, e;      /* kernel; expansion: mid = e*cin, an IBN with e = 1 has no
                    * expanding 1x1 */
    int cin, cout; /* a residual is added iff stride 1 and cin == cout */
    int h, w;      /* of the input */
    int stride;
};

/* What a net, a block or an operator costs on a target. */
struct sn_cost {
    double seconds;     /* predicted latency, batch 1 */
    double macs;        /* multiply-adds */
    double params;      /* folded weights and biases, a count */
    double weights;     /* bytes of them in the target's precision */
    double activations; /* peak bytes of live tensors; joins by max */
};

/* Pixels of a side after a stride (padding keeps the corners): extent / stride
 * rounded up. */
int sn_strided(int extent, int stride);

/* Pixels of an operator's output. */
int64_t sn_operator_pixels(const struct sn_operator *op);

/* Multiply-adds of an operator; an add and a pool have none. */
double sn_operator_macs(const struct sn_operator *op);

/* Its weights and, with batch-norm folded in, one bias per output channel. */
double sn_operator_params(const struct sn_operator *op);

/* Joins a part to a whole: sums, and the larger peak. */
void sn_cost_add(struct sn_cost *total, const struct sn_cost *part);

#endif
