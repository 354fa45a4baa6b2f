/* The memory of a graph; see plan.h and graph.h. */

#include "nn/plan.h"

#include "nn/graph.h"
#include "nn/wide.h"

void sn_plan_share(struct sn_plan *plan, struct sn_scratch *scratch)
{
    struct sn_arena *a = plan->arena;
    plan->slots = sn_arena_take(a, plan->need.slots, sizeof(sn_real));
    plan->turned = sn_arena_take(a, plan->need.turned, sizeof(sn_real));
    plan->wides = sn_arena_take(a, plan->need.wide, sizeof(sn_real));
    for (int it = 0; it < plan->threads; it++) {
        scratch[it].load = sn_arena_take(a, plan->need.load, sizeof(sn_real));
        scratch[it].grad = sn_arena_take(a, plan->need.grad, sizeof(sn_real));
        scratch[it].dx = sn_arena_take(a, plan->need.dx, sizeof(sn_real));
    }
}

/* ---- gradients of the tensors between layers ---- */

/* A part of the place that is in use: values [at, at + size), by so many
 * tensors. */
struct lease {
    size_t at, size;
    int users;
};

struct leases {
    struct lease of[SN_MAX_LAYERS]; /* by place */
    int count;
    size_t most;   /* values of the place */
    sn_real *base; /* NULL while counting */
};

/* Gives t the first gap that is large enough. */
static void lease(struct leases *l, struct sn_tensor *t)
{
    const size_t size = sn_tensor_values(t);
    size_t at = 0;
    int i = 0;
    for (; i < l->count && l->of[i].at - at < size; i++)
        at = l->of[i].at + l->of[i].size;
    for (int j = l->count++; j > i; j--)
        l->of[j] = l->of[j - 1];
    l->of[i] = (struct lease){at, size, 1};
    sn_plan_raise(&l->most, at + size);
    t->dz_at = at;
    t->dz = l->base ? l->base + at : NULL;
}

/* Gives t the part that `from` has. */
static void share_lease(struct leases *l, struct sn_tensor *t,
                        const struct sn_tensor *from)
{
    for (int i = 0; i < l->count; i++)
        l->of[i].users += l->of[i].at == from->dz_at;
    t->dz_at = from->dz_at;
    t->dz = from->dz;
}

static void give_back(struct leases *l, const struct sn_tensor *t)
{
    int left = 0;
    for (int i = 0; i < l->count; i++) {
        l->of[i].users -= l->of[i].at == t->dz_at;
        if (l->of[i].users > 0)
            l->of[left++] = l->of[i];
    }
    l->count = left;
}

/* The layer in whose backward the gradient of layer il's output is written
 * first; what nobody reads is the caller's to fill. */
static int written_by(const struct sn_graph *g, int il)
{
    const struct sn_tensor *t = &g->layer[il].out;
    return t->readers > 0 ? t->last_reader : g->layers - 1;
}

static bool has_grad(const struct sn_layer *layer)
{
    return layer->out.wants_grad && layer->out.n > 0;
}

/* The input of a block that a residual goes around, when layer `is` is the sum
 * behind it.  The gradients of the sum, of the block and of its input are then
 * one: the block has read its own before it adds to that of its input, unless
 * it runs in parts. */
static struct sn_tensor *residual_around(const struct sn_graph *g, int is)
{
    const struct sn_sum *s = &g->layer[is].as.sum;
    if (g->layer[is].id != SN_LAYER_SUM || s->terms != 2 || s->coef[0] ||
        s->coef[1])
        return NULL;
    struct sn_layer *block = &g->layer[is - 1];
    struct sn_tensor *x = sn_layer_block_input(block);
    const struct sn_parts *p = sn_layer_parts(block);
    if (p && p->each < p->channels)
        return NULL;
    const bool first = s->in[0] == &block->out && s->in[1] == x;
    const bool second = s->in[1] == &block->out && s->in[0] == x;
    if (!x || (!first && !second) || block->out.readers != 1 ||
        x->readers != 2 || !x->wants_grad)
        return NULL;
    return x;
}

/* The places of all gradients that are written in the backward of layer ir; its
 * own comes first where nobody reads it. */
static void lease_of(struct leases *l, struct sn_graph *g, int ir)
{
    struct sn_tensor *x = residual_around(g, ir);
    for (int il = ir; il >= 0; il--) {
        struct sn_tensor *t = &g->layer[il].out;
        if (!has_grad(&g->layer[il]) || written_by(g, il) != ir)
            continue;
        if (x && (t == x || il == ir - 1))
            share_lease(l, t, &g->layer[ir].out);
        else
            lease(l, t);
    }
}

/* Walks backward over the layers; sets every dz in `base` (NULL: counts).
 * Returns the values of the place. */
static size_t place_gradients(struct sn_graph *g, sn_real *base)
{
    struct leases l;
    l.count = 0;
    l.most = 0;
    l.base = base;
    for (int ir = g->layers - 1; ir >= 0; ir--) {
        lease_of(&l, g, ir);
        if (has_grad(&g->layer[ir]))
            give_back(&l, &g->layer[ir].out);
    }
    return l.most;
}

/* ---- all layers ---- */

/* What training the stages of a block shares with other layers. */
static void plan_shared(const struct sn_layer *layer, struct sn_plan *plan)
{
    const struct sn_ibn *b = &layer->as.ibn;
    const struct sn_fused *f = &layer->as.fused;
    if (layer->id == SN_LAYER_CONV) {
        sn_stage_plan_shared(&layer->as.conv.stage, plan);
    } else if (layer->id == SN_LAYER_FUSED) {
        sn_stage_plan_shared(&f->dense, plan);
        sn_stage_plan_shared(&f->project, plan);
    } else if (layer->id == SN_LAYER_IBN) {
        if (b->expands)
            sn_stage_plan_shared(&b->expand, plan);
        sn_stage_plan_shared(&b->depth, plan);
        sn_stage_plan_shared(&b->project, plan);
    }
}

/* Branches run one at a time and forward only, so they lie in one place. */
static void plan_branches(struct sn_graph *g, struct sn_plan *plan)
{
    const size_t start = plan->arena->used;
    size_t most = start;
    plan->backward = false;
    for (int ib = 0; ib < g->branches; ib++) {
        struct sn_branch *b = &g->branch[ib];
        sn_arena_reset(plan->arena, start);
        b->slots = sn_slope_plan(&g->layer[b->at].out, plan);
        for (int i = b->first; i < b->first + b->count; i++) {
            sn_layer_kinds[g->layer[i].id].plan(&g->layer[i], plan);
            if (b->kind == SN_BRANCH_STANDS)
                plan_shared(&g->layer[i], plan);
        }
        sn_plan_raise(&most, plan->arena->used);
    }
    sn_arena_reset(plan->arena, start);
    sn_arena_take(plan->arena, most - start, 1);
    plan->backward = true;
}

/* One run over all layers; `plan` carries what the run before found. */
static void plan_layers(struct sn_graph *g, struct sn_plan *plan)
{
    sn_plan_share(plan, g->scratch);
    for (int il = 0; il < g->layers; il++) {
        struct sn_layer *layer = &g->layer[il];
        sn_layer_kinds[layer->id].plan(layer, plan);
    }
    if (!plan->backward)
        return;
    plan_branches(g, plan);
    const size_t values = place_gradients(g, NULL);
    sn_real *place = sn_arena_take(plan->arena, values, sizeof *place);
    place_gradients(g, place);
}

/* Two counting runs: the first finds what the layers share, the second adds
 * everything up. */
static size_t count(struct sn_graph *g, struct sn_plan *plan, bool backward,
                    int threads)
{
    struct sn_arena counting;
    *plan =
        (struct sn_plan){.arena = &counting,
                         .threads = threads,
                         .backward = backward,
                         .bf16 = backward && g->bf16,
                         .pairs = backward && g->bf16 && g->k->product_pairs};
    for (int run = 0; run < 2; run++) {
        sn_arena_init(&counting);
        plan_layers(g, plan);
    }
    return counting.used;
}

/* ---- what is kept ---- */

struct wides {
    struct sn_wide of[SN_MAX_LAYERS * SN_MAX_WIDES];
    int count;
};

/* All wide tensors, those that are cheap to make again first; of equals the
 * first of the list.  Sorted in place: planning allocates nothing. */
static void list_wides(struct sn_graph *g, struct wides *w)
{
    w->count = 0;
    for (int il = 0; il < g->layers; il++) {
        struct sn_wide found[SN_MAX_WIDES];
        const int n = sn_layer_wides(&g->layer[il], found);
        for (int i = 0; i < n; i++) {
            int at = w->count++;
            for (; at > 0 && w->of[at - 1].macs > found[i].macs; at--)
                w->of[at] = w->of[at - 1];
            w->of[at] = found[i];
        }
    }
}

static void forget_first(struct wides *w, int n)
{
    for (int i = 0; i < w->count; i++)
        w->of[i].t->kept = i >= n;
}

/* Room of all wide tensors, in sn_real: those that are kept, and the place that
 * blocks share, where the others lie beside the gradients. */
static size_t wide_reals(struct sn_graph *g)
{
    size_t kept = 0, shared = 0;
    for (int il = 0; il < g->layers; il++) {
        struct sn_wide w[SN_MAX_WIDES];
        const int n = sn_layer_wides(&g->layer[il], w);
        size_t block = 0;
        for (int i = 0; i < n; i++) {
            const size_t values = sn_tensor_reals(w[i].t);
            kept += w[i].t->kept ? values : 0;
            block += w[i].t->kept ? values : 2 * values;
        }
        sn_plan_raise(&shared, block);
    }
    return kept + shared;
}

/* Forgets as few wide tensors as make `bytes` with all of them kept fit under
 * the cap; where nothing does, so many that the fewest bytes are left. */
static void forget_enough(struct sn_graph *g, size_t bytes)
{
    struct wides w;
    list_wides(g, &w);
    const size_t all = wide_reals(g);
    size_t least = bytes;
    int best = 0;
    for (int n = 1; n <= w.count && least > g->cap; n++) {
        forget_first(&w, n);
        const size_t now =
            bytes + wide_reals(g) * sizeof(sn_real) - all * sizeof(sn_real);
        if (now < least) {
            least = now;
            best = n;
        }
    }
    forget_first(&w, best);
}

/* Room that the wide tensors of a block take, none of them kept, when it runs
 * so many channels at a time. */
static size_t part_bytes(struct sn_layer *layer, int each)
{
    struct sn_wide w[SN_MAX_WIDES];
    const int n = sn_layer_wides(layer, w);
    size_t bytes = 0;
    for (int i = 0; i < n; i++) {
        struct sn_tensor t = *w[i].t;
        sn_tensor_shape(&t, t.n, t.h, t.w, each);
        bytes += 2 * sn_tensor_reals(&t) * sizeof(sn_real);
    }
    return bytes;
}

/* Channels at a time so that the block takes no more than `room`; whole vectors
 * of them, one at least. */
static int fitting_part(struct sn_layer *layer, const struct sn_parts *p,
                        size_t room)
{
    int each = p->channels;
    for (int n = 2; each > SN_LANES && part_bytes(layer, each) > room; n++) {
        const int lanes = (p->channels + n - 1) / n + SN_LANES - 1;
        each = lanes / SN_LANES * SN_LANES;
    }
    return each;
}

/* Runs every block in parts that take no more than `room`, those of branches as
 * well; SIZE_MAX: whole. */
static void cut_blocks(struct sn_graph *g, size_t room)
{
    for (int il = 0; il < g->layers + g->aside; il++) {
        struct sn_parts *p = sn_layer_parts(&g->layer[il]);
        if (p)
            p->each = fitting_part(&g->layer[il], p, room);
    }
}

static size_t largest_block(struct sn_graph *g)
{
    size_t largest = 0;
    for (int il = 0; il < g->layers + g->aside; il++) {
        const struct sn_parts *p = sn_layer_parts(&g->layer[il]);
        if (p)
            sn_plan_raise(&largest, part_bytes(&g->layer[il], p->each));
    }
    return largest;
}

/* With nothing wide kept, which takes `bytes`: makes blocks smaller until the
 * cap is kept, or as small as they go. */
static void cut_enough(struct sn_graph *g, struct sn_plan *plan, size_t bytes)
{
    size_t room = largest_block(g);
    while (bytes > g->cap && room > 0) {
        const size_t over = bytes - g->cap, some = room / 8 + 1;
        const size_t less = over > some ? over : some;
        room = room > less ? room - less : 0;
        cut_blocks(g, room);
        bytes = count(g, plan, true, SN_UNITS);
    }
}

/* Settles what the cap asks for.  What blocks in parts compute has other bits,
 * and no bit may depend on the threads: it is settled for as many as there are
 * units, of which each has work. */
static void obey_cap(struct sn_graph *g, struct sn_plan *plan)
{
    struct wides w;
    size_t bytes = count(g, plan, true, SN_UNITS);
    if (bytes <= g->cap)
        return;
    forget_enough(g, bytes);
    bytes = count(g, plan, true, SN_UNITS);
    if (bytes <= g->cap)
        return;
    list_wides(g, &w);
    forget_first(&w, w.count);
    cut_enough(g, plan, count(g, plan, true, SN_UNITS));
}

/* Counts, under the cap if there is one. */
static size_t count_capped(struct sn_graph *g, struct sn_plan *plan,
                           bool backward)
{
    struct wides w;
    list_wides(g, &w);
    forget_first(&w, 0);
    cut_blocks(g, SIZE_MAX);
    if (backward && g->cap > 0)
        obey_cap(g, plan);
    return count(g, plan, backward, g->threads);
}

size_t sn_graph_bytes(struct sn_graph *g, bool backward)
{
    struct sn_plan plan;
    return count_capped(g, &plan, backward);
}

struct sn_kept sn_graph_kept(struct sn_graph *g)
{
    struct wides w;
    list_wides(g, &w);
    struct sn_kept all = {.wide = w.count};
    for (int i = 0; i < w.count; i++)
        all.kept += w.of[i].t->kept;
    for (int il = 0; il < g->layers; il++) {
        const struct sn_parts *p = sn_layer_parts(&g->layer[il]);
        all.in_parts += p && p->each < p->channels;
    }
    return all;
}

sn_status sn_graph_plan(struct sn_graph *g, bool backward, struct sn_error *err)
{
    struct sn_plan plan;
    const size_t bytes = count_capped(g, &plan, backward);
    if (g->cap > 0 && bytes > g->cap)
        return sn_fail(err, SN_ERR_MEMORY,
                       "the net takes %zu bytes of memory even with nothing "
                       "wide kept and blocks run in parts, %zu are allowed",
                       bytes, g->cap);
    if (bytes > g->arena.size)
        SN_TRY(sn_arena_reserve(&g->arena, bytes, err));
    sn_arena_reset(&g->arena, 0);
    plan.arena = &g->arena;
    plan_layers(g, &plan);
    return SN_OK;
}
