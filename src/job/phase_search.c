/* Phase one: the supernet's training, whatever the mode, and the derivation
 * behind it. */

#include <math.h>
#include <stdlib.h>

#include "job/job_internal.h"
#include "job/weights.h"
#include "search/table_io.h"

/* METHOD 4.3: the supernet's images are moved little and never cut. */
enum { SEARCH_TRANSLATE_MAX = 2 };

struct search {
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_loader loader, held_out;
    struct sn_searcher searcher;
    struct sn_search_arrays arrays; /* what the mode keeps */
};

static sn_status open_loaders(struct search *s, struct sn_job *j,
                              struct sn_error *err)
{
    const struct sn_job_config *c = &j->config;
    const int group = sn_job_group(c, c->search.batch);
    const int step = sn_graph_first(&s->graph)->ld;
    struct sn_augment augment;
    SN_TRY(sn_augment_parse(&augment, c->data.augment, err));
    augment.cutout = 0;
    if (augment.translate > SEARCH_TRANSLATE_MAX)
        augment.translate = SEARCH_TRANSLATE_MAX;
    SN_TRY(sn_loader_init(&s->loader, &j->data, &j->data.train,
                          j->split.weights, j->split.n_weights, group,
                          c->data.size, step, &augment, 1, c->run.seed, err));
    if (j->split.n_arch == 0)
        return SN_OK;
    return sn_loader_init(&s->held_out, &j->data, &j->data.train, j->split.arch,
                          j->split.n_arch, group, c->data.size, step, &augment,
                          1, c->run.seed, err);
}

/* What the searcher is made of, its recipe settled. */
static struct sn_search_setup setup_of(struct search *s, const struct sn_job *j)
{
    const struct sn_search_options *o = &j->config.search;
    return (struct sn_search_setup){
        .net = &s->net,
        .graph = &s->graph,
        .loader = &s->loader,
        .held_out = j->split.n_arch > 0 ? &s->held_out : NULL,
        .recipe = sn_recipe_search(o->epochs, o->batch,
                                   sn_job_group(&j->config, o->batch), o->lr,
                                   o->lr_warmup),
        .options = o,
        .cost = &j->plan->cost,
        .frames = &j->plan->frames,
        .target = sn_job_plan_target(j->plan),
        .seed = j->config.run.seed};
}

static sn_status open_search(struct search *s, struct sn_job *j,
                             struct sn_error *err)
{
    const struct sn_search_setup setup = setup_of(s, j);
    const struct sn_search_mode *mode =
        sn_search_mode_of(sn_search_trains(&j->config.search));
    SN_TRY(sn_supernet_init(&s->net, &j->plan->space, setup.seed, err));
    SN_TRY(sn_graph_init(&s->graph, &j->kernels, j->threads, err));
    s->graph.bf16 = j->plan->bf16;
    s->graph.profile = sn_job_profile(j);
    mode->list(&s->net, &s->graph, setup.recipe.group, setup.recipe.smoothing);
    s->graph.cap = sn_job_plan_cap(j->plan, s->net.params.arena.size);
    SN_TRY(sn_graph_plan(&s->graph, true, err));
    SN_TRY(open_loaders(s, j, err));
    SN_TRY(sn_searcher_init(&s->searcher, &setup, err));
    mode->arrays(&s->searcher, &s->arrays);
    j->at->search = &s->arrays;
    if (!j->saved)
        return SN_OK;
    s->searcher.weights.state = j->at->train;
    return sn_checkpoint_weights(j->saved, &s->net, &s->arrays, err);
}

static void close_search(struct search *s)
{
    sn_searcher_release(&s->searcher);
    sn_loader_release(&s->held_out);
    sn_loader_release(&s->loader);
    sn_graph_release(&s->graph);
    sn_supernet_release(&s->net);
}

/* Appends the option values of a finished epoch to values.csv. */
static sn_status log_values(struct sn_job *j, const struct sn_searcher *s,
                            int epoch, struct sn_error *err)
{
    const struct sn_job_plan *plan = j->plan;
    double p[SN_MAX_OPTIONS], value[SN_MAX_OPTIONS], slope[SN_MAX_OPTIONS];
    s->mode->values(s, p, value);
    sn_frames_slopes(&plan->frames, &plan->decisions, p, slope);
    char *text =
        sn_values_text(&plan->space, &plan->decisions, epoch, p, value, slope);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the option values");
    sn_status rc = SN_OK;
    struct sn_log_file *log = &j->dir.log[SN_LOG_VALUES];
    if (epoch == 1)
        rc = sn_log_file_add(log, err, "%s", sn_values_header);
    if (rc == SN_OK)
        rc = sn_log_file_add(log, err, "%s", text);
    free(text);
    return rc;
}

static sn_status end_epoch(struct sn_job *j, struct search *s,
                           struct sn_epoch_row *row, struct sn_error *err)
{
    struct sn_arch_tally *t = &j->at->tally;
    if (t->images > 0) {
        row->held_out_loss = t->loss_sum / (double)t->images;
        row->held_out = (double)t->correct / (double)t->images;
    }
    *t = (struct sn_arch_tally){0};
    return log_values(j, &s->searcher, row->report->epoch + 1, err);
}

static sn_status run_steps(struct sn_job *j, struct search *s,
                           struct sn_error *err)
{
    struct sn_checkpoint *at = j->at;
    struct sn_step_report r;
    while (!sn_searcher_done(&s->searcher)) {
        struct sn_epoch_row row = {
            .report = &r, .val = NAN, .held_out_loss = NAN, .held_out = NAN};
        const double start = sn_profile_start(s->graph.profile);
        SN_TRY(sn_searcher_step(&s->searcher, &r, err));
        sn_profile_add(s->graph.profile, SN_PART_STEP, start);
        if (r.arch_step) {
            at->tally.loss_sum += r.arch_loss * r.arch_images;
            at->tally.correct += r.arch_correct;
            at->tally.images += r.arch_images;
        }
        if (r.ends_epoch)
            SN_TRY(end_epoch(j, s, &row, err));
        at->train = s->searcher.weights.state;
        SN_TRY(sn_job_record(j, &r, r.ends_epoch ? &row : NULL, &s->net, err));
    }
    return SN_OK;
}

/* What goes on is filled in by the short list; without one it is one net. */
static void tell_stage(struct sn_job *j)
{
    struct sn_funnel_stage *s = &j->at->stage[SN_FUNNEL_SEARCH];
    struct sn_cost cost;
    *s = (struct sn_funnel_stage){.in = sn_space_size(&j->plan->space),
                                  .out = 1};
    if (sn_search_trains(&j->config.search) == SN_SEARCH_ONESHOT)
        return; /* it derives nothing by itself */
    sn_arch_cost(&cost, &j->at->arch, &j->config.device);
    s->latency = cost.seconds;
}

/* The best net under the budget, as far as the values know. */
static sn_status derive(struct sn_job *j, const struct search *s,
                        struct sn_error *err)
{
    const struct sn_job_plan *p = j->plan;
    double probability[SN_MAX_OPTIONS], value[SN_MAX_OPTIONS];
    s->searcher.mode->values(&s->searcher, probability, value);
    SN_TRY(sn_frames_derive(&j->at->arch, &p->frames, &p->decisions, value,
                            &p->budget, NULL, err));
    j->at->has_arch = true;
    tell_stage(j);
    return sn_supernet_save(&j->dir, &s->net, err);
}

sn_status sn_job_search(struct sn_job *j, struct sn_error *err)
{
    struct search *s = calloc(1, sizeof *s);
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    sn_status rc = open_search(s, j, err);
    if (rc == SN_OK) {
        sn_job_begin_phase(j, "search", j->config.search.epochs);
        if (!j->saved)
            rc = sn_job_save(j, &s->net, err);
    }
    if (rc == SN_OK) {
        rc = run_steps(j, s, err);
    }
    if (rc == SN_OK)
        rc = sn_job_say_profile(j, err);
    if (rc == SN_OK)
        rc = derive(j, s, err);
    j->at->search = NULL;
    close_search(s);
    free(s);
    return rc;
}
