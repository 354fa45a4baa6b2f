/* out = x W + bias on pooled features: the classifier. */

#include <string.h>

#include "base/status.h"
#include "nn/layer.h"

void sn_linear_init(struct sn_layer *layer, struct sn_tensor *in, int cout,
                    struct sn_weight weight, struct sn_weight bias)
{
    struct sn_linear *l = &layer->as.linear;
    SN_CHECK(in->h == 1 && in->w == 1);
    sn_stage_init(&l->stage, SN_STAGE_POINT, in, &layer->out, cout, 1, 1,
                  weight, 0);
    l->stage.exact = true;
    l->bias = bias;
}

void sn_linear_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_linear *l = &layer->as.linear;
    sn_tensor_plan(&layer->out, plan->arena);
    sn_stage_plan(&l->stage, plan);
    l->slots =
        sn_arena_take(plan->arena, (size_t)layer->out.c, sizeof *l->slots);
}

void sn_linear_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_linear *l = &layer->as.linear;
    struct sn_tensor *out = &layer->out;
    sn_stage_fwd(&l->stage, pass);
    for (int in = 0; in < out->n; in++)
        for (int ic = 0; ic < out->c; ic++)
            out->y[(ptrdiff_t)in * out->ld + ic] += l->bias.w[ic];
}

void sn_linear_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_linear *l = &layer->as.linear;
    const struct sn_tensor *out = &layer->out;
    memset(l->slots, 0, (size_t)out->c * sizeof *l->slots);
    pass->k->bias_grad(l->slots, out->dz, out->ld, out->c, out->n);
    for (int ic = 0; ic < out->c; ic++)
        l->bias.g[ic] += (sn_real)l->slots[ic];
    sn_stage_bwd(&l->stage, pass);
}
