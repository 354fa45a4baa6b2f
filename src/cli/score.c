/* supernet score: random nets of a space ranked before any training, beside
 * what they cost, and what each option does to the rank. */

#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "job/job.h"
#include "job/ranking.h"
#include "job/result.h"
#include "regress/score.h"
#include "search/choice.h"

enum { SHOWN = 10 }; /* nets of the table; --json has all */

struct score {
    struct sn_job_config config;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_job_plan plan;
    struct sn_kernels kernels;
    struct sn_ranking ranking;
};

/* ---- text ---- */

static void add_net(struct sn_text *t, int place,
                    const struct sn_ranked_net *net)
{
    char time[SN_QUANTITY_TEXT], macs[SN_QUANTITY_TEXT];
    char params[SN_QUANTITY_TEXT], text[512];
    sn_arch_summary(&net->arch, text, sizeof text);
    sn_text_add(t, "%4d %6.3f %9.2f %9.2f %8s %8s %9s  %s\n", place, net->rank,
                net->score.nwot, net->score.zico,
                sn_text_count(params, sizeof params, net->cost.params),
                sn_text_count(macs, sizeof macs, net->cost.macs),
                sn_text_time(time, sizeof time, net->cost.seconds), text);
}

/* Best nets first, then the last one. */
static void add_nets(struct sn_text *t, const struct sn_ranking *r)
{
    sn_text_add(t, "%4s %6s %9s %9s %8s %8s %9s  %s\n", "", "rank", "nwot",
                "zico", "params", "MACs", "latency", "net");
    for (int i = 0; i < r->n && i < SHOWN; i++)
        add_net(t, i + 1, &r->net[i]);
    if (r->n > SHOWN + 1)
        sn_text_add(t, "%4s\n", "...");
    if (r->n > SHOWN)
        add_net(t, r->n, &r->net[r->n - 1]);
}

static void add_option(struct sn_text *t, const struct score *s, int id, int i)
{
    const struct sn_decision *x = &s->plan.decisions.item[id];
    const struct sn_ranking *r = &s->ranking;
    const int io = x->first + i;
    char place[SN_OPTION_TEXT], pattern[SN_OPTION_TEXT];
    char time[SN_QUANTITY_TEXT];
    sn_text_add(t, "%-16s %-10s %+8.3f +- %5.3f %9s%s\n",
                sn_option_place(place, x),
                sn_option_pattern(pattern, &s->plan.space, x, i), r->effect[io],
                r->error[io], sn_text_time(time, sizeof time, r->cost[io]),
                r->drop[io] ? "  to be pruned" : "");
}

static void add_options(struct sn_text *t, const struct score *s)
{
    const struct sn_decisions *d = &s->plan.decisions;
    sn_text_add(t, "%-16s %-10s %17s %9s\n", "block", "option",
                "effect on rank", "latency");
    for (int id = 0; id < d->count; id++)
        for (int i = 0; d->item[id].n > 1 && i < d->item[id].n; i++)
            add_option(t, s, id, i);
}

/* Kendall's tau of a score with what nets cost, over those that have one. */
static double agreement(const struct sn_ranking *r, bool zico, bool macs)
{
    double *x = malloc(2 * (size_t)r->n * sizeof *x), tau = 0.0;
    struct sn_score s;
    int n = 0;
    for (int i = 0; x && i < r->n; i++) {
        const struct sn_ranked_net *net = &r->net[i];
        const double value = zico ? net->score.zico : net->score.nwot;
        if (!isfinite(value))
            continue;
        x[n] = value;
        x[r->n + n++] = macs ? net->cost.macs : net->cost.params;
    }
    if (x && sn_score_make(&s, x, x + r->n, n, NULL) == SN_OK)
        tau = s.kendall;
    free(x);
    return tau;
}

static void add_head(struct sn_text *t, const struct score *s)
{
    char nets[SN_NETS_TEXT], budget[SN_BUDGET_LINE], time[SN_QUANTITY_TEXT];
    const struct sn_ranking *r = &s->ranking;
    sn_text_add(t, "%-8s %d of %s nets within the budget (%s), %s\n", "scored",
                r->n, sn_job_plan_nets(nets, &s->plan),
                sn_job_plan_budget(budget, &s->plan.budget),
                sn_text_elapsed(time, sizeof time, r->seconds));
    sn_text_add(t,
                "%-8s nwot with params %.2f, with MACs %.2f; zico %.2f, "
                "%.2f\n",
                "tau", agreement(r, false, false), agreement(r, false, true),
                agreement(r, true, false), agreement(r, true, true));
}

static void add_all(struct sn_text *t, const struct score *s, const char *rules)
{
    add_head(t, s);
    add_nets(t, &s->ranking);
    add_options(t, s);
    sn_text_add(t, "%-8s %d option%s; %s\n", "pruned", s->ranking.dropped,
                s->ranking.dropped == 1 ? "" : "s",
                rules ? rules
                      : "by train with search.zero_shot = prune, or --rules");
}

/* ---- JSON ---- */

/* A score; null where it was not to be had. */
static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *nets_json(const struct sn_ranking *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n; i++) {
        const struct sn_ranked_net *net = &r->net[i];
        char *arch = sn_arch_text(&net->arch);
        json_array_append_new(
            list, json_pack("{s:f, s:o, s:o, s:I, s:I, s:f, s:s}", "rank",
                            net->rank, "nwot", real(net->score.nwot), "zico",
                            real(net->score.zico), "params",
                            (json_int_t)net->cost.params, "macs",
                            (json_int_t)net->cost.macs, "latency_ms",
                            1e3 * net->cost.seconds, "arch", arch ? arch : ""));
        free(arch);
    }
    return list;
}

static json_t *options_json(const struct score *s)
{
    const struct sn_decisions *d = &s->plan.decisions;
    const struct sn_ranking *r = &s->ranking;
    json_t *list = json_array();
    for (int id = 0; id < d->count; id++)
        for (int i = 0; d->item[id].n > 1 && i < d->item[id].n; i++) {
            const int io = d->item[id].first + i;
            char place[SN_OPTION_TEXT], pattern[SN_OPTION_TEXT];
            json_array_append_new(
                list,
                json_pack(
                    "{s:s, s:s, s:f, s:f, s:f, s:b}", "place",
                    sn_option_place(place, &d->item[id]), "option",
                    sn_option_pattern(pattern, &s->plan.space, &d->item[id], i),
                    "effect", r->effect[io], "error", r->error[io],
                    "latency_ms", 1e3 * r->cost[io], "pruned", r->drop[io]));
        }
    return list;
}

static char *score_json(const struct score *s)
{
    return sn_result_dump(
        json_pack("{s:f, s:f, s:o, s:o}", "space_nets",
                  sn_space_size(&s->plan.space), "seconds", s->ranking.seconds,
                  "nets", nets_json(&s->ranking), "options", options_json(s)));
}

/* ---- the command ---- */

static sn_status write_rules(const struct score *s, const char *path,
                             struct sn_error *err)
{
    char *text = sn_ranking_rules(&s->ranking, &s->plan, &s->config, false);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the rules");
    const sn_status rc = sn_file_write(path, text, strlen(text), err);
    free(text);
    return rc;
}

static sn_status open_score(struct score *s, const struct sn_cli *a,
                            struct sn_error *err)
{
    struct sn_job_config *c = &s->config;
    SN_TRY(sn_job_config_read(c, a->operand, a->over, a->n_over, err));
    if (c->search.mode == SN_SEARCH_NONE)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: searches nothing (mode = none); there are no nets "
                       "to score",
                       a->operand);
    SN_TRY(sn_job_config_follow(c, err));
    const int threads = sn_job_threads(a->threads, &c->run);
    omp_set_num_threads(threads);
    sn_kernels_init(&s->kernels, a->isa);
    SN_TRY(sn_job_data(&s->data, c, NULL, err));
    SN_TRY(sn_split_make(&s->split, &s->data, c->data.val, sn_job_arch_split(c),
                         c->run.seed, err));
    SN_TRY(
        sn_job_plan_costs(&s->plan, c, s->data.train.c, s->data.classes, err));
    SN_TRY(sn_job_plan_feasible(&s->plan, err));
    const struct sn_ranking_request q = {.config = c,
                                         .plan = &s->plan,
                                         .data = &s->data,
                                         .split = &s->split,
                                         .kernels = &s->kernels,
                                         .threads = threads,
                                         .stop = sn_cli_catch_signals()};
    return sn_rank_nets(&s->ranking, &q, err);
}

static sn_status print(const struct score *s, const struct sn_cli *a,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->rules)
        SN_TRY(write_rules(s, a->rules, err));
    if (a->json)
        return sn_cli_print_owned(score_json(s), err);
    add_all(&t, s, a->rules);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_score(const struct sn_cli *a, struct sn_error *err)
{
    struct score *s = calloc(1, sizeof *s);
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a plan");
    sn_status rc = open_score(s, a, err);
    if (rc == SN_OK)
        rc = print(s, a, err);
    sn_ranking_release(&s->ranking);
    sn_split_release(&s->split);
    sn_dataset_release(&s->data);
    sn_job_config_release(&s->config);
    sn_job_plan_release(&s->plan);
    free(s);
    return rc;
}
