/* Deriving again; see rederive.h. */

#include "job/rederive.h"

#include <stdlib.h>
#include <string.h>

#include "job/finished.h"
#include "job/target_file.h"

enum { LATENCY_MAX = 40 }; /* letters of a latency */

/* ---- what was asked ---- */

/* The text between two commas, without blanks at its ends. */
static sn_status next_latency(char *word, const char **text,
                              struct sn_error *err)
{
    const char *start = *text + strspn(*text, " \t");
    size_t n = strcspn(start, ",");
    *text = start[n] ? start + n + 1 : NULL;
    while (n > 0 && (start[n - 1] == ' ' || start[n - 1] == '\t'))
        n--;
    if (n > LATENCY_MAX)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--latency: '%.20s...' has more than %d letters", start,
                       LATENCY_MAX);
    memcpy(word, start, n);
    word[n] = '\0';
    return SN_OK;
}

/* Splits the list of latencies; without one there is a single net. */
static sn_status split_latencies(struct sn_rederived *r, const char *text,
                                 struct sn_error *err)
{
    r->n = text ? 0 : 1;
    while (text) {
        if (r->n == SN_REDERIVE_MAX)
            return sn_fail(err, SN_ERR_CONFIG,
                           "--latency: more than %d latencies",
                           SN_REDERIVE_MAX);
        SN_TRY(next_latency(r->latency[r->n], &text, err));
        for (int i = 0; i < r->n; i++)
            if (strcmp(r->latency[i], r->latency[r->n]) == 0)
                return sn_fail(err, SN_ERR_CONFIG,
                               "--latency: '%s' stands in the list twice",
                               r->latency[i]);
        r->n++;
    }
    return SN_OK;
}

/* The budgets of one latency: those given, else those of the run. */
static sn_status make_budget(struct sn_budget *b, const struct sn_finished *s,
                             const struct sn_rederive_request *q,
                             const char *latency, const struct sn_cost *base,
                             struct sn_error *err)
{
    struct sn_budget_options o = s->config.budget;
    if (q->budget[SN_BUDGET_LATENCY])
        SN_TRY(sn_budget_option_read(&o, SN_BUDGET_LATENCY, latency, err));
    for (int i = 0; i < SN_BUDGETS; i++)
        if (i != SN_BUDGET_LATENCY && q->budget[i])
            SN_TRY(sn_budget_option_read(&o, (sn_budget_kind)i, q->budget[i],
                                         err));
    sn_budget_make(b, &o, base);
    return SN_OK;
}

/* ---- deriving ---- */

static sn_status derive_one(const struct sn_finished *s,
                            struct sn_job_result *r, struct sn_derived *d,
                            const struct sn_rederive_request *q,
                            const char *latency, struct sn_error *err)
{
    r->baseline.arch = s->baseline;
    r->baseline.cost = s->baseline_cost;
    r->seed = s->config.run.seed;
    r->searched = r->has_baseline = true;
    SN_TRY(make_budget(&r->budget, s, q, latency, &r->baseline.cost, err));
    SN_TRY(sn_frames_derive(&r->net.arch, &s->frames, &s->decisions, s->value,
                            &r->budget, d, err));
    sn_finished_cost(&r->net.cost, s, &r->net.arch);
    return SN_OK;
}

/* ---- writing ---- */

/* Adds a text without its blanks. */
static void add_word(struct sn_text *t, const char *word)
{
    for (; *word; word++)
        if (*word != ' ' && *word != '\t')
            sn_text_add_bytes(t, word, 1);
}

/* derive/LATENCY, and what else was given. */
static void dir_name(struct sn_text *t, const struct sn_rederive_request *q,
                     const char *latency)
{
    const char *comma = "";
    sn_text_add(t, "derive/");
    add_word(t, latency);
    if (*latency)
        comma = ",";
    for (int i = 0; i < SN_BUDGETS; i++)
        if (i != SN_BUDGET_LATENCY && q->budget[i]) {
            sn_text_add(t, "%s%s=", comma, sn_budget_name((sn_budget_kind)i));
            add_word(t, q->budget[i]);
            comma = ",";
        }
    if (q->target) {
        const char *slash = strrchr(q->target, '/');
        const char *name = slash ? slash + 1 : q->target;
        sn_text_add(t, "%starget=", comma);
        sn_text_add_bytes(t, name, strcspn(name, "."));
    }
}

static sn_status make_dir(struct sn_rundir *out, const struct sn_rundir *run,
                          const struct sn_rederive_request *q,
                          const char *latency, struct sn_error *err)
{
    struct sn_text name = {0};
    memset(out, 0, sizeof *out);
    dir_name(&name, q, latency);
    sn_status rc = SN_OK;
    if (name.failed)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a folder's name");
    else if (!sn_path_join(out->path, sizeof out->path - 32, run->path,
                           name.data))
        rc = sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long", run->path);
    sn_text_release(&name);
    return rc == SN_OK ? sn_dir_make(out->path, err) : rc;
}

static sn_status write_all(const struct sn_rundir *dir,
                           const struct sn_job_result *r, struct sn_error *err)
{
    char *arch = sn_arch_text(&r->net.arch), *cost = sn_result_json(r);
    sn_status rc = SN_OK;
    if (!arch || !cost)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for the net's text");
    if (rc == SN_OK)
        rc = sn_rundir_write(dir, "arch.txt", arch, err);
    if (rc == SN_OK)
        rc = sn_rundir_write(dir, "cost.json", cost, err);
    free(arch);
    free(cost);
    return rc;
}

static void pareto_row(struct sn_text *t, const struct sn_rederived *r, int i,
                       size_t run_length)
{
    const struct sn_cost *c = &r->item[i].net.cost;
    const double real[] = {r->item[i].budget.limit[SN_BUDGET_LATENCY],
                           c->seconds,
                           c->weights,
                           c->activations,
                           c->macs,
                           c->params,
                           r->derived[i].worth,
                           r->derived[i].gap};
    char buf[32];
    sn_text_add_csv(t, r->latency[i]);
    for (size_t j = 0; j < sizeof real / sizeof *real; j++)
        sn_text_add(t, ",%s", sn_text_real(buf, sizeof buf, real[j]));
    sn_text_add(t, ",");
    sn_text_add_csv(t, r->item[i].dir + run_length + 1);
    sn_text_add(t, "\n");
}

static sn_status write_pareto(const struct sn_rundir *dir,
                              const struct sn_rederived *r,
                              struct sn_error *err)
{
    struct sn_text t = {0};
    sn_text_add(&t, "latency,budget_s,latency_s,weights_bytes,"
                    "activation_bytes,macs,params,worth,gap,folder\n");
    for (int i = 0; i < r->n; i++)
        pareto_row(&t, r, i, strlen(dir->path));
    char *text = sn_text_take(&t);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for pareto.csv");
    const sn_status rc = sn_rundir_write(dir, "pareto.csv", text, err);
    free(text);
    return rc;
}

static sn_status write_each(const struct sn_finished *s, struct sn_rederived *r,
                            const struct sn_rederive_request *q,
                            struct sn_error *err)
{
    for (int i = 0; i < r->n; i++) {
        struct sn_rundir dir;
        SN_TRY(make_dir(&dir, &s->dir, q, r->latency[i], err));
        snprintf(r->item[i].dir, sizeof r->item[i].dir, "%s", dir.path);
        SN_TRY(write_all(&dir, &r->item[i], err));
    }
    return r->n > 1 ? write_pareto(&s->dir, r, err) : SN_OK;
}

/* ---- another target ---- */

static int kind_of(const struct sn_finished *s, const char *path,
                   const struct sn_target *t)
{
    if (sn_target_is_estimator(path))
        return s->config.target.kind == SN_TARGET_CPU ? SN_TARGET_CPU
                                                      : SN_TARGET_TABLE;
    if (sn_target_is_csv(path))
        return SN_TARGET_TABLE;
    return t->kind == SN_TARGET_NPU ? SN_TARGET_NPU : -1;
}

/* The options and the baseline as they cost on another device. */
static sn_status reprice(struct sn_finished *s, struct sn_rederived *r,
                         const char *path, struct sn_error *err)
{
    struct sn_target t;
    SN_TRY(sn_target_read(&t, path, err));
    t.act = s->space.act;
    snprintf(r->target, sizeof r->target, "%s", sn_target_name(&t));
    r->kind = kind_of(s, path, &t);
    sn_status rc = sn_arch_reach(r->reach, &s->baseline, &t, err);
    if (rc == SN_OK)
        rc = sn_space_reach(r->reach, &s->space, &t, err);
    sn_frames_release(&s->frames);
    if (rc == SN_OK)
        rc = sn_frames_make(&s->frames, &s->space, &t, err);
    if (rc == SN_OK)
        sn_arch_cost(&s->baseline_cost, &s->baseline, &t);
    sn_target_release(&t);
    return rc;
}

/* ---- the whole ---- */

static sn_status rederive(struct sn_finished *s, struct sn_rederived *r,
                          const struct sn_rederive_request *q,
                          struct sn_error *err)
{
    SN_TRY(sn_finished_open(s, q->run, err));
    if (q->target)
        SN_TRY(reprice(s, r, q->target, err));
    SN_TRY(split_latencies(r, q->budget[SN_BUDGET_LATENCY], err));
    for (int i = 0; i < r->n; i++)
        SN_TRY(
            derive_one(s, &r->item[i], &r->derived[i], q, r->latency[i], err));
    return write_each(s, r, q, err);
}

void sn_rederived_release(struct sn_rederived *r)
{
    free(r->item);
    free(r->derived);
    free(r->latency);
    *r = (struct sn_rederived){0};
}

sn_status sn_rederive(struct sn_rederived *r,
                      const struct sn_rederive_request *q, struct sn_error *err)
{
    struct sn_finished *s = calloc(1, sizeof *s);
    struct sn_rederived made = {
        .item = calloc(SN_REDERIVE_MAX, sizeof *made.item),
        .derived = calloc(SN_REDERIVE_MAX, sizeof *made.derived),
        .latency = calloc(SN_REDERIVE_MAX, sizeof *made.latency)};
    sn_status rc = SN_OK;
    if (!s || !made.item || !made.derived || !made.latency)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    else
        rc = rederive(s, &made, q, err);
    if (s)
        sn_finished_release(s);
    free(s);
    if (rc == SN_OK)
        *r = made;
    else
        sn_rederived_release(&made);
    return rc;
}
