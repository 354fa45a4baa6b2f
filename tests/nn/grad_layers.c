/* Every layer kind alone: its input gradient and those of all its parameters
 * against central differences of <R, out>, R fixed noise.
 *
 * The layer stands in a graph input -> [1x1 conv] -> layer -> sum; the sum
 * materialises what a reader of the layer would see, and its dz is set to R.
 * All planned memory starts as NaN: what is read before it is written, and
 * every read of a pad lane, shows. */

#include "nn/grad.h"

#include <omp.h>
#include <string.h>

#include "nn/graph.h"

enum { CIN = 4, MID = 12, SIDE_H = 6, SIDE_W = 5, MAX_GATES = 24 };

struct rig {
    struct sn_kernels k;
    struct sn_params p;
    struct sn_graph g;
    struct sn_tensor *in, *out;
    double *r; /* [n, h, w, c] of out */
    double gate[MAX_GATES], dgate[MAX_GATES];
    bool in_parts; /* memory for one part of the block at a time */
    int gates;     /* of gate[], how many are checked */
    const char *gate_name;
    struct sn_loss *loss; /* the loss itself is looked at when there is one */
};

static const char *const act_name[] = {"none", "relu", "relu6", "hswish"};

static void rig_open(struct rig *r)
{
    *r = (struct rig){0};
    sn_kernels_init(&r->k, SN_ISA_REF);
    sn_params_init(&r->p);
    struct sn_error err;
    check_ok(sn_graph_init(&r->g, &r->k, 1, &err), &err);
}

/* Weights are noise; gains and shifts spread values over both kinks. */
static void fill_params(struct sn_params *p)
{
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const ptrdiff_t n = (ptrdiff_t)it->rows * it->cols;
        const double *noise = check_noise(n);
        double *w = p->w + it->first;
        for (ptrdiff_t i = 0; i < n; i++)
            w[i] = it->kind == SN_PARAM_GAMMA  ? 2.5 + 1.5 * noise[i]
                   : it->kind == SN_PARAM_BETA ? 1 + 1.5 * noise[i]
                                               : noise[i];
    }
}

/* Steps follow from cache sizes, and these nets are small: more than one of
 * them in a unit has to be asked for. */
static void cut_steps(struct sn_graph *g)
{
    for (int il = 0; il < g->layers; il++) {
        struct sn_layer *l = &g->layer[il];
        if (l->id == SN_LAYER_CONV)
            l->as.conv.stage.step = 1;
        if (l->id == SN_LAYER_IBN)
            l->as.ibn.expand.step = l->as.ibn.depth.step =
                l->as.ibn.project.step = 1;
        if (l->id == SN_LAYER_FUSED)
            l->as.fused.dense.step = l->as.fused.project.step = 1;
    }
}

/* After the parameters were added: takes them and starts the graph. */
static void rig_begin(struct rig *r, int n, int h, int w, int c)
{
    struct sn_error err;
    check_ok(sn_params_take(&r->p, &err), &err);
    fill_params(&r->p);
    const double *noise = check_noise(MAX_GATES);
    for (int i = 0; i < MAX_GATES; i++)
        r->gate[i] = 0.7 + 0.5 * noise[i];
    sn_graph_reset(&r->g, n);
    r->in = sn_graph_input(&r->g, h, w, c);
    r->in->wants_grad = true;
}

static double projected(void *ctx)
{
    struct rig *r = ctx;
    double sum = 0;
    sn_graph_fwd(&r->g, SN_MODE_TRAIN);
    if (r->loss)
        return r->loss->mean;
    const struct sn_tensor *t = r->out;
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(t); ip++)
        for (int ic = 0; ic < t->c; ic++)
            sum += r->r[ip * t->c + ic] * t->y[ip * t->ld + ic];
    return sum;
}

/* Plans, fills the input, runs once forward and backward. */
static void run_once(struct rig *r)
{
    struct sn_error err;
    check_ok(sn_graph_plan(&r->g, true, &err), &err);
    sn_arena_fill(&r->g.arena, 0xff); /* NaN everywhere */
    const ptrdiff_t pixels = sn_tensor_pixels(r->in);
    const double *noise = check_noise(pixels * r->in->c);
    for (ptrdiff_t i = 0; i < pixels * r->in->c; i++)
        r->in->y[i / r->in->c * r->in->ld + i % r->in->c] = 2 * noise[i];
    if (r->out) {
        const struct sn_tensor *t = r->out;
        r->r = check_noise(sn_tensor_pixels(t) * t->c);
        for (ptrdiff_t i = 0; i < sn_tensor_pixels(t) * t->c; i++)
            t->dz[i / t->c * t->ld + i % t->c] = r->r[i];
    }
    projected(r);
    sn_params_zero_grad(&r->p);
    sn_graph_bwd(&r->g);
}

/* Checks every gradient there is, then gives everything back. */
static void rig_finish(struct rig *r, struct sn_tensor *layer,
                       const char *title)
{
    const struct sn_term term = {layer, NULL, NULL};
    if (layer)
        r->out = layer->bn ? sn_graph_sum(&r->g, "out", &term, 1) : layer;
    if (r->in->n > SN_UNITS)
        cut_steps(&r->g);
    if (r->in_parts) {
        r->g.cap = 1;
        r->g.cap = sn_graph_bytes(&r->g, true); /* the least there is */
        assert_int_equal(sn_graph_kept(&r->g).in_parts, 1);
    }
    run_once(r);
    const struct grad_view x = {
        "x", r->in->y, r->in->dz, sn_tensor_pixels(r->in), r->in->c, r->in->ld};
    grad_check(title, projected, r, &x);
    for (int id = 0; id < r->p.count; id++) {
        const struct sn_param *it = &r->p.item[id];
        const struct grad_view v = {it->name,
                                    r->p.w + it->first,
                                    r->p.g + it->first,
                                    1,
                                    (ptrdiff_t)it->rows * it->cols,
                                    0};
        grad_check(title, projected, r, &v);
    }
    const struct grad_view gate = {r->gate_name, r->gate, r->dgate, 1,
                                   r->gates,     0};
    if (r->gates > 0)
        grad_check(title, projected, r, &gate);
    sn_params_release(&r->p);
    sn_graph_release(&r->g);
    check_guards();
}

/* A 1x1 convolution in front, so that the layer's input has something pending
 * and its gradient is summed in B1, B2. */
struct before {
    int weight;
    struct sn_bn_ids bn;
    sn_act act;
};

static struct before add_before(struct rig *r, sn_act act)
{
    struct before b = {.act = act};
    b.weight = sn_params_add(&r->p, SN_PARAM_CONV, CIN, CIN, 1, 0, "before");
    b.bn = sn_params_add_bn(&r->p, CIN, 1, "before.bn");
    return b;
}

static struct sn_tensor *build_before(struct rig *r, const struct before *b)
{
    return sn_graph_conv(
        &r->g, "before", r->in,
        &(struct sn_conv_spec){.cout = CIN,
                               .k = 1,
                               .stride = 1,
                               .weight = sn_params_weight(&r->p, b->weight),
                               .bn = sn_params_bn(&r->p, b->bn),
                               .act = b->act});
}

/* ---- conv ---- */

/* Of n images of h x w pixels.  With `view` the weight is the centre of a
 * larger kernel, the leading channels of wider taps. */
static void conv_case(int n, int h, int w, int cout, int k, int stride,
                      sn_act act, bool view)
{
    struct rig r;
    char title[64];
    rig_open(&r);
    const int stored = k + 2 * view, cin = CIN + 3 * view;
    const int weight = sn_params_add(&r.p, SN_PARAM_CONV, stored * stored * cin,
                                     cout + 2 * view, stored * stored, 0, "w");
    const struct sn_bn_ids bn = sn_params_add_bn(&r.p, cout, 1, "bn");
    rig_begin(&r, n, h, w, CIN);
    struct sn_conv_spec spec = {.cout = cout,
                                .k = k,
                                .stride = stride,
                                .weight = sn_params_weight(&r.p, weight),
                                .bn = sn_params_bn(&r.p, bn),
                                .act = act};
    if (view) {
        spec.tap = (ptrdiff_t)cin * spec.weight.ld;
        spec.tap_row = stored * spec.tap;
        spec.weight.w += spec.tap_row + spec.tap;
        spec.weight.g += spec.tap_row + spec.tap;
    }
    struct sn_tensor *out = sn_graph_conv(&r.g, "conv", r.in, &spec);
    snprintf(title, sizeof title, "conv k%d s%d %s%s, %d pixels", k, stride,
             act_name[act], view ? " view" : "", n * h * w);
    rig_finish(&r, out, title);
}

static void conv(void **state)
{
    (void)state;
    for (int k = 1; k <= 5; k += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (sn_act act = SN_ACT_NONE; act <= SN_ACT_HSWISH; act++)
                conv_case(3, SIDE_H, SIDE_W, 5, k, stride, act, false);
    for (sn_act act = SN_ACT_NONE; act <= SN_ACT_HSWISH; act++)
        conv_case(18, 1, 1, 50, 1, 1, act, false); /* gathered: gather.h */
    for (int k = 1; k <= 3; k += 2)
        for (int stride = 1; stride <= 2; stride++)
            conv_case(3, SIDE_H, SIDE_W, 5, k, stride, SN_ACT_RELU6, true);
}

/* ---- ibn and fused ---- */

struct block_case {
    int n, k, stride;
    bool expands, residual, mask;
    sn_act act;
    bool in_parts;
};

/* More than a part has. */
enum { PARTED = SN_LANES + 4 };

/* [x +] y as the layer above would read it. */
static struct sn_tensor *join(struct rig *r, const struct block_case *c,
                              struct sn_tensor *x, struct sn_tensor *y)
{
    const struct sn_term terms[2] = {{x, NULL, NULL}, {y, NULL, NULL}};
    return c->residual ? sn_graph_sum(&r->g, "add", terms, 2) : y;
}

static void block_title(char *title, size_t size, const char *kind,
                        const struct block_case *c)
{
    snprintf(title, size, "%s k%d s%d%s %s%s%s%s%s", kind, c->k, c->stride,
             c->expands ? " e>1" : " e=1", act_name[c->act],
             c->mask ? " mask" : "", c->residual ? " res" : "",
             c->n > SN_UNITS ? " chunks" : "", c->in_parts ? " parts" : "");
}

static void ibn_case(const struct block_case *c)
{
    struct rig r;
    char title[64];
    rig_open(&r);
    const int taps = c->k * c->k;
    const int mid = c->in_parts ? PARTED : c->expands ? MID : CIN;
    const int cout = c->residual ? CIN : 5;
    const struct before before = add_before(&r, c->act);
    const int expand = c->expands ? sn_params_add(&r.p, SN_PARAM_CONV, CIN, mid,
                                                  1, 0, "expand")
                                  : -1;
    struct sn_bn_ids bn[3] = {{0}};
    if (c->expands)
        bn[0] = sn_params_add_bn(&r.p, mid, 1, "expand.bn");
    const int depth =
        sn_params_add(&r.p, SN_PARAM_DEPTHWISE, taps, mid, taps, 0, "depth");
    bn[1] = sn_params_add_bn(&r.p, mid, 1, "depth.bn");
    const int project =
        sn_params_add(&r.p, SN_PARAM_CONV, mid, cout, 1, 0, "project");
    bn[2] = sn_params_add_bn(&r.p, cout, 1, "project.bn");

    rig_begin(&r, c->n, SIDE_H, SIDE_W, CIN);
    struct sn_tensor *x = build_before(&r, &before);
    struct sn_ibn_spec spec = {.k = c->k,
                               .stride = c->stride,
                               .mid = mid,
                               .cout = cout,
                               .expands = c->expands,
                               .depth = sn_params_weight(&r.p, depth),
                               .depth_row = (ptrdiff_t)c->k * mid,
                               .project = sn_params_weight(&r.p, project),
                               .act = c->act};
    if (c->expands) {
        spec.expand = sn_params_weight(&r.p, expand);
        spec.bn[0] = sn_params_bn(&r.p, bn[0]);
    }
    spec.bn[1] = sn_params_bn(&r.p, bn[1]);
    spec.bn[2] = sn_params_bn(&r.p, bn[2]);
    if (c->mask) {
        spec.mask = r.gate;
        spec.dmask = r.dgate;
        r.gates = mid;
        r.gate_name = "mask";
    }
    r.in_parts = c->in_parts;
    struct sn_tensor *y = sn_graph_ibn(&r.g, "ibn", x, &spec);
    block_title(title, sizeof title, "ibn", c);
    rig_finish(&r, join(&r, c, x, y), title);
}

static void fused_case(const struct block_case *c)
{
    struct rig r;
    char title[64];
    rig_open(&r);
    const int taps = c->k * c->k, cout = c->residual ? CIN : 5;
    const int mid = c->in_parts ? PARTED : MID;
    const struct before before = add_before(&r, c->act);
    const int dense =
        sn_params_add(&r.p, SN_PARAM_CONV, taps * CIN, mid, taps, 0, "dense");
    const struct sn_bn_ids bn0 = sn_params_add_bn(&r.p, mid, 1, "dense.bn");
    const int project =
        sn_params_add(&r.p, SN_PARAM_CONV, mid, cout, 1, 0, "project");
    const struct sn_bn_ids bn1 = sn_params_add_bn(&r.p, cout, 1, "project.bn");

    rig_begin(&r, c->n, SIDE_H, SIDE_W, CIN);
    struct sn_tensor *x = build_before(&r, &before);
    struct sn_fused_spec spec = {.k = c->k,
                                 .stride = c->stride,
                                 .mid = mid,
                                 .cout = cout,
                                 .dense = sn_params_weight(&r.p, dense),
                                 .project = sn_params_weight(&r.p, project),
                                 .act = c->act};
    spec.bn[0] = sn_params_bn(&r.p, bn0);
    spec.bn[1] = sn_params_bn(&r.p, bn1);
    if (c->mask) {
        spec.mask = r.gate;
        spec.dmask = r.dgate;
        r.gates = mid;
        r.gate_name = "mask";
    }
    r.in_parts = c->in_parts;
    struct sn_tensor *y = sn_graph_fused(&r.g, "fused", x, &spec);
    block_title(title, sizeof title, "fused", c);
    rig_finish(&r, join(&r, c, x, y), title);
}

/* Every kernel, stride, expansion and activation with mask and, where shapes
 * allow, residual; then once without either, with units of two images in chunks
 * of one, and in parts. */
static void blocks(void (*one)(const struct block_case *), bool fused)
{
    for (int k = 3; k <= 5; k += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (int e = fused; e < 2; e++) {
                struct block_case c = {3,           k,    stride, e,
                                       stride == 1, true, 0,      false};
                for (c.act = SN_ACT_NONE; c.act <= SN_ACT_HSWISH; c.act++)
                    one(&c);
                c.act = SN_ACT_RELU6;
                c.mask = c.residual = false;
                one(&c);
            }
    struct block_case c = {19, 3, 1, true, true, true, SN_ACT_RELU6, false};
    one(&c);
    c.in_parts = true;
    for (c.stride = 1; c.stride <= 2; c.stride++) {
        c.n = 3;
        c.residual = c.stride == 1;
        one(&c);
    }
}

static void ibn(void **state)
{
    (void)state;
    blocks(ibn_case, false);
}

static void fused(void **state)
{
    (void)state;
    blocks(fused_case, true);
}

/* ---- sum, pool, linear, loss ---- */

/* coef0 * conv(x) + x + coef1 * x: a pending term, a bare one, and one tensor
 * in two terms. */
static void sum(void **state)
{
    (void)state;
    for (sn_act act = SN_ACT_NONE; act <= SN_ACT_HSWISH; act++) {
        struct rig r;
        char title[64];
        rig_open(&r);
        const struct before before = add_before(&r, act);
        rig_begin(&r, 3, SIDE_H, SIDE_W, CIN);
        struct sn_tensor *y = build_before(&r, &before);
        const struct sn_term terms[3] = {{y, &r.gate[0], &r.dgate[0]},
                                         {r.in, NULL, NULL},
                                         {r.in, &r.gate[1], &r.dgate[1]}};
        r.gates = 2;
        r.gate_name = "coef";
        snprintf(title, sizeof title, "sum of %s", act_name[act]);
        rig_finish(&r, sn_graph_sum(&r.g, "sum", terms, 3), title);
    }
}

/* The pool, alone on its input and as the last of a tensor's two readers and
 * as the first. */
static void pool(void **state)
{
    (void)state;
    for (int pending = 0; pending <= 1; pending++) {
        struct rig r;
        rig_open(&r);
        struct before before = {0};
        if (pending)
            before = add_before(&r, SN_ACT_RELU6);
        rig_begin(&r, 3, SIDE_H, SIDE_W, CIN);
        struct sn_tensor *x = pending ? build_before(&r, &before) : r.in;
        rig_finish(&r, sn_graph_pool(&r.g, x),
                   pending ? "pool of relu6" : "pool");
    }
}

/* A tensor that two pools read: the second has to add its gradient. */
static void pool_twice(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    const struct before before = add_before(&r, SN_ACT_HSWISH);
    rig_begin(&r, 3, SIDE_H, SIDE_W, CIN);
    struct sn_tensor *x = build_before(&r, &before);
    struct sn_tensor *a = sn_graph_pool(&r.g, x), *b = sn_graph_pool(&r.g, x);
    const struct sn_term terms[2] = {{a, &r.gate[0], &r.dgate[0]},
                                     {b, &r.gate[1], &r.dgate[1]}};
    r.gates = 2;
    r.gate_name = "coef";
    rig_finish(&r, sn_graph_sum(&r.g, "sum", terms, 2), "two pools of hswish");
}

static void linear(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    const int w = sn_params_add(&r.p, SN_PARAM_LINEAR, 6, 3, 1, 0, "w");
    const int b = sn_params_add(&r.p, SN_PARAM_BETA, 1, 3, 0, 0, "b");
    rig_begin(&r, 5, 1, 1, 6);
    rig_finish(&r,
               sn_graph_linear(&r.g, r.in, 3, sn_params_weight(&r.p, w),
                               sn_params_weight(&r.p, b)),
               "linear");
}

static void loss(void **state)
{
    (void)state;
    static const int labels[5] = {3, 0, 6, 3, 1};
    for (int smooth = 0; smooth <= 1; smooth++) {
        struct rig r;
        rig_open(&r);
        const int w = sn_params_add(&r.p, SN_PARAM_LINEAR, 7, 7, 1, 0, "w");
        const int b = sn_params_add(&r.p, SN_PARAM_BETA, 1, 7, 0, 0, "b");
        rig_begin(&r, 5, 1, 1, 7);
        struct sn_tensor *x =
            sn_graph_linear(&r.g, r.in, 7, sn_params_weight(&r.p, w),
                            sn_params_weight(&r.p, b));
        sn_graph_loss(&r.g, x, 0.1 * smooth);
        r.loss = sn_graph_last(&r.g);
        r.loss->labels = labels;
        rig_finish(&r, NULL, smooth ? "loss smoothing .1" : "loss");
    }
}

/* The loss alone, straight on the input. */
static void loss_input(void **state)
{
    (void)state;
    static const int labels[4] = {2, 0, 1, 2};
    struct rig r;
    rig_open(&r);
    sn_params_add(&r.p, SN_PARAM_BETA, 1, 1, 0, 0, "none");
    rig_begin(&r, 4, 1, 1, 3);
    sn_graph_loss(&r.g, r.in, 0.2);
    r.loss = sn_graph_last(&r.g);
    r.loss->labels = labels;
    r.p.count = 0; /* no parameter takes part */
    rig_finish(&r, NULL, "loss on x, smoothing .2");
}

/* A gradient that is off by a thousandth does not pass, kinks or none. */
static void wrong_is_seen(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    const struct before before = add_before(&r, SN_ACT_RELU);
    rig_begin(&r, 3, SIDE_H, SIDE_W, CIN);
    struct sn_tensor *x = build_before(&r, &before);
    r.out = sn_graph_sum(&r.g, "out", &(struct sn_term){x, NULL, NULL}, 1);
    run_once(&r);
    const struct sn_param *w = &r.p.item[0];
    const struct grad_view v = {"w", r.p.w + w->first, r.p.g + w->first,
                                1,   CIN * CIN,        0};
    assert_true(grad_error(projected, &r, &v) <= GRAD_BOUND);
    int worst = 0;
    for (int i = 0; i < CIN * CIN; i++)
        if (fabs(v.g[i]) > fabs(v.g[worst]))
            worst = i;
    r.p.g[w->first + (size_t)worst] *= 1.001;
    assert_true(grad_error(projected, &r, &v) > 10 * GRAD_BOUND);
    sn_params_release(&r.p);
    sn_graph_release(&r.g);
    check_guards();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv),       cmocka_unit_test(ibn),
        cmocka_unit_test(fused),      cmocka_unit_test(sum),
        cmocka_unit_test(pool),       cmocka_unit_test(pool_twice),
        cmocka_unit_test(linear),     cmocka_unit_test(loss),
        cmocka_unit_test(loss_input), cmocka_unit_test(wrong_is_seen),
    };
    omp_set_num_threads(1); /* graphs this small do not pay for a team */
    return cmocka_run_group_tests_name("nn gradients", tests, NULL, NULL);
}
