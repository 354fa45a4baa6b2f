/* supernet explain: per block, each option of a search and why it lost. */

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "job/explain.h"

static const char *option_text(char *buf, size_t size,
                               const struct sn_explained *e)
{
    char block[SN_BLOCK_TEXT];
    if (e->block == -2)
        snprintf(buf, size, "%s", e->frame);
    else if (e->block < 0)
        snprintf(buf, size, "%d block%s", e->depth, e->depth > 1 ? "s" : "");
    else
        snprintf(buf, size, "%s", sn_block_text(block, e->option));
    return buf;
}

/* `1.2 us faster`, or nothing. */
static const char *speed_text(char *buf, size_t size, double latency)
{
    char t[SN_QUANTITY_TEXT];
    buf[0] = '\0';
    if (latency < 0 || latency > 0)
        snprintf(buf, size, ", %s %s",
                 sn_text_time(t, sizeof t, latency < 0 ? -latency : latency),
                 latency < 0 ? "faster" : "slower");
    return buf;
}

static const char *fate_text(char *buf, size_t size,
                             const struct sn_explained *e)
{
    char speed[48], over[SN_QUANTITY_TEXT];
    speed_text(speed, sizeof speed, e->latency);
    switch (e->fate) {
    case SN_FATE_CHOSEN:
        snprintf(buf, size, "chosen");
        break;
    case SN_FATE_ABSENT:
        snprintf(buf, size, "the stage ends before it");
        break;
    case SN_FATE_WORTH:
        snprintf(buf, size, "worth %.3g less%s", -e->worth, speed);
        break;
    case SN_FATE_BUDGET:
        snprintf(buf, size, "worth %.3g more%s: %s over the %s budget",
                 e->worth, speed,
                 sn_budget_text(over, sizeof over, e->over, e->by),
                 sn_budget_name(e->over));
        break;
    case SN_FATE_TIE:
        snprintf(buf, size, "worth %.3g more%s: no better within the gap",
                 e->worth, speed);
        break;
    }
    return buf;
}

static const char *place_text(char *buf, size_t size,
                              const struct sn_explained *e)
{
    if (e->stage < 0)
        snprintf(buf, size, "net");
    else if (e->block < 0)
        snprintf(buf, size, "stage.%d", e->stage + 1);
    else
        snprintf(buf, size, "stage.%d.block.%d", e->stage + 1, e->block + 1);
    return buf;
}

static void add_row(struct sn_text *t, const struct sn_explained *e, bool first)
{
    char place[48], option[48], time[SN_QUANTITY_TEXT], fate[160];
    sn_text_add(t, "%-16s %-13s %6.1f %% %+9.3g %9s  %s\n",
                first ? place_text(place, sizeof place, e) : "",
                option_text(option, sizeof option, e), 100 * e->probability,
                e->value, sn_text_time(time, sizeof time, e->cost.seconds),
                fate_text(fate, sizeof fate, e));
}

static void add_rows(struct sn_text *t, const struct sn_explanation *x)
{
    sn_text_add(t, "%-16s %-13s %8s %9s %9s  %s\n", "block", "option", "share",
                "value", "latency", "");
    for (int i = 0; i < x->n; i++)
        add_row(t, &x->item[i],
                i == 0 || x->item[i].stage != x->item[i - 1].stage ||
                    x->item[i].block != x->item[i - 1].block);
}

/* ---- JSON ---- */

static json_t *row_json(const struct sn_explained *e)
{
    static const char *const fates[] = {"chosen", "absent", "worth", "budget",
                                        "tie"};
    char place[48], option[48], why[160];
    json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:s}",
                          "place", place_text(place, sizeof place, e), "option",
                          option_text(option, sizeof option, e), "probability",
                          e->probability, "value", e->value, "latency_ms",
                          1e3 * e->cost.seconds, "weights_bytes",
                          e->cost.weights, "worth_change", e->worth,
                          "latency_change_ms", 1e3 * e->latency, "fate",
                          fates[e->fate], "why", fate_text(why, sizeof why, e));
    return o;
}

static char *explain_json(const struct sn_explanation *x)
{
    json_t *o = json_object(), *list = json_array();
    bool ok = json_object_set_new(o, "options", list) == 0;
    for (int i = 0; i < x->n; i++)
        ok = json_array_append_new(list, row_json(&x->item[i])) == 0 && ok;
    char *text =
        ok ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    return text;
}

/* ---- the command ---- */

static sn_status write_rules(const struct sn_explanation *x, const char *run,
                             const char *path, struct sn_error *err)
{
    char *text = sn_explanation_rules(x, run);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the rules");
    const sn_status rc = sn_file_write(path, text, strlen(text), err);
    free(text);
    return rc;
}

sn_status sn_cli_explain(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_explanation x;
    struct sn_text t = {0};
    SN_TRY(sn_explain(&x, a->operand, err));
    sn_status rc = SN_OK;
    if (a->rules)
        rc = write_rules(&x, a->operand, a->rules, err);
    if (rc == SN_OK && a->json) {
        rc = sn_cli_print_owned(explain_json(&x), err);
    } else if (rc == SN_OK) {
        add_rows(&t, &x);
        rc = sn_cli_print_text(&t, err);
    }
    sn_explanation_release(&x);
    return rc;
}
