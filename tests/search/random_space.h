#ifndef SN_TESTS_SEARCH_RANDOM_SPACE_H
#define SN_TESTS_SEARCH_RANDOM_SPACE_H

/* Small random spaces, and all nets of one: the oracle of the search tests. */

#include "base/rng.h"
#include "check.h"
#include "search/derive.h"
#include "target/target.h"

/* A stream of small random integers; `at` counts the draws. */
struct dice {
    struct sn_rng rng;
    uint32_t item;
    uint64_t at;
};

static inline struct dice dice_make(uint32_t item)
{
    return (struct dice){.rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC),
                         .item = item};
}

/* lowest .. highest */
static inline int dice_roll(struct dice *d, int lowest, int highest)
{
    const uint32_t n = (uint32_t)(highest - lowest + 1);
    return lowest + (int)sn_rng_below(d->rng, 7, d->item, d->at++, n);
}

static inline double dice_normal(struct dice *d)
{
    return sn_rng_normal(d->rng, 8, d->item, d->at++);
}

/* n ascending numbers from a pool of `size` ascending ones. */
static inline void dice_subset(struct dice *d, int *out, int n, const int *pool,
                               int size)
{
    for (int i = 0; i < size && n > 0; i++)
        if (dice_roll(d, 1, size - i) <= n) {
            *out++ = pool[i];
            n--;
        }
}

static inline void random_block(struct dice *d, struct sn_block_space *b)
{
    static const int kernels[] = {3, 5, 7}, expansions[] = {2, 3, 4, 6};
    b->n_op = dice_roll(d, 1, SN_OP_COUNT);
    const int first = dice_roll(d, 0, SN_OP_COUNT - 1);
    for (int i = 0; i < b->n_op; i++)
        b->op[i] = (sn_block_op)((first + i) % SN_OP_COUNT);
    for (int i = 0; i < b->n_op; i++) {
        struct sn_op_space *of = &b->of[b->op[i]];
        of->n_k = dice_roll(d, 1, 2);
        of->n_e = dice_roll(d, 1, 2);
        dice_subset(d, of->k, of->n_k, kernels, 3);
        dice_subset(d, of->e, of->n_e, expansions, 4);
        if (b->op[i] == SN_OP_CONV)
            of->n_e = of->e[0] = 1;
        if (i == 0 || dice_roll(d, 0, 1))
            b->star =
                (struct sn_block){b->op[i], of->k[dice_roll(d, 0, of->n_k - 1)],
                                  of->e[dice_roll(d, 0, of->n_e - 1)]};
    }
}

static inline void random_space(struct dice *d, struct sn_space *space,
                                int max_stages, int max_depth)
{
    static const int depths[] = {1, 2, 3, 4};
    *space = (struct sn_space){.h = dice_roll(d, 1, 20),
                               .w = dice_roll(d, 1, 20),
                               .c = dice_roll(d, 1, 4),
                               .classes = dice_roll(d, 2, 12),
                               .stem = 4 * dice_roll(d, 1, 4),
                               .stem_stride = dice_roll(d, 1, 2),
                               .head = 16 * dice_roll(d, 0, 2),
                               .act = SN_ACT_RELU,
                               .n_stages = dice_roll(d, 1, max_stages)};
    for (int is = 0; is < space->n_stages; is++) {
        struct sn_stage_space *s = &space->stage[is];
        s->width = 4 * dice_roll(d, 1, 4);
        s->stride = dice_roll(d, 1, 2);
        s->n_depth = dice_roll(d, 1, max_depth);
        dice_subset(d, s->depth, s->n_depth, depths, max_depth);
        s->star_depth = s->depth[dice_roll(d, 0, s->n_depth - 1)];
        for (int ib = 0; ib < s->depth[s->n_depth - 1]; ib++)
            random_block(d, &s->block[ib]);
    }
}

/* Lists to make frames of. */
static inline void random_frames(struct dice *d, struct sn_space *space)
{
    struct sn_frame_space *f = &space->frame;
    const int side = dice_roll(d, 5, 20);
    *f = (struct sn_frame_space){.n_input = dice_roll(d, 0, 2),
                                 .input = {side, side + 3},
                                 .n_multiplier = dice_roll(d, 0, 2),
                                 .multiplier = {700, 1000},
                                 .n_output_stride = dice_roll(d, 0, 2),
                                 .output_stride = {2, 4},
                                 .stem = space->stem,
                                 .step = 1};
    for (int is = 0; is < space->n_stages; is++) {
        f->n_width[is] = dice_roll(d, 1, 2);
        f->width[is][0] = dice_roll(d, 2, 8);
        f->width[is][1] = f->width[is][0] + 5;
        f->stride[is] = space->stage[is].stride;
    }
    sn_space_settle(space, 0);
}

/* Steps `choice` to the space's next net in the order of options listed, with
 * 0 for every decision the net does not meet; false after the last. */
static inline bool next_net(const struct sn_space *space,
                            const struct sn_decisions *d, int *choice)
{
    for (int id = d->count - 1; id >= 0; id--) {
        const struct sn_decision *x = &d->item[id];
        const struct sn_stage_space *s = &space->stage[x->stage];
        bool met = true;
        if (x->kind != SN_DECIDE_DEPTH) {
            const int *op = &choice[d->op[x->stage][x->block]];
            met = x->block < s->depth[choice[d->depth[x->stage]]];
            if (x->kind != SN_DECIDE_OP)
                met = met && s->block[x->block].op[*op] == x->op;
        }
        if (met && choice[id] + 1 < x->n) {
            choice[id]++;
            return true;
        }
        choice[id] = 0;
    }
    return false;
}

static inline void random_choice(struct dice *dice,
                                 const struct sn_decisions *d, int *choice)
{
    for (int id = 0; id < d->count; id++)
        choice[id] = dice_roll(dice, 0, d->item[id].n - 1);
}

/* What derivation makes largest: the sum of the values of a net's options. */
static inline double net_worth(const struct sn_space *space,
                               const struct sn_decisions *d,
                               const double *value, const int *choice)
{
    double worth = 0.0;
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        const int i = choice[d->depth[is]];
        worth += value[d->item[d->depth[is]].first + i];
        for (int ib = 0; ib < s->depth[i]; ib++) {
            const int io = choice[d->op[is][ib]];
            const sn_block_op op = s->block[ib].op[io];
            const int k = d->k[is][ib][op], e = d->e[is][ib][op];
            worth += value[d->item[d->op[is][ib]].first + io] +
                     value[d->item[k].first + choice[k]] +
                     value[d->item[e].first + choice[e]];
        }
    }
    return worth;
}

/* An accelerator on which small nets spill. */
static inline struct sn_target small_target(void)
{
    const struct sn_npu npu = {.name = "small",
                               .clock = {.set = true, .value = 1e8},
                               .in_lanes = 4,
                               .out_lanes = 4,
                               .pixel_lanes = 2,
                               .dw_lanes = 4,
                               .dw_taps = 1,
                               .vector_lanes = 8,
                               .pack_input = true,
                               .on_chip = {.set = true, .value = 4096},
                               .on_chip_bandwidth = 16,
                               .dram_bandwidth = 1,
                               .launch = 20,
                               .weight_bytes = 1,
                               .value_bytes = 1,
                               .slowdown = 1,
                               .weight_compression = 1};
    return (struct sn_target){.kind = SN_TARGET_NPU, .npu = npu};
}

#endif
