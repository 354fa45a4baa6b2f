/* The result card: both nets side by side, what was chosen, where it lies. */

#include <stdio.h>

#include "base/file.h"
#include "job/export_file.h"
#include "job/result.h"

/* How far a prediction may be off, whatever its estimator states: what two
 * measurements of a net differ by. */
#define REPEATED 0.02

/* One row: a name, a text for each net, and how much less the first has. */
static void row(struct sn_text *out, const char *head, const char *name,
                const char *net, const char *baseline, const char *change)
{
    sn_text_add(out, "%-8s %-18s %14s", head, name, net);
    if (baseline)
        sn_text_add(out, " %14s %10s", baseline, change);
    sn_text_add(out, "\n");
}

typedef const char *print_fn(char *buf, size_t size, double value);

static void cost_row(struct sn_text *out, const struct sn_job_result *r,
                     const char *name, print_fn *print, double net,
                     double baseline)
{
    char a[SN_QUANTITY_TEXT], b[SN_QUANTITY_TEXT], change[32];
    snprintf(change, sizeof change, "%+.1f %%",
             -100 * sn_reduction(net, baseline));
    row(out, "", name, print(a, sizeof a, net),
        r->has_baseline ? print(b, sizeof b, baseline) : NULL, change);
}

static const char *accuracy_text(char *buf, size_t size,
                                 const struct sn_net_result *n)
{
    if (n->trained)
        snprintf(buf, size, "%.2f %%", 100 * n->test.accuracy);
    else
        snprintf(buf, size, "not trained");
    return buf;
}

static void accuracy_row(struct sn_text *out, const struct sn_job_result *r)
{
    char net[32], baseline[32], change[32] = "";
    if (r->baseline.trained)
        snprintf(change, sizeof change, "%+.2f",
                 100 * (r->net.test.accuracy - r->baseline.test.accuracy));
    row(out, "", "test accuracy", accuracy_text(net, sizeof net, &r->net),
        r->has_baseline ? accuracy_text(baseline, sizeof baseline, &r->baseline)
                        : NULL,
        change);
}

/* What was measured, and where that is not what was predicted. */
static void add_measured(struct sn_text *out, const struct sn_job_result *r)
{
    const struct sn_net_result *n = &r->net;
    const double off = n->measured / n->cost.seconds - 1;
    const double allowed = r->stated > REPEATED ? r->stated : REPEATED;
    if (n->measured <= 0)
        return;
    cost_row(out, r, "measured latency", sn_text_time, n->measured,
             r->baseline.measured);
    if (off <= allowed && off >= -allowed)
        return;
    sn_text_add(out,
                "warning  the net takes %.1f %% %s than predicted; %.1f %% was "
                "stated.  Whole nets calibrate:\n",
                100 * (off < 0 ? -off : off), off < 0 ? "less" : "more",
                100 * allowed);
    sn_text_add(out,
                "%-8s supernet measure CONFIG.ini -o OPS.csv --nets 20\n"
                "%-8s supernet fit OPS.csv --nets OPS.nets.csv -o NEW.est\n",
                "", "");
    if (r->searched)
        sn_text_add(out, "%-8s supernet derive %s --target NEW.est\n", "",
                    r->dir);
}

static void add_budget(struct sn_text *out, const struct sn_job_result *r)
{
    char limit[SN_QUANTITY_TEXT];
    const char *head = "budget";
    for (int i = 0; i < SN_BUDGETS; i++) {
        const sn_budget_kind kind = (sn_budget_kind)i;
        const double used = sn_cost_of(&r->net.cost, kind);
        if (!sn_budget_has(&r->budget, kind))
            continue;
        sn_text_add(
            out, "%-8s %s of %s, %.1f %% of it used: %s\n", head,
            sn_budget_text(limit, sizeof limit, kind, r->budget.limit[i]),
            sn_budget_name(kind), 100 * used / r->budget.limit[i],
            used <= r->budget.limit[i] ? "met" : "EXCEEDED");
        head = "";
    }
}

void sn_arch_table(const struct sn_arch *arch, struct sn_text *out)
{
    char multiplier[SN_THOUSANDTHS_TEXT];
    sn_text_add(out, "%-8s stem %d", "net", arch->stem);
    if (arch->head)
        sn_text_add(out, ", head %d", arch->head);
    if (arch->multiplier)
        sn_text_add(out, ", multiplier %s",
                    sn_text_thousandths(multiplier, arch->multiplier));
    sn_text_add(out, ", input %dx%d\n", arch->h, arch->w);
    for (int is = 0; is < arch->n_stages; is++) {
        const struct sn_arch_stage *s = &arch->stage[is];
        sn_text_add(out, "%-8s stage.%-2d  width %-4d stride %d  ", "", is + 1,
                    s->width, s->stride);
        for (int ib = 0; ib < s->depth; ib++) {
            const struct sn_block *b = &s->block[ib];
            sn_text_add(out, "%s%s", ib ? ", " : "", sn_block_op_name(b->op));
            if (b->k != 3)
                sn_text_add(out, " k%d", b->k);
            if (b->op != SN_OP_CONV)
                sn_text_add(out, " e%d", b->e);
        }
        sn_text_add(out, "\n");
    }
}

static const char *start_text(const struct sn_net_result *n)
{
    return n->inherited ? "from the supernet's weights" : "from scratch";
}

/* `8000`, `1.80e+16`. */
static const char *count_text(char buf[24], double nets)
{
    snprintf(buf, 24, nets < 1e7 ? "%.0f" : "%.2e", nets);
    return buf;
}

/* What each stage made of how many nets. */
static void add_stages(struct sn_text *out, const struct sn_job_result *r)
{
    const char *head = "stages";
    for (int i = 0; i < SN_FUNNEL_STAGES; i++) {
        const struct sn_funnel_stage *s = &r->stage[i];
        char in[24], left[24], time[SN_QUANTITY_TEXT], best[SN_QUANTITY_TEXT];
        if (s->in <= 0)
            continue;
        sn_text_add(out, "%-8s %-10s %9s to %-9s nets %9s", head,
                    sn_funnel_stage_name((sn_funnel_stage_id)i),
                    count_text(in, s->in), count_text(left, s->out),
                    sn_text_elapsed(time, sizeof time, s->seconds));
        if (s->latency > 0)
            sn_text_add(out, "  best %s",
                        sn_text_time(best, sizeof best, s->latency));
        if (i == SN_FUNNEL_SHORT)
            sn_text_add(out, ", val %.1f %%", 100 * s->score);
        if (i == SN_FUNNEL_RACE)
            sn_text_add(out, ", loss %.3f", s->score);
        sn_text_add(out, "\n");
        head = "";
    }
}

static void add_times(struct sn_text *out, const struct sn_job_result *r)
{
    char t[SN_QUANTITY_TEXT];
    sn_text_add(out, "%-8s ", "time");
    if (r->searched)
        sn_text_add(out, "search %s, ",
                    sn_text_elapsed(t, sizeof t, r->search_seconds));
    sn_text_add(out, "training %s (%s)",
                sn_text_elapsed(t, sizeof t, r->net.seconds),
                start_text(&r->net));
    if (r->baseline.trained)
        sn_text_add(out, "\n%-8s baseline %s (%s)", "",
                    sn_text_elapsed(t, sizeof t, r->baseline.seconds),
                    start_text(&r->baseline));
    sn_text_add(out, "\n");
}

static void add_files(struct sn_text *out, const struct sn_job_result *r)
{
    char onnx[sizeof r->dir + sizeof "/" SN_ONNX_FILE];
    snprintf(onnx, sizeof onnx, "%s/%s", r->dir, SN_ONNX_FILE);
    sn_text_add(out, "%-8s %s\n", "files", r->dir);
    sn_text_add(out, "%-8s   subnet.safetensors%s  arch.txt  result.json%s\n",
                "", sn_file_exists(onnx) ? "  " SN_ONNX_FILE : "",
                r->baseline.trained ? "  baseline.safetensors" : "");
    sn_text_add(out, "%-8s   epochs.csv  steps.jsonl  log.txt%s\n", "",
                r->searched ? "  table.csv  values.csv" : "");
    if (r->stage[SN_FUNNEL_SHORT].in > 0)
        sn_text_add(out, "%-8s   candidates.csv\n", "");
    sn_text_add(out, "%-8s supernet eval %s\n", "try", r->dir);
    if (r->searched)
        sn_text_add(out, "%-8s supernet derive %s --latency '40 %%'\n", "",
                    r->dir);
}

void sn_result_costs(const struct sn_job_result *r, struct sn_text *out)
{
    const struct sn_cost *a = &r->net.cost, *b = &r->baseline.cost;
    row(out, "result", "", r->searched ? "derived net" : "this net",
        r->has_baseline ? "baseline" : NULL, "change");
    if (r->net.trained)
        accuracy_row(out, r);
    cost_row(out, r, "predicted latency", sn_text_time, a->seconds, b->seconds);
    add_measured(out, r);
    cost_row(out, r, "weights", sn_text_bytes, a->weights, b->weights);
    cost_row(out, r, "peak activations", sn_text_bytes, a->activations,
             b->activations);
    cost_row(out, r, "multiply-adds", sn_text_count, a->macs, b->macs);
    cost_row(out, r, "parameters", sn_text_count, a->params, b->params);
    add_budget(out, r);
    sn_arch_table(&r->net.arch, out);
}

void sn_result_card(const struct sn_job_result *r, struct sn_text *out)
{
    sn_result_costs(r, out);
    add_stages(out, r);
    add_times(out, r);
    add_files(out, r);
}
