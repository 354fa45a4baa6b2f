/* The profile: what it counts, what it leaves alone, what it says. */

#include "check.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "nn/graph.h"

static struct sn_error err;

/* ---- a net of four layer kinds ---- */

enum { THREADS = 2, BATCH = 4, SIDE = 16, CLASSES = 5, WIDTH = 32 };

struct net {
    struct sn_kernels k;
    struct sn_params p;
    struct sn_graph g;
    int labels[BATCH];
};

static void list_layers(struct net *t, int conv, int linear, int bias,
                        struct sn_bn_ids bn)
{
    sn_graph_reset(&t->g, BATCH);
    struct sn_tensor *x = sn_graph_input(&t->g, SIDE, SIDE, 3);
    x = sn_graph_conv(
        &t->g, "conv", x,
        &(struct sn_conv_spec){.cout = WIDTH,
                               .k = 3,
                               .stride = 1,
                               .weight = sn_params_weight(&t->p, conv),
                               .bn = sn_params_bn(&t->p, bn),
                               .act = SN_ACT_RELU});
    x = sn_graph_pool(&t->g, x);
    x = sn_graph_linear(&t->g, x, CLASSES, sn_params_weight(&t->p, linear),
                        sn_params_weight(&t->p, bias));
    sn_graph_loss(&t->g, x, 0);
}

static void open_net(struct net *t)
{
    *t = (struct net){0};
    sn_kernels_init(&t->k, sn_cpu_isa());
    sn_params_init(&t->p);
    const int conv =
        sn_params_add(&t->p, SN_PARAM_CONV, 27, WIDTH, 9, 0, "conv");
    const struct sn_bn_ids bn = sn_params_add_bn(&t->p, WIDTH, 1, "bn");
    const int linear =
        sn_params_add(&t->p, SN_PARAM_LINEAR, WIDTH, CLASSES, 1, 0, "linear");
    const int bias =
        sn_params_add(&t->p, SN_PARAM_BETA, 1, CLASSES, 0, 0, "bias");
    check_ok(sn_params_take(&t->p, &err), &err);
    sn_params_draw(&t->p, check_seed());
    check_ok(sn_graph_init(&t->g, &t->k, THREADS, &err), &err);
    list_layers(t, conv, linear, bias, bn);
    check_ok(sn_graph_plan(&t->g, true, &err), &err);
    sn_graph_last(&t->g)->labels = t->labels;
}

static void close_net(struct net *t)
{
    sn_graph_release(&t->g);
    sn_params_release(&t->p);
}

static double sum_of_layers(const struct sn_profile *p)
{
    double sum = 0;
    for (int part = SN_PART_LAYERS; part < SN_PARTS; part++)
        sum += p->seconds[part];
    return sum;
}

static void layers_make_up_a_step(void **state)
{
    (void)state;
    struct net t;
    struct sn_profile p = {0};
    open_net(&t);
    t.g.profile = &p;
    for (int it = 0; it < 50; it++) {
        const double start = sn_profile_start(&p);
        sn_graph_fwd(&t.g, SN_MODE_TRAIN);
        sn_graph_bwd(&t.g);
        sn_profile_add(&p, SN_PART_STEP, start);
    }
    assert_int_equal(p.steps, 50);
    for (int id = 0; id < SN_LAYER_KINDS; id++) {
        const bool there = id == SN_LAYER_INPUT || id == SN_LAYER_CONV ||
                           id == SN_LAYER_POOL || id == SN_LAYER_LINEAR ||
                           id == SN_LAYER_LOSS;
        for (int bwd = 0; bwd < 2; bwd++) {
            const double s = p.seconds[sn_part_layer((sn_layer_id)id, bwd)];
            assert_true(there ? s > 0 : s == 0);
        }
    }
    assert_true(sum_of_layers(&p) <= p.seconds[SN_PART_STEP]);
    assert_true(sum_of_layers(&p) >= 0.95 * p.seconds[SN_PART_STEP]);
    close_net(&t);
}

static void evaluation_is_no_part_of_it(void **state)
{
    (void)state;
    struct net t;
    struct sn_profile p = {0};
    open_net(&t);
    t.g.profile = &p;
    sn_graph_fwd(&t.g, SN_MODE_CALIBRATE);
    sn_graph_fwd(&t.g, SN_MODE_EVAL);
    assert_true(sum_of_layers(&p) == 0);
    close_net(&t);
}

static void nobody_asked(void **state)
{
    (void)state;
    assert_true(sn_profile_start(NULL) == 0);
    sn_profile_add(NULL, SN_PART_STEP, 0); /* does nothing */
}

/* ---- the table ---- */

static void text_is(const struct sn_profile *p, const char *want)
{
    struct sn_text t = {0};
    sn_profile_text(p, &t);
    char *text = sn_text_take(&t);
    assert_string_equal(text, want);
    free(text);
}

static void what_it_says(void **state)
{
    (void)state;
    struct sn_profile p = {.steps = 2};
    p.seconds[SN_PART_STEP] = 0.2;
    p.seconds[SN_PART_IMAGES] = 0.01;
    p.seconds[SN_PART_UPDATE] = 0.02;
    p.seconds[sn_part_layer(SN_LAYER_IBN, false)] = 0.05;
    p.seconds[sn_part_layer(SN_LAYER_IBN, true)] = 0.1;
    text_is(&p, "part             fwd ms       bwd ms     share\n"
                "ibn              25.000       50.000    75.0 %\n"
                "images            5.000                  5.0 %\n"
                "update           10.000                 10.0 %\n"
                "other            10.000                 10.0 %\n"
                "step            100.000                100.0 %\n");
    p.seconds[SN_PART_PLAN] = 0.004;
    text_is(&p, "part             fwd ms       bwd ms     share\n"
                "ibn              25.000       50.000    75.0 %\n"
                "plan              2.000                  2.0 %\n"
                "images            5.000                  5.0 %\n"
                "update           10.000                 10.0 %\n"
                "other             8.000                  8.0 %\n"
                "step            100.000                100.0 %\n");
}

static void no_step(void **state)
{
    (void)state;
    const struct sn_profile p = {0};
    text_is(&p, "no step was taken\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_make_up_a_step),
        cmocka_unit_test(evaluation_is_no_part_of_it),
        cmocka_unit_test(nobody_asked),
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(no_step),
    };
    omp_set_num_threads(THREADS);
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
