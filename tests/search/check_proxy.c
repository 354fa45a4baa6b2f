/* Zero-shot scores against figures made by hand and by the plainest code, and
 * the effects of options on them. */

#include "search/proxy.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"
#include "search/choice.h"
#include "search/effects.h"
#include "search/supernet.h"

enum { IMAGES = 6 };

/* ---- NWOT ---- */

/* ln |det a| by elimination with pivots; a [n, n] is overwritten. */
static double plain_log_det(double *a, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        int p = i;
        for (int j = i; j < n; j++)
            if (fabs(a[j * n + i]) > fabs(a[p * n + i]))
                p = j;
        for (int j = 0; j < n; j++) {
            const double swap = a[i * n + j];
            a[i * n + j] = a[p * n + j];
            a[p * n + j] = swap;
        }
        sum += log(fabs(a[i * n + i]));
        for (int r = i + 1; r < n; r++) {
            const double f = a[r * n + i] / a[i * n + i];
            for (int j = i; j < n; j++)
                a[r * n + j] -= f * a[i * n + j];
        }
    }
    return sum;
}

/* Adds to k how many units of t are on, or off, in both of two images: what the
 * readers of t see is above 0 or not. */
static void add_agreements(double *k, const struct sn_graph *g,
                           const struct sn_tensor *t)
{
    const ptrdiff_t each = (ptrdiff_t)t->h * t->w;
    const ptrdiff_t pixels = sn_tensor_pixels(t);
    sn_real *seen = calloc((size_t)(pixels * t->ld), sizeof *seen);
    assert_non_null(seen);
    sn_tensor_load(g->k, t, 0, pixels, (struct sn_rows){seen, t->ld, SN_REAL});
    for (int a = 0; a < t->n; a++)
        for (int b = 0; b < t->n; b++)
            for (ptrdiff_t ip = 0; ip < each; ip++)
                for (int ic = 0; ic < t->c; ic++) {
                    const sn_real x = seen[(a * each + ip) * t->ld + ic];
                    const sn_real y = seen[(b * each + ip) * t->ld + ic];
                    k[a * t->n + b] += (x > 0) == (y > 0);
                }
    free(seen);
}

static void plain_agreements(double *k, const struct sn_graph *g)
{
    memset(k, 0, IMAGES * IMAGES * sizeof *k);
    for (int i = 0; i < g->layers; i++) {
        const struct sn_layer *l = &g->layer[i];
        if (l->id == SN_LAYER_CONV && l->out.act != SN_ACT_NONE)
            add_agreements(k, g, &l->out);
        if (l->id == SN_LAYER_IBN && l->as.ibn.expands)
            add_agreements(k, g, &l->as.ibn.mid1);
        if (l->id == SN_LAYER_IBN)
            add_agreements(k, g, &l->as.ibn.mid2);
        if (l->id == SN_LAYER_FUSED)
            add_agreements(k, g, &l->as.fused.mid);
    }
}

struct net {
    struct sn_space space;
    struct sn_supernet sn;
    struct sn_graph g;
    struct sn_kernels kernels;
    int labels[IMAGES];
};

/* A net of each kind of block, forward on noise. */
static struct net *net_make(bool equal_images)
{
    struct net *n = calloc(1, sizeof *n);
    struct sn_error err = {0};
    assert_non_null(n);
    struct sn_arch arch = {.h = 9,
                           .w = 7,
                           .c = 3,
                           .classes = 4,
                           .act = SN_ACT_RELU6,
                           .stem = 5,
                           .stem_stride = 1,
                           .n_stages = 1,
                           .head = 19};
    arch.stage[0] = (struct sn_arch_stage){
        .width = 6,
        .stride = 2,
        .depth = 3,
        .block = {{SN_OP_IBN, 3, 1}, {SN_OP_IBN, 5, 3}, {SN_OP_FUSED, 3, 2}}};
    sn_arch_space(&n->space, &arch);
    sn_kernels_init(&n->kernels, 0);
    check_ok(sn_supernet_init(&n->sn, &n->space, 3, &err), &err);
    check_ok(sn_graph_init(&n->g, &n->kernels, 1, &err), &err);
    sn_supernet_build_arch(&n->sn, &n->g, &arch, IMAGES, 0.0);
    check_ok(sn_graph_plan(&n->g, true, &err), &err);
    struct sn_tensor *x = sn_graph_first(&n->g);
    const ptrdiff_t values = x->h * x->w * (ptrdiff_t)x->ld;
    const sn_real *noise = check_noise(IMAGES * values);
    for (ptrdiff_t i = 0; i < IMAGES * values; i++)
        x->y[i] = noise[equal_images ? i % values : i];
    for (int i = 0; i < IMAGES; i++)
        n->labels[i] = i % arch.classes;
    sn_graph_last(&n->g)->labels = n->labels;
    sn_graph_fwd(&n->g, SN_MODE_TRAIN);
    return n;
}

static void net_free(struct net *n)
{
    sn_graph_release(&n->g);
    sn_supernet_release(&n->sn);
    free(n);
    check_guards();
}

static void nwot_is_the_log_determinant(void **state)
{
    (void)state;
    struct net *n = net_make(false);
    struct sn_error err = {0};
    double k[IMAGES * IMAGES], score;
    check_ok(sn_nwot(&score, &n->g, &err), &err);
    plain_agreements(k, &n->g);
    const double want = plain_log_det(k, IMAGES);
    assert_true(isfinite(want) && fabs(score - want) < 1e-9 * fabs(want));
    net_free(n);
}

static void nwot_of_equal_images_is_least(void **state)
{
    (void)state;
    struct net *n = net_make(true);
    struct sn_error err = {0};
    double score;
    check_ok(sn_nwot(&score, &n->g, &err), &err);
    assert_true(score == -(double)INFINITY);
    net_free(n);
}

static void nwot_tells_when_memory_is_short(void **state)
{
    (void)state;
    struct net *n = net_make(false);
    struct sn_error err = {0};
    double score;
    for (int i = 0; i < 2; i++) {
        check_fail_allocation(i);
        check_fails(sn_nwot(&score, &n->g, &err), &err, SN_ERR_MEMORY,
                    "no memory for the codes of 6 images");
        assert_true(check_allocation_failed());
    }
    net_free(n);
}

/* ---- ZiCo ---- */

/* By hand: weights with gradients (1, 3), (2, 2), (-1, 1) over two batches have
 * mean sizes 2, 2, 1 and deviations 1, 0, 1: ln(2/1 + 1/1) = ln 3.  The second
 * layer (5, 3), one weight: ln(4/1).  A gain of (1, 9) is no weight, a layer
 * without a gradient says nothing. */
static void zico_is_what_hands_make_it(void **state)
{
    (void)state;
    struct sn_params p;
    struct sn_error err = {0};
    struct sn_zico z;
    sn_params_init(&p);
    const int a = sn_params_add(&p, SN_PARAM_CONV, 3, 1, 1, 0, "a");
    const int gain = sn_params_add(&p, SN_PARAM_GAMMA, 1, 1, 1, 1, "gain");
    const int b = sn_params_add(&p, SN_PARAM_LINEAR, 1, 1, 1, 0, "b");
    (void)sn_params_add(&p, SN_PARAM_DEPTHWISE, 2, 1, 1, 0, "still");
    check_ok(sn_params_take(&p, &err), &err);
    check_ok(sn_zico_init(&z, &p, &err), &err);
    static const sn_real g[2][5] = {{1, 2, -1, 1, 5}, {3, 2, 1, 9, 3}};
    for (int ib = 0; ib < 2; ib++) {
        for (int i = 0; i < 3; i++)
            p.g[p.item[a].first + (size_t)i] = g[ib][i];
        p.g[p.item[gain].first] = g[ib][3];
        p.g[p.item[b].first] = g[ib][4];
        sn_zico_add(&z, &p);
    }
    assert_true(fabs(sn_zico_score(&z, &p) - (log(3.0) + log(4.0))) < 1e-12);
    sn_zico_release(&z);
    check_fail_allocation(0);
    check_fails(sn_zico_init(&z, &p, &err), &err, SN_ERR_MEMORY,
                "no memory for");
    assert_true(check_allocation_failed());
    sn_params_release(&p);
}

/* ---- effects ---- */

/* A stage of depth 1 or 2 with two expansions in its one op: what the figures
 * below are made for. */
static void small_space(struct sn_space *space)
{
    *space = (struct sn_space){.h = 8,
                               .w = 8,
                               .c = 3,
                               .classes = 2,
                               .stem = 4,
                               .stem_stride = 1,
                               .act = SN_ACT_RELU,
                               .n_stages = 1};
    struct sn_stage_space *s = &space->stage[0];
    s->width = 4;
    s->stride = 1;
    s->n_depth = 1;
    s->depth[0] = 1;
    s->block[0].n_op = 1;
    s->block[0].op[0] = SN_OP_IBN;
    s->block[0].of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 6}};
}

/* By hand: two options, each in two of four nets, scores 1, 1 and 0, 0.  With
 * X'X + I = [2 -1; -1 2] and X'y = (1, -1) the effects are 1/3 and -1/3; what
 * is left is 1/6 a net, s^2 = 1/27, and the inverse has 2/3 on its diagonal. */
static void effects_are_what_hands_make_them(void **state)
{
    (void)state;
    static struct sn_space space;
    static struct sn_decisions d;
    static double effect[SN_MAX_OPTIONS], error[SN_MAX_OPTIONS];
    struct sn_error err = {0};
    small_space(&space);
    sn_decisions_make(&d, &space);
    int flat[4 * 16] = {0};
    const double score[4] = {1, 1, 0, 0};
    const int id = d.e[0][0][SN_OP_IBN], first = d.item[id].first;
    for (int i = 2; i < 4; i++)
        flat[i * d.count + id] = 1;
    const struct sn_effects_input in = {&space, &d, flat, score, 4};
    check_ok(sn_effects_fit(effect, error, &in, &err), &err);
    assert_true(fabs(effect[first] - 1.0 / 3) < 1e-12);
    assert_true(fabs(effect[first + 1] + 1.0 / 3) < 1e-12);
    assert_true(fabs(error[first] - sqrt(2.0) / 9) < 1e-12);
    assert_true(effect[0] == 0.0 && error[0] == 0.0); /* nothing to choose */
}

/* A planted sum of option effects comes back, less what the ridge holds. */
static void planted_effects_are_found(void **state)
{
    (void)state;
    enum { NETS = 600 };
    static struct sn_space space;
    static struct sn_decisions d;
    static double value[SN_MAX_OPTIONS], effect[SN_MAX_OPTIONS];
    static double error[SN_MAX_OPTIONS], score[NETS];
    struct sn_error err = {0};
    struct dice dice = dice_make(980);
    random_space(&dice, &space, 3, 2);
    sn_decisions_make(&d, &space);
    int *choice = calloc((size_t)(NETS * d.count), sizeof *choice);
    assert_non_null(choice);
    for (int io = 0; io < d.total; io++)
        value[io] = dice_normal(&dice);
    for (int i = 0; i < NETS; i++) {
        int *own = choice + (ptrdiff_t)i * d.count;
        int whole[SN_MAX_DECISIONS];
        random_choice(&dice, &d, whole);
        sn_choice_settle(&space, &d, whole);
        memcpy(own, whole, (size_t)d.count * sizeof *own);
        score[i] = net_worth(&space, &d, value, whole);
    }
    const struct sn_effects_input in = {&space, &d, choice, score, NETS};
    check_ok(sn_effects_fit(effect, error, &in, &err), &err);
    for (int id = 1; id < d.count; id++) {
        const struct sn_decision *x = &d.item[id];
        /* depth carries what its blocks are worth, an op what its sizes are */
        for (int i = 1; x->kind == SN_DECIDE_E && x->block == 0 && i < x->n;
             i++) {
            const double want = value[x->first + i] - value[x->first];
            const double got = effect[x->first + i] - effect[x->first];
            assert_true(fabs(got - want) < 0.1 * fabs(want) + 0.05);
        }
    }
    check_fail_allocation(0);
    check_fails(sn_effects_fit(effect, error, &in, &err), &err, SN_ERR_MEMORY,
                "no memory for the effects of");
    assert_true(check_allocation_failed());
    free(choice);
}

/* Worst first, only what a cheaper better one beats, a quarter at most. */
static void the_worst_and_dear_go(void **state)
{
    (void)state;
    static struct sn_decisions d;
    bool drop[8];
    d = (struct sn_decisions){.count = 3, .total = 8};
    d.item[0] = (struct sn_decision){.n = 3, .first = 0};
    d.item[1] = (struct sn_decision){.n = 3, .first = 3};
    d.item[2] = (struct sn_decision){.n = 2, .first = 6};
    const double error[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const double cost[8] = {1, 1.2, 1.3, 1, 2, 3, 2, 1};
    const double few[8] = {1, -3, -2.5, 0, -1.9, 1.9, -9, -10};
    /* 1: only 20 % dearer; 2: goes; 4: within two errors; 6: its rival is
     * worse; 7: cheapest */
    assert_int_equal(sn_effects_drop(drop, few, error, cost, &d), 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(drop[i], i == 2);
    const double many[8] = {9, -1, -3, 9, -4, -5, 3, 1};
    assert_int_equal(sn_effects_drop(drop, many, error, cost, &d), 2);
    for (int i = 0; i < 8; i++)
        assert_int_equal(drop[i], i == 4 || i == 5);
}

static void ranks_are_fractions(void **state)
{
    (void)state;
    const double x[5] = {3, NAN, 1, 3, -(double)INFINITY};
    const double want[5] = {0.875, 0.125, 0.5, 0.875, 0.125};
    double rank[5];
    sn_fractional_ranks(rank, x, 5);
    for (int i = 0; i < 5; i++)
        assert_true(rank[i] == want[i]);
}

/* Mean over what else a block offers; a depth has its blocks' means. */
static void options_cost_their_mean(void **state)
{
    (void)state;
    static struct sn_space space;
    static struct sn_decisions d;
    static struct sn_cost_table t;
    double cost[16];
    small_space(&space);
    struct sn_block_space *b = &space.stage[0].block[0];
    b->of[SN_OP_IBN].n_k = 2;
    b->of[SN_OP_IBN].k[1] = 5;
    b->of[SN_OP_IBN].barred[1] = 2; /* no k5 e6 */
    sn_decisions_make(&d, &space);
    for (int ik = 0; ik < 2; ik++)
        for (int ie = 0; ie < 2; ie++)
            t.block[0][0][SN_OP_IBN][ik][ie].seconds = 1 + 2 * ik + 4 * ie;
    sn_option_costs(cost, &t, &space, &d);
    const int k = d.item[d.k[0][0][SN_OP_IBN]].first;
    const int e = d.item[d.e[0][0][SN_OP_IBN]].first;
    assert_true(cost[k] == 3 && cost[k + 1] == 3);
    assert_true(cost[e] == 2 && cost[e + 1] == 5);
    assert_true(cost[d.item[d.op[0][0]].first] == 3);
    assert_true(cost[d.item[d.depth[0]].first] == 3);
}

int main(void)
{
    omp_set_num_threads(1); /* as the graph is told */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nwot_is_the_log_determinant),
        cmocka_unit_test(nwot_of_equal_images_is_least),
        cmocka_unit_test(nwot_tells_when_memory_is_short),
        cmocka_unit_test(zico_is_what_hands_make_it),
        cmocka_unit_test(effects_are_what_hands_make_them),
        cmocka_unit_test(planted_effects_are_found),
        cmocka_unit_test(the_worst_and_dear_go),
        cmocka_unit_test(ranks_are_fractions),
        cmocka_unit_test(options_cost_their_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
