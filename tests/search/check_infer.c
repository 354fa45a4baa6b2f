/* The inference form against the training form, on archs of random spaces:
 * views of more channels, every op, residuals, odd sides. */

#include "search/infer_arch.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

enum { THREADS = 3 };

/* Statistics, gammas and betas that are no units. */
static void fill(struct sn_params *p)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    for (size_t i = 0; i < p->stat_total; i++) {
        p->mean[i] = 0.3 * sn_rng_normal(rng, 1, 0, i);
        p->m2[i] = 7 * exp(0.5 * sn_rng_normal(rng, 2, 0, i));
    }
    for (int i = 0; i < p->stats; i++)
        p->counts[i] = 7;
    for (int i = 0; i < p->count; i++) {
        const struct sn_param *of = &p->item[i];
        const size_t n = (size_t)of->rows * (size_t)of->cols;
        if (of->kind != SN_PARAM_GAMMA && of->kind != SN_PARAM_BETA)
            continue;
        for (size_t j = 0; j < n; j++)
            p->w[of->first + j] =
                (sn_real)(0.5 + 0.3 * sn_rng_normal(rng, 3, (uint32_t)i, j));
    }
}

static void draw_pictures(struct sn_tensor *x)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(x); ip++)
        for (int ic = 0; ic < x->c; ic++)
            x->y[ip * x->ld + ic] =
                (sn_real)sn_rng_normal(rng, 9, (uint32_t)ic, (uint64_t)ip);
}

/* Largest difference of the logits, relative to the largest of them. */
static double difference(const struct sn_tensor *a, const struct sn_tensor *b)
{
    double worst = 0, most = 1e-30;
    for (int in = 0; in < a->n; in++)
        for (int ic = 0; ic < a->c; ic++) {
            const double x = (double)a->y[in * a->ld + ic];
            const double y = (double)b->y[in * b->ld + ic];
            worst = fmax(worst, fabs(x - y));
            most = fmax(most, fabs(x));
        }
    return worst / most;
}

struct lab {
    struct sn_kernels k;
    struct sn_supernet net;
    struct sn_graph graph;
};

static void open_lab(struct lab *lab, const struct sn_space *space)
{
    struct sn_error err = {0};
    sn_kernels_init(&lab->k, sn_cpu_isa());
    check_ok(sn_supernet_init(&lab->net, space, 3, &err), &err);
    fill(&lab->net.params);
    memset(sn_params_weight(&lab->net.params, lab->net.bias).w, 0,
           (size_t)space->classes * sizeof(sn_real)); /* it would hide all */
    check_ok(sn_graph_init(&lab->graph, &lab->k, THREADS, &err), &err);
}

static void close_lab(struct lab *lab)
{
    sn_graph_release(&lab->graph);
    sn_supernet_release(&lab->net);
}

/* Both forms on the same n pictures. */
static double compare(struct lab *lab, const struct sn_arch *arch, int n)
{
    static const int labels[20] = {0};
    struct sn_infer f;
    struct sn_error err = {0};
    sn_supernet_build_arch(&lab->net, &lab->graph, arch, n, 0);
    check_ok(sn_graph_plan(&lab->graph, false, &err), &err);
    sn_graph_last(&lab->graph)->labels = labels;
    draw_pictures(sn_graph_first(&lab->graph));
    sn_graph_fwd(&lab->graph, SN_MODE_EVAL);
    check_ok(sn_infer_arch(&f, &lab->net, arch, &lab->k, n, THREADS, &err),
             &err);
    draw_pictures(&f.input);
    check_fail_allocation(0);
    sn_infer_run(&f);
    assert_false(check_allocation_failed());
    const double worst =
        difference(sn_graph_last(&lab->graph)->in, sn_infer_logits(&f));
    assert_true(f.values < sn_graph_bytes(&lab->graph, false));
    sn_infer_release(&f);
    return worst;
}

static void agrees_with_the_training_form(void **state)
{
    (void)state;
    struct dice dice = dice_make(11);
    struct sn_space *space = malloc(sizeof *space);
    double worst = 0;
    omp_set_num_threads(2);
    for (int i = 0; i < 40; i++) {
        struct sn_decisions d;
        struct sn_arch arch;
        struct lab lab;
        int choice[SN_MAX_DECISIONS];
        random_space(&dice, space, 3, 3);
        space->act = (sn_act)dice_roll(&dice, SN_ACT_RELU, SN_ACT_HSWISH);
        sn_decisions_make(&d, space);
        random_choice(&dice, &d, choice);
        sn_arch_choose(&arch, space, &d, choice);
        open_lab(&lab, space);
        worst = fmax(worst, compare(&lab, &arch, dice_roll(&dice, 1, 20)));
        close_lab(&lab);
    }
    free(space);
    printf("largest difference of a logit: %.1e of the largest\n", worst);
    assert_true(worst < 1e-5);
}

/* A block without its first 1x1, with and without a residual. */
static struct sn_arch plain(void)
{
    struct sn_arch a = {.h = 13,
                        .w = 10,
                        .c = 3,
                        .classes = 7,
                        .act = SN_ACT_RELU6,
                        .stem = 20,
                        .stem_stride = 2,
                        .head = 50,
                        .n_stages = 2};
    a.stage[0] = (struct sn_arch_stage){
        20, 1, 2, {{SN_OP_IBN, 3, 1}, {SN_OP_IBN, 5, 1}}};
    a.stage[1] = (struct sn_arch_stage){
        24, 2, 3, {{SN_OP_IBN, 3, 1}, {SN_OP_FUSED, 3, 2}, {SN_OP_IBN, 3, 3}}};
    return a;
}

static void blocks_without_expansion(void **state)
{
    (void)state;
    const struct sn_arch arch = plain();
    struct sn_space *space = malloc(sizeof *space);
    struct lab lab;
    sn_arch_space(space, &arch);
    open_lab(&lab, space);
    assert_true(compare(&lab, &arch, 1) < 1e-5);
    assert_true(compare(&lab, &arch, 5) < 1e-5);
    close_lab(&lab);
    free(space);
}

/* One thread or more, alone or among others: the same bits. */
static void bits_are_an_images_own(void **state)
{
    (void)state;
    const struct sn_arch arch = plain();
    struct sn_space *space = malloc(sizeof *space);
    struct sn_error err = {0};
    struct lab lab;
    struct sn_infer one, many;
    sn_arch_space(space, &arch);
    open_lab(&lab, space);
    check_ok(sn_infer_arch(&one, &lab.net, &arch, &lab.k, 1, 1, &err), &err);
    check_ok(sn_infer_arch(&many, &lab.net, &arch, &lab.k, 9, THREADS, &err),
             &err);
    const size_t image = (size_t)(arch.h * arch.w * one.input.ld);
    sn_real *pictures = malloc(9 * image * sizeof *pictures);
    draw_pictures(&many.input);
    memcpy(pictures, many.input.y, 9 * image * sizeof *pictures);
    omp_set_num_threads(THREADS);
    sn_infer_run(&many);
    omp_set_num_threads(1);
    for (int in = 0; in < 9; in++) {
        const struct sn_tensor *of = sn_infer_logits(&many);
        memcpy(one.input.y, pictures + (size_t)in * image,
               image * sizeof *pictures);
        sn_infer_run(&one);
        check_same(of->y + (ptrdiff_t)in * of->ld, sn_infer_logits(&one)->y,
                   7 * sizeof(sn_real), "logits");
    }
    free(pictures);
    sn_infer_release(&one);
    sn_infer_release(&many);
    close_lab(&lab);
    free(space);
}

static void memory_that_is_not_there(void **state)
{
    (void)state;
    const struct sn_arch arch = plain();
    struct sn_space *space = malloc(sizeof *space);
    struct lab lab;
    int refused = 0;
    sn_arch_space(space, &arch);
    open_lab(&lab, space);
    for (;; refused++) {
        struct sn_infer f;
        struct sn_error err = {0};
        check_fail_allocation(refused);
        const sn_status rc =
            sn_infer_arch(&f, &lab.net, &arch, &lab.k, 1, 1, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            sn_infer_release(&f);
            break;
        }
        assert_int_equal(rc, SN_ERR_MEMORY);
    }
    assert_true(refused >= 5);
    close_lab(&lab);
    free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_training_form),
        cmocka_unit_test(blocks_without_expansion),
        cmocka_unit_test(bits_are_an_images_own),
        cmocka_unit_test(memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
