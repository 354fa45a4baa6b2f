/* A net as a list of layers; see graph.h.  Its memory is settled in plan.c. */

#include "nn/graph.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sn_status sn_graph_init(struct sn_graph *g, const struct sn_kernels *k,
                        int threads, struct sn_error *err)
{
    SN_CHECK(threads >= 1);
    *g = (struct sn_graph){.k = k, .threads = threads};
    sn_arena_init(&g->arena);
    g->layer = calloc(SN_MAX_LAYERS, sizeof *g->layer);
    /* plans are also counted for as many threads as there are units */
    const size_t most = threads > SN_UNITS ? (size_t)threads : SN_UNITS;
    g->scratch = calloc(most, sizeof *g->scratch);
    g->branch = calloc(SN_MAX_BRANCHES, sizeof *g->branch);
    if (g->layer && g->branch && g->scratch)
        return SN_OK;
    sn_graph_release(g);
    return sn_fail(err, SN_ERR_MEMORY, "no memory for a list of %d layers",
                   SN_MAX_LAYERS);
}

void sn_graph_release(struct sn_graph *g)
{
    free(g->layer);
    free(g->branch);
    free(g->scratch);
    sn_arena_release(&g->arena);
    *g = (struct sn_graph){0};
}

void sn_graph_reset(struct sn_graph *g, int n)
{
    g->layers = g->branches = g->aside = 0;
    g->in_branch = false;
    g->batch = n;
}

static struct sn_layer *add(struct sn_graph *g, sn_layer_id id,
                            const char *name)
{
    SN_CHECK(g->layers + g->aside < SN_MAX_LAYERS);
    SN_CHECK(g->in_branch || g->aside == 0);
    struct sn_layer *layer = &g->layer[g->layers + g->aside];
    memset(layer, 0, sizeof *layer);
    layer->id = id;
    layer->out.wants_grad = !g->in_branch;
    if (g->in_branch)
        g->aside++;
    else
        g->layers++;
    snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}

/* The layer that was added last reads `in`; one of a branch has no gradient to
 * add to it. */
static void reads(const struct sn_graph *g, struct sn_tensor *in)
{
    if (g->in_branch)
        in->readers--;
    else
        in->last_reader = g->layers - 1;
}

struct sn_tensor *sn_graph_input(struct sn_graph *g, int h, int w, int c)
{
    struct sn_layer *layer = add(g, SN_LAYER_INPUT, "input");
    sn_tensor_shape(&layer->out, g->batch, h, w, c);
    layer->out.wants_grad = false;
    return &layer->out;
}

struct sn_tensor *sn_graph_conv(struct sn_graph *g, const char *name,
                                struct sn_tensor *in,
                                const struct sn_conv_spec *spec)
{
    struct sn_layer *layer = add(g, SN_LAYER_CONV, name);
    sn_conv_init(layer, in, spec);
    reads(g, in);
    return &layer->out;
}

struct sn_tensor *sn_graph_ibn(struct sn_graph *g, const char *name,
                               struct sn_tensor *in,
                               const struct sn_ibn_spec *spec)
{
    struct sn_layer *layer = add(g, SN_LAYER_IBN, name);
    sn_ibn_init(layer, in, spec);
    reads(g, in);
    return &layer->out;
}

struct sn_tensor *sn_graph_fused(struct sn_graph *g, const char *name,
                                 struct sn_tensor *in,
                                 const struct sn_fused_spec *spec)
{
    struct sn_layer *layer = add(g, SN_LAYER_FUSED, name);
    sn_fused_init(layer, in, spec);
    reads(g, in);
    return &layer->out;
}

struct sn_tensor *sn_graph_sum(struct sn_graph *g, const char *name,
                               const struct sn_term *terms, int n)
{
    struct sn_layer *layer = add(g, SN_LAYER_SUM, name);
    sn_sum_init(layer, terms, n);
    for (int i = 0; i < n; i++)
        reads(g, terms[i].x);
    return &layer->out;
}

struct sn_tensor *sn_graph_pool(struct sn_graph *g, struct sn_tensor *in)
{
    struct sn_layer *layer = add(g, SN_LAYER_POOL, "pool");
    sn_pool_init(layer, in);
    reads(g, in);
    return &layer->out;
}

struct sn_tensor *sn_graph_linear(struct sn_graph *g, struct sn_tensor *in,
                                  int cout, struct sn_weight weight,
                                  struct sn_weight bias)
{
    struct sn_layer *layer = add(g, SN_LAYER_LINEAR, "linear");
    sn_linear_init(layer, in, cout, weight, bias);
    reads(g, in);
    return &layer->out;
}

void sn_graph_loss(struct sn_graph *g, struct sn_tensor *in, double smoothing)
{
    sn_loss_init(add(g, SN_LAYER_LOSS, "loss"), in, smoothing);
    reads(g, in);
}

/* The layer that owns an out tensor of the graph. */
static int layer_of(const struct sn_graph *g, const struct sn_tensor *out)
{
    for (int il = 0; il < g->layers; il++)
        if (&g->layer[il].out == out)
            return il;
    SN_CHECK(!"a tensor of the net");
    return -1;
}

void sn_graph_branch(struct sn_graph *g, struct sn_tensor *at)
{
    SN_CHECK(!g->in_branch && g->branches < SN_MAX_BRANCHES);
    SN_CHECK(at->wants_grad && at->readers > 0);
    g->branch[g->branches] = (struct sn_branch){.first = g->layers + g->aside,
                                                .at = layer_of(g, at)};
    g->in_branch = true;
}

void sn_graph_branch_end(struct sn_graph *g, sn_branch_kind kind,
                         const struct sn_tensor *end, double *slope)
{
    SN_CHECK(g->in_branch);
    struct sn_branch *b = &g->branch[g->branches++];
    b->kind = kind;
    b->count = g->layers + g->aside - b->first;
    b->end = end;
    b->slope = slope;
    g->in_branch = false;
}

struct sn_tensor *sn_graph_first(struct sn_graph *g)
{
    SN_CHECK(g->layers > 0 && g->layer[0].id == SN_LAYER_INPUT);
    return &g->layer[0].out;
}

struct sn_loss *sn_graph_last(struct sn_graph *g)
{
    SN_CHECK(g->layers > 0 && g->layer[g->layers - 1].id == SN_LAYER_LOSS);
    return &g->layer[g->layers - 1].as.loss;
}

/* Every thread of a pass must find its scratch. */
static void check_threads(const struct sn_graph *g)
{
    SN_CHECK(omp_get_max_threads() <= g->threads);
}

/* One pass of a layer, on the clock of a profile if there is one. */
static void run(struct sn_layer *layer, bool backward,
                const struct sn_pass *pass, struct sn_profile *profile)
{
    const struct sn_layer_kind *kind = &sn_layer_kinds[layer->id];
    const double start = sn_profile_start(profile);
    if (backward)
        kind->bwd(layer, pass);
    else
        kind->fwd(layer, pass);
    sn_profile_add(profile, sn_part_layer(layer->id, backward), start);
}

void sn_graph_fwd(struct sn_graph *g, sn_mode mode)
{
    check_threads(g);
    const struct sn_pass pass = {g->k, g->scratch, mode, false};
    struct sn_profile *profile = mode == SN_MODE_TRAIN ? g->profile : NULL;
    for (int il = 0; il < g->layers; il++)
        run(&g->layer[il], false, &pass, profile);
}

/* The branches held against what layer il wrote. */
static void run_branches(struct sn_graph *g, int il, const struct sn_pass *pass)
{
    for (int ib = 0; ib < g->branches; ib++) {
        const struct sn_branch *b = &g->branch[ib];
        if (b->at != il || b->kind == SN_BRANCH_STANDS)
            continue;
        for (int i = b->first; i < b->first + b->count; i++)
            run(&g->layer[i], false, pass, g->profile);
        *b->slope =
            sn_slope(&g->layer[il].out, b->end, b->kind == SN_BRANCH_BESIDE,
                     b->kind == SN_BRANCH_INSTEAD, b->slots, pass);
    }
}

static void backward(struct sn_graph *g, bool weights)
{
    check_threads(g);
    const struct sn_pass pass = {g->k, g->scratch, SN_MODE_TRAIN, weights};
    for (int il = 0; il < g->layers; il++)
        g->layer[il].out.grads_seen = 0;
    for (int il = g->layers - 1; il >= 0; il--) {
        run_branches(g, il, &pass);
        run(&g->layer[il], true, &pass, g->profile);
    }
}

void sn_graph_bwd(struct sn_graph *g)
{
    backward(g, true);
}

void sn_graph_bwd_gates(struct sn_graph *g)
{
    backward(g, false);
}

static ptrdiff_t first_nonfinite(const struct sn_tensor *t)
{
    const ptrdiff_t pixels = sn_tensor_pixels(t);
    for (ptrdiff_t ip = 0; ip < pixels; ip++)
        for (int ic = 0; ic < t->c; ic++)
            if (!isfinite(t->y[ip * t->ld + ic]))
                return ip * t->c + ic;
    return -1;
}

const struct sn_layer *sn_graph_nonfinite(const struct sn_graph *g,
                                          ptrdiff_t *index)
{
    for (int il = 0; il < g->layers; il++) {
        const struct sn_layer *layer = &g->layer[il];
        *index = layer->out.y ? first_nonfinite(&layer->out) : -1;
        if (*index >= 0)
            return layer;
    }
    return NULL;
}
