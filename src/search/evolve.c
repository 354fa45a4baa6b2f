/* Evolution over nets; see evolve.h. */

#include "search/evolve.h"

#include <stdlib.h>
#include <string.h>

enum { PARENTS = SN_POPULATION / 4, TRIES = 50 };
static const double mutation = 0.1; /* of every decision of a mutant */

/* ---- pools ---- */

sn_status sn_nets_init(struct sn_nets *p, const struct sn_decisions *d,
                       int room, struct sn_error *err)
{
    const size_t n = (size_t)room, count = (size_t)d->count;
    *p = (struct sn_nets){.count = d->count, .room = room};
    p->choice = calloc(n * count + 1, sizeof *p->choice);
    p->fitness = calloc(n + 1, sizeof *p->fitness);
    p->hash = calloc(n + 1, sizeof *p->hash);
    if (p->choice && p->fitness && p->hash)
        return SN_OK;
    sn_nets_release(p);
    return sn_fail(err, SN_ERR_MEMORY, "no memory for %d nets", room);
}

void sn_nets_release(struct sn_nets *p)
{
    free(p->choice);
    free(p->fitness);
    free(p->hash);
    *p = (struct sn_nets){0};
}

static uint64_t hash_of(const struct sn_nets *p, const int *choice)
{
    uint64_t h = 0x9e3779b97f4a7c15U;
    for (int id = 0; id < p->count; id++)
        h = (h ^ (uint64_t)choice[id]) * 0x100000001b3U + (h >> 29);
    return h;
}

int sn_nets_find(const struct sn_nets *p, const int *choice)
{
    const uint64_t h = hash_of(p, choice);
    const size_t bytes = (size_t)p->count * sizeof *choice;
    for (int i = 0; i < p->n; i++)
        if (p->hash[i] == h && memcmp(sn_nets_at(p, i), choice, bytes) == 0)
            return i;
    return -1;
}

int sn_nets_add(struct sn_nets *p, const int *choice, double fitness)
{
    if (p->n == p->room || sn_nets_find(p, choice) >= 0)
        return -1;
    memcpy(sn_nets_at(p, p->n), choice, (size_t)p->count * sizeof *choice);
    p->fitness[p->n] = fitness;
    p->hash[p->n] = hash_of(p, choice);
    return p->n++;
}

static void swap_nets(struct sn_nets *p, int i, int j)
{
    int *a = sn_nets_at(p, i), *b = sn_nets_at(p, j);
    for (int id = 0; id < p->count; id++) {
        const int swap = a[id];
        a[id] = b[id];
        b[id] = swap;
    }
    const double fitness = p->fitness[i];
    p->fitness[i] = p->fitness[j];
    p->fitness[j] = fitness;
    const uint64_t hash = p->hash[i];
    p->hash[i] = p->hash[j];
    p->hash[j] = hash;
}

struct place {
    double fitness;
    int index;
};

static int by_fitness(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->fitness != y->fitness)
        return x->fitness > y->fitness ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Sorts places, then follows them: net i goes where its place is.  Without
 * memory for them by insertion, which gives the same order. */
void sn_nets_sort(struct sn_nets *p)
{
    struct place *at = malloc((size_t)p->n * sizeof *at + 1);
    if (!at) {
        for (int i = 1; i < p->n; i++)
            for (int j = i; j > 0 && p->fitness[j] > p->fitness[j - 1]; j--)
                swap_nets(p, j, j - 1);
        return;
    }
    for (int i = 0; i < p->n; i++)
        at[i] = (struct place){p->fitness[i], i};
    qsort(at, (size_t)p->n, sizeof *at, by_fitness);
    for (int i = 0; i < p->n; i++) {
        int from = at[i].index;
        while (from < i) /* it was swapped away, to where its place's went */
            from = at[from].index;
        if (from != i)
            swap_nets(p, i, from);
    }
    free(at);
}

int sn_nets_differ(const struct sn_nets *a, int i, const struct sn_nets *b,
                   int j)
{
    const int *x = sn_nets_at(a, i), *y = sn_nets_at(b, j);
    int n = 0;
    for (int id = 0; id < a->count; id++)
        n += x[id] != y[id];
    return n;
}

/* ---- offspring ---- */

/* What a draw is for, beside the decision it is of. */
enum { DRAW_PARENT, DRAW_OTHER, DRAW_MIX, DRAW_MUTATE, DRAW_OPTION, DRAWS };

struct stream {
    struct sn_rng rng;
    uint32_t epoch; /* round and generation */
    uint64_t child; /* and the try */
};

static uint32_t below(const struct stream *s, int what, int id, int n)
{
    return sn_rng_below(s->rng, s->epoch, (uint32_t)id,
                        s->child * DRAWS + (uint64_t)what, (uint32_t)n);
}

/* A crossing of two of the best, or a mutant of one. */
static void make_child(const struct sn_choice_limits *l,
                       const struct sn_nets *pool, int parents,
                       const struct stream *s, bool cross, int *child)
{
    const struct sn_decisions *d = l->d;
    const int *a = sn_nets_at(pool, (int)below(s, DRAW_PARENT, 0, parents));
    const int *b = sn_nets_at(pool, (int)below(s, DRAW_OTHER, 0, parents));
    for (int id = 0; id < d->count; id++) {
        const int n = d->item[id].n;
        child[id] = cross && below(s, DRAW_MIX, id, 2) ? b[id] : a[id];
        if (!cross && n > 1 &&
            sn_rng_uniform(s->rng, s->epoch, (uint32_t)id,
                           s->child * DRAWS + DRAW_MUTATE) < mutation)
            child[id] = (int)below(s, DRAW_OPTION, id, n);
    }
    sn_choice_settle(l->space, d, child);
}

/* One generation; fitter nets come to stand among the others. */
static void breed(const struct sn_evolution *e, struct sn_nets *pool, int born)
{
    const int parents = pool->n < PARENTS ? pool->n : PARENTS;
    struct stream s = {.rng = sn_rng_make(e->limits->seed, SN_RNG_EVOLVE),
                       .epoch = e->round * 4096U + (uint32_t)born};
    int child[SN_MAX_DECISIONS];
    const int before = pool->n;
    for (int i = 0; i < SN_POPULATION - PARENTS; i++)
        for (int t = 0; t < TRIES; t++) {
            s.child = (uint64_t)i * TRIES + (uint64_t)t;
            make_child(e->limits, pool, parents, &s, i % 2 == 0, child);
            if (sn_choice_within(e->limits, child) &&
                sn_nets_find(pool, child) < 0) {
                (void)sn_nets_add(pool, child, 0.0);
                break;
            }
        }
    for (int i = before; i < pool->n; i++)
        pool->fitness[i] = e->fitness(e->ctx, sn_nets_at(pool, i));
    sn_nets_sort(pool);
}

sn_status sn_evolve(const struct sn_evolution *e, struct sn_nets *pool,
                    struct sn_error *err)
{
    int choice[SN_MAX_DECISIONS];
    for (int i = 0; i < SN_POPULATION; i++) {
        SN_TRY(sn_choice_random(e->limits, (e->round + 1) * 4096U + (uint32_t)i,
                                choice, err));
        (void)sn_nets_add(pool, choice, 0.0);
    }
    for (int i = 0; i < pool->n; i++)
        pool->fitness[i] = e->fitness(e->ctx, sn_nets_at(pool, i));
    sn_nets_sort(pool);
    for (int i = 0; i < e->generations; i++)
        breed(e, pool, i);
    return SN_OK;
}

/* ---- fitness ---- */

double sn_fitness_of_values(void *ctx, const int *choice)
{
    const struct sn_value_fitness *f = ctx;
    double worth = 0.0;
    for (int id = 0; id < f->d->count; id++)
        if (sn_decision_met(f->space, f->d, choice, id))
            worth += f->value[f->d->item[id].first + choice[id]];
    return worth;
}
