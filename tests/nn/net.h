#ifndef SN_TEST_NET_H
#define SN_TEST_NET_H

/* A net of every layer kind, small enough to run in milliseconds. */

#include "check.h"

#include <string.h>

#include "base/rng.h"
#include "nn/graph.h"

enum { THREADS = 2 }; /* of every pass, and so of every graph */
enum { SIDE = 12, CLASSES = 8, STEM = 8, MID = 24, WIDE = 16, HEAD = 96 };
enum { MOST = 40 }; /* images */

static struct sn_error err;

struct net {
    struct sn_kernels k;
    struct sn_params p;
    struct sn_graph g;
    int stem, expand, depth, project1, dense, project2, head, linear, bias;
    struct sn_bn_ids stem_bn, bn1[3], bn2[2], head_bn;
    int labels[MOST];
    int side;     /* of an image */
    int mid;      /* channels inside the blocks */
    bool no_acts; /* nothing but batch-norm is between the layers */
};

static inline sn_act act_of(const struct net *t, sn_act act)
{
    return t->no_acts ? SN_ACT_NONE : act;
}

static inline void add_params(struct net *t)
{
    struct sn_params *p = &t->p;
    sn_params_init(p);
    t->stem = sn_params_add(p, SN_PARAM_CONV, 27, STEM, 9, 0, "stem");
    t->stem_bn = sn_params_add_bn(p, STEM, 1, "stem.bn");
    t->expand = sn_params_add(p, SN_PARAM_CONV, STEM, t->mid, 1, 0, "expand");
    t->bn1[0] = sn_params_add_bn(p, t->mid, 1, "expand.bn");
    t->depth = sn_params_add(p, SN_PARAM_DEPTHWISE, 9, t->mid, 9, 0, "depth");
    t->bn1[1] = sn_params_add_bn(p, t->mid, 1, "depth.bn");
    t->project1 =
        sn_params_add(p, SN_PARAM_CONV, t->mid, STEM, 1, 0, "project1");
    t->bn1[2] = sn_params_add_bn(p, STEM, 1, "project1.bn");
    t->dense = sn_params_add(p, SN_PARAM_CONV, 9 * STEM, t->mid, 9, 0, "dense");
    t->bn2[0] = sn_params_add_bn(p, t->mid, 1, "dense.bn");
    t->project2 =
        sn_params_add(p, SN_PARAM_CONV, t->mid, WIDE, 1, 0, "project2");
    t->bn2[1] = sn_params_add_bn(p, WIDE, 1, "project2.bn");
    t->head = sn_params_add(p, SN_PARAM_CONV, WIDE, HEAD, 1, 0, "head");
    t->head_bn = sn_params_add_bn(p, HEAD, 1, "head.bn");
    t->linear =
        sn_params_add(p, SN_PARAM_LINEAR, HEAD, CLASSES, 1, 0, "linear");
    t->bias = sn_params_add(p, SN_PARAM_BETA, 1, CLASSES, 0, 0, "bias");
    check_ok(sn_params_take(p, &err), &err);
    sn_params_draw(p, check_seed());
}

static inline struct sn_tensor *conv_layer(struct net *t, const char *name,
                                           struct sn_tensor *x, int cout, int k,
                                           int weight, struct sn_bn_ids bn)
{
    return sn_graph_conv(
        &t->g, name, x,
        &(struct sn_conv_spec){.cout = cout,
                               .k = k,
                               .stride = 1,
                               .weight = sn_params_weight(&t->p, weight),
                               .bn = sn_params_bn(&t->p, bn),
                               .act = act_of(t, SN_ACT_HSWISH)});
}

static inline struct sn_tensor *ibn_layer(struct net *t, struct sn_tensor *x)
{
    struct sn_ibn_spec s = {.k = 3,
                            .stride = 1,
                            .mid = t->mid,
                            .cout = STEM,
                            .expands = true,
                            .expand = sn_params_weight(&t->p, t->expand),
                            .depth = sn_params_weight(&t->p, t->depth),
                            .depth_row = (ptrdiff_t)3 * t->mid,
                            .project = sn_params_weight(&t->p, t->project1),
                            .act = act_of(t, SN_ACT_RELU6)};
    for (int i = 0; i < 3; i++)
        s.bn[i] = sn_params_bn(&t->p, t->bn1[i]);
    return sn_graph_ibn(&t->g, "ibn", x, &s);
}

static inline struct sn_tensor *fused_layer(struct net *t, struct sn_tensor *x)
{
    struct sn_fused_spec s = {.k = 3,
                              .stride = 2,
                              .mid = t->mid,
                              .cout = WIDE,
                              .dense = sn_params_weight(&t->p, t->dense),
                              .project = sn_params_weight(&t->p, t->project2),
                              .act = act_of(t, SN_ACT_RELU)};
    for (int i = 0; i < 2; i++)
        s.bn[i] = sn_params_bn(&t->p, t->bn2[i]);
    return sn_graph_fused(&t->g, "fused", x, &s);
}

static inline void list_layers(struct net *t, int n, int side)
{
    sn_graph_reset(&t->g, n);
    struct sn_tensor *x = sn_graph_input(&t->g, side, side, 3);
    x = conv_layer(t, "stem", x, STEM, 3, t->stem, t->stem_bn);
    const struct sn_term terms[2] = {{x, NULL, NULL},
                                     {ibn_layer(t, x), NULL, NULL}};
    x = sn_graph_sum(&t->g, "add", terms, 2);
    x = fused_layer(t, x);
    x = conv_layer(t, "head", x, HEAD, 1, t->head, t->head_bn);
    x = sn_graph_pool(&t->g, x);
    x = sn_graph_linear(&t->g, x, CLASSES, sn_params_weight(&t->p, t->linear),
                        sn_params_weight(&t->p, t->bias));
    sn_graph_loss(&t->g, x, 0);
}

/* Images `salt`, and labels; every pad lane stays NaN. */
static inline void fill(struct net *t, uint32_t salt)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    struct sn_tensor *x = sn_graph_first(&t->g);
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(x); ip++)
        for (int ic = 0; ic < x->c; ic++)
            x->y[ip * x->ld + ic] =
                (sn_real)sn_rng_normal(rng, salt, (uint32_t)ic, (uint64_t)ip);
    for (int in = 0; in < x->n; in++)
        t->labels[in] = in % CLASSES;
    sn_graph_last(&t->g)->labels = t->labels;
}

static inline void plan(struct net *t)
{
    check_ok(sn_graph_plan(&t->g, true, &err), &err);
    sn_arena_fill(&t->g.arena, 0xff); /* NaN */
}

/* Opens `t`, whose side, mid and no_acts are set, with kernels as they are. */
static inline void open_net_with(struct net *t, int n)
{
    check_ok(sn_graph_init(&t->g, &t->k, THREADS, &err), &err);
    add_params(t);
    list_layers(t, n, t->side);
    plan(t);
    fill(t, 0);
}

static inline void open_net(struct net *t, int n)
{
    *t = (struct net){.side = SIDE, .mid = MID};
    sn_kernels_init(&t->k, sn_cpu_isa());
    open_net_with(t, n);
}

static inline void close_net(struct net *t)
{
    sn_params_release(&t->p);
    sn_graph_release(&t->g);
}

#endif
