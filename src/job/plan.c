/* The plan of a job; see plan.h. */

#include "job/plan.h"

#include <stdio.h>

#include "base/text.h"

/* ---- costs ---- */

static double budget_seconds(const struct sn_quantity *q, double baseline)
{
    if (!q->set)
        return 0;
    return q->percent ? q->value * baseline : q->value;
}

/* Without a search: the arch file's net, or the baseline. */
static sn_status take_only(struct sn_job_plan *p, const struct sn_job_config *c,
                           struct sn_error *err)
{
    const struct sn_space *s = &p->space;
    p->only = c->has_arch ? c->arch : p->baseline;
    const struct sn_arch *a = &p->only;
    if (a->h != s->h || a->w != s->w || a->c != s->c ||
        a->classes != s->classes)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: the net is for %dx%dx%d images of %d classes, the "
                       "data has %dx%dx%d of %d",
                       c->search.arch, a->h, a->w, a->c, a->classes, s->h, s->w,
                       s->c, s->classes);
    sn_arch_cost(&p->only_cost, a, &c->device);
    return SN_OK;
}

sn_status sn_job_plan_costs(struct sn_job_plan *p,
                            const struct sn_job_config *c, int channels,
                            int classes, struct sn_error *err)
{
    p->searches = c->search.mode != SN_SEARCH_NONE;
    SN_TRY(sn_job_space(&p->space, c, channels, classes, err));
    sn_decisions_make(&p->decisions, &p->space);
    SN_TRY(sn_cost_table_make(&p->cost, &p->space, &c->device, err));
    sn_arch_baseline(&p->baseline, &p->space);
    sn_arch_cost(&p->baseline_cost, &p->baseline, &c->device);
    sn_cost_range(&p->cost, &p->space, &p->lowest, &p->highest);
    p->budget = budget_seconds(&c->budget.latency, p->baseline_cost.seconds);
    return take_only(p, c, err);
}

sn_status sn_job_plan_batches(const struct sn_job_config *c,
                              const struct sn_split *split,
                              struct sn_error *err)
{
    const bool searches = c->search.mode != SN_SEARCH_NONE;
    const struct {
        const char *section, *what;
        int batch, images;
    } part[] = {
        {"search", "for the weights", searches ? c->search.batch : 0,
         split->n_weights},
        {"search", "held out for the architecture",
         searches ? c->search.batch : 0, split->n_arch},
        {"train", "to train on", c->train.batch, split->n_full},
    };
    sn_status rc = SN_OK;
    if (err)
        err->text[0] = '\0';
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].batch > part[i].images)
            rc = sn_config_fault(c->source, err, part[i].section, "batch",
                                 "a batch of %d is more than the %d images %s",
                                 part[i].batch, part[i].images, part[i].what);
    return rc;
}

sn_status sn_job_plan_feasible(const struct sn_job_plan *p,
                               struct sn_error *err)
{
    char low[SN_QUANTITY_TEXT], high[SN_QUANTITY_TEXT];
    char budget[SN_QUANTITY_TEXT];
    if (!p->searches || p->budget <= 0 || p->budget >= p->lowest)
        return SN_OK;
    return sn_fail(
        err, SN_ERR_INFEASIBLE,
        "[budget] latency: no net of this space meets %s; attainable are %s "
        "to %s (%.1f %% to %.1f %% of the baseline)",
        sn_text_time(budget, sizeof budget, p->budget),
        sn_text_time(low, sizeof low, p->lowest),
        sn_text_time(high, sizeof high, p->highest),
        100 * p->lowest / p->baseline_cost.seconds,
        100 * p->highest / p->baseline_cost.seconds);
}

const char *sn_job_plan_nets(char buf[SN_NETS_TEXT],
                             const struct sn_job_plan *p)
{
    const double size = sn_space_size(&p->space);
    snprintf(buf, SN_NETS_TEXT, size < 1e7 ? "%.0f" : "%.2e", size);
    return buf;
}
