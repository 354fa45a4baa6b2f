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

#include "base/hash.h"
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

const char *sn_estimator_kernels(const struct sn_estimator *e)
{
    return e->kernels;
}

bool sn_estimator_has(const struct sn_estimator *e, sn_unit_op op)
{
    return e->model[op].present;
}

/* What was measured is known as a range.  A relu is asked for first: where both
 * ends of a range are measured, what lies between may not be. */
sn_unit_act sn_estimator_act(const struct sn_estimator *e, sn_unit_op op,
                             sn_unit_act act)
{
    static const sn_unit_act like[SN_UNIT_ACTS][2] = {
        [SN_UNIT_LINEAR] = {SN_UNIT_LINEAR, SN_UNIT_LINEAR},
        [SN_UNIT_RELU] = {SN_UNIT_RELU, SN_UNIT_RELU6},
        [SN_UNIT_RELU6] = {SN_UNIT_RELU, SN_UNIT_RELU6},
        [SN_UNIT_HSWISH] = {SN_UNIT_HSWISH, SN_UNIT_SWISH},
        [SN_UNIT_SWISH] = {SN_UNIT_SWISH, SN_UNIT_HSWISH}};
    const struct sn_class_model *m = &e->model[op];
    for (int i = 0; i < 2; i++) {
        const float x = (float)like[act][i];
        if (m->present && x >= m->low[SN_FEATURE_ACT] &&
            x <= m->high[SN_FEATURE_ACT])
            return like[act][i];
    }
    return m->present ? SN_UNIT_LINEAR : act;
}

bool sn_estimator_skips(const struct sn_estimator *e, sn_unit_op op)
{
    return e->model[op].present && e->model[op].high[SN_FEATURE_SKIP] > 0.0F;
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
    for (int i = 1; i < SN_FEATURE_SIZES; i++) { /* 0 is the prior itself */
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

double sn_estimator_error(const struct sn_estimator *e)
{
    double worst = e->nets_mape;
    for (int i = 0; i < SN_UNIT_OPS && isnan(e->nets_mape); i++)
        if (e->model[i].present)
            worst = fmax(worst, e->model[i].mape); /* passes over a NaN */
    return worst;
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

/* ---- the hash: of all that predictions depend on ---- */

static uint64_t hash_prior(uint64_t h, const struct sn_roofline *r)
{
    const int shape[] = {r->in_lanes, r->out_lanes, r->pixel_lanes,
                         r->dw_lanes, r->dw_pixels, r->dw_taps,
                         r->pack};
    h = sn_hash(h, r->us, sizeof r->us);
    h = sn_hash(h, &r->sharpness, sizeof r->sharpness);
    h = sn_hash(h, &r->on_chip, sizeof r->on_chip);
    return sn_hash(h, shape, sizeof shape);
}

static uint64_t hash_boost(uint64_t h, const struct sn_boost *b)
{
    h = sn_hash(h, &b->bias, sizeof b->bias);
    for (int i = 0; b->root && i < b->root[b->trees]; i++) {
        const struct sn_boost_node *n = &b->node[i];
        h = sn_hash(h, &n->edge, sizeof n->edge);
        h = sn_hash(h, &n->column, sizeof n->column);
        h = sn_hash(h, &n->left, sizeof n->left);
        h = sn_hash(h, &n->value, sizeof n->value);
    }
    return h;
}

static uint64_t hash_correction(uint64_t h, const struct sn_correction *c)
{
    h = sn_hash(h, &c->gain, sizeof c->gain);
    h = sn_hash(h, &c->constant, sizeof c->constant);
    h = sn_hash(h, &c->offset, sizeof c->offset);
    h = sn_hash(h, c->share, sizeof c->share);
    for (int i = 0; i < c->points; i++) {
        const struct sn_unit *u = &c->point[i].unit;
        const int x[] = {(int)u->op, u->cin,      u->cout,   u->h,      u->w,
                         u->k,       u->stride,   u->groups, u->mid,    u->se,
                         u->batch,   (int)u->act, u->skip,   u->expands};
        h = sn_hash(h, x, sizeof x);
        h = sn_hash(h, &c->beta[i], sizeof c->beta[i]);
    }
    return h;
}

uint64_t sn_estimator_hash(const struct sn_estimator *e)
{
    uint64_t h = SN_HASH_START;
    h = sn_hash(h, e->device, strlen(e->device));
    h = sn_hash(h, e->dtype, strlen(e->dtype));
    h = sn_hash(h, e->kernels, strlen(e->kernels));
    for (int i = 0; i < SN_UNIT_OPS; i++) {
        const struct sn_class_model *m = &e->model[i];
        if (!m->present)
            continue;
        h = sn_hash(h, &i, sizeof i);
        h = sn_hash(h, &m->family, sizeof m->family);
        h = hash_prior(h, &m->prior);
        h = sn_hash(h, &m->ridge.bias, sizeof m->ridge.bias);
        h = sn_hash(h, m->ridge.mean,
                    3 * (size_t)m->ridge.columns * sizeof *m->ridge.mean);
        h = hash_boost(h, &m->boost);
    }
    return hash_correction(h, &e->nets);
}
