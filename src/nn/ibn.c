/* Inverted bottleneck as one layer; see layer.h for the formula.
 *
 * Three stages over two wide tensors.  Forward stores the raw outputs of the
 * expansion and of the depthwise convolution and nothing else; the activated
 * tensors exist only as a few rows in cache.  Backward runs the stages in
 * reverse, and first makes again what was not kept. */

#include "nn/wide.h"

void sn_ibn_init(struct sn_layer *layer, struct sn_tensor *in,
                 const struct sn_ibn_spec *spec)
{
    struct sn_ibn *b = &layer->as.ibn;
    struct sn_tensor *x = in;
    b->expands = spec->expands;
    if (spec->expands) {
        sn_wide_init(&b->mid1, &b->bn[0], spec->bn[0], spec->act);
        sn_stage_init(&b->expand, SN_STAGE_POINT, in, &b->mid1, spec->mid, 1, 1,
                      spec->expand, 0);
        x = &b->mid1;
    }
    sn_wide_init(&b->mid2, &b->bn[1], spec->bn[1], spec->act);
    sn_stage_init(&b->depth, SN_STAGE_DEPTH, x, &b->mid2, spec->mid, spec->k,
                  spec->stride, spec->depth, spec->depth_row);
    sn_stage_init(&b->project, SN_STAGE_POINT, &b->mid2, &layer->out,
                  spec->cout, 1, 1, spec->project, 0);
    b->project.mask = spec->mask;
    b->project.dmask = spec->dmask;
    b->bn[2].view = spec->bn[2];
    layer->out.bn = &b->bn[2];
    layer->out.act = SN_ACT_NONE;
}

void sn_ibn_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_ibn *b = &layer->as.ibn;
    size_t wide = 0;
    sn_tensor_plan(&layer->out, plan->arena);
    if (b->expands) {
        sn_wide_plan(&b->mid1, plan, &wide);
        sn_stage_plan(&b->expand, plan);
    }
    sn_wide_plan(&b->mid2, plan, &wide);
    sn_stage_plan(&b->depth, plan);
    sn_stage_plan(&b->project, plan);
}

void sn_ibn_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_ibn *b = &layer->as.ibn;
    if (b->expands)
        sn_stage_fwd(&b->expand, pass);
    sn_stage_fwd(&b->depth, pass);
    sn_stage_fwd(&b->project, pass);
}

void sn_ibn_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_ibn *b = &layer->as.ibn;
    b->mid1.grads_seen = b->mid2.grads_seen = 0;
    if (b->expands && !b->mid1.kept)
        sn_stage_again(&b->expand, pass);
    if (!b->mid2.kept)
        sn_stage_again(&b->depth, pass);
    sn_stage_bwd(&b->project, pass);
    sn_stage_bwd(&b->depth, pass);
    if (b->expands)
        sn_stage_bwd(&b->expand, pass);
}
