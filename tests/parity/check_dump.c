/* The C side of the parity tests.
 *
 *   check_dump FOLDER   writes what the engine computes, for check_torch.py
 *   check_dump          tests that what it writes is the same every time
 *
 * FOLDER/values.bin holds float32 values one tensor after another;
 * FOLDER/cases.json lists the cases, each with its sizes and its tensors:
 * name, offset in values, count.  Shapes follow from the sizes; activations
 * are NHWC without gaps, weights as in nn/layer.h. */

#include "check.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "optim/sgd.h"
#include "search/supernet.h"

static struct sn_error err;

enum { THREADS = 2 }; /* of every pass, and so of every graph */

/* ---- writing ---- */

struct dump {
    FILE *values, *cases;
    long at; /* values written */
    int listed, tensors;
};

static void dump_open(struct dump *d, const char *folder)
{
    char path[4096];
    *d = (struct dump){0};
    snprintf(path, sizeof path, "%s/values.bin", folder);
    d->values = fopen(path, "wb");
    snprintf(path, sizeof path, "%s/cases.json", folder);
    d->cases = fopen(path, "w");
    if (!d->values || !d->cases) {
        perror(path);
        exit(1);
    }
    fputs("[", d->cases);
}

static void dump_close(struct dump *d)
{
    fputs("\n]\n", d->cases);
    if (ferror(d->values) | ferror(d->cases) | fclose(d->values) |
        fclose(d->cases)) {
        perror("check_dump");
        exit(1);
    }
}

/* Rows of c values, ld apart. */
static void put(struct dump *d, const char *name, const sn_real *x,
                ptrdiff_t rows, int c, ptrdiff_t ld)
{
    for (ptrdiff_t ir = 0; ir < rows; ir++)
        fwrite(x + ir * ld, sizeof *x, (size_t)c, d->values);
    fprintf(d->cases, "%s\n    \"%s\": [%ld, %ld]", d->tensors++ ? "," : "",
            name, d->at, (long)rows * c);
    d->at += (long)rows * c;
}

static void put_param(struct dump *d, const char *before,
                      const struct sn_param *it, const sn_real *flat)
{
    char name[SN_PARAM_NAME + 16];
    snprintf(name, sizeof name, "%s%s", before, it->name);
    put(d, name, flat + it->first, 1, it->rows * it->cols, 0);
}

/* Mean and variance that a batch-norm found in the batch. */
static void put_statistics(struct dump *d, const char *name,
                           const struct sn_bn *bn, int c)
{
    char full[64];
    sn_real *var = check_zeros(c);
    for (int ic = 0; ic < c; ic++)
        var[ic] = (sn_real)(1 / (bn->rstd[ic] * bn->rstd[ic]) - SN_BN_EPS);
    snprintf(full, sizeof full, "mean.%s", name);
    put(d, full, bn->mu, 1, c, 0);
    snprintf(full, sizeof full, "var.%s", name);
    put(d, full, var, 1, c, 0);
}

/* ---- blocks ---- */

struct block_case {
    enum { IBN, FUSED, CONV } op;
    int n, h, w, cin, mid, cout, k, stride;
    sn_act act;
};

static const struct block_case block_cases[] = {
    {IBN, 4, 10, 9, 16, 16, 24, 3, 1, SN_ACT_RELU6}, /* e = 1 */
    {IBN, 4, 10, 10, 16, 96, 24, 3, 2, SN_ACT_RELU6},
    {IBN, 5, 9, 9, 24, 144, 24, 3, 1, SN_ACT_RELU6},
    {IBN, 3, 9, 11, 24, 72, 24, 5, 1, SN_ACT_HSWISH},
    {IBN, 18, 8, 7, 13, 39, 21, 5, 2, SN_ACT_RELU},
    {IBN, 2, 4, 4, 96, 576, 160, 3, 1, SN_ACT_RELU6},
    {IBN, 3, 5, 6, 20, 20, 20, 5, 1, SN_ACT_HSWISH}, /* e = 1 */
    {IBN, 33, 72, 70, 9, 18, 9, 3, 1, SN_ACT_NONE},  /* many chunks */
    {FUSED, 4, 10, 9, 16, 64, 24, 3, 1, SN_ACT_RELU6},
    {FUSED, 4, 10, 10, 16, 64, 24, 3, 2, SN_ACT_RELU6},
    {FUSED, 18, 9, 9, 24, 48, 24, 3, 1, SN_ACT_RELU},
    {FUSED, 3, 9, 11, 13, 39, 13, 5, 1, SN_ACT_HSWISH},
    {FUSED, 2, 8, 8, 32, 128, 48, 5, 2, SN_ACT_HSWISH},
    {FUSED, 33, 40, 39, 9, 18, 9, 3, 1, SN_ACT_NONE},
    {CONV, 4, 10, 9, 16, 16, 24, 3, 1, SN_ACT_RELU6},
    {CONV, 18, 9, 9, 24, 24, 24, 3, 1, SN_ACT_RELU},
    {CONV, 3, 9, 11, 13, 13, 13, 5, 1, SN_ACT_HSWISH},
    {CONV, 2, 8, 8, 32, 32, 48, 5, 2, SN_ACT_HSWISH},
};

struct rig {
    struct sn_kernels k;
    struct sn_params p;
    struct sn_graph g;
    struct sn_tensor *x, *out;
    int expand, depth, dense, project;
    struct sn_bn_ids bn[3];
};

static void add_params(struct rig *r, const struct block_case *c)
{
    struct sn_params *p = &r->p;
    const int taps = c->k * c->k;
    const int mid = c->op == CONV ? c->cout : c->mid;
    if (c->op != IBN) {
        r->dense = sn_params_add(p, SN_PARAM_CONV, taps * c->cin, mid, taps, 0,
                                 "dense");
        r->bn[0] = sn_params_add_bn(p, mid, 1, "dense.bn");
    } else {
        if (c->mid > c->cin) {
            r->expand =
                sn_params_add(p, SN_PARAM_CONV, c->cin, c->mid, 1, 0, "expand");
            r->bn[0] = sn_params_add_bn(p, c->mid, 1, "expand.bn");
        }
        r->depth = sn_params_add(p, SN_PARAM_DEPTHWISE, taps, c->mid, taps, 0,
                                 "depth");
        r->bn[1] = sn_params_add_bn(p, c->mid, 1, "depth.bn");
    }
    if (c->op != CONV) {
        r->project =
            sn_params_add(p, SN_PARAM_CONV, c->mid, c->cout, 1, 0, "project");
        r->bn[2] = sn_params_add_bn(p, c->cout, 1, "project.bn");
    }
    check_ok(sn_params_take(p, &err), &err);
    sn_params_draw(p, check_seed());
    const sn_real *noise = check_noise((ptrdiff_t)p->total);
    for (int id = 0; id < p->count; id++)
        for (int ic = 0; ic < p->item[id].cols; ic++) {
            const size_t at = p->item[id].first + (size_t)ic;
            if (p->item[id].kind == SN_PARAM_GAMMA)
                p->w[at] = 1.5F + noise[at];
            else if (p->item[id].kind == SN_PARAM_BETA)
                p->w[at] = 0.5F + noise[at];
        }
}

static struct sn_tensor *add_ibn(struct rig *r, const struct block_case *c)
{
    const bool expands = c->mid > c->cin;
    struct sn_ibn_spec spec = {.k = c->k,
                               .stride = c->stride,
                               .mid = c->mid,
                               .cout = c->cout,
                               .expands = expands,
                               .depth = sn_params_weight(&r->p, r->depth),
                               .depth_row = (ptrdiff_t)c->k * c->mid,
                               .project = sn_params_weight(&r->p, r->project),
                               .act = c->act};
    if (expands)
        spec.expand = sn_params_weight(&r->p, r->expand);
    for (int i = expands ? 0 : 1; i < 3; i++)
        spec.bn[i] = sn_params_bn(&r->p, r->bn[i]);
    return sn_graph_ibn(&r->g, "ibn", r->x, &spec);
}

static struct sn_tensor *add_fused(struct rig *r, const struct block_case *c)
{
    struct sn_fused_spec spec = {.k = c->k,
                                 .stride = c->stride,
                                 .mid = c->mid,
                                 .cout = c->cout,
                                 .dense = sn_params_weight(&r->p, r->dense),
                                 .project = sn_params_weight(&r->p, r->project),
                                 .act = c->act};
    spec.bn[0] = sn_params_bn(&r->p, r->bn[0]);
    spec.bn[1] = sn_params_bn(&r->p, r->bn[2]);
    return sn_graph_fused(&r->g, "fused", r->x, &spec);
}

static struct sn_tensor *add_conv(struct rig *r, const struct block_case *c)
{
    return sn_graph_conv(
        &r->g, "conv", r->x,
        &(struct sn_conv_spec){.cout = c->cout,
                               .k = c->k,
                               .stride = c->stride,
                               .weight = sn_params_weight(&r->p, r->dense),
                               .bn = sn_params_bn(&r->p, r->bn[0]),
                               .act = c->act});
}

static bool residual(const struct block_case *c)
{
    return c->stride == 1 && c->cin == c->cout;
}

static void build(struct rig *r, const struct block_case *c)
{
    sn_kernels_init(&r->k, sn_cpu_isa());
    sn_params_init(&r->p);
    check_ok(sn_graph_init(&r->g, &r->k, THREADS, &err), &err);
    add_params(r, c);
    sn_graph_reset(&r->g, c->n);
    r->x = sn_graph_input(&r->g, c->h, c->w, c->cin);
    r->x->wants_grad = true;
    struct sn_tensor *y = c->op == FUSED  ? add_fused(r, c)
                          : c->op == CONV ? add_conv(r, c)
                                          : add_ibn(r, c);
    const struct sn_term terms[2] = {{y, NULL, NULL}, {r->x, NULL, NULL}};
    r->out = sn_graph_sum(&r->g, "out", terms, 1 + residual(c));
    check_ok(sn_graph_plan(&r->g, true, &err), &err);
}

/* Whether a value lies so close to a kink of its activation that another order
 * of summation may find it on the other side, where the derivative differs. */
static bool near_kink(const struct sn_tensor *t)
{
    static const double kinks[][2] = {[SN_ACT_RELU] = {0, 0},
                                      [SN_ACT_RELU6] = {0, 6},
                                      [SN_ACT_HSWISH] = {-3, 3}};
    if (!t->bn || t->act == SN_ACT_NONE)
        return false;
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(t); ip++)
        for (int ic = 0; ic < t->c; ic++) {
            const double z =
                (double)t->bn->s[ic] * (double)t->y[ip * t->ld + ic] +
                (double)t->bn->b[ic];
            if (fabs(z - kinks[t->act][0]) < 4e-6 ||
                fabs(z - kinks[t->act][1]) < 4e-6)
                return true;
        }
    return false;
}

static bool inner_near_kink(const struct sn_layer *l)
{
    if (l->id == SN_LAYER_FUSED)
        return near_kink(&l->as.fused.mid);
    return l->id == SN_LAYER_IBN &&
           (near_kink(&l->as.ibn.mid2) ||
            (l->as.ibn.expands && near_kink(&l->as.ibn.mid1)));
}

/* Images that keep clear of kinks; looks at the forward pass alone. */
static void choose_images(struct rig *r, const struct block_case *c)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    const struct sn_layer *l = &r->g.layer[1];
    uint32_t draw = 0;
    bool close;
    do {
        for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(r->x); ip++)
            for (int ic = 0; ic < c->cin; ic++)
                r->x->y[ip * r->x->ld + ic] = (sn_real)sn_rng_normal(
                    rng, draw, (uint32_t)ic, (uint64_t)ip);
        sn_graph_fwd(&r->g, SN_MODE_TRAIN);
        close = inner_near_kink(l) || near_kink(&l->out);
    } while (close && ++draw < 200);
    assert_false(close);
}

static void put_block_statistics(struct dump *d, const struct sn_layer *l)
{
    if (l->id == SN_LAYER_CONV) {
        put_statistics(d, "dense", l->out.bn, l->out.c);
        return;
    }
    if (l->id == SN_LAYER_FUSED) {
        put_statistics(d, "dense", l->as.fused.mid.bn, l->as.fused.mid.c);
    } else {
        if (l->as.ibn.expands)
            put_statistics(d, "expand", l->as.ibn.mid1.bn, l->as.ibn.mid1.c);
        put_statistics(d, "depth", l->as.ibn.mid2.bn, l->as.ibn.mid2.c);
    }
    put_statistics(d, "project", l->out.bn, l->out.c);
}

static void dump_block(struct dump *d, const struct block_case *c)
{
    static const char *const act[] = {"none", "relu", "relu6", "hswish"};
    static const char *const kind[] = {"ibn", "fused", "conv"};
    struct rig r = {0};
    build(&r, c);
    choose_images(&r, c);
    const ptrdiff_t pixels = sn_tensor_pixels(r.out);
    const sn_real *dout = check_noise(pixels * c->cout);
    for (ptrdiff_t i = 0; i < pixels * c->cout; i++)
        r.out->dz[i / c->cout * r.out->ld + i % c->cout] = dout[i];
    sn_graph_bwd(&r.g);

    fprintf(
        d->cases,
        "%s\n  {\"kind\": \"%s\", \"n\": %d, \"h\": %d, \"w\": %d, \"cin\": "
        "%d, \"mid\": %d, \"cout\": %d, \"k\": %d, \"stride\": %d, "
        "\"oh\": %d, \"ow\": %d, \"act\": \"%s\", \"isa\": \"%s\", "
        "\"tensors\": {",
        d->listed++ ? "," : "", kind[c->op], c->n, c->h, c->w, c->cin, c->mid,
        c->cout, c->k, c->stride, r.out->h, r.out->w, act[c->act], r.k.isa);
    d->tensors = 0;
    put(d, "x", r.x->y, sn_tensor_pixels(r.x), c->cin, r.x->ld);
    put(d, "dout", dout, pixels, c->cout, c->cout);
    put(d, "out", r.out->y, pixels, c->cout, r.out->ld);
    put(d, "dx", r.x->dz, sn_tensor_pixels(r.x), c->cin, r.x->ld);
    for (int id = 0; id < r.p.count; id++) {
        put_param(d, "", &r.p.item[id], r.p.w);
        put_param(d, "d", &r.p.item[id], r.p.g);
    }
    put_block_statistics(d, &r.g.layer[1]);
    fputs("}}", d->cases);
    sn_params_release(&r.p);
    sn_graph_release(&r.g);
    check_guards();
}

/* ---- twenty steps of net A ----
 *
 * A deep ReLU net at its start is chaotic: its forward pass makes a rounding
 * error of 1e-7 one of 3e-5, which moves some values past a kink, and so the
 * gradients of any two orders of summation differ by 1e-2 (PyTorch's in single
 * and in double precision too).  At a rate of .05 losses are 4e-3 apart after
 * one step and unrelated after ten, whoever computes them.  Hence the low rate:
 * the loss falls by .2 in twenty steps, and two runs stay within 3e-4. */

#define RATE     5e-5
#define MOMENTUM 0.9
#define DECAY    5.0 /* so strong that what decays and what does not shows */

enum { STEPS = 20, BATCH = 32, PIXELS = 32 * 32, CLASSES = 10 };

/* CIFAR MobileNetV2 x1.0: expansion, width, depth, stride. */
static void make_net_a(struct sn_arch *arch)
{
    static const int stage[7][4] = {
        {1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
        {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    *arch = (struct sn_arch){.h = 32,
                             .w = 32,
                             .c = 3,
                             .classes = CLASSES,
                             .act = SN_ACT_RELU6,
                             .stem = 16,
                             .stem_stride = 1,
                             .n_stages = 7,
                             .head = 1280};
    for (int is = 0; is < 7; is++) {
        struct sn_arch_stage *st = &arch->stage[is];
        st->width = stage[is][1];
        st->depth = stage[is][2];
        st->stride = stage[is][3];
        for (int ib = 0; ib < st->depth; ib++)
            st->block[ib] = (struct sn_block){SN_OP_IBN, 3, stage[is][0]};
    }
}

/* Noise, brighter in a band that depends on the label. */
static void make_batch(struct sn_tensor *x, int *labels)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    for (int in = 0; in < BATCH; in++) {
        const uint32_t item = (uint32_t)in;
        labels[in] = (int)sn_rng_below(rng, 1, item, 0, CLASSES);
        for (int ip = 0; ip < PIXELS; ip++)
            for (int ic = 0; ic < 3; ic++) {
                const bool lit = ip / 128 == labels[in] % 8 && ic != 1;
                x->y[((ptrdiff_t)in * PIXELS + ip) * x->ld + ic] =
                    (sn_real)sn_rng_normal(rng, 2, item,
                                           (uint64_t)(ip * 3 + ic)) +
                    (lit ? 1.5F : 0);
            }
    }
}

static struct sn_sgd_group *make_groups(const struct sn_params *p)
{
    struct sn_sgd_group *group = calloc((size_t)p->count, sizeof *group);
    assert_non_null(group);
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const bool decays =
            it->kind == SN_PARAM_CONV || it->kind == SN_PARAM_LINEAR;
        group[id] = (struct sn_sgd_group){
            it->first, (size_t)it->rows * (size_t)it->cols, decays ? DECAY : 0};
    }
    return group;
}

static void train_net_a(struct dump *d, struct sn_supernet *net,
                        struct sn_graph *g, const struct sn_kernels *k)
{
    struct sn_params *p = &net->params;
    struct sn_sgd_group *group = make_groups(p);
    struct sn_tensor *x = sn_graph_first(g);
    int labels[BATCH];
    sn_real loss[STEPS], label[BATCH];
    make_batch(x, labels);
    for (int in = 0; in < BATCH; in++)
        label[in] = (sn_real)labels[in];
    sn_graph_last(g)->labels = labels;
    put(d, "x", x->y, BATCH * PIXELS, 3, x->ld);
    put(d, "label", label, 1, BATCH, 0);
    for (int id = 0; id < p->count; id++)
        put_param(d, "start.", &p->item[id], p->w);
    for (int it = 0; it < STEPS; it++) {
        sn_params_zero_grad(p);
        sn_graph_fwd(g, SN_MODE_TRAIN);
        sn_graph_bwd(g);
        sn_sgd_step(k, p->w, p->m, p->g, group, p->count, RATE, MOMENTUM);
        loss[it] = (sn_real)sn_graph_last(g)->mean;
    }
    for (int id = 0; id < p->count; id++)
        put_param(d, "end.", &p->item[id], p->w);
    put(d, "losses", loss, 1, STEPS, 0);
    free(group);
}

static void dump_net_a(struct dump *d)
{
    static struct sn_supernet net;
    static struct sn_space space;
    struct sn_arch arch;
    struct sn_kernels k;
    struct sn_graph g;
    make_net_a(&arch);
    sn_arch_space(&space, &arch);
    sn_kernels_init(&k, sn_cpu_isa());
    check_ok(sn_supernet_init(&net, &space, check_seed(), &err), &err);
    check_ok(sn_graph_init(&g, &k, THREADS, &err), &err);
    sn_supernet_build_arch(&net, &g, &arch, BATCH, 0.1);
    check_ok(sn_graph_plan(&g, true, &err), &err);
    fprintf(d->cases,
            "%s\n  {\"kind\": \"net A\", \"n\": %d, \"steps\": %d, "
            "\"smoothing\": 0.1, \"decay\": %g, \"lr\": %g, "
            "\"momentum\": %g, \"isa\": \"%s\", \"tensors\": {",
            d->listed++ ? "," : "", BATCH, STEPS, DECAY, RATE, MOMENTUM, k.isa);
    d->tensors = 0;
    train_net_a(d, &net, &g, &k);
    fputs("}}", d->cases);
    sn_supernet_release(&net);
    sn_graph_release(&g);
}

/* ---- the two programs ---- */

static void same_every_time(void **state)
{
    (void)state;
    const char *text[2], *values[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        struct dump d;
        dump_open(&d, check_dir());
        dump_block(&d, &block_cases[2]);
        dump_block(&d, &block_cases[8]);
        dump_close(&d);
        text[i] = check_read(check_path("cases.json"), NULL);
        values[i] = check_read(check_path("values.bin"), &bytes[i]);
    }
    assert_string_equal(text[0], text[1]);
    assert_true(bytes[0] == bytes[1] && bytes[0] > 100000);
    check_same(values[0], values[1], bytes[0], "values.bin");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_every_time)};
    omp_set_num_threads(THREADS);
    if (argc != 2)
        return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
    struct dump d;
    dump_open(&d, argv[1]);
    for (size_t i = 0; i < sizeof block_cases / sizeof *block_cases; i++)
        dump_block(&d, &block_cases[i]);
    dump_net_a(&d);
    dump_close(&d);
    return 0;
}
