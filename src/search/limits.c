/* Kinds of budgets: their option rows, words and units. */

#include "search/limits.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"

#define LIMIT(kind) offsetof(struct sn_budget_options, limit[kind])

static const struct sn_option rows[] = {
    {.key = "latency",
     .type = SN_OPT_TIME,
     .offset = LIMIT(SN_BUDGET_LATENCY),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .allow_percent = true,
     .unit = "s",
     .help = "predicted latency of the net at most; % of the baseline's"},
    {.key = "weights",
     .type = SN_OPT_SIZE,
     .offset = LIMIT(SN_BUDGET_WEIGHTS),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .allow_percent = true,
     .unit = "B",
     .help = "its folded weights and biases, in the target's bytes, at most"},
    {.key = "macs",
     .type = SN_OPT_AMOUNT,
     .offset = LIMIT(SN_BUDGET_MACS),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .allow_percent = true,
     .unit = "multiply-adds",
     .help = "its multiply-adds at most"},
    {.key = "activations",
     .type = SN_OPT_SIZE,
     .offset = LIMIT(SN_BUDGET_ACTIVATIONS),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .allow_percent = true,
     .unit = "B",
     .help = "its live tensors at the worst moment at most"},
};

const struct sn_option_table sn_budget_options = {
    .section = "budget",
    .help = "what the net may cost; any subset, all of them are met",
    .rows = rows,
    .count = sizeof rows / sizeof *rows};

const struct sn_budget sn_budget_none = {
    .limit = {INFINITY, INFINITY, INFINITY, INFINITY}};

sn_status sn_budget_option_read(struct sn_budget_options *o,
                                sn_budget_kind kind, const char *text,
                                struct sn_error *err)
{
    struct sn_error why;
    if (sn_option_parse(&rows[kind], o, text, NULL, &why) == SN_OK)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG, "--%s: %s", rows[kind].key, why.text);
}

void sn_budget_make(struct sn_budget *b, const struct sn_budget_options *o,
                    const struct sn_cost *baseline)
{
    *b = sn_budget_none;
    for (int i = 0; i < SN_BUDGETS; i++) {
        const struct sn_quantity *q = &o->limit[i];
        const double whole =
            q->percent ? sn_cost_of(baseline, (sn_budget_kind)i) : 1.0;
        if (q->set)
            b->limit[i] = q->value * whole;
    }
}

bool sn_budget_has(const struct sn_budget *b, sn_budget_kind kind)
{
    return b->limit[kind] < (double)INFINITY;
}

bool sn_budget_any(const struct sn_budget *b)
{
    for (int i = 0; i < SN_BUDGETS; i++)
        if (sn_budget_has(b, (sn_budget_kind)i))
            return true;
    return false;
}

double sn_cost_of(const struct sn_cost *cost, sn_budget_kind kind)
{
    switch (kind) {
    case SN_BUDGET_LATENCY:
        return cost->seconds;
    case SN_BUDGET_WEIGHTS:
        return cost->weights;
    case SN_BUDGET_MACS:
        return cost->macs;
    default:
        return cost->activations;
    }
}

bool sn_budget_met(const struct sn_budget *b, const struct sn_cost *cost)
{
    for (int i = 0; i < SN_BUDGETS; i++)
        if (sn_cost_of(cost, (sn_budget_kind)i) > b->limit[i])
            return false;
    return true;
}

const char *sn_budget_name(sn_budget_kind kind)
{
    return rows[kind].key; /* in the order of the kinds */
}

const char *sn_budget_text(char *buf, size_t size, sn_budget_kind kind,
                           double value)
{
    switch (kind) {
    case SN_BUDGET_LATENCY:
        return sn_text_time(buf, size, value);
    case SN_BUDGET_MACS:
        return sn_text_count(buf, size, value);
    default:
        return sn_text_bytes(buf, size, value);
    }
}

const char *sn_budget_exact(char *buf, size_t size, sn_budget_kind kind,
                            double value)
{
    if (kind == SN_BUDGET_LATENCY)
        snprintf(buf, size, "%.6g us", value * 1e6);
    else
        snprintf(buf, size, "%.0f %s", value,
                 kind == SN_BUDGET_MACS ? "MACs" : "B");
    return buf;
}
