/* The controller of mode = gumbel, on made-up losses. */

#include "search/gumbel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

/* A space with its table and controller; one at a time. */
struct lab {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_cost_table table;
    struct sn_gumbel g;
    double lowest, highest;
};

static struct lab *lab_make(struct dice *dice, int stages, int depth)
{
    struct lab *lab = malloc(sizeof *lab);
    const struct sn_target device = small_target();
    struct sn_error err = {0};
    assert_non_null(lab);
    random_space(dice, &lab->space, stages, depth);
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_cost_table_make(&lab->table, &lab->space, &device, &err), &err);
    sn_cost_range(&lab->table, &lab->space, SN_BUDGET_LATENCY, &lab->lowest,
                  &lab->highest);
    return lab;
}

static void lab_start(struct lab *lab, sn_penalty penalty, double target,
                      uint64_t seed)
{
    sn_gumbel_init(&lab->g, &lab->space, &lab->d, &lab->table, penalty, target,
                   seed);
}

static void starts_uniform(void **state)
{
    (void)state;
    struct dice dice = dice_make(21);
    struct lab *lab = lab_make(&dice, 3, 3);
    lab_start(lab, SN_PENALTY_PI, lab->lowest, 1);
    double p[SN_MAX_OPTIONS];
    int choice[SN_MAX_DECISIONS];
    sn_gumbel_probabilities(&lab->g, p);
    for (int id = 0; id < lab->d.count; id++)
        for (int i = 0; i < lab->d.item[id].n; i++)
            assert_true(fabs(p[lab->d.item[id].first + i] -
                             1.0 / lab->d.item[id].n) < 1e-15);
    assert_true(lab->g.start_target == sn_expected_latency(&lab->table,
                                                           &lab->space, &lab->d,
                                                           p, NULL));
    /* on ties the first option listed */
    struct sn_arch arch;
    struct sn_cost cost;
    const struct sn_target device = small_target();
    const double latency = sn_gumbel_argmax(&lab->g, choice);
    for (int id = 0; id < lab->d.count; id++)
        assert_int_equal(choice[id], 0);
    sn_arch_choose(&arch, &lab->space, &lab->d, choice);
    sn_arch_cost(&cost, &arch, &device);
    assert_true(fabs(cost.seconds - latency) < 1e-12 * latency);
    free(lab);
}

static void schedules_at_their_ends(void **state)
{
    (void)state;
    struct dice dice = dice_make(22);
    struct lab *lab = lab_make(&dice, 2, 2);
    lab_start(lab, SN_PENALTY_PI, 1.0, 1);
    struct sn_gumbel *g = &lab->g;
    g->start_target = 3.0;
    assert_true(sn_gumbel_tau(0.0) == 5.0);
    assert_true(fabs(sn_gumbel_tau(1.0) - 0.3) < 1e-15);
    assert_true(fabs(sn_gumbel_tau(0.5) - 5 * sqrt(0.06)) < 1e-15);
    assert_true(sn_gumbel_target(g, 0.0) == 3.0);
    assert_true(fabs(sn_gumbel_target(g, 0.3) - 2.0) < 1e-15);
    assert_true(fabs(sn_gumbel_target(g, 0.15) - (2 + sqrt(0.5))) < 1e-15);
    assert_true(sn_gumbel_target(g, 0.6) == 1.0);
    assert_true(sn_gumbel_target(g, 1.0) == 1.0);
    for (double t = 0.01; t <= 1.0; t += 0.01)
        assert_true(sn_gumbel_target(g, t) <= sn_gumbel_target(g, t - 0.01));
    g->start_target = 0.5; /* cheap from the start: T' is T all along */
    assert_true(sn_gumbel_target(g, 0.0) == 1.0);
    free(lab);
}

static void gates_are_noisy_softmaxes(void **state)
{
    (void)state;
    struct dice dice = dice_make(23);
    struct lab *lab = lab_make(&dice, 1, 1);
    lab->space.stage[0].block[0].n_op = 2;
    lab->space.stage[0].block[0].op[0] = SN_OP_IBN;
    lab->space.stage[0].block[0].op[1] = SN_OP_FUSED;
    for (int op = 0; op < SN_OP_COUNT; op++)
        lab->space.stage[0].block[0].of[op] =
            (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 3, .e = {2, 3, 4}};
    sn_decisions_make(&lab->d, &lab->space);
    lab_start(lab, SN_PENALTY_PI, 0.0, 5);
    double gate[SN_MAX_OPTIONS], same[SN_MAX_OPTIONS], p[SN_MAX_OPTIONS];
    for (int io = 0; io < lab->d.total; io++)
        lab->g.state.logit[io] = dice_normal(&dice);
    sn_gumbel_probabilities(&lab->g, p);
    /* the greatest gate is option i with probability p_i */
    enum { DRAWS = 20000 };
    double wins[SN_MAX_OPTIONS] = {0};
    for (uint32_t step = 0; step < DRAWS; step++) {
        sn_gumbel_gates(&lab->g, step, 0.7, gate);
        for (int id = 0; id < lab->d.count; id++) {
            const struct sn_decision *x = &lab->d.item[id];
            double sum = 0.0;
            int best = x->first;
            for (int io = x->first; io < x->first + x->n; io++) {
                assert_true(gate[io] >= 0.0 && gate[io] <= 1.0);
                sum += gate[io];
                if (gate[io] > gate[best])
                    best = io;
            }
            assert_true(fabs(sum - 1.0) < 1e-12);
            wins[best] += 1.0 / DRAWS;
        }
    }
    for (int io = 0; io < lab->d.total; io++)
        assert_true(fabs(wins[io] - p[io]) < 4.5 * sqrt(0.25 / DRAWS));
    sn_gumbel_gates(&lab->g, 9, 0.7, gate);
    sn_gumbel_gates(&lab->g, 9, 0.7, same);
    check_same(gate, same, (size_t)lab->d.total * sizeof *gate, "gates");
    lab->g.seed = 6;
    sn_gumbel_gates(&lab->g, 9, 0.7, same);
    assert_memory_not_equal(gate, same, (size_t)lab->d.total * sizeof *gate);
    lab->g.state.logit[1] = 1e5; /* no overflow, however certain */
    sn_gumbel_gates(&lab->g, 9, 0.3, gate);
    for (int io = 0; io < lab->d.total; io++)
        assert_true(isfinite(gate[io]));
    free(lab);
}

/* A smooth loss of the gates: sum_i a_i g_i + sin(b_i g_i g_{i+1}), + 3. */
static double made_up_loss(const double *gate, double *dgate, const double *a,
                           const double *b, int n)
{
    double loss = 3.0;
    for (int i = 0; i < n; i++)
        dgate[i] = a[i];
    for (int i = 0; i < n; i++) {
        const int j = (i + 1) % n;
        loss += a[i] * gate[i] + sin(b[i] * gate[i] * gate[j]);
        const double slope = cos(b[i] * gate[i] * gate[j]) * b[i];
        dgate[i] += slope * gate[j];
        dgate[j] += slope * gate[i];
    }
    return loss;
}

struct penalised {
    struct lab *lab;
    const double *a, *b;
    double tau, lambda, target;
};

static double penalised_loss(const struct penalised *f)
{
    const struct sn_gumbel *g = &f->lab->g;
    double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS], p[SN_MAX_OPTIONS];
    sn_gumbel_gates(g, 3, f->tau, gate);
    sn_gumbel_probabilities(g, p);
    const double ce = made_up_loss(gate, dgate, f->a, f->b, g->d->total);
    const double e = sn_expected_latency(g->cost, g->space, g->d, p, NULL);
    if (g->target <= 0.0)
        return ce;
    if (g->penalty == SN_PENALTY_PI)
        return ce + f->lambda * (e / f->target - 1.0);
    return ce * 0.2 * pow(log(e / 1e-6), 0.6);
}

static void gradient_of_the_penalised_loss(void **state)
{
    (void)state;
    struct dice dice = dice_make(24);
    double worst = 0.0;
    for (int i = 0; i < 30; i++) {
        struct lab *lab = lab_make(&dice, 2, 3);
        const sn_penalty penalty = i % 3 == 1 ? SN_PENALTY_LOG : SN_PENALTY_PI;
        lab_start(lab, penalty, i % 3 == 2 ? 0.0 : lab->lowest, 4);
        double a[SN_MAX_OPTIONS], b[SN_MAX_OPTIONS];
        double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS];
        double grad[SN_MAX_OPTIONS];
        const int n = lab->d.total;
        for (int io = 0; io < n; io++) {
            a[io] = dice_normal(&dice);
            b[io] = dice_normal(&dice);
            lab->g.state.logit[io] = dice_normal(&dice);
        }
        const struct penalised f = {.lab = lab,
                                    .a = a,
                                    .b = b,
                                    .tau = 1.3,
                                    .lambda = 2.5,
                                    .target = 1.1 * lab->lowest};
        sn_gumbel_gates(&lab->g, 3, f.tau, gate);
        const double ce = made_up_loss(gate, dgate, a, b, n);
        sn_gumbel_gradient(&lab->g, gate, dgate, f.tau, f.lambda, f.target, ce,
                           grad);
        double error = 0.0, size = 0.0;
        for (int io = 0; io < n; io++) {
            const double h = 1e-5, was = lab->g.state.logit[io];
            lab->g.state.logit[io] = was + h;
            const double up = penalised_loss(&f);
            lab->g.state.logit[io] = was - h;
            const double down = penalised_loss(&f);
            lab->g.state.logit[io] = was;
            const double slope = (up - down) / (2 * h);
            error += (grad[io] - slope) * (grad[io] - slope);
            size += slope * slope;
        }
        worst = fmax(worst, sqrt(error / size));
        free(lab);
    }
    printf("gradient of the penalised loss: relative error %.1e\n", worst);
    assert_true(worst < 1e-7);
}

/* FBNet's logarithm is held where it would vanish. */
static void log_penalty_of_tiny_nets(void **state)
{
    (void)state;
    struct dice dice = dice_make(25);
    struct lab *lab = lab_make(&dice, 2, 2);
    const double scale = 0.5e-6 / lab->highest;
    struct sn_cost *c = &lab->table.fixed;
    for (size_t i = 0; i < sizeof lab->table / sizeof *c; i++)
        c[i].seconds *= scale;
    lab_start(lab, SN_PENALTY_LOG, 1e-7, 4);
    double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS], grad[SN_MAX_OPTIONS];
    for (int io = 0; io < lab->d.total; io++)
        dgate[io] = dice_normal(&dice);
    sn_gumbel_gates(&lab->g, 1, 1.0, gate);
    sn_gumbel_gradient(&lab->g, gate, dgate, 1.0, 0.0, 1e-7, 2.0, grad);
    double plain[SN_MAX_OPTIONS];
    lab->g.target = 0.0;
    sn_gumbel_gradient(&lab->g, gate, dgate, 1.0, 0.0, 1e-7, 2.0, plain);
    for (int io = 0; io < lab->d.total; io++)
        assert_true(fabs(grad[io] - 0.2 * pow(0.1, 0.6) * plain[io]) < 1e-15);
    free(lab);
}

/* One stage of depths 1 and 2; its second block offers both ops, each with
 * expansions.  Gates are given, so every value can be told. */
static void values_by_hand(void **state)
{
    (void)state;
    struct lab *lab = calloc(1, sizeof *lab);
    struct sn_stage_space *s = &lab->space.stage[0];
    lab->space.n_stages = 1;
    *s = (struct sn_stage_space){
        .width = 4, .stride = 1, .n_depth = 2, .depth = {1, 2}};
    for (int ib = 0; ib < 2; ib++)
        s->block[ib] = (struct sn_block_space){
            .n_op = 2,
            .op = {SN_OP_FUSED, SN_OP_IBN},
            .of = {{.n_k = 1, .k = {3}, .n_e = 2, .e = {3, 6}},
                   {.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}}}};
    sn_decisions_make(&lab->d, &lab->space);
    lab->table.fixed.seconds = 1.0;
    lab_start(lab, SN_PENALTY_PI, 0.0, 1);
    const struct sn_decisions *d = &lab->d;
    double gate[SN_MAX_OPTIONS] = {0}, dgate[SN_MAX_OPTIONS] = {0};
    double value[SN_MAX_OPTIONS];
    const int depth = d->item[d->depth[0]].first;
    const int op = d->item[d->op[0][1]].first;
    const int e_ibn = d->item[d->e[0][1][SN_OP_IBN]].first;
    const int e_fused = d->item[d->e[0][1][SN_OP_FUSED]].first;
    const int e_front = d->item[d->e[0][0][SN_OP_FUSED]].first;
    gate[depth] = 0.6;
    gate[depth + 1] = 0.4;
    gate[op] = 0.9; /* fused, the first listed */
    gate[op + 1] = 0.1;
    gate[d->item[d->op[0][0]].first] = 0.5;
    dgate[depth] = -1.0;
    dgate[depth + 1] = -3.0;
    dgate[op] = -0.4;
    dgate[op + 1] = 0.8;
    dgate[e_fused] = -0.36;
    dgate[e_fused + 1] = -0.72;
    dgate[e_ibn] = 5.0; /* enclosed by .4 * .1 < .05: not observed */
    dgate[e_front] = -0.5;
    sn_gumbel_update(&lab->g, gate, dgate, 1.0, 0.0, true);
    sn_gumbel_values(&lab->g, value);
    const struct {
        int option;
        double value;
    } want[] = {{depth, -1},     {depth + 1, 1},     {op, 1.5},
                {op + 1, -1.5}, /* 1 and -2, centred */
                {e_fused, -0.5}, {e_fused + 1, 0.5}, {e_ibn, 0},
                {e_ibn + 1, 0},  {e_front, 0.5},     {e_front + 1, -0.5}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_true(fabs(value[want[i].option] - want[i].value) < 1e-12);
    assert_true(lab->g.state.value_count[e_ibn] == 0.0);
    for (int io = 0; io < d->total; io++) /* warm-up: nothing else moves */
        assert_true(lab->g.state.logit[io] == 0.0);
    assert_int_equal(lab->g.state.updates, 0);

    /* the second observation weighs .02 against .98 * .02, and p centres */
    dgate[depth + 1] = -7.0;
    sn_gumbel_update(&lab->g, gate, dgate, 1.0, 0.0, true);
    lab->g.state.logit[depth + 1] = log(3.0);
    sn_gumbel_values(&lab->g, value);
    const double second = (0.98 * 3 + 7) / 1.98;
    assert_true(fabs(value[depth + 1] - (second - 1) / 4) < 1e-12);
    assert_true(fabs(value[depth] + 3 * (second - 1) / 4) < 1e-12);
    free(lab);
}

static void multiplier_by_hand(void **state)
{
    (void)state;
    struct dice dice = dice_make(26);
    struct lab *lab = lab_make(&dice, 2, 2);
    lab_start(lab, SN_PENALTY_PI, 2.0, 1);
    struct sn_gumbel *g = &lab->g;
    assert_true(sn_gumbel_lambda(g, 3.0, 2.0) == 0.0); /* nothing seen yet */
    g->state.integral = 0.25;
    g->state.ce_norm = 6.0;
    g->state.lat_norm = 2.0;
    assert_true(sn_gumbel_lambda(g, 3.0, 2.0) == 3.0 * (0.25 + 0.5));
    assert_true(sn_gumbel_lambda(g, 1.0, 2.0) == 0.0); /* never below */
    g->penalty = SN_PENALTY_LOG;
    assert_true(sn_gumbel_lambda(g, 3.0, 2.0) == 0.0);
    g->penalty = SN_PENALTY_PI;
    g->target = 0.0;
    assert_true(sn_gumbel_lambda(g, 3.0, 2.0) == 0.0);
    free(lab);
}

static void integral_is_clipped(void **state)
{
    (void)state;
    struct dice dice = dice_make(27);
    struct lab *lab = lab_make(&dice, 2, 2);
    double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS] = {0};
    lab_start(lab, SN_PENALTY_PI, lab->lowest / 1e4, 1);
    sn_gumbel_gates(&lab->g, 0, 1.0, gate);
    sn_gumbel_update(&lab->g, gate, dgate, 1.0, 1.0, false);
    assert_true(lab->g.state.integral == 50.0);
    assert_int_equal(lab->g.state.updates, 1);
    lab_start(lab, SN_PENALTY_PI, lab->highest * 10, 1);
    sn_gumbel_update(&lab->g, gate, dgate, 1.0, 1.0, false);
    assert_true(lab->g.state.integral == 0.0);
    free(lab);
}

/* A made-up loss: -dCE/dgate of every option, given the gates. */
typedef void loss_fn(const struct lab *lab, struct dice *dice,
                     const double *gate, const double *worth, double *dgate);

/* Runs a whole search of so many updates, a quarter of it warm-up.  Returns
 * the mean of E[LAT] over its last tenth. */
static double search(struct lab *lab, struct dice *dice, loss_fn *loss,
                     const double *worth, int updates)
{
    struct sn_gumbel *g = &lab->g;
    double gate[SN_MAX_OPTIONS], dgate[SN_MAX_OPTIONS], p[SN_MAX_OPTIONS];
    double expected = 0.0;
    int seen = 0;
    const int warmup = updates / 4;
    for (int step = 0; step < updates; step++) {
        const bool frozen = step < warmup;
        const double t =
            frozen ? 0.0 : (double)(step - warmup) / (double)(updates - warmup);
        sn_gumbel_gates(g, (uint32_t)step, sn_gumbel_tau(t), gate);
        loss(lab, dice, gate, worth, dgate);
        sn_gumbel_update(g, gate, dgate, 2.0, t, frozen);
        if (10 * step < 9 * updates)
            continue;
        sn_gumbel_probabilities(g, p);
        expected += sn_expected_latency(g->cost, g->space, g->d, p, NULL);
        seen++;
    }
    return expected / seen;
}

/* Share of the output that a decision's block stands in. */
static double share_of(const struct lab *lab, const struct sn_decision *x,
                       const double *gate)
{
    const struct sn_decisions *d = &lab->d;
    const struct sn_stage_space *s = &lab->space.stage[x->stage];
    if (x->kind == SN_DECIDE_DEPTH)
        return 1.0;
    double share = 0.0;
    for (int i = 0; i < s->n_depth; i++)
        if (s->depth[i] > x->block)
            share += gate[d->item[d->depth[x->stage]].first + i];
    const struct sn_block_space *b = &s->block[x->block];
    for (int i = 0; x->kind != SN_DECIDE_OP && i < b->n_op; i++)
        if (b->op[i] == x->op)
            share *= gate[d->item[d->op[x->stage][x->block]].first + i];
    return share;
}

/* Every option has a fixed worth where its block stands, seen with noise. */
static void noisy_worth(const struct lab *lab, struct dice *dice,
                        const double *gate, const double *worth, double *dgate)
{
    for (int id = 0; id < lab->d.count; id++) {
        const struct sn_decision *x = &lab->d.item[id];
        const double share = share_of(lab, x, gate);
        for (int io = x->first; io < x->first + x->n; io++)
            dgate[io] = -share * (worth[io] + 0.5 * dice_normal(dice));
    }
}

/* CE = sum of gate^2 - worth * gate: a mixture is best, and with more worth a
 * dearer one. */
static void diminishing_worth(const struct lab *lab, struct dice *dice,
                              const double *gate, const double *worth,
                              double *dgate)
{
    for (int io = 0; io < lab->d.total; io++)
        dgate[io] = 2.0 * gate[io] - worth[io] + dice_normal(dice);
}

/* Four stages of one to three blocks, each with all there is to choose. */
static void twelve_blocks(struct sn_space *space)
{
    *space = (struct sn_space){.h = 32,
                               .w = 32,
                               .c = 3,
                               .classes = 10,
                               .stem = 8,
                               .stem_stride = 1,
                               .act = SN_ACT_RELU,
                               .n_stages = 4};
    for (int is = 0; is < 4; is++) {
        struct sn_stage_space *s = &space->stage[is];
        *s = (struct sn_stage_space){.width = 8 * (is + 1),
                                     .stride = 2,
                                     .n_depth = 3,
                                     .depth = {1, 2, 3}};
        for (int ib = 0; ib < 3; ib++)
            s->block[ib] = (struct sn_block_space){
                .n_op = 2,
                .op = {SN_OP_IBN, SN_OP_FUSED},
                .of = {{.n_k = 1, .k = {3}, .n_e = 2, .e = {3, 6}},
                       {.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 4}}}};
    }
}

/* Accuracy wants whatever costs more; the penalty must hold E[LAT] to T. */
static void controller_holds_the_budget(void **state)
{
    (void)state;
    struct lab *lab = malloc(sizeof *lab);
    const struct sn_target device = small_target();
    double worst = 0.0;
    twelve_blocks(&lab->space);
    struct sn_error err = {0};
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_cost_table_make(&lab->table, &lab->space, &device, &err), &err);
    sn_cost_range(&lab->table, &lab->space, SN_BUDGET_LATENCY, &lab->lowest,
                  &lab->highest);
    for (int i = 0; i < 8; i++) {
        struct dice dice = dice_make(28 + (uint32_t)i);
        double p[SN_MAX_OPTIONS], worth[SN_MAX_OPTIONS];
        const double target =
            lab->lowest + (lab->highest - lab->lowest) * (0.1 + 0.04 * i);
        lab_start(lab, SN_PENALTY_PI, target, (uint64_t)i);
        sn_gumbel_probabilities(&lab->g, p);
        sn_expected_latency(&lab->table, &lab->space, &lab->d, p, worth);
        for (int io = 0; io < lab->d.total; io++)
            worth[io] *= dice_roll(&dice, 5, 15) / (10.0 * lab->lowest);
        const double e = search(lab, &dice, diminishing_worth, worth, 4000);
        worst = fmax(worst, fabs(e / target - 1.0));
    }
    free(lab);
    printf("E[latency] off its budget at the end: %.2f %%\n", 100 * worst);
    assert_true(worst < 0.02);
}

/* A net is planted: its options are worth 1 more than any other.  The search
 * must find it under a budget that it just meets, whatever the seed. */
static void planted_net_is_found(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 10; seed++) {
        struct dice dice = dice_make(100 + seed);
        struct lab *lab = lab_make(&dice, 3, 3);
        int choice[SN_MAX_DECISIONS], found[SN_MAX_DECISIONS];
        double worth[SN_MAX_OPTIONS] = {0}, value[SN_MAX_OPTIONS];
        struct sn_arch planted, derived;
        struct sn_cost cost;
        struct sn_error err = {0};
        const struct sn_target device = small_target();
        random_choice(&dice, &lab->d, choice);
        for (int id = 0; id < lab->d.count; id++)
            worth[lab->d.item[id].first + choice[id]] =
                lab->d.item[id].kind == SN_DECIDE_DEPTH ? 20.0 : 1.0;
        sn_arch_choose(&planted, &lab->space, &lab->d, choice);
        sn_arch_cost(&cost, &planted, &device);
        lab_start(lab, seed % 2 ? SN_PENALTY_PI : SN_PENALTY_LOG, cost.seconds,
                  seed);
        search(lab, &dice, noisy_worth, worth, 2000);
        sn_gumbel_values(&lab->g, value);
        double p[SN_MAX_OPTIONS];
        sn_gumbel_probabilities(&lab->g, p);
        for (int id = 0; id < lab->d.count; id++) { /* centred */
            double mean = 0.0;
            const struct sn_decision *x = &lab->d.item[id];
            for (int io = x->first; io < x->first + x->n; io++)
                mean += p[io] * value[io];
            assert_true(fabs(mean) < 1e-12);
        }
        struct sn_budget budget = sn_budget_none;
        budget.limit[SN_BUDGET_LATENCY] = cost.seconds;
        check_ok(sn_derive(&derived, &lab->space, &lab->d, &lab->table, value,
                           &budget, NULL, &err),
                 &err);
        assert_true(sn_arch_equal(&derived, &planted));

        /* and without a budget the logits alone say so */
        lab_start(lab, SN_PENALTY_PI, 0.0, seed);
        search(lab, &dice, noisy_worth, worth, 2000);
        sn_gumbel_argmax(&lab->g, found);
        sn_arch_choose(&derived, &lab->space, &lab->d, found);
        assert_true(sn_arch_equal(&derived, &planted));
        free(lab);
    }
}

/* The state is all there is: a search cut in two and copied goes on alike. */
static void state_resumes_to_the_bit(void **state)
{
    (void)state;
    struct dice dice = dice_make(29);
    struct lab *lab = lab_make(&dice, 2, 3);
    double worth[SN_MAX_OPTIONS], gate[SN_MAX_OPTIONS];
    for (int io = 0; io < lab->d.total; io++)
        worth[io] = dice_normal(&dice);
    lab_start(lab, SN_PENALTY_PI, lab->lowest * 1.1, 3);
    search(lab, &dice, noisy_worth, worth, 200);
    const struct sn_gumbel_state saved = lab->g.state;
    sn_gumbel_gates(&lab->g, 999, 1.0, gate);
    sn_gumbel_update(&lab->g, gate, worth, 1.0, 0.5, false);
    const struct sn_gumbel_state went_on = lab->g.state;
    lab_start(lab, SN_PENALTY_PI, lab->lowest * 1.1, 3);
    lab->g.state = saved;
    sn_gumbel_gates(&lab->g, 999, 1.0, gate);
    sn_gumbel_update(&lab->g, gate, worth, 1.0, 0.5, false);
    check_same(&lab->g.state, &went_on, sizeof went_on, "state");
    free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_uniform),
        cmocka_unit_test(schedules_at_their_ends),
        cmocka_unit_test(gates_are_noisy_softmaxes),
        cmocka_unit_test(gradient_of_the_penalised_loss),
        cmocka_unit_test(log_penalty_of_tiny_nets),
        cmocka_unit_test(values_by_hand),
        cmocka_unit_test(multiplier_by_hand),
        cmocka_unit_test(integral_is_clipped),
        cmocka_unit_test(controller_holds_the_budget),
        cmocka_unit_test(planted_net_is_found),
        cmocka_unit_test(state_resumes_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
