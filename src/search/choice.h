#ifndef SN_SEARCH_CHOICE_H
#define SN_SEARCH_CHOICE_H

/* A net as an array of options: choice[id] is the option (0-based) of decision
 * id.  Decisions that the net does not meet (blocks behind its depth, sizes of
 * an op it does not have) say nothing; `settled` choices have 0 there, so that
 * equal nets are equal arrays. */

#include "base/rng.h"
#include "search/derive.h"
#include "search/probe.h"

/* Sets what the net does not meet to 0. */
void sn_choice_settle(const struct sn_space *space,
                      const struct sn_decisions *d, int *choice);

/* Whether each block may have its kernel together with its expansion. */
bool sn_choice_offered(const struct sn_space *space,
                       const struct sn_decisions *d, const int *choice);

/* What the net costs by the table: seconds are the derivation's very sum. */
void sn_choice_cost(struct sn_cost *cost, const struct sn_cost_table *t,
                    const struct sn_space *space, const struct sn_decisions *d,
                    const int *choice);

/* The settled choice of an arch of the space. */
void sn_choice_of_arch(int *choice, const struct sn_space *space,
                       const struct sn_decisions *d,
                       const struct sn_arch *arch);

bool sn_choice_equal(const struct sn_decisions *d, const int *a, const int *b);

/* Every option with equal chance: draw `draw` of row `item` of the stream; not
 * settled, may be one that is not offered. */
void sn_choice_draw(const struct sn_decisions *d, struct sn_rng rng,
                    uint32_t item, uint64_t draw, int *choice);

/* Option i of decision id as a pattern of narrow.h: `d2`, `fused`, `ibn k5`,
 * `ibn e6`; and where such a rule would stand: `stage.2`, `stage.2.block.1`.
 * Each returns buf. */
enum { SN_OPTION_TEXT = 48 };
const char *sn_option_pattern(char buf[SN_OPTION_TEXT],
                              const struct sn_space *space,
                              const struct sn_decision *x, int i);
const char *sn_option_place(char buf[SN_OPTION_TEXT],
                            const struct sn_decision *x);

/* What random nets are drawn from. */
struct sn_choice_limits {
    const struct sn_space *space; /* borrowed, as are the others */
    const struct sn_decisions *d;
    const struct sn_cost_table *cost;
    const struct sn_budget *budget;
    uint64_t seed;
};

/* Whether the net is offered and within the budget. */
bool sn_choice_within(const struct sn_choice_limits *l, const int *choice);

/* Random net number `item`, settled, within the budget and, where chance finds
 * one, using 70 % of some part of it; where chance finds none at all, the best
 * net under random values of the options.  The same number, the same net.
 * SN_ERR_INFEASIBLE, SN_ERR_MEMORY. */
sn_status sn_choice_random(const struct sn_choice_limits *l, uint32_t item,
                           int *choice, struct sn_error *err);

#endif
