/* Spaces, decisions, architectures and their text. */

#include "search/arch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"

static const char example[] = "supernet-arch 1\n"
                              "input = 32x32x3\n"
                              "classes = 10\n"
                              "multiplier = 1\n"
                              "output_stride = 2\n"
                              "act = relu6\n"
                              "stem = 16 k3 s1\n"
                              "stage.1 = w16 s1\n"
                              "stage.1.block.1 = ibn k3 e1\n"
                              "stage.2 = w24 s2\n"
                              "stage.2.block.1 = fused k3 e4\n"
                              "stage.2.block.2 = ibn k5 e6\n"
                              "head = 1280\n";

static void example_reads_as_written(void **state)
{
    (void)state;
    struct sn_arch a;
    struct sn_error err = {0};
    check_ok(sn_arch_parse(&a, example, "x", &err), &err);
    assert_int_equal(a.h, 32);
    assert_int_equal(a.w, 32);
    assert_int_equal(a.c, 3);
    assert_int_equal(a.classes, 10);
    assert_int_equal(a.act, SN_ACT_RELU6);
    assert_int_equal(a.stem, 16);
    assert_int_equal(a.stem_stride, 1);
    assert_int_equal(a.n_stages, 2);
    assert_int_equal(a.stage[0].depth, 1);
    assert_int_equal(a.stage[1].depth, 2);
    assert_int_equal(a.stage[1].width, 24);
    assert_int_equal(a.stage[1].stride, 2);
    assert_int_equal(a.stage[1].block[0].op, SN_OP_FUSED);
    assert_int_equal(a.stage[1].block[1].op, SN_OP_IBN);
    assert_int_equal(a.stage[1].block[1].k, 5);
    assert_int_equal(a.stage[1].block[1].e, 6);
    assert_int_equal(a.head, 1280);
    char *text = sn_arch_text(&a);
    assert_string_equal(text, example);
    free(text);
    char line[96];
    sn_arch_summary(&a, line, sizeof line);
    assert_string_equal(line,
                        "stem16 | ibn e1 | fused e4, ibn k5 e6 | head1280");
    sn_arch_summary(&a, line, 12);
    assert_string_equal(line, "stem16 | ib");
}

static void random_arch(struct dice *d, struct sn_arch *a)
{
    *a = (struct sn_arch){
        .h = dice_roll(d, 1, SN_MAX_SIDE),
        .w = dice_roll(d, 1, SN_MAX_SIDE),
        .c = dice_roll(d, 1, SN_MAX_WIDTH),
        .classes = dice_roll(d, 2, SN_MAX_CLASSES),
        .act = (sn_act)dice_roll(d, SN_ACT_RELU, SN_ACT_HSWISH),
        .stem = dice_roll(d, 1, SN_MAX_WIDTH),
        .stem_stride = dice_roll(d, 1, SN_MAX_STRIDE),
        .n_stages = dice_roll(d, 1, SN_MAX_STAGES),
        .head = dice_roll(d, 0, 1) * dice_roll(d, 1, SN_MAX_WIDTH)};
    for (int is = 0; is < a->n_stages; is++) {
        struct sn_arch_stage *s = &a->stage[is];
        s->width = dice_roll(d, 1, SN_MAX_WIDTH);
        s->stride = dice_roll(d, 1, SN_MAX_STRIDE);
        s->depth = dice_roll(d, 1, SN_MAX_DEPTH);
        for (int ib = 0; ib < s->depth; ib++) {
            s->block[ib].op = (sn_block_op)dice_roll(d, 0, SN_OP_COUNT - 1);
            s->block[ib].k = 2 * dice_roll(d, 0, SN_MAX_KERNEL / 2) + 1;
            s->block[ib].e =
                dice_roll(d, s->block[ib].op == SN_OP_FUSED ? 2 : 1,
                          s->block[ib].op == SN_OP_CONV ? 1 : SN_MAX_EXPANSION);
        }
    }
}

static void text_round_trips(void **state)
{
    (void)state;
    struct dice d = dice_make(1);
    for (int i = 0; i < 2000; i++) {
        struct sn_arch a, b;
        struct sn_error err = {0};
        random_arch(&d, &a);
        char *text = sn_arch_text(&a);
        check_ok(sn_arch_parse(&b, text, "x", &err), &err);
        char *again = sn_arch_text(&b);
        assert_true(sn_arch_equal(&a, &b));
        assert_string_equal(text, again);
        free(again);
        free(text);
    }
}

/* The example with the first `from` replaced by `to`. */
static char *edited(const char *from, const char *to)
{
    static char text[sizeof example + 256];
    const char *at = strstr(example, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - example), example, to,
             at + strlen(from));
    return text;
}

static void hostile_texts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"supernet-arch 1", "supernet-arch 2",
         "x.txt:1: found `supernet-arch 2`, expected `supernet-arch 1`"},
        {"supernet-arch 1\n", "", "x.txt:1: found `input = 32x32x3`"},
        {"supernet-arch 1\n", "\n", "x.txt:1: found ``"},
        {"supernet-arch 1\n", "supernet-arch 1\r\n",
         "x.txt:1: found `supernet-arch 1?`"},
        {"supernet-arch 1\n", "\xef\xbb\xbfsupernet-arch 1\n",
         "found `???supernet-arch 1`"},
        {"32x32x3", "32x32",
         "x.txt:2: found `input = 32x32`, expected `input "
         "= HxWxC` with sides 1..4096, channels 1..4096"},
        {"32x32x3", "0x32x3", ":2: found"},
        {"32x32x3", "32x4097x3", ":2: found"},
        {"32x32x3", "32x32x03", ":2: found"},
        {"32x32x3", "32x-2x3", ":2: found"},
        {"32x32x3", "32x32x3 ", ":2: found"},
        {"32x32x3", "99999999999999999999x32x3", ":2: found"},
        {"classes = 10", "classes = 1",
         ":3: found `classes = 1`, expected `classes = N` with N in 2..1000"},
        {"classes = 10", "classes = 1001", ":3: found"},
        {"classes = 10", "classes=10", ":3: found"},
        {"classes = 10\n", "", ":3: found `multiplier = 1`"},
        {"classes = 10\n", "classes = 10\nclasses = 10\n",
         ":4: found `classes = 10`, expected `multiplier = M` with M in "
         "0.01..4, as in 0.75"},
        {"multiplier = 1", "multiplier = 0.80", ":4: found `multiplier = 0.80"},
        {"multiplier = 1", "multiplier = 0.009", ":4: found"},
        {"multiplier = 1", "multiplier = 4.001", ":4: found"},
        {"multiplier = 1", "multiplier = 1.0", ":4: found"},
        {"multiplier = 1", "multiplier = .5", ":4: found"},
        {"multiplier = 1", "multiplier = 0.12345678901234567890", ":4: found"},
        {"stride = 2", "stride = 4",
         "x.txt:5: found `output_stride = 4`, expected 2, the product of all "
         "strides"},
        {"stride = 2", "stride = 0",
         ":5: found `output_stride = 0`, expected `output_stride = N`"},
        {"act = relu6", "act = none",
         ":6: found `act = none`, expected `act = relu`, `act = relu6` or `act "
         "= hswish`"},
        {"act = relu6", "act = relu66", ":6: found"},
        {"16 k3 s1", "16 k5 s1",
         ":7: found `stem = 16 k5 s1`, expected `stem = W k3 sS` with W in "
         "1..4096, S in 1..4"},
        {"16 k3 s1", "4097 k3 s1", ":7: found"},
        {"16 k3 s1", "16 k3 s5", ":7: found"},
        {"w16 s1", "w16",
         ":8: found `stage.1 = w16`, expected `stage.1 = wW "
         "sS` with W in 1..4096, S in 1..4"},
        {"w16 s1", "w0 s1", ":8: found"},
        {"stage.1.block.1 = ibn k3 e1\n", "",
         ":9: found `stage.2 = w24 s2`, expected `stage.1.block.1 = ...`"},
        {"ibn k3 e1", "ibn k4 e1",
         ":9: found `stage.1.block.1 = ibn k4 e1`, expected `ibn kK eE`, "
         "`fused kK eE` or `conv kK` with K odd in 1..15, E in 1..16 (fused: "
         "from 2)"},
        {"ibn k3 e1", "ibn k17 e1", ":9: found"},
        {"ibn k3 e1", "ibn k3 e17", ":9: found"},
        {"ibn k3 e1", "ibn k3 e0", ":9: found"},
        {"ibn k3 e1", "conv k3 e1", ":9: found"},
        {"ibn k3 e1", "conv e1", ":9: found"},
        {"ibn k3 e1", "plain k3", ":9: found"},
        {"ibn k3 e1", "fused k3 e1", ":9: found"},
        {"ibn k3 e1", "ibn k3 e1 e1", ":9: found"},
        {"stage.2 = w24 s2", "stage.3 = w24 s2",
         ":10: found `stage.3 = w24 s2`, expected `stage.1.block.2 = ...`, "
         "`stage.2 = ...` or `head = ...`"},
        {"stage.2.block.2", "stage.2.block.3",
         ":12: found `stage.2.block.3 = ibn k5 e6`, expected `stage.2.block.2 "
         "= ...`, `stage.3 = ...` or `head = ...`"},
        {"stage.2.block.2", "stage.2.block.1", ":12: found"},
        {"stage.2.block.2", "stage.1.block.2", ":12: found"},
        {"head = 1280", "head = 0",
         ":13: found `head = 0`, expected `head = W` with W in 1..4096, or "
         "`head = none`"},
        {"head = 1280", "head = 4097", ":13: found"},
        {"head = 1280\n", "head = 1280",
         ":13: found `head = 1280` and no end of line"},
        {"head = 1280\n", "", ":13: found the end of the text"},
        {"head = 1280\n", "head = 1280\n\n",
         ":14: found ``, expected nothing after `head`"},
        {"head = 1280\n", "head = 1280\nhead = 1280\n",
         ":14: found `head = 1280`"},
        {"head = 1280", "headroom = 1280", ":13: found `headroom = 1280`"},
        {"act = relu6",
         "act = a very long line that nobody would ever write into a file of "
         "this kind",
         ":6: found `act = a very long line that nobody would ever write into "
         "a f...`"},
    };
    const struct sn_arch before = {.h = -1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sn_arch a = before;
        struct sn_error err = {0};
        check_fails(sn_arch_parse(&a, edited(cases[i].from, cases[i].to),
                                  "x.txt", &err),
                    &err, SN_ERR_CONFIG, cases[i].message);
        assert_memory_equal(&a, &before, sizeof a);
    }
}

/* Every beginning of a text, and random damage: refused, or a text that the
 * writer would have written. */
static void damaged_texts_never_pass(void **state)
{
    (void)state;
    struct dice d = dice_make(2);
    static const char letters[] = "0123456789 =.xwskebinfusd\n";
    struct sn_arch a;
    char text[sizeof example];
    for (size_t n = 0; n + 1 < sizeof example; n++) {
        memcpy(text, example, n);
        text[n] = '\0';
        assert_int_equal(sn_arch_parse(&a, text, "x", NULL), SN_ERR_CONFIG);
    }
    int passed = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "%s", example);
        text[dice_roll(&d, 0, (int)sizeof example - 2)] =
            letters[dice_roll(&d, 0, (int)sizeof letters - 2)];
        if (sn_arch_parse(&a, text, "x", NULL) != SN_OK)
            continue;
        char *again = sn_arch_text(&a);
        assert_string_equal(again, text);
        free(again);
        passed++;
    }
    assert_true(passed > 100 && passed < 10000);
}

static void limits_of_depth_and_stages(void **state)
{
    (void)state;
    struct dice d = dice_make(3);
    struct sn_arch a, b;
    struct sn_error err = {0};
    random_arch(&d, &a);
    a.n_stages = SN_MAX_STAGES;
    for (int is = 0; is < SN_MAX_STAGES; is++) {
        a.stage[is] = (struct sn_arch_stage){
            .width = SN_MAX_WIDTH, .stride = SN_MAX_STRIDE, .depth = 16};
        for (int ib = 0; ib < SN_MAX_DEPTH; ib++)
            a.stage[is].block[ib] = (struct sn_block){SN_OP_FUSED, 15, 16};
    }
    a.stem_stride = SN_MAX_STRIDE;
    a.head = 0;
    char *text = sn_arch_text(&a);
    assert_non_null(strstr(text, "output_stride = 17179869184\n"));
    check_ok(sn_arch_parse(&b, text, "x", &err), &err);
    assert_true(sn_arch_equal(&a, &b));
    char more[40000];
    snprintf(more, sizeof more, "%.*sstage.16.block.17 = ibn k3 e1\n",
             (int)(strstr(text, "head") - text), text);
    check_fails(sn_arch_parse(&b, more, "x", &err), &err, SN_ERR_CONFIG,
                "found `stage.16.block.17 = ibn k3 e1`, expected `head = ...`");
    snprintf(more, sizeof more, "%.*sstage.17 = w1 s1\n",
             (int)(strstr(text, "head") - text), text);
    check_fails(sn_arch_parse(&b, more, "x", &err), &err, SN_ERR_CONFIG,
                "found `stage.17 = w1 s1`, expected `head = ...`");
    free(text);
    check_fail_allocation(0);
    assert_null(sn_arch_text(&a));
    assert_true(check_allocation_failed());
}

static void decisions_tile_the_options(void **state)
{
    (void)state;
    struct dice d = dice_make(4);
    for (int i = 0; i < 200; i++) {
        struct sn_space space;
        struct sn_decisions ds;
        random_space(&d, &space, 3, 4);
        sn_decisions_make(&ds, &space);
        int next = 0, at = 0;
        for (int is = 0; is < space.n_stages; is++) {
            const struct sn_stage_space *s = &space.stage[is];
            const struct sn_decision *x = &ds.item[at];
            assert_int_equal(ds.depth[is], at++);
            assert_int_equal(x->kind, SN_DECIDE_DEPTH);
            assert_int_equal(x->block, -1);
            assert_int_equal(x->first, next);
            assert_int_equal(x->n, s->n_depth);
            next += x->n;
            for (int ib = 0; ib < s->depth[s->n_depth - 1]; ib++) {
                const struct sn_block_space *b = &s->block[ib];
                assert_int_equal(ds.op[is][ib], at);
                assert_int_equal(ds.item[at].first, next);
                assert_int_equal(ds.item[at].n, b->n_op);
                next += ds.item[at++].n;
                for (int io = 0; io < b->n_op; io++) {
                    const sn_block_op op = b->op[io];
                    assert_int_equal(ds.k[is][ib][op], at);
                    assert_int_equal(ds.item[at].kind, SN_DECIDE_K);
                    assert_int_equal(ds.item[at].op, op);
                    assert_int_equal(ds.item[at].first, next);
                    next += ds.item[at++].n;
                    assert_int_equal(ds.e[is][ib][op], at);
                    assert_int_equal(ds.item[at].kind, SN_DECIDE_E);
                    assert_int_equal(ds.item[at].n, b->of[op].n_e);
                    assert_int_equal(ds.item[at].first, next);
                    next += ds.item[at++].n;
                }
                if (b->n_op == 1) {
                    assert_int_equal(ds.k[is][ib][!b->op[0]], -1);
                    assert_int_equal(ds.e[is][ib][!b->op[0]], -1);
                }
            }
        }
        assert_int_equal(ds.count, at);
        assert_int_equal(ds.total, next);
    }
}

static void blocks_have_the_right_shapes(void **state)
{
    (void)state;
    struct sn_arch a;
    struct sn_space space;
    struct sn_error err = {0};
    check_ok(sn_arch_parse(&a, edited("32x32x3", "33x20x3"), "x", &err), &err);
    a.stem_stride = 2;
    sn_arch_space(&space, &a);
    struct sn_block_shape b = sn_space_block(&space, 0, 0, SN_OP_IBN, 3, 1);
    assert_int_equal(b.h, 17);
    assert_int_equal(b.w, 10);
    assert_int_equal(b.cin, 16);
    assert_int_equal(b.cout, 16);
    assert_int_equal(b.stride, 1);
    b = sn_space_block(&space, 1, 0, SN_OP_FUSED, 3, 4);
    assert_int_equal(b.op, SN_OP_FUSED);
    assert_int_equal(b.k, 3);
    assert_int_equal(b.e, 4);
    assert_int_equal(b.h, 17);
    assert_int_equal(b.cin, 16);
    assert_int_equal(b.cout, 24);
    assert_int_equal(b.stride, 2);
    b = sn_space_block(&space, 1, 1, SN_OP_IBN, 5, 6);
    assert_int_equal(b.h, 9);
    assert_int_equal(b.w, 5);
    assert_int_equal(b.cin, 24);
    assert_int_equal(b.stride, 1);
}

/* Counts the nets of random spaces one by one. */
static void size_and_membership(void **state)
{
    (void)state;
    struct dice d = dice_make(5);
    for (int i = 0; i < 100; i++) {
        struct sn_space space, alone;
        struct sn_decisions ds;
        struct sn_arch a, b;
        struct sn_error err = {0};
        int choice[SN_MAX_DECISIONS] = {0}, nets = 0;
        random_space(&d, &space, 2, 2);
        sn_decisions_make(&ds, &space);
        sn_arch_baseline(&a, &space);
        check_ok(sn_arch_in_space(&a, &space, &err), &err);
        do {
            sn_arch_choose(&a, &space, &ds, choice);
            check_ok(sn_arch_in_space(&a, &space, &err), &err);
            nets++;
        } while (next_net(&space, &ds, choice));
        assert_true(sn_space_size(&space) == nets);
        sn_arch_space(&alone, &a);
        assert_true(sn_space_size(&alone) == 1.0);
        sn_arch_baseline(&b, &alone);
        assert_true(sn_arch_equal(&a, &b));
    }
}

static void foreign_nets_are_named(void **state)
{
    (void)state;
    struct sn_arch a;
    struct sn_space space;
    struct sn_error err = {0};
    check_ok(sn_arch_parse(&a, example, "x", &err), &err);
    sn_arch_space(&space, &a);
    static const struct {
        size_t field;
        const char *message;
    } frame[] = {
        {offsetof(struct sn_arch, h), "input height: the arch has 33, the "
                                      "space 32"},
        {offsetof(struct sn_arch, w), "input width: the arch has 33"},
        {offsetof(struct sn_arch, c), "input channels: the arch has 4"},
        {offsetof(struct sn_arch, classes), "classes: the arch has 11"},
        {offsetof(struct sn_arch, stem), "stem: the arch has 17"},
        {offsetof(struct sn_arch, stem_stride), "stem stride: the arch has 2"},
        {offsetof(struct sn_arch, head), "head: the arch has 1281"},
        {offsetof(struct sn_arch, stage[0].width),
         "stage.1: the arch has w17 s1, the space w16 s1"},
        {offsetof(struct sn_arch, stage[1].stride),
         "stage.2: the arch has w24 s3, the space w24 s2"},
        {offsetof(struct sn_arch, stage[1].block[0].k),
         "stage.2.block.1: fused k4 e4 is not offered by the space"},
        {offsetof(struct sn_arch, stage[1].block[1].e),
         "stage.2.block.2: ibn k5 e7 is not offered by the space"},
    };
    for (size_t i = 0; i < sizeof frame / sizeof *frame; i++) {
        struct sn_arch other = a;
        ++*(int *)((char *)&other + frame[i].field);
        assert_false(sn_arch_equal(&a, &other));
        check_fails(sn_arch_in_space(&other, &space, &err), &err, SN_ERR_CONFIG,
                    frame[i].message);
    }
    struct sn_arch other = a;
    other.act = SN_ACT_RELU;
    assert_false(sn_arch_equal(&a, &other));
    check_fails(sn_arch_in_space(&other, &space, &err), &err, SN_ERR_CONFIG,
                "act: the arch has relu, the space relu6");
    other = a;
    other.n_stages = 1;
    assert_false(sn_arch_equal(&a, &other));
    check_fails(sn_arch_in_space(&other, &space, &err), &err, SN_ERR_CONFIG,
                "stages: the arch has 1, the space 2");
    other = a;
    other.stage[1].depth = 1;
    assert_false(sn_arch_equal(&a, &other));
    check_fails(sn_arch_in_space(&other, &space, &err), &err, SN_ERR_CONFIG,
                "stage.2: depth 1 is not offered by the space");
    other = a;
    other.stage[0].block[0].op = SN_OP_FUSED;
    assert_false(sn_arch_equal(&a, &other));
    check_fails(sn_arch_in_space(&other, &space, &err), &err, SN_ERR_CONFIG,
                "stage.1.block.1: fused k3 e1 is not offered");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_reads_as_written),
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(hostile_texts_are_refused),
        cmocka_unit_test(damaged_texts_never_pass),
        cmocka_unit_test(limits_of_depth_and_stages),
        cmocka_unit_test(decisions_tile_the_options),
        cmocka_unit_test(blocks_have_the_right_shapes),
        cmocka_unit_test(size_and_membership),
        cmocka_unit_test(foreign_nets_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
