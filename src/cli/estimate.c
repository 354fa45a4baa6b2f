/* supernet estimate: what a net costs on a device, part by part. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "job/target_file.h"
#include "search/layers.h"
#include "search/reach.h"

struct estimate {
    struct sn_arch arch;
    struct sn_target target;
    struct sn_net_parts parts;
};

/* ---- text ---- */

static int longest_name(const struct sn_net_parts *parts)
{
    int most = 0;
    for (int i = 0; i < parts->count; i++) {
        const int n = (int)strlen(parts->item[i].name);
        most = n > most ? n : most;
    }
    return most;
}

/* The columns behind name, operator, input and channels. */
static void add_cost(struct sn_text *t, const struct sn_cost *c, double all)
{
    char time[SN_QUANTITY_TEXT], macs[SN_QUANTITY_TEXT];
    char weights[SN_QUANTITY_TEXT], peak[SN_QUANTITY_TEXT];
    sn_text_add(t, " %8s %6.1f %% %7s %8s %8s\n",
                sn_text_time(time, sizeof time, c->seconds),
                100 * c->seconds / all,
                sn_text_count(macs, sizeof macs, c->macs),
                sn_text_bytes(weights, sizeof weights, c->weights),
                sn_text_bytes(peak, sizeof peak, c->activations));
}

static void add_part(struct sn_text *t, const struct sn_net_part *p, int width,
                     double all)
{
    char op[SN_OPERATOR_TEXT], input[48];
    snprintf(input, sizeof input, "%dx%dx%d", p->op.h, p->op.w, p->op.cin);
    sn_text_add(t, "%-*s %-9s %-11s %4d", width, p->name,
                sn_operator_text(op, &p->op), input, p->op.cout);
    add_cost(t, &p->cost, all);
}

/* The parts whose prices are guesses, each with the feature that is furthest
 * from what was measured. */
static void add_outside(struct sn_text *t, const struct sn_net_parts *parts)
{
    bool first = true;
    for (int i = 0; i < parts->count; i++) {
        if (!parts->item[i].outside)
            continue;
        sn_text_add(t, "%s%s (%s)",
                    first ? "note     outside of what was measured: " : ", ",
                    parts->item[i].name, parts->item[i].outside);
        first = false;
    }
    if (!first)
        sn_text_add(t, "\n");
}

/* An npu has no batch. */
static int batch_of(const struct estimate *e)
{
    return e->target.batch > 1 ? e->target.batch : 1;
}

static void add_table(struct sn_text *t, const struct estimate *e)
{
    const struct sn_net_parts *parts = &e->parts;
    const int width = longest_name(parts);
    char net[256];
    sn_arch_summary(&e->arch, net, sizeof net);
    sn_text_add(t, "net      %s\ntarget   %s, batch %d\n", net,
                sn_target_name(&e->target), batch_of(e));
    sn_text_add(t, "%-*s %-9s %-11s %4s %8s %8s %7s %8s %8s\n", width, "part",
                "op", "input", "cout", "latency", "share", "MACs", "weights",
                "live");
    for (int i = 0; i < parts->count; i++)
        add_part(t, &parts->item[i], width, parts->total.seconds);
    if (parts->constant != 0) {
        const struct sn_cost beside = {.seconds = parts->constant};
        sn_text_add(t, "%-*s %-9s %-11s %4s", width, "beside", "", "", "");
        add_cost(t, &beside, parts->total.seconds);
    }
    sn_text_add(t, "%-*s %-9s %-11s %4s", width, "all", "", "", "");
    add_cost(t, &parts->total, parts->total.seconds);
    add_outside(t, parts);
}

/* ---- JSON ---- */

static json_t *cost_json(const struct sn_cost *c)
{
    return json_pack("{s:f, s:I, s:I, s:I, s:I}", "latency_ms",
                     1e3 * c->seconds, "weights_bytes", (json_int_t)c->weights,
                     "peak_activation_bytes", (json_int_t)c->activations,
                     "macs", (json_int_t)c->macs, "params",
                     (json_int_t)c->params);
}

static json_t *part_json(const struct sn_net_part *p, double all)
{
    char op[SN_OPERATOR_TEXT];
    json_t *o = cost_json(&p->cost);
    json_t *is =
        json_pack("{s:s, s:s, s:[i,i,i], s:i, s:f, s:s?}", "part", p->name,
                  "op", sn_operator_text(op, &p->op), "input", p->op.h, p->op.w,
                  p->op.cin, "cout", p->op.cout, "share", p->cost.seconds / all,
                  "outside", p->outside);
    json_object_update(is, o);
    json_decref(o);
    return is;
}

static char *estimate_json(const struct estimate *e)
{
    const struct sn_net_parts *parts = &e->parts;
    char *arch = sn_arch_text(&e->arch);
    json_t *o = cost_json(&parts->total), *list = json_array();
    for (int i = 0; i < parts->count; i++)
        json_array_append_new(list,
                              part_json(&parts->item[i], parts->total.seconds));
    json_object_set_new(o, "target", json_string(sn_target_name(&e->target)));
    json_object_set_new(o, "batch", json_integer(batch_of(e)));
    json_object_set_new(o, "beside_ms", json_real(1e3 * parts->constant));
    json_object_set_new(o, "arch", arch ? json_string(arch) : NULL);
    json_object_set_new(o, "parts", list);
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    free(arch);
    return text;
}

/* ---- the command ---- */

static sn_status estimate(struct estimate *e, const struct sn_cli *a,
                          struct sn_error *err)
{
    struct sn_text t = {0};
    char reach[SN_REACH_TEXT];
    struct stat st;
    const bool run = stat(a->operand, &st) == 0 && S_ISDIR(st.st_mode);
    if (!a->target && !run)
        return sn_fail(err, SN_ERR_CONFIG,
                       "estimate: expected --target; only a run directory "
                       "names its device");
    if (a->target)
        SN_TRY(sn_target_read(&e->target, a->target, err));
    SN_TRY(sn_arch_of(&e->arch, a->operand, err));
    if (!a->target)
        SN_TRY(sn_target_of_run(&e->target, a->operand, err));
    e->target.act = e->arch.act;
    SN_TRY(sn_arch_reach(reach, &e->arch, &e->target, err));
    sn_net_parts(&e->parts, &e->arch, &e->target);
    if (a->json)
        return sn_cli_print_owned(estimate_json(e), err);
    add_table(&t, e);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_estimate(const struct sn_cli *a, struct sn_error *err)
{
    struct estimate *e = calloc(1, sizeof *e);
    if (!e)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for an estimate");
    const sn_status rc = estimate(e, a, err);
    sn_target_release(&e->target);
    free(e);
    return rc;
}
