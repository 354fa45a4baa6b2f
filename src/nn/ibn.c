/* Inverted bottleneck as one layer; see layer.h for the formula.
 *
 * Three stages over two wide tensors.  Forward stores the raw outputs of the
 * expansion and of the depthwise convolution and nothing else; the activated
 * tensors exist only as a few rows in cache.  Backward runs the stages in
 * reverse, and first makes again what was not kept. */

#include "nn/branch.h"
#include "nn/wide.h"

/* A second depthwise convolution of what the first one reads; nothing runs
 * backward through it. */
static void init_wider(struct sn_ibn *b, const struct sn_ibn_spec *spec)
{
    struct sn_wider *w = &b->wider;
    w->slope = spec->wider_slope;
    w->weight = spec->wider;
    sn_stage_init(&w->depth, SN_STAGE_DEPTH, b->depth.in, &w->out, spec->mid,
                  spec->wider_k, spec->stride, spec->wider, spec->depth_row);
    b->depth.in->readers--;
}

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
    layer->out.bn = spec->raw ? NULL : &b->bn[2];
    layer->out.act = SN_ACT_NONE;
    b->parts =
        (struct sn_parts){.channels = spec->mid,
                          .each = spec->mid,
                          .bn = {{.view = spec->bn[0]}, {.view = spec->bn[1]}},
                          .weight = {spec->expand, spec->depth, spec->project},
                          .mask = spec->mask,
                          .dmask = spec->dmask};
    if (spec->wider_slope)
        init_wider(b, spec);
}

/* In the place of the wide tensors, behind the block's own. */
static void plan_wider(struct sn_ibn *b, struct sn_plan *plan, size_t *at)
{
    struct sn_wider *w = &b->wider;
    struct sn_tensor *y = &w->out;
    sn_tensor_shape(y, y->n, y->h, y->w, b->parts.each);
    y->y = sn_wide_take(y, plan, at);
    w->slots = sn_slope_plan(&b->mid2, plan);
    plan->backward = false;
    sn_stage_plan(&w->depth, plan);
    plan->backward = true;
}

void sn_ibn_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_ibn *b = &layer->as.ibn;
    struct sn_parts *p = &b->parts;
    size_t wide = 0;
    sn_tensor_plan(&layer->out, plan->arena);
    if (b->expands) {
        sn_wide_plan(&b->mid1, &p->bn[0], p, plan, &wide);
        sn_stage_plan(&b->expand, plan);
    }
    sn_wide_plan(&b->mid2, &p->bn[1], p, plan, &wide);
    sn_stage_plan(&b->depth, plan);
    sn_stage_plan(&b->project, plan);
    if (b->wider.slope && plan->backward)
        plan_wider(b, plan, &wide);
}

/* Makes tensors and stages those of the part from channel `first` on. */
static void take_part(struct sn_ibn *b, int first)
{
    const struct sn_parts *p = &b->parts;
    if (b->expands) {
        sn_wide_part(&b->mid1, &p->bn[0], p, first);
        b->expand.weight = sn_weight_columns(p->weight[0], first);
        sn_wide_enter(&b->expand, p, first);
    }
    sn_wide_part(&b->mid2, &p->bn[1], p, first);
    b->depth.weight = sn_weight_columns(p->weight[1], first);
    sn_wide_project(&b->project, p, p->weight[2], first);
}

void sn_ibn_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_ibn *b = &layer->as.ibn;
    for (int first = 0; first < b->parts.channels; first += b->parts.each) {
        take_part(b, first);
        if (b->expands)
            sn_stage_fwd(&b->expand, pass);
        sn_stage_fwd(&b->depth, pass);
        sn_stage_fwd(&b->project, pass);
    }
}

/* dL/dy2 is there, and what the depthwise convolution reads; a part's of it,
 * from channel `first` on. */
static void run_wider(struct sn_ibn *b, int first, const struct sn_pass *pass)
{
    struct sn_wider *w = &b->wider;
    struct sn_tensor *y = &w->out;
    sn_tensor_shape(y, y->n, y->h, y->w, b->mid2.c);
    w->depth.weight = sn_weight_columns(w->weight, first);
    sn_stage_fwd(&w->depth, pass);
    *w->slope = (first > 0 ? *w->slope : 0) +
                sn_slope(&b->mid2, y, true, true, w->slots, pass);
}

void sn_ibn_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_ibn *b = &layer->as.ibn;
    for (int first = 0; first < b->parts.channels; first += b->parts.each) {
        take_part(b, first);
        if (b->expands && !b->mid1.kept)
            sn_stage_again(&b->expand, pass);
        if (!b->mid2.kept)
            sn_stage_again(&b->depth, pass);
        sn_stage_bwd(&b->project, pass);
        if (b->wider.slope)
            run_wider(b, first, pass);
        sn_stage_bwd(&b->depth, pass);
        if (b->expands)
            sn_stage_bwd(&b->expand, pass);
    }
}
