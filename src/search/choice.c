/* Nets as arrays of options; see choice.h. */

#include "search/choice.h"

#include <stdio.h>
#include <string.h>

enum { DRAWS = 4000 };
static const double near_budget = 0.7; /* least share of it, for half of them */

void sn_choice_settle(const struct sn_space *space,
                      const struct sn_decisions *d, int *choice)
{
    for (int id = 0; id < d->count; id++)
        if (!sn_decision_met(space, d, choice, id))
            choice[id] = 0;
}

/* The op of a block, and what it offers. */
static const struct sn_op_space *op_of(const struct sn_space *space,
                                       const struct sn_decisions *d,
                                       const int *choice, int is, int ib,
                                       sn_block_op *op)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    *op = b->op[choice[d->op[is][ib]]];
    return &b->of[*op];
}

bool sn_choice_offered(const struct sn_space *space,
                       const struct sn_decisions *d, const int *choice)
{
    for (int is = 0; is < space->n_stages; is++)
        for (int ib = 0; ib < space->stage[is].depth[choice[d->depth[is]]];
             ib++) {
            sn_block_op op;
            const struct sn_op_space *of = op_of(space, d, choice, is, ib, &op);
            if (!sn_op_offers(of, choice[d->k[is][ib][op]],
                              choice[d->e[is][ib][op]]))
                return false;
        }
    return true;
}

void sn_choice_cost(struct sn_cost *cost, const struct sn_cost_table *t,
                    const struct sn_space *space, const struct sn_decisions *d,
                    const int *choice)
{
    *cost = t->fixed;
    for (int is = 0; is < space->n_stages; is++)
        for (int ib = 0; ib < space->stage[is].depth[choice[d->depth[is]]];
             ib++) {
            sn_block_op op;
            (void)op_of(space, d, choice, is, ib, &op);
            sn_cost_add(cost, &t->block[is][ib][op][choice[d->k[is][ib][op]]]
                                       [choice[d->e[is][ib][op]]]);
        }
}

static int index_of(const int *list, int n, int value)
{
    for (int i = 0; i < n; i++)
        if (list[i] == value)
            return i;
    SN_CHECK(false); /* an arch of the space has no other */
    return 0;
}

void sn_choice_of_arch(int *choice, const struct sn_space *space,
                       const struct sn_decisions *d, const struct sn_arch *arch)
{
    memset(choice, 0, (size_t)d->count * sizeof *choice);
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        const struct sn_arch_stage *a = &arch->stage[is];
        choice[d->depth[is]] = index_of(s->depth, s->n_depth, a->depth);
        for (int ib = 0; ib < a->depth; ib++) {
            const struct sn_block_space *b = &s->block[ib];
            const struct sn_block at = a->block[ib];
            const struct sn_op_space *of = &b->of[at.op];
            int io = 0;
            while (io < b->n_op && b->op[io] != at.op)
                io++;
            SN_CHECK(io < b->n_op);
            choice[d->op[is][ib]] = io;
            choice[d->k[is][ib][at.op]] = index_of(of->k, of->n_k, at.k);
            choice[d->e[is][ib][at.op]] = index_of(of->e, of->n_e, at.e);
        }
    }
}

bool sn_choice_equal(const struct sn_decisions *d, const int *a, const int *b)
{
    return memcmp(a, b, (size_t)d->count * sizeof *a) == 0;
}

void sn_choice_draw(const struct sn_decisions *d, struct sn_rng rng,
                    uint32_t item, uint64_t draw, int *choice)
{
    for (int id = 0; id < d->count; id++)
        choice[id] = (int)sn_rng_below(rng, item, (uint32_t)id, draw,
                                       (uint32_t)d->item[id].n);
}

const char *sn_option_pattern(char buf[SN_OPTION_TEXT],
                              const struct sn_space *space,
                              const struct sn_decision *x, int i)
{
    const struct sn_stage_space *s = &space->stage[x->stage];
    const char *op = sn_block_op_name(x->op);
    switch (x->kind) {
    case SN_DECIDE_DEPTH:
        snprintf(buf, SN_OPTION_TEXT, "d%d", s->depth[i]);
        break;
    case SN_DECIDE_OP:
        snprintf(buf, SN_OPTION_TEXT, "%s",
                 sn_block_op_name(s->block[x->block].op[i]));
        break;
    case SN_DECIDE_K:
        snprintf(buf, SN_OPTION_TEXT, "%s k%d", op,
                 s->block[x->block].of[x->op].k[i]);
        break;
    case SN_DECIDE_E:
        snprintf(buf, SN_OPTION_TEXT, "%s e%d", op,
                 s->block[x->block].of[x->op].e[i]);
        break;
    default: /* no rule narrows what makes frames */
        SN_CHECK(!"a decision of a stage or block");
        break;
    }
    return buf;
}

const char *sn_option_place(char buf[SN_OPTION_TEXT],
                            const struct sn_decision *x)
{
    if (x->block < 0)
        snprintf(buf, SN_OPTION_TEXT, "stage.%d", x->stage + 1);
    else
        snprintf(buf, SN_OPTION_TEXT, "stage.%d.block.%d", x->stage + 1,
                 x->block + 1);
    return buf;
}

bool sn_choice_within(const struct sn_choice_limits *l, const int *choice)
{
    struct sn_cost cost;
    if (!sn_choice_offered(l->space, l->d, choice))
        return false;
    sn_choice_cost(&cost, l->cost, l->space, l->d, choice);
    return sn_budget_met(l->budget, &cost);
}

/* Uses enough of some budget; where there is none any net does. */
static bool is_near(const struct sn_choice_limits *l, const int *choice)
{
    struct sn_cost cost;
    sn_choice_cost(&cost, l->cost, l->space, l->d, choice);
    for (int i = 0; i < SN_BUDGETS; i++)
        if (sn_cost_of(&cost, (sn_budget_kind)i) >=
            near_budget * l->budget->limit[i])
            return true;
    return !sn_budget_any(l->budget);
}

sn_status sn_choice_random(const struct sn_choice_limits *l, uint32_t item,
                           int *choice, struct sn_error *err)
{
    const struct sn_rng rng = sn_rng_make(l->seed, SN_RNG_CANDIDATE);
    double value[SN_MAX_OPTIONS];
    struct sn_arch arch;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        sn_choice_draw(l->d, rng, item, draw, choice);
        if (sn_choice_within(l, choice) &&
            (draw >= DRAWS / 2 || is_near(l, choice))) {
            sn_choice_settle(l->space, l->d, choice);
            return SN_OK;
        }
    }
    for (int io = 0; io < l->d->total; io++)
        value[io] = sn_rng_normal(rng, item, SN_MAX_DECISIONS, (uint64_t)io);
    SN_TRY(
        sn_derive(&arch, l->space, l->d, l->cost, value, l->budget, NULL, err));
    sn_choice_of_arch(choice, l->space, l->d, &arch);
    return SN_OK;
}
