/* Edits listed, priced, sorted and applied; see advise.h. */

#include "search/advise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "search/derive.h"

enum { UNFUSED_MOST = 6 }; /* expansion an IBN is given for a fused block */

static const char *const names[SN_EDITS] = {"fuse", "unfuse", "conv", "round",
                                            "even", "narrow", "drop"};

const char *sn_edit_name(sn_edit_kind kind)
{
    return names[kind];
}

/* Whether it puts another op into a block. */
static bool turns(const struct sn_edit *e)
{
    return e->kind == SN_EDIT_FUSE || e->kind == SN_EDIT_UNFUSE ||
           e->kind == SN_EDIT_CONV;
}

/* ---- words ---- */

static const char *place_text(char *buf, size_t size, const struct sn_edit *e,
                              const struct sn_arch *arch)
{
    if (e->stage < 0)
        snprintf(buf, size, "stem");
    else if (e->stage == arch->n_stages)
        snprintf(buf, size, "head");
    else if (turns(e))
        snprintf(buf, size, "stage.%d.block.%d", e->stage + 1, e->block + 1);
    else
        snprintf(buf, size, "stage.%d", e->stage + 1);
    return buf;
}

static int width_at(const struct sn_arch *arch, int stage)
{
    if (stage < 0)
        return arch->stem;
    return stage == arch->n_stages ? arch->head : arch->stage[stage].width;
}

const char *sn_edit_text(char buf[SN_EDIT_TEXT], const struct sn_edit *e,
                         const struct sn_arch *arch)
{
    char place[48];
    place_text(place, sizeof place, e, arch);
    if (turns(e)) {
        const struct sn_block *b = &arch->stage[e->stage].block[e->block];
        char from[SN_BLOCK_TEXT], to[SN_BLOCK_TEXT];
        snprintf(buf, SN_EDIT_TEXT, "%-16s %s -> %s", place,
                 sn_block_text(from, *b), sn_block_text(to, e->to));
    } else if (e->kind == SN_EDIT_DROP) {
        const int depth = arch->stage[e->stage].depth;
        snprintf(buf, SN_EDIT_TEXT, "%-16s %d blocks -> %d", place, depth,
                 depth - 1);
    } else {
        snprintf(buf, SN_EDIT_TEXT, "%-16s w%d -> w%d", place,
                 width_at(arch, e->stage), e->width);
    }
    return buf;
}

/* ---- applying ---- */

static void set_width(struct sn_arch *arch, int stage, int width)
{
    if (stage < 0)
        arch->stem = width;
    else if (stage == arch->n_stages)
        arch->head = width;
    else
        arch->stage[stage].width = width;
}

void sn_edit_apply(struct sn_arch *arch, const struct sn_edit *e)
{
    switch (e->kind) {
    case SN_EDIT_FUSE:
    case SN_EDIT_UNFUSE:
    case SN_EDIT_CONV:
        arch->stage[e->stage].block[e->block] = e->to;
        break;
    case SN_EDIT_DROP:
        arch->stage[e->stage].depth--;
        break;
    default:
        set_width(arch, e->stage, e->width);
        break;
    }
}

/* ---- listing ---- */

struct advisor {
    const struct sn_arch *arch;
    const struct sn_target *target;
    sn_budget_kind by;
    struct sn_cost before;
    struct sn_edit *list; /* owned */
    int n, room;
    bool failed; /* memory was short */
};

/* Prices an edit; gives what it gains. */
static double price(const struct advisor *a, struct sn_edit *e)
{
    struct sn_arch edited = *a->arch;
    sn_edit_apply(&edited, e);
    sn_arch_cost(&e->after, &edited, a->target);
    if (isnan(e->after.seconds))
        return 0.0; /* of what the device has nothing */
    return sn_cost_of(&a->before, a->by) - sn_cost_of(&e->after, a->by);
}

static void add(struct advisor *a, const struct sn_edit *e)
{
    if (a->n == a->room) {
        const int room = a->room ? 2 * a->room : 64;
        struct sn_edit *grown = realloc(a->list, (size_t)room * sizeof *grown);
        a->failed = a->failed || !grown;
        if (!grown)
            return;
        a->list = grown;
        a->room = room;
    }
    a->list[a->n++] = *e;
}

static bool add_gaining(struct advisor *a, struct sn_edit e)
{
    const bool gains = price(a, &e) > 0.0;
    if (gains)
        add(a, &e);
    return gains;
}

/* To another op, with the largest expansion from `most` down that gains. */
static void add_turn(struct advisor *a, struct sn_edit e, int most)
{
    for (e.to.e = most; e.to.e >= 2; e.to.e--)
        if (add_gaining(a, e))
            return;
}

static void add_turns(struct advisor *a, int is, int ib)
{
    const struct sn_block *b = &a->arch->stage[is].block[ib];
    const int most =
        b->op != SN_OP_IBN && b->e < UNFUSED_MOST ? UNFUSED_MOST : b->e;
    struct sn_edit e = {.stage = is, .block = ib, .to = {.k = b->k}};
    if (b->op == SN_OP_IBN) {
        e.kind = SN_EDIT_FUSE;
        e.to.op = SN_OP_FUSED;
    } else {
        e.kind = SN_EDIT_UNFUSE;
        e.to.op = SN_OP_IBN;
    }
    add_turn(a, e, most);
    if (b->op == SN_OP_CONV)
        return;
    e.kind = SN_EDIT_CONV;
    e.to = (struct sn_block){SN_OP_CONV, b->k, 1};
    (void)add_gaining(a, e);
}

/* Both multiples of the lanes beside a width, where it is none; the upper one
 * also where it costs nothing. */
static void add_round(struct advisor *a, int stage, int lanes)
{
    const int width = width_at(a->arch, stage);
    struct sn_edit e = {.kind = SN_EDIT_ROUND, .stage = stage};
    if (width % lanes == 0)
        return;
    e.width = width / lanes * lanes;
    if (e.width > 0)
        (void)add_gaining(a, e);
    e.width += lanes;
    if (e.width <= SN_MAX_WIDTH && price(a, &e) >= 0.0)
        add(a, &e);
}

static void add_even(struct advisor *a, int is, int lanes)
{
    const int mean =
        (width_at(a->arch, is - 1) + a->arch->stage[is + 1].width) / 2;
    struct sn_edit e = {.kind = SN_EDIT_EVEN, .stage = is};
    e.width = (mean + lanes / 2) / lanes * lanes;
    if (e.width > 0 && e.width != a->arch->stage[is].width)
        (void)add_gaining(a, e);
}

static void add_stage(struct advisor *a, int is, int lanes)
{
    const struct sn_arch_stage *s = &a->arch->stage[is];
    for (int ib = 0; ib < s->depth; ib++)
        add_turns(a, is, ib);
    add_round(a, is, lanes);
    if (is + 1 < a->arch->n_stages)
        add_even(a, is, lanes);
    if (s->width > lanes)
        (void)add_gaining(a, (struct sn_edit){.kind = SN_EDIT_NARROW,
                                              .stage = is,
                                              .width = s->width - lanes});
    if (s->depth > 1)
        (void)add_gaining(a,
                          (struct sn_edit){.kind = SN_EDIT_DROP, .stage = is});
}

static int by_gain(const void *x, const void *y, sn_budget_kind by)
{
    const struct sn_edit *a = x, *b = y;
    const double ca = sn_cost_of(&a->after, by), cb = sn_cost_of(&b->after, by);
    return (ca > cb) - (ca < cb);
}

/* Insertion sort: stable, so that ties stay in the order of the net. */
static void sort(struct advisor *a)
{
    for (int i = 1; i < a->n; i++) {
        const struct sn_edit e = a->list[i];
        int at = i;
        for (; at > 0 && by_gain(&a->list[at - 1], &e, a->by) > 0; at--)
            a->list[at] = a->list[at - 1];
        a->list[at] = e;
    }
}

sn_status sn_advise(struct sn_edit **edits, int *n, const struct sn_arch *arch,
                    const struct sn_target *target, sn_budget_kind by,
                    struct sn_error *err)
{
    const int lanes = sn_target_lanes(target);
    struct advisor a = {.arch = arch, .target = target, .by = by};
    sn_arch_cost(&a.before, arch, target);
    add_round(&a, -1, lanes);
    for (int is = 0; is < arch->n_stages; is++)
        add_stage(&a, is, lanes);
    if (arch->head)
        add_round(&a, arch->n_stages, lanes);
    if (a.failed) {
        free(a.list);
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d edits", a.room);
    }
    sort(&a);
    *edits = a.list;
    *n = a.n;
    return SN_OK;
}

/* ---- an expert ---- */

static bool takes_away(const struct sn_edit *e)
{
    return e->kind == SN_EDIT_NARROW || e->kind == SN_EDIT_EVEN ||
           e->kind == SN_EDIT_DROP || e->kind == SN_EDIT_CONV;
}

/* The edit to take next, or NULL. */
static const struct sn_edit *choose(const struct sn_edit *list, int n,
                                    const struct sn_cost *before,
                                    unsigned kinds, sn_budget_kind by, bool met)
{
    const struct sn_edit *best = NULL;
    double rate = 0.0;
    for (int i = 0; i < n; i++) {
        const struct sn_edit *e = &list[i];
        const double gain = sn_cost_of(before, by) - sn_cost_of(&e->after, by);
        if (!(kinds >> e->kind & 1U) || !(gain > 0.0))
            continue;
        if (!takes_away(e))
            return e; /* they are sorted */
        const double lost = before->macs - e->after.macs;
        const double here = gain / (lost > 1.0 ? lost : 1.0);
        if (!met && here > rate) {
            rate = here;
            best = e;
        }
    }
    return best;
}

sn_status sn_expert(struct sn_arch *arch, const struct sn_target *target,
                    unsigned kinds, sn_budget_kind by,
                    const struct sn_budget *budget, int *steps,
                    struct sn_error *err)
{
    int taken = 0;
    for (;; taken++) {
        struct sn_edit *list;
        struct sn_cost before;
        int n;
        sn_arch_cost(&before, arch, target);
        SN_TRY(sn_advise(&list, &n, arch, target, by, err));
        const struct sn_edit *next =
            choose(list, n, &before, kinds, by, sn_budget_met(budget, &before));
        if (next)
            sn_edit_apply(arch, next);
        free(list);
        if (!next)
            break;
    }
    if (steps)
        *steps = taken;
    return SN_OK;
}
