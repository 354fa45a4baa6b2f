/* The nets that a search is held against: what each run is told.
 *
 * Expert, random and scaled nets are given as arch files; the two searches that
 * leave something out are the config's own with other lists, written as
 * overrides: per stage the baseline's depth, expansion and kernel, and the ops
 * as the only choice.  Source of the variants: DESIGN 8 and 10. */

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "job/compare_internal.h"
#include "search/advise.h"

enum { DRAWS = 20000 };

static const double multiplier[SN_COMPARE_MULTIPLIERS] = {0.8, 0.9, 1.0};
static const double width_step = 0.05; /* of V1's multipliers */
static const double near_budget = 0.8; /* least share of it a random net uses */

const char *sn_control_name(sn_control control)
{
    static const char *const names[SN_CONTROLS] = {
        "baseline",  "expert",  "random",  "V1 width",
        "V2 fusion", "V3 both", "searched"};
    return names[control];
}

int sn_control_runs(sn_control control)
{
    return control == SN_CONTROL_RANDOM ? SN_COMPARE_RANDOM
           : control == SN_CONTROL_BOTH ? SN_COMPARE_MULTIPLIERS
                                        : 1;
}

/* ---- nets ---- */

/* A width under a multiplier: w' = max(P, P * floor(w m / P + 0.5)). */
static int scaled(int width, double m, int lanes)
{
    const int w = lanes * (int)floor(width * m / lanes + 0.5);
    return w < lanes ? lanes : w;
}

static void scale(struct sn_arch *arch, double m, int lanes)
{
    arch->stem = scaled(arch->stem, m, lanes);
    for (int is = 0; is < arch->n_stages; is++)
        arch->stage[is].width = scaled(arch->stage[is].width, m, lanes);
}

/* The widest scaled baseline within the budget. */
static bool make_width(struct sn_arch *arch, const struct sn_job_plan *plan,
                       const struct sn_target *target)
{
    const int steps = (int)floor(1.0 / width_step + 0.5);
    for (int i = steps; i > 0; i--) {
        struct sn_cost cost;
        *arch = plan->baseline;
        scale(arch, i * width_step, sn_target_lanes(target));
        sn_arch_cost(&cost, arch, target);
        if (sn_budget_met(&plan->budget, &cost))
            return true;
    }
    return false;
}

/* Uses enough of some budget to be compared at it. */
static bool is_near(const struct sn_budget *b, const struct sn_cost *cost)
{
    for (int i = 0; i < SN_BUDGETS; i++)
        if (sn_cost_of(cost, (sn_budget_kind)i) >= near_budget * b->limit[i])
            return true;
    return false;
}

/* Draws options until the net is within the budget and near it; where chance
 * finds none, random values are derived from. */
static sn_status make_random(struct sn_arch *arch, int number, uint64_t seed,
                             const struct sn_job_plan *plan,
                             const struct sn_target *target,
                             struct sn_error *err)
{
    const struct sn_rng rng = sn_rng_make(seed, SN_RNG_SAMPLE);
    const struct sn_decisions *d = &plan->decisions;
    int choice[SN_MAX_DECISIONS];
    double value[SN_MAX_OPTIONS];
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        struct sn_cost cost;
        for (int id = 0; id < d->count; id++)
            choice[id] = (int)sn_rng_below(rng, (uint32_t)number, (uint32_t)id,
                                           draw, (uint32_t)d->item[id].n);
        sn_arch_choose(arch, &plan->space, d, choice);
        sn_arch_cost(&cost, arch, target);
        if (sn_arch_in_space(arch, &plan->space, NULL) == SN_OK &&
            sn_budget_met(&plan->budget, &cost) &&
            is_near(&plan->budget, &cost))
            return SN_OK;
    }
    for (int io = 0; io < d->total; io++)
        value[io] = sn_rng_normal(rng, (uint32_t)number, SN_MAX_DECISIONS,
                                  (uint64_t)io);
    return sn_frames_derive(arch, &plan->frames, d, value, &plan->budget, NULL,
                            err);
}

/* The first budget there is: what the expert looks at. */
static sn_budget_kind first_kind(const struct sn_budget *b)
{
    int i = 0;
    while (!sn_budget_has(b, (sn_budget_kind)i))
        i++;
    return (sn_budget_kind)i;
}

static sn_status make_expert(struct sn_arch *arch,
                             const struct sn_job_plan *plan,
                             const struct sn_target *target, bool *possible,
                             struct sn_error *err)
{
    struct sn_cost cost;
    *arch = plan->baseline;
    SN_TRY(sn_expert(arch, target,
                     1U << SN_EDIT_FUSE | 1U << SN_EDIT_UNFUSE |
                         1U << SN_EDIT_ROUND | 1U << SN_EDIT_NARROW |
                         1U << SN_EDIT_DROP,
                     first_kind(&plan->budget), &plan->budget, NULL, err));
    sn_arch_cost(&cost, arch, target);
    *possible = sn_budget_met(&plan->budget, &cost);
    return SN_OK;
}

/* ---- searches that leave something out ---- */

/* The baseline's stage, with its ops alone to be chosen. */
static void add_fusion(struct sn_text *t, const struct sn_arch *base, int is,
                       double m, int lanes)
{
    const struct sn_arch_stage *s = &base->stage[is];
    const struct sn_block *b = &s->block[0];
    const int n = is + 1,
              width = m < 1.0 ? scaled(s->width, m, lanes) : s->width;
    const bool fixed = b->op == SN_OP_CONV || (b->op == SN_OP_IBN && b->e == 1);
    const bool fused = b->op == SN_OP_FUSED;
    sn_text_add(t, "stage.%d.width=%d\nstage.%d.depth=%d\nstage.%d.stride=%d\n",
                n, width, n, s->depth, n, s->stride);
    sn_text_add(t, "stage.%d.op=%s\n", n,
                fixed   ? sn_block_op_name(b->op)
                : fused ? "ibn, fused*"
                        : "ibn*, fused");
    sn_text_add(t,
                "stage.%d.k=%d\nstage.%d.k_ibn=%d\nstage.%d.k_fused=%d\n"
                "stage.%d.k_conv=%d\n",
                n, b->k, n, b->k, n, b->k, n, b->k);
    if (fused)
        sn_text_add(t, "stage.%d.e_ibn=6\nstage.%d.e_fused=2, %d*\n", n, n,
                    b->e > 2 ? b->e : 4);
    else
        sn_text_add(t, "stage.%d.e_ibn=%d\nstage.%d.e_fused=2, 4*\n", n, b->e,
                    n);
}

static void add_search(struct sn_text *t, const struct sn_job_plan *plan,
                       double m, int lanes)
{
    const int stem = plan->baseline.stem;
    /* one frame, the baseline's, whatever the config searches */
    sn_text_add(t,
                "space.input=%d\nspace.multiplier=1\n"
                "space.output_stride=auto\n",
                plan->baseline.h);
    sn_text_add(t, "space.stem=%d\n", m < 1.0 ? scaled(stem, m, lanes) : stem);
    for (int is = 0; is < plan->baseline.n_stages; is++)
        add_fusion(t, &plan->baseline, is, m, lanes);
}

/* ---- a run ---- */

/* What every run is told: equal training, absolute budgets. */
static void add_common(struct sn_text *t, const struct sn_budget *b,
                       uint64_t seed)
{
    static const struct {
        const char *unit;
        double factor;
    } unit[SN_BUDGETS] = {{"us", 1e6}, {"B", 1}, {"k", 1e-3}, {"B", 1}};
    char x[32];
    sn_text_add(t,
                "run.seed=%llu\ntrain.from=scratch\n"
                "baseline.train=cost-only\n",
                (unsigned long long)seed);
    for (int i = 0; i < SN_BUDGETS; i++)
        if (sn_budget_has(b, (sn_budget_kind)i))
            sn_text_add(t, "budget.%s=%s %s\n",
                        sn_budget_name((sn_budget_kind)i),
                        sn_text_real(x, sizeof x, b->limit[i] * unit[i].factor),
                        unit[i].unit);
}

sn_status sn_control_make(struct sn_control_run *run, sn_control control, int i,
                          uint64_t seed, const struct sn_job_plan *plan,
                          const struct sn_target *target, bool *possible,
                          struct sn_error *err)
{
    static const char *const folder[SN_CONTROLS] = {
        "baseline", "expert", "random", "width", "fusion", "both", "searched"};
    const int lanes = sn_target_lanes(target);
    char number[16] = "";
    *possible = true;
    run->has_arch = true;
    run->overrides = (struct sn_text){0};
    if (sn_control_runs(control) > 1)
        snprintf(number, sizeof number, "-%d", i + 1);
    snprintf(run->name, sizeof run->name, "seed-%llu/%s%s",
             (unsigned long long)seed, folder[control], number);
    add_common(&run->overrides, &plan->budget, seed);
    switch (control) {
    case SN_CONTROL_BASELINE:
        run->arch = plan->baseline;
        return SN_OK;
    case SN_CONTROL_EXPERT:
        return make_expert(&run->arch, plan, target, possible, err);
    case SN_CONTROL_RANDOM:
        return make_random(&run->arch, i, seed, plan, target, err);
    case SN_CONTROL_WIDTH:
        *possible = make_width(&run->arch, plan, target);
        return SN_OK;
    default:
        run->has_arch = false;
        if (control != SN_CONTROL_SEARCHED)
            add_search(&run->overrides, plan,
                       control == SN_CONTROL_BOTH ? multiplier[i] : 1.0, lanes);
        return SN_OK;
    }
}
