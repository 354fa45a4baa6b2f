#ifndef SN_JOB_EXPLAIN_H
#define SN_JOB_EXPLAIN_H

/* Why a search chose what it chose: every option beside the one that was
 * taken, with what the net would be worth and cost had it been taken instead,
 * all else as it is. */

#include "job/finished.h"

typedef enum {
    SN_FATE_CHOSEN,
    SN_FATE_ABSENT, /* the stage ends before this block */
    SN_FATE_WORTH,  /* the net would be worth less */
    SN_FATE_BUDGET, /* it would be worth more, and over a budget */
    SN_FATE_TIE     /* worth as much (or, with several budgets, within the
                     * derivation's gap), and not cheaper or not listed first */
} sn_fate;

enum { SN_EXPLAINED_FRAME = 32 };
struct sn_explained {
    int stage, block; /* from 0; block -1: a depth, -2: what makes the frame,
                       * with stage -1 that of the whole net */
    int depth;        /* of a depth */
    char frame[SN_EXPLAINED_FRAME]; /* `multiplier 0.8` */
    struct sn_block option;         /* of a block: op, kernel, expansion */
    double probability;             /* at the end of the search */
    double value;        /* its worth; a block's are its op's, kernel's and
                          * expansion's added up */
    struct sn_cost cost; /* its own; of a depth the blocks it adds or drops */
    sn_fate fate;
    double worth, latency; /* what taking it would add to the net's, 0 for
                            * what is chosen or absent */
    sn_budget_kind over;   /* SN_FATE_BUDGET: the first budget exceeded */
    double by;             /* and by how much */
};

struct sn_explanation {
    int n;
    struct sn_explained *item; /* [n] owned: what makes the frame, then stage by
                                * stage, the depths first */
    struct sn_arch arch;       /* the net that was chosen */
    struct sn_cost cost;
    struct sn_budget budget;
};

/* SN_ERR_INPUT as sn_finished_open(), SN_ERR_MEMORY. */
sn_status sn_explain(struct sn_explanation *x, const char *run,
                     struct sn_error *err);
void sn_explanation_release(struct sn_explanation *x);

/* What was learnt, as sections that can follow those of a config: per block
 * `forbid` for options that fell below a tenth of an equal share and were not
 * chosen, `pin` where only the chosen one is left.  Caller frees; NULL when
 * memory is short. */
char *sn_explanation_rules(const struct sn_explanation *x, const char *run);

#endif
