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
    sn_stage_taps(&b->dense, spec->tap, spec->tap_row);
    sn_stage_init(&b->project, SN_STAGE_POINT, &b->mid, &layer->out, spec->cout,
                  1, 1, spec->project, 0);
    b->project.mask = spec->mask;
    b->project.dmask = spec->dmask;
    b->bn[1].view = spec->bn[1];
    layer->out.bn = spec->raw ? NULL : &b->bn[1];
    layer->out.act = SN_ACT_NONE;
    b->parts = (struct sn_parts){.channels = spec->mid,
                                 .each = spec->mid,
                                 .bn = {{.view = spec->bn[0]}},
                                 .weight = {spec->dense, spec->project},
                                 .mask = spec->mask,
                                 .dmask = spec->dmask};
}

void sn_fused_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_fused *b = &layer->as.fused;
    size_t wide = 0;
    sn_tensor_plan(&layer->out, plan->arena);
    sn_wide_plan(&b->mid, &b->parts.bn[0], &b->parts, plan, &wide);
    sn_stage_plan(&b->dense, plan);
    sn_stage_plan(&b->project, plan);
}

/* Makes tensor and stages those of the part from channel `first` on. */
static void take_part(struct sn_fused *b, int first)
{
    const struct sn_parts *p = &b->parts;
    sn_wide_part(&b->mid, &p->bn[0], p, first);
    b->dense.weight = sn_weight_columns(p->weight[0], first);
    sn_wide_enter(&b->dense, p, first);
    sn_wide_project(&b->project, p, p->weight[1], first);
}

void sn_fused_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_fused *b = &layer->as.fused;
    for (int first = 0; first < b->parts.channels; first += b->parts.each) {
        take_part(b, first);
        sn_stage_fwd(&b->dense, pass);
        sn_stage_fwd(&b->project, pass);
    }
}

void sn_fused_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_fused *b = &layer->as.fused;
    for (int first = 0; first < b->parts.channels; first += b->parts.each) {
        take_part(b, first);
        if (!b->mid.kept)
            sn_stage_again(&b->dense, pass);
        sn_stage_bwd(&b->project, pass);
        sn_stage_bwd(&b->dense, pass);
    }
}
