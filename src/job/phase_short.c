/* Phase two: the short list.  Candidates of a finished search are measured with
 * the supernet's weights, batch-norm statistics taken anew for each (METHOD
 * 1.6, 2.4, 3.3), and the best of them go into a race.
 *
 *   a search with values    the derived net and its fittest neighbours, found
 * by evolution on the values oneshot                 random nets, then
 * evolution on a surrogate that is fitted anew after every few measurements
 *
 * All but the measurements is a function of seed and config.  So what is saved
 * are these, and a run that goes on walks the same way again, past what was
 * measured before. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/job_internal.h"
#include "job/judge.h"
#include "search/surrogate.h"
#include "search/table_io.h"

/* METHOD 3.3, in rounds of ten generations, and what is measured of each. */
enum { ROUNDS = 5, GENERATIONS = 10, A_ROUND = 8, NEIGHBOURS = 20 };
enum { APART = 2 }; /* decisions in which candidates differ, while they can */

/* The least that a loss may decide: below a single picture's share of any set's
 * accuracy, so that it tells equal ones apart. */
#define TIE      1e-7
#define LOSS_MAX 10.0

struct short_list {
    struct sn_job *j;
    struct sn_choice_limits limits;
    double value[SN_MAX_OPTIONS], share[SN_MAX_OPTIONS];
    struct sn_nets measured; /* in order; fitness: accuracy, less a hair for
                              * the loss */
    struct sn_nets pool;     /* of an evolution */

    /* measurements, also of the run that this one goes on with */
    int rows;      /* of memo that hold one */
    double *memo;  /* [room, 2 + count] owned: accuracy, loss, choice */
    double memo_n; /* rows, as it is saved */
    int width, room;
    struct sn_search_arrays arrays;

    struct sn_judge judge;
};

/* ---- opening ---- */

static bool evolves(const struct sn_job *j)
{
    return sn_search_evolves(&j->config.search);
}

/* Whether the search itself told what options are worth. */
static bool has_values(const struct sn_job *j)
{
    return sn_search_trains(&j->config.search) != SN_SEARCH_ONESHOT;
}

static int list_length(const struct sn_job *j)
{
    /* nets of several frames are told apart by values alone */
    return j->split.n_val > 0 && j->plan->frames.count == 1
               ? j->config.search.short_list
               : 1;
}

static int most_measured(const struct sn_job *j)
{
    const struct sn_search_options *o = &j->config.search;
    return evolves(j) ? o->samples + ROUNDS * A_ROUND : o->short_list;
}

static sn_status open_lists(struct short_list *s, struct sn_error *err)
{
    const struct sn_decisions *d = &s->j->plan->decisions;
    s->room = most_measured(s->j);
    s->width = 2 + d->count;
    s->memo = calloc((size_t)s->room * (size_t)s->width, sizeof *s->memo);
    if (!s->memo)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d candidates",
                       s->room);
    s->arrays = (struct sn_search_arrays){
        2,
        {{"short.rows", &s->memo_n, 1},
         {"short.measured", s->memo, s->room * s->width}}};
    SN_TRY(sn_nets_init(&s->measured, d, s->room, err));
    return sn_nets_init(&s->pool, d,
                        s->room + 1 + SN_POPULATION * (NEIGHBOURS + 1), err);
}

static sn_status open_judge(struct short_list *s, struct sn_error *err)
{
    struct sn_job *j = s->j;
    const struct sn_judge_setup setup = {.dir = &j->dir,
                                         .config = &j->config,
                                         .plan = j->plan,
                                         .data = &j->data,
                                         .split = &j->split,
                                         .kernels = &j->kernels,
                                         .threads = j->threads};
    return sn_judge_open(&s->judge, &setup, err);
}

static void close_short(struct short_list *s)
{
    free(s->memo);
    sn_nets_release(&s->measured);
    sn_nets_release(&s->pool);
    sn_judge_close(&s->judge);
}

/* ---- measuring ---- */

/* The row of a net that was measured before, NULL: it was not. */
static const double *recall(const struct short_list *s, const int *choice)
{
    for (int i = 0; i < s->rows; i++) {
        const double *row = s->memo + (ptrdiff_t)i * s->width;
        int id = 0;
        while (id < s->width - 2 && !(row[2 + id] < choice[id]) &&
               !(row[2 + id] > choice[id]))
            id++;
        if (id == s->width - 2)
            return row;
    }
    return NULL;
}

static const double *remember(struct short_list *s, const int *choice,
                              const struct sn_eval *e)
{
    double *row = s->memo + (ptrdiff_t)s->rows++ * s->width;
    row[0] = e->accuracy;
    row[1] = isfinite(e->loss) && e->loss < LOSS_MAX ? e->loss : LOSS_MAX;
    for (int id = 0; id < s->width - 2; id++)
        row[2 + id] = choice[id];
    s->memo_n = s->rows;
    return row;
}

/* Adds a net to those measured, unless it is among them or these are full. */
static sn_status measure(struct short_list *s, const int *choice,
                         struct sn_error *err)
{
    if (s->measured.n == s->room || sn_nets_find(&s->measured, choice) >= 0)
        return SN_OK;
    const double *row = recall(s, choice);
    const bool is_new = row == NULL;
    if (is_new) {
        const struct sn_job_plan *p = s->j->plan;
        struct sn_arch arch;
        struct sn_eval e;
        sn_arch_choose(&arch, &p->space, &p->decisions, choice);
        SN_TRY(sn_judge_net(&s->judge, &arch, &e, err));
        row = remember(s, choice, &e);
    }
    (void)sn_nets_add(&s->measured, choice, row[0] - TIE * row[1]);
    return is_new ? sn_job_tick(s->j, err) : SN_OK;
}

/* ---- candidates ---- */

/* Measures the fittest of the pool that were not: `n` of them, at first those
 * apart from all others, then any. */
static sn_status measure_fittest(struct short_list *s, int n,
                                 struct sn_error *err)
{
    const int end = s->measured.n + n;
    for (int apart = APART; apart > 0; apart--)
        for (int i = 0; i < s->pool.n && s->measured.n < end; i++) {
            bool is_apart = true;
            for (int k = 0; k < s->measured.n && is_apart; k++)
                is_apart =
                    sn_nets_differ(&s->pool, i, &s->measured, k) >= apart;
            if (is_apart)
                SN_TRY(measure(s, sn_nets_at(&s->pool, i), err));
        }
    return SN_OK;
}

/* The derived net first, then its neighbours by worth. */
static sn_status list_by_values(struct short_list *s, int n,
                                struct sn_error *err)
{
    const struct sn_job_plan *p = s->j->plan;
    struct sn_value_fitness f = {&p->space, &p->decisions, s->value};
    int choice[SN_MAX_DECISIONS];
    sn_choice_of_arch(choice, &p->space, &p->decisions, &s->j->at->arch);
    SN_TRY(measure(s, choice, err));
    (void)sn_nets_add(&s->pool, choice, 0.0);
    const struct sn_evolution e = {.limits = &s->limits,
                                   .fitness = sn_fitness_of_values,
                                   .ctx = &f,
                                   .generations = NEIGHBOURS};
    SN_TRY(sn_evolve(&e, &s->pool, err));
    return measure_fittest(s, n - s->measured.n, err);
}

/* One round: a surrogate of all that was measured, evolution on it from these
 * and the net it derives, the fittest measured. */
static sn_status evolve_round(struct short_list *s, int round,
                              struct sn_error *err)
{
    const struct sn_job_plan *p = s->j->plan;
    struct sn_surrogate sur;
    struct sn_arch arch;
    double value[SN_MAX_OPTIONS];
    int choice[SN_MAX_DECISIONS];
    SN_TRY(sn_surrogate_fit(&sur, &s->limits, &s->measured, err));
    sn_surrogate_values(&sur, value);
    sn_status rc = sn_derive(&arch, &p->space, &p->decisions, &p->cost, value,
                             &p->budget, NULL, err);
    if (rc == SN_OK) {
        const struct sn_evolution e = {.limits = &s->limits,
                                       .fitness = sn_surrogate_score,
                                       .ctx = &sur,
                                       .generations = GENERATIONS,
                                       .round = (uint32_t)round + 1};
        s->pool.n = 0;
        sn_choice_of_arch(choice, &p->space, &p->decisions, &arch);
        (void)sn_nets_add(&s->pool, choice, 0.0);
        for (int i = 0; i < s->measured.n; i++)
            (void)sn_nets_add(&s->pool, sn_nets_at(&s->measured, i), 0.0);
        rc = sn_evolve(&e, &s->pool, err);
    }
    sn_surrogate_release(&sur); /* it reads what is measured from now on */
    return rc == SN_OK ? measure_fittest(s, A_ROUND, err) : rc;
}

static sn_status list_by_evolution(struct short_list *s, struct sn_error *err)
{
    const int samples = s->j->config.search.samples;
    int choice[SN_MAX_DECISIONS];
    if (has_values(s->j))
        SN_TRY(list_by_values(s, samples / 2, err));
    for (int i = 0; i < samples && s->measured.n < samples; i++) {
        SN_TRY(sn_choice_random(&s->limits, (uint32_t)i, choice, err));
        SN_TRY(measure(s, choice, err));
    }
    for (int i = 0; i < ROUNDS && s->measured.n > 1; i++)
        SN_TRY(evolve_round(s, i, err));
    return SN_OK;
}

/* ---- the end ---- */

/* What evolution learnt of options, as a search with logits would have told:
 * values from all that was measured, and how many of the short list have an
 * option of those that meet its decision. */
static sn_status log_values(struct short_list *s, int n, struct sn_error *err)
{
    const struct sn_job_plan *p = s->j->plan;
    const struct sn_decisions *d = &p->decisions;
    struct sn_surrogate sur;
    if (s->measured.n > 1) {
        SN_TRY(sn_surrogate_fit(&sur, &s->limits, &s->measured, err));
        sn_surrogate_values(&sur, s->value);
        sn_surrogate_release(&sur);
    }
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        double *share = &s->share[x->first], met = 0.0;
        for (int i = 0; i < x->n; i++)
            share[i] = 0.0;
        for (int i = 0; i < n; i++) {
            const int *net = sn_nets_at(&s->measured, i);
            if (!sn_decision_met(&p->space, d, net, id))
                continue;
            share[net[id]] += 1.0;
            met += 1.0;
        }
        for (int i = 0; i < x->n; i++)
            share[i] = met > 0.0 ? share[i] / met : 1.0 / x->n;
    }
    double slope[SN_MAX_OPTIONS];
    sn_frames_slopes(&p->frames, d, s->share, slope);
    char *text = sn_values_text(&p->space, d, s->j->config.search.epochs + 1,
                                s->share, s->value, slope);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the option values");
    const sn_status rc =
        sn_log_file_add(&s->j->dir.log[SN_LOG_VALUES], err, "%s", text);
    free(text);
    return rc;
}

static void add_candidate(struct sn_text *t, const struct short_list *s, int i)
{
    const struct sn_job_plan *p = s->j->plan;
    const int *choice = sn_nets_at(&s->measured, i);
    const double *row = recall(s, choice);
    struct sn_cost c;
    struct sn_arch arch;
    char line[1024], real[32];
    sn_choice_cost(&c, &p->cost, &p->space, &p->decisions, choice);
    sn_arch_choose(&arch, &p->space, &p->decisions, choice);
    sn_arch_summary(&arch, line, sizeof line);
    const double cells[] = {row[0],    row[1],        c.seconds,
                            c.weights, c.activations, c.macs};
    sn_text_add(t, "%d", i + 1);
    for (size_t k = 0; k < sizeof cells / sizeof *cells; k++)
        sn_text_add(t, ",%s", sn_text_real(real, sizeof real, cells[k]));
    sn_text_add(t, ",");
    sn_text_add_csv(t, line);
    sn_text_add(t, "\n");
}

/* candidates.csv: all that was measured, best first. */
static sn_status write_candidates(struct short_list *s, struct sn_error *err)
{
    struct sn_text t = {0};
    sn_text_add(&t, "place,accuracy,loss,latency_s,weights_bytes,"
                    "activation_bytes,macs,net\n");
    for (int i = 0; i < s->measured.n; i++)
        add_candidate(&t, s, i);
    char *text = sn_text_take(&t);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for candidates.csv");
    const sn_status rc =
        sn_rundir_write(&s->j->dir, "candidates.csv", text, err);
    free(text);
    return rc;
}

/* The best go on. */
static sn_status conclude(struct short_list *s, struct sn_error *err)
{
    struct sn_job *j = s->j;
    const struct sn_job_plan *p = j->plan;
    struct sn_race *race = &j->at->race;
    struct sn_cost cost;
    char time[SN_QUANTITY_TEXT];
    sn_nets_sort(&s->measured);
    const int n =
        s->measured.n < list_length(j) ? s->measured.n : list_length(j);
    if (!has_values(j))
        SN_TRY(log_values(s, n, err));
    race->racers = n < j->config.search.race ? n : j->config.search.race;
    for (int i = 0; i < race->racers; i++)
        sn_arch_choose(&race->arch[i], &p->space, &p->decisions,
                       sn_nets_at(&s->measured, i));
    SN_TRY(write_candidates(s, err));
    const int *best = sn_nets_at(&s->measured, 0);
    const double most = recall(s, best)[0];
    sn_choice_cost(&cost, &p->cost, &p->space, &p->decisions, best);
    struct sn_funnel_stage *to = &j->at->stage[SN_FUNNEL_SHORT];
    j->at->stage[SN_FUNNEL_SEARCH].out = s->measured.n;
    *to = (struct sn_funnel_stage){.in = s->measured.n,
                                   .out = race->racers,
                                   .latency = cost.seconds,
                                   .score = most};
    return sn_job_say(
        j, err,
        "short    %d candidates: val %.1f %% to %.1f %% at %s; %d go on",
        s->measured.n,
        100 * recall(s, sn_nets_at(&s->measured, s->measured.n - 1))[0],
        100 * most, sn_text_time(time, sizeof time, cost.seconds),
        race->racers);
}

static sn_status read_values(struct short_list *s, struct sn_error *err)
{
    char *text, path[SN_RUN_PATH];
    size_t bytes;
    if (!has_values(s->j))
        return SN_OK;
    SN_TRY(sn_rundir_read(&s->j->dir, "values.csv", &text, &bytes, err));
    const sn_status rc = sn_values_parse(
        s->value, NULL, &s->j->plan->space, &s->j->plan->decisions, text,
        sn_rundir_file(&s->j->dir, "values.csv", path), err);
    free(text);
    return rc;
}

static sn_status run(struct short_list *s, struct sn_error *err)
{
    struct sn_job *j = s->j;
    SN_TRY(open_lists(s, err));
    SN_TRY(open_judge(s, err));
    SN_TRY(read_values(s, err));
    if (j->saved) {
        SN_TRY(sn_checkpoint_arrays(j->saved, &s->arrays, err));
        /* what cannot be is measured again */
        if (s->memo_n >= 0 && s->memo_n <= s->room)
            s->rows = (int)s->memo_n;
    }
    j->at->search = &s->arrays;
    j->at->train = (struct sn_train_state){.batch = s->rows};
    if (!j->saved)
        SN_TRY(sn_job_save(j, NULL, err));
    SN_TRY(evolves(j) ? list_by_evolution(s, err)
                      : list_by_values(s, list_length(j), err));
    return conclude(s, err);
}

sn_status sn_job_short_list(struct sn_job *j, struct sn_error *err)
{
    struct sn_race *race = &j->at->race;
    sn_job_begin_phase(j, "short", 1);
    if (list_length(j) == 1 && !evolves(j)) { /* the derived net it is */
        race->racers = 1;
        race->arch[0] = j->at->arch;
        return SN_OK;
    }
    struct short_list *s = calloc(1, sizeof *s);
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a short list");
    s->j = j;
    s->limits = (struct sn_choice_limits){&j->plan->space, &j->plan->decisions,
                                          &j->plan->cost, &j->plan->budget,
                                          j->config.run.seed};
    const sn_status rc = run(s, err);
    j->at->search = NULL;
    close_short(s);
    free(s);
    return rc;
}
