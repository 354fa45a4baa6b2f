/* From option rows to spaces. */

#include "search/search_options.h"
#include "search/space_options.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
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
    snprintf(f->text + n, sizeof f->text - n, "%s.%s: %s\n", section, key,
             text);
    f->count++;
}

struct config {
    struct sn_space_options space;
    struct sn_stage_options stage[SN_MAX_STAGES];
};

static void defaults(struct config *c)
{
    sn_option_defaults(&sn_space_options, &c->space);
    for (int i = 0; i < SN_MAX_STAGES; i++) {
        sn_option_defaults(&sn_stage_options, &c->stage[i]);
        c->stage[i].width = 16;
    }
}

static void set(const struct sn_option_table *table, void *base,
                const char *key, const char *value)
{
    struct sn_error err = {0};
    const struct sn_option *o = sn_option_find(table, key);
    assert_non_null(o);
    check_ok(sn_option_parse(o, base, value, NULL, &err), &err);
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
    return sn_space_from_options(space, &c->space, c->stage, stages, 32, 24, 3,
                                 10, collect, f);
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
    assert_int_equal(s.stage[1].star_depth, 1);
    for (int ib = 0; ib < 2; ib++) {
        b = &s.stage[1].block[ib];
        assert_int_equal(b->n_op, 2);
        assert_int_equal(b->op[0], SN_OP_IBN);
        assert_int_equal(b->op[1], SN_OP_FUSED);
        assert_int_equal(b->star_op, 0);
        assert_int_equal(b->of[SN_OP_IBN].n_k, 1);
        assert_int_equal(b->of[SN_OP_IBN].k[0], 3);
        assert_int_equal(b->of[SN_OP_IBN].e[0], 3);
        assert_int_equal(b->of[SN_OP_IBN].e[1], 6);
        assert_int_equal(b->of[SN_OP_IBN].star_e, 1);
        assert_int_equal(b->of[SN_OP_FUSED].n_e, 2);
        assert_int_equal(b->of[SN_OP_FUSED].e[0], 2);
        assert_int_equal(b->of[SN_OP_FUSED].star_e, 1);
    }
    /* listed in any order, kept ascending, stars found again; a stage's own e
     * leaves e_fused of [space] in force */
    assert_int_equal(s.stage[2].n_depth, 3);
    assert_int_equal(s.stage[2].depth[0], 1);
    assert_int_equal(s.stage[2].depth[2], 3);
    assert_int_equal(s.stage[2].star_depth, 0);
    b = &s.stage[2].block[2];
    assert_int_equal(b->op[0], SN_OP_FUSED);
    assert_int_equal(b->star_op, 0);
    assert_int_equal(b->of[SN_OP_IBN].n_e, 3);
    assert_int_equal(b->of[SN_OP_IBN].e[0], 2);
    assert_int_equal(b->of[SN_OP_IBN].e[1], 4);
    assert_int_equal(b->of[SN_OP_IBN].e[2], 6);
    assert_int_equal(b->of[SN_OP_IBN].star_e, 0);
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
    assert_int_equal(s.stage[0].block[0].star_op, 1);
    assert_int_equal(s.stage[1].block[0].star_op, 0);
    assert_int_equal(s.stage[2].block[0].star_op, 1);
    assert_int_equal(s.stage[2].block[0].of[SN_OP_IBN].e[0], 2);
    assert_int_equal(s.stage[2].block[0].of[SN_OP_FUSED].e[1], 5);
    assert_int_equal(s.stage[2].block[0].of[SN_OP_FUSED].star_e, 1);
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
    assert_int_equal(sn_space_from_options(&s, &c.space, c.stage, 0, 5000, 32,
                                           3, 1, collect, &f),
                     SN_ERR_CONFIG);
    assert_string_equal(
        f.text, "data.set: the images are 5000x32x3; expected sides 1 to 4096 "
                "and 1 to 4096 channels\n"
                "data.set: the images have 1 classes; expected 2 to 1000\n"
                "stage.1.width: the net has no stages; expected sections "
                "[stage.1], [stage.2], ...\n");
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
    fails_to_parse(space, &c.space, "op", "conv", "ibn, fused");
    fails_to_parse(space, &c.space, "e", "17", "1 to 16");
    fails_to_parse(space, &c.space, "e", "none", "");
    fails_to_parse(space, &c.space, "e_fused", "0", "1 to 16");
    fails_to_parse(stage, c.stage, "width", "4097", "1 to 4096");
    fails_to_parse(stage, c.stage, "depth", "1..17", "1 to 16");
    fails_to_parse(stage, c.stage, "depth", "2, 2", "twice");
    fails_to_parse(stage, c.stage, "stride", "0", "1 to 4");
    assert_null(sn_option_find(stage, "width")->fallback);

    sn_option_defaults(&sn_budget_options, &budget);
    assert_false(budget.latency.set);
    set(&sn_budget_options, &budget, "latency", "50 %");
    assert_true(budget.latency.set && budget.latency.percent);
    assert_true(budget.latency.value == 0.5);
    set(&sn_budget_options, &budget, "latency", "2 ms");
    assert_true(!budget.latency.percent && budget.latency.value == 2e-3);
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
    fails_to_parse(&sn_search_options, &search, "mode", "funnel", "gumbel");
    fails_to_parse(&sn_search_options, &search, "epochs", "0", "1 to");
    fails_to_parse(&sn_search_options, &search, "batch", "0", "1 to");
    fails_to_parse(&sn_search_options, &search, "lr", "0", "out of range");
    fails_to_parse(&sn_search_options, &search, "lr_warmup", "1.1", "0 to 1");
    fails_to_parse(&sn_search_options, &search, "warmup", "1", "0 to 0.9");
    fails_to_parse(&sn_search_options, &search, "arch_split", "0", "0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_of_the_first_configs),
        cmocka_unit_test(stars_default_to_the_ibn),
        cmocka_unit_test(every_fault_is_told_where_it_stands),
        cmocka_unit_test(rows_have_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
