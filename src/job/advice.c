/* Advice; see advice.h. */

#include "job/advice.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "job/target_file.h"
#include "search/derive.h"

/* A file is a config by its name. */
static bool is_config(const char *path)
{
    const size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".ini") == 0;
}

/* The baseline of a config, whose data tells channels and classes. */
static sn_status read_config(struct sn_advice *a, struct sn_job_config *c,
                             const struct sn_advice_request *q,
                             struct sn_error *err)
{
    struct sn_dataset data = {0};
    struct sn_space *space = malloc(sizeof *space);
    if (!space)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search space");
    sn_status rc = sn_job_config_read(c, q->net, q->over, q->n_over, err);
    if (rc == SN_OK && !q->target)
        rc = sn_job_config_follow(c, err);
    if (rc == SN_OK)
        rc = sn_job_data(&data, c, NULL, err);
    if (rc == SN_OK)
        rc = sn_job_space(space, c, data.train.c, data.classes, err);
    if (rc == SN_OK)
        sn_arch_baseline(&a->arch, space);
    if (rc == SN_OK && !q->target) {
        a->target = c->device;
        c->device.estimator = NULL; /* it is a's now */
    }
    sn_dataset_release(&data);
    sn_job_config_release(c);
    free(space);
    return rc;
}

static sn_status read_net(struct sn_advice *a,
                          const struct sn_advice_request *q,
                          struct sn_error *err)
{
    struct stat st;
    const bool run = stat(q->net, &st) == 0 && S_ISDIR(st.st_mode);
    if (is_config(q->net)) {
        struct sn_job_config *c = calloc(1, sizeof *c);
        if (!c)
            return sn_fail(err, SN_ERR_MEMORY, "no memory for a config");
        const sn_status rc = read_config(a, c, q, err);
        free(c);
        return rc;
    }
    if (q->n_over)
        return sn_fail(err, SN_ERR_CONFIG,
                       "-s is for configs; '%s' is none by its name", q->net);
    if (!q->target && !run)
        return sn_fail(err, SN_ERR_CONFIG,
                       "advise: expected --target; only configs and run "
                       "directories name their device");
    SN_TRY(sn_arch_of(&a->arch, q->net, err));
    return q->target ? SN_OK : sn_target_of_run(&a->target, q->net, err);
}

static sn_status read_budget(struct sn_budget *b,
                             const struct sn_advice_request *q,
                             const struct sn_cost *before, struct sn_error *err)
{
    struct sn_budget_options o = {0};
    for (int i = 0; i < SN_BUDGETS; i++)
        if (q->budget[i])
            SN_TRY(sn_budget_option_read(&o, (sn_budget_kind)i, q->budget[i],
                                         err));
    sn_budget_make(b, &o, before);
    return SN_OK;
}

/* The first budget that is not met. */
static sn_status refuse(const struct sn_advice *a, const struct sn_budget *b,
                        struct sn_error *err)
{
    char limit[SN_QUANTITY_TEXT], is[SN_QUANTITY_TEXT];
    int i = 0;
    while (sn_cost_of(&a->after, (sn_budget_kind)i) <= b->limit[i])
        i++;
    const sn_budget_kind kind = (sn_budget_kind)i;
    return sn_fail(
        err, SN_ERR_INFEASIBLE,
        "%s budget %s: not met by these edits of this net; "
        "attained: %s",
        sn_budget_name(kind),
        sn_budget_exact(limit, sizeof limit, kind, b->limit[i]),
        sn_budget_exact(is, sizeof is, kind, sn_cost_of(&a->after, kind)));
}

static sn_status make(struct sn_advice *a, const struct sn_advice_request *q,
                      struct sn_error *err)
{
    struct sn_budget budget;
    if (q->target)
        SN_TRY(sn_target_read(&a->target, q->target, err));
    SN_TRY(read_net(a, q, err));
    a->target.act = a->arch.act;
    a->by = q->by;
    SN_TRY(sn_arch_reach(a->reach, &a->arch, &a->target, err));
    a->edited = a->arch;
    sn_arch_cost(&a->before, &a->arch, &a->target);
    SN_TRY(read_budget(&budget, q, &a->before, err));
    SN_TRY(sn_advise(&a->edit, &a->n, &a->arch, &a->target, q->by, err));
    SN_TRY(sn_expert(&a->edited, &a->target, q->kinds, q->by, &budget,
                     &a->steps, err));
    sn_arch_cost(&a->after, &a->edited, &a->target);
    return sn_budget_met(&budget, &a->after) ? SN_OK : refuse(a, &budget, err);
}

sn_status sn_advice_make(struct sn_advice *a, const struct sn_advice_request *q,
                         struct sn_error *err)
{
    *a = (struct sn_advice){0};
    const sn_status rc = make(a, q, err);
    if (rc != SN_OK)
        sn_advice_release(a);
    return rc;
}

void sn_advice_release(struct sn_advice *a)
{
    sn_target_release(&a->target);
    free(a->edit);
    a->edit = NULL;
    a->n = 0;
}
