/* Whole paths of the engine in the product's own precision: training, the
 * three modes of batch-norm, planning, and what happens when numbers
 * or memory run out. */

#include "net.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "optim/sgd.h"

/* ---- training ---- */

static void overfits_eight_images(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 8);
    const struct sn_sgd_group all = {0, t.p.total, 0};
    const struct sn_loss *loss = sn_graph_last(&t.g);
    double first = 0;
    for (int it = 0; it < 100; it++) {
        sn_params_zero_grad(&t.p);
        sn_graph_fwd(&t.g, SN_MODE_TRAIN);
        sn_graph_bwd(&t.g);
        sn_sgd_step(&t.k, t.p.w, t.p.m, t.p.g, &all, 1, 0.05, 0.9);
        if (it == 0)
            first = loss->mean;
    }
    printf("eight images: loss %.3f -> %.1e\n", first, loss->mean);
    assert_true(fabs(first - log(CLASSES)) < 0.2);
    assert_true(loss->mean < 0.02 && loss->correct == 8);
    close_net(&t);
}

/* ---- batch-norm's three modes ---- */

static const struct sn_tensor *logits(struct net *t)
{
    return sn_graph_last(&t->g)->in;
}

static void keep_logits(struct net *t, sn_real *to)
{
    const struct sn_tensor *y = logits(t);
    for (int in = 0; in < y->n; in++)
        memcpy(to + in * CLASSES, y->y + (ptrdiff_t)in * y->ld,
               CLASSES * sizeof *to);
}

/* Statistics taken from one batch are that batch's own. */
static void eval_of_the_batch_itself(void **state)
{
    (void)state;
    struct net t;
    sn_real train[MOST * CLASSES], calibrate[MOST * CLASSES],
        eval[MOST * CLASSES];
    open_net(&t, 10);
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    keep_logits(&t, train);
    for (int is = 0; is < t.p.stats; is++)
        assert_true(t.p.counts[is] == 0); /* training leaves them alone */
    sn_graph_fwd(&t.g, SN_MODE_CALIBRATE);
    keep_logits(&t, calibrate);
    check_same(calibrate, train, (size_t)10 * CLASSES * sizeof *train,
               "calibrating runs as training does");
    sn_graph_fwd(&t.g, SN_MODE_EVAL);
    keep_logits(&t, eval);
    assert_true(check_relative(eval, train, 10 * CLASSES) < 1e-5);
    fill(&t, 5); /* other images, the same statistics */
    sn_graph_fwd(&t.g, SN_MODE_EVAL);
    keep_logits(&t, eval);
    assert_true(check_relative(eval, train, 10 * CLASSES) > 1e-3);
    close_net(&t);
}

/* In eval mode an image's result does not depend on its neighbours. */
static void eval_is_per_image(void **state)
{
    (void)state;
    struct net t;
    sn_real many[MOST * CLASSES], one[CLASSES];
    open_net(&t, 10);
    sn_graph_fwd(&t.g, SN_MODE_CALIBRATE);
    sn_graph_fwd(&t.g, SN_MODE_EVAL);
    keep_logits(&t, many);
    list_layers(&t, 1, SIDE);
    plan(&t);
    fill(&t, 0); /* the first image again */
    sn_graph_fwd(&t.g, SN_MODE_EVAL);
    keep_logits(&t, one);
    assert_true(check_relative(one, many, CLASSES) < 1e-5);
    close_net(&t);
}

/* Two batches, joined, are the statistics of all images: seen at the stem,
 * whose input does not depend on statistics. */
static void statistics_join(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 12);
    sn_graph_fwd(&t.g, SN_MODE_CALIBRATE);
    fill(&t, 1);
    sn_graph_fwd(&t.g, SN_MODE_CALIBRATE);
    const double count = (double)2 * 12 * SIDE * SIDE;
    const struct sn_stat *st = &t.p.stat[t.stem_bn.stat];
    assert_true(t.p.counts[t.stem_bn.stat] == count);
    double sum[STEM] = {0}, square[STEM] = {0};
    for (uint32_t salt = 0; salt < 2; salt++) {
        fill(&t, salt);
        sn_graph_fwd(&t.g, SN_MODE_TRAIN);
        const struct sn_tensor *y = &t.g.layer[1].out;
        for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(y); ip++)
            for (int ic = 0; ic < STEM; ic++) {
                const double v = (double)y->y[ip * y->ld + ic];
                sum[ic] += v;
                square[ic] += v * v;
            }
    }
    for (int ic = 0; ic < STEM; ic++) {
        const double mean = sum[ic] / count;
        const double var = square[ic] / count - mean * mean;
        const size_t at = st->first + (size_t)ic;
        assert_true(fabs(t.p.mean[at] - mean) < 1e-6);
        assert_true(fabs(t.p.m2[at] / count / var - 1) < 1e-6);
    }
    close_net(&t);
}

/* A channel far from 0 keeps its variance: sums are taken about a shift. */
static void variance_far_from_zero(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 6);
    struct sn_tensor *x = sn_graph_first(&t.g);
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    double near[STEM];
    const struct sn_bn *bn = t.g.layer[1].out.bn;
    memcpy(near, bn->rstd, sizeof near);
    /* a weight on one centre tap alone, so that a constant stays constant */
    sn_real *w = t.p.w + t.p.item[t.stem].first;
    memset(w, 0, 27 * STEM * sizeof *w);
    for (int ic = 0; ic < STEM; ic++)
        w[4 * 3 * STEM + ic] = 1;
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    memcpy(near, bn->rstd, sizeof near);
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(x); ip++)
        x->y[ip * x->ld] += 1000;
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    for (int ic = 0; ic < STEM; ic++) {
        assert_true(fabs(bn->rstd[ic] / near[ic] - 1) < 1e-4);
        assert_true(fabs((double)bn->mu[ic] - 1000) < 1);
    }
    close_net(&t);
}

/* ---- planning ---- */

static void bytes_are_the_arena(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 9);
    const size_t with = sn_graph_bytes(&t.g, true);
    const size_t without = sn_graph_bytes(&t.g, false);
    assert_true(without < with);
    plan(&t); /* counting has unbound the pointers */
    assert_int_equal(t.g.arena.used, with);
    assert_int_equal(t.g.arena.size, with);
    check_ok(sn_graph_plan(&t.g, false, &err), &err);
    assert_int_equal(t.g.arena.used, without);
    close_net(&t);
}

static void planning_again_takes_nothing(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 9);
    const void *block = t.g.arena.base;
    check_fail_allocation(0); /* any allocation fails, and is noticed */
    list_layers(&t, 5, SIDE);
    const sn_status smaller = sn_graph_plan(&t.g, true, &err);
    fill(&t, 0);
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    sn_graph_bwd(&t.g);
    list_layers(&t, 9, SIDE);
    const sn_status again = sn_graph_plan(&t.g, true, &err);
    assert_false(check_allocation_failed());
    check_ok(smaller, &err);
    check_ok(again, &err);
    assert_ptr_equal(t.g.arena.base, block);
    close_net(&t);
}

/* One pass over images `salt` with a share of the gradient, added. */
static void pass_over(struct net *t, uint32_t salt, double share)
{
    fill(t, salt);
    sn_graph_last(&t->g)->share = share;
    sn_graph_fwd(&t->g, SN_MODE_TRAIN);
    sn_graph_bwd(&t->g);
}

/* Two passes of half a share leave the mean of two gradients. */
static void passes_add_up(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 6);
    const size_t n = t.p.total;
    sn_real *sum = check_zeros((ptrdiff_t)n);
    for (uint32_t salt = 0; salt < 2; salt++) {
        sn_params_zero_grad(&t.p);
        pass_over(&t, salt, 1);
        for (size_t i = 0; i < n; i++)
            sum[i] += t.p.g[i] / 2; /* halves are exact */
    }
    sn_params_zero_grad(&t.p);
    pass_over(&t, 0, 0.5);
    pass_over(&t, 1, 0.5);
    check_same(t.p.g, sum, n * sizeof *sum, "gradients of two passes");
    close_net(&t);
}

/* A step's loss and weight gradients under a cap; -1 when nothing fits it.
 * Gives the bytes that are planned. */
static double capped_step(struct net *t, size_t cap, sn_real *g, size_t *bytes)
{
    t->g.cap = cap;
    list_layers(t, 9, SIDE);
    *bytes = sn_graph_bytes(&t->g, true);
    if (cap > 0 && *bytes > cap) {
        check_fails(sn_graph_plan(&t->g, true, &err), &err, SN_ERR_MEMORY,
                    "wide kept and blocks run in parts");
        return -1;
    }
    plan(t);
    assert_int_equal(t->g.arena.used, *bytes);
    fill(t, 0);
    sn_params_zero_grad(&t->p);
    sn_graph_fwd(&t->g, SN_MODE_TRAIN);
    sn_graph_bwd(&t->g);
    memcpy(g, t->p.g, t->p.total * sizeof *g);
    return sn_graph_last(&t->g)->mean;
}

/* What is forgotten is made again: less memory, the same bits.  Below that,
 * blocks in parts sum their output in another order. */
static void caps_cost_no_exactness(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 9);
    const size_t size = t.p.total * sizeof(sn_real), all = t.g.arena.used;
    sn_real *want = check_zeros((ptrdiff_t)t.p.total);
    sn_real *got = check_zeros((ptrdiff_t)t.p.total);
    size_t bytes, least = all;
    int parts = 0;
    const double loss = capped_step(&t, 0, want, &bytes);
    assert_int_equal(sn_graph_kept(&t.g).wide, 3);
    assert_int_equal(sn_graph_kept(&t.g).kept, 3);
    for (size_t cap = all;; cap = least - 1) { /* something has to go */
        const double again = capped_step(&t, cap, got, &bytes);
        if (again < 0)
            break;
        const struct sn_kept kept = sn_graph_kept(&t.g);
        if (kept.in_parts > 0) {
            assert_int_equal(kept.kept, 0);
            assert_true(fabs(again / loss - 1) < 1e-5);
            assert_true(check_relative(got, want, (ptrdiff_t)t.p.total) < 1e-4);
        } else {
            assert_true(again == loss);
            check_same(got, want, size, "gradients under a cap");
        }
        parts += kept.in_parts;
        assert_true(bytes <= least);
        least = bytes;
    }
    assert_int_equal(bytes, least); /* the least there is was reached */
    assert_true(least < all);
    assert_true(parts > 0);
    close_net(&t);
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, 4);
    list_layers(&t, 16, SIDE); /* a larger block is wanted */
    check_fail_allocation(0);
    const sn_status rc = sn_graph_plan(&t.g, true, &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "memory");
    close_net(&t);

    struct sn_graph g;
    for (int n = 0; n < 2; n++) {
        check_fail_allocation(n);
        const sn_status init = sn_graph_init(&g, &t.k, 2, &err);
        assert_true(check_allocation_failed());
        check_fails(init, &err, SN_ERR_MEMORY, "no memory for a list of");
    }
}

/* ---- numbers that are none ---- */

static void nonfinite_is_found(void **state)
{
    (void)state;
    struct net t;
    ptrdiff_t index = -2;
    open_net(&t, 4);
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    assert_null(sn_graph_nonfinite(&t.g, &index));
    struct sn_tensor *add = &t.g.layer[3].out;
    const sn_real kept = add->y[7 * add->ld + 5];
    add->y[7 * add->ld + 5] = (sn_real)INFINITY;
    const struct sn_layer *found = sn_graph_nonfinite(&t.g, &index);
    assert_ptr_equal(found, &t.g.layer[3]);
    assert_string_equal(found->name, "add");
    assert_int_equal(index, 7 * STEM + 5);
    add->y[7 * add->ld + 5] = kept;
    /* a NaN of the input spreads to the loss and is named where it began */
    sn_graph_first(&t.g)->y[0] = (sn_real)NAN;
    sn_graph_fwd(&t.g, SN_MODE_TRAIN);
    assert_true(isnan(sn_graph_last(&t.g)->mean));
    assert_string_equal(sn_graph_nonfinite(&t.g, &index)->name, "input");
    assert_int_equal(index, 0);
    close_net(&t);
}

/* ---- the loss ---- */

/* Loss, gradient and guess of given logits. */
struct loss_rig {
    struct sn_kernels k;
    struct sn_graph g;
    struct sn_tensor *x;
    struct sn_loss *loss;
};

static void run_loss(struct loss_rig *r, const sn_real *x, int n, int c,
                     const int *labels, double smoothing)
{
    sn_kernels_init(&r->k, SN_ISA_REF);
    check_ok(sn_graph_init(&r->g, &r->k, THREADS, &err), &err);
    sn_graph_reset(&r->g, n);
    r->x = sn_graph_input(&r->g, 1, 1, c);
    r->x->wants_grad = true;
    sn_graph_loss(&r->g, r->x, smoothing);
    check_ok(sn_graph_plan(&r->g, true, &err), &err);
    r->loss = sn_graph_last(&r->g);
    r->loss->labels = labels;
    for (int in = 0; in < n; in++)
        memcpy(r->x->y + (ptrdiff_t)in * r->x->ld, x + in * c,
               (size_t)c * sizeof *x);
    sn_graph_fwd(&r->g, SN_MODE_TRAIN);
    sn_graph_bwd(&r->g);
}

/* x = (0, ln 3): softmax (1/4, 3/4).  With smoothing .2 over two classes the
 * targets are (.1, .9) for label 1 and (.9, .1) for label 0. */
static void loss_by_hand(void **state)
{
    (void)state;
    struct loss_rig r;
    const sn_real l3 = (sn_real)log(3);
    const sn_real x[4] = {0, l3, 0, l3};
    const int labels[2] = {1, 0};
    run_loss(&r, x, 2, 2, labels, 0.2);
    const double a = -0.1 * log(0.25) - 0.9 * log(0.75);
    const double b = -0.9 * log(0.25) - 0.1 * log(0.75);
    assert_true(fabs(r.loss->each[0] - a) < 1e-6);
    assert_true(fabs(r.loss->each[1] - b) < 1e-6);
    assert_true(fabs(r.loss->mean - (a + b) / 2) < 1e-6);
    assert_int_equal(r.loss->correct, 1);
    assert_true(r.loss->guess[0] == 1 && r.loss->guess[1] == 1);
    const double want[4] = {0.15 / 2, -0.15 / 2, -0.65 / 2, 0.65 / 2};
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)r.x->dz[i / 2 * r.x->ld + i % 2] - want[i]) <
                    1e-6);
    sn_graph_release(&r.g);
}

static void loss_of_huge_logits(void **state)
{
    (void)state;
    struct loss_rig r;
    const sn_real x[6] = {1e30F, -1e30F, 0, -3e38F, 3e38F, 3e38F};
    const int labels[2] = {0, 0};
    run_loss(&r, x, 2, 3, labels, 0);
    assert_true(r.loss->each[0] == 0);
    assert_true(isfinite(r.loss->each[1]) && r.loss->each[1] > 1e38);
    assert_true(isfinite(r.loss->mean));
    assert_int_equal(r.loss->guess[1], 1); /* the first of equals */
    for (int i = 0; i < 6; i++)
        assert_true(isfinite(r.x->dz[i / 3 * r.x->ld + i % 3]));
    assert_true(fabs((double)r.x->dz[r.x->ld + 1] - 0.25) < 1e-6);
    sn_graph_release(&r.g);
}

/* ---- tables ---- */

static void every_kind_has_a_row(void **state)
{
    (void)state;
    for (int id = 0; id < SN_LAYER_KINDS; id++) {
        const struct sn_layer_kind *kind = &sn_layer_kinds[id];
        assert_true(kind->name && kind->plan && kind->fwd && kind->bwd);
        for (int other = 0; other < id; other++)
            assert_string_not_equal(kind->name, sn_layer_kinds[other].name);
    }
}

static void units_cover_the_batch(void **state)
{
    (void)state;
    for (int n = 1; n < 100; n++) {
        const int units = sn_unit_count(n);
        assert_true(units >= 1 && units <= SN_UNITS && units <= n);
        assert_int_equal(sn_unit_first(n, 0), 0);
        assert_int_equal(sn_unit_first(n, units), n);
        for (int u = 0; u < units; u++) {
            const int images = sn_unit_first(n, u + 1) - sn_unit_first(n, u);
            assert_true(images >= n / units && images <= n / units + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overfits_eight_images),
        cmocka_unit_test(eval_of_the_batch_itself),
        cmocka_unit_test(eval_is_per_image),
        cmocka_unit_test(statistics_join),
        cmocka_unit_test(variance_far_from_zero),
        cmocka_unit_test(bytes_are_the_arena),
        cmocka_unit_test(planning_again_takes_nothing),
        cmocka_unit_test(passes_add_up),
        cmocka_unit_test(caps_cost_no_exactness),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(nonfinite_is_found),
        cmocka_unit_test(loss_by_hand),
        cmocka_unit_test(loss_of_huge_logits),
        cmocka_unit_test(every_kind_has_a_row),
        cmocka_unit_test(units_cover_the_batch),
    };
    omp_set_num_threads(THREADS);
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
