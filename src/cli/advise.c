/* supernet advise: the classic edits of a net, and what each would change. */

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "job/advice.h"

/* ---- what was asked ---- */

static sn_status read_kind(sn_budget_kind *kind, const char *text,
                           struct sn_error *err)
{
    for (int i = 0; i < SN_BUDGETS; i++)
        if (strcmp(text, sn_budget_name((sn_budget_kind)i)) == 0) {
            *kind = (sn_budget_kind)i;
            return SN_OK;
        }
    return sn_fail(err, SN_ERR_CONFIG,
                   "--by: '%s' is not known; expected latency, weights, macs "
                   "or activations",
                   text);
}

/* `fuse,round`: the bits of these kinds. */
static sn_status read_kinds(unsigned *kinds, const char *text,
                            struct sn_error *err)
{
    *kinds = 0;
    for (const char *word = text; word;) {
        const size_t n = strcspn(word, ",");
        int kind = 0;
        while (kind < SN_EDITS &&
               (strlen(sn_edit_name((sn_edit_kind)kind)) != n ||
                strncmp(word, sn_edit_name((sn_edit_kind)kind), n) != 0))
            kind++;
        if (kind == SN_EDITS)
            return sn_fail(err, SN_ERR_CONFIG,
                           "--take: '%.*s' is not known; expected fuse, "
                           "unfuse, conv, round, even, narrow, drop",
                           n < 40 ? (int)n : 40, word);
        *kinds |= 1U << kind;
        word = word[n] ? word + n + 1 : NULL;
    }
    return SN_OK;
}

/* ---- text ---- */

static void add_change(struct sn_text *t, double before, double after)
{
    sn_text_add(t, " %+8.1f %%", 100 * (after / before - 1.0));
}

static void add_edit(struct sn_text *t, const struct sn_advice *a,
                     const struct sn_edit *e)
{
    char edit[SN_EDIT_TEXT], saved[SN_QUANTITY_TEXT];
    const double gain =
        sn_cost_of(&a->before, a->by) - sn_cost_of(&e->after, a->by);
    sn_text_add(t, "%-7s %-44s", sn_edit_name(e->kind),
                sn_edit_text(edit, e, &a->arch));
    sn_text_add(t, " %9s",
                gain > 0 ? sn_budget_text(saved, sizeof saved, a->by, gain)
                         : "free");
    add_change(t, a->before.seconds, e->after.seconds);
    add_change(t, a->before.weights, e->after.weights);
    add_change(t, a->before.activations, e->after.activations);
    sn_text_add(t, "\n");
}

static void add_edits(struct sn_text *t, const struct sn_advice *a)
{
    char net[400];
    sn_arch_summary(&a->arch, net, sizeof net);
    sn_text_add(t, "net      %s\ntarget   %s, %d channels at once\n", net,
                sn_target_name(&a->target), sn_target_lanes(&a->target));
    if (*a->reach)
        sn_text_add(t, "note     %s\n", a->reach);
    sn_text_add(t, "%-7s %-44s %9s %10s %10s %10s\n", "edit", "", "saves",
                "latency", "weights", "live");
    for (int i = 0; i < a->n; i++)
        add_edit(t, a, &a->edit[i]);
    if (a->n == 0)
        sn_text_add(t, "no edit lowers its %s\n", sn_budget_name(a->by));
}

static void add_after(struct sn_text *t, const struct sn_advice *a,
                      const char *file)
{
    sn_text_add(t, "%-8s %s after %d edits:", "written", file, a->steps);
    for (int i = 0; i < SN_BUDGETS; i++) {
        const sn_budget_kind kind = (sn_budget_kind)i;
        char x[SN_QUANTITY_TEXT];
        sn_text_add(
            t, "%s %s of %s", i ? "," : "",
            sn_budget_text(x, sizeof x, kind, sn_cost_of(&a->after, kind)),
            sn_budget_name(kind));
    }
    sn_text_add(t, "\n");
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

static json_t *edit_json(const struct sn_advice *a, const struct sn_edit *e)
{
    char text[SN_EDIT_TEXT];
    return json_pack("{s:s, s:s, s:o}", "kind", sn_edit_name(e->kind), "edit",
                     sn_edit_text(text, e, &a->arch), "after",
                     cost_json(&e->after));
}

static char *advice_json(const struct sn_advice *a, bool edited)
{
    json_t *list = json_array();
    for (int i = 0; i < a->n; i++)
        (void)!json_array_append_new(list, edit_json(a, &a->edit[i]));
    char *arch = edited ? sn_arch_text(&a->edited) : NULL;
    json_t *o = json_pack(
        "{s:s, s:s, s:o, s:o}", "target", sn_target_name(&a->target), "by",
        sn_budget_name(a->by), "before", cost_json(&a->before), "edits", list);
    if (o && arch) {
        (void)!json_object_set_new(o, "steps", json_integer(a->steps));
        (void)!json_object_set_new(o, "after", cost_json(&a->after));
        (void)!json_object_set_new(o, "arch", json_string(arch));
    }
    free(arch);
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    return text;
}

/* ---- the command ---- */

static sn_status write_arch(const struct sn_advice *a, const char *path,
                            struct sn_error *err)
{
    char *text = sn_arch_text(&a->edited);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the net's text");
    const sn_status rc = sn_file_write(path, text, strlen(text), err);
    free(text);
    return rc;
}

static sn_status print(const struct sn_cli *a, const struct sn_advice *advice,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(advice_json(advice, a->dir != NULL), err);
    add_edits(&t, advice);
    if (a->dir)
        add_after(&t, advice, a->dir);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_advise(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_advice_request q = {.net = a->operand,
                                  .target = a->target,
                                  .over = a->over,
                                  .n_over = a->n_over,
                                  .by = SN_BUDGET_LATENCY};
    bool budget = false;
    for (int i = 0; i < SN_BUDGETS; i++) {
        q.budget[i] = a->budget[i];
        budget = budget || a->budget[i];
    }
    if (a->by)
        SN_TRY(read_kind(&q.by, a->by, err));
    q.kinds = 1U << SN_EDIT_FUSE | 1U << SN_EDIT_UNFUSE | 1U << SN_EDIT_ROUND;
    if (budget)
        q.kinds |= 1U << SN_EDIT_NARROW | 1U << SN_EDIT_DROP;
    if (a->take)
        SN_TRY(read_kinds(&q.kinds, a->take, err));
    if (!a->dir && (a->take || budget))
        return sn_fail(err, SN_ERR_CONFIG,
                       "advise: --take and budgets are for the edited net; "
                       "expected -o FILE beside them");
    struct sn_advice *advice = calloc(1, sizeof *advice);
    if (!advice)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for an advice");
    sn_status rc = sn_advice_make(advice, &q, err);
    if (rc == SN_OK && a->dir)
        rc = write_arch(advice, a->dir, err);
    if (rc == SN_OK)
        rc = print(a, advice, err);
    sn_advice_release(advice);
    free(advice);
    return rc;
}
