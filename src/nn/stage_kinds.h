#ifndef SN_NN_STAGE_KINDS_H
#define SN_NN_STAGE_KINDS_H

/* What stage.c and the three kinds of stages share; nobody else includes it. */

#include "nn/stage.h"

/* One unit of one pass, on the thread that runs it. */
struct sn_work {
    int u;
    const struct sn_kernels *k;
    const struct sn_scratch *scratch;
    sn_mode mode;
    bool weights; /* this stage's weight gradient is wanted */
};

typedef void sn_stage_unit_fn(struct sn_stage *s, const struct sn_work *unit);

struct sn_stage_way {
    /* Settles s->step, raises the need of scratch. */
    void (*plan)(struct sn_stage *s, struct sn_plan *plan);
    sn_stage_unit_fn *fwd, *bwd;
    /* Whether its products may be of pairs, as shapes go. */
    bool (*takes_pairs)(const struct sn_stage *s);
};

extern const struct sn_stage_way sn_stage_point, sn_stage_dense, sn_stage_depth;

/* What a pass holds in a thread's scratch at a time, in values: a part of a
 * second-level cache of 1 MiB that leaves room for what it reads from and
 * writes to. */
enum { SN_STEP_VALUES = 48 * 1024 };

/* Values, or words of two, between rows of scratch that a product reads down
 * their columns: an odd number of cache lines, so that rows of a power of two
 * of channels do not meet in one set of a cache. */
static inline ptrdiff_t sn_apart(int channels)
{
    return ((channels + SN_LANES - 1) / SN_LANES | 1) * (ptrdiff_t)SN_LANES;
}

/* Units hold images [first, next). */
struct sn_images {
    int first, next;
};

static inline struct sn_images sn_unit_images(const struct sn_stage *s,
                                              const struct sn_work *unit)
{
    const int n = s->in->n;
    return (struct sn_images){sn_unit_first(n, unit->u),
                              sn_unit_first(n, unit->u + 1)};
}

/* Rows of x that `rows` output rows of a k x k convolution read; most rows of
 * dy that backward reads to give what these bring. */
static inline int sn_stage_x_rows(const struct sn_stage *s, int rows)
{
    return (rows - 1) * s->window.stride + s->window.k;
}

static inline int sn_stage_dy_rows(const struct sn_stage *s, int rows)
{
    return rows + s->window.k;
}

/* Where the unit's weight gradient goes: [rows, cols] of the weight. */
static inline sn_real *sn_unit_slot(const struct sn_stage *s,
                                    const struct sn_work *unit)
{
    return s->slots + (size_t)unit->u * s->slot_values;
}

/* Whether dx is added to what is there. */
static inline int sn_stage_adds(const struct sn_stage *s)
{
    return s->in_adds || sn_tensor_adds(s->in);
}

/* The epilogues, of `count` pixels from `pixel` on; the last of several stages
 * that write the same does their work. */
static inline void sn_stage_wrote(const struct sn_stage *s,
                                  const struct sn_work *unit, ptrdiff_t pixel,
                                  ptrdiff_t count)
{
    if (!s->out_more)
        sn_tensor_wrote(unit->k, s->out, unit->u, pixel, count, unit->mode);
}

static inline void sn_stage_added(const struct sn_stage *s,
                                  const struct sn_work *unit, ptrdiff_t pixel,
                                  ptrdiff_t count)
{
    if (!s->in_more)
        sn_tensor_added(unit->k, s->in, unit->u, pixel, count);
}

static inline void sn_stage_multiply(const struct sn_stage *s,
                                     const struct sn_kernels *k,
                                     const struct sn_product *p)
{
    if (s->pairs)
        k->product_pairs(p);
    else
        k->product(p);
}

static inline int sn_least(int a, int b)
{
    return a < b ? a : b;
}

static inline int sn_most(int a, int b)
{
    return a > b ? a : b;
}

#endif
