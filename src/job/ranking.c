/* Nets ranked before any training; see ranking.h. */

#include "job/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "search/choice.h"
#include "search/effects.h"

/* Nets, their choices, their scores, in the order they were drawn. */
struct ranking {
    const struct sn_ranking_request *ask;
    struct sn_ranking *out;
    struct sn_loader loader;
    struct sn_scorer scorer;
    struct sn_ranked_net *net; /* [n] owned until it is handed over */
    int *choice;               /* [n, count] owned */
    double *score; /* [4, n] owned: nwot, zico, ranks of one, mean rank */
    int n;
};

static sn_status open_ranking(struct ranking *r, struct sn_error *err)
{
    const struct sn_ranking_request *q = r->ask;
    const struct sn_job_config *c = q->config;
    const int group = sn_job_group(c, c->search.batch);
    const int batch = group < SN_ZERO_SHOT_IMAGES ? group : SN_ZERO_SHOT_IMAGES;
    const int step = (q->plan->space.c + SN_LANES - 1) / SN_LANES * SN_LANES;
    const size_t n = (size_t)c->search.zero_shot_nets;
    r->n = c->search.zero_shot_nets;
    if (q->split->n_weights / batch < SN_ZERO_SHOT_BATCHES)
        return sn_fail(err, SN_ERR_CONFIG,
                       "zero-shot scores need %d batches of %d images; there "
                       "are %d for the weights",
                       SN_ZERO_SHOT_BATCHES, batch, q->split->n_weights);
    r->choice = calloc(n * (size_t)q->plan->decisions.count, sizeof *r->choice);
    r->score = calloc(4 * n, sizeof *r->score);
    r->net = calloc(n, sizeof *r->net);
    if (!r->choice || !r->score || !r->net)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu nets", n);
    SN_TRY(sn_loader_init(&r->loader, q->data, &q->data->train,
                          q->split->weights, q->split->n_weights, batch,
                          c->data.size, step, NULL, 1, c->run.seed, err));
    return sn_scorer_init(&r->scorer, &r->loader, q->kernels, q->threads,
                          c->run.seed, err);
}

static void close_ranking(struct ranking *r)
{
    sn_scorer_release(&r->scorer);
    sn_loader_release(&r->loader);
    free(r->net);
    free(r->choice);
    free(r->score);
}

static sn_status stopped(const struct ranking *r, struct sn_error *err)
{
    const int signal = r->ask->stop ? (int)*r->ask->stop : 0;
    if (!signal)
        return SN_OK;
    return sn_fail(err, signal == SIGTERM ? SN_TERMINATED : SN_INTERRUPTED,
                   "interrupted while nets were scored; nothing was written");
}

static sn_status score_net(struct ranking *r, int i, struct sn_error *err)
{
    const struct sn_job_plan *p = r->ask->plan;
    const struct sn_choice_limits limits = {&p->space, &p->decisions, &p->cost,
                                            &p->budget,
                                            r->ask->config->run.seed};
    int *choice = r->choice + (ptrdiff_t)i * p->decisions.count;
    struct sn_ranked_net *net = &r->net[i];
    SN_TRY(stopped(r, err));
    SN_TRY(sn_choice_random(&limits, (uint32_t)i, choice, err));
    sn_arch_choose(&net->arch, &p->space, &p->decisions, choice);
    sn_choice_cost(&net->cost, &p->cost, &p->space, &p->decisions, choice);
    SN_TRY(sn_scorer_score(&r->scorer, &net->arch, &net->score, err));
    r->score[i] = net->score.nwot;
    r->score[r->n + i] = net->score.zico;
    return SN_OK;
}

static int by_rank(const void *a, const void *b)
{
    const struct sn_ranked_net *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return x->score.nwot > y->score.nwot   ? -1
           : x->score.nwot < y->score.nwot ? 1
                                           : 0;
}

/* Ranks, effects of options on them, and the nets in their order. */
static sn_status conclude(struct ranking *r, struct sn_error *err)
{
    const struct sn_job_plan *p = r->ask->plan;
    struct sn_ranking *out = r->out;
    double *nwot = r->score + 2 * r->n, *mean = r->score + 3 * r->n;
    sn_fractional_ranks(nwot, r->score, r->n);
    sn_fractional_ranks(mean, r->score + r->n, r->n);
    for (int i = 0; i < r->n; i++)
        r->net[i].rank = mean[i] = 0.5 * (nwot[i] + mean[i]);
    const struct sn_effects_input in = {&p->space, &p->decisions, r->choice,
                                        mean, r->n};
    SN_TRY(sn_effects_fit(out->effect, out->error, &in, err));
    sn_option_costs(out->cost, &p->cost, &p->space, &p->decisions);
    out->dropped = sn_effects_drop(out->drop, out->effect, out->error,
                                   out->cost, &p->decisions);
    qsort(r->net, (size_t)r->n, sizeof *r->net, by_rank);
    out->net = r->net;
    out->n = r->n;
    r->net = NULL;
    return SN_OK;
}

sn_status sn_rank_nets(struct sn_ranking *r, const struct sn_ranking_request *q,
                       struct sn_error *err)
{
    const double start = sn_clock_seconds();
    *r = (struct sn_ranking){0};
    if (q->plan->frames.count > 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "scores rank nets of one input size, multiplier, output "
                       "stride and width a stage; expected one of each");
    struct ranking ranking = {.ask = q, .out = r};
    sn_status rc = open_ranking(&ranking, err);
    for (int i = 0; rc == SN_OK && i < ranking.n; i++)
        rc = score_net(&ranking, i, err);
    if (rc == SN_OK)
        rc = conclude(&ranking, err);
    close_ranking(&ranking);
    if (rc != SN_OK)
        sn_ranking_release(r);
    r->seconds = sn_clock_seconds() - start;
    return rc;
}

void sn_ranking_release(struct sn_ranking *r)
{
    free(r->net);
    *r = (struct sn_ranking){0};
}

/* ---- rules ---- */

/* The config's own rule of a place; "": none. */
static const char *own_rule(const struct sn_job_config *c,
                            const struct sn_decision *x)
{
    return x->block < 0
               ? c->stage[x->stage].rules.forbid
               : c->block[x->stage * SN_MAX_DEPTH + x->block].rules.forbid;
}

static bool same_place(const struct sn_decision *a, const struct sn_decision *b)
{
    return a->stage == b->stage && a->block == b->block;
}

/* Patterns of what goes at the place of decision `first`. */
static void add_place(struct sn_text *t, const struct sn_ranking *r,
                      const struct sn_job_plan *p, int first,
                      const char *before)
{
    const struct sn_decisions *d = &p->decisions;
    char pattern[SN_OPTION_TEXT];
    bool any = *before != '\0';
    sn_text_add(t, "%s", before);
    for (int id = first; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            if (same_place(&d->item[id], &d->item[first]) &&
                r->drop[d->item[id].first + i]) {
                sn_text_add(
                    t, "%s%s", any ? ", " : "",
                    sn_option_pattern(pattern, &p->space, &d->item[id], i));
                any = true;
            }
}

static bool drops_any(const struct sn_ranking *r, const struct sn_decisions *d,
                      int first)
{
    for (int id = first; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++)
            if (same_place(&d->item[id], &d->item[first]) &&
                r->drop[d->item[id].first + i])
                return true;
    return false;
}

char *sn_ranking_rules(const struct sn_ranking *r,
                       const struct sn_job_plan *plan,
                       const struct sn_job_config *config, bool lines)
{
    const struct sn_decisions *d = &plan->decisions;
    struct sn_text t = {0};
    char place[SN_OPTION_TEXT];
    if (!lines)
        sn_text_add(&t, "# Options that zero-shot scores reject: more than two "
                        "standard errors\n# below the others, and over 25 %% "
                        "costlier than a better one.\n");
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        const bool first = id == 0 || !same_place(x, &d->item[id - 1]);
        if (!first || !drops_any(r, d, id))
            continue;
        sn_option_place(place, x);
        sn_text_add(&t, lines ? "%s.forbid=" : "\n[%s]\nforbid = ", place);
        add_place(&t, r, plan, id, lines ? own_rule(config, x) : "");
        sn_text_add(&t, "\n");
    }
    return sn_text_take(&t);
}
