/* What ONNX's operators mean, in plain loops: the yardstick a written file is
 * held against.
 *
 * Each operator has a row in `ops`: `plan` checks a node before anything runs,
 * `run` computes one picture [1, c, h, w].  Definitions: onnx.ai, operators,
 * sets 13 and 14.  Sums are in double. */

#include "export/export_internal.h"

#include <math.h>
#include <string.h>

/* ---- checks ---- */

static bool is_float(const struct sn_onnx_value *v, int dims)
{
    return v->type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && v->dims == dims;
}

/* A constant: known now, and not computed from the picture. */
static bool is_constant(const struct sn_onnx *m, const struct sn_onnx_value *v)
{
    return v->data && v != m->input;
}

static sn_status wrong_input(const struct sn_onnx *m,
                             const struct sn_onnx_step *s, int i,
                             const char *expected, struct sn_error *err)
{
    return sn_onnx_bad(m, s, err,
                       "input '%.60s' is of type %d with %d dimensions; "
                       "expected %s",
                       s->in[i]->name, s->in[i]->type, s->in[i]->dims,
                       expected);
}

/* Attributes are asked for by name; `found` counts those that were there. */
static const Onnx__AttributeProto *attribute(const struct sn_onnx_step *s,
                                             const char *name, size_t *found)
{
    for (size_t i = 0; i < s->node->n_attribute; i++)
        if (strcmp(sn_onnx_string(s->node->attribute[i]->name), name) == 0) {
            ++*found;
            return s->node->attribute[i];
        }
    return NULL;
}

/* The integers of an attribute, which must be there, n of them, in a range. */
static sn_status get_ints(const struct sn_onnx *m, const struct sn_onnx_step *s,
                          const char *name, int n, int64_t least, int64_t most,
                          int *value, size_t *found, struct sn_error *err)
{
    const Onnx__AttributeProto *a = attribute(s, name, found);
    bool fits = a && (n == 1 ? a->has_i : a->n_ints == (size_t)n);
    for (int i = 0; fits && i < n; i++) {
        const int64_t v = n == 1 ? a->i : a->ints[i];
        fits = v >= least && v <= most;
        value[i] = (int)v;
    }
    return fits ? SN_OK
                : sn_onnx_bad(m, s, err,
                              "attribute '%s': expected %d integers from %lld "
                              "to %lld",
                              name, n, (long long)least, (long long)most);
}

/* All attributes were asked for. */
static sn_status no_others(const struct sn_onnx *m,
                           const struct sn_onnx_step *s, size_t found,
                           struct sn_error *err)
{
    return s->node->n_attribute == found
               ? SN_OK
               : sn_onnx_bad(m, s, err,
                             "%zu attributes, of which %zu are known",
                             s->node->n_attribute, found);
}

static sn_status same_shape(struct sn_onnx *m, struct sn_onnx_step *s,
                            struct sn_error *err)
{
    s->out->dims = s->in[0]->dims;
    memcpy(s->out->dim, s->in[0]->dim, sizeof s->out->dim);
    return no_others(m, s, 0, err);
}

static void set_shape(struct sn_onnx_value *v, int c, int h, int w)
{
    v->dims = 4;
    v->dim[0] = 1;
    v->dim[1] = c;
    v->dim[2] = h;
    v->dim[3] = w;
}

static const float *floats(const struct sn_onnx_value *v)
{
    return v->data;
}

/* ---- pictures ---- */

static sn_status plan_cast(struct sn_onnx *m, struct sn_onnx_step *s,
                           struct sn_error *err)
{
    size_t found = 0;
    int to;
    if (s->in[0] != m->input ||
        s->in[0]->type != ONNX__TENSOR_PROTO__DATA_TYPE__UINT8)
        return wrong_input(m, s, 0, "the graph's input, uint8", err);
    SN_TRY(get_ints(m, s, "to", 1, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                    ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &to, &found, err));
    SN_TRY(no_others(m, s, found, err));
    set_shape(s->out, s->in[0]->dim[1], s->in[0]->dim[2], s->in[0]->dim[3]);
    return SN_OK;
}

static void run_cast(const struct sn_onnx_step *s)
{
    const uint8_t *x = s->in[0]->data;
    for (size_t i = 0; i < s->out->count; i++)
        s->out->computed[i] = (float)x[i];
}

static sn_status plan_transpose(struct sn_onnx *m, struct sn_onnx_step *s,
                                struct sn_error *err)
{
    static const int nchw[] = {0, 3, 1, 2};
    const struct sn_onnx_value *x = s->in[0];
    size_t found = 0;
    int perm[4];
    if (!is_float(x, 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    SN_TRY(get_ints(m, s, "perm", 4, 0, 3, perm, &found, err));
    SN_TRY(no_others(m, s, found, err));
    if (memcmp(perm, nchw, sizeof perm) != 0)
        return sn_onnx_bad(m, s, err, "expected the order 0, 3, 1, 2");
    set_shape(s->out, x->dim[3], x->dim[1], x->dim[2]);
    return SN_OK;
}

static void run_transpose(const struct sn_onnx_step *s)
{
    const int c = s->out->dim[1];
    const size_t pixels = s->out->count / (size_t)c;
    const float *x = floats(s->in[0]);
    for (int ic = 0; ic < c; ic++)
        for (size_t ip = 0; ip < pixels; ip++)
            s->out->computed[(size_t)ic * pixels + ip] =
                x[ip * (size_t)c + (size_t)ic];
}

static sn_status plan_pad(struct sn_onnx *m, struct sn_onnx_step *s,
                          struct sn_error *err)
{
    const struct sn_onnx_value *x = s->in[0], *pads = s->in[1];
    if (!is_float(x, 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    if (pads->type != ONNX__TENSOR_PROTO__DATA_TYPE__INT64 || pads->dims != 1 ||
        pads->dim[0] != 8)
        return wrong_input(m, s, 1, "8 int64", err);
    const int64_t *by = pads->data;
    for (int i = 0; i < 8; i++)
        if (by[i] < 0 || by[i] > (i % 4 < 2 ? 0 : SN_ONNX_SIDE))
            return sn_onnx_bad(m, s, err, "its pads are out of range");
    s->top = (int)by[2];
    s->left = (int)by[3];
    set_shape(s->out, x->dim[1], x->dim[2] + (int)(by[2] + by[6]),
              x->dim[3] + (int)(by[3] + by[7]));
    return no_others(m, s, 0, err);
}

static void run_pad(const struct sn_onnx_step *s)
{
    const int *from = s->in[0]->dim, *to = s->out->dim;
    const float *x = floats(s->in[0]);
    memset(s->out->computed, 0, s->out->count * sizeof *s->out->computed);
    for (int ic = 0; ic < from[1]; ic++)
        for (int iy = 0; iy < from[2]; iy++, x += from[3])
            memcpy(s->out->computed +
                       ((size_t)(ic * to[2] + iy + s->top) * (size_t)to[3] +
                        (size_t)s->left),
                   x, (size_t)from[3] * sizeof *x);
}

/* ---- one value at a time ---- */

/* Both operands of one shape, or the second a constant [1, c, 1, 1]. */
static sn_status plan_pair(struct sn_onnx *m, struct sn_onnx_step *s,
                           struct sn_error *err)
{
    const struct sn_onnx_value *x = s->in[0], *y = s->in[1];
    if (!is_float(x, 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    const bool channels =
        is_float(y, 4) && y->dim[1] == x->dim[1] && (int)y->count == y->dim[1];
    const bool same =
        is_float(y, 4) && memcmp(x->dim, y->dim, sizeof x->dim) == 0;
    if (!channels && !same)
        return wrong_input(m, s, 1, "floats of one shape, or a value a channel",
                           err);
    return same_shape(m, s, err);
}

/* The index in the second operand that goes with index i of the first. */
static size_t partner(const struct sn_onnx_step *s, size_t i)
{
    const size_t pixels = s->out->count / (size_t)s->out->dim[1];
    return s->in[1]->count == s->out->count ? i : i / pixels;
}

static void run_add(const struct sn_onnx_step *s)
{
    for (size_t i = 0; i < s->out->count; i++)
        s->out->computed[i] =
            floats(s->in[0])[i] + floats(s->in[1])[partner(s, i)];
}

static void run_mul(const struct sn_onnx_step *s)
{
    for (size_t i = 0; i < s->out->count; i++)
        s->out->computed[i] =
            floats(s->in[0])[i] * floats(s->in[1])[partner(s, i)];
}

static sn_status plan_unary(struct sn_onnx *m, struct sn_onnx_step *s,
                            struct sn_error *err)
{
    if (!is_float(s->in[0], 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    return same_shape(m, s, err);
}

static void run_relu(const struct sn_onnx_step *s)
{
    const float *x = floats(s->in[0]);
    for (size_t i = 0; i < s->out->count; i++)
        s->out->computed[i] = x[i] > 0 ? x[i] : 0;
}

/* x * max(0, min(1, x / 6 + 1 / 2)) */
static void run_hardswish(const struct sn_onnx_step *s)
{
    const float *x = floats(s->in[0]);
    for (size_t i = 0; i < s->out->count; i++)
        s->out->computed[i] = x[i] * fmaxf(0, fminf(1, x[i] / 6 + 0.5f));
}

static sn_status plan_clip(struct sn_onnx *m, struct sn_onnx_step *s,
                           struct sn_error *err)
{
    for (int i = 1; i < 3; i++)
        if (!is_float(s->in[i], 0) || !is_constant(m, s->in[i]))
            return wrong_input(m, s, i, "a constant float with 0", err);
    return plan_unary(m, s, err);
}

static void run_clip(const struct sn_onnx_step *s)
{
    const float *x = floats(s->in[0]);
    const float least = *floats(s->in[1]), most = *floats(s->in[2]);
    for (size_t i = 0; i < s->out->count; i++)
        s->out->computed[i] = fminf(fmaxf(x[i], least), most);
}

/* ---- convolution ---- */

static sn_status plan_conv_attributes(struct sn_onnx *m, struct sn_onnx_step *s,
                                      const int *w, struct sn_error *err)
{
    size_t found = 0;
    int kernel[2], pads[4], strides[2];
    SN_TRY(get_ints(m, s, "group", 1, 1, INT32_MAX, &s->group, &found, err));
    SN_TRY(get_ints(m, s, "kernel_shape", 2, 1, SN_ONNX_SIDE, kernel, &found,
                    err));
    SN_TRY(get_ints(m, s, "pads", 4, 0, SN_ONNX_SIDE, pads, &found, err));
    SN_TRY(get_ints(m, s, "strides", 2, 1, SN_ONNX_SIDE, strides, &found, err));
    SN_TRY(no_others(m, s, found, err));
    if (kernel[0] != w[2] || kernel[1] != w[3] || strides[0] != strides[1])
        return sn_onnx_bad(m, s, err,
                           "kernel_shape %d x %d, strides %d x %d; expected "
                           "those of a %d x %d weight, and equal strides",
                           kernel[0], kernel[1], strides[0], strides[1], w[2],
                           w[3]);
    s->stride = strides[0];
    s->top = pads[0];
    s->left = pads[1];
    const int *x = s->in[0]->dim;
    const int h = x[2] + pads[0] + pads[2] - w[2];
    const int width = x[3] + pads[1] + pads[3] - w[3];
    if (h < 0 || width < 0)
        return sn_onnx_bad(m, s, err, "its kernel is larger than its input");
    set_shape(s->out, w[0], h / s->stride + 1, width / s->stride + 1);
    return SN_OK;
}

static sn_status plan_conv(struct sn_onnx *m, struct sn_onnx_step *s,
                           struct sn_error *err)
{
    const struct sn_onnx_value *x = s->in[0], *w = s->in[1], *b = s->in[2];
    if (!is_float(x, 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    if (!is_float(w, 4) || !is_constant(m, w))
        return wrong_input(m, s, 1, "constant floats with 4", err);
    if (!is_float(b, 1) || !is_constant(m, b) || b->dim[0] != w->dim[0])
        return wrong_input(m, s, 2, "a constant float per output channel", err);
    SN_TRY(plan_conv_attributes(m, s, w->dim, err));
    if (x->dim[1] % s->group != 0 || w->dim[0] % s->group != 0 ||
        x->dim[1] / s->group != w->dim[1])
        return sn_onnx_bad(m, s, err,
                           "%d channels in %d groups do not go with a weight "
                           "[%d, %d, ...]",
                           x->dim[1], s->group, w->dim[0], w->dim[1]);
    if (s->out->dim[3] > SN_ONNX_SIDE)
        return sn_onnx_bad(m, s, err, "its result is too wide");
    return SN_OK;
}

/* sum[ox] += tap * row[ox * stride + shift], where that lies in the row. */
static void add_tap(double *sum, int ow, double tap, const float *row, int w,
                    int stride, int shift)
{
    int first = 0, last = ow;
    while (first < ow && first * stride + shift < 0)
        first++;
    while (last > first && (last - 1) * stride + shift >= w)
        last--;
    for (int ox = first; ox < last; ox++)
        sum[ox] += tap * (double)row[ox * stride + shift];
}

/* One row of one output channel: bias + sum over channels and taps. */
static void conv_row(const struct sn_onnx_step *s, int oc, int oy, double *sum)
{
    const int *x = s->in[0]->dim, *w = s->in[1]->dim, *y = s->out->dim;
    const int first = oc / (w[0] / s->group) * w[1]; /* channel of its group */
    const float *weight =
        floats(s->in[1]) + (size_t)oc * (size_t)(w[1] * w[2] * w[3]);
    for (int ox = 0; ox < y[3]; ox++)
        sum[ox] = (double)floats(s->in[2])[oc];
    for (int ic = 0; ic < w[1]; ic++)
        for (int ky = 0; ky < w[2]; ky++)
            for (int kx = 0; kx < w[3]; kx++) {
                const double tap = (double)*weight++;
                const int iy = oy * s->stride + ky - s->top;
                if (iy < 0 || iy >= x[2])
                    continue;
                const float *row =
                    floats(s->in[0]) +
                    ((size_t)(first + ic) * (size_t)x[2] + (size_t)iy) *
                        (size_t)x[3];
                add_tap(sum, y[3], tap, row, x[3], s->stride, kx - s->left);
            }
}

static void run_conv(const struct sn_onnx_step *s)
{
    const int *y = s->out->dim;
    double sum[SN_ONNX_SIDE];
    float *out = s->out->computed;
    for (int oc = 0; oc < y[1]; oc++)
        for (int oy = 0; oy < y[2]; oy++) {
            conv_row(s, oc, oy, sum);
            for (int ox = 0; ox < y[3]; ox++)
                *out++ = (float)sum[ox];
        }
}

/* ---- classifier ---- */

static sn_status plan_pool(struct sn_onnx *m, struct sn_onnx_step *s,
                           struct sn_error *err)
{
    if (!is_float(s->in[0], 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    set_shape(s->out, s->in[0]->dim[1], 1, 1);
    return no_others(m, s, 0, err);
}

static void run_pool(const struct sn_onnx_step *s)
{
    const size_t pixels = s->in[0]->count / (size_t)s->in[0]->dim[1];
    const float *x = floats(s->in[0]);
    for (int ic = 0; ic < s->out->dim[1]; ic++) {
        double sum = 0;
        for (size_t ip = 0; ip < pixels; ip++)
            sum += (double)*x++;
        s->out->computed[ic] = (float)(sum / (double)pixels);
    }
}

static sn_status plan_flatten(struct sn_onnx *m, struct sn_onnx_step *s,
                              struct sn_error *err)
{
    size_t found = 0;
    int axis;
    if (!is_float(s->in[0], 4))
        return wrong_input(m, s, 0, "floats with 4", err);
    SN_TRY(get_ints(m, s, "axis", 1, 1, 1, &axis, &found, err));
    s->out->dims = 2;
    s->out->dim[0] = 1;
    s->out->dim[1] = (int)s->in[0]->count;
    return no_others(m, s, found, err);
}

static void run_flatten(const struct sn_onnx_step *s)
{
    memcpy(s->out->computed, s->in[0]->data,
           s->out->count * sizeof *s->out->computed);
}

static sn_status plan_gemm(struct sn_onnx *m, struct sn_onnx_step *s,
                           struct sn_error *err)
{
    const struct sn_onnx_value *x = s->in[0], *w = s->in[1], *b = s->in[2];
    size_t found = 0;
    int transposed;
    if (!is_float(x, 2))
        return wrong_input(m, s, 0, "floats with 2", err);
    if (!is_float(w, 2) || !is_constant(m, w) || w->dim[1] != x->dim[1])
        return wrong_input(m, s, 1, "a constant column per feature", err);
    if (!is_float(b, 1) || !is_constant(m, b) || b->dim[0] != w->dim[0])
        return wrong_input(m, s, 2, "a constant float per class", err);
    SN_TRY(get_ints(m, s, "transB", 1, 1, 1, &transposed, &found, err));
    s->out->dims = 2;
    s->out->dim[0] = 1;
    s->out->dim[1] = w->dim[0];
    return no_others(m, s, found, err);
}

static void run_gemm(const struct sn_onnx_step *s)
{
    const int cin = s->in[1]->dim[1];
    const float *w = floats(s->in[1]);
    for (int oc = 0; oc < s->out->dim[1]; oc++) {
        double sum = (double)floats(s->in[2])[oc];
        for (int ic = 0; ic < cin; ic++)
            sum += (double)*w++ * (double)floats(s->in[0])[ic];
        s->out->computed[oc] = (float)sum;
    }
}

/* ---- the table ---- */

static const struct sn_onnx_op ops[] = {
    {"Add", 2, 13, plan_pair, run_add},
    {"Cast", 1, 13, plan_cast, run_cast},
    {"Clip", 3, 13, plan_clip, run_clip},
    {"Conv", 3, 13, plan_conv, run_conv},
    {"Flatten", 1, 13, plan_flatten, run_flatten},
    {"Gemm", 3, 13, plan_gemm, run_gemm},
    {"GlobalAveragePool", 1, 13, plan_pool, run_pool},
    {"HardSwish", 1, 14, plan_unary, run_hardswish},
    {"Mul", 2, 13, plan_pair, run_mul},
    {"Pad", 2, 13, plan_pad, run_pad},
    {"Relu", 1, 13, plan_unary, run_relu},
    {"Transpose", 1, 13, plan_transpose, run_transpose},
};

const struct sn_onnx_op *sn_onnx_op(const char *name)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    return NULL;
}
