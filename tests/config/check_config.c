/* Reading configs: values, and every fault with its place and words. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "config/config.h"

enum { COLOUR_RED = 3, COLOUR_GREEN = 5 };

struct run {
    uint64_t seed;
    int threads;
    char path[SN_TEXT_MAX];
    struct sn_quantity limit;
};

struct stage {
    int width;
    struct sn_int_list depth;
    struct sn_name_list op;
};

struct train {
    double lr;
    int epochs, colour;
    bool fast;
};

static const struct sn_option_name colours[] = {
    {"red", COLOUR_RED}, {"green", COLOUR_GREEN}, {NULL, 0}};

/* clang-format off */
static const struct sn_option run_rows[] = {
    {.key = "seed", .type = SN_OPT_UINT64, .offset = offsetof(struct run, seed),
     .fallback = "1", .min = 1, .max = 0, .unit = "", .help = "the seed"},
    {.key = "threads", .type = SN_OPT_COUNT, .word = "auto",
     .offset = offsetof(struct run, threads), .fallback = "auto", .min = 1,
     .max = 64, .unit = "", .help = "how many"},
    {.key = "path", .type = SN_OPT_PATH, .offset = offsetof(struct run, path),
     .fallback = "data", .min = 1, .max = 0, .unit = "", .help = "where"},
    {.key = "limit", .type = SN_OPT_TIME, .offset = offsetof(struct run, limit),
     .fallback = "none", .min = 1, .max = 0, .allow_none = true,
     .allow_percent = true, .unit = "s", .help = "how long"},
};
static const struct sn_option stage_rows[] = {
    {.key = "width", .type = SN_OPT_INT, .offset = offsetof(struct stage, width),
     .min = 1, .max = 64, .unit = "channels", .help = "how wide"},
    {.key = "depth", .type = SN_OPT_INT_LIST,
     .offset = offsetof(struct stage, depth), .fallback = "1", .min = 1,
     .max = 9, .unit = "blocks", .help = "how deep"},
    {.key = "op", .type = SN_OPT_NAME_LIST, .offset = offsetof(struct stage, op),
     .fallback = "", .min = 1, .max = 0, .names = colours, .unit = "",
     .help = "of which kind"},
};
static const struct sn_option train_rows[] = {
    {.key = "lr", .type = SN_OPT_REAL, .offset = offsetof(struct train, lr),
     .fallback = "0.1", .min = 0, .max = 10, .unit = "", .help = "how fast"},
    {.key = "epochs", .type = SN_OPT_INT, .offset = offsetof(struct train, epochs),
     .fallback = "5", .min = 1, .max = 100, .unit = "", .help = "how often"},
    {.key = "colour", .type = SN_OPT_NAME,
     .offset = offsetof(struct train, colour), .fallback = "red", .min = 1,
     .max = 0, .names = colours, .unit = "", .help = "which"},
    {.key = "fast", .type = SN_OPT_BOOL, .offset = offsetof(struct train, fast),
     .fallback = "no", .min = 1, .max = 0, .unit = "", .help = "whether"},
};
/* clang-format on */

static const struct sn_option_table run_table = {"run", "the run", run_rows, 4};
static const struct sn_option_table stage_table = {"stage.*", "a stage",
                                                   stage_rows, 3};
static const struct sn_option_table train_table = {"train", "the training",
                                                   train_rows, 4};

struct all {
    struct run run;
    struct stage stage[SN_CONFIG_MAX_REPEAT];
    int stages;
    struct train train;
};

enum { SECTIONS = 3 };

static void sections_of(struct all *a, struct sn_config_section out[SECTIONS])
{
    out[0] = (struct sn_config_section){.table = &run_table, .base = &a->run};
    out[1] = (struct sn_config_section){.table = &stage_table,
                                        .base = a->stage,
                                        .stride = sizeof *a->stage,
                                        .repeat = &a->stages,
                                        .required = true};
    out[2] = (struct sn_config_section){
        .table = &train_table, .base = &a->train, .required = true};
}

/* A NULL ends the overrides. */
static sn_status read_file(struct all *a, const char *path,
                           const char *const *over, struct sn_config **cfg,
                           struct sn_error *err)
{
    struct sn_config_section sections[SECTIONS];
    struct sn_config_override list[16];
    int n = 0;
    for (; over && over[n]; n++)
        list[n].text = over[n];
    sections_of(a, sections);
    return sn_config_read(path, sections, SECTIONS, list, n, cfg, err);
}

static const char *const good = "# a comment\n"
                                "[run]\n"
                                "seed = 18446744073709551615\n"
                                "limit=2h ; another\n"
                                "\n"
                                "[stage.1]   # text\n"
                                "  width = 8\n"
                                "[stage.2]\n"
                                "width\t=\t16\n"
                                "depth = 1, 3..5* , 7\n"
                                "op = green, red*\n"
                                "[train]\n"
                                "lr = 2.5e-1\n"
                                "colour = green\n"
                                "fast = yes\n";

static void check_good(const struct all *a)
{
    assert_true(a->run.seed == UINT64_MAX);
    assert_int_equal(a->run.threads, 0);
    assert_true(a->run.limit.set && !a->run.limit.percent);
    assert_true(a->run.limit.value == 7200);
    assert_int_equal(a->stages, 2);
    assert_int_equal(a->stage[0].width, 8);
    assert_int_equal(a->stage[0].depth.count, 1);
    assert_int_equal(a->stage[0].depth.star, -1);
    assert_int_equal(a->stage[0].op.count, 0);
    assert_int_equal(a->stage[1].width, 16);
    const int depth[] = {1, 3, 4, 5, 7};
    assert_int_equal(a->stage[1].depth.count, 5);
    assert_memory_equal(a->stage[1].depth.value, depth, sizeof depth);
    assert_int_equal(a->stage[1].depth.star, 3);
    assert_int_equal(a->stage[1].op.value[0], COLOUR_GREEN);
    assert_int_equal(a->stage[1].op.star, 1);
    assert_true(a->train.lr == 0.25);
    assert_int_equal(a->train.epochs, 5);
    assert_int_equal(a->train.colour, COLOUR_GREEN);
    assert_true(a->train.fast);
}

static void values_and_defaults(void **state)
{
    (void)state;
    struct all a = {0};
    struct sn_error err = {0};
    char want[SN_TEXT_MAX];
    check_ok(read_file(&a, check_write_text("a.ini", good), NULL, NULL, &err),
             &err);
    check_good(&a);
    assert_int_equal(err.text[0], 0);

    /* A default path is relative to the file, as a written one is. */
    snprintf(want, sizeof want, "%s/data", check_dir());
    assert_string_equal(a.run.path, want);
}

/* The same text with other line ends, and a byte order mark. */
static void crlf_and_bom(void **state)
{
    (void)state;
    char text[2000] = "\xef\xbb\xbf";
    size_t n = 3;
    for (const char *p = good; *p; p++) {
        if (*p == '\n')
            text[n++] = '\r';
        text[n++] = *p;
    }
    struct all a = {0};
    struct sn_error err = {0};
    check_ok(read_file(&a, check_write("crlf.ini", text, n), NULL, NULL, &err),
             &err);
    check_good(&a);

    /* No line end behind the last line. */
    check_ok(
        read_file(&a, check_write("end.ini", text, n - 2), NULL, NULL, &err),
        &err);
    check_good(&a);
}

static void paths(void **state)
{
    (void)state;
    struct all a = {0};
    struct sn_error err = {0};
    char want[SN_TEXT_MAX], text[600];
    const struct {
        const char *written, *want;
    } cases[] = {{"x/y", "%s/x/y"}, {"./x", "%s/x"}, {"/abs/x", "/abs/x"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text,
                 "[run]\npath = %s\n[stage.1]\nwidth = 1\n[train]\n",
                 cases[i].written);
        check_ok(
            read_file(&a, check_write_text("p.ini", text), NULL, NULL, &err),
            &err);
        if (cases[i].want[0] == '%')
            snprintf(want, sizeof want, "%s%s", check_dir(), cases[i].want + 2);
        else
            snprintf(want, sizeof want, "%s", cases[i].want);
        assert_string_equal(a.run.path, want);
    }
}

/* ---- faults ---- */

/* Reads `text` and compares the whole list of faults; `%` in `want` stands for
 * the path and the structs must be untouched. */
static void check_faults(const char *text, size_t bytes, const char *want)
{
    struct all a, before;
    struct sn_error err = {0};
    char list[SN_ERROR_TEXT];
    size_t n = 0;
    const char *path = check_write("f.ini", text, bytes);
    for (const char *p = want; *p; p++)
        if (*p == '@')
            n += (size_t)snprintf(list + n, sizeof list - n, "%s", path);
        else
            list[n++] = *p;
    list[n] = '\0';
    memset(&a, 0x5a, sizeof a);
    before = a;
    const sn_status rc = read_file(&a, path, NULL, NULL, &err);
    assert_string_equal(err.text, list);
    assert_int_equal(rc, SN_ERR_CONFIG);
    assert_int_equal(err.code, SN_ERR_CONFIG);
    assert_memory_equal(&a, &before, sizeof a);
}

static const struct {
    const char *text, *want;
} fault_cases[] = {
    {"[run]\nsed = 1\n[stage.1]\nwidth=1\n[train]\n",
     "@:2:1: error: unknown key 'sed' in [run]; did you mean 'seed'?"},
    {"[run]\nepochs = 1\n[stage.1]\nwidth=1\n[train]\n",
     "@:2:1: error: unknown key 'epochs' in [run]; it belongs to [train]"},
    {"[run]\n  zzzzzz = 1\n[stage.1]\nwidth=1\n[train]\n",
     "@:2:3: error: unknown key 'zzzzzz' in [run]; known are seed, threads, "
     "path, limit"},
    {"[trian]\nx = 1\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: unknown section [trian]; did you mean 'train'?"},
    {"[stgae.1]\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: unknown section [stgae.1]; did you mean 'stage.1'?"},
    {"[qqqqqqqq]\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: unknown section [qqqqqqqq]; known are run, stage.N, train"},
    {"[stage.1.block.2]\npin = x\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: unknown section [stage.1.block.2]; known are "
     "run, stage.N, train"},
    {"[stage.0]\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: [stage.0] has no number from 1 to 16; expected [stage.1]"},
    {"[stage.17]\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: [stage.17] has no number from 1 to 16; expected [stage.1]"},
    {"[stage.x]\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: [stage.x] has no number from 1 to 16; expected [stage.1]"},
    {"[stage.]\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: [stage.] has no number from 1 to 16; expected [stage.1]"},
    {"[train]\nlr = 1\nlr = 2\n[stage.1]\nwidth=1\n",
     "@:3:1: error: key 'lr' stands here again; first in line 2"},
    {"[train]\nlr = 1\n[stage.1]\nwidth=1\n[train]\nfast = yes\n",
     "@:5:1: error: [train] stands here again; first in line 1"},
    {"[train]\n[stage.1]\nwidth=1\n[stage.3]\nwidth=1\n",
     "@:4:1: error: [stage.3] stands here without [stage.2]; expected numbers "
     "1, 2, ... without a gap"},
    {"[train]\n", "@:1:1: error: section [stage.1] is missing"},
    {"[stage.1]\nwidth=1\n", "@:1:1: error: section [train] is missing"},
    {"[train]\n[stage.1]\n",
     "@:2:1: error: key 'width' is missing in [stage.1]"},
    {"seed = 1\n[stage.1]\nwidth=1\n[train]\n",
     "@:1:1: error: a key in front of the first [section]"},
    {"[train] lr = 1\n[stage.1]\nwidth=1\n",
     "@:1:9: error: text behind ']'; expected the end of the line"},
    {"[train]\n[run\nseed = 1\n[stage.1]\nwidth=1\n",
     "@:2:1: error: ']' is missing; expected [section]"},
    {"[train]\nfast\n[stage.1]\nwidth=1\n",
     "@:2:1: error: '=' is missing; expected key = value"},
    {"[train]\nfast : yes\n[stage.1]\nwidth=1\n",
     "@:2:1: error: '=' is missing; expected key = value"},
    {"[train]\nfast # = yes\n[stage.1]\nwidth=1\n",
     "@:2:1: error: '=' is missing; expected key = value"},
    {"[train]\n = yes\n[stage.1]\nwidth=1\n",
     "@:2:2: error: the key in front of '=' is missing"},
    {"[train]\nlr =\n[stage.1]\nwidth=1\n",
     "@:2:5: error: lr: the value is missing"},
    {"[train]\nlr = # 5\n[stage.1]\nwidth=1\n",
     "@:2:6: error: lr: the value is missing"},
    {"[train]\n\x01\n[stage.1]\nwidth=1\n",
     "@:2:1: error: the byte 0x01 is no text; expected an INI file"},
    {"[stage.1]\nwidth = 65\n[train]\nlr = x\nepochs = 0\n",
     "@:2:9: error: width: 65 is out of range; expected a whole number, 1 to "
     "64\n"
     "@:4:6: error: lr: 'x' is not a number; expected a number, 0 to 10\n"
     "@:5:10: error: epochs: 0 is out of range; expected a whole number, 1 to "
     "100"},
};

static void faults_with_their_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fault_cases / sizeof *fault_cases; i++)
        check_faults(fault_cases[i].text, strlen(fault_cases[i].text),
                     fault_cases[i].want);
}

static void bytes_that_no_text_holds(void **state)
{
    (void)state;
    const char nul[] = "[stage.1]\nwidth = 1\n[train]\nlr = 1\0\n";
    check_faults(nul, sizeof nul - 1,
                 "@:4:7: error: the byte 0x00 is no text; expected an INI "
                 "file");
    const char elf[] = "\x7f"
                       "ELF\x02\x01\x01";
    check_faults(elf, sizeof elf - 1,
                 "@:1:1: error: the byte 0x7f is no text; expected an INI "
                 "file");
    check_faults("", 0,
                 "@:1:1: error: section [stage.1] is missing\n"
                 "@:1:1: error: section [train] is missing");
}

static void long_lines(void **state)
{
    (void)state;
    char text[5000];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "[stage.1]\nwidth = 1\n[train]\nlr = ");
    memset(text + n, '1', 1200);
    n += 1200;
    text[n++] = '\n';
    check_faults(text, n,
                 "@:4:1001: error: the line has 1205 bytes; expected at most "
                 "1000");

    /* The longest that is allowed is still one line. */
    n = (size_t)snprintf(text, sizeof text,
                         "[stage.1]\nwidth = 1\n[train]\nepochs = 7 #");
    memset(text + n, 'c', 1000 - 12);
    n += 1000 - 12;
    n += (size_t)snprintf(text + n, sizeof text - n, "\nlr = 2\n");
    struct all a = {0};
    struct sn_error err = {0};
    check_ok(read_file(&a, check_write("l.ini", text, n), NULL, NULL, &err),
             &err);
    assert_int_equal(a.train.epochs, 7);
    assert_true(a.train.lr == 2);
}

static void more_faults_than_fit(void **state)
{
    (void)state;
    char text[60000] = "[stage.1]\nwidth = 1\n[train]\n";
    size_t n = strlen(text);
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "fasst%d = yes\n", i);
    struct all a = {0};
    struct sn_error err = {0};
    check_fails(read_file(&a, check_write("m.ini", text, n), NULL, NULL, &err),
                &err, SN_ERR_CONFIG, " more");
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct all a = {0};
    struct sn_error err = {0};
    check_write_text("quick.ini", good);
    check_fails(read_file(&a, check_path("quik.ini"), NULL, NULL, &err), &err,
                SN_ERR_CONFIG,
                "quik.ini: cannot be opened: No such file or directory; did "
                "you mean 'quick.ini'?");
    check_fails(read_file(&a, check_dir(), NULL, NULL, &err), &err,
                SN_ERR_CONFIG, "is not a regular file");
    const size_t big = (1 << 20) + 1;
    char *rubbish = calloc(big, 1);
    assert_non_null(rubbish);
    check_write("big.ini", rubbish, big);
    free(rubbish);
    check_fails(read_file(&a, check_path("big.ini"), NULL, NULL, &err), &err,
                SN_ERR_CONFIG, "has 1048577 bytes; expected at most 1048576");
}

/* Every beginning of a good file is either good or refused with a place. */
static void truncated_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(good); n++) {
        struct all a = {0};
        struct sn_error err = {0};
        const char *path = check_write("t.ini", good, n);
        if (read_file(&a, path, NULL, NULL, &err) != SN_OK) {
            assert_int_equal(err.code, SN_ERR_CONFIG);
            assert_non_null(strstr(err.text, "t.ini:"));
            assert_non_null(strstr(err.text, ": error: "));
        }
    }
}

/* ---- overrides ---- */

static void overrides(void **state)
{
    (void)state;
    struct all a = {0};
    struct sn_error err = {0};
    const char *path = check_write_text("o.ini", good);
    const char *const over[] = {"train.lr=0.5",     "train.lr = 0.75",
                                "stage.2.width=3",  "stage.3.width=4",
                                "run.limit = 50 %", NULL};
    check_ok(read_file(&a, path, over, NULL, &err), &err);
    assert_true(a.train.lr == 0.75);
    assert_int_equal(a.stage[1].width, 3);
    assert_int_equal(a.stages, 3);
    assert_int_equal(a.stage[2].width, 4);
    assert_true(a.run.limit.percent && a.run.limit.value == 0.5);

    /* One may stand in for a section that the file lacks. */
    path = check_write_text("o2.ini", "[train]\n");
    const char *const stage[] = {"stage.1.width=3", NULL};
    check_ok(read_file(&a, path, stage, NULL, &err), &err);
    assert_int_equal(a.stages, 1);
}

static void overrides_with_faults(void **state)
{
    (void)state;
    const struct {
        const char *over, *want;
    } cases[] = {
        {"train", "-s train: error: expected -s section.key=value"},
        {"lr=3", "-s lr=3: error: expected -s section.key=value; did you mean "
                 "'train.lr'?"},
        {".lr=3", "-s .lr=3: error: expected -s section.key=value"},
        {"train.=3", "-s train.=3: error: expected -s section.key=value"},
        {"train.lr=", "-s train.lr=: error: lr: the value is missing"},
        {"trian.lr=3", "-s trian.lr=3: error: unknown section [trian]; did you "
                       "mean 'train'?"},
        {"train.rl=3", "-s train.rl=3: error: unknown key 'rl' in [train]; "
                       "known are lr, epochs, colour, fast"},
        {"train.fats=no", "-s train.fats=no: error: unknown key 'fats' in "
                          "[train]; did you mean 'fast'?"},
        {"stage.99.width=1", "-s stage.99.width=1: error: [stage.99] has no "
                             "number from 1 to 16; expected [stage.1]"},
        {"stage.9.width=1", "-s stage.9.width=1: error: [stage.9] stands here "
                            "without [stage.3]; expected numbers 1, 2, ... "
                            "without a gap"},
        {"stage.3.depth=1", "-s stage.3.depth=1: error: key 'width' is missing "
                            "in [stage.3]"},
        {"train.fast=maybe", "-s train.fast=maybe: error: fast: 'maybe' is "
                             "neither yes nor no"},
        {"run.path=a #b", "-s run.path=a #b: error: path: '"},
    };
    const char *path = check_write_text("o.ini", good);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct all a = {0};
        struct sn_error err = {0};
        const char *const over[] = {cases[i].over, NULL};
        check_fails(read_file(&a, path, over, NULL, &err), &err, SN_ERR_CONFIG,
                    cases[i].want);
    }
    char wide[1200] = "train.lr=";
    memset(wide + 9, '1', sizeof wide - 10);
    struct all a = {0};
    struct sn_error err = {0};
    const char *const over[] = {wide, NULL};
    check_fails(read_file(&a, path, over, NULL, &err), &err, SN_ERR_CONFIG,
                "-s : error: longer than 1000 bytes");
}

static void faults_found_later(void **state)
{
    (void)state;
    struct all a = {0};
    struct sn_error err = {0};
    struct sn_config *cfg = NULL;
    const char *path = check_write_text("g.ini", good);
    const char *const over[] = {"train.epochs=9", NULL};
    check_ok(read_file(&a, path, over, &cfg, &err), &err);
    char want[400];
    const struct {
        const char *section, *key, *want;
    } cases[] = {
        {"stage.2", "depth", ":10:9: error: [stage.2] depth: no good"},
        {"stage.2", NULL, ":8:1: error: [stage.2]: no good"},
        {"run", "path", ":2:1: error: [run] path: no good"},
        {"stage.9", "width", ":1:1: error: [stage.9] width: no good"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(want, sizeof want, "%s%s", path, cases[i].want);
        check_fails(sn_config_fault(cfg, &err, cases[i].section, cases[i].key,
                                    "no %s", "good"),
                    &err, SN_ERR_CONFIG, want);
    }
    check_fails(sn_config_fault(cfg, &err, "train", "epochs", "too many"), &err,
                SN_ERR_CONFIG,
                "-s train.epochs=9: error: [train] epochs: too many");
    sn_config_destroy(cfg);
}

/* ---- as text ---- */

static void resolved_text_reads_back(void **state)
{
    (void)state;
    struct all a = {0}, b = {0};
    struct sn_error err = {0};
    struct sn_config *cfg = NULL;
    const char *path = check_write_text("r.ini", good);
    const char *const over[] = {"train.epochs=9", NULL};
    check_ok(read_file(&a, path, over, &cfg, &err), &err);
    char *text = sn_config_text(cfg);
    assert_non_null(text);
    char want[400];
    snprintf(want, sizeof want, "# %s:3\n", path);
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "epochs       = 9                    # -s\n"));
    assert_non_null(
        strstr(text, "threads      = auto                 # default\n"));
    assert_null(strstr(text, "\nop           = \n"));

    check_ok(read_file(&b, check_write_text("r2.ini", text), NULL, NULL, &err),
             &err);
    assert_memory_equal(&a.run, &b.run, sizeof a.run);
    assert_int_equal(a.stages, b.stages);
    assert_memory_equal(a.stage, b.stage, sizeof a.stage);
    assert_true(a.train.lr == b.train.lr && a.train.epochs == b.train.epochs);
    free(text);
    sn_config_destroy(cfg);
}

static void help_lists_every_key(void **state)
{
    (void)state;
    struct all a;
    struct sn_config_section sections[SECTIONS];
    sections_of(&a, sections);
    char *text = sn_config_help(sections, SECTIONS, NULL);
    assert_non_null(text);
    for (int i = 0; i < SECTIONS; i++)
        for (size_t io = 0; io < sections[i].table->count; io++) {
            assert_non_null(strstr(text, sections[i].table->rows[io].key));
            assert_non_null(strstr(text, sections[i].table->rows[io].help));
        }
    assert_non_null(strstr(text, "[stage.N]  a stage\n"));
    assert_non_null(
        strstr(text, "a whole number, 1 to 64 (channels); must be set\n"));
    assert_non_null(strstr(text, "one of red, green; default red\n"));
    free(text);

    text = sn_config_help(sections, SECTIONS, "stage.2");
    assert_non_null(strstr(text, "[stage.N]"));
    assert_null(strstr(text, "[run]"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") < 80);
    free(text);
    text = sn_config_help(sections, SECTIONS, "nothing");
    assert_string_equal(text, "");
    free(text);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *path = check_write_text("m.ini", good);
    for (int n = 0;; n++) {
        struct all a = {0};
        struct sn_error err = {0};
        struct sn_config *cfg = NULL;
        check_fail_allocation(n);
        const sn_status rc = read_file(&a, path, NULL, &cfg, &err);
        char *text = cfg ? sn_config_text(cfg) : NULL;
        const bool failed = check_allocation_failed();
        assert_true(rc == SN_OK || rc == SN_ERR_MEMORY);
        if (rc != SN_OK)
            assert_non_null(strstr(err.text, "out of memory"));
        assert_true(failed || (rc == SN_OK && text));
        free(text);
        sn_config_destroy(cfg);
        if (!failed)
            break;
    }
}

/* ---- sections with two numbers ---- */

struct cell {
    char rule[SN_TEXT_MAX];
};

static const struct sn_option cell_rows[] = {
    {.key = "rule",
     .type = SN_OPT_TEXT,
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "a rule"}};
static const struct sn_option_table cell_table = {"stage.*.block.*", "a cell",
                                                  cell_rows, 1};

/* Reads the stages and the cells of a text. */
static sn_status read_cells(struct all *a, struct cell *cells, const char *text,
                            const char *over, struct sn_config **cfg,
                            struct sn_error *err)
{
    const struct sn_config_section sections[] = {
        {.table = &stage_table,
         .base = a->stage,
         .stride = sizeof *a->stage,
         .repeat = &a->stages},
        {.table = &cell_table, .base = cells, .stride = sizeof *cells}};
    const struct sn_config_override list = {over};
    return sn_config_read(check_write_text("cells.ini", text), sections, 2,
                          &list, over ? 1 : 0, cfg, err);
}

static void two_numbers_stand_in_any_order(void **state)
{
    (void)state;
    static struct all a;
    static struct cell cells[SN_CONFIG_MAX_PARTS];
    struct sn_config *cfg;
    struct sn_error err = {0};
    check_ok(read_cells(&a, cells,
                        "[stage.3.block.16]\nrule = last\n[stage.1]\nwidth=4\n"
                        "[stage.1.block.2]\nrule = ibn k3, fused\n",
                        "stage.2.block.1.rule=mine", &cfg, &err),
             &err);
    assert_int_equal(a.stages, 1);
    assert_string_equal(cells[1].rule, "ibn k3, fused");
    assert_string_equal(cells[16].rule, "mine");
    assert_string_equal(cells[47].rule, "last");
    assert_string_equal(cells[0].rule, "");
    char *text = sn_config_text(cfg);
    assert_non_null(strstr(text, "[stage.1.block.2]"));
    assert_non_null(strstr(text, "[stage.2.block.1]"));
    assert_null(strstr(text, "[stage.1.block.1]"));
    sn_config_destroy(cfg);
    /* the resolved config reads back */
    check_ok(read_cells(&a, cells, text, NULL, &cfg, &err), &err);
    assert_string_equal(cells[16].rule, "mine");
    assert_string_equal(cells[47].rule, "last");
    free(text);
    (void)!sn_config_fault(cfg, &err, "stage.3.block.16", "rule", "is bad");
    assert_non_null(strstr(err.text, "[stage.3.block.16] rule: is bad"));
    sn_config_destroy(cfg);
    const struct sn_config_section help = {.table = &cell_table};
    text = sn_config_help(&help, 1, "stage");
    assert_non_null(strstr(text, "[stage.N.block.N]  a cell"));
    free(text);
    assert_false(sn_config_is_named("stage.*.block.*", "stag"));
}

static void two_numbers_that_are_none(void **state)
{
    (void)state;
    static struct all a;
    static struct cell cells[SN_CONFIG_MAX_PARTS];
    static const char *const bad[] = {"stage.0.block.1", "stage.1.block.17",
                                      "stage.x.block.1", "stage.1.block.",
                                      "stage.01.block.2"};
    struct sn_error err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64], want[128];
        snprintf(text, sizeof text, "[%s]\nrule = x\n", bad[i]);
        snprintf(want, sizeof want,
                 "[%s] has no number from 1 to 16; expected [stage.1.block.1]",
                 bad[i]);
        check_fails(read_cells(&a, cells, text, NULL, NULL, &err), &err,
                    SN_ERR_CONFIG, want);
    }
    check_fails(
        read_cells(&a, cells, "[stage.1.blok.2]\n", NULL, NULL, &err), &err,
        SN_ERR_CONFIG, "unknown section [stage.1.blok.2]");
    check_fails(read_cells(&a, cells, "[stage.1.block.2.x]\n", NULL, NULL, &err),
                &err, SN_ERR_CONFIG, "unknown section [stage.1.block.2.x]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_defaults),
        cmocka_unit_test(crlf_and_bom),
        cmocka_unit_test(paths),
        cmocka_unit_test(faults_with_their_places),
        cmocka_unit_test(bytes_that_no_text_holds),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(more_faults_than_fit),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(truncated_anywhere),
        cmocka_unit_test(overrides),
        cmocka_unit_test(overrides_with_faults),
        cmocka_unit_test(faults_found_later),
        cmocka_unit_test(resolved_text_reads_back),
        cmocka_unit_test(help_lists_every_key),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(two_numbers_stand_in_any_order),
        cmocka_unit_test(two_numbers_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
