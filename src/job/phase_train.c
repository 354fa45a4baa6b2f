/* Phases two and three: a net that stands alone is trained and evaluated. */

#include <math.h>
#include <stdlib.h>

#include "job/export_file.h"
#include "job/job_internal.h"
#include "job/weights.h"

/* DESIGN 8: statistics are taken anew on this many training images. */
enum { CALIBRATE_FINAL = 5000, CALIBRATE_CURVE = 1000 };
enum { CURVE_POINTS = 10 }; /* validations over a whole training */

struct training {
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_loader loader;           /* augmented, shuffled */
    struct sn_loader plain, val, test; /* as they are, in order */
    int *every;                        /* [n] indices of all test images */
    int *labels;                       /* [group] */
    struct sn_trainer trainer;
};

/* Images that pass through the net at a time. */
static int group_of(const struct sn_job *j)
{
    return sn_job_group(&j->config, j->config.train.batch);
}

/* For a net that reads x. */
static sn_status open_plain(struct sn_loader *l, struct sn_job *j,
                            const struct sn_images *images, const int *index,
                            int n, const struct sn_tensor *x,
                            struct sn_error *err)
{
    return sn_loader_init(l, &j->data, images, index, n, group_of(j), x->h,
                          x->ld, NULL, 0, 0, err);
}

static sn_status open_loaders(struct training *t, struct sn_job *j,
                              struct sn_error *err)
{
    const struct sn_job_config *c = &j->config;
    const struct sn_split *s = &j->split;
    const struct sn_tensor *x = sn_graph_first(&t->graph);
    const int n = j->data.test.n;
    struct sn_augment augment;
    SN_TRY(sn_augment_parse(&augment, c->data.augment, err));
    t->every = malloc((size_t)n * sizeof *t->every);
    t->labels = malloc((size_t)group_of(j) * sizeof *t->labels);
    if (!t->every || !t->labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d labels", n);
    for (int i = 0; i < n; i++)
        t->every[i] = i;
    SN_TRY(sn_loader_init(&t->loader, &j->data, &j->data.train, s->full,
                          s->n_full, group_of(j), x->h, x->ld, &augment, 1,
                          c->run.seed, err));
    SN_TRY(
        open_plain(&t->plain, j, &j->data.train, s->full, s->n_full, x, err));
    SN_TRY(open_plain(&t->val, j, &j->data.train, s->val, s->n_val, x, err));
    return open_plain(&t->test, j, &j->data.test, t->every, n, x, err);
}

/* Takes the supernet's weights, where the config says so and it has them. */
static sn_status inherit(struct training *t, struct sn_job *j,
                         const struct sn_arch *arch, int *inherited,
                         struct sn_error *err)
{
    struct sn_supernet super;
    *inherited = 0;
    if (j->config.train.from != SN_FROM_INHERIT || !j->plan->searches ||
        sn_arch_in_space(arch, &j->plan->space, NULL) != SN_OK)
        return SN_OK;
    SN_TRY(sn_supernet_init(&super, &j->plan->space, j->config.run.seed, err));
    const sn_status rc = sn_supernet_load(&j->dir, &super, err);
    if (rc == SN_OK) {
        sn_supernet_inherit(&t->net, &super);
        *inherited = 1;
    }
    sn_supernet_release(&super);
    return rc;
}

/* Whether the net of this phase began with the supernet's weights. */
static int *inherited_of(struct sn_job *j)
{
    if (j->at->phase == SN_PHASE_RACE)
        return &j->at->race.inherited;
    return &j->at->outcome[j->at->phase - SN_PHASE_FINAL].inherited;
}

static struct sn_outcome *outcome_of(struct sn_job *j)
{
    return &j->at->outcome[j->at->phase - SN_PHASE_FINAL];
}

/* The weights a phase begins with, or those it had when it was interrupted. */
static sn_status open_weights(struct training *t, struct sn_job *j,
                              const struct sn_arch *arch, struct sn_error *err)
{
    if (j->saved)
        return sn_checkpoint_weights(j->saved, &t->net, NULL, err);
    return inherit(t, j, arch, inherited_of(j), err);
}

static sn_status open_training(struct training *t, struct sn_job *j,
                               const struct sn_arch *arch, struct sn_error *err)
{
    struct sn_space *space = malloc(sizeof *space);
    if (!space)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net");
    sn_arch_space(space, arch);
    sn_status rc = sn_supernet_init(&t->net, space, j->config.run.seed, err);
    free(space);
    if (rc != SN_OK)
        return rc;
    SN_TRY(open_weights(t, j, arch, err));

    struct sn_recipe recipe =
        sn_recipe_final(&j->config.train, group_of(j), *inherited_of(j));
    if (j->at->phase == SN_PHASE_RACE)
        recipe.epochs = j->config.search.race_epochs;
    SN_TRY(sn_graph_init(&t->graph, &j->kernels, j->threads, err));
    t->graph.bf16 = j->plan->bf16;
    t->graph.profile = sn_job_profile(j);
    sn_supernet_build_arch(&t->net, &t->graph, arch, recipe.group,
                           recipe.smoothing);
    t->graph.cap = sn_job_plan_cap(j->plan, t->net.params.arena.size);
    SN_TRY(sn_graph_plan(&t->graph, true, err));
    SN_TRY(open_loaders(t, j, err));
    SN_TRY(sn_trainer_init(&t->trainer, &t->net, &t->graph, &t->loader, &recipe,
                           err));
    t->trainer.state = j->at->train;
    return SN_OK;
}

static void close_training(struct training *t)
{
    sn_trainer_release(&t->trainer);
    sn_loader_release(&t->test);
    sn_loader_release(&t->val);
    sn_loader_release(&t->plain);
    sn_loader_release(&t->loader);
    free(t->every);
    free(t->labels);
    sn_graph_release(&t->graph);
    sn_supernet_release(&t->net);
}

/* Statistics from so many images, then accuracy on `of`.  In float whatever
 * training is in: what is measured is the net that the files hold. */
static sn_status measure(struct training *t, int images, struct sn_loader *of,
                         struct sn_eval *e, struct sn_error *err)
{
    if (t->graph.bf16)
        SN_TRY(sn_graph_plan(&t->graph, false, err));
    sn_calibrate(&t->net, &t->graph, &t->plain, images, t->labels);
    sn_evaluate(e, &t->graph, of, t->labels, NULL);
    if (t->graph.bf16)
        SN_TRY(sn_graph_plan(&t->graph, true, err));
    SN_TRY(sn_loader_status(&t->plain, err));
    return sn_loader_status(of, err);
}

/* A few points of the curve: accuracy on the validation images. */
static sn_status validate(struct training *t, int epoch, double *accuracy,
                          struct sn_error *err)
{
    const int epochs = t->trainer.recipe.epochs;
    const int every = (epochs + CURVE_POINTS - 1) / CURVE_POINTS;
    if (t->val.n == 0 || ((epoch + 1) % every != 0 && epoch + 1 < epochs))
        return SN_OK;
    struct sn_eval e;
    SN_TRY(measure(t, CALIBRATE_CURVE, &t->val, &e, err));
    *accuracy = e.accuracy;
    return SN_OK;
}

static sn_status run_steps(struct sn_job *j, struct training *t,
                           struct sn_error *err)
{
    struct sn_step_report r;
    while (!sn_trainer_done(&t->trainer)) {
        struct sn_epoch_row row = {
            .report = &r, .val = NAN, .held_out_loss = NAN, .held_out = NAN};
        const double start = sn_profile_start(t->graph.profile);
        SN_TRY(sn_trainer_step(&t->trainer, &r, err));
        sn_profile_add(t->graph.profile, SN_PART_STEP, start);
        if (r.ends_epoch && j->at->phase == SN_PHASE_RACE)
            j->at->race.sum += r.epoch_loss;
        else if (r.ends_epoch)
            SN_TRY(validate(t, r.epoch, &row.val, err));
        j->at->train = t->trainer.state;
        SN_TRY(sn_job_record(j, &r, r.ends_epoch ? &row : NULL, &t->net, err));
    }
    return SN_OK;
}

static sn_status say_export(struct sn_job *j, const struct sn_export *e,
                            struct sn_error *err)
{
    SN_TRY(sn_job_say(j, err,
                      "%-8s " SN_ONNX_FILE
                      ": read back and recomputed on %d pictures, largest "
                      "difference %.1e",
                      "exported", e->pictures, e->worst));
    for (int i = 0; i < e->notes; i++)
        SN_TRY(sn_job_say(j, err, "%-8s %s", "note", e->note[i]));
    return SN_OK;
}

/* subnet.onnx, from the file that was just written.  A file that computes
 * something else is not kept, and no reason to throw a training away. */
static sn_status export(struct sn_job *j, struct sn_error *err)
{
    const struct sn_export_request request = {
        .from = j->dir.path, .isa = j->ask->isa, .threads = j->threads};
    struct sn_export e;
    struct sn_error why = {0};
    const sn_status rc = sn_export_file(&e, &request, &why);
    if (rc == SN_OK)
        return say_export(j, &e, err);
    if (rc == SN_ERR_NUMERIC)
        return sn_job_say(j, err, "warning: %s", why.text);
    return sn_fail(err, rc, "%s", why.text);
}

/* The end: statistics, the test set once, the files. */
static sn_status finish(struct sn_job *j, struct training *t,
                        const struct sn_arch *arch, struct sn_error *err)
{
    struct sn_outcome *o = outcome_of(j);
    struct sn_eval e;
    SN_TRY(measure(t, CALIBRATE_FINAL, &t->test, &e, err));
    if (!isfinite(e.loss))
        return sn_fail(err, SN_ERR_NUMERIC,
                       "the trained net's loss on the test images is not "
                       "finite; a lower learning rate may help");
    o->trained = 1;
    o->loss = e.loss;
    o->accuracy = e.accuracy;
    o->images = e.images;
    o->correct = e.correct;
    const bool final = j->at->phase == SN_PHASE_FINAL;
    SN_TRY(sn_subnet_save(&j->dir, final ? SN_SUBNET_FILE : SN_BASELINE_FILE,
                          &t->net, arch, &j->data, &j->config.data,
                          j->config.run.seed, j->config.train.batch, err));
    return final ? export(j, err) : SN_OK;
}

sn_status sn_job_train_racer(struct sn_job *j, const struct sn_arch *arch,
                             double *loss, struct sn_error *err)
{
    struct training *t = calloc(1, sizeof *t);
    if (!t)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a training");
    sn_status rc = open_training(t, j, arch, err);
    if (rc == SN_OK) {
        sn_job_begin_phase(j, "race", j->config.search.race_epochs);
        if (!j->saved)
            rc = sn_job_save(j, &t->net, err);
    }
    if (rc == SN_OK)
        rc = run_steps(j, t, err);
    *loss = j->at->race.sum / j->config.search.race_epochs;
    close_training(t);
    free(t);
    return rc;
}

sn_status sn_job_train_net(struct sn_job *j, const struct sn_arch *arch,
                           struct sn_error *err)
{
    const char *title = "training";
    if (j->at->phase == SN_PHASE_BASELINE)
        title = "baseline";
    else if (j->plan->searches)
        title = "derived";
    struct training *t = calloc(1, sizeof *t);
    if (!t)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a training");
    sn_status rc = open_training(t, j, arch, err);
    if (rc == SN_OK) {
        sn_job_begin_phase(j, title, j->config.train.epochs);
        if (!j->saved)
            rc = sn_job_save(j, &t->net, err);
    }
    if (rc == SN_OK)
        rc = run_steps(j, t, err);
    if (rc == SN_OK)
        rc = sn_job_say_profile(j, err);
    if (rc == SN_OK)
        rc = finish(j, t, arch, err);
    close_training(t);
    free(t);
    return rc;
}
