/* Before the plan is made: options that can never fit the memory budget, and
 * those that scores of untrained nets reject, become rules of the run's config,
 * as an expert would have written them.  What reads the run later (resume,
 * derive, explain) then knows the space by its config alone.
 *
 * Peak activations are a maximum, not a sum: an option over that budget is over
 * it in every net, and without such options every net is within it (METHOD
 * 2.2).  Nothing is left to be tilted or penalised. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/job_internal.h"
#include "job/ranking.h"

enum { RULES_MAX = 1024 };

/* The request's overrides, and the rules behind them (lines of *rules, cut into
 * texts). */
static int list_overrides(struct sn_config_override *over,
                          const struct sn_job_request *q, char *rules)
{
    int n = 0;
    for (; n < q->n_over && n < RULES_MAX / 2; n++)
        over[n] = q->over[n];
    while (*rules && n < RULES_MAX) {
        over[n++].text = rules;
        rules += strcspn(rules, "\n");
        if (*rules)
            *rules++ = '\0';
    }
    return n;
}

/* Reads the config again, with the rules, and makes its costs.  Where they
 * leave no net within the budget, config and plan stay as they were. */
static sn_status apply(struct sn_job *j, const char *rules, bool *applied,
                       struct sn_error *err)
{
    struct sn_config_override over[RULES_MAX];
    char *lines = strdup(rules);
    struct sn_job_config *c = calloc(1, sizeof *c);
    struct sn_job_plan *p = calloc(1, sizeof *p);
    struct sn_error why = {0};
    sn_status rc = SN_OK;
    *applied = false;
    if (!lines || !c || !p)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a pruned plan");
    if (rc == SN_OK && sn_job_config_read(c, j->ask->config, over,
                                          list_overrides(over, j->ask, lines),
                                          &why) == SN_OK) {
        *applied = sn_job_config_follow(c, &why) == SN_OK &&
                   sn_job_plan_costs(p, c, j->data.train.c, j->data.classes,
                                     &why) == SN_OK &&
                   sn_job_plan_feasible(p, &why) == SN_OK;
        struct sn_job_config old = j->config;
        if (*applied) {
            struct sn_job_plan before = *j->plan;
            j->config = *c;
            *j->plan = *p;
            *p = before;
            *c = old;
        }
        sn_job_config_release(c);
    }
    free(lines);
    free(c);
    sn_job_plan_release(p);
    free(p);
    return rc;
}

/* ---- memory ---- */

/* Combinations of an op over the budget, as patterns: of the whole op, of an
 * expansion, a kernel, or one by one.  Gives how many are within it. */
static int add_patterns(struct sn_text *t, const struct sn_op_space *of,
                        const char *op,
                        bool over[SN_MAX_CHOICES][SN_MAX_CHOICES])
{
    int left = 0, all_k[SN_MAX_CHOICES] = {0}, all_e[SN_MAX_CHOICES] = {0};
    for (int ik = 0; ik < of->n_k; ik++)
        for (int ie = 0; ie < of->n_e; ie++) {
            left += !over[ik][ie];
            all_k[ik] += over[ik][ie];
            all_e[ie] += over[ik][ie];
        }
    if (left == 0)
        sn_text_add(t, ", %s", op);
    for (int ie = 0; ie < of->n_e && left > 0; ie++)
        if (all_e[ie] == of->n_k)
            sn_text_add(t, ", %s e%d", op, of->e[ie]);
    for (int ik = 0; ik < of->n_k && left > 0; ik++) {
        if (all_k[ik] == of->n_e)
            sn_text_add(t, ", %s k%d", op, of->k[ik]);
        for (int ie = 0; ie < of->n_e && all_k[ik] < of->n_e; ie++)
            if (over[ik][ie] && all_e[ie] < of->n_k)
                sn_text_add(t, ", %s k%d e%d", op, of->k[ik], of->e[ie]);
    }
    return left;
}

/* Peak activations of an option, where they are least. */
static double least_peak(const struct sn_job_plan *p, int is, int ib,
                         sn_block_op op, int ik, int ie)
{
    double least = INFINITY;
    for (int i = 0; i < p->frames.count; i++)
        least =
            fmin(least,
                 p->frames.item[i].cost.block[is][ib][op][ik][ie].activations);
    return least;
}

/* What of a block is over the budget of peak activations; gives how many
 * combinations are not. */
static int add_block(struct sn_text *t, const struct sn_job_plan *p, int is,
                     int ib)
{
    const struct sn_block_space *b = &p->space.stage[is].block[ib];
    int left = 0;
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        const struct sn_op_space *of = &b->of[op];
        bool over[SN_MAX_CHOICES][SN_MAX_CHOICES];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++)
                over[ik][ie] = !sn_op_offers(of, ik, ie) ||
                               least_peak(p, is, ib, op, ik, ie) >
                                   p->budget.limit[SN_BUDGET_ACTIVATIONS];
        left += add_patterns(t, of, sn_block_op_name(op), over);
    }
    return left;
}

/* A rule behind the one that stands there.  One that is too long is left out:
 * derivation keeps to the budget all the same. */
static void add_rule(struct sn_text *rules, const char *place, const char *own,
                     struct sn_text *patterns)
{
    const char *text = patterns->data ? patterns->data : "";
    rules->failed = rules->failed || patterns->failed;
    if (*text && strlen(own) + strlen(text) < SN_TEXT_MAX)
        sn_text_add(rules, "%s.forbid=%s%s\n", place, own,
                    *own ? text : text + strlen(", "));
    sn_text_release(patterns);
}

/* The rules of a stage: of its blocks, and where one has nothing left, of the
 * depths that have it. */
static void add_stage(struct sn_text *rules, const struct sn_job *j, int is)
{
    const struct sn_job_plan *p = j->plan;
    const struct sn_stage_space *s = &p->space.stage[is];
    char place[48];
    int ib = 0;
    for (; ib < sn_space_max_depth(&p->space, is); ib++) {
        struct sn_text patterns = {0};
        if (add_block(&patterns, p, is, ib) == 0) {
            sn_text_release(&patterns);
            break;
        }
        snprintf(place, sizeof place, "stage.%d.block.%d", is + 1, ib + 1);
        add_rule(rules, place,
                 j->config.block[is * SN_MAX_DEPTH + ib].rules.forbid,
                 &patterns);
    }
    struct sn_text depths = {0};
    for (int i = 0; i < s->n_depth; i++)
        if (s->depth[i] > ib)
            sn_text_add(&depths, ", d%d", s->depth[i]);
    snprintf(place, sizeof place, "stage.%d", is + 1);
    add_rule(rules, place, j->config.stage[is].rules.forbid, &depths);
}

/* Soft gates run all options at once, and keep to no budget but latency. */
static sn_status prune_memory(struct sn_job *j, struct sn_text *rules,
                              struct sn_error *err)
{
    bool applied = true;
    if (!sn_budget_has(&j->plan->budget, SN_BUDGET_ACTIVATIONS) ||
        sn_search_trains(&j->config.search) == SN_SEARCH_GUMBEL)
        return SN_OK;
    const double before = sn_space_size(&j->plan->space);
    for (int is = 0; is < j->plan->space.n_stages; is++)
        add_stage(rules, j, is);
    if (rules->failed)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the rules");
    if (rules->length == 0)
        return SN_OK;
    SN_TRY(apply(j, rules->data, &applied, err));
    if (applied)
        j->pruned.memory_in = before;
    else
        sn_text_release(rules);
    return SN_OK;
}

/* ---- zero-shot scores ---- */

static sn_status prune_by_scores(struct sn_job *j, struct sn_ranking *r,
                                 struct sn_text *rules, struct sn_error *err)
{
    const struct sn_ranking_request q = {.config = &j->config,
                                         .plan = j->plan,
                                         .data = &j->data,
                                         .split = &j->split,
                                         .kernels = &j->kernels,
                                         .threads = j->threads,
                                         .stop = j->ask->stop};
    struct sn_pruning *done = &j->pruned;
    bool applied = true;
    done->in = sn_space_size(&j->plan->space);
    SN_TRY(sn_job_say(j, err, "%-8s %d untrained nets ...", "scoring",
                      j->config.search.zero_shot_nets));
    SN_TRY(sn_rank_nets(r, &q, err));
    char *more = sn_ranking_rules(r, j->plan, &j->config, true);
    sn_text_add(rules, "%ssearch.zero_shot=done\n", more ? more : "");
    const bool failed = !more || rules->failed;
    free(more);
    if (failed)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the rules");
    SN_TRY(apply(j, rules->data, &applied, err));
    done->nets = r->n;
    done->options = applied ? r->dropped : 0;
    done->seconds = r->seconds;
    j->at->stage[SN_FUNNEL_ZERO_SHOT] =
        (struct sn_funnel_stage){.in = done->in,
                                 .out = sn_space_size(&j->plan->space),
                                 .seconds = done->seconds};
    return SN_OK;
}

static sn_status prune(struct sn_job *j, struct sn_text *rules,
                       struct sn_error *err)
{
    const struct sn_search_options *o = &j->config.search;
    SN_TRY(prune_memory(j, rules, err));
    if (o->zero_shot == SN_ZERO_SHOT_DONE ||
        (o->zero_shot == SN_ZERO_SHOT_NO && o->mode != SN_SEARCH_FUNNEL))
        return SN_OK;
    struct sn_ranking *r = calloc(1, sizeof *r);
    if (!r)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a ranking");
    const sn_status rc = prune_by_scores(j, r, rules, err);
    sn_ranking_release(r);
    free(r);
    return rc;
}

sn_status sn_job_prune(struct sn_job *j, struct sn_error *err)
{
    struct sn_text rules = {0}; /* all so far: a later one of a place has
                                 * the earlier in it, and replaces it */
    if (!j->ask->config || j->config.search.mode == SN_SEARCH_NONE)
        return SN_OK; /* a run that goes on has its rules */
    const sn_status rc = prune(j, &rules, err);
    sn_text_release(&rules);
    return rc;
}

sn_status sn_job_say_pruned(struct sn_job *j, struct sn_error *err)
{
    const struct sn_pruning *p = &j->pruned;
    char nets[SN_NETS_TEXT], time[SN_QUANTITY_TEXT];
    if (p->memory_in > 0)
        SN_TRY(sn_job_say(j, err,
                          "%-8s %.4g nets before options over the budget of "
                          "activations went",
                          "pruned", p->memory_in));
    if (p->nets == 0)
        return SN_OK;
    return sn_job_say(j, err,
                      "%-8s %.4g nets to %s: %d options, by scores of %d "
                      "untrained nets, %s; config.ini has the rules",
                      "pruned", p->in, sn_job_plan_nets(nets, j->plan),
                      p->options, p->nets,
                      sn_text_elapsed(time, sizeof time, p->seconds));
}
