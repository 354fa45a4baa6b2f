/* The whole job, phase by phase:
 *
 *   search -> derive -> train the derived net -> train the baseline -> result
 *
 * A phase ends with its files written; the next one begins with a checkpoint.
 * Going on after an interruption is the same code from the phase the newest
 * checkpoint stands in: a phase that had ended is only ended once more. */

#include "job/job.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/text.h"
#include "job/env.h"
#include "job/job_internal.h"
#include "job/measure_device.h"
#include "job/weights.h"
#include "search/table_io.h"
#include "target/estimator.h"

int sn_job_threads(int asked, const struct sn_run_options *run)
{
    const int most = omp_get_max_threads(), cores = sn_os_cores();
    if (asked > 0)
        return asked;
    if (run->threads > 0)
        return run->threads;
    return most < cores ? most : cores;
}

bool sn_job_bf16(const struct sn_run_options *run, const struct sn_kernels *k)
{
    if (run->precision == SN_PRECISION_AUTO)
        return k->product_pairs != NULL;
    return run->precision == SN_PRECISION_BF16;
}

/* ---- opening ---- */

/* Config and run directory of a run that goes on. */
static sn_status open_old(struct sn_job *j, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    SN_TRY(sn_rundir_open(&j->dir, j->ask->resume, err));
    return sn_job_config_read(
        &j->config, sn_rundir_file(&j->dir, "config.ini", path), NULL, 0, err);
}

static sn_status open_config(struct sn_job *j, struct sn_error *err)
{
    const struct sn_job_request *q = j->ask;
    if (q->resume)
        SN_TRY(open_old(j, err));
    else
        SN_TRY(
            sn_job_config_read(&j->config, q->config, q->over, q->n_over, err));
    SN_TRY(sn_job_config_follow(&j->config, err));
    j->threads = sn_job_threads(q->threads, &j->config.run);
    omp_set_num_threads(j->threads);
    sn_kernels_init(&j->kernels, q->isa);
    return SN_OK;
}

/* Whether the checkpoint belongs to this config and this program. */
static sn_status check_origin(const struct sn_job *j, uint64_t config_hash,
                              struct sn_error *err)
{
    const struct sn_checkpoint *at = j->at;
    if (at->config_hash != config_hash)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s/config.ini: was changed since the checkpoint was "
                       "written; start a run of its own for another config",
                       j->dir.path);
    if (j->ask->force)
        return SN_OK;
    if (strcmp(at->version, SN_VERSION) != 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: the run was made by supernet %s, this is %s; "
                       "results may differ, --force goes on all the same",
                       j->dir.path, at->version, SN_VERSION);
    if (strcmp(at->isa, j->kernels.isa) != 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: the run used instruction set %s, this one would "
                       "use %s and give other bits; --isa %s keeps to it, "
                       "--force goes on all the same",
                       j->dir.path, at->isa, j->kernels.isa, at->isa);
    return SN_OK;
}

/* The hash of the resolved config, as it stands in the run. */
static sn_status hash_config(const struct sn_job *j, uint64_t *hash,
                             struct sn_error *err)
{
    char *text;
    size_t bytes;
    SN_TRY(sn_rundir_read(&j->dir, "config.ini", &text, &bytes, err));
    *hash = sn_hash(SN_HASH_START, text, bytes);
    free(text);
    return SN_OK;
}

/* Reads the newest checkpoint into *at; where there is none the run starts
 * over from its config. */
static sn_status open_checkpoint(struct sn_job *j, struct sn_error *note,
                                 struct sn_error *err)
{
    uint64_t hash;
    if (!j->ask->resume)
        return SN_OK;
    SN_TRY(sn_rundir_lock(&j->dir, err));
    SN_TRY(hash_config(j, &hash, err));
    SN_TRY(sn_checkpoint_open(&j->saved, j->at, &j->dir, note, err));
    return j->saved ? check_origin(j, hash, err) : SN_OK;
}

static bool is_done(const struct sn_job *j)
{
    return j->at->phase == SN_PHASE_DONE;
}

/* A run goes on with the images it began with, or not at all: some of the new
 * ones would be trained on that were held back before. */
static sn_status check_data(struct sn_job *j, struct sn_error *err)
{
    struct sn_checkpoint *at = j->at;
    struct sn_data_print is;
    char changes[256];
    sn_data_print(&is, &j->data);
    if (j->saved && at->has_data &&
        *sn_data_print_changes(changes, sizeof changes, &at->data, &is))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the images are not those the run began with: %s; "
                       "put them back, or start a run of its own",
                       j->dir.path, changes);
    at->data = is;
    at->has_data = true;
    return SN_OK;
}

static sn_status open_data(struct sn_job *j, struct sn_error *err)
{
    const struct sn_job_config *c = &j->config;
    const struct sn_watch watch = {.out = j->ask->out, .stop = j->ask->stop};
    SN_TRY(sn_job_data(&j->data, c, &watch, err));
    SN_TRY(check_data(j, err));
    SN_TRY(sn_subnet_check(&j->data, &c->data, err)); /* now, not at the end */
    return sn_split_make(&j->split, &j->data, c->data.val, sn_job_arch_split(c),
                         c->run.seed, err);
}

/* Costs and memory; every refusal comes here, before the first step. */
static sn_status make_plan(struct sn_job *j, struct sn_error *err)
{
    if (is_done(j)) /* what remains is to tell the result */
        return sn_job_plan_costs(j->plan, &j->config, j->at->arch.c,
                                 j->at->arch.classes, err);
    SN_TRY(open_data(j, err));
    SN_TRY(sn_job_plan_batches(&j->config, &j->split, err));
    SN_TRY(sn_job_plan_costs(j->plan, &j->config, j->data.train.c,
                             j->data.classes, err));
    SN_TRY(sn_job_plan_feasible(j->plan, err));
    SN_TRY(sn_job_prune(j, err));
    SN_TRY(sn_job_plan_memory(j->plan, &j->config, &j->data, &j->kernels,
                              j->threads, j->saved ? j->at->memory_room : 0,
                              err));
    j->at->memory_room = j->plan->room;
    return sn_job_plan_fits(j->plan, &j->config, err);
}

/* A new run: its folder, and what stands in it from the start. */
static sn_status make_dir(struct sn_job *j, struct sn_error *err)
{
    const struct sn_job_request *q = j->ask;
    if (q->resume)
        return SN_OK;
    SN_TRY(
        sn_rundir_create(&j->dir, q->config, j->config.run.dir, q->dir, err));
    SN_TRY(sn_rundir_lock(&j->dir, err));
    char *text = sn_config_text(j->config.source);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the config's text");
    const sn_status rc = sn_rundir_write(&j->dir, "config.ini", text, err);
    free(text);
    if (rc != SN_OK)
        return rc;
    return sn_env_write(&j->dir, &j->kernels, j->threads, j->config.run.seed,
                        q->command, err);
}

/* The logs, cut back to the checkpoint; and who writes from now on. */
static sn_status open_logs(struct sn_job *j, struct sn_error *err)
{
    struct sn_checkpoint *at = j->at;
    SN_TRY(sn_rundir_logs(&j->dir, j->saved ? at->log_length : NULL, err));
    snprintf(at->isa, sizeof at->isa, "%s", j->kernels.isa);
    snprintf(at->version, sizeof at->version, "%s", SN_VERSION);
    return hash_config(j, &at->config_hash, err);
}

/* table.csv, and its hash: a run goes on with the costs it began with. */
static sn_status make_table(struct sn_job *j, struct sn_error *err)
{
    char *text = sn_frames_text(&j->plan->frames);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the cost table");
    const uint64_t hash = sn_hash(SN_HASH_START, text, strlen(text));
    sn_status rc = SN_OK;
    if (j->saved && hash != j->at->cost_hash)
        rc = sn_fail(err, SN_ERR_CONFIG,
                     "%s: %s or the data's classes were changed since the "
                     "checkpoint was written: the costs are others",
                     j->dir.path, j->config.target.file);
    else if (j->plan->searches)
        rc = sn_rundir_write(&j->dir, "table.csv", text, err);
    j->at->cost_hash = hash;
    free(text);
    return rc;
}

/* ---- the head of a run ---- */

static sn_status say_data(struct sn_job *j, struct sn_error *err)
{
    const struct sn_dataset *d = &j->data;
    const struct sn_split *s = &j->split;
    char parts[80];
    if (j->plan->searches && s->n_arch > 0)
        snprintf(parts, sizeof parts, "%d + %d", s->n_weights, s->n_arch);
    else
        snprintf(parts, sizeof parts, "%d", s->n_full);
    SN_TRY(sn_job_say(j, err,
                      "%-8s %s, %d classes, %dx%dx%d: %s train, %d val, "
                      "%d test",
                      "data", d->name, d->classes, d->train.h, d->train.w,
                      d->train.c, parts, s->n_val, d->test.n));
    if (!d->found[0])
        return SN_OK;
    return sn_job_say(j, err, "%-8s %s", "", d->found);
}

static sn_status say_plan(struct sn_job *j, struct sn_error *err)
{
    const struct sn_job_plan *p = j->plan;
    char low[SN_QUANTITY_TEXT], high[SN_QUANTITY_TEXT], base[SN_QUANTITY_TEXT];
    char budget[SN_BUDGET_LINE], peak[SN_QUANTITY_TEXT];
    char left[SN_QUANTITY_TEXT] = "?";
    if (p->available > 0)
        sn_text_bytes(left, sizeof left, (double)p->available);
    char nets[SN_NETS_TEXT];
    if (p->searches)
        SN_TRY(sn_job_say(j, err, "%-8s %s nets, latency %s to %s on %s",
                          "space", sn_job_plan_nets(nets, p),
                          sn_text_time(low, sizeof low, p->lowest),
                          sn_text_time(high, sizeof high, p->highest),
                          sn_target_name(&j->config.device)));
    if (p->stale)
        SN_TRY(sn_job_say(j, err, "%-8s %s", "note", sn_job_plan_stale));
    if (*p->reach)
        SN_TRY(sn_job_say(j, err, "%-8s %s", "note", p->reach));
    SN_TRY(sn_job_say_pruned(j, err));
    SN_TRY(
        sn_job_say(j, err, "%-8s %s; the baseline takes %s", "budget",
                   sn_job_plan_budget(budget, &p->budget),
                   sn_text_time(base, sizeof base, p->baseline_cost.seconds)));
    char again[SN_AGAIN_TEXT];
    SN_TRY(sn_job_say(j, err, "%-8s %s", "training", sn_job_plan_precision(p)));
    return sn_job_say(
        j, err, "%-8s %s planned%s, %s left", "memory",
        sn_text_bytes(peak, sizeof peak, (double)sn_job_plan_peak(p)),
        sn_job_plan_again(again, p), left);
}

static sn_status say_head(struct sn_job *j, struct sn_error *err)
{
    char machine[160];
    sn_env_line(machine, sizeof machine, &j->kernels, j->threads);
    SN_TRY(sn_job_say(j, err, "supernet %s  %s  seed %llu", SN_VERSION, machine,
                      (unsigned long long)j->config.run.seed));
    SN_TRY(sn_job_say(j, err, "%-8s %s", "run", j->dir.path));
    if (is_done(j))
        return sn_job_say(j, err, "%-8s nothing is left to do", "finished");
    if (j->saved)
        return sn_job_say(j, err, "%-8s phase %s, epoch %d, step %d of it",
                          "resumed", sn_phase_name((sn_phase)j->at->phase),
                          j->at->train.epoch + 1, j->at->train.batch + 1);
    SN_TRY(say_data(j, err));
    return say_plan(j, err);
}

/* ---- phases ---- */

void sn_job_forget_saved(struct sn_job *j)
{
    sn_checkpoint_close(j->saved);
    j->saved = NULL;
}

static sn_status end_search(struct sn_job *j, struct sn_error *err)
{
    char line[256];
    char *text = sn_arch_text(&j->at->arch);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the arch's text");
    const sn_status rc = sn_rundir_write(&j->dir, "arch.txt", text, err);
    free(text);
    if (rc != SN_OK)
        return rc;
    sn_arch_summary(&j->at->arch, line, sizeof line);
    return sn_job_say(j, err, "%-8s %s", "chosen", line);
}

static bool trains_baseline(const struct sn_job *j)
{
    return (j->plan->searches || j->config.has_arch) &&
           j->config.baseline.train == SN_BASELINE_TRAIN;
}

/* From the search to the net that is trained in full. */
static sn_status find_net(struct sn_job *j, struct sn_error *err)
{
    struct sn_checkpoint *at = j->at;
    if (at->phase == SN_PHASE_SEARCH) {
        SN_TRY(sn_job_search(j, err));
        sn_job_end_phase(j, SN_PHASE_SHORT);
        sn_job_forget_saved(j);
    }
    if (at->phase == SN_PHASE_SHORT) {
        SN_TRY(sn_job_short_list(j, err));
        sn_job_end_phase(j, SN_PHASE_RACE);
        sn_job_forget_saved(j);
    }
    if (at->phase == SN_PHASE_RACE) {
        SN_TRY(sn_job_race(j, err));
        SN_TRY(end_search(j, err));
        sn_job_end_phase(j, SN_PHASE_FINAL);
        sn_job_forget_saved(j);
    }
    return SN_OK;
}

static sn_status run_phases(struct sn_job *j, struct sn_error *err)
{
    struct sn_checkpoint *at = j->at;
    if (j->plan->searches) {
        SN_TRY(find_net(j, err));
    } else if (at->phase == SN_PHASE_SEARCH) {
        at->arch = j->plan->only;
        at->has_arch = true;
        SN_TRY(end_search(j, err));
        at->phase = SN_PHASE_FINAL;
    }
    if (at->phase == SN_PHASE_FINAL) {
        SN_TRY(sn_job_train_net(j, &at->arch, err));
        sn_job_end_phase(j, trains_baseline(j) ? SN_PHASE_BASELINE
                                               : SN_PHASE_DONE);
        sn_job_forget_saved(j);
    }
    if (at->phase == SN_PHASE_BASELINE) {
        SN_TRY(sn_job_train_net(j, &j->plan->baseline, err));
        sn_job_end_phase(j, SN_PHASE_DONE);
        sn_job_forget_saved(j);
    }
    return SN_OK;
}

/* ---- the end ---- */

static void take_net(struct sn_net_result *n, const struct sn_checkpoint *at,
                     sn_phase phase, const struct sn_arch *arch,
                     const struct sn_target *target)
{
    const struct sn_outcome *o = &at->outcome[phase - SN_PHASE_FINAL];
    *n = (struct sn_net_result){.arch = *arch,
                                .trained = o->trained,
                                .inherited = o->inherited,
                                .seconds = at->seconds[phase]};
    n->test = (struct sn_eval){.loss = o->loss,
                               .accuracy = o->accuracy,
                               .images = o->images,
                               .correct = o->correct};
    sn_arch_cost(&n->cost, arch, target);
}

static void take_stages(const struct sn_job *j, struct sn_job_result *r)
{
    static const sn_phase phase[SN_FUNNEL_STAGES] = {
        [SN_FUNNEL_SEARCH] = SN_PHASE_SEARCH,
        [SN_FUNNEL_SHORT] = SN_PHASE_SHORT,
        [SN_FUNNEL_RACE] = SN_PHASE_RACE};
    memcpy(r->stage, j->at->stage, sizeof r->stage);
    for (int i = SN_FUNNEL_SEARCH; i < SN_FUNNEL_STAGES; i++)
        r->stage[i].seconds = j->at->seconds[phase[i]];
}

static void take_result(struct sn_job *j, struct sn_job_result *r)
{
    const struct sn_job_plan *p = j->plan;
    memset(r, 0, sizeof *r);
    r->seed = j->config.run.seed;
    r->budget = p->budget;
    r->searched = p->searches;
    r->search_seconds = j->at->seconds[SN_PHASE_SEARCH] +
                        j->at->seconds[SN_PHASE_SHORT] +
                        j->at->seconds[SN_PHASE_RACE];
    take_stages(j, r);
    r->has_baseline = p->searches || j->config.has_arch;
    take_net(&r->net, j->at, SN_PHASE_FINAL, &j->at->arch, &j->config.device);
    take_net(&r->baseline, j->at, SN_PHASE_BASELINE, &p->baseline,
             &j->config.device);
    snprintf(r->dir, sizeof r->dir, "%s", j->dir.path);
}

/* On a target that is this machine: what its prediction is worth. */
static sn_status measure_nets(struct sn_job *j, struct sn_job_result *r,
                              struct sn_error *err)
{
    enum { SECONDS = 3 };
    struct sn_timing t;
    if (j->config.device.kind != SN_TARGET_CPU)
        return SN_OK;
    SN_TRY(sn_measure_arch(&t, &r->net.arch, &j->kernels, SECONDS, err));
    r->net.measured = t.seconds;
    r->stated = sn_estimator_error(j->config.device.estimator);
    if (!r->has_baseline)
        return SN_OK;
    SN_TRY(sn_measure_arch(&t, &r->baseline.arch, &j->kernels, SECONDS, err));
    r->baseline.measured = t.seconds;
    return SN_OK;
}

static sn_status finish(struct sn_job *j, struct sn_job_result *r,
                        struct sn_error *err)
{
    take_result(j, r);
    SN_TRY(measure_nets(j, r, err));
    char *text = sn_result_json(r);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the result's text");
    const sn_status rc = sn_rundir_write(&j->dir, "result.json", text, err);
    free(text);
    if (rc != SN_OK)
        return rc;
    return sn_job_save(j, NULL, err);
}

static sn_status open_all(struct sn_job *j, struct sn_error *err)
{
    struct sn_error note = {0};
    SN_TRY(open_config(j, err));
    SN_TRY(open_checkpoint(j, &note, err));
    SN_TRY(make_plan(j, err));
    SN_TRY(make_dir(j, err));
    SN_TRY(open_logs(j, err));
    SN_TRY(make_table(j, err));
    if (note.text[0])
        SN_TRY(sn_job_say(j, err, "%s", note.text));
    return say_head(j, err);
}

static void close_all(struct sn_job *j)
{
    sn_progress_clear(&j->progress);
    sn_job_forget_saved(j);
    sn_rundir_close(&j->dir);
    sn_split_release(&j->split);
    sn_dataset_release(&j->data);
    sn_job_config_release(&j->config);
    sn_job_plan_release(j->plan);
    free(j->plan);
    free(j->at);
    free(j);
}

sn_status sn_job_train(const struct sn_job_request *q, struct sn_job_result *r,
                       struct sn_error *err)
{
    struct sn_job *j = calloc(1, sizeof *j);
    if (!j)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a job");
    j->ask = q;
    j->plan = calloc(1, sizeof *j->plan);
    j->at = calloc(1, sizeof *j->at);
    sn_progress_init(&j->progress, q->out);
    sn_status rc = SN_OK;
    if (!j->plan || !j->at)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a job's plan");
    if (rc == SN_OK)
        rc = open_all(j, err);
    if (rc == SN_OK)
        rc = run_phases(j, err);
    if (rc == SN_OK)
        rc = finish(j, r, err);
    close_all(j);
    return rc;
}
