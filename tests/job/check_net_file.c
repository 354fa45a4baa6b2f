/* What is done with a finished net's file: exports, predictions, classes. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datasets/image.h"
#include "export/onnx.h"
#include "job/env.h"
#include "job/evaluate_file.h"
#include "job/export_file.h"
#include "job/predict.h"
#include "job/runner.h"
#include "job/tensors.h"

enum { SIDE = 16, CLASSES = 3 };

/* Writes a net for pictures h x w x c as `dir`/subnet.safetensors and gives its
 * path. */
static const char *write_net_of(const char *dir, int c, int h, int w,
                                enum sn_dataset_kind kind, enum sn_fit fit)
{
    struct sn_arch arch = {.h = SIDE,
                           .w = SIDE,
                           .c = c,
                           .classes = CLASSES,
                           .act = SN_ACT_HSWISH,
                           .stem = 8,
                           .stem_stride = 2,
                           .n_stages = 1};
    arch.stage[0] = (struct sn_arch_stage){
        8, 1, 2, {{SN_OP_IBN, 3, 2}, {SN_OP_FUSED, 3, 2}}};
    struct sn_space *space = calloc(1, sizeof *space);
    struct sn_dataset *set = calloc(1, sizeof *set);
    struct sn_data_options data;
    struct sn_supernet net;
    struct sn_rundir run = {0};
    struct sn_error err;
    static char path[SN_RUN_PATH];
    assert_true(space && set);
    sn_arch_space(space, &arch);
    check_ok(sn_supernet_init(&net, space, 5, &err), &err);
    for (size_t i = 0; i < net.params.stat_total; i++)
        net.params.m2[i] = 1 + (double)(i % 5);
    for (int i = 0; i < net.params.stats; i++)
        net.params.counts[i] = 2;
    set->classes = CLASSES;
    set->train.c = c;
    set->train.h = h;
    set->train.w = w;
    for (int i = 0; i < 4; i++) {
        snprintf(set->class_name[i], SN_CLASS_NAME, "class %d", i);
        set->mean[i] = 0.2f * (float)(i + 1);
        set->deviation[i] = 0.25f;
    }
    sn_option_defaults(&sn_data_table, &data);
    data.size = SIDE;
    data.set = kind;
    data.fit = fit;
    snprintf(data.path, sizeof data.path, "pictures");
    check_ok(sn_rundir_create(&run, "x", "", check_path(dir), &err), &err);
    check_ok(sn_subnet_save(&run, SN_SUBNET_FILE, &net, &arch, set, &data, 42,
                            4, &err),
             &err);
    sn_rundir_file(&run, SN_SUBNET_FILE, path);
    sn_rundir_close(&run);
    sn_supernet_release(&net);
    free(space);
    free(set);
    return path;
}

static const char *write_net(const char *dir, int c, int h, int w)
{
    return write_net_of(dir, c, h, w, SN_DATA_SCENES, SN_FIT_CROP);
}

/* ---- shapes ---- */

static void has_shape(const struct sn_tensor_file *f, const char *name,
                      int ndim, const int64_t *dims)
{
    const struct sn_tensor_entry *e = sn_tensor_file_entry(f, name);
    assert_non_null(e);
    assert_int_equal(e->ndim, ndim);
    assert_memory_equal(e->dims, dims, (size_t)ndim * sizeof *dims);
}

static void shapes_are_those_of_other_tools(void **state)
{
    (void)state;
    const char *path = write_net("shapes", 3, SIDE, SIDE);
    struct sn_tensor_file f = {0};
    struct sn_error err;
    check_ok(sn_tensor_file_open(&f, path, &err), &err);
    has_shape(&f, "stem.weight", 4, (int64_t[]){3, 3, 3, 8});
    has_shape(&f, "stem.bn.gamma", 1, (int64_t[]){8});
    has_shape(&f, "stage.1.block.1.ibn.expand.weight", 4,
              (int64_t[]){1, 1, 8, 16});
    has_shape(&f, "stage.1.block.1.ibn.depth.weight", 4,
              (int64_t[]){3, 3, 16, 1});
    has_shape(&f, "stage.1.block.2.fused.dense.weight", 4,
              (int64_t[]){3, 3, 8, 16});
    has_shape(&f, "linear.weight", 2, (int64_t[]){8, CLASSES});
    has_shape(&f, "linear.bias", 1, (int64_t[]){CLASSES});
    sn_tensor_file_close(&f);
}

/* The same arrays as rows and columns are read as well. */
static void rows_and_columns_do(void **state)
{
    (void)state;
    static const char *const keys[] = {"format",    "version", "task",  "arch",
                                       "seed",      "batch",   "image", "mean",
                                       "deviation", "classes", "data"};
    const char *path = write_net("rows", 3, SIDE, SIDE);
    struct sn_tensor_file f = {0};
    struct sn_tensor_writer w = {0};
    struct sn_subnet *s = calloc(1, sizeof *s);
    struct sn_error err;
    check_ok(sn_tensor_file_open(&f, path, &err), &err);
    sn_tensor_writer_init(&w);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        sn_tensor_writer_meta(&w, keys[i], sn_tensor_file_meta(&f, keys[i]));
    for (size_t i = 0; i < f.count; i++) {
        const struct sn_tensor_entry *e = &f.entry[i];
        const bool stat = e->dtype == SN_DTYPE_F64;
        int64_t dims[2] = {1, e->dims[e->ndim - 1]};
        for (int id = 0; id + 1 < e->ndim; id++)
            dims[0] *= e->dims[id];
        if (strstr(e->name, "depth.weight")) { /* [k, k, c, 1] */
            dims[0] = e->dims[0] * e->dims[1];
            dims[1] = e->dims[2];
        }
        sn_tensor_writer_add(&w, e->name, e->dtype, stat ? 1 : 2,
                             stat ? e->dims : dims, e->data);
    }
    check_ok(sn_tensors_commit(&w, path, &err), &err);
    check_ok(sn_subnet_open(s, path, &err), &err);
    const struct sn_param *stem = &s->net.params.item[0];
    check_same(s->net.params.w + stem->first,
               sn_tensor_file_entry(&f, "stem.weight")->data,
               (size_t)stem->rows * (size_t)stem->cols * sizeof(float),
               "the stem's weight");
    sn_subnet_release(s);
    sn_tensor_file_close(&f);
    free(s);
}

/* ---- exports ---- */

static void export_one(int c, int h, int w, bool raw, const char *dir)
{
    const char *from = write_net(dir, c, h, w);
    struct sn_export e;
    struct sn_error err;
    struct sn_onnx *m;
    const struct sn_export_request q = {.from = from, .raw = raw, .threads = 4};
    check_ok(sn_export_file(&e, &q, &err), &err);
    assert_string_equal(e.from, from);
    assert_non_null(strstr(e.to, raw ? "/subnet-raw.onnx" : "/subnet.onnx"));
    assert_int_equal(e.notes, 0);
    assert_int_equal(e.h, raw ? SIDE : h);
    assert_int_equal(e.w, raw ? SIDE : w);
    assert_int_equal(e.pictures, 8);
    assert_true(e.worst < 1e-5);
    check_ok(sn_onnx_open(&m, e.to, &err), &err);
    assert_int_equal(sn_onnx_inputs(m), e.h * e.w * c);
    assert_true(sn_onnx_takes_bytes(m) == !raw);
    assert_string_equal(sn_onnx_text(m, "classes"),
                        "class 0\nclass 1\nclass 2\n");
    assert_string_equal(sn_onnx_text(m, "seed"), "42");
    assert_string_equal(sn_onnx_text(m, "size"), "16");
    assert_null(sn_onnx_text(m, "fit")); /* of folders and lists alone */
    assert_string_equal(sn_onnx_text(m, "revision"), sn_env_revision());
    assert_non_null(strstr(sn_onnx_text(m, "arch"), "act = hswish"));
    assert_int_equal(strncmp(sn_onnx_text(m, "mean"), "0.2", 3), 0);
    sn_onnx_close(m);
}

static void exports(void **state)
{
    (void)state;
    export_one(3, SIDE, SIDE, false, "e1");
    export_one(3, SIDE, SIDE, true, "e2");
    export_one(1, 13, SIDE, false, "e3");
    export_one(1, 13, SIDE, true, "e4");
    export_one(4, 2, 1, false, "e5");
}

/* Who calls the file has to know how pictures come to its square. */
static void exports_tell_of_fitting(void **state)
{
    (void)state;
    static const char *const words[] = {"crop", "pad", "stretch"};
    for (int fit = SN_FIT_CROP; fit <= SN_FIT_STRETCH; fit++)
        for (int raw = 0; raw < 2; raw++) {
            struct sn_export e;
            struct sn_error err;
            struct sn_onnx *m;
            char dir[32];
            snprintf(dir, sizeof dir, "fit%d%d", fit, raw);
            const struct sn_export_request q = {
                .from = write_net_of(dir, 3, SIDE, SIDE, SN_DATA_FOLDER,
                                     (enum sn_fit)fit),
                .raw = raw,
                .threads = 4};
            check_ok(sn_export_file(&e, &q, &err), &err);
            check_ok(sn_onnx_open(&m, e.to, &err), &err);
            assert_string_equal(sn_onnx_text(m, "size"), "16");
            assert_string_equal(sn_onnx_text(m, "fit"), words[fit]);
            sn_onnx_close(m);
            assert_int_equal(e.notes, fit == SN_FIT_PAD);
            if (fit != SN_FIT_PAD)
                continue;
            assert_non_null(strstr(e.note[0], "until they fit 16x16"));
            assert_non_null(strstr(e.note[0], raw ? "the rest is 0"
                                                  : "the rest is 51 102 153, "
                                                    "their mean"));
        }
}

static void exports_that_fail(void **state)
{
    (void)state;
    char longer[SN_RUN_PATH + 8];
    struct sn_export e;
    struct sn_error err;
    struct sn_export_request q = {.from = write_net("f", 3, SIDE, SIDE),
                                  .threads = 4};
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    q.to = longer;
    check_fails(sn_export_file(&e, &q, &err), &err, SN_ERR_OUTPUT,
                "xxx...: the path is too long");
    q.to = check_path("nowhere/x.onnx");
    check_fails(sn_export_file(&e, &q, &err), &err, SN_ERR_OUTPUT,
                "nowhere/x.onnx: cannot be written");
    q.from = longer;
    check_fails(sn_export_file(&e, &q, &err), &err, SN_ERR_INPUT,
                "xxx...: the path is too long");
    q.from = check_write_text("t.safetensors", "hello");
    check_fails(sn_export_file(&e, &q, &err), &err, SN_ERR_INPUT,
                "t.safetensors: ");
}

static void export_without_memory(void **state)
{
    (void)state;
    struct sn_export e;
    struct sn_error err = {0};
    const struct sn_export_request q = {.from = write_net("m", 3, 12, SIDE),
                                        .threads = 4};
    bool reached = true; /* some can be done without: huge pages */
    for (int n = 0; reached; n++) {
        check_fail_allocation(n);
        const sn_status rc = sn_export_file(&e, &q, &err);
        reached = check_allocation_failed();
        assert_true(rc == SN_OK || (reached && rc == SN_ERR_MEMORY));
    }
}

/* ---- predictions ---- */

struct told {
    int n, bad;
    float logits[8][CLASSES];
    sn_status answer;
};

static sn_status tell(void *context, const struct sn_prediction *p,
                      struct sn_error *err)
{
    struct told *t = context;
    double sum = 0;
    assert_int_equal(p->classes, CLASSES);
    assert_string_equal(p->class_name[1], "class 1");
    if (p->why) {
        assert_non_null(strstr(p->why, p->path));
        t->bad++;
    } else {
        for (int ic = 0; ic < CLASSES; ic++)
            sum += p->probability[ic];
        assert_true(sum > 1 - 1e-9 && sum < 1 + 1e-9);
        memcpy(t->logits[t->n++], p->logits, sizeof t->logits[0]);
    }
    return t->answer == SN_OK ? SN_OK : sn_fail(err, t->answer, "enough");
}

static const char *write_picture(const char *name, int h, int w, int shade)
{
    static uint8_t pixels[64 * 64 * 3];
    struct sn_error err;
    const char *path = check_path(name);
    for (int i = 0; i < h * w * 3; i++)
        pixels[i] = (uint8_t)(shade + i * 7 % 50);
    check_ok(sn_image_write(path, pixels, h, w, SN_IMAGE_PNG, &err), &err);
    return path;
}

/* The same pictures by the net's own ONNX file. */
static void predictions_are_the_nets(void **state)
{
    (void)state;
    struct sn_pictures pictures = {0};
    struct told t = {0};
    struct sn_export e;
    struct sn_error err;
    struct sn_onnx *m;
    const char *from = write_net("p", 3, SIDE, SIDE);
    const struct sn_predict_request q = {
        .from = from, .pictures = &pictures, .threads = 4};
    check_ok(sn_pictures_add(&pictures, write_picture("a.png", SIDE, SIDE, 90),
                             &err),
             &err);
    check_ok(sn_pictures_add(&pictures, check_write_text("b.png", "no"), &err),
             &err);
    check_ok(
        sn_pictures_add(&pictures, write_picture("c.png", 40, 30, 9), &err),
        &err);
    check_ok(sn_predict(&q, tell, &t, &err), &err);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.bad, 1);

    float logits[CLASSES];
    struct sn_image image;
    const struct sn_export_request eq = {.from = from, .threads = 4};
    check_ok(sn_export_file(&e, &eq, &err), &err);
    check_ok(sn_onnx_open(&m, e.to, &err), &err);
    check_ok(sn_image_read(&image, check_path("a.png"), &err), &err);
    sn_onnx_run(m, image.pixels, logits);
    check_near(t.logits[0], logits, CLASSES, 1e-5, "a.png");
    sn_image_release(&image);
    sn_onnx_close(m);
    sn_pictures_release(&pictures);
}

/* A grey picture is one channel, whatever it is stored as. */
static void grey_is_one_channel(void **state)
{
    (void)state;
    struct sn_pictures pictures = {0};
    struct told t = {0};
    struct sn_error err;
    struct sn_export e;
    struct sn_onnx *m;
    uint8_t grey[12 * 14], rgb[12 * 14 * 3];
    float logits[CLASSES];
    const char *from = write_net("g", 1, 12, 14);
    for (int i = 0; i < 12 * 14; i++) {
        grey[i] = (uint8_t)(i * 3);
        memset(rgb + 3 * i, grey[i], 3);
    }
    check_ok(
        sn_image_write(check_path("g.png"), rgb, 12, 14, SN_IMAGE_PNG, &err),
        &err);
    check_ok(sn_pictures_add(&pictures, check_path("g.png"), &err), &err);
    const struct sn_predict_request q = {
        .from = from, .pictures = &pictures, .threads = 4};
    check_ok(sn_predict(&q, tell, &t, &err), &err);
    const struct sn_export_request eq = {.from = from, .threads = 4};
    check_ok(sn_export_file(&e, &eq, &err), &err);
    check_ok(sn_onnx_open(&m, e.to, &err), &err);
    sn_onnx_run(m, grey, logits);
    check_near(t.logits[0], logits, CLASSES, 1e-5, "g.png");
    sn_onnx_close(m);
    sn_pictures_release(&pictures);
}

static void predictions_that_fail(void **state)
{
    (void)state;
    struct sn_pictures pictures = {0};
    struct told t = {.answer = SN_ERR_OUTPUT};
    struct sn_error err;
    struct sn_predict_request q = {.from = write_net("four", 4, SIDE, SIDE),
                                   .pictures = &pictures,
                                   .threads = 4};
    check_ok(sn_pictures_add(&pictures, write_picture("x.png", 9, 9, 1), &err),
             &err);
    check_fails(sn_predict(&q, tell, &t, &err), &err, SN_ERR_INPUT,
                "the net takes 4 channels; pictures have 3, or 1 of grey");
    q.from = write_net("three", 3, SIDE, SIDE);
    check_fails(sn_predict(&q, tell, &t, &err), &err, SN_ERR_OUTPUT, "enough");

    struct told quiet = {0};
    bool reached = true;
    for (int n = 0; reached; n++) { /* decoders may say it of the picture */
        check_fail_allocation(n);
        quiet = (struct told){0};
        const sn_status rc = sn_predict(&q, tell, &quiet, &err);
        reached = check_allocation_failed();
        assert_true(rc == SN_ERR_MEMORY || (rc == SN_OK && !quiet.bad));
    }
    sn_pictures_release(&pictures);
}

/* ---- classes ---- */

static void classes_and_confusion(void **state)
{
    (void)state;
    char names[CLASSES][SN_CLASS_NAME] = {"cat", "dog, big", "eel"};
    long matrix[] = {5, 2, 3, 0, 7, 0, 0, 0, 0};
    const struct sn_file_eval e = {
        .classes = CLASSES, .class_name = names, .matrix = matrix};
    const struct sn_class_eval cat = sn_class_eval(&e, 0);
    const struct sn_class_eval dog = sn_class_eval(&e, 1);
    const struct sn_class_eval eel = sn_class_eval(&e, 2);
    assert_int_equal(cat.images, 10);
    assert_int_equal(cat.correct, 5);
    assert_int_equal(cat.taken_for, 2);
    assert_int_equal(dog.correct, 7);
    assert_int_equal(dog.taken_for, -1);
    assert_int_equal(eel.images, 0);
    char *csv = sn_confusion_csv(&e);
    assert_string_equal(csv, "label,cat,\"dog, big\",eel\ncat,5,2,3\n"
                             "\"dog, big\",0,7,0\neel,0,0,0\n");
    free(csv);
    check_fail_allocation(0);
    assert_null(sn_confusion_csv(&e));
    assert_true(check_allocation_failed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_those_of_other_tools),
        cmocka_unit_test(rows_and_columns_do),
        cmocka_unit_test(exports),
        cmocka_unit_test(exports_tell_of_fitting),
        cmocka_unit_test(exports_that_fail),
        cmocka_unit_test(export_without_memory),
        cmocka_unit_test(predictions_are_the_nets),
        cmocka_unit_test(grey_is_one_channel),
        cmocka_unit_test(predictions_that_fail),
        cmocka_unit_test(classes_and_confusion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
