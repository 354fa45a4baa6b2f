#ifndef SN_JOB_ADVICE_H
#define SN_JOB_ADVICE_H

/* Advice for a net that lies in a file, or is a config's baseline. */

#include "job/options.h"
#include "search/advise.h"
#include "search/reach.h"

struct sn_advice_request {
    const char *net;    /* an arch text, a model, a run directory, a config */
    const char *target; /* a device's file; NULL: the run's or config's own */
    const struct sn_config_override *over; /* of a config */
    int n_over;
    sn_budget_kind by;              /* what is to be lowered */
    unsigned kinds;                 /* edits that may be taken, see sn_expert */
    const char *budget[SN_BUDGETS]; /* of the edited net, `2 ms` or `50 %` of
                                     * the net's own; NULL: none */
};

struct sn_advice {
    struct sn_arch arch, edited;
    struct sn_target target;   /* owned */
    char reach[SN_REACH_TEXT]; /* what was not measured of `arch`, or "" */
    sn_budget_kind by;
    struct sn_cost before, after; /* of arch, of edited */
    struct sn_edit *edit;         /* [n] owned; each by itself */
    int n, steps;                 /* steps: edits that made `edited` */
};

/* Lists the edits, and edits the net as an expert would.  SN_ERR_CONFIG,
 * SN_ERR_INPUT, SN_ERR_MEMORY, and SN_ERR_INFEASIBLE when the edits do not
 * meet the budget. */
sn_status sn_advice_make(struct sn_advice *a, const struct sn_advice_request *q,
                         struct sn_error *err);
void sn_advice_release(struct sn_advice *a);

#endif
