/* A search beside its controls: runs them, one after the other, and adds up
 * what they came to; see compare.h. */

#include "job/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "job/checkpoint.h"
#include "job/compare_internal.h"

enum { RESULT_MAX = 1 << 20, OVERRIDES_MAX = 256 };

/* What one run came to. */
struct outcome {
    double accuracy, latency, weights, activations;
    double val; /* of the last epoch; NaN without validation images */
};

struct comparing {
    const struct sn_compare_request *ask;
    struct sn_job_config config;
    struct sn_dataset data;
    struct sn_job_plan *plan; /* owned */
};

/* ---- reading what was run ---- */

/* The validation accuracy of the final training's last epoch. */
static sn_status read_val(double *val, const struct sn_rundir *dir,
                          struct sn_error *err)
{
    char *text;
    size_t bytes;
    *val = NAN;
    SN_TRY(sn_rundir_read(dir, "epochs.csv", &text, &bytes, err));
    const char *name = sn_phase_name(SN_PHASE_FINAL);
    const size_t n = strlen(name);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strncmp(line, name, n) != 0 || line[n] != ',')
            continue;
        const char *cell = line;
        for (int i = 0; cell && i < 5; i++) { /* phase,epoch,loss,acc,lr */
            cell = strchr(cell, ',');
            cell = cell ? cell + 1 : NULL;
        }
        if (cell && *cell && *cell != ',')
            *val = strtod(cell, NULL);
    }
    free(text);
    return SN_OK;
}

static sn_status read_outcome(struct outcome *o, const char *path,
                              struct sn_error *err)
{
    struct sn_rundir dir;
    char file[SN_RUN_PATH];
    json_t *root;
    int64_t weights = 0, live = 0;
    SN_TRY(sn_rundir_open(&dir, path, err));
    sn_rundir_file(&dir, "result.json", file);
    SN_TRY(sn_json_read(file, RESULT_MAX, &root, err));
    sn_status rc = sn_json_get_real(root, "value", &o->accuracy, file, err);
    const json_t *ms = json_object_get(root, "latency_ms");
    if (rc == SN_OK)
        rc = sn_json_get_real(ms, "predicted", &o->latency, file, err);
    if (rc == SN_OK)
        rc = sn_json_get_int(root, "weights_bytes", 0, INT64_MAX, &weights,
                             file, err);
    if (rc == SN_OK)
        rc = sn_json_get_int(root, "peak_activation_bytes", 0, INT64_MAX, &live,
                             file, err);
    json_decref(root);
    o->latency *= 1e-3;
    o->weights = (double)weights;
    o->activations = (double)live;
    return rc == SN_OK ? read_val(&o->val, &dir, err) : rc;
}

/* ---- running ---- */

/* The run's overrides behind the user's; the lines of *t become texts. */
static int list_overrides(struct sn_config_override *over,
                          const struct sn_job_request *job, struct sn_text *t)
{
    int n = 0;
    for (; n < job->n_over && n < OVERRIDES_MAX; n++)
        over[n] = job->over[n];
    for (char *line = t->data; line && *line && n < OVERRIDES_MAX;) {
        over[n++].text = line;
        line = strchr(line, '\n');
        if (line)
            *line++ = '\0';
    }
    return n;
}

/* The net of a run as DIR/seed-S/CONTROL.txt. */
static sn_status write_net(struct sn_control_run *run, const char *path,
                           struct sn_error *err)
{
    char file[SN_RUN_PATH + 8];
    snprintf(file, sizeof file, "%.*s", (int)(strrchr(path, '/') - path), path);
    SN_TRY(sn_dir_make(file, err));
    if (!run->has_arch)
        return SN_OK;
    snprintf(file, sizeof file, "%s.txt", path);
    char *text = sn_arch_text(&run->arch);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net's text");
    const sn_status rc = sn_file_write(file, text, strlen(text), err);
    free(text);
    sn_text_add(&run->overrides, "search.mode=none\nsearch.arch=%s\n", file);
    return rc;
}

static sn_status interrupted(const struct comparing *c, struct sn_error *err)
{
    return sn_fail(err, err->code,
                   "interrupted; go on with: supernet compare --controls %s "
                   "-o %s --seeds %d, and the same -s",
                   c->ask->job.config, c->ask->job.dir, c->ask->seeds);
}

/* Starts a run or goes on with it, unless it is done.  *possible becomes false
 * when no net of its space is within the budget. */
static sn_status run_one(struct comparing *c, struct sn_control_run *run,
                         const char *path, bool *possible, struct sn_error *err)
{
    struct sn_job_request job = c->ask->job;
    struct sn_config_override over[OVERRIDES_MAX];
    struct sn_rundir dir = {0};
    char file[SN_RUN_PATH];
    snprintf(dir.path, sizeof dir.path, "%s", path);
    if (sn_file_exists(sn_rundir_file(&dir, "result.json", file)))
        return SN_OK;
    if (job.out)
        fprintf(job.out, "---- %s\n", run->name);
    SN_TRY(write_net(run, path, err));
    if (run->overrides.failed)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a run's options");
    job.n_over = list_overrides(over, &c->ask->job, &run->overrides);
    job.over = over;
    job.dir = path;
    if (sn_file_exists(sn_rundir_file(&dir, "config.ini", file))) {
        job.resume = path;
        job.config = job.dir = NULL;
        job.n_over = 0;
    }
    struct sn_job_result *r = calloc(1, sizeof *r);
    if (!r)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a result");
    const sn_status rc = sn_job_train(&job, r, err);
    free(r);
    *possible = rc != SN_ERR_INFEASIBLE;
    if (rc == SN_INTERRUPTED || rc == SN_TERMINATED)
        return interrupted(c, err);
    return *possible ? rc : SN_OK;
}

/* ---- one control ---- */

/* What the nets of one control and seed come to, in *o the mean: of V3's the
 * one best on the validation images. */
static void join(struct outcome *o, int *nets, const struct outcome *each,
                 int n, sn_control control)
{
    struct outcome sum = {.val = -INFINITY};
    for (int i = 0; i < n && control == SN_CONTROL_BOTH; i++)
        if (i == 0 || each[i].val > sum.val)
            sum = each[i];
    *nets = control == SN_CONTROL_BOTH ? n > 0 : n;
    for (int i = 0; i < n && control != SN_CONTROL_BOTH; i++) {
        sum.accuracy += each[i].accuracy / n;
        sum.latency += each[i].latency / n;
        sum.weights += each[i].weights / n;
        sum.activations += each[i].activations / n;
    }
    *o = sum;
}

static sn_status run_control(struct comparing *c, sn_control control,
                             uint64_t seed, struct outcome *o, int *nets,
                             struct sn_error *err)
{
    struct outcome each[SN_CONTROL_RUNS];
    int n = 0;
    for (int i = 0; i < sn_control_runs(control); i++) {
        struct sn_control_run run;
        char path[SN_RUN_PATH];
        bool possible;
        sn_status rc = sn_control_make(&run, control, i, seed, c->plan,
                                       &c->config.device, &possible, err);
        if (rc == SN_OK &&
            !sn_path_join(path, sizeof path - 64, c->ask->job.dir, run.name))
            rc = sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long",
                         c->ask->job.dir);
        if (rc == SN_OK && possible)
            rc = run_one(c, &run, path, &possible, err);
        if (rc == SN_OK && possible)
            rc = read_outcome(&each[n++], path, err);
        sn_text_release(&run.overrides);
        SN_TRY(rc);
    }
    join(o, nets, each, n, control);
    return SN_OK;
}

/* 97.5 % points of Student's distribution, for the interval of a mean of so
 * many seeds less one. */
static double student(int freedom)
{
    static const double point[] = {12.706, 4.303, 3.182, 2.776, 2.571,
                                   2.447,  2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131};
    const int known = sizeof point / sizeof *point;
    return freedom <= known ? point[freedom - 1] : 2.0 + 2.0 / freedom;
}

static void add_up(struct sn_compared *out, const struct outcome *seed,
                   const int *nets, int seeds)
{
    double square = 0.0;
    *out = (struct sn_compared){.half_interval = NAN};
    for (int i = 0; i < seeds; i++) {
        if (nets[i] == 0)
            continue;
        out->nets += nets[i];
        out->seeds++;
        out->accuracy += seed[i].accuracy;
        out->latency += seed[i].latency;
        out->weights += seed[i].weights;
        out->activations += seed[i].activations;
    }
    const int n = out->seeds > 0 ? out->seeds : 1;
    out->accuracy /= n;
    out->latency /= n;
    out->weights /= n;
    out->activations /= n;
    for (int i = 0; i < seeds; i++)
        if (nets[i] > 0)
            square += pow(seed[i].accuracy - out->accuracy, 2);
    if (out->seeds > 1)
        out->half_interval = student(out->seeds - 1) *
                             sqrt(square / (out->seeds - 1) / out->seeds);
}

/* ---- the whole ---- */

static sn_status open_comparing(struct comparing *c, struct sn_error *err)
{
    const struct sn_job_request *job = &c->ask->job;
    SN_TRY(sn_job_config_read(&c->config, job->config, job->over, job->n_over,
                              err));
    SN_TRY(sn_job_config_follow(&c->config, err));
    SN_TRY(sn_job_data(&c->data, &c->config, NULL, err));
    SN_TRY(sn_job_plan_costs(c->plan, &c->config, c->data.train.c,
                             c->data.classes, err));
    if (!c->plan->searches)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: searches nothing (mode = none); there is nothing "
                       "to compare",
                       job->config);
    if (!sn_budget_any(&c->plan->budget))
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: has no [budget] that controls could be held to",
                       job->config);
    return sn_job_plan_feasible(c->plan, err);
}

/* The folder tells by a file which comparison it holds. */
static sn_status claim_folder(const struct comparing *c, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    char *is = NULL, *known = NULL;
    size_t bytes;
    SN_TRY(sn_dir_make(c->ask->job.dir, err));
    if (!sn_path_join(path, sizeof path, c->ask->job.dir, "compare.ini"))
        return sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long",
                       c->ask->job.dir);
    is = sn_config_text(c->config.source);
    if (!is)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the config's text");
    sn_status rc = SN_OK;
    if (!sn_file_exists(path)) {
        rc = sn_file_write(path, is, strlen(is), err);
    } else {
        rc = sn_file_read(path, RESULT_MAX, &known, &bytes, err);
        if (rc == SN_OK && strcmp(known, is) != 0)
            rc = sn_fail(err, SN_ERR_CONFIG,
                         "%s: another config or other overrides; expected a "
                         "new folder for another comparison",
                         path);
    }
    free(is);
    free(known);
    return rc;
}

static sn_status compare(struct comparing *c, struct sn_comparison *out,
                         struct sn_error *err)
{
    struct outcome seed[SN_CONTROLS][SN_COMPARE_SEEDS];
    int nets[SN_CONTROLS][SN_COMPARE_SEEDS];
    SN_TRY(open_comparing(c, err));
    SN_TRY(claim_folder(c, err));
    out->budget = c->plan->budget;
    out->seeds = c->ask->seeds;
    for (int i = 0; i < c->ask->seeds;
         i++) /* a seed is whole before the next */
        for (int control = 0; control < SN_CONTROLS; control++)
            SN_TRY(run_control(c, (sn_control)control,
                               c->config.run.seed + (uint64_t)i,
                               &seed[control][i], &nets[control][i], err));
    for (int control = 0; control < SN_CONTROLS; control++)
        add_up(&out->control[control], seed[control], nets[control],
               c->ask->seeds);
    return SN_OK;
}

sn_status sn_compare(struct sn_comparison *out,
                     const struct sn_compare_request *q, struct sn_error *err)
{
    SN_CHECK(q->seeds >= 1 && q->seeds <= SN_COMPARE_SEEDS);
    struct comparing *c = calloc(1, sizeof *c);
    struct sn_comparison made = {0};
    sn_status rc = SN_OK;
    if (c)
        c->plan = calloc(1, sizeof *c->plan);
    if (!c || !c->plan) {
        free(c);
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a comparison");
    }
    c->ask = q;
    rc = compare(c, &made, err);
    sn_dataset_release(&c->data);
    sn_job_config_release(&c->config);
    sn_job_plan_release(c->plan);
    free(c->plan);
    free(c);
    if (rc == SN_OK)
        *out = made;
    return rc;
}
