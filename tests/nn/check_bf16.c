/* Training passes that keep wide tensors in bfloat16 beside those that keep
 * them in float: with products of float, and with products of pairs, the
 * reference's and the machine's own. */

#include "net.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>

#include "kernels/kernels_internal.h"
#include "optim/sgd.h"

/* With FEW pixels the head gathers what it else adds up in slots; it sees an
 * odd number of them in most units. */
enum { VALUES = 16384, N = 18, FEW = 5 };

/* Who multiplies. */
enum way { REALS, REF_PAIRS, OWN_PAIRS, WAYS };
static const char *const way_name[WAYS] = {"float", "the reference's pairs",
                                           "the machine's pairs"};

static bool open_way(struct net *t, enum way way, int side, int mid,
                     bool no_acts)
{
    *t = (struct net){.side = side, .mid = mid, .no_acts = no_acts};
    sn_kernels_init(&t->k, sn_cpu_isa());
    if (way == OWN_PAIRS && !t->k.product_pairs)
        return false;
    if (way == REALS)
        t->k.product_pairs = NULL;
    if (way == REF_PAIRS)
        t->k.product_pairs = sn_product_pairs_ref;
    open_net_with(t, N);
    return true;
}

static void relist(struct net *t, bool bf16, size_t cap)
{
    t->g.bf16 = bf16;
    t->g.cap = cap;
    list_layers(t, N, t->side);
    plan(t);
    fill(t, 0);
}

/* The loss and weight gradients of one step. */
static double gradients(struct net *t, sn_real *g)
{
    sn_params_zero_grad(&t->p);
    sn_graph_fwd(&t->g, SN_MODE_TRAIN);
    sn_graph_bwd(&t->g);
    assert_true(t->p.total <= VALUES);
    memcpy(g, t->p.g, t->p.total * sizeof *g);
    return sn_graph_last(&t->g)->mean;
}

/* How far `got` is from `want`: the distance in sizes of `want`, and the part
 * of it along `want`, which noise of rounding hardly has and a wrong factor
 * has in full. */
struct apart {
    double distance, along;
};

static struct apart apart_of(const sn_real *got, const sn_real *want, size_t n)
{
    double square = 0, size = 0, along = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)got[i] - (double)want[i];
        square += d * d;
        along += d * (double)want[i];
        size += (double)want[i] * (double)want[i];
    }
    return (struct apart){sqrt(square / size), along / size};
}

/* Without kinks a rounding changes a gradient by a rounding: the gradient
 * of every weight agrees, and a factor that is half a percent off would show.
 */
static void agree(enum way way, int side, int mid)
{
    static sn_real want[VALUES], got[VALUES];
    struct net t;
    if (!open_way(&t, way, side, mid, true))
        return;
    const double exact = gradients(&t, want);
    relist(&t, true, 0);
    const double loss = gradients(&t, got);
    assert_true(fabs(loss / exact - 1) < 2e-3);
    assert_true(loss != exact);
    for (int id = 0; id < t.p.count; id++) {
        const struct sn_param *p = &t.p.item[id];
        /* of batch-norm's own, without kinks, the next one cancels nearly all
         */
        if ((p->kind == SN_PARAM_BETA || p->kind == SN_PARAM_GAMMA) &&
            id != t.bias)
            continue;
        const size_t n = (size_t)p->rows * (size_t)p->cols;
        const struct apart a = apart_of(got + p->first, want + p->first, n);
        if (a.distance > 0.02 || fabs(a.along) > 0.004)
            fail_msg("%s, %d pixels wide, %d channels, gradient of %s: %.1e "
                     "away, %.1e of it along",
                     way_name[way], side, mid, p->name, a.distance, a.along);
    }
    close_net(&t);
}

static void gradients_agree(void **state)
{
    (void)state;
    for (enum way way = REALS; way < WAYS; way++) {
        agree(way, SIDE, MID);
        agree(way, SIDE, MID + 1); /* pairs with a 0 */
        agree(way, FEW, MID);
    }
}

/* Whatever is kept or made again, and however many threads there are. */
static void same_of(enum way way, int side)
{
    static sn_real want[VALUES], got[VALUES];
    struct net t;
    if (!open_way(&t, way, side, MID + 1, false))
        return;
    relist(&t, true, 0);
    const double loss = gradients(&t, want);
    const size_t size = t.p.total * sizeof *want;
    const size_t all = t.g.arena.used;
    omp_set_num_threads(1);
    assert_true(gradients(&t, got) == loss);
    check_same(got, want, size, "gradients of one thread");
    omp_set_num_threads(THREADS);
    relist(&t, true, all - 1);
    assert_true(sn_graph_kept(&t.g).kept < sn_graph_kept(&t.g).wide);
    assert_true(gradients(&t, got) == loss);
    check_same(got, want, size, "gradients of what is made again");
    close_net(&t);
}

static void same_bits(void **state)
{
    (void)state;
    for (enum way way = REALS; way < WAYS; way++) {
        same_of(way, SIDE);
        same_of(way, FEW);
    }
}

static bool head_gathers(int side)
{
    struct net t;
    assert_true(open_way(&t, REALS, side, MID, false));
    const bool gathers = t.g.layer[5].as.conv.stage.gathers;
    assert_string_equal(t.g.layer[5].name, "head");
    close_net(&t);
    return gathers;
}

static void few_pixels_are_gathered(void **state)
{
    (void)state;
    assert_false(head_gathers(SIDE));
    assert_true(head_gathers(FEW));
}

/* Wide tensors take half the room. */
static void takes_less(void **state)
{
    (void)state;
    struct net t;
    open_net(&t, N);
    const size_t all = sn_graph_bytes(&t.g, true);
    const size_t eval = sn_graph_bytes(&t.g, false);
    const size_t pixels = (size_t)N * SIDE * SIDE;
    t.g.bf16 = true;
    /* the IBN's two, kept, of 24 channels in rows of 32; of the rest less */
    assert_true(sn_graph_bytes(&t.g, true) < all - pixels * 32 * 2 * 2);
    assert_int_equal(sn_graph_bytes(&t.g, false), eval);
    close_net(&t);
}

static void learns(void **state)
{
    (void)state;
    for (enum way way = REALS; way < WAYS; way++) {
        struct net t;
        if (!open_way(&t, way, SIDE, MID, false))
            continue;
        relist(&t, true, 0);
        const struct sn_sgd_group all = {0, t.p.total, 0};
        const struct sn_loss *loss = sn_graph_last(&t.g);
        for (int it = 0; it < 100; it++) {
            sn_params_zero_grad(&t.p);
            sn_graph_fwd(&t.g, SN_MODE_TRAIN);
            sn_graph_bwd(&t.g);
            sn_sgd_step(&t.k, t.p.w, t.p.m, t.p.g, &all, 1, 0.05, 0.9);
        }
        printf("%s: %d images, loss %.1e\n", way_name[way], N, loss->mean);
        assert_true(loss->mean < 0.05 && loss->correct == N);
        close_net(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(few_pixels_are_gathered),
        cmocka_unit_test(takes_less),
        cmocka_unit_test(learns),
    };
    omp_set_num_threads(THREADS);
    return cmocka_run_group_tests_name("nn bf16", tests, NULL, NULL);
}
