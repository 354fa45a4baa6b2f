/* What the parts of a net cost on a device; see target.h. */

#include "target/target.h"

const char *sn_target_name(const struct sn_target *t)
{
    return t->npu.name;
}

int sn_target_lanes(const struct sn_target *t)
{
    return t->npu.out_lanes;
}

void sn_target_operator(struct sn_cost *cost, const struct sn_target *t,
                        const struct sn_operator *op)
{
    sn_npu_cost(cost, &t->npu, op);
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
    }
}

void sn_target_block(struct sn_target_parts *parts, const struct sn_target *t,
                     const struct sn_block_shape *shape)
{
    struct sn_block_operators ops;
    sn_block_operators(&ops, &t->npu, shape);
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
