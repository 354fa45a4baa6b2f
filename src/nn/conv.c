/* One convolution with batch-norm and activation, both left pending: stem and
 * head.  A 1x1 of stride 1 is a matrix product on the rows as they lie. */

#include "nn/layer.h"

void sn_conv_init(struct sn_layer *layer, struct sn_tensor *in,
                  const struct sn_conv_spec *spec)
{
    struct sn_conv *c = &layer->as.conv;
    const bool point = spec->k == 1 && spec->stride == 1;
    sn_stage_init(&c->stage, point ? SN_STAGE_POINT : SN_STAGE_DENSE, in,
                  &layer->out, spec->cout, spec->k, spec->stride, spec->weight,
                  0);
    sn_stage_taps(&c->stage, spec->tap, spec->tap_row);
    c->bn.view = spec->bn;
    layer->out.bn = &c->bn;
    layer->out.act = spec->act;
}

void sn_conv_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_conv *c = &layer->as.conv;
    sn_tensor_plan(&layer->out, plan->arena);
    sn_stage_plan(&c->stage, plan);
}

void sn_conv_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    sn_stage_fwd(&layer->as.conv.stage, pass);
}

void sn_conv_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    sn_stage_bwd(&layer->as.conv.stage, pass);
}
