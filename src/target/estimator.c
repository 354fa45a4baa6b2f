/* Predicting with an estimator (estimator.h).
 *
 * What was measured is a box over the features.  As these are logarithms of
 * sizes and of products of sizes (work, traffic, weights), the box is a
 * polytope over the sizes: it knows not only the widest and the largest unit
 * but also that nothing wide *and* large was measured. */

#include "target/estimator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "target/estimator_internal.h"

static const char *const family_name[SN_FAMILIES] = {
    [SN_FAMILY_ROOFLINE] = "roofline",
    [SN_FAMILY_RIDGE] = "ridge",
    [SN_FAMILY_BOOSTED] = "boosted"};

const char *sn_family_name(sn_family family)
{
    return family_name[family];
}

const char *sn_estimator_device(const struct sn_estimator *e)
{
    return e->device;
}

const char *sn_estimator_dtype(const struct sn_estimator *e)
{
    return e->dtype;
}

bool sn_estimator_has(const struct sn_estimator *e, sn_unit_op op)
{
    return e->model[op].present;
}

/* The features, and the logarithm of the predicted microseconds. */
static double predict(const struct sn_class_model *m, const struct sn_unit *u,
                      float x[SN_FEATURES])
{
    const double prior = sn_roofline_predict(&m->prior, u);
    double wide[SN_FEATURES];
    sn_features(x, u, prior);
    switch (m->family) {
    case SN_FAMILY_RIDGE:
        for (int i = 0; i < SN_FEATURES; i++)
            wide[i] = (double)x[i];
        return sn_ridge_predict(&m->ridge, wide);
    case SN_FAMILY_BOOSTED:
        return log(prior) + sn_boost_predict(&m->boost, x);
    case SN_FAMILY_ROOFLINE:
    case SN_FAMILIES:
        break;
    }
    return log(prior);
}

/* Far outside of what was measured a line in log space may end anywhere. */
static double bounded_exp(double x)
{
    return exp(fmax(-30.0, fmin(60.0, x)));
}

double sn_class_predict(const struct sn_class_model *m, const struct sn_unit *u)
{
    float x[SN_FEATURES];
    return bounded_exp(predict(m, u, x));
}

struct sn_estimate sn_estimator_predict(const struct sn_estimator *e,
                                        const struct sn_unit *u)
{
    const struct sn_class_model *m = &e->model[u->op];
    struct sn_estimate found = {0};
    float x[SN_FEATURES];
    SN_CHECK(m->present);
    found.seconds =
        1e-6 * sn_correct(&e->nets, u, bounded_exp(predict(m, u, x)));
    for (int i = 1; i < SN_FEATURES; i++) { /* 0 is the prior itself */
        const double under = (double)(m->low[i] - x[i]);
        const double over = (double)(x[i] - m->high[i]);
        const double beyond = fmax(under, over) / log(2.0);
        if (beyond > 1e-5 && beyond > found.beyond) {
            found.beyond = beyond;
            found.outside = sn_feature_name(i);
        }
    }
    return found;
}

double sn_estimator_constant(const struct sn_estimator *e)
{
    return 1e-6 * e->nets.constant;
}

void sn_class_release(struct sn_class_model *m)
{
    sn_ridge_release(&m->ridge);
    sn_boost_release(&m->boost);
    *m = (struct sn_class_model){0};
}

void sn_estimator_destroy(struct sn_estimator *e)
{
    for (int i = 0; e && i < SN_UNIT_OPS; i++)
        sn_class_release(&e->model[i]);
    if (e)
        sn_correction_release(&e->nets);
    free(e);
}

/* ---- the hash: FNV-1a over all that predictions depend on ---- */

static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static uint64_t hash_prior(uint64_t h, const struct sn_roofline *r)
{
    const int shape[] = {r->in_lanes, r->out_lanes, r->pixel_lanes,
                         r->dw_lanes, r->dw_pixels, r->dw_taps,
                         r->pack};
    h = hash(h, r->us, sizeof r->us);
    h = hash(h, &r->sharpness, sizeof r->sharpness);
    h = hash(h, &r->on_chip, sizeof r->on_chip);
    return hash(h, shape, sizeof shape);
}

static uint64_t hash_boost(uint64_t h, const struct sn_boost *b)
{
    h = hash(h, &b->bias, sizeof b->bias);
    for (int i = 0; b->root && i < b->root[b->trees]; i++) {
        const struct sn_boost_node *n = &b->node[i];
        h = hash(h, &n->edge, sizeof n->edge);
        h = hash(h, &n->column, sizeof n->column);
        h = hash(h, &n->left, sizeof n->left);
        h = hash(h, &n->value, sizeof n->value);
    }
    return h;
}

static uint64_t hash_correction(uint64_t h, const struct sn_correction *c)
{
    h = hash(h, &c->gain, sizeof c->gain);
    h = hash(h, &c->constant, sizeof c->constant);
    h = hash(h, &c->offset, sizeof c->offset);
    h = hash(h, c->share, sizeof c->share);
    for (int i = 0; i < c->points; i++) {
        const struct sn_unit *u = &c->point[i].unit;
        const int x[] = {(int)u->op, u->cin,      u->cout,   u->h,      u->w,
                         u->k,       u->stride,   u->groups, u->mid,    u->se,
                         u->batch,   (int)u->act, u->skip,   u->expands};
        h = hash(h, x, sizeof x);
        h = hash(h, &c->beta[i], sizeof c->beta[i]);
    }
    return h;
}

uint64_t sn_estimator_hash(const struct sn_estimator *e)
{
    uint64_t h = 0xcbf29ce484222325u;
    h = hash(h, e->device, strlen(e->device));
    h = hash(h, e->dtype, strlen(e->dtype));
    for (int i = 0; i < SN_UNIT_OPS; i++) {
        const struct sn_class_model *m = &e->model[i];
        if (!m->present)
            continue;
        h = hash(h, &i, sizeof i);
        h = hash(h, &m->family, sizeof m->family);
        h = hash_prior(h, &m->prior);
        h = hash(h, &m->ridge.bias, sizeof m->ridge.bias);
        h = hash(h, m->ridge.mean,
                 3 * (size_t)m->ridge.columns * sizeof *m->ridge.mean);
        h = hash_boost(h, &m->boost);
    }
    return hash_correction(h, &e->nets);
}
