/* What the parts of a net cost on a device; see target.h. */

#include "target/target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/estimator.h"
#include "target/measure.h"

const char *sn_target_name(const struct sn_target *t)
{
    return t->npu.name;
}

int sn_target_lanes(const struct sn_target *t)
{
    return t->npu.out_lanes;
}

void sn_target_cpu(struct sn_target *t, struct sn_estimator *estimator)
{
    *t = (struct sn_target){
        .kind = SN_TARGET_CPU, .estimator = estimator, .batch = 1};
    t->npu.clock.value = 1; /* its cycles are not looked at */
    t->npu.in_lanes = t->npu.out_lanes = 16;
    t->npu.pixel_lanes = t->npu.dw_lanes = t->npu.dw_taps = 1;
    t->npu.vector_lanes = 1;
    t->npu.on_chip.value = INFINITY;
    t->npu.on_chip_bandwidth = t->npu.dram_bandwidth = 1;
    t->npu.weight_bytes = t->npu.value_bytes = sizeof(float);
    t->npu.slowdown = t->npu.weight_compression = 1;
    snprintf(t->npu.name, sizeof t->npu.name, "%s",
             sn_estimator_device(estimator));
}

static int bits_of(const char *dtype)
{
    const size_t head = strcspn(dtype, "0123456789");
    const long bits = strtol(dtype + head, NULL, 10);
    return bits >= 1 && bits <= 64 ? (int)bits : 32;
}

void sn_target_table(struct sn_target *t, struct sn_estimator *estimator, int p,
                     int batch)
{
    sn_target_cpu(t, estimator);
    t->kind = SN_TARGET_TABLE;
    t->batch = batch;
    if (!t->npu.name[0])
        snprintf(t->npu.name, sizeof t->npu.name, "table");
    t->npu.in_lanes = t->npu.out_lanes = p;
    t->npu.weight_bytes = t->npu.value_bytes =
        bits_of(sn_estimator_dtype(estimator)) / 8.0;
}

void sn_target_release(struct sn_target *t)
{
    sn_estimator_destroy(t->estimator);
    t->estimator = NULL;
}

double sn_target_constant(const struct sn_target *t)
{
    return t->estimator ? sn_estimator_constant(t->estimator) : 0.0;
}

/* ---- by measurements ---- */

static bool has(const struct sn_target *t, sn_unit_op op)
{
    return sn_estimator_has(t->estimator, op);
}

/* Seconds of a part that is this unit; those of a table at its batch, with the
 * activation that it has for the net's. */
static void estimate(struct sn_target_part *p, const struct sn_target *t,
                     struct sn_unit u)
{
    p->unit = u.op;
    p->cost.seconds = (double)NAN;
    p->outside = NULL;
    p->beyond = 0.0;
    if (!has(t, u.op))
        return;
    if (t->kind == SN_TARGET_TABLE) {
        u.batch = t->batch;
        u.act = sn_estimator_act(t->estimator, u.op, u.act);
    }
    const struct sn_estimate e = sn_estimator_predict(t->estimator, &u);
    p->cost.seconds = e.seconds;
    p->outside = e.outside;
    p->beyond = e.beyond;
}

/* An operator as it was measured: with its activation, but for the last one. */
static struct sn_unit unit_of(const struct sn_target *t,
                              const struct sn_operator *op)
{
    struct sn_unit u = sn_unit_of_operator(op);
    u.act =
        op->kind == SN_OPERATOR_FC ? SN_UNIT_LINEAR : sn_unit_act_of(t->act);
    u.in_dram = u.out_dram = false;
    return u;
}

void sn_target_operator(struct sn_cost *cost, const struct sn_target *t,
                        const struct sn_operator *op)
{
    struct sn_target_part p = {.op = *op};
    sn_npu_cost(&p.cost, &t->npu, op);
    if (t->kind != SN_TARGET_NPU)
        estimate(&p, t, unit_of(t, op));
    *cost = p.cost;
}

/* Whether the operators i and i + 1 are priced as one: what a table has only
 * joined. */
static bool is_joined(const struct sn_target *t,
                      const struct sn_block_operators *ops, int i)
{
    if (t->kind != SN_TARGET_TABLE || i + 1 >= ops->count)
        return false;
    const sn_operator_kind kind = ops->item[i].kind,
                           next = ops->item[i + 1].kind;
    if (kind == SN_OPERATOR_GAP && next == SN_OPERATOR_FC)
        return has(t, SN_UNIT_GAP_FC) &&
               !(has(t, SN_UNIT_GAP) && has(t, SN_UNIT_FC));
    if (kind == SN_OPERATOR_CONV && next == SN_OPERATOR_ADD)
        return !has(t, SN_UNIT_ADD) &&
               sn_estimator_skips(t->estimator, SN_UNIT_CONV);
    return false;
}

/* Operator i, or with the next one where they are joined. */
static struct sn_unit unit_at(const struct sn_target *t,
                              const struct sn_block_operators *ops, int i,
                              bool joined)
{
    struct sn_unit u = unit_of(t, &ops->item[i]);
    if (joined && u.op == SN_UNIT_GAP) {
        u.op = SN_UNIT_GAP_FC;
        u.cout = ops->item[i + 1].cout;
        u.act = SN_UNIT_LINEAR;
    } else if (joined) {
        u.skip = true;
    }
    return u;
}

static void price(struct sn_target_parts *parts, const struct sn_target *t,
                  const struct sn_block_operators *ops)
{
    parts->count = 0;
    for (int i = 0; i < ops->count; i++) {
        struct sn_target_part *p = &parts->item[parts->count++];
        const bool joined = is_joined(t, ops, i);
        *p = (struct sn_target_part){.name = ops->part[i], .op = ops->item[i]};
        sn_operators_cost_of(&p->cost, &t->npu, ops, i);
        if (joined) {
            struct sn_cost next;
            sn_operators_cost_of(&next, &t->npu, ops, i + 1);
            sn_cost_add(&p->cost, &next);
            p->op.cout = ops->item[i + 1].cout;
        }
        if (t->kind != SN_TARGET_NPU)
            estimate(p, t, unit_at(t, ops, i, joined));
        i += joined;
    }
}

/* The part that stands for a block shows its middle: what is k x k. */
static void price_whole(struct sn_target_parts *parts,
                        const struct sn_target *t,
                        const struct sn_block_shape *shape,
                        const struct sn_block_operators *ops)
{
    struct sn_target_part *p = &parts->item[0];
    parts->count = 1;
    *p = (struct sn_target_part){.name = "",
                                 .op = {.kind = SN_OPERATOR_CONV,
                                        .cin = shape->cin,
                                        .cout = shape->cout,
                                        .h = shape->h,
                                        .w = shape->w,
                                        .k = shape->k,
                                        .stride = shape->stride}};
    sn_operators_cost(&p->cost, &t->npu, ops);
    estimate(p, t, sn_unit_of_block(shape, sn_unit_act_of(t->act)));
}

/* Whether every part has a price. */
static bool are_priced(const struct sn_target_parts *parts)
{
    for (int i = 0; i < parts->count; i++)
        if (isnan(parts->item[i].cost.seconds))
            return false;
    return true;
}

void sn_target_block(struct sn_target_parts *parts, const struct sn_target *t,
                     const struct sn_block_shape *shape)
{
    struct sn_block_operators ops;
    sn_block_operators(&ops, &t->npu, shape);
    const sn_unit_op class = sn_unit_of_block(shape, SN_UNIT_LINEAR).op;
    /* a convolution and its residual may be two rows, or one: price() knows */
    const bool whole =
        t->kind == SN_TARGET_CPU ||
        (t->kind == SN_TARGET_TABLE && class != SN_UNIT_CONV && has(t, class));
    if (!whole)
        price(parts, t, &ops);
    if (whole || !are_priced(parts)) /* then it is the block that is lacking */
        price_whole(parts, t, shape, &ops);
}

void sn_target_stem(struct sn_target_parts *parts, const struct sn_target *t,
                    int h, int w, int c, int cout, int stride)
{
    struct sn_block_operators ops;
    sn_stem_operators(&ops, &t->npu, h, w, c, cout, stride);
    price(parts, t, &ops);
}

void sn_target_tail(struct sn_target_parts *parts, const struct sn_target *t,
                    int h, int w, int c, int head, int classes)
{
    struct sn_block_operators ops;
    sn_tail_operators(&ops, &t->npu, h, w, c, head, classes);
    price(parts, t, &ops);
}

void sn_target_parts_cost(struct sn_cost *cost,
                          const struct sn_target_parts *parts)
{
    *cost = (struct sn_cost){0};
    for (int i = 0; i < parts->count; i++)
        sn_cost_add(cost, &parts->item[i].cost);
}
