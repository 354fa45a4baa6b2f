/* A finished search read back; see finished.h. */

#include "job/finished.h"

#include <stdlib.h>
#include <string.h>

#include "search/table_io.h"

static sn_status read_config(struct sn_finished *s, struct sn_error *err)
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

typedef sn_status parse_fn(struct sn_finished *s, const char *text,
                           const char *name, struct sn_error *err);

static sn_status parse_arch(struct sn_finished *s, const char *text,
                            const char *name, struct sn_error *err)
{
    SN_TRY(sn_arch_parse(&s->found, text, name, err));
    if (sn_space_options_curate(&s->config.space, s->config.stage,
                                s->config.stages))
        SN_TRY(sn_job_config_follow(&s->config, err));
    SN_TRY(
        sn_job_space(&s->space, &s->config, s->found.c, s->found.classes, err));
    sn_decisions_make(&s->decisions, &s->space);
    const int frame = sn_arch_frame(&s->found, &s->space);
    if (frame < 0)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the net is none of those its config offers", name);
    SN_TRY(sn_frames_open(&s->frames, &s->space, err));
    s->table = &s->frames.item[frame].cost;
    return SN_OK;
}

static sn_status parse_table(struct sn_finished *s, const char *text,
                             const char *name, struct sn_error *err)
{
    return sn_frames_parse(&s->frames, text, name, err);
}

static sn_status parse_values(struct sn_finished *s, const char *text,
                              const char *name, struct sn_error *err)
{
    return sn_values_parse(s->value, s->probability, &s->space, &s->decisions,
                           text, name, err);
}

static sn_status read_file(struct sn_finished *s, const char *name,
                           parse_fn *parse, struct sn_error *err)
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

/* The baseline is priced by the table, which the run was decided by. */
static sn_status price_baseline(struct sn_finished *s, struct sn_error *err)
{
    sn_arch_baseline(&s->baseline, &s->space);
    if (sn_arch_in_space(&s->baseline, &s->space, NULL) == SN_OK) {
        sn_finished_cost(&s->baseline_cost, s, &s->baseline);
        return SN_OK;
    }
    SN_TRY(sn_job_config_follow(&s->config, err));
    sn_arch_cost(&s->baseline_cost, &s->baseline, &s->config.device);
    return SN_OK;
}

sn_status sn_finished_open(struct sn_finished *s, const char *run,
                           struct sn_error *err)
{
    SN_TRY(sn_rundir_open(&s->dir, run, err));
    SN_TRY(read_config(s, err));
    SN_TRY(read_file(s, "arch.txt", parse_arch, err));
    SN_TRY(read_file(s, "table.csv", parse_table, err));
    SN_TRY(read_file(s, "values.csv", parse_values, err));
    return price_baseline(s, err);
}

void sn_finished_release(struct sn_finished *s)
{
    sn_frames_release(&s->frames);
    sn_job_config_release(&s->config);
}

struct sn_offer_index sn_offer_find(const struct sn_block_space *offer,
                                    struct sn_block block)
{
    const struct sn_op_space *of = &offer->of[block.op];
    struct sn_offer_index at = {0};
    while (offer->op[at.op] != block.op)
        at.op++;
    while (of->k[at.k] != block.k)
        at.k++;
    while (of->e[at.e] != block.e)
        at.e++;
    return at;
}

void sn_finished_cost(struct sn_cost *cost, const struct sn_finished *s,
                      const struct sn_arch *arch)
{
    const struct sn_cost_table *t =
        &s->frames.item[sn_arch_frame(arch, &s->space)].cost;
    *cost = t->fixed;
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block b = arch->stage[is].block[ib];
            const struct sn_offer_index at =
                sn_offer_find(&s->space.stage[is].block[ib], b);
            sn_cost_add(cost, &t->block[is][ib][b.op][at.k][at.e]);
        }
}
