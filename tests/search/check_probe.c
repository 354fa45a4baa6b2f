/* Subnets with probes: what they read, the memory they take, threads. */

#include "search/probe.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

enum { BATCH = 20, THREADS = 4 };

static struct rig {
    struct sn_kernels k;
    struct sn_supernet net;
    struct sn_graph g;
    int choice[SN_MAX_DECISIONS];
    struct sn_probe probe[SN_MAX_PROBES];
    int n;
    int labels[BATCH];
} r;

static struct sn_error err;

static void rig_open(struct dice *dice)
{
    struct sn_space space;
    random_space(dice, &space, 3, 3);
    random_frames(dice, &space);
    check_ok(sn_supernet_init(&r.net, &space, check_seed(), &err), &err);
    check_ok(sn_graph_init(&r.g, &r.k, THREADS, &err), &err);
}

static void rig_close(void)
{
    sn_supernet_release(&r.net);
    sn_graph_release(&r.g);
}

/* A random subnet, asked of each block at most one thing that is not free. */
static void draw(struct dice *dice)
{
    const struct sn_decisions *d = &r.net.decisions;
    bool asked[SN_MAX_STAGES][SN_MAX_DEPTH] = {{false}};
    random_choice(dice, d, r.choice);
    r.n = 0;
    for (int id = 0; id < d->count; id++)
        for (int way = -1; way <= 1; way += 2) {
            const struct sn_decision *x = &d->item[id];
            const int to = r.choice[id] + way;
            if (sn_decides_frame(x) || to < 0 || to >= x->n ||
                !sn_decision_met(&r.net.space, d, r.choice, id))
                continue;
            if (x->kind != SN_DECIDE_DEPTH &&
                (way > 0 || x->kind == SN_DECIDE_OP ||
                 (x->kind == SN_DECIDE_K && x->op != SN_OP_IBN))) {
                if (asked[x->stage][x->block] || dice_roll(dice, 0, 1))
                    continue;
                asked[x->stage][x->block] = true;
            }
            r.probe[r.n++] = (struct sn_probe){id, r.choice[id], to, 0};
        }
}

static void build(int batch)
{
    sn_supernet_build_probed(&r.net, &r.g, r.choice, r.probe, r.n, batch, 0.1);
}

/* Plans what is listed on memory full of NaN and runs it. */
static void run(void)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    check_ok(sn_graph_plan(&r.g, true, &err), &err);
    sn_arena_fill(&r.g.arena, 0xff);
    struct sn_tensor *x = sn_graph_first(&r.g);
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(x); ip++)
        for (int ic = 0; ic < x->c; ic++)
            x->y[ip * x->ld + ic] =
                (sn_real)sn_rng_normal(rng, 2, (uint32_t)ic, (uint64_t)ip);
    for (int in = 0; in < x->n; in++)
        r.labels[in] = in % r.net.space.classes;
    sn_graph_last(&r.g)->labels = r.labels;
    sn_graph_last(&r.g)->share = 1;
    sn_params_zero_grad(&r.net.params);
    sn_graph_fwd(&r.g, SN_MODE_TRAIN);
    sn_graph_bwd(&r.g);
    sn_supernet_read_probes(&r.net, r.choice, r.probe, r.n);
}

/* What is planned for the largest step is enough for every other. */
static void no_step_takes_memory(void **state)
{
    (void)state;
    double tightest = 1e9;
    for (uint32_t i = 0; i < 40; i++) {
        struct dice dice = dice_make(600 + i);
        rig_open(&dice);
        const int batch = dice_roll(&dice, 1, 64);
        r.g.bf16 = i % 2;
        sn_supernet_build_most(&r.net, &r.g, batch, 0.1);
        const size_t most = sn_graph_bytes(&r.g, true);
        for (int j = 0; j < 60; j++) {
            draw(&dice);
            build(batch);
            const size_t bytes = sn_graph_bytes(&r.g, true);
            tightest = fmin(tightest, (double)most / (double)bytes);
            if (bytes > most)
                fail_msg("space %u, net %d takes %zu bytes, %zu were planned",
                         i, j, bytes, most);
        }
        rig_close();
    }
    printf("the plan is at least %.3f times what a step takes\n", tightest);
}

/* A rule may bar the largest kernel with the largest expansion. */
static void barred_spaces_are_planned(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        struct dice dice = dice_make(650 + i);
        rig_open(&dice);
        struct sn_space *sp = &r.net.space;
        for (int is = 0; is < sp->n_stages; is++)
            for (int ib = 0; ib < sn_space_max_depth(sp, is); ib++)
                for (int op = 0; op < SN_OP_COUNT; op++) {
                    struct sn_op_space *of = &sp->stage[is].block[ib].of[op];
                    for (int ik = 1; ik < of->n_k && of->n_e > 1; ik++)
                        of->barred[ik] = 1U << (of->n_e - 1);
                }
        struct sn_arch arch;
        sn_supernet_hungriest(&arch, sp);
        check_ok(sn_arch_in_space(&arch, sp, &err), &err);
        sn_supernet_build_most(&r.net, &r.g, 2, 0.1);
        assert_true(sn_graph_bytes(&r.g, true) > 0);
        rig_close();
    }
}

/* Slopes, loss and gradients are the same bits at any number of threads. */
static void threads_agree(void **state)
{
    (void)state;
    const int before = omp_get_max_threads();
    for (uint32_t i = 0; i < 12; i++) {
        struct dice dice = dice_make(700 + i);
        double slope[SN_MAX_PROBES];
        rig_open(&dice);
        draw(&dice);
        r.g.bf16 = i % 2;
        omp_set_num_threads(1);
        build(BATCH);
        run();
        sn_real *g = check_copy(r.net.params.g, (ptrdiff_t)r.net.params.total);
        for (int j = 0; j < r.n; j++) {
            slope[j] = r.probe[j].slope;
            assert_true(isfinite(slope[j]));
        }
        for (int threads = 2; threads <= THREADS; threads++) {
            omp_set_num_threads(threads);
            build(BATCH);
            run();
            check_same(r.net.params.g, g, r.net.params.total * sizeof *g,
                       "gradients");
            for (int j = 0; j < r.n; j++)
                assert_true(r.probe[j].slope == slope[j]);
        }
        check_guards();
        rig_close();
    }
    omp_set_num_threads(before);
}

/* Runs hold every value that a backward pass touches, none twice, and as many
 * as the net has that stands alone. */
static void runs_are_what_a_subnet_reads(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        struct dice dice = dice_make(800 + i);
        struct sn_space own;
        struct sn_supernet alone;
        struct sn_arch arch;
        rig_open(&dice);
        draw(&dice);
        r.n = 0;
        build(4);
        run();
        sn_arch_choose(&arch, &r.net.space, &r.net.decisions, r.choice);
        const int n = sn_supernet_runs(&r.net, &arch, NULL);
        struct sn_run *list = calloc((size_t)n, sizeof *list);
        assert_non_null(list);
        assert_int_equal(sn_supernet_runs(&r.net, &arch, list), n);
        size_t values = 0, want = 0;
        for (int j = 0; j < n; j++) {
            const struct sn_param *it = &r.net.params.item[list[j].param];
            assert_true(list[j].first >= it->first && list[j].count > 0);
            assert_true(list[j].first + list[j].count <=
                        it->first + (size_t)it->rows * (size_t)it->cols);
            values += list[j].count;
            for (size_t iv = 0; iv < list[j].count; iv++) {
                sn_real *g = &r.net.params.g[list[j].first + iv];
                assert_true(!isinf(*g)); /* a second run meets it */
                *g = (sn_real)INFINITY;
            }
        }
        for (size_t iv = 0; iv < r.net.params.total; iv++)
            assert_true(isinf(r.net.params.g[iv]) || r.net.params.g[iv] == 0);
        sn_arch_space(&own, &arch);
        check_ok(sn_supernet_init(&alone, &own, 1, &err), &err);
        for (int id = 0; id < alone.params.count; id++)
            want += (size_t)alone.params.item[id].rows *
                    (size_t)alone.params.item[id].cols;
        assert_int_equal(values, want);
        sn_supernet_release(&alone);
        free(list);
        rig_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_step_takes_memory),
        cmocka_unit_test(barred_spaces_are_planned),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(runs_are_what_a_subnet_reads),
    };
    unsigned isa = sn_cpu_isa();
    const char *name = getenv("ISA");
    if (name && *name && sn_cpu_lower(sn_cpu_isa(), name, &isa) != 0)
        isa = sn_cpu_isa();
    sn_kernels_init(&r.k, isa);
    return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
