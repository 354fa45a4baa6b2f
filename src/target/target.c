/* What the parts of a net cost on a device; see target.h. */

#include "target/target.h"

#include <math.h>
#include <stdio.h>

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
    *t = (struct sn_target){.kind = SN_TARGET_CPU, .estimator = estimator};
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

void sn_target_release(struct sn_target *t)
{
    sn_estimator_destroy(t->estimator);
    t->estimator = NULL;
}

static double estimate(const struct sn_target *t, const struct sn_unit *u)
{
    return sn_estimator_has(t->estimator, u->op)
               ? sn_estimator_predict(t->estimator, u).seconds
               : (double)NAN;
}

/* An operator as it was measured: with its activation, but for the last one. */
static double estimate_operator(const struct sn_target *t,
                                const struct sn_operator *op)
{
    struct sn_unit u = sn_unit_of_operator(op);
    u.act =
        op->kind == SN_OPERATOR_FC ? SN_UNIT_LINEAR : sn_unit_act_of(t->act);
    u.in_dram = u.out_dram = false;
    return estimate(t, &u);
}

void sn_target_operator(struct sn_cost *cost, const struct sn_target *t,
                        const struct sn_operator *op)
{
    sn_npu_cost(cost, &t->npu, op);
    if (t->kind == SN_TARGET_CPU)
        cost->seconds = estimate_operator(t, op);
}

static void price(struct sn_target_parts *parts, const struct sn_target *t,
                  const struct sn_block_operators *ops)
{
    parts->count = ops->count;
    for (int i = 0; i < ops->count; i++) {
        struct sn_target_part *p = &parts->item[i];
        p->name = ops->part[i];
        p->op = ops->item[i];
        sn_operators_cost_of(&p->cost, &t->npu, ops, i);
        if (t->kind == SN_TARGET_CPU)
            p->cost.seconds = estimate_operator(t, &p->op);
    }
}

/* The part that stands for a block shows its middle: what is k x k. */
static void price_whole(struct sn_target_parts *parts,
                        const struct sn_target *t,
                        const struct sn_block_shape *shape,
                        const struct sn_block_operators *ops)
{
    const struct sn_unit u = sn_unit_of_block(shape, sn_unit_act_of(t->act));
    struct sn_target_part *p = &parts->item[0];
    parts->count = 1;
    p->name = "";
    p->op = (struct sn_operator){.kind = SN_OPERATOR_CONV,
                                 .cin = shape->cin,
                                 .cout = shape->cout,
                                 .h = shape->h,
                                 .w = shape->w,
                                 .k = shape->k,
                                 .stride = shape->stride};
    sn_operators_cost(&p->cost, &t->npu, ops);
    p->cost.seconds = estimate(t, &u);
}

void sn_target_block(struct sn_target_parts *parts, const struct sn_target *t,
                     const struct sn_block_shape *shape)
{
    struct sn_block_operators ops;
    sn_block_operators(&ops, &t->npu, shape);
    if (t->kind == SN_TARGET_CPU)
        price_whole(parts, t, shape, &ops);
    else
        price(parts, t, &ops);
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
