/* The steps of a search; see searcher.h. */

#include "train/searcher.h"

#include <math.h>

#include "train/train_internal.h"

const struct sn_search_mode *sn_search_mode_of(int mode)
{
    switch (mode) {
    case SN_SEARCH_GUMBEL:
        return &sn_search_gumbel;
    case SN_SEARCH_PATH:
        return &sn_search_path;
    case SN_SEARCH_ONESHOT:
        return &sn_search_oneshot;
    default:
        SN_CHECK(false); /* modes without a search have no table */
        return NULL;
    }
}

/* Weight steps for one architecture step, so that both see their part of the
 * images equally often. */
static int weight_steps(double arch_split)
{
    const int steps = (int)lround((1 - arch_split) / arch_split);
    return steps < 1 ? 1 : steps;
}

/* Architecture steps taken before weight step `step`. */
static long archs_before(const struct sn_searcher *s, long step)
{
    return s->steps_per_arch > 0 ? step / s->steps_per_arch : 0;
}

static sn_status check_held_out(const struct sn_search_setup *setup,
                                struct sn_error *err)
{
    const struct sn_recipe *recipe = &setup->recipe;
    SN_CHECK(setup->held_out->batch == recipe->group);
    if (sn_loader_batches(setup->held_out) < recipe->batch / recipe->group)
        return sn_fail(err, SN_ERR_CONFIG,
                       "a batch of %d images is more than the %d held out for "
                       "architecture steps",
                       recipe->batch, setup->held_out->n);
    return SN_OK;
}

sn_status sn_searcher_init(struct sn_searcher *s,
                           const struct sn_search_setup *setup,
                           struct sn_error *err)
{
    const struct sn_recipe *recipe = &setup->recipe;
    *s = (struct sn_searcher){
        .mode = sn_search_mode_of(sn_search_trains(setup->options)),
        .setup = *setup};
    if (s->mode->arch_step) {
        s->steps_per_arch = weight_steps(setup->options->arch_split);
        SN_TRY(check_held_out(setup, err));
    }
    SN_TRY(sn_trainer_init(&s->weights, setup->net, setup->graph, setup->loader,
                           recipe, err));
    const long steps =
        (long)recipe->epochs * sn_trainer_batches(&s->weights, setup->loader);
    s->archs = archs_before(s, steps);
    s->warmup = lround(setup->options->warmup * (double)s->archs);
    const sn_status rc = s->mode->open(s, err);
    if (rc != SN_OK)
        sn_searcher_release(s);
    return rc;
}

void sn_searcher_release(struct sn_searcher *s)
{
    if (s->mode)
        s->mode->close(s);
    sn_trainer_release(&s->weights);
    s->own = NULL;
}

bool sn_searcher_done(const struct sn_searcher *s)
{
    return sn_trainer_done(&s->weights);
}

static struct sn_search_moment moment(const struct sn_searcher *s, long step,
                                      long arch)
{
    const long after = s->archs - s->warmup, done = arch - s->warmup;
    struct sn_search_moment m = {.step = step,
                                 .arch = arch,
                                 .frozen = arch < s->warmup,
                                 .counter = (uint32_t)(step + arch)};
    if (arch > 0)
        m.done = (double)arch / (double)s->archs;
    if (done > 0 && after > 0)
        m.after = (double)done / (double)after;
    return m;
}

sn_status sn_searcher_forward(struct sn_searcher *s, long arch, int ip,
                              struct sn_step_report *r, struct sn_error *err)
{
    struct sn_trainer *w = &s->weights;
    struct sn_loader *held_out = s->setup.held_out;
    const int batches = sn_trainer_batches(w, held_out);
    SN_TRY(sn_trainer_forward(w, held_out, (int)(arch / batches),
                              (int)(arch % batches) * w->passes + ip, r->step,
                              err));
    const struct sn_loss *loss = sn_graph_last(w->graph);
    r->arch_loss += loss->mean / w->passes;
    r->arch_correct += loss->correct;
    return SN_OK;
}

sn_status sn_searcher_step(struct sn_searcher *s, struct sn_step_report *r,
                           struct sn_error *err)
{
    struct sn_trainer *w = &s->weights;
    const long step = (long)w->state.epoch * sn_trainer_batches(w, w->loader) +
                      w->state.batch;
    const long arch = archs_before(s, step);
    const struct sn_search_moment now = moment(s, step, arch);
    SN_TRY(s->mode->prepare(s, &now, err));
    SN_TRY(sn_trainer_step(w, r, err));
    if (archs_before(s, step + 1) > arch) {
        const struct sn_search_moment then = moment(s, step + 1, arch);
        SN_TRY(s->mode->arch_step(s, &then, r, err));
        r->arch_step = true;
        r->arch_images = w->recipe.batch;
    }
    s->mode->report(s, &now, r);
    return SN_OK;
}
