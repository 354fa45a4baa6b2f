/* ONNX messages under construction; see export_internal.h.
 *
 * protobuf-c's messages are plain structs that point at each other, so a node
 * is one struct with everything in it, and a model two arrays of such. */

#include "export/export_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 13, OPSET_HSWISH = 14 };

sn_status sn_onnx_build_init(struct sn_onnx_build *b, int room,
                             struct sn_error *err)
{
    *b = (struct sn_onnx_build){.room = room};
    b->node = calloc((size_t)room, sizeof *b->node);
    b->constant = calloc((size_t)room, sizeof *b->constant);
    if (b->node && b->constant)
        return SN_OK;
    sn_onnx_build_release(b);
    return sn_fail(err, SN_ERR_MEMORY, "no memory for %d ONNX nodes", room);
}

void sn_onnx_build_release(struct sn_onnx_build *b)
{
    for (int i = 0; i < b->constants; i++)
        free(b->constant[i].m.raw_data.data);
    free(b->node);
    free(b->constant);
    *b = (struct sn_onnx_build){0};
}

/* protobuf-c's fields are not const; it only reads what it packs. */
static char *unconst(const char *text)
{
    union {
        const char *in;
        char *out;
    } as = {text};
    return as.out;
}

/* ---- nodes ---- */

struct sn_onnx_node *sn_onnx_add(struct sn_onnx_build *b, const char *op,
                                 const char *name, const char *x)
{
    SN_CHECK(b->nodes < b->room);
    struct sn_onnx_node *node = &b->node[b->nodes++];
    onnx__node_proto__init(&node->m);
    SN_CHECK(snprintf(node->name, sizeof node->name, "%s", name) <
             (int)sizeof node->name);
    node->m.name = node->output[0] = node->name;
    node->m.op_type = unconst(op);
    node->m.input = node->input;
    node->m.output = node->output;
    node->m.n_output = 1;
    node->m.attribute = node->attributes;
    sn_onnx_reads(node, x);
    return node;
}

void sn_onnx_reads(struct sn_onnx_node *node, const char *x)
{
    SN_CHECK(node->m.n_input < SN_ONNX_INPUTS);
    node->input[node->m.n_input++] = unconst(x);
}

static Onnx__AttributeProto *attribute(struct sn_onnx_node *node,
                                       const char *key,
                                       Onnx__AttributeProto__AttributeType type)
{
    const size_t i = node->m.n_attribute++;
    SN_CHECK(i < SN_ONNX_ATTRIBUTES);
    Onnx__AttributeProto *a = node->attributes[i] = &node->attribute[i];
    onnx__attribute_proto__init(a);
    a->name = unconst(key);
    a->has_type = 1;
    a->type = type;
    return a;
}

void sn_onnx_set_int(struct sn_onnx_node *node, const char *key, int value)
{
    Onnx__AttributeProto *a =
        attribute(node, key, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

void sn_onnx_set_ints(struct sn_onnx_node *node, const char *key, int n,
                      const int *value)
{
    Onnx__AttributeProto *a =
        attribute(node, key, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    SN_CHECK(n <= SN_ONNX_INTS);
    a->n_ints = (size_t)n;
    a->ints = node->ints[a - node->attribute];
    for (int i = 0; i < n; i++)
        a->ints[i] = value[i];
}

/* ---- constants ---- */

static void *constant(struct sn_onnx_build *b, const char *name, int type,
                      size_t item, int dims, const int *dim)
{
    SN_CHECK(b->constants < b->room && dims <= SN_ONNX_DIMS);
    struct sn_onnx_constant *c = &b->constant[b->constants++];
    size_t count = 1;
    onnx__tensor_proto__init(&c->m);
    SN_CHECK(snprintf(c->name, sizeof c->name, "%s", name) <
             (int)sizeof c->name);
    c->m.name = c->name;
    c->m.has_data_type = 1;
    c->m.data_type = type;
    c->m.n_dims = (size_t)dims;
    c->m.dims = c->dim;
    for (int i = 0; i < dims; i++) {
        c->dim[i] = dim[i];
        count *= (size_t)dim[i];
    }
    c->m.has_raw_data = 1;
    c->m.raw_data.len = count * item;
    c->m.raw_data.data = calloc(count, item);
    b->failed |= !c->m.raw_data.data;
    return c->m.raw_data.data;
}

float *sn_onnx_floats(struct sn_onnx_build *b, const char *name, int dims,
                      const int *dim)
{
    return constant(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                    sizeof(float), dims, dim);
}

int64_t *sn_onnx_integers(struct sn_onnx_build *b, const char *name, int n)
{
    return constant(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
                    sizeof(int64_t), 1, &n);
}

const char *sn_onnx_last_constant(const struct sn_onnx_build *b)
{
    return b->constant[b->constants - 1].name;
}

/* ---- the model ---- */

/* One end of the graph: a name, a type, and [N, ...]. */
struct end {
    Onnx__ValueInfoProto m, *list[1];
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dim[SN_ONNX_DIMS], *dims[SN_ONNX_DIMS];
};

static void set_end(struct end *e, const char *name, const char *about,
                    int type, int dims, const int *dim)
{
    onnx__value_info_proto__init(&e->m);
    onnx__type_proto__init(&e->type);
    onnx__type_proto__tensor__init(&e->tensor);
    onnx__tensor_shape_proto__init(&e->shape);
    e->list[0] = &e->m;
    e->m.name = unconst(name);
    e->m.doc_string = unconst(about);
    e->m.type = &e->type;
    e->type.tensor_type = &e->tensor;
    e->tensor.has_elem_type = 1;
    e->tensor.elem_type = type;
    e->tensor.shape = &e->shape;
    e->shape.dim = e->dims;
    e->shape.n_dim = (size_t)dims;
    for (int i = 0; i < dims; i++) {
        onnx__tensor_shape_proto__dimension__init(&e->dim[i]);
        e->dims[i] = &e->dim[i];
        if (i == 0) {
            e->dim[i].dim_param = unconst("N");
        } else {
            e->dim[i].has_dim_value = 1;
            e->dim[i].dim_value = dim[i];
        }
    }
}

static void set_ends(struct end *input, struct end *output,
                     const struct sn_onnx_net *net)
{
    const struct sn_arch *a = net->arch;
    const int nhwc[] = {0, net->h, net->w, a->c},
              nchw[] = {0, a->c, a->h, a->w}, out[] = {0, a->classes};
    if (net->raw)
        set_end(input, sn_onnx_input_name(true),
                "the normalised picture: (pixel / 255 - mean) / deviation",
                ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 4, nchw);
    else
        set_end(input, sn_onnx_input_name(false),
                "pixels as they were decoded, 0 to 255",
                ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, 4, nhwc);
    set_end(output, SN_ONNX_LOGITS, "a score a class; softmax makes shares",
            ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 2, out);
}

/* Lists of pointers, as the messages want them. */
struct lists {
    Onnx__NodeProto **node;
    Onnx__TensorProto **constant;
    Onnx__StringStringEntryProto *text, **texts;
};

static bool make_lists(struct lists *l, struct sn_onnx_build *b,
                       const struct sn_onnx_net *net)
{
    const size_t metas = (size_t)net->metas + 1;
    l->node = calloc((size_t)b->nodes + 1, sizeof *l->node);
    l->constant = calloc((size_t)b->constants + 1, sizeof *l->constant);
    l->text = calloc(metas, sizeof *l->text);
    l->texts = calloc(metas, sizeof *l->texts);
    if (!l->node || !l->constant || !l->text || !l->texts)
        return false;
    for (int i = 0; i < b->nodes; i++)
        l->node[i] = &b->node[i].m;
    for (int i = 0; i < b->constants; i++)
        l->constant[i] = &b->constant[i].m;
    for (int i = 0; i < net->metas; i++) {
        onnx__string_string_entry_proto__init(&l->text[i]);
        l->text[i].key = unconst(net->meta[i].key);
        l->text[i].value = unconst(net->meta[i].value);
        l->texts[i] = &l->text[i];
    }
    return true;
}

static void free_lists(struct lists *l)
{
    free(l->node);
    free(l->constant);
    free(l->text);
    free(l->texts);
}

static bool pack(const struct sn_onnx_build *b, const struct sn_onnx_net *net,
                 const struct lists *l, uint8_t **bytes, size_t *count)
{
    Onnx__ModelProto m = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto g = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto set = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *sets[] = {&set};
    struct end input, output;
    set_ends(&input, &output, net);
    g.name = unconst("supernet");
    g.node = l->node;
    g.n_node = (size_t)b->nodes;
    g.initializer = l->constant;
    g.n_initializer = (size_t)b->constants;
    g.input = input.list;
    g.output = output.list;
    g.n_input = g.n_output = 1;
    set.domain = unconst("");
    set.has_version = 1;
    set.version = net->arch->act == SN_ACT_HSWISH ? OPSET_HSWISH : OPSET;
    m.has_ir_version = 1;
    m.ir_version = IR_VERSION;
    m.producer_name = unconst("supernet");
    m.producer_version = unconst(net->version);
    m.graph = &g;
    m.opset_import = sets;
    m.n_opset_import = 1;
    m.metadata_props = l->texts;
    m.n_metadata_props = (size_t)net->metas;
    *count = onnx__model_proto__get_packed_size(&m);
    *bytes = malloc(*count);
    if (*bytes)
        onnx__model_proto__pack(&m, *bytes);
    return *bytes;
}

sn_status sn_onnx_pack(struct sn_onnx_build *b, const struct sn_onnx_net *net,
                       uint8_t **bytes, size_t *count, struct sn_error *err)
{
    struct lists l = {0};
    const bool made =
        !b->failed && make_lists(&l, b, net) && pack(b, net, &l, bytes, count);
    free_lists(&l);
    return made ? SN_OK
                : sn_fail(err, SN_ERR_MEMORY,
                          "no memory for an ONNX file of %d nodes", b->nodes);
}
