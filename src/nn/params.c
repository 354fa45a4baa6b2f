/* The flat arrays behind a net; see params.h. */

#include "nn/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sn_params_init(struct sn_params *p)
{
    *p = (struct sn_params){0};
    sn_arena_init(&p->arena);
}

/* Room for one more of `size` bytes in *list; false when memory is short. */
static bool grow(void **list, int count, int *room, size_t size)
{
    if (count < *room)
        return true;
    const int wanted = *room ? 2 * *room : 64;
    void *bigger = realloc(*list, (size_t)wanted * size);
    if (!bigger)
        return false;
    *list = bigger;
    *room = wanted;
    return true;
}

int sn_params_add(struct sn_params *p, sn_param_kind kind, int rows, int cols,
                  int taps, double start, const char *name)
{
    SN_CHECK(!p->w && rows > 0 && cols > 0 && sn_params_find(p, name) < 0);
    void *list = p->item;
    if (!grow(&list, p->count, &p->room, sizeof *p->item))
        p->incomplete = true;
    p->item = list;
    if (p->incomplete)
        return 0;
    struct sn_param *it = &p->item[p->count];
    *it = (struct sn_param){.kind = kind,
                            .rows = rows,
                            .cols = cols,
                            .taps = taps,
                            .start = start,
                            .first = p->total};
    SN_CHECK(snprintf(it->name, sizeof it->name, "%s", name) < SN_PARAM_NAME);
    const size_t values = (size_t)rows * (size_t)cols;
    p->total += (values + SN_LANES - 1) / SN_LANES * SN_LANES;
    return p->count++;
}

static int add_stat(struct sn_params *p, int c, const char *name)
{
    void *list = p->stat;
    if (!grow(&list, p->stats, &p->stats_room, sizeof *p->stat))
        p->incomplete = true;
    p->stat = list;
    if (p->incomplete)
        return 0;
    struct sn_stat *st = &p->stat[p->stats];
    *st = (struct sn_stat){.c = c, .first = p->stat_total};
    SN_CHECK(snprintf(st->name, sizeof st->name, "%s", name) < SN_PARAM_NAME);
    p->stat_total += (size_t)c;
    return p->stats++;
}

struct sn_bn_ids sn_params_add_bn(struct sn_params *p, int c, double start,
                                  const char *name)
{
    char full[SN_PARAM_NAME + 8];
    struct sn_bn_ids ids;
    snprintf(full, sizeof full, "%s.gamma", name);
    ids.gamma = sn_params_add(p, SN_PARAM_GAMMA, 1, c, 0, start, full);
    snprintf(full, sizeof full, "%s.beta", name);
    ids.beta = sn_params_add(p, SN_PARAM_BETA, 1, c, 0, 0, full);
    ids.stat = add_stat(p, c, name);
    return ids;
}

sn_status sn_params_take(struct sn_params *p, struct sn_error *err)
{
    struct sn_arena *a = &p->arena;
    if (p->incomplete)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a list of %d weights",
                       p->count + 1);
    for (int pass = 0; pass < 2; pass++) {
        p->w = sn_arena_take(a, p->total, sizeof *p->w);
        p->g = sn_arena_take(a, p->total, sizeof *p->g);
        p->m = sn_arena_take(a, p->total, sizeof *p->m);
        p->mean = sn_arena_take(a, p->stat_total, sizeof *p->mean);
        p->m2 = sn_arena_take(a, p->stat_total, sizeof *p->m2);
        p->counts = sn_arena_take(a, (size_t)p->stats, sizeof *p->counts);
        if (pass == 0)
            SN_TRY(sn_arena_reserve(a, a->used, err));
    }
    return SN_OK;
}

static double deviation(const struct sn_param *it)
{
    switch (it->kind) {
    case SN_PARAM_CONV:
        return sqrt(2.0 / ((double)it->taps * it->cols));
    case SN_PARAM_DEPTHWISE:
        return sqrt(2.0 / it->taps);
    case SN_PARAM_LINEAR:
        return 0.01;
    default:
        return 0;
    }
}

void sn_params_draw(struct sn_params *p, uint64_t seed)
{
    const struct sn_rng rng = sn_rng_make(seed, SN_RNG_INIT);
    memset(p->w, 0, p->total * sizeof *p->w);
    memset(p->m, 0, p->total * sizeof *p->m);
    sn_params_zero_grad(p);
    sn_params_zero_stats(p);
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const size_t values = (size_t)it->rows * (size_t)it->cols;
        const double dev = deviation(it);
        for (size_t i = 0; i < values; i++) {
            double value = it->start;
            if (dev > 0)
                value = dev * sn_rng_normal(rng, 0, (uint32_t)id, i);
            p->w[it->first + i] = (sn_real)value;
        }
    }
}

struct sn_weight sn_params_weight(const struct sn_params *p, int id)
{
    const struct sn_param *it = &p->item[id];
    return (struct sn_weight){p->w + it->first, p->g + it->first, it->cols};
}

struct sn_bn_view sn_params_bn(const struct sn_params *p, struct sn_bn_ids ids)
{
    const struct sn_weight gamma = sn_params_weight(p, ids.gamma);
    const struct sn_weight beta = sn_params_weight(p, ids.beta);
    const size_t at = p->stat[ids.stat].first;
    return (struct sn_bn_view){gamma.w,
                               beta.w,
                               gamma.g,
                               beta.g,
                               p->mean + at,
                               p->m2 + at,
                               p->counts + ids.stat};
}

void sn_params_zero_grad(struct sn_params *p)
{
    memset(p->g, 0, p->total * sizeof *p->g);
}

void sn_params_zero_stats(struct sn_params *p)
{
    memset(p->mean, 0, p->stat_total * sizeof *p->mean);
    memset(p->m2, 0, p->stat_total * sizeof *p->m2);
    memset(p->counts, 0, (size_t)p->stats * sizeof *p->counts);
}

int sn_params_find(const struct sn_params *p, const char *name)
{
    for (int id = 0; id < p->count; id++)
        if (strcmp(p->item[id].name, name) == 0)
            return id;
    return -1;
}

void sn_params_release(struct sn_params *p)
{
    free(p->item);
    free(p->stat);
    sn_arena_release(&p->arena);
    sn_params_init(p);
}
