/* NWOT and ZiCo; see proxy.h. */

#include "search/proxy.h"

#include <math.h>
#include <stdlib.h>

#include "regress/linear.h"

/* ---- NWOT ---- */

/* Bits that are set, counted in pairs, fours, bytes: needs no instruction of
 * its own (Warren, "Hacker's Delight", 5-1). */
static int count_bits(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555U;
    x = (x & 0x3333333333333333U) + (x >> 2 & 0x3333333333333333U);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fU;
    return (int)(x * 0x0101010101010101U >> 56);
}

static size_t code_words(const struct sn_tensor *t)
{
    return ((size_t)t->h * (size_t)t->w * (size_t)t->c + 63) / 64;
}

/* The codes [n, words] of the images of a batch in one tensor. */
static void make_codes(uint64_t *code, const struct sn_tensor *t)
{
    const size_t words = code_words(t);
    const ptrdiff_t pixels = (ptrdiff_t)t->h * t->w;
    for (int in = 0; in < t->n; in++) {
        uint64_t *own = code + (size_t)in * words;
        size_t bit = 0;
        for (size_t i = 0; i < words; i++)
            own[i] = 0;
        for (ptrdiff_t ip = 0; ip < pixels; ip++) {
            const sn_real *y = t->y + (in * pixels + ip) * t->ld;
            for (int ic = 0; ic < t->c; ic++, bit++) {
                const sn_real z =
                    t->bn ? t->bn->s[ic] * y[ic] + t->bn->b[ic] : y[ic];
                own[bit / 64] |= (uint64_t)(z > 0) << bit % 64;
            }
        }
    }
}

/* k [n, n] += units - distances, both triangles. */
static void add_matches(double *k, uint64_t *code, const struct sn_tensor *t)
{
    const size_t words = code_words(t);
    const double units = (double)t->h * t->w * t->c;
    const int n = t->n;
    make_codes(code, t);
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            const uint64_t *a = code + (size_t)i * words;
            const uint64_t *b = code + (size_t)j * words;
            long distance = 0;
            for (size_t iw = 0; iw < words; iw++)
                distance += count_bits(a[iw] ^ b[iw]);
            k[i * n + j] += units - (double)distance;
            if (j < i)
                k[j * n + i] += units - (double)distance;
        }
}

/* The tensors of a layer that an activation is pending on. */
static int activated(const struct sn_layer *l, const struct sn_tensor *out[2])
{
    int n = 0;
    switch (l->id) {
    case SN_LAYER_CONV:
        if (l->out.act != SN_ACT_NONE)
            out[n++] = &l->out;
        return n;
    case SN_LAYER_IBN:
        if (l->as.ibn.expands)
            out[n++] = &l->as.ibn.mid1;
        out[n++] = &l->as.ibn.mid2;
        return n;
    case SN_LAYER_FUSED:
        out[n++] = &l->as.fused.mid;
        return n;
    default:
        return 0;
    }
}

static double log_det(double *k, double *scratch, int n)
{
    for (int i = 0; i < n; i++)
        scratch[i] = 0.0;
    if (!sn_solve_spd(k, scratch, scratch, n))
        return -INFINITY;
    double sum = 0.0; /* k is now the factor L of L L' */
    for (int i = 0; i < n; i++)
        sum += 2.0 * log(k[i * n + i]);
    return sum;
}

sn_status sn_nwot(double *score, const struct sn_graph *g, struct sn_error *err)
{
    const struct sn_tensor *t[2];
    const size_t n = (size_t)g->batch;
    size_t words = 0;
    for (int i = 0; i < g->layers; i++)
        for (int j = activated(&g->layer[i], t); j-- > 0;)
            if (code_words(t[j]) > words)
                words = code_words(t[j]);
    double *k = calloc(n * n + n, sizeof *k);
    uint64_t *code = calloc(n * words + 1, sizeof *code);
    if (!k || !code) {
        free(k);
        free(code);
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for the codes of %zu "
                       "images",
                       n);
    }
    for (int i = 0; i < g->layers; i++) {
        const int count = activated(&g->layer[i], t);
        for (int j = 0; j < count; j++)
            add_matches(k, code, t[j]);
    }
    *score = log_det(k, k + n * n, g->batch);
    free(k);
    free(code);
    return SN_OK;
}

/* ---- ZiCo ---- */

sn_status sn_zico_init(struct sn_zico *z, const struct sn_params *p,
                       struct sn_error *err)
{
    *z = (struct sn_zico){.total = p->total};
    z->mean = calloc(3 * p->total + 1, sizeof *z->mean);
    if (!z->mean)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu gradients",
                       p->total);
    z->m2 = z->mean + p->total;
    z->size = z->m2 + p->total;
    return SN_OK;
}

void sn_zico_release(struct sn_zico *z)
{
    free(z->mean);
    *z = (struct sn_zico){0};
}

/* Welford's update of mean and squared deviations. */
void sn_zico_add(struct sn_zico *z, const struct sn_params *p)
{
    SN_CHECK(z->total == p->total);
    z->batches++;
    for (size_t i = 0; i < z->total; i++) {
        const double g = (double)p->g[i], off = g - z->mean[i];
        z->mean[i] += off / z->batches;
        z->m2[i] += off * (g - z->mean[i]);
        z->size[i] += fabs(g);
    }
}

static bool is_weight(sn_param_kind kind)
{
    return kind == SN_PARAM_CONV || kind == SN_PARAM_DEPTHWISE ||
           kind == SN_PARAM_LINEAR;
}

double sn_zico_score(const struct sn_zico *z, const struct sn_params *p)
{
    double score = 0.0;
    SN_CHECK(z->batches >= 2 && z->total == p->total);
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const size_t end = it->first + (size_t)it->rows * (size_t)it->cols;
        double sum = 0.0;
        for (size_t i = it->first; is_weight(it->kind) && i < end; i++)
            if (z->m2[i] > 0.0)
                sum += z->size[i] / z->batches / sqrt(z->m2[i] / z->batches);
        if (sum > 0.0)
            score += log(sum);
    }
    return score;
}
