/* One training step: batch, forward, loss, backward, SGD. */

#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/train_internal.h"

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

int sn_trainer_batches(const struct sn_trainer *t, const struct sn_loader *l)
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
                             .passes = recipe->batch / recipe->group,
                             .rounds = 1};
    if (sn_trainer_batches(t, loader) < 1)
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
    t->active = t->group;
    t->actives = t->groups;
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
    const int batches = sn_trainer_batches(t, t->loader);
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

sn_status sn_trainer_forward(struct sn_trainer *t, struct sn_loader *loader,
                             int epoch, int ib, long step, struct sn_error *err)
{
    struct sn_loss *loss = sn_graph_last(t->graph);
    const double start = sn_profile_start(t->graph->profile);
    loader->size = sn_graph_first(t->graph)->h; /* a frame's own */
    const int got = sn_loader_batch(loader, epoch, ib,
                                    sn_graph_first(t->graph)->y, t->labels);
    sn_profile_add(t->graph->profile, SN_PART_IMAGES, start);
    SN_CHECK(got == t->recipe.group);
    SN_TRY(sn_loader_status(loader, err));
    loss->labels = t->labels;
    loss->share = 1.0 / (t->passes * t->rounds);
    sn_graph_fwd(t->graph, SN_MODE_TRAIN);
    return check_finite(t->graph, loss->mean, step, err);
}

void sn_trainer_clear(struct sn_trainer *t)
{
    const double start = sn_profile_start(t->graph->profile);
    for (int ig = 0; ig < t->actives; ig++)
        memset(t->net->params.g + t->active[ig].first, 0,
               t->active[ig].count * sizeof(sn_real));
    sn_profile_add(t->graph->profile, SN_PART_UPDATE, start);
}

static void update(struct sn_trainer *t, double lr)
{
    struct sn_params *p = &t->net->params;
    const double start = sn_profile_start(t->graph->profile);
    if (t->recipe.clip > 0)
        sn_clip_norm(p->g, t->active, t->actives, t->recipe.clip);
    sn_sgd_step(t->graph->k, p->w, p->m, p->g, t->active, t->actives, lr,
                t->recipe.momentum);
    sn_profile_add(t->graph->profile, SN_PART_UPDATE, start);
}

/* The batch through one subnet, forward and backward. */
static sn_status run_round(struct sn_trainer *t, struct sn_step_report *r,
                           struct sn_error *err)
{
    for (int ip = 0; ip < t->passes; ip++) {
        SN_TRY(sn_trainer_forward(t, t->loader, r->epoch,
                                  r->batch * t->passes + ip, r->step, err));
        const struct sn_loss *loss = sn_graph_last(t->graph);
        r->loss += loss->mean / (t->passes * t->rounds);
        r->correct += loss->correct;
        sn_graph_bwd(t->graph);
    }
    return SN_OK;
}

sn_status sn_trainer_step(struct sn_trainer *t, struct sn_step_report *r,
                          struct sn_error *err)
{
    begin_report(t, r);
    sn_trainer_clear(t);
    for (int ir = 0; ir < t->rounds; ir++) {
        if (t->next)
            SN_TRY(t->next(t->next_ctx, ir, err));
        SN_TRY(run_round(t, r, err));
    }
    r->images = t->recipe.batch * t->rounds;
    update(t, r->lr);
    end_report(t, r);
    return SN_OK;
}
