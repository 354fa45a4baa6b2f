/* One training step: batch, forward, loss, backward, SGD. */

#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* METHOD 4.3.  Depthwise weights, gains and biases do not decay. */
#define DECAY_FINAL    5e-4
#define DECAY_SEARCH   2e-4
#define MOMENTUM       0.9
#define SMOOTHING      0.1
#define CLIP_SEARCH    5.0
#define INHERITED_RATE 0.6

static const struct sn_option_name from_names[] = {
    {"inherit", SN_FROM_INHERIT}, {"scratch", SN_FROM_SCRATCH}, {NULL, 0}};

#define FIELD(name) offsetof(struct sn_train_options, name)

static const struct sn_option rows[] = {
    {.key = "epochs",
     .type = SN_OPT_INT,
     .offset = FIELD(epochs),
     .fallback = "60",
     .min = 1,
     .max = 10000,
     .unit = "epochs",
     .help = "passes over the training images"},
    {.key = "batch",
     .type = SN_OPT_INT,
     .offset = FIELD(batch),
     .fallback = "128",
     .min = 2,
     .max = 4096,
     .unit = "images",
     .help = "images a step"},
    {.key = "lr",
     .type = SN_OPT_REAL,
     .offset = FIELD(lr),
     .fallback = "0.2",
     .min = 1e-6,
     .max = 10,
     .unit = "",
     .help = "peak learning rate; inherited weights start at .6 of it"},
    {.key = "lr_warmup",
     .type = SN_OPT_REAL,
     .offset = FIELD(lr_warmup),
     .fallback = "0.15",
     .min = 0,
     .max = 0.9,
     .unit = "",
     .help = "share of the steps spent rising to the peak"},
    {.key = "from",
     .type = SN_OPT_NAME,
     .offset = FIELD(from),
     .fallback = "inherit",
     .min = 1,
     .max = 0,
     .names = from_names,
     .unit = "",
     .help = "start from the supernet's weights, or anew"},
};

const struct sn_option_table sn_train_table = {
    .section = "train",
    .help = "final training, of the derived net and of the baseline alike",
    .rows = rows,
    .count = sizeof rows / sizeof *rows};

struct sn_recipe sn_recipe_final(const struct sn_train_options *o, int group,
                                 bool inherited)
{
    return (struct sn_recipe){.epochs = o->epochs,
                              .batch = o->batch,
                              .group = group,
                              .lr = o->lr * (inherited ? INHERITED_RATE : 1),
                              .lr_warmup = o->lr_warmup,
                              .decay = DECAY_FINAL,
                              .momentum = MOMENTUM,
                              .smoothing = SMOOTHING};
}

struct sn_recipe sn_recipe_search(int epochs, int batch, int group, double lr,
                                  double lr_warmup)
{
    return (struct sn_recipe){.epochs = epochs,
                              .batch = batch,
                              .group = group,
                              .lr = lr,
                              .lr_warmup = lr_warmup,
                              .decay = DECAY_SEARCH,
                              .momentum = MOMENTUM,
                              .smoothing = SMOOTHING,
                              .clip = CLIP_SEARCH};
}

/* One group per parameter. */
static void make_groups(struct sn_trainer *t)
{
    const struct sn_params *p = &t->net->params;
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const bool decays =
            it->kind == SN_PARAM_CONV || it->kind == SN_PARAM_LINEAR;
        t->group[id] = (struct sn_sgd_group){
            it->first, (size_t)it->rows * (size_t)it->cols,
            decays ? t->recipe.decay : 0};
    }
}

/* Whole batches of an epoch. */
static int batches_of(const struct sn_trainer *t, const struct sn_loader *l)
{
    return sn_loader_batches(l) / t->passes;
}

sn_status sn_trainer_init(struct sn_trainer *t, struct sn_supernet *net,
                          struct sn_graph *graph, struct sn_loader *loader,
                          const struct sn_recipe *recipe, struct sn_error *err)
{
    SN_CHECK(graph->batch == recipe->group && loader->batch == recipe->group);
    SN_CHECK(recipe->batch % recipe->group == 0);
    *t = (struct sn_trainer){.net = net,
                             .graph = graph,
                             .loader = loader,
                             .recipe = *recipe,
                             .groups = net->params.count,
                             .passes = recipe->batch / recipe->group};
    if (batches_of(t, loader) < 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "a batch of %d images is more than the %d there are to "
                       "train on",
                       recipe->batch, loader->n);
    t->group = calloc((size_t)t->groups, sizeof *t->group);
    t->labels = calloc((size_t)recipe->group, sizeof *t->labels);
    if (!t->group || !t->labels) {
        sn_trainer_release(t);
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a trainer");
    }
    make_groups(t);
    sn_graph_last(graph)->share = 1.0 / t->passes;
    return SN_OK;
}

void sn_trainer_release(struct sn_trainer *t)
{
    free(t->group);
    free(t->labels);
    t->group = NULL;
    t->labels = NULL;
}

bool sn_trainer_done(const struct sn_trainer *t)
{
    return t->state.epoch >= t->recipe.epochs;
}

/* Fills what is known before the step. */
static void begin_report(const struct sn_trainer *t, struct sn_step_report *r)
{
    const int batches = batches_of(t, t->loader);
    *r = (struct sn_step_report){.epoch = t->state.epoch,
                                 .batch = t->state.batch,
                                 .batches = batches,
                                 .step = (long)t->state.epoch * batches +
                                         t->state.batch,
                                 .steps = (long)t->recipe.epochs * batches};
    r->lr =
        sn_schedule_lr(t->recipe.lr, t->recipe.lr_warmup, r->step, r->steps);
}

/* Takes up the step's results and moves on to the next one. */
static void end_report(struct sn_trainer *t, struct sn_step_report *r)
{
    struct sn_train_state *s = &t->state;
    s->loss_sum += r->loss * r->images;
    s->correct += r->correct;
    s->seen += r->images;
    r->epoch_loss = s->loss_sum / (double)s->seen;
    r->epoch_accuracy = (double)s->correct / (double)s->seen;
    r->ends_epoch = ++s->batch == r->batches;
    if (r->ends_epoch)
        *s = (struct sn_train_state){.epoch = s->epoch + 1};
}

static sn_status check_finite(const struct sn_graph *g, double loss, long step,
                              struct sn_error *err)
{
    if (isfinite(loss))
        return SN_OK;
    ptrdiff_t index;
    const struct sn_layer *layer = sn_graph_nonfinite(g, &index);
    if (!layer)
        return sn_fail(err, SN_ERR_NUMERIC,
                       "step %ld: the loss is not finite; a lower learning "
                       "rate may help",
                       step);
    return sn_fail(err, SN_ERR_NUMERIC,
                   "step %ld: the loss is not finite: layer %s, value %td of "
                   "its output; a lower learning rate may help",
                   step, layer->name, index);
}

/* Group `ib` of `epoch`, forward and loss; leaves everything for backward. */
static sn_status forward(struct sn_trainer *t, struct sn_loader *loader,
                         int epoch, int ib, long step, struct sn_error *err)
{
    struct sn_loss *loss = sn_graph_last(t->graph);
    const double start = sn_profile_start(t->graph->profile);
    const int got = sn_loader_batch(loader, epoch, ib,
                                    sn_graph_first(t->graph)->y, t->labels);
    sn_profile_add(t->graph->profile, SN_PART_IMAGES, start);
    SN_CHECK(got == t->recipe.group);
    SN_TRY(sn_loader_status(loader, err));
    loss->labels = t->labels;
    sn_graph_fwd(t->graph, SN_MODE_TRAIN);
    return check_finite(t->graph, loss->mean, step, err);
}

static void zero_gradients(struct sn_trainer *t)
{
    const double start = sn_profile_start(t->graph->profile);
    sn_params_zero_grad(&t->net->params);
    sn_profile_add(t->graph->profile, SN_PART_UPDATE, start);
}

static void update(struct sn_trainer *t, double lr)
{
    struct sn_params *p = &t->net->params;
    const double start = sn_profile_start(t->graph->profile);
    if (t->recipe.clip > 0)
        sn_clip_norm(p->g, t->group, t->groups, t->recipe.clip);
    sn_sgd_step(t->graph->k, p->w, p->m, p->g, t->group, t->groups, lr,
                t->recipe.momentum);
    sn_profile_add(t->graph->profile, SN_PART_UPDATE, start);
}

sn_status sn_trainer_step(struct sn_trainer *t, struct sn_step_report *r,
                          struct sn_error *err)
{
    const struct sn_loss *loss = sn_graph_last(t->graph);
    begin_report(t, r);
    zero_gradients(t);
    for (int ip = 0; ip < t->passes; ip++) {
        SN_TRY(forward(t, t->loader, r->epoch, r->batch * t->passes + ip,
                       r->step, err));
        r->loss += loss->mean / t->passes;
        r->correct += loss->correct;
        sn_graph_bwd(t->graph);
    }
    r->images = t->recipe.batch;
    update(t, r->lr);
    end_report(t, r);
    return SN_OK;
}

/* ---- search ---- */

/* Weight steps for one architecture step, so that both see their part of the
 * images equally often. */
static int weight_steps(double arch_split)
{
    const int steps = (int)lround((1 - arch_split) / arch_split);
    return steps < 1 ? 1 : steps;
}

sn_status sn_searcher_init(struct sn_searcher *s, struct sn_supernet *net,
                           struct sn_graph *graph, struct sn_loader *loader,
                           struct sn_loader *held_out,
                           const struct sn_recipe *recipe, double arch_split,
                           double warmup, const struct sn_cost_table *cost,
                           sn_penalty penalty, double target, uint64_t seed,
                           struct sn_error *err)
{
    *s = (struct sn_searcher){.held_out = held_out,
                              .steps_per_arch = weight_steps(arch_split)};
    SN_CHECK(held_out->batch == recipe->group);
    if (sn_loader_batches(held_out) < recipe->batch / recipe->group)
        return sn_fail(err, SN_ERR_CONFIG,
                       "a batch of %d images is more than the %d held out for "
                       "architecture steps",
                       recipe->batch, held_out->n);
    SN_TRY(sn_trainer_init(&s->weights, net, graph, loader, recipe, err));
    const size_t total = (size_t)net->decisions.total;
    s->gate = calloc(total, sizeof *s->gate);
    s->dgate = calloc(total, sizeof *s->dgate);
    s->part = calloc(total, sizeof *s->part);
    if (!s->gate || !s->dgate || !s->part) {
        sn_searcher_release(s);
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu gates", total);
    }
    sn_gumbel_init(&s->gumbel, &net->space, &net->decisions, cost, penalty,
                   target, seed);
    const long steps = (long)recipe->epochs * batches_of(&s->weights, loader);
    s->gumbel.total_updates = steps / s->steps_per_arch;
    s->gumbel.warmup_updates = lround(warmup * (double)s->gumbel.total_updates);
    return SN_OK;
}

void sn_searcher_release(struct sn_searcher *s)
{
    sn_trainer_release(&s->weights);
    free(s->gate);
    free(s->dgate);
    free(s->part);
    s->gate = s->dgate = s->part = NULL;
}

bool sn_searcher_done(const struct sn_searcher *s)
{
    return sn_trainer_done(&s->weights);
}

/* Architecture steps taken before weight step `step`. */
static long arch_steps_before(const struct sn_searcher *s, long step)
{
    return step / s->steps_per_arch;
}

/* Share of the steps after warm-up that is done; 0 during it. */
static double share_done(const struct sn_gumbel *g, long arch_step)
{
    const long after = g->total_updates - g->warmup_updates;
    const long done = arch_step - g->warmup_updates;
    return done <= 0 || after <= 0 ? 0 : (double)done / (double)after;
}

/* Gates of the next pass.  Weight and architecture steps draw from one row of
 * counters: pass = weight steps + architecture steps so far. */
static void draw_gates(struct sn_searcher *s, long pass, double tau)
{
    sn_gumbel_gates(&s->gumbel, (uint32_t)pass, tau, s->gate);
    sn_supernet_set_gates(s->weights.net, s->gate);
}

static sn_status arch_step(struct sn_searcher *s, long arch, long pass,
                           double tau, double t, struct sn_step_report *r,
                           struct sn_error *err)
{
    struct sn_trainer *w = &s->weights;
    const int total = w->net->decisions.total;
    const int batches = batches_of(w, s->held_out);
    const struct sn_loss *loss = sn_graph_last(w->graph);
    draw_gates(s, pass, tau);
    memset(s->dgate, 0, (size_t)total * sizeof *s->dgate);
    for (int ip = 0; ip < w->passes; ip++) {
        SN_TRY(forward(w, s->held_out, (int)(arch / batches),
                       (int)(arch % batches) * w->passes + ip, r->step, err));
        sn_graph_bwd_gates(w->graph);
        sn_supernet_gate_grads(w->net, s->part);
        for (int io = 0; io < total; io++)
            s->dgate[io] += s->part[io];
        r->arch_loss += loss->mean / w->passes;
        r->arch_correct += loss->correct;
    }
    sn_gumbel_update(&s->gumbel, s->gate, s->dgate, r->arch_loss, t,
                     arch < s->gumbel.warmup_updates);
    r->arch_step = true;
    r->arch_images = w->recipe.batch;
    return SN_OK;
}

/* What the logits stand for: E[LAT], latency of the argmax net, lambda. */
static void price(const struct sn_gumbel *g, double t, struct sn_step_report *r)
{
    double p[SN_MAX_OPTIONS];
    int choice[SN_MAX_DECISIONS];
    sn_gumbel_probabilities(g, p);
    r->expected = sn_expected_latency(g->cost, g->space, g->d, p, NULL);
    r->argmax = sn_gumbel_argmax(g, choice);
    r->lambda = sn_gumbel_lambda(g, r->expected, sn_gumbel_target(g, t));
}

sn_status sn_searcher_step(struct sn_searcher *s, struct sn_step_report *r,
                           struct sn_error *err)
{
    struct sn_trainer *w = &s->weights;
    const long step =
        (long)w->state.epoch * batches_of(w, w->loader) + w->state.batch;
    const long arch = arch_steps_before(s, step);
    const double t = share_done(&s->gumbel, arch);
    const double tau = sn_gumbel_tau(t);
    draw_gates(s, step + arch, tau);
    SN_TRY(sn_trainer_step(w, r, err));
    if (arch_steps_before(s, step + 1) > arch)
        SN_TRY(arch_step(s, arch, step + 1 + arch, tau, t, r, err));
    r->tau = tau;
    price(&s->gumbel, t, r);
    return SN_OK;
}
