/* Reading an ONNX file; see onnx.h.
 *
 * A file may hold anything.  Nothing in it is believed: all that a node says
 * is checked before the first one runs, so running cannot fail.  One picture
 * is computed at a time, so the batch dimension counts 1 throughout. */

#include "export/export_internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum {
    IR_VERSION = 8,
    OPSET_LEAST = 13,
    OPSET_MOST = 14,
    MAX_NODES = 4096,
    MAX_VALUES = 1 << 28 /* of one tensor */
};

sn_status sn_onnx_bad(const struct sn_onnx *m, const struct sn_onnx_step *s,
                      struct sn_error *err, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sn_fail(err, SN_ERR_INPUT, "%s: node '%.60s' (%.30s): %s", m->path,
                   sn_onnx_string(s->node->name),
                   sn_onnx_string(s->node->op_type), text);
}

/* ---- versions ---- */

static sn_status check_versions(const struct sn_onnx *m, struct sn_error *err)
{
    const Onnx__ModelProto *p = m->m;
    if (!p->graph || p->n_opset_import == 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: is no ONNX file: it has no %s",
                       m->path, p->graph ? "operator set" : "graph");
    if (p->ir_version != IR_VERSION)
        return sn_fail(err, SN_ERR_INPUT, "%s: IR version %lld; expected %d",
                       m->path, (long long)p->ir_version, IR_VERSION);
    const Onnx__OperatorSetIdProto *set = p->opset_import[0];
    if (p->n_opset_import > 1 || *sn_onnx_string(set->domain) ||
        set->version < OPSET_LEAST || set->version > OPSET_MOST)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: operator set %.30s %lld; expected ONNX's own, "
                       "%d or %d",
                       m->path, sn_onnx_string(set->domain),
                       (long long)set->version, OPSET_LEAST, OPSET_MOST);
    const Onnx__GraphProto *g = p->graph;
    if (g->n_input != 1 || g->n_output != 1)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: %zu inputs and %zu outputs; expected one of each",
                       m->path, g->n_input, g->n_output);
    if (g->n_node < 1 || g->n_node > MAX_NODES || g->n_initializer > MAX_NODES)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: %zu nodes and %zu constants; expected 1 to %d",
                       m->path, g->n_node, g->n_initializer, MAX_NODES);
    return SN_OK;
}

/* ---- values ---- */

static struct sn_onnx_value *find(const struct sn_onnx *m, const char *name)
{
    for (int i = 0; i < m->values; i++)
        if (strcmp(m->value[i].name, name) == 0)
            return &m->value[i];
    return NULL;
}

/* A new value; its name must be one. */
static sn_status add_value(struct sn_onnx *m, const char *name,
                           struct sn_onnx_value **value, struct sn_error *err)
{
    name = sn_onnx_string(name);
    if (!*name || find(m, name))
        return sn_fail(err, SN_ERR_INPUT, "%s: the name '%.60s' %s", m->path,
                       name, *name ? "is given twice" : "is empty");
    *value = &m->value[m->values++];
    (*value)->name = name;
    return SN_OK;
}

/* Sets dimension i; false when the value gets too large. */
static bool set_dim(struct sn_onnx_value *v, int i, int64_t dim)
{
    if (dim < 1 || dim > MAX_VALUES || v->count > MAX_VALUES / (size_t)dim)
        return false;
    v->dim[i] = (int)dim;
    v->count *= (size_t)dim;
    return true;
}

/* A constant: type, shape, and as many bytes as they ask for. */
static sn_status add_constant(struct sn_onnx *m, const Onnx__TensorProto *t,
                              struct sn_error *err)
{
    struct sn_onnx_value *v;
    SN_TRY(add_value(m, t->name, &v, err));
    size_t item = 0;
    if (t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        item = sizeof(float);
    if (t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64)
        item = sizeof(int64_t);
    if (!item)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: constant '%.60s': type %d; expected float or int64",
                       m->path, v->name, (int)t->data_type);
    bool fits = t->n_dims <= SN_ONNX_DIMS;
    v->type = t->data_type;
    v->count = 1;
    v->dims = fits ? (int)t->n_dims : 0;
    for (int i = 0; i < v->dims; i++)
        fits = fits && set_dim(v, i, t->dims[i]);
    if (!fits)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: constant '%.60s': its shape is out of range",
                       m->path, v->name);
    if (t->raw_data.len != v->count * item || t->data_location != 0)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: constant '%.60s': %zu bytes; expected %zu in this "
                       "file",
                       m->path, v->name, t->raw_data.len, v->count * item);
    v->data = t->raw_data.data; /* protobuf-c took it from malloc: aligned */
    return SN_OK;
}

/* ---- ends ---- */

/* The shape that the file states for an end of the graph, N first. */
static sn_status check_end(struct sn_onnx *m, const Onnx__ValueInfoProto *info,
                           int dims, struct sn_onnx_value *v,
                           struct sn_error *err)
{
    const Onnx__TypeProto__Tensor *t =
        info->type ? info->type->tensor_type : NULL;
    const Onnx__TensorShapeProto *shape = t ? t->shape : NULL;
    bool fits = shape && shape->n_dim == (size_t)dims &&
                *sn_onnx_string(shape->dim[0]->dim_param);
    v->type = t ? t->elem_type : 0;
    v->dims = dims;
    v->count = v->dim[0] = 1;
    for (int i = 1; fits && i < dims; i++)
        fits = set_dim(v, i, shape->dim[i]->dim_value) &&
               v->dim[i] <= SN_ONNX_SIDE;
    if (fits)
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: '%.60s': expected a tensor of %d dimensions, the first "
                   "of them symbolic",
                   m->path, sn_onnx_string(info->name), dims);
}

static sn_status add_input(struct sn_onnx *m, struct sn_error *err)
{
    const Onnx__ValueInfoProto *info = m->m->graph->input[0];
    SN_TRY(add_value(m, info->name, &m->input, err));
    SN_TRY(check_end(m, info, 4, m->input, err));
    if (m->input->type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
        m->input->type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT8)
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: input '%.60s': type %d; expected uint8 or float",
                   m->path, m->input->name, m->input->type);
}

static sn_status find_output(struct sn_onnx *m, struct sn_error *err)
{
    const Onnx__ValueInfoProto *info = m->m->graph->output[0];
    struct sn_onnx_value said = {0};
    m->output = find(m, sn_onnx_string(info->name));
    if (!m->output || !m->output->computed)
        return sn_fail(err, SN_ERR_INPUT, "%s: no node computes output '%.60s'",
                       m->path, sn_onnx_string(info->name));
    SN_TRY(check_end(m, info, 2, &said, err));
    if (said.type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT &&
        m->output->dims == 2 && said.dim[1] == m->output->dim[1])
        return SN_OK;
    return sn_fail(
        err, SN_ERR_INPUT,
        "%s: output '%.60s' is said to be of type %d and %d classes; "
        "its node gives floats, %zu of them",
        m->path, m->output->name, said.type, said.dim[1], m->output->count);
}

/* ---- nodes ---- */

static sn_status find_inputs(struct sn_onnx *m, struct sn_onnx_step *s,
                             struct sn_error *err)
{
    const Onnx__NodeProto *n = s->node;
    if (n->n_input != (size_t)s->op->inputs || n->n_output != 1)
        return sn_onnx_bad(m, s, err,
                           "%zu inputs and %zu outputs; expected %d and 1",
                           n->n_input, n->n_output, s->op->inputs);
    for (int i = 0; i < s->op->inputs; i++) {
        s->in[i] = find(m, n->input[i]);
        if (!s->in[i])
            return sn_onnx_bad(m, s, err, "nothing gives its input '%.60s'",
                               n->input[i]);
    }
    return SN_OK;
}

static sn_status add_step(struct sn_onnx *m, const Onnx__NodeProto *n,
                          struct sn_error *err)
{
    struct sn_onnx_step *s = &m->step[m->steps++];
    *s = (struct sn_onnx_step){.node = n, .stride = 1, .group = 1};
    s->op = *sn_onnx_string(n->domain) ? NULL
                                       : sn_onnx_op(sn_onnx_string(n->op_type));
    if (!s->op)
        return sn_onnx_bad(m, s, err, "an operator that is not known here");
    if (m->m->opset_import[0]->version < s->op->opset)
        return sn_onnx_bad(
            m, s, err, "needs operator set %d, the file has %lld", s->op->opset,
            (long long)m->m->opset_import[0]->version);
    SN_TRY(find_inputs(m, s, err));
    SN_TRY(add_value(m, n->output[0], &s->out, err));
    s->out->type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    SN_TRY(s->op->plan(m, s, err));
    struct sn_onnx_value *v = s->out;
    v->count = 1;
    for (int i = 0; i < v->dims; i++)
        if (!set_dim(v, i, v->dim[i]))
            return sn_onnx_bad(m, s, err, "its result is empty or too large");
    return SN_OK;
}

/* ---- memory ---- */

static sn_status no_memory(const struct sn_onnx *m, struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "%s: no memory to read it", m->path);
}

static sn_status take_lists(struct sn_onnx *m, struct sn_error *err)
{
    const Onnx__GraphProto *g = m->m->graph;
    m->value = calloc(1 + g->n_initializer + g->n_node, sizeof *m->value);
    m->step = calloc(g->n_node, sizeof *m->step);
    return m->value && m->step ? SN_OK : no_memory(m, err);
}

/* The computed values of one picture, one behind the other. */
static sn_status take_block(struct sn_onnx *m, struct sn_error *err)
{
    size_t total = 0;
    for (int i = 0; i < m->steps; i++)
        total += m->step[i].out->count;
    m->block = calloc(total, sizeof *m->block);
    if (!m->block)
        return no_memory(m, err);
    float *at = m->block;
    for (int i = 0; i < m->steps; i++) {
        struct sn_onnx_value *v = m->step[i].out;
        v->computed = at;
        v->data = at;
        at += v->count;
    }
    return SN_OK;
}

/* ---- the file ---- */

static sn_status read_messages(struct sn_onnx *m, struct sn_error *err)
{
    char *data;
    size_t bytes;
    SN_TRY(sn_file_read(m->path, INT_MAX, &data, &bytes, err));
    m->m = onnx__model_proto__unpack(NULL, bytes, (const uint8_t *)data);
    free(data);
    if (!m->m)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is no ONNX file, or a part of one: its messages "
                       "do not hold together",
                       m->path);
    return SN_OK;
}

static sn_status read_model(struct sn_onnx *m, struct sn_error *err)
{
    SN_TRY(read_messages(m, err));
    SN_TRY(check_versions(m, err));
    SN_TRY(take_lists(m, err));
    const Onnx__GraphProto *g = m->m->graph;
    SN_TRY(add_input(m, err));
    for (size_t i = 0; i < g->n_initializer; i++)
        SN_TRY(add_constant(m, g->initializer[i], err));
    for (size_t i = 0; i < g->n_node; i++)
        SN_TRY(add_step(m, g->node[i], err));
    SN_TRY(take_block(m, err));
    return find_output(m, err);
}

sn_status sn_onnx_open(struct sn_onnx **m, const char *path,
                       struct sn_error *err)
{
    const size_t length = strlen(path) + 1;
    struct sn_onnx *found = calloc(1, sizeof *found);
    if (found)
        found->path = malloc(length);
    if (!found || !found->path) {
        sn_onnx_close(found);
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory to read it", path);
    }
    memcpy(found->path, path, length);
    const sn_status rc = read_model(found, err);
    if (rc == SN_OK)
        *m = found;
    else
        sn_onnx_close(found);
    return rc;
}

void sn_onnx_close(struct sn_onnx *m)
{
    if (!m)
        return;
    if (m->m)
        onnx__model_proto__free_unpacked(m->m, NULL);
    free(m->path);
    free(m->value);
    free(m->step);
    free(m->block);
    free(m);
}

size_t sn_onnx_inputs(const struct sn_onnx *m)
{
    return m->input->count;
}

int sn_onnx_classes(const struct sn_onnx *m)
{
    return m->output->dim[1];
}

bool sn_onnx_takes_bytes(const struct sn_onnx *m)
{
    return m->input->type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
}

const char *sn_onnx_text(const struct sn_onnx *m, const char *key)
{
    for (size_t i = 0; i < m->m->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *e = m->m->metadata_props[i];
        if (strcmp(sn_onnx_string(e->key), key) == 0)
            return sn_onnx_string(e->value);
    }
    return NULL;
}

void sn_onnx_run(struct sn_onnx *m, const void *x, float *logits)
{
    m->input->data = x;
    for (int i = 0; i < m->steps; i++)
        m->step[i].op->run(&m->step[i]);
    memcpy(logits, m->output->data, m->output->count * sizeof *logits);
}
