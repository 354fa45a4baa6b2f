/* The nets of the step bench; see nets.h. */

#include "bench/nets.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "target/block.h"

enum { CLASSES = 10, STAGES = 7, SEED = 1, MOST_BYTES = 1 << 20 };

static const int layout[STAGES][4] = {
    {1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
static const int strides_d[STAGES] = {1, 2, 2, 2, 1, 2, 1};

static const struct sn_block choices_c[] = {{SN_OP_IBN, 3, 3},
                                            {SN_OP_IBN, 5, 3},
                                            {SN_OP_IBN, 3, 6},
                                            {SN_OP_IBN, 5, 6},
                                            {SN_OP_FUSED, 3, 4}};
enum { CHOICES_C = sizeof choices_c / sizeof *choices_c };

void sn_net_arch(struct sn_arch *arch, char net)
{
    const bool large = net == 'D';
    *arch = (struct sn_arch){.h = large ? 96 : 32,
                             .w = large ? 96 : 32,
                             .c = 3,
                             .classes = CLASSES,
                             .act = SN_ACT_RELU6,
                             .stem = 16,
                             .stem_stride = large ? 2 : 1,
                             .n_stages = STAGES,
                             .head = 1280};
    for (int is = 0; is < STAGES; is++) {
        struct sn_arch_stage *st = &arch->stage[is];
        st->width = layout[is][1];
        st->depth = layout[is][2];
        st->stride = large ? strides_d[is] : layout[is][3];
        for (int ib = 0; ib < st->depth; ib++)
            st->block[ib] =
                net == 'B' && is < 3
                    ? (struct sn_block){SN_OP_FUSED, 3, 4}
                    : (struct sn_block){SN_OP_IBN, 3, layout[is][0]};
    }
}

/* What every block of net C offers. */
static struct sn_block_space offer_c(void)
{
    struct sn_block_space b = {.n_op = 2, .op = {SN_OP_IBN, SN_OP_FUSED}};
    b.of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 2, .k = {3, 5}, .n_e = 2, .e = {3, 6}};
    b.of[SN_OP_FUSED] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 1, .e = {4}};
    return b;
}

void sn_net_space(struct sn_space *space, const struct sn_arch *arch, char net)
{
    sn_arch_space(space, arch);
    for (int is = 0; is < STAGES && net == 'C'; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++)
            space->stage[is].block[ib] = offer_c();
}

void sn_net_draw(struct sn_arch *arch, int step)
{
    const struct sn_rng rng = sn_rng_make(SEED, SN_RNG_SAMPLE);
    uint32_t item = 0;
    for (int is = 0; is < STAGES; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++)
            arch->stage[is].block[ib] = choices_c[sn_rng_below(
                rng, (uint32_t)step, item++, 0, CHOICES_C)];
}

sn_status sn_net_read(struct sn_arch *arch, const char *path,
                      struct sn_error *err)
{
    char *text;
    size_t bytes;
    SN_TRY(sn_file_read(path, MOST_BYTES, &text, &bytes, err));
    const sn_status rc = sn_arch_parse(arch, text, path, err);
    free(text);
    return rc;
}

/* ---- work ---- */

static void add_operator(struct sn_net_work *work, const struct sn_operator *op,
                         int passes)
{
    const double x = (double)op->h * op->w * op->cin;
    const double y = (double)sn_operator_pixels(op) * op->cout;
    if (op->kind == SN_OPERATOR_ADD)
        return;
    work->flop += 2.0 * passes * sn_operator_macs(op);
    work->bytes += (double)sizeof(float) * ((passes == 3 ? 3 : 2) * x + 3 * y);
}

static void add_block(struct sn_net_work *work,
                      const struct sn_block_shape *shape)
{
    const struct sn_npu anywhere = {.value_bytes = 1};
    struct sn_block_operators ops = {0};
    sn_block_operators(&ops, &anywhere, shape);
    for (int i = 0; i < ops.count; i++)
        add_operator(work, &ops.item[i], 3);
}

static void add_blocks(struct sn_net_work *work, const struct sn_arch *arch)
{
    struct sn_space space;
    sn_arch_space(&space, arch);
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block b = arch->stage[is].block[ib];
            const struct sn_block_shape shape =
                sn_space_block(&space, is, ib, b.op, b.k, b.e);
            add_block(work, &shape);
        }
}

struct sn_net_work sn_net_work_of(const struct sn_arch *arch)
{
    const struct sn_operator stem = {.kind = SN_OPERATOR_CONV,
                                     .cin = arch->c,
                                     .cout = arch->stem,
                                     .h = arch->h,
                                     .w = arch->w,
                                     .k = 3,
                                     .stride = arch->stem_stride};
    const int width = arch->stage[arch->n_stages - 1].width;
    struct sn_net_work work = {0, 0};
    struct sn_operator head = {.kind = SN_OPERATOR_CONV,
                               .cin = width,
                               .cout = arch->head,
                               .h = sn_strided(arch->h, arch->stem_stride),
                               .w = sn_strided(arch->w, arch->stem_stride),
                               .k = 1,
                               .stride = 1};
    for (int is = 0; is < arch->n_stages; is++) {
        head.h = sn_strided(head.h, arch->stage[is].stride);
        head.w = sn_strided(head.w, arch->stage[is].stride);
    }
    const struct sn_operator linear = {.kind = SN_OPERATOR_FC,
                                       .cin = arch->head ? arch->head : width,
                                       .cout = arch->classes,
                                       .h = 1,
                                       .w = 1,
                                       .k = 1,
                                       .stride = 1};
    add_operator(&work, &stem, 2); /* an image wants no gradient */
    add_blocks(&work, arch);
    if (arch->head)
        add_operator(&work, &head, 3);
    add_operator(&work, &linear, 3);
    return work;
}
