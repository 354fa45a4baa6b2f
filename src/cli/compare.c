/* supernet compare: a search beside its controls. */

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli.h"
#include "job/compare.h"

enum { SEEDS = 3 };

static void add_row(struct sn_text *t, const char *name,
                    const struct sn_compared *c, double baseline)
{
    char latency[SN_QUANTITY_TEXT], weights[SN_QUANTITY_TEXT];
    char live[SN_QUANTITY_TEXT], interval[24] = "", change[24];
    if (c->nets == 0) {
        sn_text_add(t, "%-10s %5d  no net of its kind is within the budget\n",
                    name, 0);
        return;
    }
    if (isfinite(c->half_interval))
        snprintf(interval, sizeof interval, "+- %.2f", 100 * c->half_interval);
    snprintf(change, sizeof change, "%+.2f", 100 * (c->accuracy - baseline));
    sn_text_add(t, "%-10s %5d %7.2f %% %-8s %8s %9s %9s %9s\n", name, c->nets,
                100 * c->accuracy, interval, change,
                sn_text_time(latency, sizeof latency, c->latency),
                sn_text_bytes(weights, sizeof weights, c->weights),
                sn_text_bytes(live, sizeof live, c->activations));
}

static void add_table(struct sn_text *t, const struct sn_comparison *c)
{
    sn_text_add(t, "%-10s %5s %9s %-8s %8s %9s %9s %9s\n", "control", "nets",
                "accuracy", "95 %", "change", "latency", "weights", "live");
    for (int i = 0; i < SN_CONTROLS; i++)
        add_row(t, sn_control_name((sn_control)i), &c->control[i],
                c->control[SN_CONTROL_BASELINE].accuracy);
    sn_text_add(t, "%d seed%s, test images, all trained from scratch alike\n",
                c->seeds, c->seeds > 1 ? "s" : "");
}

static char *compare_json(const struct sn_comparison *c)
{
    json_t *list = json_array();
    bool ok = true;
    for (int i = 0; i < SN_CONTROLS; i++) {
        const struct sn_compared *x = &c->control[i];
        json_t *row = json_pack(
            "{s:s, s:i, s:i, s:o, s:o, s:f, s:f, s:f}", "control",
            sn_control_name((sn_control)i), "nets", x->nets, "seeds", x->seeds,
            "accuracy", x->nets ? json_real(x->accuracy) : json_null(),
            "half_interval", sn_json_real(x->half_interval), "latency_ms",
            1e3 * x->latency, "weights_bytes", x->weights,
            "peak_activation_bytes", x->activations);
        ok = json_array_append_new(list, row) == 0 && ok;
    }
    json_t *o = json_pack("{s:i, s:o}", "seeds", c->seeds, "controls", list);
    char *text = ok && o
                     ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12))
                     : NULL;
    json_decref(o);
    return text;
}

sn_status sn_cli_compare(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_comparison c;
    struct sn_text t = {0};
    if (!a->controls)
        return sn_fail(err, SN_ERR_CONFIG, "compare: expected --controls");
    if (!a->dir)
        return sn_fail(err, SN_ERR_CONFIG,
                       "compare: expected -o DIR, the folder of its runs");
    const struct sn_compare_request q = {
        .job = {.config = a->operand,
                .dir = a->dir,
                .over = a->over,
                .n_over = a->n_over,
                .threads = a->threads,
                .isa = a->isa,
                .out = a->quiet ? NULL : stderr,
                .command = a->command,
                .stop = sn_cli_catch_signals()},
        .seeds = a->seeds ? a->seeds : SEEDS};
    SN_TRY(sn_compare(&c, &q, err));
    if (a->json)
        return sn_cli_print_owned(compare_json(&c), err);
    add_table(&t, &c);
    return sn_cli_print_text(&t, err);
}
