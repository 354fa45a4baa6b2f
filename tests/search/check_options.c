/* From option rows to spaces. */

#include "search/limits.h"
#include "search/search_options.h"
#include "search/space_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"
#include "search/gumbel.h"

/* Faults as `section.key: text` lines. */
struct faults {
    char text[4096];
    int count;
};

static void collect(void *ctx, const char *section, const char *key,
                    const char *text)
{
    struct faults *f = ctx;
    const size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof f->text - n, "%s%s%s: %s\n", section,
             key ? "." : "", key ? key : "", text);
    f->count++;
}

struct config {
    struct sn_space_options space;
    struct sn_stage_options stage[SN_MAX_STAGES];
    struct sn_block_options block[SN_MAX_STAGES * SN_MAX_DEPTH];
};

static void set(const struct sn_option_table *table, void *base,
                const char *key, const char *value)
{
    struct sn_error err = {0};
    const struct sn_option *o = sn_option_find(table, key);
    assert_non_null(o);
    check_ok(sn_option_parse(o, base, value, NULL, &err), &err);
}

static void defaults(struct config *c)
{
    sn_option_defaults(&sn_space_options, &c->space);
    for (int i = 0; i < SN_MAX_STAGES; i++) {
        sn_option_defaults(&sn_stage_options, &c->stage[i]);
        set(&sn_stage_options, &c->stage[i], "width", "16");
    }
    for (int i = 0; i < SN_MAX_STAGES * SN_MAX_DEPTH; i++)
        sn_option_defaults(&sn_block_options, &c->block[i]);
}

static void set_space(struct config *c, const char *key, const char *value)
{
    set(&sn_space_options, &c->space, key, value);
}

static void set_stage(struct config *c, int number, const char *key,
                      const char *value)
{
    set(&sn_stage_options, &c->stage[number - 1], key, value);
}

static sn_status build(struct sn_space *space, const struct config *c,
                       int stages, struct faults *f)
{
    *f = (struct faults){{0}, 0};
    return sn_space_from_options(space, &c->space, c->stage, stages, c->block,
                                 &(struct sn_space_frame){32, 24, 3, 10, 16},
                                 collect, f);
}

/* The space of the shipped configs. */
static void space_of_the_first_configs(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    defaults(&c);
    set_space(&c, "stem", "16");
    set_space(&c, "head", "256");
    set_space(&c, "act", "relu");
    set_space(&c, "e_fused", "2, 4*");
    set_stage(&c, 1, "op", "ibn");
    set_stage(&c, 1, "e", "1");
    set_stage(&c, 2, "width", "24");
    set_stage(&c, 2, "depth", "1..2");
    set_stage(&c, 2, "stride", "2");
    set_stage(&c, 3, "width", "32");
    set_stage(&c, 3, "depth", "3, 1*, 2");
    set_stage(&c, 3, "op", "fused*, ibn");
    set_stage(&c, 3, "e", "6, 2*, 4");
    assert_int_equal(build(&s, &c, 3, &f), SN_OK);
    assert_int_equal(f.count, 0);
    assert_int_equal(s.h, 32);
    assert_int_equal(s.w, 24);
    assert_int_equal(s.c, 3);
    assert_int_equal(s.classes, 10);
    assert_int_equal(s.stem, 16);
    assert_int_equal(s.stem_stride, 1);
    assert_int_equal(s.head, 256);
    assert_int_equal(s.act, SN_ACT_RELU);
    assert_int_equal(s.n_stages, 3);

    const struct sn_block_space *b = &s.stage[0].block[0];
    assert_int_equal(b->n_op, 1);
    assert_int_equal(b->op[0], SN_OP_IBN);
    assert_int_equal(b->of[SN_OP_IBN].n_e, 1);
    assert_int_equal(b->of[SN_OP_IBN].e[0], 1);
    assert_int_equal(s.stage[0].n_depth, 1);

    assert_int_equal(s.stage[1].width, 24);
    assert_int_equal(s.stage[1].stride, 2);
    assert_int_equal(s.stage[1].n_depth, 2);
    assert_int_equal(s.stage[1].star_depth, 2);
    for (int ib = 0; ib < 2; ib++) {
        b = &s.stage[1].block[ib];
        assert_int_equal(b->n_op, 2);
        assert_int_equal(b->op[0], SN_OP_IBN);
        assert_int_equal(b->op[1], SN_OP_FUSED);
        assert_int_equal(b->star.op, SN_OP_IBN);
        assert_int_equal(b->star.k, 3);
        assert_int_equal(b->star.e, 6);
        assert_int_equal(b->of[SN_OP_IBN].n_k, 1);
        assert_int_equal(b->of[SN_OP_IBN].k[0], 3);
        assert_int_equal(b->of[SN_OP_IBN].e[0], 3);
        assert_int_equal(b->of[SN_OP_IBN].e[1], 6);
        assert_int_equal(b->of[SN_OP_FUSED].n_e, 2);
        assert_int_equal(b->of[SN_OP_FUSED].e[0], 2);
    }
    /* listed in any order, kept ascending, stars found again; a stage's own e
     * leaves e_fused of [space] in force */
    assert_int_equal(s.stage[2].n_depth, 3);
    assert_int_equal(s.stage[2].depth[0], 1);
    assert_int_equal(s.stage[2].depth[2], 3);
    assert_int_equal(s.stage[2].star_depth, 1);
    b = &s.stage[2].block[2];
    assert_int_equal(b->op[0], SN_OP_FUSED);
    assert_int_equal(b->star.op, SN_OP_FUSED);
    assert_int_equal(b->of[SN_OP_IBN].n_e, 3);
    assert_int_equal(b->of[SN_OP_IBN].e[0], 2);
    assert_int_equal(b->of[SN_OP_IBN].e[1], 4);
    assert_int_equal(b->of[SN_OP_IBN].e[2], 6);
    assert_int_equal(b->of[SN_OP_FUSED].n_e, 2);
    assert_int_equal(b->of[SN_OP_FUSED].e[1], 4);
}

static void stars_default_to_the_ibn(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    defaults(&c);
    set_space(&c, "op", "fused, ibn");
    set_stage(&c, 2, "op", "fused");
    set_stage(&c, 3, "op", "ibn, fused*");
    set_stage(&c, 3, "e_ibn", "2");
    set_stage(&c, 3, "e_fused", "5, 4");
    set_space(&c, "head", "none");
    assert_int_equal(build(&s, &c, 3, &f), SN_OK);
    assert_int_equal(s.stage[0].block[0].star.op, SN_OP_IBN);
    assert_int_equal(s.stage[1].block[0].star.op, SN_OP_FUSED);
    assert_int_equal(s.stage[2].block[0].star.op, SN_OP_FUSED);
    assert_int_equal(s.stage[2].block[0].of[SN_OP_IBN].e[0], 2);
    assert_int_equal(s.stage[2].block[0].of[SN_OP_FUSED].e[1], 5);
    assert_int_equal(s.stage[2].block[0].star.e, 5);
    assert_int_equal(s.head, 0);
}

static void every_fault_is_told_where_it_stands(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    defaults(&c);
    s.h = -7;
    set_space(&c, "e", "1, 6");
    set_stage(&c, 2, "e", "1");
    set_stage(&c, 3, "depth", "1..9");
    set_stage(&c, 4, "e_ibn", "2..10");
    set_stage(&c, 4, "e_fused", "1");
    assert_int_equal(build(&s, &c, 4, &f), SN_ERR_CONFIG);
    assert_string_equal(
        f.text,
        "space.e: expansion 1 stands beside others; expected it alone, or "
        "expansions from 2 on\n"
        "stage.2.e: expansion 1 is offered to fused blocks (of stage.2); "
        "expected 2 to 16\n"
        "stage.3.depth: 9 depths are offered; expected at most 8\n"
        "stage.4.e_ibn: 9 expansions are offered; expected at most 8\n"
        "stage.4.e_fused: expansion 1 is offered to fused blocks (of "
        "stage.4); expected 2 to 16\n");
    assert_int_equal(s.h, -7);

    defaults(&c);
    f = (struct faults){{0}, 0};
    const struct sn_space_frame around = {5000, 32, 3, 1, 16};
    assert_int_equal(sn_space_from_options(&s, &c.space, c.stage, 0, c.block,
                                           &around, collect, &f),
                     SN_ERR_CONFIG);
    assert_string_equal(
        f.text, "data.set: the images are 5000x32x3; expected sides 1 to 4096 "
                "and 1 to 4096 channels\n"
                "data.set: the images have 1 classes; expected 2 to 1000\n"
                "stage.1.width: the net has no stages; expected sections "
                "[stage.1], [stage.2], ...\n");
}

static void set_block(struct config *c, int stage, int block, const char *key,
                      const char *value)
{
    set(&sn_block_options, &c->block[(stage - 1) * SN_MAX_DEPTH + block - 1],
        key, value);
}

/* Kernels are lists as expansions are; rules narrow what is offered and leave
 * the baseline alone. */
static void rules_narrow_all_but_the_baseline(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    struct sn_arch baseline;
    defaults(&c);
    set_space(&c, "k_ibn", "5, 3*, 7");
    set_space(&c, "e", "3, 6*");
    set_stage(&c, 1, "depth", "1..3*");
    set_stage(&c, 1, "forbid", "fused e3, ibn k7, d3");
    set_block(&c, 1, 2, "only", "fused");
    set_block(&c, 1, 1, "pin", "ibn k5 e3");
    set_stage(&c, 2, "only", "k3");
    set_stage(&c, 2, "forbid", "ibn e6");
    assert_int_equal(build(&s, &c, 2, &f), SN_OK);
    const struct sn_block_space *b = &s.stage[0].block[0];
    assert_int_equal(b->n_op, 1);
    assert_int_equal(b->of[SN_OP_IBN].n_k, 1);
    assert_int_equal(b->of[SN_OP_IBN].k[0], 5);
    assert_int_equal(b->of[SN_OP_IBN].e[0], 3);
    b = &s.stage[0].block[1];
    assert_int_equal(b->n_op, 1);
    assert_int_equal(b->op[0], SN_OP_FUSED);
    assert_int_equal(b->of[SN_OP_FUSED].n_e, 1);
    assert_int_equal(b->of[SN_OP_FUSED].e[0], 6);
    assert_int_equal(s.stage[0].n_depth, 2);
    assert_int_equal(sn_space_max_depth(&s, 0), 2);
    b = &s.stage[1].block[0];
    assert_int_equal(b->of[SN_OP_IBN].n_k, 1);
    assert_int_equal(b->of[SN_OP_IBN].n_e, 1);
    assert_int_equal(b->of[SN_OP_FUSED].n_e, 2);
    sn_arch_baseline(&baseline, &s);
    assert_int_equal(baseline.stage[0].depth, 3);
    for (int ib = 0; ib < 3; ib++)
        assert_memory_equal(&baseline.stage[0].block[ib],
                            &((struct sn_block){SN_OP_IBN, 3, 6}),
                            sizeof(struct sn_block));
    assert_int_equal(sn_arch_in_space(&baseline, &s, NULL), SN_ERR_CONFIG);
}

static void faults_of_rules_and_kernels(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    defaults(&c);
    set_space(&c, "k", "3, 4");
    set_stage(&c, 2, "k", "3, 5");
    set_stage(&c, 3, "k_ibn", "1..9");
    assert_int_equal(build(&s, &c, 3, &f), SN_ERR_CONFIG);
    assert_string_equal(f.text,
                        "space.k: kernel 4 is even; expected odd ones\n"
                        "stage.3.k_ibn: kernel 8 is even; expected odd ones\n");
    defaults(&c);
    set_stage(&c, 1, "forbid", "fuzed e4");
    set_stage(&c, 2, "pin", "ibn");
    set_stage(&c, 3, "only", "ibn e5");
    set_block(&c, 4, 1, "only", "d1");
    set_block(&c, 5, 2, "pin", "ibn e3");
    set_stage(&c, 6, "only", "d2");
    set_block(&c, 9, 1, "pin", "ibn e3");
    assert_int_equal(build(&s, &c, 6, &f), SN_ERR_CONFIG);
    assert_string_equal(
        f.text,
        "stage.1.forbid: 'fuzed e4' is no pattern; expected words of the arch "
        "text, such as fused, ibn e6, ibn k3 e6, or d2\n"
        "stage.2.pin: 'ibn' leaves 2 options; expected exactly one\n"
        "stage.3.only: 'ibn e5' leaves no option of those that are offered\n"
        "stage.4.block.1.only: 'd1': a depth is the stage's; expected it "
        "there\n"
        "stage.5.block.2: there is no such block; the stage has at most 1\n"
        "stage.6.only: 'd2' leaves no depth of those that are offered\n"
        "stage.9.block.1: there is no [stage.9]\n");
    defaults(&c);
    set_stage(&c, 1, "depth", "1..3");
    set_stage(&c, 1, "pin", "d1, d2");
    assert_int_equal(build(&s, &c, 1, &f), SN_ERR_CONFIG);
    assert_string_equal(
        f.text,
        "stage.1.pin: 'd1, d2' leaves 2 depths; expected exactly one\n");
    defaults(&c);
    for (int i = 0; i < 33; i++)
        strncat(c.stage[0].rules.forbid, i ? ",k5" : "k5", 4);
    assert_int_equal(build(&s, &c, 1, &f), SN_ERR_CONFIG);
    assert_string_equal(f.text, "stage.1.forbid: more than 32 patterns\n");
    static const char *const bad[] = {"ibn ibn", "e",      "e03", "k3 k5",
                                      "d2 ibn",  "e99999", ",ibn"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        defaults(&c);
        set_stage(&c, 1, "only", bad[i]);
        assert_int_equal(build(&s, &c, 1, &f), SN_ERR_CONFIG);
        assert_non_null(strstr(f.text, "is no pattern"));
    }
}

/* A conv block has a kernel and no expansion. */
static void convolutions_are_offered(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    struct sn_arch arch;
    defaults(&c);
    set_stage(&c, 1, "op", "ibn, conv*, fused");
    set_stage(&c, 1, "k_conv", "5");
    set_stage(&c, 1, "k_fused", "5, 3");
    assert_int_equal(build(&s, &c, 1, &f), SN_OK);
    const struct sn_block_space *b = &s.stage[0].block[0];
    assert_int_equal(b->n_op, 3);
    assert_int_equal(b->of[SN_OP_CONV].n_e, 1);
    assert_int_equal(b->of[SN_OP_CONV].e[0], 1);
    assert_int_equal(b->of[SN_OP_CONV].k[0], 5);
    assert_int_equal(b->of[SN_OP_FUSED].n_k, 2);
    assert_int_equal(b->of[SN_OP_FUSED].k[1], 5);
    sn_arch_baseline(&arch, &s);
    char text[SN_BLOCK_TEXT];
    assert_string_equal(sn_block_text(text, arch.stage[0].block[0]), "conv k5");
    set_stage(&c, 1, "pin", "conv");
    assert_int_equal(build(&s, &c, 1, &f), SN_OK);
    assert_true(sn_space_size(&s) == 1.0);
}

/* What is left of a product of lists once one combination is struck out. */
static void single_combinations_are_barred(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    static struct sn_decisions d;
    struct faults f;
    struct sn_arch arch;
    struct sn_error err = {0};
    defaults(&c);
    set_space(&c, "op", "ibn");
    set_space(&c, "k_ibn", "3*, 5");
    set_space(&c, "e", "3, 6*");
    set_stage(&c, 1, "forbid", "k5 e6");
    assert_int_equal(build(&s, &c, 1, &f), SN_OK);
    assert_true(sn_space_size(&s) == 3.0);
    const struct sn_op_space *of = &s.stage[0].block[0].of[SN_OP_IBN];
    assert_true(sn_op_offers(of, 1, 0) && !sn_op_offers(of, 1, 1));
    sn_arch_baseline(&arch, &s);
    check_ok(sn_arch_in_space(&arch, &s, &err), &err);
    arch.stage[0].block[0].k = 5;
    check_fails(sn_arch_in_space(&arch, &s, &err), &err, SN_ERR_CONFIG,
                "ibn k5 e6 is not offered");
    /* the most worth is where it may not be */
    const struct sn_target device = small_target();
    struct sn_cost_table *t = malloc(sizeof *t);
    double value[SN_MAX_OPTIONS] = {0};
    sn_decisions_make(&d, &s);
    check_ok(sn_cost_table_make(t, &s, &device, &err), &err);
    value[d.item[d.k[0][0][SN_OP_IBN]].first + 1] = 2;
    value[d.item[d.e[0][0][SN_OP_IBN]].first + 1] = 1;
    check_ok(sn_derive(&arch, &s, &d, t, value, &sn_budget_none, NULL, &err),
             &err);
    assert_int_equal(arch.stage[0].block[0].k, 5);
    assert_int_equal(arch.stage[0].block[0].e, 3);
    free(t);
}

static void fails_to_parse(const struct sn_option_table *table, void *base,
                           const char *key, const char *value,
                           const char *message)
{
    struct sn_error err = {0};
    check_fails(
        sn_option_parse(sn_option_find(table, key), base, value, NULL, &err),
        &err, SN_ERR_CONFIG, message);
}

static void rows_have_ranges(void **state)
{
    (void)state;
    static struct config c;
    struct sn_budget_options budget;
    struct sn_search_options search;
    const struct sn_option_table *space = &sn_space_options;
    const struct sn_option_table *stage = &sn_stage_options;
    fails_to_parse(space, &c.space, "stem", "0", "1 to 4096");
    fails_to_parse(space, &c.space, "stem_stride", "5", "1 to 4");
    fails_to_parse(space, &c.space, "head", "4097", "1 to 4096");
    fails_to_parse(space, &c.space, "act", "none", "relu6");
    fails_to_parse(space, &c.space, "op", "plain", "ibn, fused, conv");
    fails_to_parse(space, &c.space, "e", "17", "1 to 16");
    fails_to_parse(space, &c.space, "e", "none", "");
    fails_to_parse(space, &c.space, "e_fused", "0", "1 to 16");
    fails_to_parse(stage, c.stage, "width", "4097", "1 to 4096");
    fails_to_parse(stage, c.stage, "depth", "1..17", "1 to 16");
    fails_to_parse(stage, c.stage, "depth", "2, 2", "twice");
    fails_to_parse(stage, c.stage, "stride", "0", "1 to 4");
    assert_null(sn_option_find(stage, "width")->fallback);

    sn_option_defaults(&sn_budget_options, &budget);
    const struct sn_quantity *latency = &budget.limit[SN_BUDGET_LATENCY];
    assert_false(latency->set);
    set(&sn_budget_options, &budget, "latency", "50 %");
    assert_true(latency->set && latency->percent && latency->value == 0.5);
    set(&sn_budget_options, &budget, "latency", "2 ms");
    assert_true(!latency->percent && latency->value == 2e-3);
    set(&sn_budget_options, &budget, "weights", "64 KiB");
    set(&sn_budget_options, &budget, "activations", "25 %");
    set(&sn_budget_options, &budget, "macs", "1.5 M");
    struct sn_budget made;
    sn_budget_make(&made, &budget, &(struct sn_cost){.activations = 4096});
    assert_true(made.limit[SN_BUDGET_LATENCY] == 2e-3);
    assert_true(made.limit[SN_BUDGET_WEIGHTS] == 65536);
    assert_true(made.limit[SN_BUDGET_ACTIVATIONS] == 1024);
    assert_true(made.limit[SN_BUDGET_MACS] == 1.5e6);
    set(&sn_budget_options, &budget, "macs", "none");
    sn_budget_make(&made, &budget, &(struct sn_cost){0});
    assert_false(sn_budget_has(&made, SN_BUDGET_MACS));
    for (int i = 0; i < SN_BUDGETS; i++)
        assert_string_equal(sn_budget_name((sn_budget_kind)i),
                            sn_budget_options.rows[i].key);
    fails_to_parse(&sn_budget_options, &budget, "macs", "30", "k, M, G");
    fails_to_parse(&sn_budget_options, &budget, "latency", "0 ms", "more");

    sn_option_defaults(&sn_search_options, &search);
    assert_int_equal(search.mode, SN_SEARCH_GUMBEL);
    assert_string_equal(search.arch, "");
    assert_int_equal(search.epochs, 30);
    assert_int_equal(search.batch, 64);
    assert_true(search.lr == 0.1 && search.lr_warmup == 0.15);
    assert_true(search.warmup == 0.25 && search.arch_split == 0.2);
    assert_int_equal(search.penalty, SN_PENALTY_PI);
    set(&sn_search_options, &search, "mode", "single-path");
    assert_int_equal(search.mode, SN_SEARCH_PATH);
    set(&sn_search_options, &search, "mode", "none");
    assert_int_equal(search.mode, SN_SEARCH_NONE);
    set(&sn_search_options, &search, "penalty", "log");
    assert_int_equal(search.penalty, SN_PENALTY_LOG);
    fails_to_parse(&sn_search_options, &search, "mode", "twoshot", "gumbel");
    static const struct {
        const char *mode;
        int trains;
        bool evolves;
    } modes[] = {{"gumbel", SN_SEARCH_GUMBEL, false},
                 {"single-path", SN_SEARCH_PATH, false},
                 {"oneshot", SN_SEARCH_ONESHOT, true},
                 {"funnel", SN_SEARCH_PATH, true}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        set(&sn_search_options, &search, "mode", modes[i].mode);
        assert_int_equal(sn_search_trains(&search), modes[i].trains);
        assert_true(sn_search_evolves(&search) == modes[i].evolves);
    }
    set(&sn_search_options, &search, "funnel", "oneshot");
    assert_int_equal(sn_search_trains(&search), SN_SEARCH_ONESHOT);
    fails_to_parse(&sn_search_options, &search, "funnel", "none", "gumbel");
    fails_to_parse(&sn_search_options, &search, "sampling", "fair", "uniform");
    fails_to_parse(&sn_search_options, &search, "subnets", "17", "0 to 16");
    fails_to_parse(&sn_search_options, &search, "samples", "7", "8 to");
    fails_to_parse(&sn_search_options, &search, "short_list", "0", "1 to");
    fails_to_parse(&sn_search_options, &search, "race", "9", "1 to 8");
    fails_to_parse(&sn_search_options, &search, "race_epochs", "0", "1 to");
    fails_to_parse(&sn_search_options, &search, "zero_shot", "yes", "prune");
    fails_to_parse(&sn_search_options, &search, "zero_shot_nets", "3", "4 to");
    fails_to_parse(&sn_search_options, &search, "epochs", "0", "1 to");
    fails_to_parse(&sn_search_options, &search, "batch", "0", "1 to");
    fails_to_parse(&sn_search_options, &search, "lr", "0", "out of range");
    fails_to_parse(&sn_search_options, &search, "lr_warmup", "1.1", "0 to 1");
    fails_to_parse(&sn_search_options, &search, "warmup", "1", "0 to 0.9");
    fails_to_parse(&sn_search_options, &search, "arch_split", "0", "0.9");
}

/* ---- frames ---- */

static void frames_of_lists(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    struct sn_decisions d;
    struct sn_frame_dims dims;
    defaults(&c);
    set_space(&c, "input", "24, 16");
    set_space(&c, "multiplier", "0.8, 1*, 1.5");
    set_space(&c, "output_stride", "2*, 4");
    set_stage(&c, 1, "width", "24");
    set_stage(&c, 2, "width", "20..50, 24");
    set_stage(&c, 2, "stride", "2");
    set_stage(&c, 3, "stride", "2");
    assert_int_equal(build(&s, &c, 3, &f), SN_OK);
    assert_int_equal(sn_space_frames(&s), 2 * 3 * 2 * 3);
    /* the stars, else the largest: what the baseline is */
    assert_int_equal(s.h, 24);
    assert_int_equal(s.multiplier, 0);
    assert_int_equal(s.stage[1].width, 48);
    assert_int_equal(s.stage[1].stride, 2);
    assert_int_equal(s.stage[2].stride, 1);
    sn_decisions_make(&d, &s);
    assert_int_equal(d.count - d.frame, 4);
    int choice[SN_MAX_DECISIONS] = {0}, back[SN_MAX_DECISIONS] = {0};
    choice[d.frame] = 0;     /* input 16 */
    choice[d.frame + 1] = 0; /* 0.8 */
    choice[d.frame + 2] = 1; /* 4 */
    choice[d.frame + 3] = 0; /* 24: it stands in the list */
    const int frame = sn_frame_of(&s, &d, choice);
    sn_frame_choose(&s, &d, frame, back);
    check_same(back, choice, (size_t)d.count * sizeof *back, "a choice");
    sn_frame_dims(&dims, &s, frame);
    assert_int_equal(dims.h, 16);
    assert_int_equal(dims.multiplier, 800);
    assert_int_equal(dims.stem, 16);     /* 12.8 / 16 rounds to 1 */
    assert_int_equal(dims.width[0], 16); /* 19.2 / 16 rounds to 1 */
    assert_int_equal(dims.width[1], 16);
    assert_int_equal(dims.stride[2], 2);
    sn_frame_dims(&dims, &s, sn_space_largest(&s));
    assert_int_equal(dims.h, 24);
    assert_int_equal(dims.width[0], 32); /* 36 / 16 rounds to 2 */
    assert_int_equal(dims.width[1], 80);
    assert_int_equal(dims.stride[2], 1);
    set_space(&c, "curate", "no");
    set_stage(&c, 2, "width", "20..28");
    assert_int_equal(build(&s, &c, 3, &f), SN_OK);
    assert_int_equal(s.frame.n_width[1], 3); /* 20, 24, 28 */
    sn_frame_dims(&dims, &s, 0);
    assert_int_equal(dims.stem, 12);
    assert_int_equal(dims.width[0], 20);
}

static void faults_of_frames(void **state)
{
    (void)state;
    static struct config c;
    static struct sn_space s;
    struct faults f;
    defaults(&c);
    set_space(&c, "input", "40");
    set_space(&c, "stem_stride", "2");
    set_space(&c, "output_stride", "1, 4");
    set_space(&c, "multiplier", "0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9");
    set_stage(&c, 1, "width", "17..31");
    assert_int_equal(build(&s, &c, 1, &f), SN_ERR_CONFIG);
    assert_string_equal(
        f.text,
        "space.multiplier: 9 are offered; expected at most 8\n"
        "stage.1.width: no multiple of 16 lies in 17..31\n"
        "space.input: input 40 is more than the 32 pixels of the images; "
        "expected [data] size = 40\n"
        "space.output_stride: output stride 1 is less than the stem's 2\n");
    defaults(&c);
    for (int i = 1; i <= 4; i++)
        set_stage(&c, i, "width", "16, 32, 48, 64");
    assert_int_equal(build(&s, &c, 4, &f), SN_ERR_CONFIG);
    assert_string_equal(
        f.text, "space: input, multiplier, output_stride and widths make more "
                "than 128 frames; expected fewer\n");
    fails_to_parse(&sn_space_options, &c.space, "multiplier", "0.0001",
                   "'0.0001' is not a number of at most three decimals");
    fails_to_parse(&sn_space_options, &c.space, "multiplier", "5",
                   "5 is out of range; expected numbers, 0.01 to 4");
    fails_to_parse(&sn_stage_options, &c.stage[0], "width", "16..32, 40..48",
                   "the list has two ranges");
    fails_to_parse(&sn_stage_options, &c.stage[0], "width", "16..32*",
                   "takes no star");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_of_the_first_configs),
        cmocka_unit_test(stars_default_to_the_ibn),
        cmocka_unit_test(rules_narrow_all_but_the_baseline),
        cmocka_unit_test(faults_of_rules_and_kernels),
        cmocka_unit_test(single_combinations_are_barred),
        cmocka_unit_test(convolutions_are_offered),
        cmocka_unit_test(frames_of_lists),
        cmocka_unit_test(faults_of_frames),
        cmocka_unit_test(every_fault_is_told_where_it_stands),
        cmocka_unit_test(rows_have_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
