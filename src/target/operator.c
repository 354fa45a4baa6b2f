/* What is true of an operator on every device: arithmetic and weights. */

#include "target/operator.h"

int sn_strided(int extent, int stride)
{
    return (extent + stride - 1) / stride;
}

int64_t sn_operator_pixels(const struct sn_operator *op)
{
    if (op->kind == SN_OPERATOR_GAP || op->kind == SN_OPERATOR_FC)
        return 1;
    return (int64_t)sn_strided(op->h, op->stride) *
           sn_strided(op->w, op->stride);
}

/* Weights without biases. */
static double weights(const struct sn_operator *op)
{
    switch (op->kind) {
    case SN_OPERATOR_CONV:
    case SN_OPERATOR_FC:
        return (double)op->k * op->k * op->cin * op->cout;
    case SN_OPERATOR_DWCONV:
        return (double)op->k * op->k * op->cin;
    case SN_OPERATOR_ADD:
    case SN_OPERATOR_GAP:
        break;
    }
    return 0.0;
}

double sn_operator_macs(const struct sn_operator *op)
{
    return (double)sn_operator_pixels(op) * weights(op);
}

double sn_operator_params(const struct sn_operator *op)
{
    const double w = weights(op);
    return w > 0.0 ? w + op->cout : 0.0;
}

void sn_cost_add(struct sn_cost *total, const struct sn_cost *part)
{
    total->seconds += part->seconds;
    total->macs += part->macs;
    total->params += part->params;
    total->weights += part->weights;
    if (part->activations > total->activations)
        total->activations = part->activations;
}
