/* The result's two forms, run directories, files of finished nets. */

#include "check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/result.h"
#include "job/tensors.h"
#include "job/weights.h"

static void tiny_arch(struct sn_arch *arch, int depth)
{
    *arch = (struct sn_arch){.h = 16,
                             .w = 16,
                             .c = 3,
                             .classes = 3,
                             .act = SN_ACT_RELU,
                             .stem = 8,
                             .stem_stride = 1,
                             .n_stages = 2,
                             .head = 16};
    for (int is = 0; is < 2; is++) {
        arch->stage[is].width = 16;
        arch->stage[is].stride = is + 1;
        arch->stage[is].depth = depth;
        for (int ib = 0; ib < depth; ib++)
            arch->stage[is].block[ib] = (struct sn_block){
                .op = ib % 2 ? SN_OP_FUSED : SN_OP_IBN, .k = 3, .e = 4};
    }
}

static struct sn_job_result *result(void)
{
    struct sn_job_result *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->seed = UINT64_MAX;
    r->budget = sn_budget_none;
    r->budget.limit[SN_BUDGET_LATENCY] = 5e-3;
    r->searched = r->has_baseline = true;
    r->search_seconds = 7000;
    r->stage[SN_FUNNEL_SEARCH] = (struct sn_funnel_stage){8e15, 32, 61, 0, 0};
    r->stage[SN_FUNNEL_SHORT] =
        (struct sn_funnel_stage){32, 4, 3.5, 4.25e-3, 0.4375};
    tiny_arch(&r->net.arch, 1);
    tiny_arch(&r->baseline.arch, 2);
    r->net.cost = (struct sn_cost){4.5e-3, 1e6, 2e5, 1e5, 4096};
    r->baseline.cost = (struct sn_cost){9e-3, 4e6, 4e5, 4e5, 8192};
    r->net.trained = r->baseline.trained = r->net.inherited = true;
    r->net.test = (struct sn_eval){0.5, 0.875, 1000, 875};
    r->baseline.test = (struct sn_eval){0.5, 0.9, 1000, 900};
    snprintf(r->dir, sizeof r->dir, "runs/x-20250101-000000");
    return r;
}

static double real_at(const json_t *o, const char *a, const char *b)
{
    const json_t *x = json_object_get(o, a);
    return json_number_value(b ? json_object_get(x, b) : x);
}

static void json_holds_everything(void **state)
{
    (void)state;
    struct sn_job_result *r = result();
    char *text = sn_result_json(r);
    assert_non_null(text);
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    assert_true(real_at(o, "value", NULL) == 0.875);
    assert_true(real_at(o, "latency_ms", "budget") == 5.0);
    assert_true(real_at(o, "latency_ms", "predicted") == 4.5);
    assert_true(json_is_null(
        json_object_get(json_object_get(o, "latency_ms"), "measured")));
    assert_true(real_at(o, "reduction", "latency") == 0.5);
    assert_true(real_at(o, "reduction", "weights") == 0.75);
    assert_true(real_at(o, "reduction", "activations") == 0.5);
    assert_true(real_at(o, "baseline", "value") == 0.9);
    assert_int_equal(json_integer_value(json_object_get(o, "macs")), 1000000);
    assert_string_equal(json_string_value(json_object_get(o, "seed")),
                        "18446744073709551615");
    struct sn_arch arch;
    struct sn_error err;
    check_ok(sn_arch_parse(&arch, json_string_value(json_object_get(o, "arch")),
                           "arch", &err),
             &err);
    assert_true(sn_arch_equal(&arch, &r->net.arch));
    const json_t *stages = json_object_get(o, "stages");
    assert_int_equal(json_array_size(stages), 2); /* two were left out */
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(stages, 1), "stage")),
        "short list");
    assert_true(real_at(json_array_get(stages, 0), "nets_in", NULL) == 8e15);
    assert_true(real_at(json_array_get(stages, 1), "best_accuracy", NULL) ==
                0.4375);
    assert_true(json_is_null(
        json_object_get(json_array_get(stages, 0), "best_latency_ms")));
    json_decref(o);
    free(text);

    r->has_baseline = r->searched = false;
    r->seed = 7;
    r->budget = sn_budget_none;
    text = sn_result_json(r);
    o = json_loads(text, 0, NULL);
    assert_true(json_is_null(json_object_get(o, "baseline")));
    assert_true(json_is_null(json_object_get(o, "reduction")));
    assert_true(json_is_null(json_object_get(o, "search_seconds")));
    assert_int_equal(json_integer_value(json_object_get(o, "seed")), 7);
    json_decref(o);
    free(text);
    free(r);
}

/* What is told of a net that takes 1 + off times what was predicted. */
static char *card_of(struct sn_job_result *r, double off)
{
    struct sn_text t = {0};
    r->net.measured = (1 + off) * r->net.cost.seconds;
    sn_result_card(r, &t);
    char *text = sn_text_take(&t);
    assert_non_null(text);
    return text;
}

static void a_prediction_that_failed_is_told(void **state)
{
    (void)state;
    struct sn_job_result *r = result();
    r->stated = 0.05;
    char *text = card_of(r, 0.04);
    assert_null(strstr(text, "warning"));
    assert_non_null(strstr(text, "measured latency"));
    free(text);
    text = card_of(r, 0.06);
    assert_non_null(
        strstr(text, "takes 6.0 % more than predicted; 5.0 % was stated"));
    assert_non_null(strstr(text, "measure CONFIG.ini -o OPS.csv --nets 20"));
    assert_non_null(strstr(text, "derive runs/x-20250101-000000 --target"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    free(text);
    r->stated = 0.001; /* less than two measurements differ by */
    text = card_of(r, -0.015);
    assert_null(strstr(text, "warning"));
    free(text);
    r->searched = false;
    text = card_of(r, -0.03);
    assert_non_null(
        strstr(text, "takes 3.0 % less than predicted; 2.0 % was stated"));
    assert_null(strstr(text, "supernet derive"));
    free(text);
    free(r);
}

static void card_tells_and_fits(void **state)
{
    (void)state;
    struct sn_job_result *r = result();
    static const char *const words[] = {"87.50 %",
                                        "90.00 %",
                                        "-2.50",
                                        "4.50 ms",
                                        "-50.0 %",
                                        "90.0 % of it",
                                        "met",
                                        "ibn e4",
                                        "8.00e+15 to 32",
                                        "best 4.25 ms, val 43.8 %",
                                        "1 h 57 min",
                                        "from the supernet's weights",
                                        "from scratch",
                                        "supernet eval runs/x-20250101-000000"};
    struct sn_text t = {0};
    sn_result_card(r, &t);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_non_null(strstr(t.data, words[i]));
    for (const char *line = t.data; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    assert_null(strstr(t.data, "subnet.onnx")); /* there is none */
    sn_text_release(&t);
    snprintf(r->dir, sizeof r->dir, "%s", check_dir());
    check_write_text("subnet.onnx", "x");
    sn_result_card(r, &t);
    assert_non_null(strstr(t.data, "subnet.safetensors  subnet.onnx"));
    sn_text_release(&t);

    r->net.cost.seconds = 6e-3;
    r->baseline.trained = false;
    r->budget.limit[SN_BUDGET_WEIGHTS] = 2e5;
    sn_result_card(r, &t);
    assert_non_null(strstr(t.data, "of latency, 120.0 % of it used: EXCEEDED"));
    assert_non_null(strstr(t.data, "of weights, 50.0 % of it used: met"));
    assert_non_null(strstr(t.data, "not trained"));
    sn_text_release(&t);
    free(r);
}

/* ---- run directories ---- */

static void run_directories(void **state)
{
    (void)state;
    struct sn_rundir a = {0}, b = {0};
    struct sn_error err;
    char link[SN_RUN_PATH];
    size_t length[SN_RUN_LOGS];
    const char *parent = check_path("runs");
    check_ok(sn_rundir_create(&a, "configs/some.ini", parent, NULL, &err),
             &err);
    check_ok(sn_rundir_create(&b, "some", parent, NULL, &err), &err);
    assert_string_not_equal(a.path, b.path); /* within a second */
    assert_non_null(strstr(a.path, "runs/some-2"));
    const ssize_t n =
        readlink(check_path("runs/latest"), link, sizeof link - 1);
    assert_true(n > 0);
    link[n] = '\0';
    assert_non_null(strstr(b.path, link));

    check_ok(sn_rundir_logs(&a, NULL, &err), &err);
    check_ok(sn_log_file_add(&a.log[SN_LOG_STEPS], &err, "12345"), &err);
    check_ok(sn_rundir_sync(&a, length, &err), &err);
    assert_int_equal(length[SN_LOG_STEPS], 5);
    sn_rundir_close(&a);
    length[SN_LOG_STEPS] = 3;
    check_ok(sn_rundir_logs(&a, length, &err), &err);
    sn_rundir_close(&a);
    char *text;
    size_t bytes;
    check_ok(sn_rundir_read(&a, "steps.jsonl", &text, &bytes, &err), &err);
    assert_string_equal(text, "123");
    free(text);
    length[SN_LOG_STEPS] = 4;
    check_fails(sn_rundir_logs(&a, length, &err), &err, SN_ERR_INPUT,
                "steps.jsonl");
    sn_rundir_close(&a);
}

static void places_that_do_not_do(void **state)
{
    (void)state;
    struct sn_rundir d = {0};
    struct sn_error err;
    char longer[SN_RUN_PATH + 8];
    check_write_text("taken", "x");
    check_fails(sn_rundir_create(&d, "x.ini", "", check_path("taken"), &err),
                &err, SN_ERR_OUTPUT, "taken");
    check_fails(sn_rundir_create(&d, "x.ini", check_path("taken"), NULL, &err),
                &err, SN_ERR_OUTPUT, "taken");
    check_fails(sn_rundir_create(&d, "x.ini", "", check_dir(), &err), &err,
                SN_ERR_OUTPUT, "is not an empty folder");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    check_fails(sn_rundir_create(&d, "x.ini", "", longer, &err), &err,
                SN_ERR_OUTPUT, "the name of the run directory");
    check_fails(sn_rundir_open(&d, longer, &err), &err, SN_ERR_INPUT,
                "no run directory");
    check_fails(sn_rundir_open(&d, check_path("nowhere"), &err), &err,
                SN_ERR_INPUT, "nowhere: No such file");
    check_fails(sn_rundir_open(&d, check_dir(), &err), &err, SN_ERR_INPUT,
                "is no run directory");
    assert_string_equal(d.path, "");
}

/* ---- files of finished nets ---- */

struct net {
    struct sn_arch arch;
    struct sn_supernet net;
    struct sn_dataset set;
    struct sn_data_options data;
    struct sn_rundir dir;
    struct sn_error err;
};

static struct net *net(const char *dir)
{
    struct net *f = calloc(1, sizeof *f);
    struct sn_space space;
    assert_non_null(f);
    tiny_arch(&f->arch, 1);
    sn_arch_space(&space, &f->arch);
    check_ok(sn_supernet_init(&f->net, &space, 5, &f->err), &f->err);
    struct sn_params *p = &f->net.params;
    for (size_t i = 0; i < p->stat_total; i++) {
        p->mean[i] = (double)i / 7;
        p->m2[i] = (double)i / 3;
    }
    for (int i = 0; i < p->stats; i++)
        p->counts[i] = 11;
    f->set.classes = 3;
    f->set.train.c = 3;
    f->set.train.h = 12;
    f->set.train.w = 16;
    for (int i = 0; i < 3; i++) {
        snprintf(f->set.class_name[i], SN_CLASS_NAME, "class %d", i);
        f->set.mean[i] = 0.1f * (float)(i + 1);
        f->set.deviation[i] = 0.3f;
    }
    sn_option_defaults(&sn_data_table, &f->data);
    f->data.size = 16;
    check_ok(sn_rundir_create(&f->dir, "x", "", check_path(dir), &f->err),
             &f->err);
    return f;
}

static void save(struct net *f)
{
    check_ok(sn_subnet_save(&f->dir, SN_SUBNET_FILE, &f->net, &f->arch, &f->set,
                            &f->data, 42, 64, &f->err),
             &f->err);
}

static void release(struct net *f)
{
    sn_supernet_release(&f->net);
    free(f);
}

static const char *subnet_path(const struct net *f)
{
    static char path[SN_RUN_PATH];
    return sn_rundir_file(&f->dir, SN_SUBNET_FILE, path);
}

static void subnet_comes_back(void **state)
{
    (void)state;
    struct net *f = net("subnet");
    struct sn_subnet *s = calloc(1, sizeof *s);
    save(f);
    check_ok(sn_subnet_open(s, subnet_path(f), &f->err), &f->err);
    assert_true(sn_arch_equal(&s->arch, &f->arch));
    assert_true(s->seed == 42);
    assert_int_equal(s->batch, 64);
    assert_memory_equal(s->mean, f->set.mean, 3 * sizeof(float));
    assert_string_equal(s->class_name[2], "class 2");
    assert_int_equal(s->data.size, 16);
    assert_int_equal(s->image_h, 12);
    assert_int_equal(s->image_w, 16);
    const struct sn_params *a = &f->net.params, *b = &s->net.params;
    check_same(b->w, a->w, a->total * sizeof *a->w, "weights");
    check_same(b->mean, a->mean, a->stat_total * sizeof *a->mean, "means");
    for (size_t i = 0; i < a->stat_total; i++) /* the very quotient */
        assert_true(b->m2[i] / b->counts[0] == a->m2[i] / a->counts[0]);
    sn_subnet_release(s);
    free(s);
    release(f);
}

/* Rewrites the file with one text of the metadata replaced, checksum and all;
 * NULL: left out. */
static void forge(const struct net *f, const char *key, const char *value)
{
    struct sn_tensor_file in = {0};
    struct sn_tensor_writer w = {0};
    struct sn_error err;
    static const char *const keys[] = {
        "format", "version", "task",      "arch",    "seed", "batch",
        "image",  "mean",    "deviation", "classes", "data", "data_hash"};
    check_ok(sn_tensor_file_open(&in, subnet_path(f), &err), &err);
    sn_tensor_writer_init(&w);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = sn_tensor_file_meta(&in, keys[i]);
        if (strcmp(keys[i], key) == 0)
            text = value;
        if (text)
            sn_tensor_writer_meta(&w, keys[i], text);
    }
    for (size_t i = strcmp(key, "tensor") == 0; i < in.count; i++)
        sn_tensor_writer_add(&w, in.entry[i].name, in.entry[i].dtype,
                             in.entry[i].ndim, in.entry[i].dims,
                             in.entry[i].data);
    check_ok(sn_tensors_commit(&w, subnet_path(f), &err), &err);
    sn_tensor_file_close(&in);
}

static void forged_subnets_are_refused(void **state)
{
    (void)state;
    struct net *f = net("forged");
    struct sn_subnet *s = calloc(1, sizeof *s);
    static const struct {
        const char *key, *value, *text;
    } cases[] = {
        {"arch", NULL, "lack 'arch'"},
        {"arch", "supernet-arch 9\n", "subnet.safetensors:1"},
        {"seed", "-1", "seed: "},
        {"batch", "0", "batch: expected at least 1"},
        {"batch", "99999999", "batch: 99999999 is out of range"},
        {"mean", "0.1 0.2", "mean: expected 3 numbers"},
        {"deviation", "0.1 0 0.2", "deviation: expected 3 numbers above 0"},
        {"deviation", "0.1 nan 0.2", "deviation: expected 3 numbers above 0"},
        {"classes", "one\ntwo\n", "classes: name 3 of 3"},
        {"classes", "one\n\nthree\n", "classes: name 2 of 3"},
        {"data", "set=idx\n", "data: expected 'key = value'"},
        {"data", "colour = red\n", "data: unknown key 'colour'"},
        {"data", "size = big\n", "data: size: "},
        {"data", "set = idx\n", "[data] path"},
        {"data", "set = cifar10\npath = x\nsize = 12\n",
         "size is 12, the net's input 16x16"},
        {"image", "32", "image: expected two sides"},
        {"image", "0x8", "image: expected two sides"},
        {"image", "8x8x3", "image: expected two sides"},
        {"data_hash", "", "data_hash: expected counts and digests"},
        {"data_hash", "classes 3 0 train 1 0 test 1 0", "data_hash: expected"},
        {"tensor", NULL, "arrays, the net needs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        save(f);
        forge(f, cases[i].key, cases[i].value);
        check_fails(sn_subnet_open(s, subnet_path(f), &f->err), &f->err,
                    SN_ERR_INPUT, cases[i].text);
    }
    free(s);
    release(f);
}

/* What the images are known by comes back; files from before it was written
 * have none. */
static void images_are_known(void **state)
{
    (void)state;
    struct net *f = net("known");
    struct sn_subnet *s = calloc(1, sizeof *s);
    struct sn_data_print print;
    assert_non_null(s);
    save(f);
    check_ok(sn_subnet_open(s, subnet_path(f), &f->err), &f->err);
    sn_data_print(&print, &f->set);
    assert_true(s->has_print);
    assert_int_equal(s->print.classes, 3);
    assert_true(s->print.names == print.names);
    assert_true(sn_part_print_same(&s->print.train, &print.train));
    sn_subnet_release(s);
    forge(f, "data_hash", NULL);
    check_ok(sn_subnet_open(s, subnet_path(f), &f->err), &f->err);
    assert_false(s->has_print);
    sn_subnet_release(s);
    free(s);
    release(f);
}

static void names_that_are_no_text(void **state)
{
    (void)state;
    struct net *f = net("names");
    snprintf(f->set.class_name[1], SN_CLASS_NAME, "two\nthree");
    check_fails(sn_subnet_save(&f->dir, SN_SUBNET_FILE, &f->net, &f->arch,
                               &f->set, &f->data, 42, 64, &f->err),
                &f->err, SN_ERR_INPUT,
                "subnet.safetensors: cannot be written: class two\\x0athree is "
                "not UTF-8 text of one line");
    snprintf(f->set.class_name[1], SN_CLASS_NAME, "caf\xe9");
    check_fails(sn_subnet_check(&f->set, &f->data, &f->err), &f->err,
                SN_ERR_INPUT, "class caf\\xe9 is not UTF-8 text");
    snprintf(f->set.class_name[1], SN_CLASS_NAME, "caf\xc3\xa9");
    check_ok(sn_subnet_check(&f->set, &f->data, &f->err), &f->err);
    snprintf(f->data.path, sizeof f->data.path, "two\nlines");
    check_fails(sn_subnet_check(&f->set, &f->data, &f->err), &f->err,
                SN_ERR_INPUT, "data path two\\x0alines is not UTF-8 text");
    release(f);
}

/* Pictures larger than the input are scaled to it, and files from before the
 * sides were written are taken to have the input's. */
static void sides_of_pictures(void **state)
{
    (void)state;
    struct net *f = net("sides");
    struct sn_subnet *s = calloc(1, sizeof *s);
    static const char *const texts[] = {"16x17", "400x6", NULL};
    for (int i = 0; i < 3; i++) {
        save(f);
        forge(f, "image", texts[i]);
        check_ok(sn_subnet_open(s, subnet_path(f), &f->err), &f->err);
        assert_int_equal(s->image_h, 16);
        assert_int_equal(s->image_w, 16);
        sn_subnet_release(s);
    }
    free(s);
    release(f);
}

static void supernet_comes_back(void **state)
{
    (void)state;
    struct net *f = net("supernet");
    struct sn_supernet other;
    struct sn_space space = f->net.space;
    check_ok(sn_supernet_save(&f->dir, &f->net, &f->err), &f->err);
    check_ok(sn_supernet_init(&other, &space, 6, &f->err), &f->err);
    check_ok(sn_supernet_load(&f->dir, &other, &f->err), &f->err);
    check_same(other.params.w, f->net.params.w,
               f->net.params.total * sizeof *f->net.params.w, "weights");
    sn_supernet_release(&other);
    space.head = 0;
    check_ok(sn_supernet_init(&other, &space, 6, &f->err), &f->err);
    check_fails(sn_supernet_load(&f->dir, &other, &f->err), &f->err,
                SN_ERR_INPUT, "arrays, the net needs");
    sn_supernet_release(&other);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_holds_everything),
        cmocka_unit_test(a_prediction_that_failed_is_told),
        cmocka_unit_test(card_tells_and_fits),
        cmocka_unit_test(run_directories),
        cmocka_unit_test(places_that_do_not_do),
        cmocka_unit_test(subnet_comes_back),
        cmocka_unit_test(forged_subnets_are_refused),
        cmocka_unit_test(images_are_known),
        cmocka_unit_test(names_that_are_no_text),
        cmocka_unit_test(sides_of_pictures),
        cmocka_unit_test(supernet_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
