/* ONNX files: what is written is read back and computes what the net does;
 * what is not that net is not written; what is no such file is not read. */

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/export_internal.h"

enum { PICTURES = 3, SIDE = 16 };

/* A net with statistics, and what it makes of a few pictures. */
struct fixture {
    struct sn_arch arch;
    struct sn_supernet net;
    struct sn_kernels kernels;
    struct sn_graph graph;
    struct sn_onnx_net spec;
    struct sn_onnx_proof proof;
    uint8_t *pictures;
    float *input, *logits;
    int labels[PICTURES];
    struct sn_error err;
};

static const float mean[4] = {0.4f, 0.5f, 0.3f, 0.1f};
static const float deviation[4] = {0.2f, 0.25f, 0.3f, 0.5f};
static const struct sn_onnx_meta meta[] = {{"classes", "cat\ndog\n"},
                                           {"arch", "as it may be"}};

/* Every op, kernels of 3 and 5, strides, residuals, with and without E. */
static void make_arch(struct sn_arch *a, sn_act act, int c, int head)
{
    *a = (struct sn_arch){.h = SIDE,
                          .w = SIDE,
                          .c = c,
                          .classes = 5,
                          .act = act,
                          .stem = 8,
                          .stem_stride = 1,
                          .n_stages = 3,
                          .head = head};
    a->stage[0] = (struct sn_arch_stage){
        8, 1, 3, {{SN_OP_IBN, 3, 1}, {SN_OP_FUSED, 3, 2}, {SN_OP_CONV, 3, 1}}};
    a->stage[1] = (struct sn_arch_stage){
        12, 2, 2, {{SN_OP_IBN, 5, 3}, {SN_OP_IBN, 3, 6}}};
    a->stage[2] = (struct sn_arch_stage){
        20, 2, 2, {{SN_OP_FUSED, 5, 4}, {SN_OP_IBN, 7, 2}}};
}

/* Statistics as a training leaves them, and gains that are not all 1. */
static void make_statistics(struct sn_params *p)
{
    sn_real *noise = check_noise((ptrdiff_t)p->stat_total + 1);
    for (size_t i = 0; i < p->stat_total; i++) {
        p->mean[i] = 0.3 * (double)noise[i];
        p->m2[i] = 4 * (1.1 + (double)noise[i]);
    }
    for (int i = 0; i < p->stats; i++)
        p->counts[i] = 4;
    for (int id = 0; id < p->count; id++)
        if (p->item[id].kind == SN_PARAM_BETA ||
            p->item[id].kind == SN_PARAM_GAMMA)
            for (int ic = 0; ic < p->item[id].cols; ic++)
                p->w[p->item[id].first + (size_t)ic] +=
                    0.5f * noise[ic % (int)p->stat_total];
    check_guards();
}

/* The pictures, h x w of them centred on zeros, and the net's answer. */
static void run_net(struct fixture *f, int h, int w)
{
    struct sn_tensor *x = sn_graph_first(&f->graph);
    const int c = f->arch.c, top = (SIDE - h) / 2, left = (SIDE - w) / 2;
    sn_real *noise = check_noise((ptrdiff_t)PICTURES * h * w * c);
    memset(x->y, 0, sizeof *x->y * (size_t)(PICTURES * SIDE * SIDE * x->ld));
    ptrdiff_t from = 0;
    for (int in = 0; in < PICTURES; in++)
        for (int iy = 0; iy < h; iy++)
            for (int ix = 0; ix < w; ix++)
                for (int ic = 0; ic < c; ic++, from++) {
                    const uint8_t v = (uint8_t)(127.5f + 127 * noise[from]);
                    const ptrdiff_t pixel =
                        ((ptrdiff_t)in * SIDE + iy + top) * SIDE + ix + left;
                    f->pictures[from] = v;
                    x->y[pixel * x->ld + ic] =
                        ((float)v / 255 - mean[ic]) / deviation[ic];
                }
    check_guards();
    for (int in = 0; in < PICTURES; in++)
        for (int ic = 0; ic < c; ic++)
            for (int ip = 0; ip < SIDE * SIDE; ip++)
                f->input[(in * c + ic) * SIDE * SIDE + ip] =
                    x->y[(in * SIDE * SIDE + ip) * x->ld + ic];
    struct sn_loss *loss = sn_graph_last(&f->graph);
    loss->labels = f->labels;
    sn_graph_fwd(&f->graph, SN_MODE_EVAL);
    for (int in = 0; in < PICTURES; in++)
        memcpy(f->logits + in * f->arch.classes,
               loss->in->y + (ptrdiff_t)in * loss->in->ld,
               sizeof(float) * (size_t)f->arch.classes);
}

static struct fixture *make(sn_act act, int c, int head, int h, int w)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sn_space *space = calloc(1, sizeof *space);
    const size_t values = (size_t)PICTURES * SIDE * SIDE * (size_t)c;
    assert_non_null(f);
    assert_non_null(space);
    make_arch(&f->arch, act, c, head);
    sn_arch_space(space, &f->arch);
    check_ok(sn_supernet_init(&f->net, space, 3, &f->err), &f->err);
    free(space);
    make_statistics(&f->net.params);
    sn_kernels_init(&f->kernels, 0);
    check_ok(sn_graph_init(&f->graph, &f->kernels, 8, &f->err), &f->err);
    sn_supernet_build_arch(&f->net, &f->graph, &f->arch, PICTURES, 0);
    check_ok(sn_graph_plan(&f->graph, false, &f->err), &f->err);
    f->pictures = calloc(values, 1);
    f->input = calloc(values, sizeof *f->input);
    f->logits = calloc(PICTURES * 5, sizeof *f->logits);
    assert_true(f->pictures && f->input && f->logits);
    run_net(f, h, w);
    f->spec = (struct sn_onnx_net){.arch = &f->arch,
                                   .net = &f->net,
                                   .h = h,
                                   .w = w,
                                   .mean = mean,
                                   .deviation = deviation,
                                   .version = "1.2.3",
                                   .meta = meta,
                                   .metas = 2};
    f->proof = (struct sn_onnx_proof){PICTURES, f->pictures, f->logits};
    return f;
}

static void release(struct fixture *f)
{
    sn_graph_release(&f->graph);
    sn_supernet_release(&f->net);
    free(f->pictures);
    free(f->input);
    free(f->logits);
    free(f);
}

static const char *write_good(struct fixture *f, const char *name)
{
    const char *path = check_path(name);
    double worst = -1;
    check_ok(sn_onnx_write(path, &f->spec, &f->proof, &worst, &f->err),
             &f->err);
    assert_true(worst >= 0 && worst < 2e-5);
    return path;
}

/* ---- what is written ---- */

static void nets_are_recomputed(void **state)
{
    (void)state;
    static const sn_act acts[] = {SN_ACT_RELU, SN_ACT_RELU6, SN_ACT_HSWISH};
    for (int i = 0; i < 3; i++) {
        struct fixture *f = make(acts[i], 3, i == 1 ? 0 : 24, SIDE, SIDE);
        write_good(f, "a.onnx");
        f->spec.raw = true;
        f->proof.x = f->input;
        write_good(f, "raw.onnx");
        release(f);
    }
}

/* Smaller pictures are centred on zeros of the normalised kind. */
static void pictures_are_padded(void **state)
{
    (void)state;
    struct fixture *f = make(SN_ACT_RELU, 1, 16, 11, 14);
    struct sn_onnx *m;
    check_ok(sn_onnx_open(&m, write_good(f, "p.onnx"), &f->err), &f->err);
    assert_int_equal(sn_onnx_inputs(m), 11 * 14);
    assert_int_equal(m->input->dim[1], 11);
    assert_int_equal(m->input->dim[2], 14);
    assert_int_equal(m->input->dim[3], 1);
    assert_true(sn_onnx_takes_bytes(m));
    assert_int_equal(sn_onnx_classes(m), 5);
    sn_onnx_close(m);
    release(f);
}

static void the_file_says_what_it_is(void **state)
{
    (void)state;
    static const sn_act acts[] = {SN_ACT_RELU6, SN_ACT_HSWISH};
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make(acts[i], 3, 16, SIDE, SIDE);
        struct sn_onnx *m;
        check_ok(sn_onnx_open(&m, write_good(f, "s.onnx"), &f->err), &f->err);
        assert_int_equal(m->m->ir_version, 8);
        assert_string_equal(m->m->producer_version, "1.2.3");
        assert_int_equal(m->m->opset_import[0]->version, 13 + i);
        const Onnx__ValueInfoProto *in = m->m->graph->input[0];
        assert_string_equal(in->type->tensor_type->shape->dim[0]->dim_param,
                            "N");
        assert_string_equal(in->name, "image");
        assert_string_equal(m->m->graph->output[0]->name, "logits");
        assert_string_equal(sn_onnx_text(m, "classes"), "cat\ndog\n");
        assert_string_equal(sn_onnx_text(m, "arch"), "as it may be");
        assert_null(sn_onnx_text(m, "colour"));
        for (size_t it = 0; it < m->m->graph->n_node; it++) /* folded */
            assert_string_not_equal(m->m->graph->node[it]->op_type,
                                    "BatchNormalization");
        assert_true(!sn_onnx_note(&f->arch) == (acts[i] == SN_ACT_HSWISH));
        sn_onnx_close(m);
        release(f);
    }
}

static void every_op_has_a_row(void **state)
{
    (void)state;
    for (int op = 0; op < SN_OP_COUNT; op++)
        assert_true(sn_onnx_has_op((sn_block_op)op));
}

static void two_writes_are_the_same(void **state)
{
    (void)state;
    struct fixture *f = make(SN_ACT_RELU, 3, 16, SIDE, SIDE);
    size_t n, m;
    const char *a = check_read(write_good(f, "1.onnx"), &n);
    const char *b = check_read(write_good(f, "2.onnx"), &m);
    assert_int_equal(n, m);
    check_same(b, a, n, "the second file");
    release(f);
}

/* ---- what is not written ---- */

static void another_net_is_not_written(void **state)
{
    (void)state;
    struct fixture *f = make(SN_ACT_RELU, 3, 16, SIDE, SIDE);
    const char *path = check_write_text("kept.onnx", "as it was");
    double worst = 0;
    f->logits[7] += 0.01f;
    check_fails(sn_onnx_write(path, &f->spec, &f->proof, &worst, &f->err),
                &f->err, SN_ERR_NUMERIC,
                "kept.onnx: was not written: read back, its logits are off by "
                "0.01; expected at most 0.0001");
    f->logits[7] = 3200; /* large ones may be off by more */
    check_fails(sn_onnx_write(path, &f->spec, &f->proof, &worst, &f->err),
                &f->err, SN_ERR_NUMERIC, "expected at most 0.01");
    f->logits[7] = 31;
    check_fails(sn_onnx_write(path, &f->spec, &f->proof, &worst, &f->err),
                &f->err, SN_ERR_NUMERIC, "expected at most 0.0001");
    f->logits[7] = (float)NAN;
    check_fails(sn_onnx_write(path, &f->spec, &f->proof, &worst, &f->err),
                &f->err, SN_ERR_NUMERIC, "off by nan");
    assert_string_equal(check_read(path, NULL), "as it was");
    assert_int_not_equal(access(check_path("kept.onnx.tmp"), F_OK), 0);
    release(f);
}

static void no_place_to_write(void **state)
{
    (void)state;
    struct fixture *f = make(SN_ACT_RELU, 3, 16, SIDE, SIDE);
    double worst;
    check_fails(sn_onnx_write(check_path("gone/x.onnx"), &f->spec, &f->proof,
                              &worst, &f->err),
                &f->err, SN_ERR_OUTPUT, "gone/x.onnx: cannot be written");
    if (access("/dev/full", W_OK) == 0 &&
        symlink("/dev/full", check_path("full.onnx.tmp")) == 0)
        check_fails(sn_onnx_write(check_path("full.onnx"), &f->spec, &f->proof,
                                  &worst, &f->err),
                    &f->err, SN_ERR_OUTPUT, "full.onnx: cannot be written: No");
    release(f);
}

static void memory_is_short(void **state)
{
    (void)state;
    struct fixture *f = make(SN_ACT_RELU6, 3, 16, 12, SIDE);
    double worst;
    int n = 0;
    for (bool reached = true; reached; n++) {
        check_fail_allocation(n);
        const sn_status rc = sn_onnx_write(check_path("m.onnx"), &f->spec,
                                           &f->proof, &worst, &f->err);
        reached = check_allocation_failed();
        assert_int_equal(rc, reached ? SN_ERR_MEMORY : SN_OK);
        if (reached)
            assert_non_null(strstr(f->err.text, "memory"));
    }
    assert_true(n > 20); /* nodes, constants, lists, the reader's parts */
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_are_recomputed),
        cmocka_unit_test(pictures_are_padded),
        cmocka_unit_test(the_file_says_what_it_is),
        cmocka_unit_test(every_op_has_a_row),
        cmocka_unit_test(two_writes_are_the_same),
        cmocka_unit_test(another_net_is_not_written),
        cmocka_unit_test(no_place_to_write),
        cmocka_unit_test(memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
