/* Tensors inside of blocks, whole and in parts; see wide.h. */

#include "nn/wide.h"

void sn_wide_init(struct sn_tensor *t, struct sn_bn *bn, struct sn_bn_view view,
                  sn_act act)
{
    bn->view = view;
    t->bn = bn;
    t->act = act;
    t->wants_grad = t->kept = true;
}

void *sn_wide_take(const struct sn_tensor *t, struct sn_plan *plan, size_t *at)
{
    sn_real *part = plan->wides ? plan->wides + *at : NULL;
    *at += sn_tensor_reals(t);
    sn_plan_raise(&plan->need.wide, *at);
    return part;
}

void sn_wide_plan(struct sn_tensor *t, struct sn_bn *all,
                  const struct sn_parts *parts, struct sn_plan *plan,
                  size_t *at)
{
    t->bn->view = all->view;
    sn_tensor_shape(t, t->n, t->h, t->w, parts->channels);
    sn_tensor_plan_bn(t, plan->arena);
    *all = *t->bn;
    sn_tensor_shape(t, t->n, t->h, t->w, parts->each);
    t->form = plan->bf16 ? SN_BF16 : SN_REAL;
    t->y = t->dz = NULL;
    t->y16 = t->dz16 = NULL;
    void *y =
        t->kept && plan->backward
            ? sn_arena_take(plan->arena, sn_tensor_reals(t), sizeof(sn_real))
            : sn_wide_take(t, plan, at);
    void *dz = plan->backward ? sn_wide_take(t, plan, at) : NULL;
    if (t->form == SN_BF16) {
        t->y16 = y;
        t->dz16 = dz;
    } else {
        t->y = y;
        t->dz = dz;
    }
}

void sn_wide_part(struct sn_tensor *t, const struct sn_bn *all,
                  const struct sn_parts *parts, int first)
{
    const struct sn_bn_view *v = &all->view;
    const int c = sn_parts_channels(parts, first);
    sn_tensor_shape(t, t->n, t->h, t->w, c);
    *t->bn = *all; /* sums and what backward uses are of one part at a time */
    t->bn->s += first;
    t->bn->b += first;
    t->bn->mu += first;
    t->bn->rstd += first;
    t->bn->view = (struct sn_bn_view){.gamma = v->gamma + first,
                                      .beta = v->beta + first,
                                      .dgamma = v->dgamma + first,
                                      .dbeta = v->dbeta + first,
                                      .mean = v->mean + first,
                                      .m2 = v->m2 + first,
                                      .count = v->count};
    t->bn->more = first + c < parts->channels;
}

void sn_wide_project(struct sn_stage *project, const struct sn_parts *parts,
                     struct sn_weight whole, int first)
{
    const ptrdiff_t row = (ptrdiff_t)first * whole.ld;
    project->weight =
        (struct sn_weight){whole.w + row, whole.g + row, whole.ld};
    project->mask = parts->mask ? parts->mask + first : NULL;
    project->dmask = parts->dmask ? parts->dmask + first : NULL;
    project->out_adds = first > 0;
    project->out_more = first + parts->each < parts->channels;
}

struct sn_tensor *sn_layer_block_input(struct sn_layer *layer)
{
    if (layer->id == SN_LAYER_FUSED)
        return layer->as.fused.dense.in;
    if (layer->id != SN_LAYER_IBN)
        return NULL;
    const struct sn_ibn *b = &layer->as.ibn;
    return b->expands ? b->expand.in : b->depth.in;
}

struct sn_parts *sn_layer_parts(struct sn_layer *layer)
{
    struct sn_parts *p = NULL;
    if (layer->id == SN_LAYER_FUSED)
        p = &layer->as.fused.parts;
    else if (layer->id == SN_LAYER_IBN && layer->as.ibn.expands)
        p = &layer->as.ibn.parts;
    /* all parts are even, so that what takes pairs takes all of them */
    return p && p->channels % 2 == 0 ? p : NULL;
}

int sn_layer_wides(struct sn_layer *layer, struct sn_wide wide[SN_MAX_WIDES])
{
    /* per channel, a multiply-add takes about four times as long */
    enum { PER_CHANNEL = 4 };
    int n = 0;
    if (layer->id == SN_LAYER_FUSED) {
        struct sn_fused *b = &layer->as.fused;
        const int k = b->dense.window.k;
        wide[n++] = (struct sn_wide){&b->mid, (double)k * k * b->dense.in->c};
    } else if (layer->id == SN_LAYER_IBN) {
        struct sn_ibn *b = &layer->as.ibn;
        const int k = b->depth.window.k;
        if (b->expands)
            wide[n++] = (struct sn_wide){&b->mid1, b->expand.in->c};
        wide[n++] = (struct sn_wide){&b->mid2, (double)PER_CHANNEL * k * k};
    }
    return n;
}
