/* supernet derive: other nets from a finished search. */

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "job/rederive.h"
#include "job/tau.h"

/* Length of RUN in the path RUN/derive/LATENCY. */
static int run_length(const char *dir)
{
    int slashes = 0, n = (int)strlen(dir);
    while (n > 0 && slashes < 2)
        slashes += dir[--n] == '/';
    return n;
}

/* How the net is trained: the budgets as they were given. */
static void add_try(struct sn_text *t, const struct sn_cli *a,
                    const struct sn_rederived *r)
{
    static const char *const kind[] = {[SN_TARGET_NPU] = "npu",
                                       [SN_TARGET_CPU] = "cpu",
                                       [SN_TARGET_TABLE] = "table"};
    const char *dir = r->item[0].dir;
    sn_text_add(t,
                "%-8s supernet train %.*s/config.ini -s search.mode=none \\\n"
                "%-8s     -s 'search.arch=%s/arch.txt'",
                "try", run_length(dir), dir, "", dir);
    for (int i = 0; i < SN_BUDGETS; i++)
        if (a->budget[i])
            sn_text_add(t, " \\\n%-8s     -s 'budget.%s=%s'", "",
                        sn_budget_name((sn_budget_kind)i),
                        i == SN_BUDGET_LATENCY ? r->latency[0] : a->budget[i]);
    if (a->target && r->kind >= 0)
        sn_text_add(t,
                    " \\\n%-8s     -s target.kind=%s \\\n"
                    "%-8s     -s 'target.file=%s'",
                    "", kind[r->kind], "", a->target);
    sn_text_add(t, "\n");
}

/* The device, where it is not the run's own. */
static void add_target(struct sn_text *t, const struct sn_rederived *r)
{
    if (*r->target)
        sn_text_add(t, "%-8s %s\n", "target", r->target);
    if (*r->reach)
        sn_text_add(t, "%-8s %s\n", "note", r->reach);
}

static void add_one(struct sn_text *t, const struct sn_cli *a,
                    const struct sn_rederived *r)
{
    sn_result_costs(&r->item[0], t);
    if (r->derived[0].gap > 0)
        sn_text_add(t, "%-8s at most %.3g of worth %.3g was passed over\n",
                    "gap", r->derived[0].gap, r->derived[0].worth);
    sn_text_add(t, "%-8s %s: arch.txt  cost.json\n", "files", r->item[0].dir);
    add_try(t, a, r);
}

/* A row for each latency. */
static void add_front(struct sn_text *t, const struct sn_rederived *r)
{
    const char *dir = r->item[0].dir;
    sn_text_add(t, "%-12s %10s %8s %10s %11s %9s  %s\n", "budget", "latency",
                "used", "weights", "activations", "MACs", "net");
    for (int i = 0; i < r->n; i++) {
        const struct sn_cost *c = &r->item[i].net.cost;
        const double limit = r->item[i].budget.limit[SN_BUDGET_LATENCY];
        char cost[SN_BUDGETS][SN_QUANTITY_TEXT], used[16] = "", net[512];
        for (int j = 0; j < SN_BUDGETS; j++)
            sn_budget_text(cost[j], sizeof cost[j], (sn_budget_kind)j,
                           sn_cost_of(c, (sn_budget_kind)j));
        if (sn_budget_has(&r->item[i].budget, SN_BUDGET_LATENCY))
            snprintf(used, sizeof used, "%.1f %%", 100 * c->seconds / limit);
        sn_arch_summary(&r->item[i].net.arch, net, sizeof net);
        sn_text_add(t, "%-12s %10s %8s %10s %11s %9s  %s\n", r->latency[i],
                    cost[SN_BUDGET_LATENCY], used, cost[SN_BUDGET_WEIGHTS],
                    cost[SN_BUDGET_ACTIVATIONS], cost[SN_BUDGET_MACS], net);
    }
    sn_text_add(t, "%-8s %.*s/pareto.csv; derive/LATENCY/arch.txt of each\n",
                "files", run_length(dir), dir);
}

static char *front_json(const struct sn_rederived *r)
{
    json_t *o = json_object(), *list = json_array();
    bool ok = json_object_set_new(o, "nets", list) == 0;
    for (int i = 0; i < r->n; i++) {
        json_t *net = sn_result_object(&r->item[i]);
        ok = ok && net &&
             json_object_set_new(net, "folder", sn_json_name(r->item[i].dir)) ==
                 0 &&
             json_object_set_new(net, "worth",
                                 json_real(r->derived[i].worth)) == 0 &&
             json_object_set_new(net, "gap", json_real(r->derived[i].gap)) == 0;
        ok = json_array_append_new(list, net) == 0 && ok;
    }
    if (ok)
        return sn_result_dump(o);
    json_decref(o);
    return NULL;
}

static sn_status print(const struct sn_cli *a, const struct sn_rederived *r,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(
            r->n > 1 ? front_json(r) : sn_result_json(&r->item[0]), err);
    add_target(&t, r);
    if (r->n > 1)
        add_front(&t, r);
    else
        add_one(&t, a, r);
    return sn_cli_print_text(&t, err);
}

/* ---- --tau ---- */

static void add_tau(struct sn_text *t, const struct sn_tau *x)
{
    char time[SN_QUANTITY_TEXT], net[512];
    sn_text_add(t, "%9s %9s %9s  %s\n", "alone", "shared", "latency", "net");
    for (int i = 0; i < x->n; i++) {
        sn_arch_summary(&x->net[i].arch, net, sizeof net);
        sn_text_add(t, "%7.2f %% %7.2f %% %9s  %s\n", 100 * x->net[i].alone,
                    100 * x->net[i].shared,
                    sn_text_time(time, sizeof time, x->net[i].latency), net);
    }
    sn_text_add(t,
                "%-8s %.2f between the supernet's accuracy (val) and that "
                "of %d nets alone (test)\n",
                "tau", x->tau, x->n);
}

static char *tau_json(const struct sn_tau *x)
{
    json_t *list = json_array();
    for (int i = 0; i < x->n; i++) {
        char *arch = sn_arch_text(&x->net[i].arch);
        json_array_append_new(
            list, json_pack("{s:f, s:f, s:f, s:s}", "alone", x->net[i].alone,
                            "shared", x->net[i].shared, "latency_ms",
                            1e3 * x->net[i].latency, "arch", arch ? arch : ""));
        free(arch);
    }
    return sn_result_dump(
        json_pack("{s:f, s:o}", "kendall_tau", x->tau, "nets", list));
}

static sn_status run_tau(const struct sn_cli *a, struct sn_error *err)
{
    const struct sn_tau_request q = {.job = {.threads = a->threads,
                                             .isa = a->isa,
                                             .out = a->quiet ? NULL : stderr,
                                             .stop = sn_cli_catch_signals(),
                                             .command = a->command},
                                     .run = a->operand,
                                     .nets = a->tau};
    struct sn_text t = {0};
    struct sn_tau x;
    if (a->tau < 2)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--tau: one net has no order; expected 2 to %d",
                       SN_TAU_MOST);
    SN_TRY(sn_tau_make(&x, &q, err));
    sn_status rc;
    if (a->json) {
        rc = sn_cli_print_owned(tau_json(&x), err);
    } else {
        add_tau(&t, &x);
        rc = sn_cli_print_text(&t, err);
    }
    sn_tau_release(&x);
    return rc;
}

sn_status sn_cli_derive(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_rederive_request q = {.run = a->operand, .target = a->target};
    struct sn_rederived r;
    bool given = a->target;
    for (int i = 0; i < SN_BUDGETS; i++) {
        q.budget[i] = a->budget[i];
        given = given || a->budget[i];
    }
    if (a->tau && given)
        return sn_fail(err, SN_ERR_CONFIG,
                       "derive: --tau ranks nets within the run's own budget; "
                       "it takes no other");
    if (a->tau)
        return run_tau(a, err);
    if (!given)
        return sn_fail(err, SN_ERR_CONFIG,
                       "derive: expected --latency, such as '2 ms' or '50 %%' "
                       "of the baseline's, --weights, --activations, --macs, "
                       "--target, or --tau");
    SN_TRY(sn_rederive(&r, &q, err));
    const sn_status rc = print(a, &r, err);
    sn_rederived_release(&r);
    return rc;
}
