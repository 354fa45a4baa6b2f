/* A net part by part; see layers.h. */

#include "search/layers.h"

#include <stdio.h>

#include "search/derive.h"

/* Appends the parts of one unit; of `prefix` and a part's name one is not
 * empty.
 */
static void append(struct sn_net_parts *list, const char *prefix,
                   const struct sn_target_parts *parts)
{
    for (int i = 0; i < parts->count; i++) {
        struct sn_net_part *p = &list->item[list->count++];
        const char *name = parts->item[i].name;
        snprintf(p->name, sizeof p->name, "%s%s%s", prefix,
                 *prefix && *name ? "." : "", name);
        p->op = parts->item[i].op;
        p->cost = parts->item[i].cost;
        p->unit = parts->item[i].unit;
        p->outside = parts->item[i].outside;
        p->beyond = parts->item[i].beyond;
    }
}

static void append_block(struct sn_net_parts *list,
                         const struct sn_target *target,
                         const struct sn_block_shape *shape, int is, int ib)
{
    struct sn_target_parts parts;
    char prefix[40];
    snprintf(prefix, sizeof prefix, "stage.%d.block.%d.%s", is + 1, ib + 1,
             sn_block_op_name(shape->op));
    sn_target_block(&parts, target, shape);
    append(list, prefix, &parts);
}

void sn_net_parts(struct sn_net_parts *list, const struct sn_arch *arch,
                  const struct sn_target *target)
{
    struct sn_space space;
    struct sn_target_parts parts;
    int h = sn_strided(arch->h, arch->stem_stride);
    int w = sn_strided(arch->w, arch->stem_stride), c = arch->stem;
    sn_arch_space(&space, arch);
    list->count = 0;
    sn_target_stem(&parts, target, arch->h, arch->w, arch->c, arch->stem,
                   arch->stem_stride);
    append(list, "", &parts);
    for (int is = 0; is < arch->n_stages; is++) {
        const struct sn_arch_stage *s = &arch->stage[is];
        for (int ib = 0; ib < s->depth; ib++) {
            const struct sn_block b = s->block[ib];
            const struct sn_block_shape shape =
                sn_space_block(&space, is, ib, b.op, b.k, b.e);
            append_block(list, target, &shape, is, ib);
        }
        h = sn_strided(h, s->stride);
        w = sn_strided(w, s->stride);
        c = s->width;
    }
    sn_target_tail(&parts, target, h, w, c, arch->head, arch->classes);
    append(list, "", &parts);
    list->constant = sn_target_constant(target);
    sn_arch_cost(&list->total, arch, target);
}

const char *sn_operator_text(char buf[SN_OPERATOR_TEXT],
                             const struct sn_operator *op)
{
    char stride[16] = "";
    if (op->stride > 1)
        snprintf(stride, sizeof stride, " s%d", op->stride);
    switch (op->kind) {
    case SN_OPERATOR_CONV:
    case SN_OPERATOR_DWCONV:
        snprintf(buf, SN_OPERATOR_TEXT, "%s%dx%d%s",
                 op->kind == SN_OPERATOR_DWCONV ? "dw " : "", op->k, op->k,
                 stride);
        break;
    case SN_OPERATOR_ADD:
        snprintf(buf, SN_OPERATOR_TEXT, "add");
        break;
    case SN_OPERATOR_GAP:
        snprintf(buf, SN_OPERATOR_TEXT, "mean");
        break;
    case SN_OPERATOR_FC:
        snprintf(buf, SN_OPERATOR_TEXT, "fc");
        break;
    }
    return buf;
}
