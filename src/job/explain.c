/* Options of a finished search and what became of them; see explain.h. */

#include "job/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define LOST_SHARE 0.1 /* of an equal share: less, and an option has lost */

/* ---- worths ---- */

static double option_value(const struct sn_finished *s, const double *of,
                           int decision, int i)
{
    return of[s->decisions.item[decision].first + i];
}

static double block_value(const struct sn_finished *s, int is, int ib,
                          struct sn_block b)
{
    const struct sn_decisions *d = &s->decisions;
    const struct sn_offer_index at =
        sn_offer_find(&s->space.stage[is].block[ib], b);
    return option_value(s, s->value, d->op[is][ib], at.op) +
           option_value(s, s->value, d->k[is][ib][b.op], at.k) +
           option_value(s, s->value, d->e[is][ib][b.op], at.e);
}

static double block_probability(const struct sn_finished *s, int is, int ib,
                                struct sn_block b)
{
    const struct sn_decisions *d = &s->decisions;
    const struct sn_offer_index at =
        sn_offer_find(&s->space.stage[is].block[ib], b);
    return option_value(s, s->probability, d->op[is][ib], at.op) *
           option_value(s, s->probability, d->k[is][ib][b.op], at.k) *
           option_value(s, s->probability, d->e[is][ib][b.op], at.e);
}

/* Worth of a stage of a net: its depth and its blocks. */
static double stage_worth(const struct sn_finished *s,
                          const struct sn_arch *arch, int is)
{
    const struct sn_stage_space *st = &s->space.stage[is];
    int i = 0;
    while (st->depth[i] != arch->stage[is].depth)
        i++;
    double worth = option_value(s, s->value, s->decisions.depth[is], i);
    for (int ib = 0; ib < arch->stage[is].depth; ib++)
        worth += block_value(s, is, ib, arch->stage[is].block[ib]);
    return worth;
}

/* ---- fates ---- */

/* What becomes of the net when it is `other`, of which e->worth is known. */
static void judge(struct sn_explained *e, const struct sn_finished *s,
                  const struct sn_explanation *x, const struct sn_arch *other)
{
    struct sn_cost cost;
    sn_finished_cost(&cost, s, other);
    e->latency = cost.seconds - x->cost.seconds;
    e->fate = e->worth < 0.0 ? SN_FATE_WORTH : SN_FATE_TIE;
    for (int i = 0; i < SN_BUDGETS && e->worth >= 0.0; i++) {
        const double over =
            sn_cost_of(&cost, (sn_budget_kind)i) - x->budget.limit[i];
        if (over > 0.0) {
            e->fate = SN_FATE_BUDGET;
            e->over = (sn_budget_kind)i;
            e->by = over;
            return;
        }
    }
}

/* The same when it differs in stage e->stage. */
static void compare(struct sn_explained *e, const struct sn_finished *s,
                    const struct sn_explanation *x, const struct sn_arch *other)
{
    e->worth =
        stage_worth(s, other, e->stage) - stage_worth(s, &x->arch, e->stage);
    judge(e, s, x, other);
}

/* ---- what makes the frame ---- */

/* Option i of a decision, in the place of the net's own. */
static void explain_frame(struct sn_explanation *x, const struct sn_finished *s,
                          int id, int i, int *choice)
{
    const struct sn_decision *d = &s->decisions.item[id];
    const int own = choice[id];
    struct sn_arch other = x->arch;
    struct sn_frame_dims dims;
    char option[SN_FRAME_OPTION];
    struct sn_explained *e = &x->item[x->n++];
    *e = (struct sn_explained){.stage = d->stage, .block = -2};
    snprintf(e->frame, sizeof e->frame, "%s %s", sn_frame_word(d->kind),
             sn_frame_option(option, &s->space, d, i));
    e->probability = option_value(s, s->probability, id, i);
    e->value = option_value(s, s->value, id, i);
    e->worth = e->value - option_value(s, s->value, id, own);
    choice[id] = i;
    sn_frame_dims(&dims, &s->space,
                  sn_frame_of(&s->space, &s->decisions, choice));
    choice[id] = own;
    sn_arch_settle(&other, &dims);
    if (i == own)
        e->fate = SN_FATE_CHOSEN;
    else
        judge(e, s, x, &other);
    sn_finished_cost(&e->cost, s, &other);
}

static void explain_frames(struct sn_explanation *x,
                           const struct sn_finished *s)
{
    const struct sn_decisions *d = &s->decisions;
    int choice[SN_MAX_DECISIONS];
    sn_frame_choose(&s->space, d, sn_arch_frame(&x->arch, &s->space), choice);
    for (int id = d->frame; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            explain_frame(x, s, id, i, choice);
}

/* ---- stages and blocks ---- */

/* The best option of a block that the net does not have, by worth. */
static struct sn_block best_block(const struct sn_finished *s, int is, int ib)
{
    const struct sn_block_space *b = &s->space.stage[is].block[ib];
    struct sn_block best = {0};
    double most = -INFINITY;
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        for (int j = 0; j < of->n_k * of->n_e; j++) {
            const struct sn_block at = {b->op[i], of->k[j / of->n_e],
                                        of->e[j % of->n_e]};
            const double worth = block_value(s, is, ib, at);
            if (worth > most) {
                most = worth;
                best = at;
            }
        }
    }
    return best;
}

static void explain_depth(struct sn_explanation *x, const struct sn_finished *s,
                          int is, int i)
{
    struct sn_arch other = x->arch;
    struct sn_arch_stage *a = &other.stage[is];
    const int depth = s->space.stage[is].depth[i];
    struct sn_explained *e = &x->item[x->n++];
    *e = (struct sn_explained){.stage = is, .block = -1, .depth = depth};
    e->probability = option_value(s, s->probability, s->decisions.depth[is], i);
    e->value = option_value(s, s->value, s->decisions.depth[is], i);
    for (int ib = a->depth; ib < depth; ib++)
        a->block[ib] = best_block(s, is, ib);
    a->depth = depth;
    if (depth == x->arch.stage[is].depth)
        e->fate = SN_FATE_CHOSEN;
    else
        compare(e, s, x, &other);
    sn_finished_cost(&e->cost, s, &other);
}

static void explain_option(struct sn_explanation *x,
                           const struct sn_finished *s, int is, int ib,
                           struct sn_block b)
{
    struct sn_arch other = x->arch;
    const struct sn_arch_stage *a = &x->arch.stage[is];
    const struct sn_offer_index at =
        sn_offer_find(&s->space.stage[is].block[ib], b);
    struct sn_explained *e = &x->item[x->n++];
    *e = (struct sn_explained){.stage = is, .block = ib, .option = b};
    e->probability = block_probability(s, is, ib, b);
    e->value = block_value(s, is, ib, b);
    e->cost = s->table->block[is][ib][b.op][at.k][at.e];
    if (ib >= a->depth) {
        e->fate = SN_FATE_ABSENT;
    } else if (memcmp(&a->block[ib], &b, sizeof b) == 0) {
        e->fate = SN_FATE_CHOSEN;
    } else {
        other.stage[is].block[ib] = b;
        compare(e, s, x, &other);
    }
}

static void explain_stage(struct sn_explanation *x, const struct sn_finished *s,
                          int is)
{
    const struct sn_stage_space *st = &s->space.stage[is];
    for (int i = 0; i < st->n_depth && st->n_depth > 1; i++)
        explain_depth(x, s, is, i);
    for (int ib = 0; ib < sn_space_max_depth(&s->space, is); ib++) {
        const struct sn_block_space *b = &st->block[ib];
        for (int i = 0; i < b->n_op; i++) {
            const struct sn_op_space *of = &b->of[b->op[i]];
            for (int ik = 0; ik < of->n_k; ik++)
                for (int ie = 0; ie < of->n_e; ie++)
                    if (sn_op_offers(of, ik, ie))
                        explain_option(
                            x, s, is, ib,
                            (struct sn_block){b->op[i], of->k[ik], of->e[ie]});
        }
    }
}

static size_t rows_of(const struct sn_space *space)
{
    size_t n = SN_MAX_CHOICES * (3 + SN_MAX_STAGES);
    for (int is = 0; is < space->n_stages; is++) {
        n += (size_t)space->stage[is].n_depth;
        for (int ib = 0; ib < sn_space_max_depth(space, is); ib++)
            for (int i = 0; i < space->stage[is].block[ib].n_op; i++) {
                const struct sn_block_space *b = &space->stage[is].block[ib];
                n += (size_t)(b->of[b->op[i]].n_k * b->of[b->op[i]].n_e);
            }
    }
    return n;
}

static sn_status explain(struct sn_explanation *x, struct sn_finished *s,
                         const char *run, struct sn_error *err)
{
    SN_TRY(sn_finished_open(s, run, err));
    const size_t rows = rows_of(&s->space);
    SN_CHECK(rows > 0);
    x->item = calloc(rows, sizeof *x->item);
    if (!x->item)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu options", rows);
    x->arch = s->found;
    sn_finished_cost(&x->cost, s, &x->arch);
    sn_budget_make(&x->budget, &s->config.budget, &s->baseline_cost);
    explain_frames(x, s);
    for (int is = 0; is < s->space.n_stages; is++)
        explain_stage(x, s, is);
    return SN_OK;
}

sn_status sn_explain(struct sn_explanation *x, const char *run,
                     struct sn_error *err)
{
    struct sn_finished *s = calloc(1, sizeof *s);
    *x = (struct sn_explanation){0};
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    const sn_status rc = explain(x, s, run, err);
    sn_finished_release(s);
    free(s);
    if (rc != SN_OK)
        sn_explanation_release(x);
    return rc;
}

void sn_explanation_release(struct sn_explanation *x)
{
    free(x->item);
    *x = (struct sn_explanation){0};
}

/* ---- rules ---- */

/* The rule of the block whose rows are item[0 .. n). */
static void add_rule(struct sn_text *t, const struct sn_explained *item, int n)
{
    int lost = 0, chosen = -1;
    char block[SN_BLOCK_TEXT];
    struct sn_text list = {0};
    for (int i = 0; i < n; i++) {
        const struct sn_explained *e = &item[i];
        if (e->fate == SN_FATE_CHOSEN)
            chosen = i;
        if (e->fate == SN_FATE_CHOSEN || e->probability * n >= LOST_SHARE)
            continue;
        sn_text_add(&list, "%s%s", lost++ ? ", " : "",
                    sn_block_text(block, e->option));
    }
    if (lost > 0 && lost < n)
        sn_text_add(t, "\n[stage.%d.block.%d]\n", item->stage + 1,
                    item->block + 1);
    if (lost > 0 && lost == n - 1 && chosen >= 0)
        sn_text_add(t, "pin = %s\n", sn_block_text(block, item[chosen].option));
    else if (lost > 0 && lost < n)
        sn_text_add(t, "forbid = %s\n", list.data ? list.data : "");
    t->failed = t->failed || list.failed;
    sn_text_release(&list);
}

char *sn_explanation_rules(const struct sn_explanation *x, const char *run)
{
    struct sn_text t = {0};
    sn_text_add(&t,
                "# Rules learnt in %s: options that fell below a tenth of an\n"
                "# equal share.  To be put behind the sections of a config.\n",
                run);
    for (int i = 0; i < x->n;) {
        int n = 1;
        while (i + n < x->n && x->item[i + n].stage == x->item[i].stage &&
               x->item[i + n].block == x->item[i].block)
            n++;
        if (x->item[i].block >= 0)
            add_rule(&t, &x->item[i], n);
        i += n;
    }
    return sn_text_take(&t);
}
