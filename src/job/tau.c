/* How well a supernet ranks nets; see tau.h. */

#include "job/tau.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/finished.h"
#include "job/judge.h"
#include "regress/score.h"
#include "search/choice.h"

/* Which of the nets that chance gives they are: none that a search looks at. */
enum { FIRST_NET = 1 << 20, TRIES = 50 };

struct ranking {
    const struct sn_tau_request *ask;
    struct sn_tau *out;
    struct sn_finished *run; /* owned, as are the others */
    struct sn_job_plan *plan;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_kernels kernels;
    int threads;
};

/* ---- opening ---- */

static sn_status open_run(struct ranking *r, struct sn_error *err)
{
    const struct sn_tau_request *q = r->ask;
    SN_TRY(sn_finished_open(r->run, q->run, err));
    struct sn_job_config *c = &r->run->config;
    SN_TRY(sn_job_config_follow(c, err));
    r->threads = sn_job_threads(q->job.threads, &c->run);
    omp_set_num_threads(r->threads);
    sn_kernels_init(&r->kernels, q->job.isa);
    SN_TRY(sn_job_data(&r->data, c, NULL, err));
    SN_TRY(sn_split_make(&r->split, &r->data, c->data.val, sn_job_arch_split(c),
                         c->run.seed, err));
    if (r->split.n_val < 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: has no validation images to judge nets on "
                       "([data] val)",
                       q->run);
    return sn_job_plan_costs(r->plan, c, r->data.train.c, r->data.classes, err);
}

/* ---- nets ---- */

static bool is_new(const struct sn_tau *t, const struct sn_arch *arch)
{
    for (int i = 0; i < t->n; i++)
        if (sn_arch_equal(&t->net[i].arch, arch))
            return false;
    return true;
}

/* Random nets within the run's budget, none twice. */
static sn_status draw_nets(struct ranking *r, struct sn_error *err)
{
    const struct sn_job_plan *p = r->plan;
    const struct sn_choice_limits limits = {&p->space, &p->decisions, &p->cost,
                                            &p->budget,
                                            r->run->config.run.seed};
    int choice[SN_MAX_DECISIONS];
    if (p->frames.count > 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--tau ranks nets of one input size, multiplier, output "
                       "stride and width a stage; the run has several");
    for (int i = 0; i < TRIES * r->ask->nets && r->out->n < r->ask->nets; i++) {
        struct sn_tau_net *net = &r->out->net[r->out->n];
        struct sn_cost cost;
        SN_TRY(
            sn_choice_random(&limits, (uint32_t)(FIRST_NET + i), choice, err));
        sn_arch_choose(&net->arch, &p->space, &p->decisions, choice);
        sn_choice_cost(&cost, &p->cost, &p->space, &p->decisions, choice);
        net->latency = cost.seconds;
        r->out->n += is_new(r->out, &net->arch);
    }
    if (r->out->n >= 2)
        return SN_OK;
    return sn_fail(err, SN_ERR_INFEASIBLE,
                   "%s: its space has one net within the budget; there is "
                   "nothing to rank",
                   r->ask->run);
}

static sn_status judge_nets(struct ranking *r, struct sn_error *err)
{
    const struct sn_judge_setup setup = {.dir = &r->run->dir,
                                         .config = &r->run->config,
                                         .plan = r->plan,
                                         .data = &r->data,
                                         .split = &r->split,
                                         .kernels = &r->kernels,
                                         .threads = r->threads};
    struct sn_judge judge;
    sn_status rc = sn_judge_open(&judge, &setup, err);
    for (int i = 0; rc == SN_OK && i < r->out->n; i++) {
        struct sn_eval e;
        rc = sn_judge_net(&judge, &r->out->net[i].arch, &e, err);
        r->out->net[i].shared = e.accuracy;
    }
    sn_judge_close(&judge);
    return rc;
}

/* ---- training ---- */

/* RUN/tau/N into path, and the net's text as file, beside it. */
static sn_status write_net(const struct ranking *r, int i,
                           char path[SN_RUN_PATH], char file[SN_RUN_PATH],
                           struct sn_error *err)
{
    if (!sn_path_join(path, SN_RUN_PATH - 64, r->run->dir.path, "tau"))
        return sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long",
                       r->run->dir.path);
    SN_TRY(sn_dir_make(path, err));
    const size_t n = strlen(path);
    snprintf(path + n, SN_RUN_PATH - n, "/%d", i + 1);
    memcpy(file, path, SN_RUN_PATH);
    snprintf(file + strlen(file), SN_RUN_PATH - strlen(file), ".txt");
    char *text = sn_arch_text(&r->out->net[i].arch);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net's text");
    const sn_status rc = sn_file_write(file, text, strlen(text), err);
    free(text);
    return rc;
}

/* Trains a net, goes on with its training, or finds it done. */
static sn_status train_net(const struct ranking *r, int i, struct sn_error *err)
{
    char path[SN_RUN_PATH], file[SN_RUN_PATH], config[SN_RUN_PATH];
    char arch[SN_RUN_PATH + 32];
    struct sn_rundir dir = {0};
    SN_TRY(write_net(r, i, path, file, err));
    snprintf(dir.path, sizeof dir.path, "%s", path);
    snprintf(arch, sizeof arch, "search.arch=%s", file);
    const struct sn_config_override over[] = {{"search.mode=none"},
                                              {arch},
                                              {"train.from=scratch"},
                                              {"baseline.train=cost-only"}};
    struct sn_job_request job = r->ask->job;
    job.config = sn_rundir_file(&r->run->dir, "config.ini", config);
    job.dir = path;
    job.resume = NULL;
    job.over = over;
    job.n_over = sizeof over / sizeof *over;
    if (job.out)
        fprintf(job.out, "---- net %d of %d\n", i + 1, r->out->n);
    if (sn_file_exists(sn_rundir_file(&dir, "config.ini", file))) {
        job.resume = path;
        job.config = job.dir = NULL;
        job.n_over = 0;
    }
    struct sn_job_result *result = calloc(1, sizeof *result);
    if (!result)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a result");
    const sn_status rc = sn_job_train(&job, result, err);
    r->out->net[i].alone = result->net.test.accuracy;
    free(result);
    if (rc == SN_INTERRUPTED || rc == SN_TERMINATED)
        return sn_fail(err, rc,
                       "interrupted; go on with: supernet derive %s --tau %d",
                       r->ask->run, r->ask->nets);
    return rc;
}

/* ---- the end ---- */

static int by_alone(const void *a, const void *b)
{
    const struct sn_tau_net *x = a, *y = b;
    if (x->alone != y->alone)
        return x->alone > y->alone ? -1 : 1;
    return x->latency < y->latency ? -1 : x->latency > y->latency;
}

static sn_status write_table(const struct ranking *r, struct sn_error *err)
{
    struct sn_text t = {0};
    char real[32], line[1024];
    sn_text_add(&t, "alone,shared,latency_s,net\n");
    for (int i = 0; i < r->out->n; i++) {
        const struct sn_tau_net *net = &r->out->net[i];
        sn_text_add(&t, "%s,", sn_text_real(real, sizeof real, net->alone));
        sn_text_add(&t, "%s,", sn_text_real(real, sizeof real, net->shared));
        sn_text_add(&t, "%s,", sn_text_real(real, sizeof real, net->latency));
        sn_arch_summary(&net->arch, line, sizeof line);
        sn_text_add_csv(&t, line);
        sn_text_add(&t, "\n");
    }
    char *text = sn_text_take(&t);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for tau.csv");
    const sn_status rc = sn_rundir_write(&r->run->dir, "tau.csv", text, err);
    free(text);
    return rc;
}

static sn_status rank(struct ranking *r, struct sn_error *err)
{
    double alone[SN_TAU_MOST], shared[SN_TAU_MOST];
    struct sn_tau *t = r->out;
    struct sn_score score;
    qsort(t->net, (size_t)t->n, sizeof *t->net, by_alone);
    for (int i = 0; i < t->n; i++) {
        alone[i] = t->net[i].alone;
        shared[i] = t->net[i].shared;
    }
    SN_TRY(sn_score_make(&score, alone, shared, t->n, err));
    t->tau = score.kendall;
    return write_table(r, err);
}

static sn_status make(struct ranking *r, struct sn_error *err)
{
    SN_TRY(open_run(r, err));
    SN_TRY(draw_nets(r, err));
    SN_TRY(judge_nets(r, err));
    for (int i = 0; i < r->out->n; i++)
        SN_TRY(train_net(r, i, err));
    return rank(r, err);
}

sn_status sn_tau_make(struct sn_tau *t, const struct sn_tau_request *q,
                      struct sn_error *err)
{
    SN_CHECK(q->nets >= 2 && q->nets <= SN_TAU_MOST);
    struct ranking r = {.ask = q,
                        .out = t,
                        .run = calloc(1, sizeof *r.run),
                        .plan = calloc(1, sizeof *r.plan)};
    *t = (struct sn_tau){.net = calloc((size_t)q->nets, sizeof *t->net)};
    sn_status rc = SN_OK;
    if (!r.run || !r.plan || !t->net)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory to rank nets");
    if (rc == SN_OK)
        rc = make(&r, err);
    if (r.run)
        sn_finished_release(r.run);
    sn_split_release(&r.split);
    sn_dataset_release(&r.data);
    free(r.run);
    free(r.plan);
    if (rc != SN_OK)
        sn_tau_release(t);
    return rc;
}

void sn_tau_release(struct sn_tau *t)
{
    free(t->net);
    *t = (struct sn_tau){0};
}
