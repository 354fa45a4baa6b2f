/* A convolution between two tensors; see stage.h.
 *
 * The weight gradient of a unit goes to the unit's slot; slots are joined in
 * order after the pass, so the sum is the same for any number of threads.
 * Where slots would be more than what they are made of, gather.h. */

#include "nn/stage.h"

#include <omp.h>

#include "base/status.h"
#include "nn/gather.h"
#include "nn/stage_kinds.h"
#include "nn/turn.h"

static const struct sn_stage_way *way_of(const struct sn_stage *s)
{
    static const struct sn_stage_way *const ways[] = {
        [SN_STAGE_POINT] = &sn_stage_point,
        [SN_STAGE_DENSE] = &sn_stage_dense,
        [SN_STAGE_DEPTH] = &sn_stage_depth};
    return ways[s->kind];
}

static int weight_rows(const struct sn_stage *s)
{
    const int taps = s->window.k * s->window.k;
    return s->kind == SN_STAGE_DEPTH ? taps : taps * s->in->c;
}

void sn_stage_init(struct sn_stage *s, sn_stage_kind kind, struct sn_tensor *in,
                   struct sn_tensor *out, int cout, int k, int stride,
                   struct sn_weight weight, ptrdiff_t tap_row)
{
    SN_CHECK(k % 2 == 1 && stride >= 1);
    SN_CHECK(kind != SN_STAGE_POINT || (k == 1 && stride == 1));
    SN_CHECK(kind != SN_STAGE_DEPTH || cout == in->c);
    const int pad = (k - 1) / 2;
    const int oh = (in->h - 1) / stride + 1, ow = (in->w - 1) / stride + 1;
    *s = (struct sn_stage){.kind = kind,
                           .in = in,
                           .out = out,
                           .weight = weight,
                           .tap_row = tap_row,
                           .window = {.h = in->h,
                                      .w = in->w,
                                      .oh = oh,
                                      .ow = ow,
                                      .k = k,
                                      .stride = stride,
                                      .top = pad,
                                      .left = pad,
                                      .x_pitch = in->w,
                                      .y_pitch = ow}};
    if (kind == SN_STAGE_DENSE) {
        s->tap = (ptrdiff_t)in->c * weight.ld;
        s->tap_row = k * s->tap;
    }
    sn_tensor_shape(out, in->n, oh, ow, cout);
    in->readers++;
}

void sn_stage_taps(struct sn_stage *s, ptrdiff_t tap, ptrdiff_t tap_row)
{
    if (s->kind != SN_STAGE_DENSE || tap == 0)
        return;
    SN_CHECK(tap >= s->tap && tap_row >= s->window.k * tap);
    s->tap = tap;
    s->tap_row = tap_row;
}

void sn_stage_plan_shared(const struct sn_stage *s, struct sn_plan *plan)
{
    const size_t rows = (size_t)weight_rows(s), cols = (size_t)s->out->c;
    sn_plan_raise(&plan->need.slots,
                  s->gathers ? sn_gather_values(s)
                             : rows * cols * (size_t)sn_unit_count(s->in->n));
    if (s->kind != SN_STAGE_DEPTH)
        sn_plan_raise(&plan->need.turned, sn_turned_values(s));
}

void sn_stage_plan(struct sn_stage *s, struct sn_plan *plan)
{
    const size_t rows = (size_t)weight_rows(s), cols = (size_t)s->out->c;
    SN_CHECK(!s->mask || s->kind == SN_STAGE_POINT);
    s->pairs = plan->pairs && !s->exact && way_of(s)->takes_pairs(s);
    s->gathers = sn_gather_pays(s);
    way_of(s)->plan(s, plan);
    s->slot_values = rows * cols;
    s->masked = NULL;
    if (s->mask)
        s->masked = sn_arena_take(plan->arena, rows * cols, sizeof(sn_real));
    s->packed = plan->turned; /* forward's, also of a branch */
    if (s->pairs || sn_stage_gaps(s))
        sn_plan_raise(&plan->need.turned, sn_turned_values(s));
    if (!plan->backward)
        return;
    sn_stage_plan_shared(s, plan);
    s->slots = plan->slots;
    s->turned = plan->turned;
}

static void run_units(struct sn_stage *s, const struct sn_pass *pass,
                      sn_stage_unit_fn *run)
{
    const int units = sn_unit_count(s->in->n);
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        const struct sn_work unit = {.u = u,
                                     .k = pass->k,
                                     .scratch =
                                         &pass->scratch[omp_get_thread_num()],
                                     .mode = pass->mode,
                                     .weights = pass->weights || s->dmask};
        run(s, &unit);
    }
}

static void mask_weight(const struct sn_stage *s)
{
    const int rows = weight_rows(s), cols = s->out->c;
    for (int ir = 0; ir < rows; ir++)
        for (int ic = 0; ic < cols; ic++)
            s->masked[(ptrdiff_t)ir * cols + ic] =
                s->mask[ir] * s->weight.w[(ptrdiff_t)ir * s->weight.ld + ic];
}

static void run_fwd(struct sn_stage *s, const struct sn_pass *pass)
{
    if (s->mask)
        mask_weight(s);
    if (s->pairs || sn_stage_gaps(s))
        sn_pack(s, pass->k);
    run_units(s, pass, way_of(s)->fwd);
}

void sn_stage_fwd(struct sn_stage *s, const struct sn_pass *pass)
{
    run_fwd(s, pass);
    if (!s->out_more)
        sn_tensor_written(s->out, pass->mode);
}

void sn_stage_again(struct sn_stage *s, const struct sn_pass *pass)
{
    const struct sn_pass again = {pass->k, pass->scratch, SN_MODE_EVAL, false};
    run_fwd(s, &again);
}

/* Row ir of the weight gradient: joins the slots, in order; with a mask the
 * slots hold dL/d(masked weight). */
static void join_row(const struct sn_stage *s, int ir, int units)
{
    const int cols = s->out->c;
    const sn_real mask = s->mask ? s->mask[ir] : 1;
    const ptrdiff_t to = sn_stage_row_at(s, ir);
    sn_real *sum = s->slots + (ptrdiff_t)ir * cols; /* unit 0's, in place */
    for (int u = 1; u < units; u++) {
        const sn_real *slot = sum + (size_t)u * s->slot_values;
        for (int ic = 0; ic < cols; ic++)
            sum[ic] += slot[ic];
    }
    double dmask = 0;
    for (int ic = 0; ic < cols; ic++) {
        s->weight.g[to + ic] += mask * sum[ic];
        dmask += (double)s->weight.w[to + ic] * (double)sum[ic];
    }
    if (s->dmask)
        s->dmask[ir] = dmask;
}

void sn_stage_bwd(struct sn_stage *s, const struct sn_pass *pass)
{
    const int units = sn_unit_count(s->in->n);
    const int rows = weight_rows(s);
    if (s->kind != SN_STAGE_DEPTH && s->in->wants_grad) {
        if (s->mask) /* forward's may be another part's */
            mask_weight(s);
        sn_turn(s, pass->k);
    }
    run_units(s, pass, way_of(s)->bwd);
    if (pass->weights || s->dmask) {
        if (s->gathers)
            sn_gather_multiply(s, pass->k);
#pragma omp parallel for schedule(static)
        for (int ir = 0; ir < rows; ir++)
            join_row(s, ir, s->gathers ? 1 : units);
    }
    if (!s->in_more)
        sn_tensor_grad_added(s->in);
}
