/* Every probe against central differences of its gate.
 *
 * Where a space offers one kernel an op, the gates are those of the gated net:
 * all of them one-hot at the subnet, and u moves one decision from the option
 * that is active to one beside it.  Where it offers several, u is a factor on
 * the weights that join or leave: taps of a ring, rows of P. */

#define GRAD_STEP 2e-6
#include "nn/grad.h"

#include <omp.h>
#include <string.h>

#include "search/probe.h"

enum { BATCH = 3, NETS = 4 };

static struct {
    struct sn_kernels k;
    struct sn_supernet net;
    struct sn_graph g;
    struct sn_decisions *d;
    int choice[SN_MAX_DECISIONS];
    struct sn_probe probe[SN_MAX_PROBES];
    int probes;
    const struct sn_probe *asked;
    double u, gate[SN_MAX_OPTIONS];
    double *images;
    int labels[BATCH];
    int seen[4][2]; /* probes by kind of decision, down or up */
    int kinks;
} s;

/* ---- spaces ---- */

/* Stage 1: nothing to choose but the number of plain blocks.  Stage 2: ops,
 * expansions, depth 1, 2 or 4.  Stage 3: stride 2, three expansions. */
static struct sn_space one_kernel(sn_act act)
{
    struct sn_space sp = {.h = 6,
                          .w = 5,
                          .c = 3,
                          .classes = 4,
                          .stem = 4,
                          .stem_stride = 1,
                          .head = 9,
                          .act = act,
                          .n_stages = 3};
    sp.stage[0] = (struct sn_stage_space){
        .width = 4, .stride = 1, .n_depth = 2, .depth = {1, 2}};
    sp.stage[1] = (struct sn_stage_space){
        .width = 5, .stride = 1, .n_depth = 3, .depth = {1, 2, 4}};
    sp.stage[2] = (struct sn_stage_space){
        .width = 6, .stride = 2, .n_depth = 1, .depth = {2}};
    for (int ib = 0; ib < SN_MAX_DEPTH; ib++) {
        sp.stage[0].block[ib] = (struct sn_block_space){
            .n_op = 1,
            .op = {SN_OP_IBN},
            .of = {{.n_k = 1, .k = {3}, .n_e = 1, .e = {1}}}};
        sp.stage[1].block[ib] = (struct sn_block_space){
            .n_op = 3,
            .op = {SN_OP_IBN, SN_OP_CONV, SN_OP_FUSED},
            .of = {{.n_k = 1, .k = {3}, .n_e = 2, .e = {3, 6}},
                   {.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}},
                   {.n_k = 1, .k = {3}, .n_e = 1, .e = {1}}}};
        sp.stage[2].block[ib] = (struct sn_block_space){
            .n_op = 3,
            .op = {SN_OP_FUSED, SN_OP_IBN, SN_OP_CONV},
            .of = {{.n_k = 1, .k = {5}, .n_e = 3, .e = {2, 3, 5}},
                   {.n_k = 1, .k = {3}, .n_e = 1, .e = {3}},
                   {.n_k = 1, .k = {3}, .n_e = 1, .e = {1}}}};
    }
    return sp;
}

/* IBN blocks with and without expansion, of three kernels. */
static struct sn_space kernels(sn_act act)
{
    struct sn_space sp = one_kernel(act);
    sp.h = 9; /* so that every tap of a 7x7 reads something */
    sp.w = 8;
    for (int is = 0; is < sp.n_stages; is++)
        for (int ib = 0; ib < SN_MAX_DEPTH; ib++)
            sp.stage[is].block[ib] =
                (struct sn_block_space){.n_op = 1,
                                        .op = {SN_OP_IBN},
                                        .of = {{.n_k = is == 2 ? 2 : 3,
                                                .k = {3, is == 2 ? 7 : 5, 7},
                                                .n_e = is == 0 ? 1 : 2,
                                                .e = {is == 0 ? 1 : 2, 5}}}};
    return sp;
}

/* ---- a net ---- */

static void begin(const struct sn_space *space)
{
    struct sn_error err;
    check_ok(sn_supernet_init(&s.net, space, check_seed(), &err), &err);
    s.d = &s.net.decisions;
    struct sn_params *p = &s.net.params;
    const double *noise = check_noise((ptrdiff_t)p->total);
    for (int id = 0; id < p->count; id++) /* away from 0 and 1 */
        for (size_t i = p->item[id].first;
             i < p->item[id].first + (size_t)p->item[id].cols; i++)
            if (p->item[id].kind >= SN_PARAM_LINEAR)
                p->w[i] = (p->item[id].kind == SN_PARAM_GAMMA) + 0.7 * noise[i];
    s.images = check_noise((ptrdiff_t)BATCH * space->h * space->w * space->c);
    for (int in = 0; in < BATCH; in++)
        s.labels[in] = in * 7 % space->classes;
    check_ok(sn_graph_init(&s.g, &s.k, 1, &err), &err);
}

static void end(void)
{
    sn_supernet_release(&s.net);
    sn_graph_release(&s.g);
    check_guards();
}

/* After the layers are listed. */
static void start(void)
{
    struct sn_error err;
    check_ok(sn_graph_plan(&s.g, true, &err), &err);
    sn_arena_fill(&s.g.arena, 0xff); /* NaN everywhere */
    sn_graph_last(&s.g)->share = 1;
    struct sn_tensor *x = sn_graph_first(&s.g);
    for (ptrdiff_t i = 0; i < sn_tensor_pixels(x) * x->c; i++)
        x->y[i / x->c * x->ld + i % x->c] = 2 * s.images[i];
    sn_graph_last(&s.g)->labels = s.labels;
}

static double forward(void)
{
    sn_graph_fwd(&s.g, SN_MODE_TRAIN);
    return sn_graph_last(&s.g)->mean;
}

/* ---- probes ---- */

static void draw_net(uint32_t draw)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SAMPLE);
    for (int id = 0; id < s.d->count; id++)
        s.choice[id] = (int)sn_rng_below(rng, draw, (uint32_t)id, 0,
                                         (uint32_t)s.d->item[id].n);
}

/* Everything that can be asked. */
static void ask_all(void)
{
    s.probes = 0;
    for (int id = 0; id < s.d->count; id++)
        for (int way = -1; way <= 1; way += 2) {
            const int to = s.choice[id] + way;
            if (to < 0 || to >= s.d->item[id].n ||
                !sn_decision_met(&s.net.space, s.d, s.choice, id))
                continue;
            s.probe[s.probes++] =
                (struct sn_probe){id, s.choice[id], to, (double)NAN};
            s.seen[s.d->item[id].kind][way > 0]++;
        }
}

static void answer_all(void)
{
    sn_supernet_build_probed(&s.net, &s.g, s.choice, s.probe, s.probes, BATCH,
                             0.1);
    start();
    forward();
    sn_params_zero_grad(&s.net.params);
    sn_graph_bwd(&s.g);
    sn_supernet_read_probes(&s.net, s.choice, s.probe, s.probes);
}

static const char *probe_name(const struct sn_probe *p, char buf[64])
{
    static const char *const kind[] = {"depth", "op", "k", "e"};
    const struct sn_decision *d = &s.d->item[p->decision];
    snprintf(buf, 64, "u %d.%d %s%s %d to %d", d->stage + 1, d->block + 1,
             kind[d->kind],
             d->kind == SN_DECIDE_E && d->op == SN_OP_FUSED ? " fused" : "",
             p->from, p->to);
    return buf;
}

/* A gate is a line: where a kink lies at u = 0 there is no other direction to
 * look in.  Such probes are counted, not checked. */
static void check_probe(const char *title, grad_loss *loss, struct sn_probe *p)
{
    char name[64];
    const struct grad_view v = {probe_name(p, name), &s.u, &p->slope, 1, 1, 1};
    s.asked = p;
    s.u = 0;
    assert_true(isfinite(p->slope));
    if (isfinite(grad_error(loss, NULL, &v)))
        grad_check(title, loss, NULL, &v);
    else
        s.kinks++;
}

/* Few enough were passed over. */
static void few_kinks(int probes)
{
    printf("%d probes, %d at a kink\n", probes, s.kinks);
    assert_true(20 * s.kinks <= probes);
}

/* ---- gates of the gated net ---- */

static double gated_loss(void *ctx)
{
    (void)ctx;
    memset(s.gate, 0, sizeof s.gate);
    for (int id = 0; id < s.d->count; id++)
        s.gate[s.d->item[id].first + s.choice[id]] = 1;
    const int first = s.d->item[s.asked->decision].first;
    s.gate[first + s.asked->from] = 1 - s.u;
    s.gate[first + s.asked->to] = s.u;
    sn_supernet_set_gates(&s.net, s.gate);
    return forward();
}

static void gates_of_the_gated_net(void **state)
{
    (void)state;
    static const char *const title[] = {"", "", "relu6", "hswish"};
    memset(s.seen, 0, sizeof s.seen);
    s.kinks = 0;
    for (sn_act act = SN_ACT_RELU6; act <= SN_ACT_HSWISH; act++) {
        const struct sn_space space = one_kernel(act);
        begin(&space);
        for (uint32_t draw = 0; draw < NETS; draw++) {
            draw_net(draw);
            ask_all();
            answer_all();
            sn_supernet_build_gated(&s.net, &s.g, BATCH, 0.1);
            start();
            for (int i = 0; i < s.probes; i++)
                check_probe(title[act], gated_loss, &s.probe[i]);
        }
        end();
    }
    int probes = 0;
    for (int i = 0; i < 8; i++)
        probes += s.seen[i / 2][i % 2];
    few_kinks(probes);
    for (int way = 0; way < 2; way++) {
        assert_true(s.seen[SN_DECIDE_DEPTH][way] > 2);
        assert_true(s.seen[SN_DECIDE_OP][way] > 2);
        assert_true(s.seen[SN_DECIDE_E][way] > 2);
    }
}

/* ---- gates as factors on weights ---- */

/* Scales the taps of a depthwise kernel that lie outside of `inner` and not
 * outside of `outer`. */
static void scale_ring(struct sn_weight w, int k, int inner, int outer,
                       double factor)
{
    for (int jt = 0; jt < k * k; jt++) {
        const int ih = abs(jt / k - k / 2), iw = abs(jt % k - k / 2);
        const int ring = ih > iw ? ih : iw;
        for (int ic = 0; ring > inner / 2 && ring <= outer / 2 && ic < w.ld;
             ic++)
            w.w[(ptrdiff_t)jt * w.ld + ic] *= factor;
    }
}

static void scale_rows(struct sn_weight w, int first, int next, double factor)
{
    for (ptrdiff_t i = (ptrdiff_t)first * w.ld; i < (ptrdiff_t)next * w.ld; i++)
        w.w[i] *= factor;
}

/* The larger of a probe's two nets is listed; what it has more is scaled. */
static double scaled_loss(void *ctx)
{
    (void)ctx;
    const struct sn_probe *p = s.asked;
    const struct sn_decision *d = &s.d->item[p->decision];
    const struct sn_op_ids *ids = &s.net.block[d->stage][d->block][d->op];
    const struct sn_op_space *of =
        &s.net.space.stage[d->stage].block[d->block].of[d->op];
    const bool up = p->to > p->from;
    const double factor = up ? s.u : 1 - s.u;
    const int small = up ? p->from : p->to, large = up ? p->to : p->from;
    const struct sn_weight w = sn_params_weight(
        &s.net.params, d->kind == SN_DECIDE_K ? ids->depth : ids->project);
    const size_t bytes =
        sizeof(double) * (size_t)w.ld *
        (size_t)(d->kind == SN_DECIDE_K ? ids->k * ids->k : ids->mid);
    double *saved = malloc(bytes);
    assert_non_null(saved);
    memcpy(saved, w.w, bytes);
    const int cin = ids->mid / of->e[of->n_e - 1];
    if (d->kind == SN_DECIDE_K)
        scale_ring(w, ids->k, of->k[small], of->k[large], factor);
    else
        scale_rows(w, of->e[small] * cin, of->e[large] * cin, factor);
    const double loss = forward();
    memcpy(w.w, saved, bytes);
    free(saved);
    return loss;
}

static void gates_as_factors(void **state)
{
    (void)state;
    static const char *const title[] = {"", "", "relu6, kernels",
                                        "hswish, kernels"};
    memset(s.seen, 0, sizeof s.seen);
    s.kinks = 0;
    for (sn_act act = SN_ACT_RELU6; act <= SN_ACT_HSWISH; act++) {
        const struct sn_space space = kernels(act);
        begin(&space);
        for (uint32_t draw = 0; draw < NETS; draw++) {
            draw_net(draw);
            ask_all();
            answer_all();
            for (int i = 0; i < s.probes; i++) {
                struct sn_probe *p = &s.probe[i];
                const sn_decision_kind kind = s.d->item[p->decision].kind;
                struct sn_arch arch;
                if (kind != SN_DECIDE_K && kind != SN_DECIDE_E)
                    continue;
                s.choice[p->decision] = p->to > p->from ? p->to : p->from;
                sn_arch_choose(&arch, &s.net.space, s.d, s.choice);
                s.choice[p->decision] = p->from;
                sn_supernet_build_arch(&s.net, &s.g, &arch, BATCH, 0.1);
                start();
                check_probe(title[act], scaled_loss, p);
            }
        }
        end();
    }
    few_kinks(s.seen[SN_DECIDE_K][0] + s.seen[SN_DECIDE_K][1] +
              s.seen[SN_DECIDE_E][0] + s.seen[SN_DECIDE_E][1]);
    for (int way = 0; way < 2; way++) {
        assert_true(s.seen[SN_DECIDE_K][way] > 2);
        assert_true(s.seen[SN_DECIDE_E][way] > 2);
    }
}

/* ---- what probes leave alone ---- */

/* Gradients and loss are those of the subnet without probes, and where memory
 * is short, so that blocks run in parts, slopes are the same numbers. */
static void the_net_is_as_before(void **state)
{
    (void)state;
    const struct sn_space space = one_kernel(SN_ACT_RELU);
    struct sn_arch arch;
    begin(&space);
    const size_t total = s.net.params.total;
    for (uint32_t draw = 0; draw < 4; draw++) {
        double slope[SN_MAX_PROBES];
        draw_net(draw);
        ask_all();
        answer_all();
        const double loss = sn_graph_last(&s.g)->mean;
        double *want = check_copy(s.net.params.g, (ptrdiff_t)total);
        for (int i = 0; i < s.probes; i++)
            slope[i] = s.probe[i].slope;
        sn_arch_choose(&arch, &s.net.space, s.d, s.choice);
        sn_supernet_build_arch(&s.net, &s.g, &arch, BATCH, 0.1);
        start();
        assert_true(forward() == loss);
        sn_params_zero_grad(&s.net.params);
        sn_graph_bwd(&s.g);
        check_same(s.net.params.g, want, total * sizeof *want, "gradients");
        s.g.cap = 1; /* the least there is */
        sn_supernet_build_probed(&s.net, &s.g, s.choice, s.probe, s.probes,
                                 BATCH, 0.1);
        s.g.cap = sn_graph_bytes(&s.g, true);
        const struct sn_kept kept = sn_graph_kept(&s.g);
        assert_true(kept.kept < kept.wide);
        answer_all();
        s.g.cap = 0;
        for (int i = 0; i < s.probes; i++) /* sums may be taken in parts */
            assert_true(fabs(slope[i] - s.probe[i].slope) <=
                        1e-9 * (1 + fabs(slope[i])));
        check_guards();
        s.images = check_noise((ptrdiff_t)BATCH * space.h * space.w * space.c);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates_of_the_gated_net),
        cmocka_unit_test(gates_as_factors),
        cmocka_unit_test(the_net_is_as_before),
    };
    sn_kernels_init(&s.k, SN_ISA_REF);
    omp_set_num_threads(1);
    return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
