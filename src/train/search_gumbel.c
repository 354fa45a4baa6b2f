/* mode = gumbel: all ops of all blocks in every step, mixed by soft gates
 * (search/gumbel.h). */

#include <stdlib.h>
#include <string.h>

#include "search/gumbel.h"
#include "train/train_internal.h"

struct own {
    struct sn_gumbel c;
    double *gate, *dgate; /* [decisions.total] owned; so is the next */
    double *part;         /* one pass's share of dgate */
};

static void close_mode(struct sn_searcher *s)
{
    struct own *o = s->own;
    if (!o)
        return;
    free(o->gate);
    free(o->dgate);
    free(o->part);
    free(o);
}

static sn_status open_mode(struct sn_searcher *s, struct sn_error *err)
{
    const struct sn_search_setup *a = &s->setup;
    const size_t total = (size_t)a->net->decisions.total;
    struct own *o = s->own = calloc(1, sizeof *o);
    if (!o)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search");
    o->gate = calloc(total, sizeof *o->gate);
    o->dgate = calloc(total, sizeof *o->dgate);
    o->part = calloc(total, sizeof *o->part);
    if (!o->gate || !o->dgate || !o->part)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu gates", total);
    sn_gumbel_init(&o->c, &a->net->space, &a->net->decisions, a->cost,
                   (sn_penalty)a->options->penalty, a->target, a->seed);
    return SN_OK;
}

/* Gates of the next pass.  Weight and architecture steps draw from one row of
 * counters. */
static void draw_gates(struct sn_searcher *s, const struct sn_search_moment *m)
{
    struct own *o = s->own;
    sn_gumbel_gates(&o->c, m->counter, sn_gumbel_tau(m->after), o->gate);
    sn_supernet_set_gates(s->setup.net, o->gate);
}

static sn_status prepare(struct sn_searcher *s,
                         const struct sn_search_moment *m, struct sn_error *err)
{
    (void)err;
    draw_gates(s, m);
    return SN_OK;
}

static sn_status arch_step(struct sn_searcher *s,
                           const struct sn_search_moment *m,
                           struct sn_step_report *r, struct sn_error *err)
{
    struct own *o = s->own;
    const int total = s->setup.net->decisions.total;
    draw_gates(s, m);
    memset(o->dgate, 0, (size_t)total * sizeof *o->dgate);
    for (int ip = 0; ip < s->weights.passes; ip++) {
        SN_TRY(sn_searcher_forward(s, m->arch, ip, r, err));
        sn_graph_bwd_gates(s->setup.graph);
        sn_supernet_gate_grads(s->setup.net, o->part);
        for (int io = 0; io < total; io++)
            o->dgate[io] += o->part[io];
    }
    sn_gumbel_update(&o->c, o->gate, o->dgate, r->arch_loss, m->after,
                     m->frozen);
    return SN_OK;
}

/* What the logits stand for: E[LAT], latency of the argmax net, lambda. */
static void report(struct sn_searcher *s, const struct sn_search_moment *m,
                   struct sn_step_report *r)
{
    const struct sn_gumbel *g = &((struct own *)s->own)->c;
    double p[SN_MAX_OPTIONS];
    int choice[SN_MAX_DECISIONS];
    sn_gumbel_probabilities(g, p);
    r->expected = sn_expected_latency(g->cost, g->space, g->d, p, NULL);
    r->argmax = sn_gumbel_argmax(g, choice);
    r->multiplier_name = "lambda";
    r->multiplier =
        sn_gumbel_lambda(g, r->expected, sn_gumbel_target(g, m->after));
}

static void arrays(struct sn_searcher *s, struct sn_search_arrays *out)
{
    struct sn_gumbel_state *g = &((struct own *)s->own)->c.state;
    const int n = s->setup.net->decisions.total;
    *out = (struct sn_search_arrays){10,
                                     {{"gumbel.logit", g->logit, n},
                                      {"gumbel.adam_m", g->adam_m, n},
                                      {"gumbel.adam_v", g->adam_v, n},
                                      {"gumbel.value_sum", g->value_sum, n},
                                      {"gumbel.value_count", g->value_count, n},
                                      {"gumbel.integral", &g->integral, 1},
                                      {"gumbel.ce_norm", &g->ce_norm, 1},
                                      {"gumbel.lat_norm", &g->lat_norm, 1},
                                      {"gumbel.norm_count", &g->norm_count, 1},
                                      {"gumbel.updates", &g->updates, 1}}};
}

static void values(const struct sn_searcher *s, double *p, double *value)
{
    const struct own *o = s->own;
    sn_gumbel_probabilities(&o->c, p);
    sn_gumbel_values(&o->c, value);
}

const struct sn_search_mode sn_search_gumbel = {.name = "gumbel",
                                                .list = sn_supernet_build_gated,
                                                .open = open_mode,
                                                .close = close_mode,
                                                .prepare = prepare,
                                                .arch_step = arch_step,
                                                .report = report,
                                                .arrays = arrays,
                                                .values = values};
