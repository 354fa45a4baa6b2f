/* A finished net in inference form; see infer.h.
 *
 * The list of a graph is walked once: every stage in it becomes a step with
 * folded weights of its own.  Then the tensors between steps get their places,
 * each the first gap that is free from its writer to its last reader. */

#include "nn/infer.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

void sn_bn_fold(const struct sn_bn_view *bn, int ic, double *s, double *b)
{
    const double count = bn->count[0];
    const double var = bn->m2[ic] > 0 ? bn->m2[ic] / count : 0;
    *s = (double)bn->gamma[ic] / sqrt(var + SN_BN_EPS);
    *b = (double)bn->beta[ic] - *s * bn->mean[ic];
}

/* ---- steps out of layers ---- */

/* The tensor that stands for one of the graph's. */
static struct sn_tensor *find(struct sn_infer *f, const struct sn_tensor *was,
                              const struct sn_graph *g)
{
    if (was == &g->layer[0].out)
        return &f->input;
    int i = f->steps - 1;
    while (i > 0 && f->step[i].was != was)
        i--;
    SN_CHECK(f->step[i].was == was);
    return &f->step[i].out;
}

static struct sn_infer_step *add(struct sn_infer *f, sn_infer_kind kind,
                                 const struct sn_tensor *was)
{
    struct sn_infer_step *s = &f->step[f->steps++];
    s->kind = kind;
    s->was = was;
    return s;
}

/* A stage with the batch-norm `bn` behind it, or none; its weights are set when
 * there is memory for them. */
static void add_stage(struct sn_infer *f, const struct sn_stage *of,
                      const struct sn_bn *bn, sn_infer_kind kind,
                      const struct sn_graph *g)
{
    struct sn_tensor *in = find(f, of->in, g);
    struct sn_infer_step *s = add(f, kind, of->out);
    SN_CHECK(!of->mask);
    sn_stage_init(&s->stage, of->kind, in, &s->out, of->out->c, of->window.k,
                  of->window.stride, of->weight, of->tap_row);
    s->stage.exact = true;
    if (of->kind == SN_STAGE_DENSE)
        sn_stage_taps(&s->stage, of->tap, of->tap_row);
    if (!bn)
        return;
    s->bn.view = bn->view;
    s->out.bn = &s->bn;
    s->out.act = of->out->act;
}

/* A residual: the input of a block is added to what the block wrote last, whose
 * bias is still pending and stays so; a conv block's is applied, as its
 * activation stands in front of the sum. */
static void add_sum(struct sn_infer *f, const struct sn_layer *layer,
                    const struct sn_graph *g)
{
    const struct sn_sum *sum = &layer->as.sum;
    SN_CHECK(sum->terms == 2 && !sum->coef[0] && !sum->coef[1]);
    const struct sn_infer_step *block = &f->step[f->steps - 1];
    const int other = sum->in[0] == block->was;
    const struct sn_tensor *x = find(f, sum->in[other], g);
    SN_CHECK(sum->in[!other] == block->was);
    struct sn_infer_step *s = add(f, SN_INFER_ADD, &layer->out);
    s->in = x;
    s->out = block->out;
    if (block->out.act != SN_ACT_NONE) {
        s->applies = true;
        s->out.bn = NULL;
    }
}

static void add_pool(struct sn_infer *f, const struct sn_layer *layer,
                     const struct sn_graph *g)
{
    const struct sn_tensor *in = find(f, layer->as.pool.in, g);
    struct sn_infer_step *s = add(f, SN_INFER_POOL, &layer->out);
    s->in = in;
    sn_tensor_shape(&s->out, in->n, 1, 1, in->c);
}

static void add_layer(struct sn_infer *f, const struct sn_layer *layer,
                      const struct sn_graph *g)
{
    const struct sn_ibn *b = &layer->as.ibn;
    const struct sn_fused *fused = &layer->as.fused;
    switch (layer->id) {
    case SN_LAYER_CONV:
        add_stage(f, &layer->as.conv.stage, layer->out.bn, SN_INFER_CONV, g);
        break;
    case SN_LAYER_IBN:
        if (b->expands)
            add_stage(f, &b->expand, &b->parts.bn[0], SN_INFER_CONV, g);
        add_stage(f, &b->depth, &b->parts.bn[1], SN_INFER_CONV, g);
        add_stage(f, &b->project, layer->out.bn, SN_INFER_CONV, g);
        break;
    case SN_LAYER_FUSED:
        add_stage(f, &fused->dense, &fused->parts.bn[0], SN_INFER_CONV, g);
        add_stage(f, &fused->project, layer->out.bn, SN_INFER_CONV, g);
        break;
    case SN_LAYER_SUM:
        add_sum(f, layer, g);
        break;
    case SN_LAYER_POOL:
        add_pool(f, layer, g);
        break;
    case SN_LAYER_LINEAR:
        add_stage(f, &layer->as.linear.stage, NULL, SN_INFER_LINEAR, g);
        break;
    default: /* input and loss */
        break;
    }
}

/* ---- folded weights ---- */

static int weight_rows(const struct sn_stage *s)
{
    const int taps = s->window.k * s->window.k;
    return s->kind == SN_STAGE_DEPTH ? taps : taps * s->in->c;
}

/* Takes the step's weights and biases, and once there is memory folds them;
 * `bias` is that of a LINEAR, which has no batch-norm. */
static void fold(struct sn_infer_step *s, const sn_real *bias,
                 struct sn_arena *a)
{
    struct sn_stage *st = &s->stage;
    const int rows = weight_rows(st), ld = s->out.ld;
    sn_real *w = sn_arena_take(a, (size_t)rows * (size_t)ld, sizeof *w);
    s->bn.s = sn_arena_take(a, (size_t)ld, sizeof *w);
    s->bn.b = sn_arena_take(a, (size_t)ld, sizeof *w);
    if (!w)
        return; /* counting */
    for (int ic = 0; ic < s->out.c; ic++) {
        double scale = 1, shift = bias ? (double)bias[ic] : 0;
        if (s->out.bn)
            sn_bn_fold(&s->bn.view, ic, &scale, &shift);
        for (int ir = 0; ir < rows; ir++)
            w[(ptrdiff_t)ir * ld + ic] =
                (sn_real)(scale *
                          (double)st->weight.w[sn_stage_row_at(st, ir) + ic]);
        s->bn.s[ic] = 1;
        s->bn.b[ic] = (sn_real)shift;
    }
    st->weight = (struct sn_weight){.w = w, .ld = ld};
    st->tap = (ptrdiff_t)st->in->c * ld;
    st->tap_row =
        st->window.k * (st->kind == SN_STAGE_DEPTH ? (ptrdiff_t)ld : st->tap);
}

/* ---- places of the tensors ---- */

/* Place ip is that of the output of the step before, place 0 that of the input;
 * an ADD has the one of the step in front of it. */
struct place {
    size_t size, at; /* values */
    int first, last; /* steps that write and that read it */
};

static int place_of(const struct sn_infer *f, const struct sn_tensor *t)
{
    for (int i = 0; i < f->steps; i++)
        if (t == &f->step[i].out)
            return f->step[i].place;
    return 0;
}

static void find_lives(struct sn_infer *f, struct place *place)
{
    place[0] =
        (struct place){.size = sn_tensor_values(&f->input), .last = f->steps};
    for (int i = 0; i < f->steps; i++) {
        struct sn_infer_step *s = &f->step[i];
        const bool stage =
            s->kind == SN_INFER_CONV || s->kind == SN_INFER_LINEAR;
        s->place = s->kind == SN_INFER_ADD ? f->step[i - 1].place : i + 1;
        struct place *in = &place[place_of(f, stage ? s->stage.in : s->in)];
        if (in->last < i)
            in->last = i;
        if (s->place == i + 1)
            place[i + 1] =
                (struct place){.size = sn_tensor_values(&s->out), .first = i};
        place[s->place].last = i;
    }
}

static bool overlap(const struct place *a, const struct place *b)
{
    return a->size > 0 && b->size > 0 && a->first <= b->last &&
           b->first <= a->last && a->at < b->at + b->size &&
           b->at < a->at + a->size;
}

/* Puts each behind whatever is in its way; returns the values of all. */
static size_t settle(struct place *place, int count)
{
    size_t most = 0;
    for (int i = 0; i < count; i++) {
        place[i].at = 0;
        for (int j = 0; j < i; j++)
            if (overlap(&place[i], &place[j])) {
                place[i].at = place[j].at + place[j].size;
                j = -1; /* look at all of them again */
            }
        if (most < place[i].at + place[i].size)
            most = place[i].at + place[i].size;
    }
    return most;
}

/* ---- memory ---- */

static const sn_real *linear_bias(const struct sn_graph *g)
{
    for (int il = 0; il < g->layers; il++)
        if (g->layer[il].id == SN_LAYER_LINEAR)
            return g->layer[il].as.linear.bias.w;
    return NULL;
}

/* One run over all steps; `plan` carries what the run before found. */
static void bind(struct sn_infer *f, struct sn_plan *plan,
                 const struct place *place, size_t values, const sn_real *bias)
{
    struct sn_arena *a = plan->arena;
    sn_plan_share(plan, f->scratch);
    const size_t before = a->used;
    for (int i = 0; i < f->steps; i++) {
        struct sn_infer_step *s = &f->step[i];
        if (s->kind == SN_INFER_POOL)
            sn_plan_raise(&plan->need.load,
                          sn_tensor_values(s->in) / (size_t)s->in->n);
        if (s->kind == SN_INFER_ADD || s->kind == SN_INFER_POOL)
            continue;
        sn_stage_plan(&s->stage, plan);
        fold(s, s->kind == SN_INFER_LINEAR ? bias : NULL, a);
    }
    f->weights = a->used - before;
    f->values = values * sizeof(sn_real);
    sn_real *y = sn_arena_take(a, values, sizeof *y);
    size_t channels = 0;
    for (int i = 0; i < f->steps; i++)
        sn_plan_raise(&channels, (size_t)f->step[i].out.ld);
    f->sums = sn_arena_take(a, channels * (size_t)f->threads, sizeof *f->sums);
    if (!y)
        return;
    f->input.y = y + place[0].at;
    for (int i = 0; i < f->steps; i++)
        f->step[i].out.y = y + place[f->step[i].place].at;
}

static sn_status plan(struct sn_infer *f, const struct sn_graph *g,
                      struct sn_error *err)
{
    const int count = f->steps + 1;
    const sn_real *bias = linear_bias(g);
    struct place *place = calloc((size_t)count, sizeof *place);
    if (!place)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net's plan");
    find_lives(f, place);
    const size_t values = settle(place, count);
    struct sn_arena counting;
    struct sn_plan p = {.arena = &counting, .threads = f->threads};
    for (int run = 0; run < 2; run++) {
        sn_arena_init(&counting);
        bind(f, &p, place, values, bias);
    }
    const sn_status rc = sn_arena_reserve(&f->arena, counting.used, err);
    p.arena = &f->arena;
    if (rc == SN_OK)
        bind(f, &p, place, values, bias);
    free(place);
    return rc;
}

sn_status sn_infer_init(struct sn_infer *f, const struct sn_graph *g, int n,
                        int threads, struct sn_error *err)
{
    SN_CHECK(threads >= 1 && g->layers > 0);
    const struct sn_tensor *x = &g->layer[0].out;
    *f = (struct sn_infer){.k = g->k, .threads = threads};
    sn_arena_init(&f->arena);
    sn_tensor_shape(&f->input, n, x->h, x->w, x->c);
    f->step = calloc(3 * (size_t)g->layers, sizeof *f->step);
    f->scratch = calloc((size_t)threads, sizeof *f->scratch);
    sn_status rc = SN_OK;
    if (!f->step || !f->scratch)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a net of %d layers",
                     g->layers);
    for (int il = 0; rc == SN_OK && il < g->layers; il++)
        add_layer(f, &g->layer[il], g);
    if (rc == SN_OK)
        rc = plan(f, g, err);
    if (rc != SN_OK)
        sn_infer_release(f);
    return rc;
}

void sn_infer_release(struct sn_infer *f)
{
    free(f->step);
    free(f->scratch);
    sn_arena_release(&f->arena);
    *f = (struct sn_infer){0};
}

/* ---- running ---- */

/* `y`: what the step in front wrote, where it lies. */
static void run_add(struct sn_infer_step *s, const struct sn_tensor *y,
                    const struct sn_kernels *k)
{
    const struct sn_tensor *x = s->in;
    const int units = sn_unit_count(x->n);
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        const ptrdiff_t first = sn_unit_pixel(x, u),
                        next = sn_unit_pixel(x, u + 1);
        if (s->applies)
            sn_tensor_load(k, y, first, next - first,
                           sn_tensor_rows(&s->out, first));
        k->load(sn_tensor_rows(&s->out, first), sn_tensor_rows(x, first),
                x->bn ? x->bn->s : NULL, x->bn ? x->bn->b : NULL,
                x->bn ? x->act : SN_ACT_NONE, 1, 1, x->c, next - first);
    }
}

static void run_pool(struct sn_infer *f, struct sn_infer_step *s)
{
    const ptrdiff_t pixels = (ptrdiff_t)s->in->h * s->in->w;
    const int c = s->out.c, ld = s->out.ld;
#pragma omp parallel for schedule(static)
    for (int in = 0; in < s->out.n; in++) {
        const int thread = omp_get_thread_num();
        double *sums = f->sums + (ptrdiff_t)thread * ld;
        const struct sn_rows x = sn_tensor_view(
            f->k, s->in, in * pixels, pixels, f->scratch[thread].load);
        memset(sums, 0, (size_t)c * sizeof *sums);
        f->k->bias_grad(sums, x.at, x.p, c, pixels);
        for (int ic = 0; ic < c; ic++)
            s->out.y[(ptrdiff_t)in * ld + ic] =
                (sn_real)(sums[ic] / (double)pixels);
    }
}

static void run_linear(struct sn_infer_step *s, const struct sn_pass *pass)
{
    sn_stage_again(&s->stage, pass);
    for (int in = 0; in < s->out.n; in++)
        for (int ic = 0; ic < s->out.c; ic++)
            s->out.y[(ptrdiff_t)in * s->out.ld + ic] += s->bn.b[ic];
}

void sn_infer_run_steps(struct sn_infer *f, int first, int next)
{
    const struct sn_pass pass = {f->k, f->scratch, SN_MODE_EVAL, false};
    SN_CHECK(omp_get_max_threads() <= f->threads);
    SN_CHECK(first >= 0 && next <= f->steps);
    for (int i = first; i < next; i++) {
        struct sn_infer_step *s = &f->step[i];
        switch (s->kind) {
        case SN_INFER_CONV:
            sn_stage_again(&s->stage, &pass);
            break;
        case SN_INFER_ADD:
            run_add(s, &s[-1].out, f->k);
            break;
        case SN_INFER_POOL:
            run_pool(f, s);
            break;
        case SN_INFER_LINEAR:
            run_linear(s, &pass);
            break;
        }
    }
}

void sn_infer_run(struct sn_infer *f)
{
    sn_infer_run_steps(f, 0, f->steps);
}

const struct sn_tensor *sn_infer_logits(const struct sn_infer *f)
{
    return &f->step[f->steps - 1].out;
}
