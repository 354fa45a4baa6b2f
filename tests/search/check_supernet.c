/* A subnet inside the supernet against the same net standing alone, the gated
 * net against the subnets it mixes, and one thread against several: the same
 * bits wherever the design promises them. */

#include "check.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "optim/sgd.h"
#include "search/supernet.h"

enum { MAX_THREADS = 4, MAX_BATCH = 64 };

static struct sn_error err;

/* ---- a space with every kind of decision ---- */

static struct sn_block_space offer(bool kernels)
{
    struct sn_block_space b = {.n_op = 3,
                               .op = {SN_OP_IBN, SN_OP_FUSED, SN_OP_CONV}};
    b.of[SN_OP_CONV] = (struct sn_op_space){
        .n_k = 1 + kernels, .k = {3, 5}, .n_e = 1, .e = {1}};
    b.of[SN_OP_IBN] = (struct sn_op_space){
        .n_k = 1 + kernels, .k = {3, 5}, .n_e = 2, .e = {3, 6}};
    b.of[SN_OP_FUSED] = (struct sn_op_space){
        .n_k = 1 + kernels, .k = {3, 5}, .n_e = 2, .e = {2, 4}};
    return b;
}

static void set_stage(struct sn_stage_space *st, int width, int stride,
                      int least, int most, bool kernels)
{
    *st = (struct sn_stage_space){.width = width, .stride = stride};
    for (int d = least; d <= most; d++)
        st->depth[st->n_depth++] = d;
    for (int ib = 0; ib < most; ib++)
        st->block[ib] = offer(kernels);
}

/* Odd widths on purpose: nothing may hang on multiples of 16. */
static struct sn_space make_space(bool kernels)
{
    struct sn_space sp = {.h = 15,
                          .w = 14,
                          .c = 3,
                          .classes = 7,
                          .stem = 10,
                          .stem_stride = 1,
                          .head = 37,
                          .act = SN_ACT_RELU6,
                          .n_stages = 3};
    set_stage(&sp.stage[0], 10, 1, 1, 2, kernels);
    set_stage(&sp.stage[1], 19, 2, 1, 3, kernels);
    set_stage(&sp.stage[2], 24, 2, 2, 3, kernels);
    if (kernels)
        sp.frame = (struct sn_frame_space){.n_input = 2,
                                           .input = {12, 15},
                                           .n_multiplier = 2,
                                           .multiplier = {600, 1000},
                                           .n_output_stride = 2,
                                           .output_stride = {2, 4},
                                           .n_width = {1, 2, 1},
                                           .width = {{10}, {11, 19}, {24}},
                                           .stem = 10,
                                           .stride = {1, 2, 2},
                                           .step = 1};
    return sp;
}

/* The draw'th random arch, and the options it is made of. */
static void sample(const struct sn_supernet *net, uint32_t draw,
                   struct sn_arch *arch, int *choice)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SAMPLE);
    for (int id = 0; id < net->decisions.count; id++)
        choice[id] = (int)sn_rng_below(rng, draw, (uint32_t)id, 0,
                                       (uint32_t)net->decisions.item[id].n);
    sn_arch_choose(arch, &net->space, &net->decisions, choice);
}

/* ---- running a net ---- */

struct rig {
    struct sn_supernet net;
    struct sn_graph g;
    int labels[MAX_BATCH];
};

static void rig_open(struct rig *r, const struct sn_space *space,
                     const struct sn_kernels *k)
{
    check_ok(sn_supernet_init(&r->net, space, check_seed(), &err), &err);
    check_ok(sn_graph_init(&r->g, k, MAX_THREADS, &err), &err);
    /* gains and shifts that leave no value at 0 or 1 */
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    struct sn_params *p = &r->net.params;
    for (int id = 0; id < p->count; id++)
        for (int ic = 0; ic < p->item[id].cols; ic++) {
            const double u = sn_rng_uniform(rng, 1, (uint32_t)id, (uint64_t)ic);
            sn_real *w = p->w + p->item[id].first + ic;
            if (p->item[id].kind == SN_PARAM_GAMMA)
                *w = (sn_real)(0.5 + u);
            else if (p->item[id].kind == SN_PARAM_BETA)
                *w = (sn_real)(u - 0.3);
        }
}

static void rig_close(struct rig *r)
{
    sn_supernet_release(&r->net);
    sn_graph_release(&r->g);
}

/* Plans the listed graph on memory full of NaN and fills in the images, the
 * same for every graph of that batch. */
static void start(struct rig *r)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    check_ok(sn_graph_plan(&r->g, true, &err), &err);
    sn_arena_fill(&r->g.arena, 0xff);
    struct sn_tensor *x = sn_graph_first(&r->g);
    for (ptrdiff_t ip = 0; ip < sn_tensor_pixels(x); ip++)
        for (int ic = 0; ic < x->c; ic++)
            x->y[ip * x->ld + ic] =
                (sn_real)sn_rng_normal(rng, 2, (uint32_t)ic, (uint64_t)ip);
    for (int in = 0; in < x->n; in++)
        r->labels[in] = (int)sn_rng_below(rng, 3, (uint32_t)in, 0,
                                          (uint32_t)r->net.space.classes);
    sn_graph_last(&r->g)->labels = r->labels;
}

static void run_once(struct rig *r)
{
    sn_params_zero_grad(&r->net.params);
    sn_graph_fwd(&r->g, SN_MODE_TRAIN);
    sn_graph_bwd(&r->g);
}

static const struct sn_tensor *logits(const struct rig *r)
{
    return sn_graph_last((struct sn_graph *)&r->g)->in;
}

/* ---- inside against alone ---- */

static int kernel_of(const struct sn_param *it)
{
    int k = 1;
    while (k * k < it->taps)
        k += 2;
    return k;
}

/* The gradient of `alone`'s parameter id must be, bit for bit, that of its
 * slice of the same parameter inside; counts the values of the slice. */
static size_t compare_slice(const struct rig *in, const struct rig *alone,
                            int id)
{
    const struct sn_param *a = &alone->net.params.item[id];
    const int found = sn_params_find(&in->net.params, a->name);
    assert_true(found >= 0);
    const struct sn_param *b = &in->net.params.item[found];
    const int ka = kernel_of(a), kb = kernel_of(b), crop = (kb - ka) / 2;
    const int rows_a = a->rows / (ka * ka), rows_b = b->rows / (kb * kb);
    for (int jt = 0; jt < ka * ka; jt++) {
        const int tap = (jt / ka + crop) * kb + jt % ka + crop;
        for (int ir = 0; ir < rows_a; ir++)
            check_same(in->net.params.g + b->first +
                           ((size_t)tap * (size_t)rows_b + (size_t)ir) *
                               (size_t)b->cols,
                       alone->net.params.g + a->first +
                           ((size_t)jt * (size_t)rows_a + (size_t)ir) *
                               (size_t)a->cols,
                       (size_t)a->cols * sizeof(sn_real), a->name);
    }
    return (size_t)a->rows * (size_t)a->cols;
}

static size_t count_nonzero(const struct sn_params *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->total; i++)
        n += p->g[i] != 0;
    return n;
}

static void compare_rigs(const struct rig *in, const struct rig *alone)
{
    const struct sn_tensor *a = logits(in), *b = logits(alone);
    for (int i = 0; i < a->n; i++)
        check_same(a->y + (ptrdiff_t)i * a->ld, b->y + (ptrdiff_t)i * b->ld,
                   (size_t)a->c * sizeof(sn_real), "logits");
    check_same(&sn_graph_last((struct sn_graph *)&in->g)->mean,
               &sn_graph_last((struct sn_graph *)&alone->g)->mean,
               sizeof(double), "loss");
    size_t values = 0;
    for (int id = 0; id < alone->net.params.count; id++)
        values += compare_slice(in, alone, id);
    /* and nothing outside of the slices was touched */
    assert_true(count_nonzero(&in->net.params) ==
                count_nonzero(&alone->net.params));
    assert_true(count_nonzero(&in->net.params) > values / 2);
}

static void inside_as_alone(const struct sn_kernels *k, int draws, int n)
{
    const struct sn_space space = make_space(true);
    static struct rig in, alone;
    static struct sn_space one;
    int choice[SN_MAX_DECISIONS];
    struct sn_arch arch;
    rig_open(&in, &space, k);
    for (uint32_t draw = 0; draw < (uint32_t)draws; draw++) {
        sample(&in.net, draw, &arch, choice);
        sn_arch_space(&one, &arch);
        rig_open(&alone, &one, k);
        sn_supernet_inherit(&alone.net, &in.net);
        sn_supernet_build_arch(&in.net, &in.g, &arch, n, 0.1);
        sn_supernet_build_arch(&alone.net, &alone.g, &arch, n, 0.1);
        start(&in);
        start(&alone);
        run_once(&in);
        run_once(&alone);
        compare_rigs(&in, &alone);
        rig_close(&alone);
    }
    rig_close(&in);
}

/* The kernels under ISA= of the environment, all this machine has if unset. */
static struct sn_kernels best(void)
{
    struct sn_kernels k;
    unsigned isa = sn_cpu_isa();
    const char *name = getenv("ISA");
    if (name && *name && sn_cpu_lower(sn_cpu_isa(), name, &isa) != 0)
        isa = sn_cpu_isa();
    sn_kernels_init(&k, isa);
    return k;
}

static void alone_ref(void **state)
{
    (void)state;
    struct sn_kernels k;
    sn_kernels_init(&k, SN_ISA_REF);
    inside_as_alone(&k, 2, 5);
}

static void alone_best(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    inside_as_alone(&k, 16, 6);
    inside_as_alone(&k, 4, 33);
}

/* ---- the gated net ---- */

/* One-hot gates of a choice. */
static void set_gates(struct sn_supernet *net, const int *choice)
{
    static double gate[SN_MAX_OPTIONS];
    memset(gate, 0, sizeof gate);
    for (int id = 0; id < net->decisions.count; id++)
        gate[net->decisions.item[id].first + choice[id]] = 1;
    sn_supernet_set_gates(net, gate);
}

static double distance(const struct sn_tensor *a, const sn_real *want)
{
    sn_real got[MAX_BATCH * 8];
    for (int in = 0; in < a->n; in++)
        memcpy(got + in * a->c, a->y + (ptrdiff_t)in * a->ld,
               (size_t)a->c * sizeof *got);
    return check_relative(got, want, (ptrdiff_t)a->n * a->c);
}

/* A masked channel has a batch-norm of its own, which no other channel sees,
 * and its row of P is 0: so with one-hot gates the mixture is the subnet, up to
 * the rounding of longer sums. */
static void one_hot_is_subnet(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    const struct sn_space space = make_space(false);
    static struct rig r;
    static sn_real want[MAX_BATCH * 8];
    int choice[SN_MAX_DECISIONS];
    struct sn_arch arch;
    rig_open(&r, &space, &k);
    for (uint32_t draw = 0; draw < 8; draw++) {
        sample(&r.net, draw, &arch, choice);
        sn_supernet_build_arch(&r.net, &r.g, &arch, 6, 0);
        start(&r);
        sn_graph_fwd(&r.g, SN_MODE_TRAIN);
        const struct sn_tensor *y = logits(&r);
        for (int in = 0; in < y->n; in++)
            memcpy(want + in * y->c, y->y + (ptrdiff_t)in * y->ld,
                   (size_t)y->c * sizeof *want);
        sn_supernet_build_gated(&r.net, &r.g, 6, 0);
        set_gates(&r.net, choice);
        start(&r);
        sn_graph_fwd(&r.g, SN_MODE_TRAIN);
        const double same = distance(logits(&r), want);
        choice[r.net.decisions.op[1][0]] ^= 1; /* another op: another net */
        set_gates(&r.net, choice);
        sn_graph_fwd(&r.g, SN_MODE_TRAIN);
        const double other = distance(logits(&r), want);
        printf("one-hot gates, arch %u: %.1e (other op: %.1e)\n", draw, same,
               other);
        assert_true(same < 1e-4 && other > 1e-2);
    }
    rig_close(&r);
}

/* The derivatives of gates do not need those of the weights. */
static void gates_alone(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    const struct sn_space space = make_space(false);
    static struct rig r;
    static double gate[SN_MAX_OPTIONS], want[SN_MAX_OPTIONS];
    static double got[SN_MAX_OPTIONS];
    rig_open(&r, &space, &k);
    const int total = r.net.decisions.total;
    for (int io = 0; io < total; io++)
        gate[io] = 0.4 + 0.01 * io;
    sn_supernet_set_gates(&r.net, gate);
    sn_supernet_build_gated(&r.net, &r.g, 6, 0);
    start(&r);
    run_once(&r);
    sn_supernet_gate_grads(&r.net, want);
    sn_graph_fwd(&r.g, SN_MODE_TRAIN);
    sn_graph_bwd_gates(&r.g);
    sn_supernet_gate_grads(&r.net, got);
    check_same(got, want, (size_t)total * sizeof *got, "dL/dgate");
    assert_true(want[0] != 0);
    rig_close(&r);
}

/* ---- threads ---- */

struct outcome {
    sn_real *w, *g;
    double loss[3];
    size_t values;
};

/* Three steps of SGD on the gated net (or an arch), by so many threads. */
static struct outcome train_on(int threads, int n, bool gated,
                               const struct sn_kernels *k)
{
    const struct sn_space space = make_space(!gated);
    static struct rig r;
    int choice[SN_MAX_DECISIONS];
    struct sn_arch arch;
    struct outcome o;
    omp_set_num_threads(threads);
    rig_open(&r, &space, k);
    sample(&r.net, 77, &arch, choice);
    if (gated) {
        double gate[SN_MAX_OPTIONS];
        for (int io = 0; io < r.net.decisions.total; io++)
            gate[io] = 0.4 + 0.01 * io;
        sn_supernet_set_gates(&r.net, gate);
        sn_supernet_build_gated(&r.net, &r.g, n, 0.1);
    } else {
        sn_supernet_build_arch(&r.net, &r.g, &arch, n, 0.1);
    }
    start(&r);
    struct sn_params *p = &r.net.params;
    const struct sn_sgd_group all = {0, p->total, 1e-4};
    for (int it = 0; it < 3; it++) {
        run_once(&r);
        o.loss[it] = sn_graph_last(&r.g)->mean;
        sn_sgd_step(k, p->w, p->m, p->g, &all, 1, 0.05, 0.9);
    }
    o.values = p->total;
    o.w = check_copy(p->w, (ptrdiff_t)p->total);
    o.g = check_copy(p->g, (ptrdiff_t)p->total);
    rig_close(&r);
    return o;
}

static void threads_agree(const struct sn_kernels *k, const int *batches,
                          int count)
{
    const int before = omp_get_max_threads();
    for (int i = 0; i < count; i++)
        for (int gated = 0; gated <= 1; gated++) {
            const struct outcome one = train_on(1, batches[i], gated, k);
            for (int threads = 2; threads <= MAX_THREADS; threads *= 2) {
                const struct outcome many =
                    train_on(threads, batches[i], gated, k);
                const size_t bytes = one.values * sizeof *one.w;
                check_same(many.loss, one.loss, sizeof one.loss, "losses");
                check_same(many.g, one.g, bytes, "gradients");
                check_same(many.w, one.w, bytes, "weights");
            }
            for (int it = 0; it < 3; it++)
                assert_true(isfinite(one.loss[it]));
            assert_true(one.loss[0] != one.loss[2]);
            check_guards();
        }
    omp_set_num_threads(before);
}

static void threads_best(void **state)
{
    (void)state;
    static const int batches[] = {32, 21, 5, 1};
    const struct sn_kernels k = best();
    threads_agree(&k, batches, 4);
}

static void threads_ref(void **state)
{
    (void)state;
    static const int batches[] = {18};
    struct sn_kernels k;
    sn_kernels_init(&k, SN_ISA_REF);
    threads_agree(&k, batches, 1);
}

/* ---- the rest of the contract ---- */

static void layer_names(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    const struct sn_space space = make_space(false);
    static struct rig r;
    rig_open(&r, &space, &k);
    sn_supernet_build_gated(&r.net, &r.g, 4, 0);
    for (int i = 0; i < r.g.layers; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(r.g.layer[i].name, r.g.layer[j].name);
    rig_close(&r);
}

/* The graph's list has room for the largest space there can be. */
static void largest_space_is_listed(void **state)
{
    (void)state;
    const struct sn_kernels k = best();
    struct sn_space space = make_space(false);
    static struct rig r;
    space.n_stages = SN_MAX_STAGES;
    for (int is = 0; is < SN_MAX_STAGES; is++)
        set_stage(&space.stage[is], 2, 1, SN_MAX_DEPTH - 1, SN_MAX_DEPTH,
                  false);
    rig_open(&r, &space, &k);
    sn_supernet_build_gated(&r.net, &r.g, 1, 0);
    assert_int_equal(r.g.layers, 6 + SN_MAX_STAGES * (1 + SN_MAX_DEPTH * 4));
    rig_close(&r);
}

/* Every allocation of a supernet may fail; nothing is lost when it does. */
static void memory_runs_out(void **state)
{
    (void)state;
    const struct sn_space space = make_space(true);
    static struct sn_supernet net;
    int failures = 0;
    for (int n = 0;; n++) {
        check_fail_allocation(n);
        const sn_status rc = sn_supernet_init(&net, &space, 1, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "memory");
        failures++;
    }
    sn_supernet_release(&net);
    assert_true(failures >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_ref),
        cmocka_unit_test(alone_best),
        cmocka_unit_test(one_hot_is_subnet),
        cmocka_unit_test(gates_alone),
        cmocka_unit_test(threads_best),
        cmocka_unit_test(threads_ref),
        cmocka_unit_test(layer_names),
        cmocka_unit_test(largest_space_is_listed),
        cmocka_unit_test(memory_runs_out),
    };
    omp_set_num_threads(2); /* at most MAX_THREADS, on any machine */
    return cmocka_run_group_tests_name("supernet", tests, NULL, NULL);
}
