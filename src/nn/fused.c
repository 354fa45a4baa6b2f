/* Fused inverted bottleneck as one layer: the first 1x1 and the depthwise k x k
 * become one full k x k convolution; see layer.h for the formula. */

#include "nn/wide.h"

void sn_fused_init(struct sn_layer *layer, struct sn_tensor *in,
                   const struct sn_fused_spec *spec)
{
    struct sn_fused *b = &layer->as.fused;
    sn_wide_init(&b->mid, &b->bn[0], spec->bn[0], spec->act);
    sn_stage_init(&b->dense, SN_STAGE_DENSE, in, &b->mid, spec->mid, spec->k,
                  spec->stride, spec->dense, 0);
    sn_stage_init(&b->project, SN_STAGE_POINT, &b->mid, &layer->out, spec->cout,
                  1, 1, spec->project, 0);
    b->project.mask = spec->mask;
    b->project.dmask = spec->dmask;
    b->bn[1].view = spec->bn[1];
    layer->out.bn = &b->bn[1];
    layer->out.act = SN_ACT_NONE;
}

void sn_fused_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_fused *b = &layer->as.fused;
    size_t wide = 0;
    sn_tensor_plan(&layer->out, plan->arena);
    sn_wide_plan(&b->mid, plan, &wide);
    sn_stage_plan(&b->dense, plan);
    sn_stage_plan(&b->project, plan);
}

void sn_fused_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_fused *b = &layer->as.fused;
    sn_stage_fwd(&b->dense, pass);
    sn_stage_fwd(&b->project, pass);
}

void sn_fused_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_fused *b = &layer->as.fused;
    b->mid.grads_seen = 0;
    if (!b->mid.kept)
        sn_stage_again(&b->dense, pass);
    sn_stage_bwd(&b->project, pass);
    sn_stage_bwd(&b->dense, pass);
}
