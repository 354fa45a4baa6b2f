/* The reader of ONNX files believes nothing: files that are cut, damaged or
 * say what cannot be are refused with the file, the node and the reason. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "export/export_internal.h"

/* ---- a good file, small but with every operator ---- */

static void make_file(const char *path, sn_act act)
{
    struct sn_arch arch = {.h = 8,
                           .w = 8,
                           .c = 2,
                           .classes = 3,
                           .act = act,
                           .stem = 4,
                           .stem_stride = 1,
                           .n_stages = 1};
    arch.stage[0] =
        (struct sn_arch_stage){4, 1, 1, {{.op = SN_OP_IBN, .k = 3, .e = 2}}};
    struct sn_space *space = calloc(1, sizeof *space);
    struct sn_supernet net;
    struct sn_onnx_build b;
    struct sn_error err;
    uint8_t *bytes = NULL;
    size_t count = 0;
    const float one[] = {1, 1};
    const struct sn_onnx_net spec = {.arch = &arch,
                                     .net = &net,
                                     .h = 6,
                                     .w = 8,
                                     .mean = one,
                                     .deviation = one,
                                     .version = ""};
    assert_non_null(space);
    sn_arch_space(space, &arch);
    check_ok(sn_supernet_init(&net, space, 1, &err), &err);
    for (int i = 0; i < net.params.stats; i++)
        net.params.counts[i] = 1;
    check_ok(sn_onnx_build_init(&b, sn_onnx_room(&arch), &err), &err);
    sn_onnx_add_net(&b, &spec);
    check_ok(sn_onnx_pack(&b, &spec, &bytes, &count, &err), &err);
    check_write(path, bytes, count);
    sn_onnx_build_release(&b);
    sn_supernet_release(&net);
    free(bytes);
    free(space);
}

/* ---- files that say what cannot be ---- */

static Onnx__NodeProto *node(Onnx__ModelProto *m, const char *op)
{
    for (size_t i = 0; i < m->graph->n_node; i++)
        if (strcmp(m->graph->node[i]->op_type, op) == 0)
            return m->graph->node[i];
    fail_msg("no node %s", op);
    return NULL;
}

static Onnx__AttributeProto *attribute(Onnx__NodeProto *n, const char *name)
{
    for (size_t i = 0; i < n->n_attribute; i++)
        if (strcmp(n->attribute[i]->name, name) == 0)
            return n->attribute[i];
    fail_msg("no attribute %s", name);
    return NULL;
}

static Onnx__TensorProto *constant(Onnx__ModelProto *m, const char *name)
{
    for (size_t i = 0; i < m->graph->n_initializer; i++)
        if (strcmp(m->graph->initializer[i]->name, name) == 0)
            return m->graph->initializer[i];
    fail_msg("no constant %s", name);
    return NULL;
}

/* Another text in memory that protobuf-c will free. */
static void set(char **text, const char *to)
{
    const size_t n = strlen(to) + 1;
    char *copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, to, n);
    free(*text);
    *text = copy;
}

static Onnx__TypeProto__Tensor *input_type(Onnx__ModelProto *m)
{
    return m->graph->input[0]->type->tensor_type;
}

static Onnx__TypeProto__Tensor *output_type(Onnx__ModelProto *m)
{
    return m->graph->output[0]->type->tensor_type;
}

/* What to break, in the order of `broken` below; each gives the text that the
 * reader must answer with. */
typedef const char *break_fn(Onnx__ModelProto *m);

static const char *no_operator_set(Onnx__ModelProto *m)
{
    onnx__operator_set_id_proto__free_unpacked(m->opset_import[0], NULL);
    m->n_opset_import = 0;
    return "is no ONNX file: it has no operator set";
}

static const char *newer_ir(Onnx__ModelProto *m)
{
    m->ir_version = 11;
    return "IR version 11; expected 8";
}

static const char *older_operators(Onnx__ModelProto *m)
{
    m->opset_import[0]->version = 9;
    return "operator set  9; expected ONNX's own, 13 or 14";
}

static const char *foreign_operators(Onnx__ModelProto *m)
{
    set(&m->opset_import[0]->domain, "ai.example");
    return "operator set ai.example 14";
}

static const char *foreign_node(Onnx__ModelProto *m)
{
    set(&node(m, "Conv")->domain, "ai.example");
    return "node 'stem' (Conv): an operator that is not known here";
}

static const char *unknown_node(Onnx__ModelProto *m)
{
    set(&node(m, "Conv")->op_type, "ConvTranspose");
    return "node 'stem' (ConvTranspose): an operator that is not known here";
}

static const char *too_old_for_hswish(Onnx__ModelProto *m)
{
    m->opset_import[0]->version = 13;
    return "(HardSwish): needs operator set 14, the file has 13";
}

static const char *no_nodes(Onnx__ModelProto *m)
{
    while (m->graph->n_node)
        onnx__node_proto__free_unpacked(m->graph->node[--m->graph->n_node],
                                        NULL);
    return "0 nodes and ";
}

static const char *no_input(Onnx__ModelProto *m)
{
    onnx__value_info_proto__free_unpacked(m->graph->input[0], NULL);
    m->graph->n_input = 0;
    return "0 inputs and 1 outputs; expected one of each";
}

static const char *input_of_doubles(Onnx__ModelProto *m)
{
    input_type(m)->elem_type = 11;
    return "input 'image': type 11; expected uint8 or float";
}

static const char *fixed_batch(Onnx__ModelProto *m)
{
    Onnx__TensorShapeProto__Dimension *n = input_type(m)->shape->dim[0];
    set(&n->dim_param, "");
    n->has_dim_value = 1;
    n->dim_value = 1;
    return "'image': expected a tensor of 4 dimensions, the first of them "
           "symbolic";
}

static const char *wild_input(Onnx__ModelProto *m)
{
    input_type(m)->shape->dim[1]->dim_value = INT64_MAX;
    return "'image': expected a tensor of 4 dimensions";
}

static const char *no_type(Onnx__ModelProto *m)
{
    onnx__type_proto__free_unpacked(m->graph->input[0]->type, NULL);
    m->graph->input[0]->type = NULL;
    return "'image': expected a tensor of 4 dimensions";
}

static const char *more_classes(Onnx__ModelProto *m)
{
    output_type(m)->shape->dim[1]->dim_value = 4;
    return "output 'logits' is said to be of type 1 and 4 classes; its node "
           "gives floats, 3 of them";
}

static const char *output_of_integers(Onnx__ModelProto *m)
{
    output_type(m)->elem_type = 7;
    return "output 'logits' is said to be of type 7";
}

static const char *output_from_nowhere(Onnx__ModelProto *m)
{
    set(&m->graph->output[0]->name, "stem.weight");
    return "no node computes output 'stem.weight'";
}

static const char *output_of_pixels(Onnx__ModelProto *m)
{
    set(&m->graph->output[0]->name, "pool");
    return "output 'pool' is said to be";
}

static const char *name_twice(Onnx__ModelProto *m)
{
    set(&node(m, "Gemm")->output[0], "pool");
    return "the name 'pool' is given twice";
}

static const char *name_empty(Onnx__ModelProto *m)
{
    set(&constant(m, "stem.bias")->name, "");
    return "the name '' is empty";
}

static const char *constant_of_strings(Onnx__ModelProto *m)
{
    constant(m, "stem.bias")->data_type = 8;
    return "constant 'stem.bias': type 8; expected float or int64";
}

static const char *wild_constant(Onnx__ModelProto *m)
{
    constant(m, "stem.weight")->dims[0] = (int64_t)1 << 62;
    return "constant 'stem.weight': its shape is out of range";
}

static const char *negative_constant(Onnx__ModelProto *m)
{
    constant(m, "stem.weight")->dims[1] = -2;
    return "constant 'stem.weight': its shape is out of range";
}

static const char *overflowing_constant(Onnx__ModelProto *m)
{
    for (int i = 0; i < 4; i++)
        constant(m, "stem.weight")->dims[i] = 1 << 16;
    return "constant 'stem.weight': its shape is out of range";
}

static const char *short_constant(Onnx__ModelProto *m)
{
    constant(m, "stem.weight")->raw_data.len -= 4;
    return "constant 'stem.weight': 284 bytes; expected 288 in";
}

static const char *constant_elsewhere(Onnx__ModelProto *m)
{
    constant(m, "stem.weight")->has_data_location = 1;
    constant(m, "stem.weight")->data_location = 1;
    return "constant 'stem.weight': 288 bytes; expected 288 in this file";
}

static const char *one_input_less(Onnx__ModelProto *m)
{
    Onnx__NodeProto *n = node(m, "Conv");
    free(n->input[--n->n_input]);
    return "node 'stem' (Conv): 2 inputs and 1 outputs; expected 3 and 1";
}

static const char *input_from_later(Onnx__ModelProto *m)
{
    set(&node(m, "Conv")->input[0], "pool");
    return "node 'stem' (Conv): nothing gives its input 'pool'";
}

static const char *cast_of_a_constant(Onnx__ModelProto *m)
{
    set(&node(m, "Cast")->input[0], "stem.bias");
    return "(Cast): input 'stem.bias' is of type 1 with 1 dimensions; expected "
           "the graph's input, uint8";
}

static const char *cast_to_int(Onnx__ModelProto *m)
{
    attribute(node(m, "Cast"), "to")->i = 7;
    return "(Cast): attribute 'to': expected 1 integers from 1 to 1";
}

static const char *another_order(Onnx__ModelProto *m)
{
    attribute(node(m, "Transpose"), "perm")->ints[0] = 1;
    return "(Transpose): expected the order 0, 3, 1, 2";
}

static const char *order_out_of_range(Onnx__ModelProto *m)
{
    attribute(node(m, "Transpose"), "perm")->ints[0] = -1;
    return "attribute 'perm': expected 4 integers from 0 to 3";
}

static const char *transpose_of_bytes(Onnx__ModelProto *m)
{
    set(&node(m, "Transpose")->input[0], "image");
    return "input 'image' is of type 2 with 4 dimensions; expected floats with "
           "4";
}

static const char *scale_of_two_kinds(Onnx__ModelProto *m)
{
    set(&node(m, "Mul")->input[1], "stem.weight");
    return "(Mul): input 'stem.weight' is of type 1 with 4 dimensions; "
           "expected floats of one shape, or a value a channel";
}

static const char *sum_of_a_vector(Onnx__ModelProto *m)
{
    set(&node(m, "Add")->input[0], "stem.bias");
    return "(Add): input 'stem.bias' is of type 1 with 1 dimensions";
}

static const char *wild_pads(Onnx__ModelProto *m)
{
    const int64_t wild = INT64_MAX;
    memcpy(constant(m, "image.pads")->raw_data.data + 16, &wild, 8);
    return "(Pad): its pads are out of range";
}

static const char *pads_of_channels(Onnx__ModelProto *m)
{
    const int64_t one = 1;
    memcpy(constant(m, "image.pads")->raw_data.data + 8, &one, 8);
    return "(Pad): its pads are out of range";
}

static const char *pads_of_floats(Onnx__ModelProto *m)
{
    set(&node(m, "Pad")->input[1], "stem.bias");
    return "(Pad): input 'stem.bias' is of type 1 with 1 dimensions; expected "
           "8 int64";
}

static const char *pad_of_a_vector(Onnx__ModelProto *m)
{
    set(&node(m, "Pad")->input[0], "stem.bias");
    return "(Pad): input 'stem.bias'";
}

static const char *conv_of_bytes(Onnx__ModelProto *m)
{
    set(&node(m, "Conv")->input[0], "image");
    return "(Conv): input 'image' is of type 2";
}

static const char *weight_of_no_constant(Onnx__ModelProto *m)
{
    set(&node(m, "Conv")->input[1], "image.scaled");
    return "(Conv): input 'image.scaled' is of type 1 with 4 dimensions; "
           "expected constant floats with 4";
}

static const char *bias_of_another(Onnx__ModelProto *m)
{
    set(&node(m, "Conv")->input[2], "linear.bias");
    return "(Conv): input 'linear.bias' is of type 1 with 1 dimensions; "
           "expected a constant float per output channel";
}

static const char *group_of_none(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "group")->i = 0;
    return "attribute 'group': expected 1 integers from 1 to 2147483647";
}

static const char *group_that_does_not_divide(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "group")->i = 3;
    return "2 channels in 3 groups do not go with a weight [4, 2, ...]";
}

static const char *another_kernel(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "kernel_shape")->ints[1] = 5;
    return "kernel_shape 3 x 5, strides 1 x 1; expected those of a 3 x 3 "
           "weight, and equal strides";
}

static const char *strides_that_differ(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "strides")->ints[1] = 2;
    return "kernel_shape 3 x 3, strides 1 x 2";
}

static const char *no_stride(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "strides")->ints[0] = 0;
    return "attribute 'strides': expected 2 integers from 1 to 8192";
}

static const char *wild_conv_pads(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "pads")->ints[3] = 1 << 20;
    return "attribute 'pads': expected 4 integers from 0 to 8192";
}

static const char *too_wide(Onnx__ModelProto *m)
{
    attribute(node(m, "Conv"), "pads")->ints[3] = 8192;
    return "(Conv): its result is too wide";
}

static const char *kernel_too_large(Onnx__ModelProto *m)
{
    input_type(m)->shape->dim[1]->dim_value = 1;
    input_type(m)->shape->dim[2]->dim_value = 1;
    memset(constant(m, "image.pads")->raw_data.data, 0, 64);
    memset(attribute(node(m, "Conv"), "pads")->ints, 0, 4 * sizeof(int64_t));
    return "(Conv): its kernel is larger than its input";
}

static const char *too_large(Onnx__ModelProto *m)
{
    const int64_t most = 8192;
    input_type(m)->shape->dim[1]->dim_value = most;
    input_type(m)->shape->dim[2]->dim_value = most;
    memcpy(constant(m, "image.pads")->raw_data.data + 16, &most, 8);
    memcpy(constant(m, "image.pads")->raw_data.data + 24, &most, 8);
    return "(Pad): its result is empty or too large";
}

static const char *one_attribute_more(Onnx__ModelProto *m)
{
    set(&attribute(node(m, "Conv"), "group")->name, "dilations");
    return "attribute 'group': expected";
}

static const char *attribute_of_none(Onnx__ModelProto *m)
{
    Onnx__NodeProto *from = node(m, "Flatten"), *to = node(m, "HardSwish");
    to->attribute = from->attribute;
    to->n_attribute = from->n_attribute;
    from->attribute = NULL;
    from->n_attribute = 0;
    return "(HardSwish): 1 attributes, of which 0 are known";
}

static const char *act_of_a_vector(Onnx__ModelProto *m)
{
    set(&node(m, "HardSwish")->input[0], "stem.bias");
    return "(HardSwish): input 'stem.bias'";
}

static const char *pool_of_a_vector(Onnx__ModelProto *m)
{
    set(&node(m, "GlobalAveragePool")->input[0], "stem.bias");
    return "(GlobalAveragePool): input 'stem.bias'";
}

static const char *flatten_of_a_vector(Onnx__ModelProto *m)
{
    set(&node(m, "Flatten")->input[0], "stem.bias");
    return "(Flatten): input 'stem.bias'";
}

static const char *flatten_elsewhere(Onnx__ModelProto *m)
{
    attribute(node(m, "Flatten"), "axis")->i = 2;
    return "attribute 'axis': expected 1 integers from 1 to 1";
}

static const char *gemm_of_pixels(Onnx__ModelProto *m)
{
    set(&node(m, "Gemm")->input[0], "pool");
    return "(Gemm): input 'pool' is of type 1 with 4 dimensions; expected "
           "floats with 2";
}

static const char *gemm_with_another_weight(Onnx__ModelProto *m)
{
    set(&node(m, "Gemm")->input[1], "stem.weight");
    return "expected a constant column per feature";
}

static const char *gemm_with_another_bias(Onnx__ModelProto *m)
{
    set(&node(m, "Gemm")->input[2], "stem.bias");
    return "expected a constant float per class";
}

static const char *gemm_as_it_lies(Onnx__ModelProto *m)
{
    attribute(node(m, "Gemm"), "transB")->i = 0;
    return "attribute 'transB': expected 1 integers from 1 to 1";
}

static break_fn *const broken[] = {
    no_operator_set,
    newer_ir,
    older_operators,
    foreign_operators,
    foreign_node,
    unknown_node,
    too_old_for_hswish,
    no_nodes,
    no_input,
    input_of_doubles,
    fixed_batch,
    wild_input,
    no_type,
    more_classes,
    output_of_integers,
    output_from_nowhere,
    output_of_pixels,
    name_twice,
    name_empty,
    constant_of_strings,
    wild_constant,
    negative_constant,
    overflowing_constant,
    short_constant,
    constant_elsewhere,
    one_input_less,
    input_from_later,
    cast_of_a_constant,
    cast_to_int,
    another_order,
    order_out_of_range,
    transpose_of_bytes,
    scale_of_two_kinds,
    sum_of_a_vector,
    wild_pads,
    pads_of_channels,
    pads_of_floats,
    pad_of_a_vector,
    conv_of_bytes,
    weight_of_no_constant,
    bias_of_another,
    group_of_none,
    group_that_does_not_divide,
    another_kernel,
    strides_that_differ,
    no_stride,
    wild_conv_pads,
    too_wide,
    kernel_too_large,
    too_large,
    one_attribute_more,
    attribute_of_none,
    act_of_a_vector,
    pool_of_a_vector,
    flatten_of_a_vector,
    flatten_elsewhere,
    gemm_of_pixels,
    gemm_with_another_weight,
    gemm_with_another_bias,
    gemm_as_it_lies,
};

static void refuse(const char *path, break_fn *how)
{
    struct sn_onnx *m = NULL;
    struct sn_error err;
    size_t n;
    const char *bytes = check_read(path, &n);
    Onnx__ModelProto *p =
        onnx__model_proto__unpack(NULL, n, (const uint8_t *)bytes);
    assert_non_null(p);
    const char *text = how(p);
    uint8_t *packed = malloc(onnx__model_proto__get_packed_size(p));
    assert_non_null(packed);
    n = onnx__model_proto__pack(p, packed);
    onnx__model_proto__free_unpacked(p, NULL);
    check_fails(sn_onnx_open(&m, check_write("bad.onnx", packed, n), &err),
                &err, SN_ERR_INPUT, text);
    assert_null(m);
    free(packed);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    make_file("good.onnx", SN_ACT_HSWISH);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        refuse(check_path("good.onnx"), broken[i]);
}

static const char *bound_of_no_constant(Onnx__ModelProto *m)
{
    set(&node(m, "Clip")->input[2], "stem.bias");
    return "(Clip): input 'stem.bias' is of type 1 with 1 dimensions; expected "
           "a constant float with 0";
}

static void bounds_of_a_clip(void **state)
{
    (void)state;
    make_file("clip.onnx", SN_ACT_RELU6);
    refuse(check_path("clip.onnx"), bound_of_no_constant);
}

/* ---- files that are damaged ---- */

static void cut_files(void **state)
{
    (void)state;
    size_t n;
    make_file("whole.onnx", SN_ACT_RELU);
    const char *bytes = check_read(check_path("whole.onnx"), &n);
    for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : 61) {
        struct sn_onnx *m = NULL;
        struct sn_error err = {0};
        const char *path = check_write("cut.onnx", bytes, cut);
        assert_int_equal(sn_onnx_open(&m, path, &err), SN_ERR_INPUT);
        assert_non_null(strstr(err.text, "cut.onnx: "));
    }
    struct sn_onnx *m = NULL;
    struct sn_error err;
    check_fails(sn_onnx_open(&m, check_write_text("t.onnx", "hello"), &err),
                &err, SN_ERR_INPUT,
                "t.onnx: is no ONNX file, or a part of one");
    check_fails(sn_onnx_open(&m, check_write("none.onnx", "", 0), &err), &err,
                SN_ERR_INPUT, "none.onnx: is no ONNX file: it has no graph");
    check_fails(sn_onnx_open(&m, check_path("gone.onnx"), &err), &err,
                SN_ERR_INPUT, "gone.onnx: cannot be opened");
}

/* Bytes turned over at random: whatever is accepted runs, the rest is told. */
static void noise_in_files(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    size_t n;
    int refused = 0;
    make_file("whole.onnx", SN_ACT_RELU6);
    char *bytes = check_read(check_path("whole.onnx"), &n);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct sn_onnx *m = NULL;
        struct sn_error err = {0};
        uint32_t at = sn_rng_below(rng, i, 0, 0, (uint32_t)n);
        const char before = bytes[at];
        bytes[at] = (char)sn_rng_below(rng, i, 1, 0, 256);
        const char *path = check_write("noise.onnx", bytes, n);
        if (sn_onnx_open(&m, path, &err) == SN_OK) {
            void *x = calloc(sn_onnx_inputs(m), sizeof(float));
            float *y = calloc((size_t)sn_onnx_classes(m), sizeof *y);
            assert_true(x && y);
            sn_onnx_run(m, x, y);
            free(x);
            free(y);
        } else {
            assert_non_null(strstr(err.text, "noise.onnx: "));
            refused++;
        }
        sn_onnx_close(m);
        bytes[at] = before;
    }
    assert_true(refused > ROUNDS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(bounds_of_a_clip),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(noise_in_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
