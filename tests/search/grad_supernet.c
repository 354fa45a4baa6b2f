/* The whole supernet loss against central differences: weights, gates, and the
 * architecture parameters behind them, with Gumbel noise, temperature and
 * multiplier frozen, the latency term included.
 *
 *   pi:   L = CE(gates(alpha)) + lambda * (E[LAT](p(alpha)) / T' - 1)
 *   log:  L = CE(gates(alpha)) * .2 * ln(E[LAT](p(alpha)) / 1 us)^.6 */

#define GRAD_STEP 2e-6
#include "nn/grad.h"

#include <omp.h>
#include <string.h>

#include "search/gumbel.h"
#include "search/supernet.h"

enum { BATCH = 4, STEP = 5 };

#define TAU    1.7
#define LAMBDA 0.8
#define TARGET 3e-4 /* seconds */

static struct {
    struct sn_kernels k;
    struct sn_supernet net;
    struct sn_graph g;
    struct sn_gumbel gumbel;
    struct sn_cost_table cost;
    int labels[BATCH];
    double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS];
} s;

/* ---- a small space with every kind of decision ---- */

static struct sn_block_space both_ops(void)
{
    struct sn_block_space b = {.n_op = 3,
                               .op = {SN_OP_IBN, SN_OP_FUSED, SN_OP_CONV}};
    b.of[SN_OP_CONV] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 1, .e = {1}};
    b.of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 2, .e = {3, 6}};
    b.of[SN_OP_FUSED] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}};
    return b;
}

static struct sn_stage_space make_stage(int width, int stride,
                                        struct sn_block_space block)
{
    struct sn_stage_space st = {.width = width, .stride = stride};
    for (int ib = 0; ib < SN_MAX_DEPTH; ib++)
        st.block[ib] = block;
    return st;
}

/* Stage 1: e = 1, nothing to choose.  Stage 2: ops, expansions, depth 1 or 3.
 * Stage 3: stride 2, one op of one block with three expansions. */
static struct sn_space small_space(sn_act act)
{
    struct sn_space sp = {.h = 6,
                          .w = 7,
                          .c = 3,
                          .classes = 4,
                          .stem = 4,
                          .stem_stride = 1,
                          .head = 9,
                          .act = act,
                          .n_stages = 3};
    struct sn_block_space plain = {.n_op = 1, .op = {SN_OP_IBN}};
    plain.of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 1, .e = {1}};
    sp.stage[0] = make_stage(4, 1, plain);
    sp.stage[0].n_depth = 1;
    sp.stage[0].depth[0] = 1;
    sp.stage[1] = make_stage(4, 1, both_ops());
    sp.stage[1].n_depth = 2;
    sp.stage[1].depth[0] = 1;
    sp.stage[1].depth[1] = 3;
    struct sn_block_space wide = {.n_op = 1, .op = {SN_OP_IBN}};
    wide.of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 1, .k = {5}, .n_e = 3, .e = {2, 3, 5}};
    sp.stage[2] = make_stage(6, 2, wide);
    sp.stage[2].n_depth = 2;
    sp.stage[2].depth[0] = 1;
    sp.stage[2].depth[1] = 2;
    return sp;
}

/* Entries that tell every option from every other. */
static void make_costs(void)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    double *flat = (double *)(void *)s.cost.block;
    for (size_t i = 0; i < sizeof s.cost.block / sizeof *flat; i++)
        flat[i] = 1e-5 * (1 + 9 * sn_rng_uniform(rng, 11, 0, i));
    s.cost.fixed.seconds = 2e-5;
}

static void begin(sn_act act)
{
    struct sn_error err;
    const struct sn_space sp = small_space(act);
    check_ok(sn_supernet_init(&s.net, &sp, check_seed(), &err), &err);
    struct sn_params *p = &s.net.params;
    const double *noise = check_noise((ptrdiff_t)p->total);
    for (int id = 0; id < p->count; id++) /* away from 0 and 1 */
        for (size_t i = p->item[id].first;
             i < p->item[id].first + (size_t)p->item[id].cols; i++)
            if (p->item[id].kind >= SN_PARAM_LINEAR)
                p->w[i] = (p->item[id].kind == SN_PARAM_GAMMA) + 0.7 * noise[i];
    check_ok(sn_graph_init(&s.g, &s.k, 1, &err), &err);
    sn_supernet_build_gated(&s.net, &s.g, BATCH, 0.1);
    sn_graph_first(&s.g)->wants_grad = true;
    check_ok(sn_graph_plan(&s.g, true, &err), &err);
    sn_arena_fill(&s.g.arena, 0xff); /* NaN everywhere */
    struct sn_tensor *x = sn_graph_first(&s.g);
    const double *pixels = check_noise(sn_tensor_pixels(x) * x->c);
    for (ptrdiff_t i = 0; i < sn_tensor_pixels(x) * x->c; i++)
        x->y[i / x->c * x->ld + i % x->c] = 2 * pixels[i];
    for (int in = 0; in < BATCH; in++)
        s.labels[in] = in * 7 % sp.classes;
    sn_graph_last(&s.g)->labels = s.labels;
    make_costs();
    sn_gumbel_init(&s.gumbel, &s.net.space, &s.net.decisions, &s.cost,
                   SN_PENALTY_PI, TARGET, check_seed());
    const double *logit = check_noise(s.net.decisions.total);
    for (int io = 0; io < s.net.decisions.total; io++)
        s.gumbel.state.logit[io] = logit[io];
    sn_gumbel_gates(&s.gumbel, STEP, TAU, s.gate);
}

static void end(void)
{
    sn_supernet_release(&s.net);
    sn_graph_release(&s.g);
    check_guards();
}

/* CE at s.gate. */
static double cross_entropy(void *ctx)
{
    (void)ctx;
    sn_supernet_set_gates(&s.net, s.gate);
    sn_graph_fwd(&s.g, SN_MODE_TRAIN);
    return sn_graph_last(&s.g)->mean;
}

static double backward(void)
{
    const double ce = cross_entropy(NULL);
    sn_params_zero_grad(&s.net.params);
    sn_graph_bwd(&s.g);
    sn_supernet_gate_grads(&s.net, s.dgate);
    return ce;
}

/* ---- weights and gates ---- */

static void check_weights(const char *title)
{
    const struct sn_params *p = &s.net.params;
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const struct grad_view v = {it->name,
                                    p->w + it->first,
                                    p->g + it->first,
                                    1,
                                    (ptrdiff_t)it->rows * it->cols,
                                    0};
        grad_check(title, cross_entropy, NULL, &v);
    }
    const struct sn_tensor *x = sn_graph_first(&s.g);
    const struct grad_view v = {"x",  x->y, x->dz, sn_tensor_pixels(x),
                                x->c, x->ld};
    grad_check(title, cross_entropy, NULL, &v);
}

static const char *const kind_name[] = {"depth", "op", "k", "e"};

/* Every decision's gates on their own. */
static void check_gates(const char *title)
{
    for (int id = 0; id < s.net.decisions.count; id++) {
        const struct sn_decision *d = &s.net.decisions.item[id];
        char name[64];
        if (d->n < 2)
            continue;
        snprintf(name, sizeof name, "gate %d.%d %s%s", d->stage + 1,
                 d->block + 1,
                 d->kind == SN_DECIDE_E && d->op == SN_OP_FUSED ? "fused " : "",
                 kind_name[d->kind]);
        const struct grad_view v = {
            name, s.gate + d->first, s.dgate + d->first, 1, d->n, 0};
        grad_check(title, cross_entropy, NULL, &v);
    }
}

static void weights_and_gates(void **state)
{
    (void)state;
    static const char *const title[] = {"", "", "supernet relu6",
                                        "supernet hswish"};
    for (sn_act act = SN_ACT_RELU6; act <= SN_ACT_HSWISH; act++) {
        begin(act);
        backward();
        check_weights(title[act]);
        check_gates(title[act]);
        end();
    }
}

/* Decisions of one option have gates that nothing reads. */
static void lone_gates_are_zero(void **state)
{
    (void)state;
    begin(SN_ACT_RELU6);
    backward();
    for (int id = 0; id < s.net.decisions.count; id++)
        if (s.net.decisions.item[id].n == 1)
            assert_true(s.dgate[s.net.decisions.item[id].first] == 0);
    end();
}

/* ---- architecture parameters ---- */

static double penalty(void)
{
    double p[SN_MAX_OPTIONS];
    sn_gumbel_probabilities(&s.gumbel, p);
    return sn_expected_latency(&s.cost, &s.net.space, &s.net.decisions, p,
                               NULL);
}

/* The whole loss at the logits. */
static double whole_loss(void *ctx)
{
    (void)ctx;
    sn_gumbel_gates(&s.gumbel, STEP, TAU, s.gate);
    const double ce = cross_entropy(NULL), expected = penalty();
    if (s.gumbel.penalty == SN_PENALTY_LOG)
        return ce * 0.2 * pow(log(expected * 1e6), 0.6);
    return ce + LAMBDA * (expected / TARGET - 1);
}

static void logits(void **state)
{
    (void)state;
    static const char *const title[] = {"CE + latency, pi", "CE, latency, log"};
    static double grad[SN_MAX_OPTIONS];
    for (sn_penalty form = SN_PENALTY_PI; form <= SN_PENALTY_LOG; form++) {
        begin(SN_ACT_RELU6);
        s.gumbel.penalty = form;
        const double ce = backward();
        sn_gumbel_gradient(&s.gumbel, s.gate, s.dgate, TAU, LAMBDA, TARGET, ce,
                           grad);
        const struct grad_view all = {"alpha", s.gumbel.state.logit,  grad,
                                      1,       s.net.decisions.total, 0};
        grad_check(title[form], whole_loss, NULL, &all);
        for (int id = 0; id < s.net.decisions.count; id++) {
            const struct sn_decision *d = &s.net.decisions.item[id];
            char name[64];
            snprintf(name, sizeof name, "alpha %d.%d %s", d->stage + 1,
                     d->block + 1, kind_name[d->kind]);
            const struct grad_view one = {
                name, s.gumbel.state.logit + d->first, grad + d->first, 1, d->n,
                0};
            if (d->n > 1)
                grad_check(title[form], whole_loss, NULL, &one);
        }
        end();
    }
}

/* The latency term is there: without it the same gradient is wrong. */
static void latency_counts(void **state)
{
    (void)state;
    static double with[SN_MAX_OPTIONS], without[SN_MAX_OPTIONS];
    begin(SN_ACT_RELU6);
    const double ce = backward();
    sn_gumbel_gradient(&s.gumbel, s.gate, s.dgate, TAU, LAMBDA, TARGET, ce,
                       with);
    sn_gumbel_gradient(&s.gumbel, s.gate, s.dgate, TAU, 0, TARGET, ce, without);
    assert_true(check_relative(without, with, s.net.decisions.total) > 0.01);
    const struct grad_view v = {"alpha", s.gumbel.state.logit,  without,
                                1,       s.net.decisions.total, 0};
    assert_true(grad_error(whole_loss, NULL, &v) > 0.01);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_and_gates),
        cmocka_unit_test(lone_gates_are_zero),
        cmocka_unit_test(logits),
        cmocka_unit_test(latency_counts),
    };
    sn_kernels_init(&s.k, SN_ISA_REF);
    omp_set_num_threads(1);
    return cmocka_run_group_tests_name("supernet gradients", tests, NULL, NULL);
}
