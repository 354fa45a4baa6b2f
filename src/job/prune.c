/* Before the plan is made: options that scores of untrained nets reject become
 * rules of the run's config, as an expert would have written them.  What reads
 * the run later (resume, derive, explain) then knows the space by its config
 * alone. */

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/job_internal.h"
#include "job/ranking.h"

enum { RULES_MAX = 256 + 2 };

/* The request's overrides, the rules behind them (lines of *rules, cut into
 * texts), and a note that they are there. */
static int list_overrides(struct sn_config_override *over,
                          const struct sn_job_request *q, char *rules)
{
    int n = 0;
    for (; n < q->n_over && n < RULES_MAX / 2; n++)
        over[n] = q->over[n];
    while (*rules && n < RULES_MAX - 1) {
        over[n++].text = rules;
        rules += strcspn(rules, "\n");
        if (*rules)
            *rules++ = '\0';
    }
    over[n++].text = "search.zero_shot=done";
    return n;
}

/* The config again, with the rules.  Where they leave no net within the budget
 * the space stays as it was. */
static sn_status apply(struct sn_job *j, char *rules, bool *applied,
                       struct sn_error *err)
{
    struct sn_config_override over[RULES_MAX];
    const int n = list_overrides(over, j->ask, rules);
    struct sn_job_config *c = calloc(1, sizeof *c);
    struct sn_job_plan *p = calloc(1, sizeof *p);
    struct sn_error why = {0};
    sn_status rc = SN_OK;
    *applied = false;
    if (!c || !p)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a pruned plan");
    if (rc == SN_OK &&
        sn_job_config_read(c, j->ask->config, over, n, &why) == SN_OK) {
        *applied = sn_job_config_follow(c, &why) == SN_OK &&
                   sn_job_plan_costs(p, c, j->data.train.c, j->data.classes,
                                     &why) == SN_OK &&
                   sn_job_plan_feasible(p, &why) == SN_OK;
        struct sn_job_config old = j->config;
        if (*applied) {
            j->config = *c;
            *j->plan = *p;
            *c = old;
        }
        sn_job_config_release(c);
    }
    free(c);
    free(p);
    return rc;
}

static sn_status prune(struct sn_job *j, struct sn_ranking *r,
                       struct sn_error *err)
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
    char *rules = sn_ranking_rules(r, j->plan, &j->config, true);
    if (!rules)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the rules");
    const sn_status rc = apply(j, rules, &applied, err);
    free(rules);
    done->nets = r->n;
    done->options = applied ? r->dropped : 0;
    done->seconds = r->seconds;
    return rc;
}

sn_status sn_job_prune(struct sn_job *j, struct sn_error *err)
{
    if (!j->ask->config || j->config.search.mode == SN_SEARCH_NONE ||
        j->config.search.zero_shot != SN_ZERO_SHOT_PRUNE)
        return SN_OK;
    struct sn_ranking *r = calloc(1, sizeof *r);
    if (!r)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a ranking");
    const sn_status rc = prune(j, r, err);
    sn_ranking_release(r);
    free(r);
    return rc;
}

sn_status sn_job_say_pruned(struct sn_job *j, struct sn_error *err)
{
    const struct sn_pruning *p = &j->pruned;
    char nets[SN_NETS_TEXT], time[SN_QUANTITY_TEXT];
    if (p->nets == 0)
        return SN_OK;
    return sn_job_say(j, err,
                      "%-8s %.4g nets to %s: %d options, by scores of %d "
                      "untrained nets, %s; config.ini has the rules",
                      "pruned", p->in, sn_job_plan_nets(nets, j->plan),
                      p->options, p->nets,
                      sn_text_elapsed(time, sizeof time, p->seconds));
}
