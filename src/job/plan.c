/* The plan of a job; see plan.h. */

#include "job/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "job/cost_cache.h"
#include "target/estimator.h"

/* ---- costs ---- */

/* Without a search: the arch file's net, or the baseline. */
static sn_status take_only(struct sn_job_plan *p, const struct sn_job_config *c,
                           struct sn_error *err)
{
    const struct sn_space *s = &p->space;
    p->only = c->has_arch ? c->arch : p->baseline;
    const struct sn_arch *a = &p->only;
    bool side = false;
    for (int i = 0; i < p->frames.count; i++)
        side |= a->h == p->frames.item[i].space.h &&
                a->w == p->frames.item[i].space.w;
    if (!side || a->c != s->c || a->classes != s->classes)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: the net is for %dx%dx%d images of %d classes, the "
                       "data has %dx%dx%d of %d",
                       c->search.arch, a->h, a->w, a->c, a->classes, s->h, s->w,
                       s->c, s->classes);
    sn_arch_cost(&p->only_cost, a, &c->device);
    return SN_OK;
}

/* Prices all frames; the baseline's is what the plan shows. */
static sn_status price(struct sn_job_plan *p, const struct sn_job_config *c,
                       struct sn_error *err)
{
    const struct sn_space *s = &p->space;
    if (p->searches && sn_space_frames(s) > 1 &&
        c->search.mode != SN_SEARCH_PATH) {
        if (err)
            err->text[0] = '\0';
        return sn_config_fault(c->source, err, "search", "mode",
                               "only single-path searches input sizes, "
                               "multipliers, output strides and widths; "
                               "expected it, or one of each");
    }
    if (sn_space_frames(s) > 1) {
        SN_TRY(sn_frames_make(&p->frames, s, &c->device, err));
    } else {
        SN_TRY(sn_frames_open(&p->frames, s, err));
        SN_TRY(sn_cost_table_get(&p->frames.item[0].cost, s, &c->device,
                                 &p->cached, err));
    }
    p->cost = p->frames.item[sn_arch_frame(&p->baseline, s)].cost;
    sn_frames_range(&p->frames, SN_BUDGET_LATENCY, &p->lowest, &p->highest);
    return SN_OK;
}

void sn_job_plan_release(struct sn_job_plan *p)
{
    if (p)
        sn_frames_release(&p->frames);
}

sn_status sn_job_plan_costs(struct sn_job_plan *p,
                            const struct sn_job_config *c, int channels,
                            int classes, struct sn_error *err)
{
    p->searches = c->search.mode != SN_SEARCH_NONE;
    SN_TRY(sn_job_space(&p->space, c, channels, classes, err));
    sn_decisions_make(&p->decisions, &p->space);
    SN_TRY(sn_space_reach(p->reach, &p->space, &c->device, err));
    p->stale =
        c->device.estimator && *sn_estimator_kernels(c->device.estimator) &&
        strcmp(sn_estimator_kernels(c->device.estimator), sn_kernels_sum()) !=
            0;
    sn_arch_baseline(&p->baseline, &p->space);
    SN_TRY(price(p, c, err));
    sn_arch_cost(&p->baseline_cost, &p->baseline, &c->device);
    sn_budget_make(&p->budget, &c->budget, &p->baseline_cost);
    return take_only(p, c, err);
}

sn_status sn_job_plan_batches(const struct sn_job_config *c,
                              const struct sn_split *split,
                              struct sn_error *err)
{
    const bool searches = c->search.mode != SN_SEARCH_NONE;
    const bool holds_out = searches && sn_job_arch_split(c) > 0.0;
    const struct {
        const char *section, *what;
        int batch, images;
    } part[] = {
        {"search", "for the weights", searches ? c->search.batch : 0,
         split->n_weights},
        {"search", "held out for the architecture",
         holds_out ? c->search.batch : 0, split->n_arch},
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
    if (searches && sn_search_evolves(&c->search) && split->n_val < 1)
        rc = sn_config_fault(c->source, err, "data", "val",
                             "evolution compares nets on the validation "
                             "images; there are none");
    return rc;
}

const char sn_job_plan_stale[] =
    "its times were measured with other kernels than this program's: measure "
    "again";

double sn_job_plan_target(const struct sn_job_plan *p)
{
    return sn_budget_has(&p->budget, SN_BUDGET_LATENCY)
               ? p->budget.limit[SN_BUDGET_LATENCY]
               : 0.0;
}

const char *sn_job_plan_budget(char buf[SN_BUDGET_LINE],
                               const struct sn_budget *budget)
{
    char value[SN_QUANTITY_TEXT];
    size_t n = (size_t)snprintf(buf, SN_BUDGET_LINE, "none");
    if (sn_budget_any(budget))
        n = 0;
    for (int i = 0; i < SN_BUDGETS; i++) {
        const sn_budget_kind kind = (sn_budget_kind)i;
        if (sn_budget_has(budget, kind) && n < SN_BUDGET_LINE)
            n += (size_t)snprintf(
                buf + n, SN_BUDGET_LINE - n, "%s%s of %s", n ? ", " : "",
                sn_budget_text(value, sizeof value, kind, budget->limit[i]),
                sn_budget_name(kind));
    }
    return buf;
}

sn_status sn_job_plan_feasible(const struct sn_job_plan *p,
                               struct sn_error *err)
{
    char text[SN_QUANTITY_TEXT];
    struct sn_arch some;
    if (!p->searches || !sn_budget_any(&p->budget))
        return SN_OK;
    const sn_status rc = sn_frames_derive(&some, &p->frames, &p->decisions,
                                          NULL, &p->budget, NULL, err);
    if (rc != SN_ERR_INFEASIBLE)
        return rc;
    struct sn_text base = {0};
    for (int i = 0; i < SN_BUDGETS; i++) {
        const sn_budget_kind kind = (sn_budget_kind)i;
        if (sn_budget_has(&p->budget, kind))
            sn_text_add(&base, "%s%s of %s", base.length ? ", " : "",
                        sn_budget_exact(text, sizeof text, kind,
                                        sn_cost_of(&p->baseline_cost, kind)),
                        sn_budget_name(kind));
    }
    (void)!sn_fail_more(err, SN_ERR_INFEASIBLE, "  the baseline takes %s",
                        base.data ? base.data : "more");
    sn_text_release(&base);
    return SN_ERR_INFEASIBLE;
}

const char *sn_job_plan_nets(char buf[SN_NETS_TEXT],
                             const struct sn_job_plan *p)
{
    const double size = sn_space_size(&p->space);
    snprintf(buf, SN_NETS_TEXT, size < 1e7 ? "%.0f" : "%.2e", size);
    return buf;
}
