/* Where the time of training steps goes; see profile.h. */

#include "nn/profile.h"

#include "base/clock.h"

double sn_profile_start(const struct sn_profile *p)
{
    return p ? sn_clock_seconds() : 0;
}

void sn_profile_add(struct sn_profile *p, sn_part part, double start)
{
    if (!p)
        return;
    p->seconds[part] += sn_clock_seconds() - start;
    p->steps += part == SN_PART_STEP;
}

/* A row; `bwd` below 0: the part has one pass only. */
static void add_row(const struct sn_profile *p, struct sn_text *t,
                    const char *name, double fwd, double bwd)
{
    const double ms = 1e3 / (double)p->steps;
    const double share = (fwd + (bwd > 0 ? bwd : 0)) / p->seconds[SN_PART_STEP];
    if (bwd < 0)
        sn_text_add(t, "%-10s %12.3f %12s %7.1f %%\n", name, ms * fwd, "",
                    100 * share);
    else
        sn_text_add(t, "%-10s %12.3f %12.3f %7.1f %%\n", name, ms * fwd,
                    ms * bwd, 100 * share);
}

void sn_profile_text(const struct sn_profile *p, struct sn_text *t)
{
    if (p->steps == 0 || p->seconds[SN_PART_STEP] <= 0) {
        sn_text_add(t, "no step was taken\n");
        return;
    }
    double left = p->seconds[SN_PART_STEP];
    for (int part = SN_PART_STEP + 1; part < SN_PARTS; part++)
        left -= p->seconds[part];
    sn_text_add(t, "%-10s %12s %12s %9s\n", "part", "fwd ms", "bwd ms",
                "share");
    for (int id = SN_LAYER_INPUT + 1; id < SN_LAYER_KINDS; id++) {
        const double fwd = p->seconds[sn_part_layer((sn_layer_id)id, false)];
        const double bwd = p->seconds[sn_part_layer((sn_layer_id)id, true)];
        if (fwd + bwd > 0)
            add_row(p, t, sn_layer_kinds[id].name, fwd, bwd);
    }
    if (p->seconds[SN_PART_PLAN] > 0)
        add_row(p, t, "plan", p->seconds[SN_PART_PLAN], -1);
    add_row(p, t, "images", p->seconds[SN_PART_IMAGES], -1);
    add_row(p, t, "update", p->seconds[SN_PART_UPDATE], -1);
    add_row(p, t, "other", left > 0 ? left : 0, -1);
    add_row(p, t, "step", p->seconds[SN_PART_STEP], -1);
}
