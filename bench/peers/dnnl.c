/* oneDNN's convolutions, one by one, beside ours (bench/kernels.c): the same
 * shapes, the same flags, the same columns, and its own choice of layouts
 * (`any`) and of implementation, whose name stands in the column `variant`.
 * Operands lie in its layouts before the clock starts, which is the best case
 * for it: in a net some of them have to be reordered.
 *
 * Written for the C APIs of oneDNN 2 (Debian 12's libdnnl-dev) and 3.  Where
 * its headers were missing at build time the program says so and exits 77. */

#include <stdio.h>

#if __has_include(<oneapi/dnnl/dnnl.h>)

#    include <omp.h>
#    include <stdlib.h>
#    include <string.h>

#    include <oneapi/dnnl/dnnl.h>
#    include <oneapi/dnnl/dnnl_debug.h>

#    include "base/os.h"
#    include "bench/flags.h"
#    include "bench/probe.h"
#    include "bench/sample.h"
#    include "bench/shapes.h"
#    include "kernels/kernels.h"

/* Turns a status of oneDNN's into one of ours, on the way out. */
#    define DNNL_TRY(call, err)                                                \
        do {                                                                   \
            const dnnl_status_t dnnl_rc = (call);                              \
            if (dnnl_rc != dnnl_success)                                       \
                return sn_fail(err, SN_ERR_INPUT, "oneDNN: %s: %s", #call,     \
                               dnnl_status2str(dnnl_rc));                      \
        } while (0)

/* ---- what differs between version 2 and 3 ---- */

#    if DNNL_VERSION_MAJOR < 3
typedef const dnnl_memory_desc_t *layout; /* borrowed from its primitive */
typedef dnnl_memory_desc_t any_layout;
typedef const_dnnl_primitive_desc_t hint;

static dnnl_status_t make_any(any_layout *md, int n, const dnnl_dims_t dims,
                              dnnl_data_type_t type)
{
    return dnnl_memory_desc_init_by_tag(md, n, dims, type, dnnl_format_tag_any);
}

static void release_any(any_layout *md)
{
    (void)md;
}
#    else
typedef const_dnnl_memory_desc_t layout;
typedef dnnl_memory_desc_t any_layout;
typedef const_dnnl_primitive_desc_t hint;

static dnnl_status_t make_any(any_layout *md, int n, const dnnl_dims_t dims,
                              dnnl_data_type_t type)
{
    return dnnl_memory_desc_create_with_tag(md, n, dims, type,
                                            dnnl_format_tag_any);
}

static void release_any(any_layout *md)
{
    dnnl_memory_desc_destroy(*md);
}
#    endif

/* x, w and y of a convolution, or what stands in their place backward. */
struct operands {
    any_layout x, w, y;
    dnnl_dims_t stride, dilate, pad;
};

/* The primitive of a pass; `forward` is the hint that backward ones ask for. */
static dnnl_status_t make_pass(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                               const struct operands *o, sn_conv_pass pass,
                               hint forward)
{
    const dnnl_alg_kind_t how = dnnl_convolution_direct;
#    if DNNL_VERSION_MAJOR < 3
    dnnl_convolution_desc_t d;
    dnnl_status_t rc;
    if (pass == SN_CONV_FWD)
        rc = dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, how,
                                                &o->x, &o->w, NULL, &o->y,
                                                o->stride, o->pad, o->pad);
    else if (pass == SN_CONV_BWD_DATA)
        rc = dnnl_convolution_backward_data_desc_init(
            &d, how, &o->x, &o->w, &o->y, o->stride, o->pad, o->pad);
    else
        rc = dnnl_convolution_backward_weights_desc_init(
            &d, how, &o->x, &o->w, NULL, &o->y, o->stride, o->pad, o->pad);
    if (rc != dnnl_success)
        return rc;
    return dnnl_primitive_desc_create(pd, &d, NULL, engine, forward);
#    else
    if (pass == SN_CONV_FWD)
        return dnnl_convolution_forward_primitive_desc_create(
            pd, engine, dnnl_forward_training, how, o->x, o->w, NULL, o->y,
            o->stride, o->dilate, o->pad, o->pad, NULL);
    if (pass == SN_CONV_BWD_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            pd, engine, how, o->x, o->w, o->y, o->stride, o->dilate, o->pad,
            o->pad, forward, NULL);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        pd, engine, how, o->x, o->w, NULL, o->y, o->stride, o->dilate, o->pad,
        o->pad, forward, NULL);
#    endif
}

/* ---- one pass of one shape ---- */

struct bench {
    const char *shapes, *only, *pass, *precision;
    int threads;
    double seconds;
    bool csv;

    bool passes[SN_CONV_PASSES];
    dnnl_data_type_t type;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    double peak;
};

enum { ARGS = 3 };

struct pass {
    struct operands any;
    dnnl_primitive_desc_t forward, desc; /* the same for forward */
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[ARGS];
    void *block[ARGS];
    dnnl_exec_arg_t arg[ARGS];
    dnnl_stream_t stream; /* borrowed */
};

static sn_status make_operands(struct operands *o, const struct sn_shape *s,
                               dnnl_data_type_t type, sn_conv_pass pass,
                               struct sn_error *err)
{
    const int oh = sn_shape_oh(s), ow = sn_shape_ow(s);
    const int pad = (s->k - 1) / 2;
    const bool depth = sn_shape_class_of(s) == SN_SHAPE_DEPTH;
    const dnnl_dims_t x = {s->n, s->cin, s->h, s->w};
    const dnnl_dims_t y = {s->n, s->cout, oh, ow};
    const dnnl_dims_t dense = {s->cout, s->cin, s->k, s->k};
    const dnnl_dims_t grouped = {s->groups, 1, 1, s->k, s->k};
    /* gradients of weights are f32, as in training with f32 weights */
    const dnnl_data_type_t w = pass == SN_CONV_BWD_WEIGHT ? dnnl_f32 : type;
    for (int i = 0; i < 2; i++) {
        o->stride[i] = s->stride;
        o->dilate[i] = 0;
        o->pad[i] = pad;
    }
    DNNL_TRY(make_any(&o->x, 4, x, type), err);
    DNNL_TRY(make_any(&o->y, 4, y, type), err);
    DNNL_TRY(make_any(&o->w, depth ? 5 : 4, depth ? grouped : dense, w), err);
    return SN_OK;
}

/* Values that are no denormals in f32, nor in bf16 as pairs of them. */
static void fill(void *block, size_t bytes)
{
    float *x = block;
    for (size_t i = 0; i < bytes / sizeof *x; i++)
        x[i] = (float)(i * 2654435761U >> 8 & 1023) / 1024.0F + 0.5F;
}

/* Operand `i` of the pass in the layout that the primitive wants. */
static sn_status take_operand(struct pass *p, dnnl_engine_t engine, int i,
                              int id, dnnl_query_t which, struct sn_error *err)
{
    const layout md = dnnl_primitive_desc_query_md(p->desc, which, 0);
    const size_t bytes = (dnnl_memory_desc_get_size(md) + 63) / 64 * 64;
    p->block[i] = sn_os_block(bytes);
    if (!p->block[i])
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %zu bytes", bytes);
    fill(p->block[i], bytes);
    DNNL_TRY(dnnl_memory_create(&p->memory[i], md, engine, p->block[i]), err);
    p->arg[i] = (dnnl_exec_arg_t){id, p->memory[i]};
    return SN_OK;
}

static sn_status take_operands(struct pass *p, dnnl_engine_t engine,
                               sn_conv_pass pass, struct sn_error *err)
{
    static const struct {
        int id;
        dnnl_query_t which;
    } of[SN_CONV_PASSES][ARGS] = {
        [SN_CONV_FWD] = {{DNNL_ARG_SRC, dnnl_query_src_md},
                         {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                         {DNNL_ARG_DST, dnnl_query_dst_md}},
        [SN_CONV_BWD_DATA] = {{DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md},
                              {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                              {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md}},
        [SN_CONV_BWD_WEIGHT] = {
            {DNNL_ARG_SRC, dnnl_query_src_md},
            {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md},
            {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md}}};
    for (int i = 0; i < ARGS; i++)
        SN_TRY(
            take_operand(p, engine, i, of[pass][i].id, of[pass][i].which, err));
    return SN_OK;
}

/* The hint of a backward pass is the forward one with operands of its types. */
static sn_status open_pass(struct pass *p, struct bench *b,
                           const struct sn_shape *s, sn_conv_pass pass,
                           struct sn_error *err)
{
    struct operands fwd;
    p->stream = b->stream;
    SN_TRY(make_operands(&fwd, s, b->type, SN_CONV_FWD, err));
    DNNL_TRY(make_pass(&p->forward, b->engine, &fwd, SN_CONV_FWD, NULL), err);
    release_any(&fwd.x);
    release_any(&fwd.w);
    release_any(&fwd.y);
    SN_TRY(make_operands(&p->any, s, b->type, pass, err));
    DNNL_TRY(make_pass(&p->desc, b->engine, &p->any, pass,
                       pass == SN_CONV_FWD ? NULL : p->forward),
             err);
    DNNL_TRY(dnnl_primitive_create(&p->primitive, p->desc), err);
    return take_operands(p, b->engine, pass, err);
}

static void close_pass(struct pass *p)
{
    for (int i = 0; i < ARGS; i++) {
        if (p->memory[i])
            dnnl_memory_destroy(p->memory[i]);
        free(p->block[i]);
    }
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->desc)
        dnnl_primitive_desc_destroy(p->desc);
    if (p->forward)
        dnnl_primitive_desc_destroy(p->forward);
    release_any(&p->any.x);
    release_any(&p->any.w);
    release_any(&p->any.y);
}

static void run_once(void *ctx)
{
    struct pass *p = ctx;
    SN_CHECK(dnnl_primitive_execute(p->primitive, p->stream, ARGS, p->arg) ==
             dnnl_success);
    SN_CHECK(dnnl_stream_wait(p->stream) == dnnl_success);
}

static sn_status run_pass(struct bench *b, const struct sn_shape *s,
                          sn_conv_pass pass, struct sn_error *err)
{
    struct pass p = {0};
    const char *variant = "";
    sn_status rc = open_pass(&p, b, s, pass, err);
    if (rc == SN_OK) {
        const double seconds = sn_sample_time(run_once, &p, b->seconds).median;
        const double rate = sn_shape_flop(s) / seconds;
        dnnl_primitive_desc_query(p.desc, dnnl_query_impl_info_str, 0,
                                  (void *)&variant);
        printf("%s,%s,%s,onednn,%s,%.6g,%.5g,%.4g\n", s->name,
               sn_conv_pass_name[pass], b->precision, variant, 1e3 * seconds,
               rate / 1e9, rate / b->peak);
        fflush(stdout);
    }
    close_pass(&p);
    return rc;
}

/* ---- running ---- */

static sn_status run_shapes(struct bench *b, const struct sn_shape *shapes,
                            int count, struct sn_error *err)
{
    DNNL_TRY(dnnl_engine_create(&b->engine, dnnl_cpu, 0), err);
    DNNL_TRY(
        dnnl_stream_create(&b->stream, b->engine, dnnl_stream_default_flags),
        err);
    puts("name,pass,precision,isa,variant,ms,gflops,share_of_peak");
    for (int i = 0; i < count; i++)
        for (int pass = 0; pass < SN_CONV_PASSES; pass++)
            if (b->passes[pass] && sn_shape_listed(b->only, shapes[i].name))
                SN_TRY(run_pass(b, &shapes[i], (sn_conv_pass)pass, err));
    return SN_OK;
}

static sn_status run_file(struct bench *b, struct sn_error *err)
{
    struct sn_shape *shapes;
    int count;
    SN_TRY(sn_shapes_read(&shapes, &count, b->shapes, err));
    b->peak = sn_probe_peak(sn_cpu_isa(), b->threads);
    const sn_status rc = run_shapes(b, shapes, count, err);
    if (b->stream)
        dnnl_stream_destroy(b->stream);
    if (b->engine)
        dnnl_engine_destroy(b->engine);
    free(shapes);
    return rc;
}

static const char usage[] =
    "usage: dnnl [--shapes FILE] [--only NAME,...] [--threads N]\n"
    "            [--pass fwd,bwd_data,bwd_weight] [--precision f32|bf16]\n"
    "            [--seconds S] [--csv] [--version]\n";

static sn_status read_flags(struct bench *b, int argc, char **argv,
                            bool *version, struct sn_error *err)
{
    const struct sn_flag flags[] = {
        {"--shapes", SN_FLAG_TEXT, &b->shapes, 0},
        {"--only", SN_FLAG_TEXT, &b->only, 0},
        {"--pass", SN_FLAG_TEXT, &b->pass, 0},
        {"--precision", SN_FLAG_TEXT, &b->precision, 0},
        {"--threads", SN_FLAG_COUNT, &b->threads, 1024},
        {"--seconds", SN_FLAG_REAL, &b->seconds, 0},
        {"--csv", SN_FLAG_SET, &b->csv, 0}, /* there is nothing else */
        {"--version", SN_FLAG_SET, version, 0},
        {NULL, SN_FLAG_SET, NULL, 0}};
    SN_TRY(sn_flags_read(flags, argc, argv, err));
    b->type = strcmp(b->precision, "bf16") == 0 ? dnnl_bf16 : dnnl_f32;
    if (b->type == dnnl_f32 && strcmp(b->precision, "f32") != 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--precision: `%s` is not known, expected f32 or bf16",
                       b->precision);
    if (!sn_conv_passes_read(b->passes, b->pass))
        return sn_fail(err, SN_ERR_CONFIG,
                       "--pass: found `%s`, expected a list of fwd, bwd_data "
                       "and bwd_weight",
                       b->pass);
    return SN_OK;
}

int main(int argc, char **argv)
{
    static struct bench b;
    static struct sn_error err;
    bool version = false;
    sn_os_wait_briefly(argv);
    b = (struct bench){.shapes = "bench/shapes.csv",
                       .pass = "fwd,bwd_data,bwd_weight",
                       .precision = "f32",
                       .threads = sn_os_cores(),
                       .seconds = 0.25};
    sn_status rc = read_flags(&b, argc, argv, &version, &err);
    const bool asked = rc == SN_OK;
    if (asked && version) {
        const dnnl_version_t *v = dnnl_version();
        printf("oneDNN %d.%d.%d\n", v->major, v->minor, v->patch);
        return SN_OK;
    }
    omp_set_num_threads(b.threads);
    if (asked)
        rc = run_file(&b, &err);
    if (rc != SN_OK)
        fprintf(stderr, "dnnl: %s\n%s", err.text, asked ? "" : usage);
    return rc;
}

#else

int main(void)
{
    fputs("dnnl: built without oneDNN: its headers were missing "
          "(Debian: libdnnl-dev)\n",
          stderr);
    return 77;
}

#endif
