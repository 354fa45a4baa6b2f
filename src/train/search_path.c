/* mode = single-path: every step trains or asks one sampled subnet
 * (search/path.h, search/probe.h).  Its layers are listed and planned anew each
 * step, in memory that the largest step has taken; only the values it reads are
 * cleared and updated. */

#include <stdlib.h>
#include <string.h>

#include "search/path.h"
#include "train/train_internal.h"

struct own {
    struct sn_path c;
    struct sn_path_odds odds;
    long odds_of; /* the architecture step they were made for; -1: none */
    int choice[SN_MAX_DECISIONS];
    struct sn_probe probe[SN_MAX_PROBES];
    double slope[SN_MAX_PROBES]; /* summed over passes */
    struct sn_run *run;          /* [most] owned, as is the next */
    struct sn_sgd_group *group;  /* [most] */
};

static void close_mode(struct sn_searcher *s)
{
    struct own *o = s->own;
    if (!o)
        return;
    free(o->run);
    free(o->group);
    free(o);
}

/* No subnet has more runs than the supernet has rows. */
static size_t most_runs(const struct sn_params *p)
{
    size_t rows = 0;
    for (int id = 0; id < p->count; id++)
        rows += (size_t)p->item[id].rows;
    return rows;
}

static sn_status open_mode(struct sn_searcher *s, struct sn_error *err)
{
    const struct sn_search_setup *a = &s->setup;
    const size_t most = most_runs(&a->net->params);
    SN_CHECK(most > 0);
    struct own *o = s->own = calloc(1, sizeof *o);
    if (!o)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    o->run = calloc(most, sizeof *o->run);
    o->group = calloc(most, sizeof *o->group);
    if (!o->run || !o->group)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu rows of weights",
                       most);
    sn_path_init(&o->c, &a->net->space, &a->net->decisions, a->cost, a->target,
                 a->seed);
    if (a->frames)
        sn_path_frames(&o->c, a->frames);
    o->c.total_updates = s->archs;
    o->c.warmup_updates = s->warmup;
    o->odds_of = -1;
    return SN_OK;
}

/* They change with architecture steps alone. */
static void find_odds(struct own *o, const struct sn_search_moment *m)
{
    if (o->odds_of == m->arch)
        return;
    sn_path_odds(&o->c, m->done, m->after, &o->odds);
    o->odds_of = m->arch;
}

/* What the next step clears and updates. */
static void select_runs(struct sn_searcher *s, const struct sn_arch *arch)
{
    struct own *o = s->own;
    struct sn_trainer *t = &s->weights;
    const int n = sn_supernet_runs(s->setup.net, arch, o->run);
    for (int i = 0; i < n; i++)
        o->group[i] = (struct sn_sgd_group){o->run[i].first, o->run[i].count,
                                            t->group[o->run[i].param].decay};
    t->active = o->group;
    t->actives = n;
}

static sn_status prepare(struct sn_searcher *s,
                         const struct sn_search_moment *m, struct sn_error *err)
{
    struct own *o = s->own;
    const struct sn_search_setup *a = &s->setup;
    const double start = sn_profile_start(a->graph->profile);
    struct sn_arch arch;
    find_odds(o, m);
    sn_path_draw(&o->c, &o->odds, m->counter, true, o->choice);
    sn_arch_choose(&arch, &a->net->space, &a->net->decisions, o->choice);
    sn_supernet_build_arch(a->net, a->graph, &arch, a->recipe.group,
                           a->recipe.smoothing);
    select_runs(s, &arch);
    SN_TRY(sn_graph_plan(a->graph, true, err));
    sn_profile_add(a->graph->profile, SN_PART_PLAN, start);
    return SN_OK;
}

/* Lists a subnet with its questions; returns how many. */
static sn_status prepare_probed(struct sn_searcher *s,
                                const struct sn_search_moment *m, int *n,
                                struct sn_error *err)
{
    struct own *o = s->own;
    const struct sn_search_setup *a = &s->setup;
    const double start = sn_profile_start(a->graph->profile);
    struct sn_arch arch;
    sn_path_draw(&o->c, &o->odds, m->counter, false, o->choice);
    *n = sn_path_ask(&o->c, o->choice, m->counter, o->probe);
    sn_arch_choose(&arch, &a->net->space, &a->net->decisions, o->choice);
    sn_supernet_build_probed(a->net, a->graph, o->choice, o->probe, *n,
                             a->recipe.group, a->recipe.smoothing);
    select_runs(s, &arch);
    SN_TRY(sn_graph_plan(a->graph, true, err));
    sn_profile_add(a->graph->profile, SN_PART_PLAN, start);
    return SN_OK;
}

/* The loss of the same images in another frame, forward alone, less the step's.
 */
static sn_status flip(struct sn_searcher *s, const struct sn_search_moment *m,
                      const struct sn_step_report *r, int *n,
                      struct sn_error *err)
{
    struct own *o = s->own;
    const struct sn_search_setup *a = &s->setup;
    struct sn_probe *p = &o->probe[*n];
    struct sn_step_report there = {.step = r->step};
    int other[SN_MAX_DECISIONS];
    struct sn_arch arch;
    if (!sn_path_flip(&o->c, o->choice, m->counter, p, other))
        return SN_OK;
    sn_arch_choose(&arch, &a->net->space, &a->net->decisions, other);
    sn_supernet_build_arch(a->net, a->graph, &arch, a->recipe.group,
                           a->recipe.smoothing);
    SN_TRY(sn_graph_plan(a->graph, true, err));
    for (int ip = 0; ip < s->weights.passes; ip++)
        SN_TRY(sn_searcher_forward(s, m->arch, ip, &there, err));
    p->slope = there.arch_loss - r->arch_loss;
    ++*n;
    return SN_OK;
}

/* Slopes are those of the whole batch: a branch's are added up over the passes,
 * what is read from gradients is that already. */
static sn_status arch_step(struct sn_searcher *s,
                           const struct sn_search_moment *m,
                           struct sn_step_report *r, struct sn_error *err)
{
    struct own *o = s->own;
    int n;
    SN_TRY(prepare_probed(s, m, &n, err));
    sn_trainer_clear(&s->weights);
    memset(o->slope, 0, sizeof o->slope);
    for (int ip = 0; ip < s->weights.passes; ip++) {
        SN_TRY(sn_searcher_forward(s, m->arch, ip, r, err));
        sn_graph_bwd(s->setup.graph);
        for (int i = 0; i < n; i++)
            o->slope[i] += o->probe[i].slope;
    }
    for (int i = 0; i < n; i++)
        o->probe[i].slope = o->slope[i];
    sn_supernet_read_probes(s->setup.net, o->choice, o->probe, n);
    SN_TRY(flip(s, m, r, &n, err));
    sn_path_update(&o->c, o->probe, n, o->odds.p, m->frozen);
    return SN_OK;
}

static void report(struct sn_searcher *s, const struct sn_search_moment *m,
                   struct sn_step_report *r)
{
    struct own *o = s->own;
    int choice[SN_MAX_DECISIONS];
    (void)m;
    r->expected = o->odds.expected;
    r->argmax = sn_path_argmax(&o->c, o->odds.p, choice);
    r->multiplier_name = "mu";
    r->multiplier = o->odds.mu;
}

static void arrays(struct sn_searcher *s, struct sn_search_arrays *out)
{
    struct sn_path_state *p = &((struct own *)s->own)->c.state;
    const int n = s->setup.net->decisions.total;
    *out =
        (struct sn_search_arrays){8,
                                  {{"path.logit", p->logit, n},
                                   {"path.on_sum", p->on_sum, n},
                                   {"path.on_count", p->on_count, n},
                                   {"path.off_sum", p->off_sum, n},
                                   {"path.off_count", p->off_count, n},
                                   {"path.spread_sum", &p->spread_sum, 1},
                                   {"path.spread_count", &p->spread_count, 1},
                                   {"path.updates", &p->updates, 1}}};
}

static void values(const struct sn_searcher *s, double *p, double *value)
{
    const struct own *o = s->own;
    sn_path_end(&o->c, p);
    sn_path_values(&o->c, p, value);
}

const struct sn_search_mode sn_search_path = {.name = "single-path",
                                              .list = sn_supernet_build_most,
                                              .open = open_mode,
                                              .close = close_mode,
                                              .prepare = prepare,
                                              .arch_step = arch_step,
                                              .report = report,
                                              .arrays = arrays,
                                              .values = values};
