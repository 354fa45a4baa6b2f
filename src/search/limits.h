#ifndef SN_SEARCH_LIMITS_H
#define SN_SEARCH_LIMITS_H

/* Budgets: what a net may cost, any subset of four kinds.
 *
 * The first three add up over a net's operators, peak activations join by
 * maximum; so a budget for these removes options, one by one, and only the
 * others couple the blocks. */

#include "base/option.h"
#include "target/operator.h"

typedef enum {
    SN_BUDGET_LATENCY,     /* seconds */
    SN_BUDGET_WEIGHTS,     /* bytes */
    SN_BUDGET_MACS,        /* multiply-adds */
    SN_BUDGET_ACTIVATIONS, /* bytes, peak */
    SN_BUDGETS,
    SN_BUDGETS_ADDED = SN_BUDGET_ACTIVATIONS /* kinds that add up */
} sn_budget_kind;

struct sn_budget {
    double limit[SN_BUDGETS]; /* INFINITY: none of this kind */
};

/* Section [budget]. */
struct sn_budget_options {
    struct sn_quantity limit[SN_BUDGETS]; /* or shares of the baseline's */
};

extern const struct sn_option_table sn_budget_options;

/* No budget at all. */
extern const struct sn_budget sn_budget_none;

/* Reads one budget as it stands on a command line, `--latency` and so on.
 * SN_ERR_CONFIG. */
sn_status sn_budget_option_read(struct sn_budget_options *o,
                                sn_budget_kind kind, const char *text,
                                struct sn_error *err);

/* The limits in base units; shares are of the baseline's costs. */
void sn_budget_make(struct sn_budget *b, const struct sn_budget_options *o,
                    const struct sn_cost *baseline);

/* Whether there is a limit of this kind; of any. */
bool sn_budget_has(const struct sn_budget *b, sn_budget_kind kind);
bool sn_budget_any(const struct sn_budget *b);

/* What a cost is in this kind. */
double sn_cost_of(const struct sn_cost *cost, sn_budget_kind kind);

/* Whether a cost is within all limits. */
bool sn_budget_met(const struct sn_budget *b, const struct sn_cost *cost);

/* `latency`, `weights`, `macs`, `activations`: the keys of [budget]. */
const char *sn_budget_name(sn_budget_kind kind);

/* A value of this kind for people, three digits and a unit; 24 bytes hold it.
 * Returns buf. */
const char *sn_budget_text(char *buf, size_t size, sn_budget_kind kind,
                           double value);

/* The same with the digits that tell two neighbours apart: `57.8421 us`,
 * `65536 B`, `4020000 MACs`. */
const char *sn_budget_exact(char *buf, size_t size, sn_budget_kind kind,
                            double value);

#endif
