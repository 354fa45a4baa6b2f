/* mode = oneshot: no logits; all subnets are trained alike, and compared when
 * that is over (search/evolve.h).
 *
 *   sandwich   every step trains the largest subnet, the smallest and some
 *              random ones, and follows their mean gradient (Yu and Huang,
 *              "Universally Slimmable Networks", ICCV 2019)
 *   uniform    every step trains one random subnet, every fourth time the
 *              largest (Guo et al., ECCV 2020; METHOD 1.8)
 *
 * The subnets of a sandwich have the ops that were drawn for its step, so that
 * the largest holds all weights that the others touch.  What a step is made of
 * is a function of its number: nothing is kept from step to step. */

#include <math.h>
#include <stdlib.h>

#include "search/choice.h"
#include "train/train_internal.h"

static const double largest_share = 0.25; /* of uniform steps */

struct own {
    uint32_t counter;           /* of the step at hand */
    int ops[SN_MAX_DECISIONS];  /* drawn for it; other kinds: 0 */
    double expected;            /* latency of a random net */
    struct sn_run *run;         /* [most] owned, as is the next */
    struct sn_sgd_group *group; /* [most] */
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

/* E[LAT] of even chances: what stands beside every step. */
static double mean_latency(const struct sn_search_setup *a)
{
    const struct sn_decisions *d = &a->net->decisions;
    double p[SN_MAX_OPTIONS];
    for (int id = 0; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            p[d->item[id].first + i] = 1.0 / d->item[id].n;
    return sn_expected_latency(a->cost, &a->net->space, d, p, NULL);
}

static sn_status open_mode(struct sn_searcher *s, struct sn_error *err)
{
    const struct sn_params *p = &s->setup.net->params;
    size_t most = 0; /* no subnet has more runs than the supernet has rows */
    for (int id = 0; id < p->count; id++)
        most += (size_t)p->item[id].rows;
    struct own *o = s->own = calloc(1, sizeof *o);
    if (!o)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    o->run = calloc(most + 1, sizeof *o->run);
    o->group = calloc(most + 1, sizeof *o->group);
    if (!o->run || !o->group)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu rows of weights",
                       most);
    o->expected = mean_latency(&s->setup);
    return SN_OK;
}

/* ---- the subnets of a step ---- */

enum subnet { LARGEST, SMALLEST, RANDOM };

/* Sizes of a subnet with the step's ops; `number` tells random ones apart. */
static void make_choice(const struct sn_searcher *s, enum subnet kind,
                        int number, int *choice)
{
    const struct own *o = s->own;
    const struct sn_decisions *d = &s->setup.net->decisions;
    const struct sn_rng rng = sn_rng_make(s->setup.seed, SN_RNG_SAMPLE);
    sn_choice_draw(d, rng, o->counter, (uint64_t)number + 1, choice);
    for (int id = 0; id < d->count; id++)
        if (d->item[id].kind == SN_DECIDE_OP)
            choice[id] = o->ops[id];
        else if (kind != RANDOM)
            choice[id] = kind == LARGEST ? d->item[id].n - 1 : 0;
}

static sn_status build(struct sn_searcher *s, const int *choice,
                       struct sn_error *err)
{
    const struct sn_search_setup *a = &s->setup;
    struct sn_arch arch;
    sn_arch_choose(&arch, &a->net->space, &a->net->decisions, choice);
    sn_supernet_build_arch(a->net, a->graph, &arch, a->recipe.group,
                           a->recipe.smoothing);
    return sn_graph_plan(a->graph, true, err);
}

/* What the step clears and updates: all that a subnet touches. */
static void select_runs(struct sn_searcher *s, const int *choice)
{
    struct own *o = s->own;
    const struct sn_supernet *net = s->setup.net;
    struct sn_trainer *t = &s->weights;
    struct sn_arch arch;
    sn_arch_choose(&arch, &net->space, &net->decisions, choice);
    const int n = sn_supernet_runs(net, &arch, o->run);
    for (int i = 0; i < n; i++)
        o->group[i] = (struct sn_sgd_group){o->run[i].first, o->run[i].count,
                                            t->group[o->run[i].param].decay};
    t->active = o->group;
    t->actives = n;
}

/* The trainer asks for the subnet of a round. */
static sn_status next_round(void *ctx, int round, struct sn_error *err)
{
    struct sn_searcher *s = ctx;
    const double start = sn_profile_start(s->setup.graph->profile);
    int choice[SN_MAX_DECISIONS];
    make_choice(s,
                round == 0   ? LARGEST
                : round == 1 ? SMALLEST
                             : RANDOM,
                round, choice);
    SN_TRY(build(s, choice, err));
    sn_profile_add(s->setup.graph->profile, SN_PART_PLAN, start);
    return SN_OK;
}

static sn_status prepare(struct sn_searcher *s,
                         const struct sn_search_moment *m, struct sn_error *err)
{
    struct own *o = s->own;
    struct sn_trainer *t = &s->weights;
    const struct sn_decisions *d = &s->setup.net->decisions;
    const struct sn_rng rng = sn_rng_make(s->setup.seed, SN_RNG_SAMPLE);
    int choice[SN_MAX_DECISIONS];
    o->counter = m->counter;
    sn_choice_draw(d, rng, o->counter, 0, o->ops);
    if (s->setup.options->sampling == SN_SAMPLE_SANDWICH) {
        t->rounds = 2 + s->setup.options->subnets;
        t->next = next_round;
        t->next_ctx = s;
        make_choice(s, LARGEST, 0, choice);
        select_runs(s, choice);
        return SN_OK;
    }
    const bool largest =
        sn_rng_uniform(rng, o->counter, SN_MAX_DECISIONS, 0) < largest_share;
    make_choice(s, largest ? LARGEST : RANDOM, 0, choice);
    select_runs(s, choice);
    return build(s, choice, err);
}

/* ---- the rest ---- */

static void list(struct sn_supernet *net, struct sn_graph *g, int n,
                 double smoothing)
{
    struct sn_arch arch;
    sn_supernet_hungriest(&arch, &net->space);
    sn_supernet_build_arch(net, g, &arch, n, smoothing);
}

static void report(struct sn_searcher *s, const struct sn_search_moment *m,
                   struct sn_step_report *r)
{
    const struct own *o = s->own;
    (void)m;
    r->expected = o->expected;
    r->argmax = NAN;
}

static void arrays(struct sn_searcher *s, struct sn_search_arrays *out)
{
    (void)s;
    *out = (struct sn_search_arrays){0};
}

/* Nothing is known of options yet. */
static void values(const struct sn_searcher *s, double *p, double *value)
{
    const struct sn_decisions *d = &s->setup.net->decisions;
    for (int id = 0; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++) {
            p[d->item[id].first + i] = 1.0 / d->item[id].n;
            value[d->item[id].first + i] = 0.0;
        }
}

const struct sn_search_mode sn_search_oneshot = {.name = "oneshot",
                                                 .list = list,
                                                 .open = open_mode,
                                                 .close = close_mode,
                                                 .prepare = prepare,
                                                 .arch_step = NULL,
                                                 .report = report,
                                                 .arrays = arrays,
                                                 .values = values};
