/* Units and what they are made of (unit.h). */

#include "target/unit.h"

#include <string.h>

static const char *const op_name[SN_UNIT_OPS] = {
    [SN_UNIT_CONV] = "conv",       [SN_UNIT_DWCONV] = "dwconv",
    [SN_UNIT_IBN] = "ibn",         [SN_UNIT_FUSED] = "fused_ibn",
    [SN_UNIT_SKIP] = "skip",       [SN_UNIT_GAP] = "gap",
    [SN_UNIT_GAP_FC] = "gap_fc",   [SN_UNIT_FC] = "fc",
    [SN_UNIT_ADD] = "add",         [SN_UNIT_MAXPOOL] = "maxpool",
    [SN_UNIT_AVGPOOL] = "avgpool", [SN_UNIT_RESIZE] = "resize"};

static const char *const act_name[SN_UNIT_ACTS] = {[SN_UNIT_LINEAR] = "none",
                                                   [SN_UNIT_RELU] = "relu",
                                                   [SN_UNIT_RELU6] = "relu6",
                                                   [SN_UNIT_HSWISH] = "hswish",
                                                   [SN_UNIT_SWISH] = "swish"};

const char *sn_unit_op_name(sn_unit_op op)
{
    return op_name[op];
}

const char *sn_unit_act_name(sn_unit_act act)
{
    return act_name[act];
}

static int find(const char *const *names, int n, const char *word)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    return -1;
}

int sn_unit_op_find(const char *word)
{
    return find(op_name, SN_UNIT_OPS, word);
}

int sn_unit_act_find(const char *word)
{
    return find(act_name, SN_UNIT_ACTS, word);
}

struct sn_unit sn_unit_of_operator(const struct sn_operator *op)
{
    static const sn_unit_op unit[] = {[SN_OPERATOR_CONV] = SN_UNIT_CONV,
                                      [SN_OPERATOR_DWCONV] = SN_UNIT_DWCONV,
                                      [SN_OPERATOR_ADD] = SN_UNIT_ADD,
                                      [SN_OPERATOR_GAP] = SN_UNIT_GAP,
                                      [SN_OPERATOR_FC] = SN_UNIT_FC};
    return (struct sn_unit){.op = unit[op->kind],
                            .cin = op->cin,
                            .cout = op->cout,
                            .h = op->h,
                            .w = op->w,
                            .k = op->k,
                            .stride = op->stride,
                            .groups =
                                op->kind == SN_OPERATOR_DWCONV ? op->cin : 1,
                            .batch = 1,
                            .in_dram = op->in_dram,
                            .out_dram = op->out_dram};
}

struct sn_unit sn_unit_of_block(const struct sn_block_shape *b, sn_unit_act a)
{
    static const sn_unit_op unit[SN_OP_COUNT] = {[SN_OP_IBN] = SN_UNIT_IBN,
                                                 [SN_OP_FUSED] = SN_UNIT_FUSED,
                                                 [SN_OP_CONV] = SN_UNIT_CONV};
    return (struct sn_unit){.op = unit[b->op],
                            .cin = b->cin,
                            .cout = b->cout,
                            .h = b->h,
                            .w = b->w,
                            .k = b->k,
                            .stride = b->stride,
                            .groups = 1,
                            .mid = b->op == SN_OP_CONV ? 0 : b->e * b->cin,
                            .batch = 1,
                            .act = a,
                            .skip = b->stride == 1 && b->cin == b->cout,
                            .expands = b->op == SN_OP_IBN && b->e > 1};
}

/* ---- parts ---- */

/* A list under construction, with the side that the next part reads. */
struct parts {
    struct sn_part *item;
    int count;
    int h, w, batch;
};

static struct sn_part *push(struct parts *l, sn_part_kind kind, int cin,
                            int cout, int h, int w)
{
    struct sn_part *p = &l->item[l->count++];
    *p = (struct sn_part){.kind = kind,
                          .cin = cin,
                          .cout = cout,
                          .groups = 1,
                          .kernel = 1,
                          .stride = 1,
                          .taps = 1,
                          .pixels = (double)l->batch * h * w,
                          .in_rows = (double)l->batch * l->h,
                          .in = (double)l->batch * l->h * l->w * cin,
                          .out = (double)l->batch * h * w * cout};
    return p;
}

/* A convolution of all cin channels in `groups`, from the current side. */
static void conv(struct parts *l, int cin, int cout, int k, int stride,
                 int groups)
{
    const int h = sn_strided(l->h, stride), w = sn_strided(l->w, stride);
    const bool depthwise = groups > 1 && groups == cin && groups == cout;
    struct sn_part *p =
        push(l, depthwise ? SN_PART_DWCONV : SN_PART_CONV, cin, cout, h, w);
    p->kernel = k;
    p->stride = stride;
    p->taps = k * k;
    p->weights = (double)k * k * cin * cout / groups;
    if (!depthwise) {
        p->groups = groups;
        p->cin = (cin + groups - 1) / groups;
        p->cout = (cout + groups - 1) / groups;
    }
    l->h = h;
    l->w = w;
}

/* Element-wise work over the current side, `inputs` tensors to one. */
static void vector(struct parts *l, int c, int inputs)
{
    struct sn_part *p = push(l, SN_PART_VECTOR, c, c, l->h, l->w);
    p->in *= inputs;
    p->work = p->out;
}

static void pool(struct parts *l, const struct sn_unit *u)
{
    const int h = sn_strided(l->h, u->stride), w = sn_strided(l->w, u->stride);
    struct sn_part *p = push(l, SN_PART_VECTOR, u->cin, u->cin, h, w);
    p->taps = u->k * u->k;
    p->work = p->out * p->taps;
    l->h = h;
    l->w = w;
}

static void global_pool(struct parts *l, int c)
{
    struct sn_part *p = push(l, SN_PART_VECTOR, c, c, 1, 1);
    p->work = p->in;
}

static void linear(struct parts *l, int cin, int cout)
{
    l->h = l->w = 1;
    conv(l, cin, cout, 1, 1, 1);
}

/* Squeeze-and-excite on c channels of the current side: pool, two linear
 * layers, and every value scaled. */
static void squeeze(struct parts *l, int c, int se)
{
    const int first = l->count, h = l->h, w = l->w;
    const int narrow = se > 1 ? se : (c + 3) / 4;
    global_pool(l, c);
    linear(l, c, narrow);
    linear(l, narrow, c);
    l->h = h;
    l->w = w;
    vector(l, c, 1);
    for (int i = first; i < l->count; i++)
        l->item[i].squeezes = true;
}

static void block(struct parts *l, const struct sn_unit *u)
{
    const bool ibn = u->op == SN_UNIT_IBN;
    if (!ibn)
        conv(l, u->cin, u->mid, u->k, u->stride, 1);
    else if (u->expands)
        conv(l, u->cin, u->mid, 1, 1, u->groups);
    if (ibn)
        conv(l, u->mid, u->mid, u->k, u->stride, u->mid);
    if (u->se)
        squeeze(l, u->mid, u->se);
    conv(l, u->mid, u->cout, 1, 1, u->groups);
}

int sn_unit_parts(const struct sn_unit *u,
                  struct sn_part part[SN_UNIT_MAX_PARTS])
{
    struct parts l = {.item = part, .h = u->h, .w = u->w, .batch = u->batch};
    switch (u->op) {
    case SN_UNIT_CONV:
    case SN_UNIT_DWCONV:
        conv(&l, u->cin, u->cout, u->k, u->stride, u->groups);
        break;
    case SN_UNIT_IBN:
    case SN_UNIT_FUSED:
        block(&l, u);
        break;
    case SN_UNIT_SKIP:
        if (u->cin == u->cout && u->stride == 1)
            vector(&l, u->cin, 1);
        else
            conv(&l, u->cin, u->cout, 1, u->stride, 1);
        break;
    case SN_UNIT_GAP:
        global_pool(&l, u->cin);
        break;
    case SN_UNIT_GAP_FC:
        global_pool(&l, u->cin);
        linear(&l, u->cin, u->cout);
        break;
    case SN_UNIT_FC:
        linear(&l, u->cin, u->cout);
        break;
    case SN_UNIT_MAXPOOL:
    case SN_UNIT_AVGPOOL:
        pool(&l, u);
        break;
    case SN_UNIT_RESIZE:
        l.h *= 2;
        l.w *= 2;
        vector(&l, u->cin, 1);
        l.item[0].in /= 4;
        break;
    case SN_UNIT_ADD:
    case SN_UNIT_OPS:
        vector(&l, u->cin, 2);
        break;
    }
    part[0].in_dram = u->in_dram;
    part[l.count - 1].out_dram = u->out_dram;
    if (u->skip && u->op != SN_UNIT_ADD)
        vector(&l, u->cout, 2); /* always resident */
    return l.count;
}

double sn_part_macs(const struct sn_part *p)
{
    return p->pixels * p->weights;
}
