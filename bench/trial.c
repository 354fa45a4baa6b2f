/* One convolution as a stage between two tensors; see trial.h.
 *
 * Fused, the two tensors get their pending batch-norm in the way that they get
 * it in a net: a 1x1 stage before writes the input, one behind reads the output
 * and leaves its gradient.  Both run once, while the trial is set up. */

#include "bench/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "kernels/bf16.h"

enum { NARROW = 16, SEED = 1 }; /* channels at the outer ends when fused */

struct sn_trial {
    const struct sn_kernels *k;
    struct sn_arena arena;
    bool fused, bf16;
    struct sn_stage stage, before, after;
    struct sn_tensor in, out, first, last; /* first -> in -> out -> last */
    struct sn_bn in_bn, out_bn;
    struct sn_weight weight, before_weight, after_weight;
    struct sn_scratch *scratch; /* [threads] owned */
    int threads;
};

static sn_stage_kind kind_of(const struct sn_shape *s)
{
    if (sn_shape_class_of(s) == SN_SHAPE_DEPTH)
        return SN_STAGE_DEPTH;
    return s->k == 1 && s->stride == 1 ? SN_STAGE_POINT : SN_STAGE_DENSE;
}

static int weight_rows(const struct sn_shape *s)
{
    return s->k * s->k * (s->groups > 1 ? 1 : s->cin);
}

/* ---- memory ---- */

static void take_weight(struct sn_weight *w, struct sn_arena *a, int rows,
                        int cols)
{
    const size_t values = (size_t)rows * (size_t)cols;
    w->w = sn_arena_take(a, values, sizeof *w->w);
    w->g = sn_arena_take(a, values, sizeof *w->g);
    w->ld = cols;
}

static void take_bn(struct sn_tensor *t, struct sn_bn *bn, struct sn_arena *a,
                    int c)
{
    bn->view.gamma = sn_arena_take(a, (size_t)c, sizeof(sn_real));
    bn->view.beta = sn_arena_take(a, (size_t)c, sizeof(sn_real));
    bn->view.dgamma = sn_arena_take(a, (size_t)c, sizeof(sn_real));
    bn->view.dbeta = sn_arena_take(a, (size_t)c, sizeof(sn_real));
    t->bn = bn;
    t->act = SN_ACT_RELU6;
}

static void take_tensor(struct sn_tensor *t, struct sn_arena *a)
{
    t->wants_grad = true;
    sn_tensor_plan_bn(t, a);
    void *y = sn_arena_take(a, sn_tensor_reals(t), sizeof(sn_real));
    void *dz = sn_arena_take(a, sn_tensor_reals(t), sizeof(sn_real));
    if (t->form == SN_BF16) {
        t->y16 = y;
        t->dz16 = dz;
    } else {
        t->y = y;
        t->dz = dz;
    }
}

/* Settles everything from the plan's arena, which may be only counting. */
static void lay_out(struct sn_trial *t, const struct sn_shape *s,
                    struct sn_plan *plan)
{
    struct sn_arena *a = plan->arena;
    t->in = t->out = t->first = t->last = (struct sn_tensor){0};
    sn_plan_share(plan, t->scratch);
    take_weight(&t->weight, a, weight_rows(s), s->cout);
    sn_tensor_shape(&t->in, s->n, s->h, s->w, s->cin);
    if (t->fused) {
        take_weight(&t->before_weight, a, NARROW, s->cin);
        take_weight(&t->after_weight, a, s->cout, NARROW);
        take_bn(&t->in, &t->in_bn, a, s->cin);
        take_bn(&t->out, &t->out_bn, a, s->cout);
        sn_tensor_shape(&t->first, s->n, s->h, s->w, NARROW);
        sn_stage_init(&t->before, SN_STAGE_POINT, &t->first, &t->in, s->cin, 1,
                      1, t->before_weight, 0);
    }
    sn_stage_init(&t->stage, kind_of(s), &t->in, &t->out, s->cout, s->k,
                  s->stride, t->weight, (ptrdiff_t)s->k * s->cout);
    t->in.form = t->out.form = t->bf16 ? SN_BF16 : SN_REAL;
    take_tensor(&t->in, a);
    take_tensor(&t->out, a);
    sn_stage_plan(&t->stage, plan);
    if (t->fused) {
        sn_stage_init(&t->after, SN_STAGE_POINT, &t->out, &t->last, NARROW, 1,
                      1, t->after_weight, 0);
        take_tensor(&t->first, a);
        take_tensor(&t->last, a);
        sn_stage_plan(&t->before, plan);
        sn_stage_plan(&t->after, plan);
    }
}

/* ---- values ---- */

/* Uniform in [-1, 1), into n values that lie together; `item` tells the arrays
 * apart. */
static void fill(struct sn_rows to, size_t n, uint32_t item)
{
    const struct sn_rng rng = sn_rng_make(SEED, SN_RNG_SYNTHETIC);
    uint32_t word[4];
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            sn_rng_words(rng, 0, item, i / 4, word);
        const sn_real x = (sn_real)((int32_t)word[i % 4] * 0x1p-31);
        if (to.form == SN_BF16)
            ((sn_bf16 *)to.at)[i] = sn_bf16_round(x);
        else
            ((sn_real *)to.at)[i] = x;
    }
}

static void fill_y(const struct sn_tensor *t, uint32_t item)
{
    fill(sn_tensor_rows(t, 0), sn_tensor_values(t), item);
}

static void fill_dz(const struct sn_tensor *t, uint32_t item)
{
    fill(sn_tensor_grad_rows(t, 0), sn_tensor_values(t), item);
}

static void fill_weight(const struct sn_weight *w, int rows, uint32_t item)
{
    fill(sn_reals(w->w, w->ld), (size_t)rows * (size_t)w->ld, item);
}

static void set_gains(const struct sn_tensor *t)
{
    for (int ic = 0; ic < t->c; ic++)
        t->bn->view.gamma[ic] = 1;
}

static struct sn_pass pass_of(const struct sn_trial *t)
{
    return (struct sn_pass){.k = t->k,
                            .scratch = t->scratch,
                            .mode = SN_MODE_TRAIN,
                            .weights = true};
}

static void fill_all(struct sn_trial *t, const struct sn_shape *s)
{
    const struct sn_pass pass = pass_of(t);
    fill_weight(&t->weight, weight_rows(s), 1);
    if (!t->fused) {
        fill_y(&t->in, 2);
        fill_dz(&t->out, 3);
        return;
    }
    fill_weight(&t->before_weight, NARROW, 4);
    fill_weight(&t->after_weight, s->cout, 5);
    set_gains(&t->in);
    set_gains(&t->out);
    fill_y(&t->first, 6);
    fill_dz(&t->last, 7);
    sn_stage_fwd(&t->before, &pass);
    sn_stage_fwd(&t->stage, &pass);
    sn_stage_fwd(&t->after, &pass);
    sn_stage_bwd(&t->after, &pass);
}

/* ---- life ---- */

void sn_trial_destroy(struct sn_trial *t)
{
    if (!t)
        return;
    free(t->scratch);
    sn_arena_release(&t->arena);
    free(t);
}

sn_status sn_trial_create(struct sn_trial **trial, const struct sn_shape *s,
                          const struct sn_kernels *k, int threads, bool fused,
                          bool bf16, struct sn_error *err)
{
    struct sn_trial *t = calloc(1, sizeof *t);
    if (!t)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory", s->name);
    t->k = k;
    t->fused = fused;
    t->bf16 = bf16;
    t->threads = threads;
    t->scratch = calloc((size_t)threads, sizeof *t->scratch);
    sn_status rc = SN_OK;
    if (!t->scratch)
        rc = sn_fail(err, SN_ERR_MEMORY, "%s: no memory", s->name);
    sn_arena_init(&t->arena);
    struct sn_arena counting;
    struct sn_plan plan = {.arena = &counting,
                           .threads = threads,
                           .backward = true,
                           .pairs = bf16 && k->product_pairs};
    for (int run = 0; run < 2 && rc == SN_OK; run++) { /* as a graph does */
        sn_arena_init(&counting);
        lay_out(t, s, &plan);
    }
    if (rc == SN_OK)
        rc = sn_arena_reserve(&t->arena, counting.used, err);
    plan.arena = &t->arena;
    if (rc == SN_OK)
        lay_out(t, s, &plan);
    if (rc != SN_OK) {
        sn_trial_destroy(t);
        return rc;
    }
    fill_all(t, s);
    *trial = t;
    return SN_OK;
}

void sn_trial_run(struct sn_trial *t, sn_conv_pass which)
{
    struct sn_pass pass = pass_of(t);
    pass.weights = which == SN_CONV_BWD_WEIGHT;
    t->in.wants_grad = which == SN_CONV_BWD_DATA;
    t->in.grads_seen = 0;
    if (which == SN_CONV_FWD)
        sn_stage_fwd(&t->stage, &pass);
    else
        sn_stage_bwd(&t->stage, &pass);
}

const char *sn_trial_variant(const struct sn_trial *t)
{
    static const char *const names[][2] = {
        [SN_STAGE_POINT] = {"point", "point+bn"},
        [SN_STAGE_DENSE] = {"dense", "dense+bn"},
        [SN_STAGE_DEPTH] = {"depth", "depth+bn"}};
    return names[t->stage.kind][t->fused];
}

/* ---- checking ---- */

/* Sums of squares of the difference and of what is wanted. */
struct distance {
    double difference, wanted;
};

static double value(struct sn_rows of, ptrdiff_t i)
{
    return of.form == SN_BF16
               ? (double)sn_bf16_wide(((const sn_bf16 *)of.at)[i])
               : (double)((const sn_real *)of.at)[i];
}

/* n values that lie together. */
static void compare(struct distance *d, struct sn_rows got, struct sn_rows want,
                    int n)
{
    for (int i = 0; i < n; i++) {
        const double apart = value(got, i) - value(want, i);
        d->difference += apart * apart;
        d->wanted += value(want, i) * value(want, i);
    }
}

typedef struct sn_rows rows_fn(const struct sn_tensor *t, ptrdiff_t pixel);

/* Of y or dz, as `rows` says. */
static struct distance tensors_apart(const struct sn_tensor *got,
                                     const struct sn_tensor *want,
                                     rows_fn *rows)
{
    struct distance d = {0, 0};
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(got); ip++)
        compare(&d, rows(got, ip), rows(want, ip), got->c);
    return d;
}

static sn_status judge(const struct sn_shape *s, const char *what,
                       struct distance d, const struct sn_trial *got,
                       struct sn_error *err)
{
    /* Fused, an activation may fall on the other side of its kink. */
    const double bound = got->bf16 && got->fused   ? 1e-1
                         : got->bf16 || got->fused ? 1e-2
                                                   : 1e-4;
    const double apart = sqrt(d.difference / d.wanted);
    if (apart <= bound)
        return SN_OK;
    return sn_fail(err, SN_ERR_NUMERIC,
                   "%s: %s is %.1e of its size away from the reference's, at "
                   "most %.0e is expected",
                   s->name, what, apart, bound);
}

static sn_status compare_trials(const struct sn_shape *s, struct sn_trial *got,
                                struct sn_trial *want, struct sn_error *err)
{
    struct sn_trial *const both[] = {got, want};
    for (int i = 0; i < 2; i++)
        for (int pass = 0; pass < SN_CONV_PASSES; pass++)
            sn_trial_run(both[i], (sn_conv_pass)pass);
    struct distance dw = {0, 0};
    for (int ir = 0; ir < weight_rows(s); ir++)
        compare(&dw, sn_reals(got->weight.g + (ptrdiff_t)ir * s->cout, 0),
                sn_reals(want->weight.g + (ptrdiff_t)ir * s->cout, 0), s->cout);
    SN_TRY(judge(s, "the output",
                 tensors_apart(&got->out, &want->out, sn_tensor_rows), got,
                 err));
    SN_TRY(judge(s, "the input's gradient",
                 tensors_apart(&got->in, &want->in, sn_tensor_grad_rows), got,
                 err));
    return judge(s, "the weight's gradient", dw, got, err);
}

sn_status sn_trial_check(const struct sn_shape *s, const struct sn_kernels *k,
                         int threads, bool fused, bool bf16,
                         struct sn_error *err)
{
    struct sn_shape two = *s;
    struct sn_kernels ref;
    struct sn_trial *got = NULL, *want = NULL;
    two.n = 2;
    sn_kernels_init(&ref, SN_ISA_REF);
    sn_status rc = sn_trial_create(&got, &two, k, threads, fused, bf16, err);
    if (rc == SN_OK)
        rc = sn_trial_create(&want, &two, &ref, threads, fused, false, err);
    if (rc == SN_OK)
        rc = compare_trials(&two, got, want, err);
    sn_trial_destroy(got);
    sn_trial_destroy(want);
    return rc;
}
