/* Deriving again; see rederive.h. */

#include "job/rederive.h"

#include <stdlib.h>
#include <string.h>

#include "job/options.h"
#include "search/derive.h"
#include "search/table_io.h"

enum { LATENCY_MAX = 40 }; /* letters of a quantity */

/* A finished search, as it lies in its run. */
struct search {
    struct sn_rundir dir;
    struct sn_job_config config;
    struct sn_arch found; /* the run's own net: images and classes */
    struct sn_space space;
    struct sn_decisions decisions;
    struct sn_cost_table table;
    double value[SN_MAX_OPTIONS];
};

static sn_status read_config(struct search *s, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    SN_TRY(sn_job_config_read(
        &s->config, sn_rundir_file(&s->dir, "config.ini", path), NULL, 0, err));
    if (s->config.search.mode == SN_SEARCH_NONE)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: trained one net and searched none (mode = none); "
                       "there is nothing to derive from",
                       s->dir.path);
    if (!sn_file_exists(sn_rundir_file(&s->dir, "arch.txt", path)))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: its search is not finished\ngo on with: supernet "
                       "train --resume %s",
                       s->dir.path, s->dir.path);
    return SN_OK;
}

typedef sn_status parse_fn(struct search *s, const char *text, const char *name,
                           struct sn_error *err);

static sn_status parse_arch(struct search *s, const char *text,
                            const char *name, struct sn_error *err)
{
    SN_TRY(sn_arch_parse(&s->found, text, name, err));
    SN_TRY(
        sn_job_space(&s->space, &s->config, s->found.c, s->found.classes, err));
    sn_decisions_make(&s->decisions, &s->space);
    return SN_OK;
}

static sn_status parse_table(struct search *s, const char *text,
                             const char *name, struct sn_error *err)
{
    return sn_cost_table_parse(&s->table, &s->space, text, name, err);
}

static sn_status parse_values(struct search *s, const char *text,
                              const char *name, struct sn_error *err)
{
    return sn_values_parse(s->value, &s->space, &s->decisions, text, name, err);
}

static sn_status read_file(struct search *s, const char *name, parse_fn *parse,
                           struct sn_error *err)
{
    char *text, path[SN_RUN_PATH];
    size_t bytes;
    SN_TRY(sn_rundir_read(&s->dir, name, &text, &bytes, err));
    sn_rundir_file(&s->dir, name, path);
    sn_status rc = SN_OK;
    if (strlen(text) != bytes)
        rc = sn_fail(err, SN_ERR_INPUT, "%s: holds a NUL byte; expected text",
                     path);
    if (rc == SN_OK)
        rc = parse(s, text, path, err);
    free(text);
    return rc;
}

static sn_status open_search(struct search *s, const char *run,
                             struct sn_error *err)
{
    SN_TRY(sn_rundir_open(&s->dir, run, err));
    SN_TRY(read_config(s, err));
    SN_TRY(read_file(s, "arch.txt", parse_arch, err));
    SN_TRY(read_file(s, "table.csv", parse_table, err));
    return read_file(s, "values.csv", parse_values, err);
}

/* The same sum, in the same order, as the derivation's. */
static void table_cost(struct sn_cost *cost, const struct search *s,
                       const struct sn_arch *arch)
{
    *cost = s->table.fixed;
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block b = arch->stage[is].block[ib];
            const struct sn_op_space *of =
                &s->space.stage[is].block[ib].of[b.op];
            int ik = 0, ie = 0;
            while (of->k[ik] != b.k)
                ik++;
            while (of->e[ie] != b.e)
                ie++;
            sn_cost_add(cost, &s->table.block[is][ib][b.op][ik][ie]);
        }
}

static sn_status read_latency(struct sn_quantity *q, const char *text,
                              struct sn_error *err)
{
    const struct sn_option row = {.key = "latency",
                                  .type = SN_OPT_TIME,
                                  .min = 1,
                                  .allow_percent = true,
                                  .unit = "s"};
    struct sn_error why;
    if (sn_option_parse(&row, q, text, NULL, &why) == SN_OK)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG, "--latency: %s", why.text);
}

/* RUN/derive/LATENCY, the latency as it was given, without blanks. */
static sn_status make_dir(struct sn_rundir *out, const struct sn_rundir *run,
                          const char *latency, struct sn_error *err)
{
    char name[SN_RUN_PATH];
    if (strlen(latency) > LATENCY_MAX)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--latency: '%.20s...' has more than %d letters",
                       latency, LATENCY_MAX);
    size_t n = (size_t)snprintf(name, sizeof name, "derive/");
    for (const char *c = latency; *c; c++)
        if (*c != ' ' && *c != '\t')
            name[n++] = *c;
    name[n] = '\0';
    memset(out, 0, sizeof *out);
    if (!sn_path_join(out->path, sizeof out->path - 32, run->path, name))
        return sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long",
                       run->path);
    return sn_dir_make(out->path, err);
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

static sn_status derive(struct search *s, struct sn_job_result *r,
                        const char *latency, struct sn_error *err)
{
    struct sn_quantity budget = {0};
    struct sn_rundir dir;
    SN_TRY(read_latency(&budget, latency, err));
    sn_arch_baseline(&r->baseline.arch, &s->space);
    table_cost(&r->baseline.cost, s, &r->baseline.arch);
    r->seed = s->config.run.seed;
    r->searched = r->has_baseline = true;
    r->budget =
        budget.percent ? budget.value * r->baseline.cost.seconds : budget.value;
    SN_TRY(sn_derive(&r->net.arch, &s->space, &s->decisions, &s->table,
                     s->value, r->budget, NULL, err));
    table_cost(&r->net.cost, s, &r->net.arch);
    SN_TRY(make_dir(&dir, &s->dir, latency, err));
    snprintf(r->dir, sizeof r->dir, "%s", dir.path);
    return write_all(&dir, r, err);
}

sn_status sn_rederive(struct sn_job_result *r, const char *run,
                      const char *latency, struct sn_error *err)
{
    struct search *s = calloc(1, sizeof *s);
    struct sn_job_result made = {0};
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    sn_status rc = open_search(s, run, err);
    if (rc == SN_OK)
        rc = derive(s, &made, latency, err);
    if (rc == SN_OK)
        *r = made;
    sn_job_config_release(&s->config);
    free(s);
    return rc;
}
