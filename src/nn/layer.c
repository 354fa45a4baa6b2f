/* The table of layer kinds. */

#include "nn/layer.h"

static void input_plan(struct sn_layer *l, struct sn_plan *plan)
{
    sn_tensor_plan(&l->out, plan->arena);
}

/* The caller fills the input. */
static void nothing(struct sn_layer *l, const struct sn_pass *pass)
{
    (void)l;
    (void)pass;
}

const struct sn_layer_kind sn_layer_kinds[SN_LAYER_KINDS] = {
    [SN_LAYER_INPUT] = {"input", input_plan, nothing, nothing},
    [SN_LAYER_CONV] = {"conv", sn_conv_plan, sn_conv_fwd, sn_conv_bwd},
    [SN_LAYER_IBN] = {"ibn", sn_ibn_plan, sn_ibn_fwd, sn_ibn_bwd},
    [SN_LAYER_FUSED] = {"fused", sn_fused_plan, sn_fused_fwd, sn_fused_bwd},
    [SN_LAYER_SUM] = {"sum", sn_sum_plan, sn_sum_fwd, sn_sum_bwd},
    [SN_LAYER_POOL] = {"pool", sn_pool_plan, sn_pool_fwd, sn_pool_bwd},
    [SN_LAYER_LINEAR] = {"linear", sn_linear_plan, sn_linear_fwd,
                         sn_linear_bwd},
    [SN_LAYER_LOSS] = {"loss", sn_loss_plan, sn_loss_fwd, sn_loss_bwd},
};
