/* Sections [run], [task] and [baseline], and what only shows across sections.
 *
 * A value that is wrong by itself is told by the reader of configs; here are
 * the checks that look at several at once.  All of them run, so that one start
 * tells every fault. */

#include "job/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "job/target_file.h"

_Static_assert((int)SN_CONFIG_MAX_REPEAT == (int)SN_MAX_STAGES &&
                   (int)SN_CONFIG_MAX_REPEAT == (int)SN_MAX_DEPTH,
               "a config has as many stages and blocks as a space");

enum { ARCH_TEXT_MAX = 1 << 20 }; /* bytes of an arch file at most */

static const struct sn_option_name task_names[] = {
    {"classify", SN_TASK_CLASSIFY}, {NULL, 0}};
static const struct sn_option_name baseline_names[] = {
    {"yes", SN_BASELINE_TRAIN},
    {"cost-only", SN_BASELINE_COST_ONLY},
    {NULL, 0}};

static const struct sn_option_name precision_names[] = {
    {"auto", SN_PRECISION_AUTO},
    {"f32", SN_PRECISION_F32},
    {"bf16", SN_PRECISION_BF16},
    {NULL, 0}};

#define RUN(name) offsetof(struct sn_run_options, name)

/* clang-format off */
static const struct sn_option run_rows[] = {
    {.key = "seed", .type = SN_OPT_UINT64, .offset = RUN(seed),
     .fallback = "1", .min = 1, .max = 0, .unit = "",
     .help = "of all randomness; the same seed gives the same result"},
    {.key = "dir", .type = SN_OPT_TEXT, .offset = RUN(dir),
     .fallback = "runs", .min = 1, .max = 0, .unit = "",
     .help = "folder of the run directories, from where the program is "
             "started"},
    {.key = "threads", .type = SN_OPT_COUNT, .offset = RUN(threads),
     .word = "auto", .fallback = "auto", .min = 1, .max = 1024, .unit = "threads",
     .help = "how many work; changes no bit of the result"},
    {.key = "checkpoint", .type = SN_OPT_TIME, .offset = RUN(checkpoint),
     .fallback = "5 min", .min = 1, .max = 0, .unit = "s",
     .help = "time between two checkpoints; one is also written at the end "
             "of every epoch"},
    {.key = "precision", .type = SN_OPT_NAME, .offset = RUN(precision),
     .fallback = "auto", .min = 1, .max = 0, .names = precision_names,
     .unit = "",
     .help = "of the tensors inside of blocks while training; auto: bf16 "
             "where the processor multiplies it faster, else f32; weights, "
             "sums and evaluation are in f32"},
    {.key = "bn_group", .type = SN_OPT_COUNT, .offset = RUN(bn_group),
     .word = "batch", .fallback = "batch", .min = 2, .max = 4096,
     .unit = "images",
     .help = "a step passes over its batch in groups of so many, each with "
             "batch-norm statistics of its own; less memory"},
    {.key = "memory", .type = SN_OPT_SIZE, .offset = RUN(memory),
     .fallback = "none", .allow_none = true, .min = 1, .max = 0,
     .unit = "B",
     .help = "cap on what is planned, images included; blocks then compute "
             "again what there is no room for: slower, the same bits"},
};

static const struct sn_option task_rows[] = {
    {.key = "kind", .type = SN_OPT_NAME,
     .offset = offsetof(struct sn_task_options, kind),
     .fallback = "classify", .min = 1, .max = 0, .names = task_names,
     .unit = "", .help = "what the net is to do"},
};

static const struct sn_option baseline_rows[] = {
    {.key = "train", .type = SN_OPT_NAME,
     .offset = offsetof(struct sn_baseline_options, train),
     .fallback = "yes", .min = 1, .max = 0, .names = baseline_names,
     .unit = "",
     .help = "yes: the unsearched net is trained like the derived one; "
             "cost-only: it is priced"},
};
/* clang-format on */

const struct sn_option_table sn_run_table = {.section = "run",
                                             .help = "the run itself",
                                             .rows = run_rows,
                                             .count = sizeof run_rows /
                                                      sizeof *run_rows};

const struct sn_option_table sn_task_table = {.section = "task",
                                              .help = "what is learnt",
                                              .rows = task_rows,
                                              .count = sizeof task_rows /
                                                       sizeof *task_rows};

const struct sn_option_table sn_baseline_table = {
    .section = "baseline",
    .help = "the unsearched net that a result stands beside",
    .rows = baseline_rows,
    .count = sizeof baseline_rows / sizeof *baseline_rows};

void sn_job_sections(struct sn_job_config *c, struct sn_config_section *out)
{
    const struct sn_config_section all[SN_JOB_SECTIONS] = {
        {.table = &sn_run_table, .base = &c->run},
        {.table = &sn_data_table, .base = &c->data},
        {.table = &sn_task_table, .base = &c->task},
        {.table = &sn_target_options, .base = &c->target},
        {.table = &sn_budget_options, .base = &c->budget},
        {.table = &sn_space_options, .base = &c->space},
        {.table = &sn_stage_options,
         .base = c->stage,
         .stride = sizeof *c->stage,
         .repeat = &c->stages},
        {.table = &sn_block_options,
         .base = c->block,
         .stride = sizeof *c->block},
        {.table = &sn_search_options, .base = &c->search},
        {.table = &sn_train_table, .base = &c->train},
        {.table = &sn_baseline_table, .base = &c->baseline},
    };
    memcpy(out, all, sizeof all);
}

/* ---- checks across keys ---- */

struct faults {
    const struct sn_config *source;
    struct sn_error *err;
    int count;
};

static void space_fault(void *ctx, const char *section, const char *key,
                        const char *text)
{
    struct faults *f = ctx;
    (void)!sn_config_fault(f->source, f->err, section, key, "%s", text);
    f->count++;
}

/* The faults of [data]; its messages name their keys: `[data] size: ...`. */
static void check_data(const struct sn_job_config *c, struct faults *f)
{
    struct sn_error part = {0};
    if (sn_data_options_check(&c->data, &part) == SN_OK)
        return;
    for (char *line = part.text, *next; line && *line; line = next) {
        char key[32] = "";
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        const char *text = line;
        if (sscanf(line, "[data] %31[a-z_]:", key) == 1)
            text = strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " ");
        space_fault(f, "data", key, text);
    }
}

static void check_search(const struct sn_job_config *c, struct faults *f)
{
    if (c->search.mode != SN_SEARCH_NONE && c->search.arch[0])
        space_fault(f, "search", "arch",
                    "an arch file is trained with mode = none only");
    if (c->search.mode != SN_SEARCH_NONE && c->data.val >= 1)
        space_fault(f, "data", "val", "nothing is left to train on");
}

/* Groups fill a batch. */
static void check_groups(const struct sn_job_config *c, struct faults *f)
{
    const int group = c->run.bn_group;
    const struct {
        const char *section;
        int batch;
    } part[] = {{"search", c->search.batch}, {"train", c->train.batch}};
    char text[96];
    for (int i = c->search.mode == SN_SEARCH_NONE; i < 2 && group > 0; i++) {
        snprintf(text, sizeof text,
                 "groups of %d do not fill a [%s] batch of %d", group,
                 part[i].section, part[i].batch);
        if (part[i].batch % group != 0)
            space_fault(f, "run", "bn_group", text);
    }
}

double sn_job_arch_split(const struct sn_job_config *c)
{
    return sn_search_trains(&c->search) == SN_SEARCH_ONESHOT
               ? 0.0
               : c->search.arch_split;
}

int sn_job_group(const struct sn_job_config *c, int batch)
{
    return c->run.bn_group > 0 ? c->run.bn_group : batch;
}

/* Soft gates mix expansions and ops, no kernels. */
static void check_kernels(const struct sn_job_config *c,
                          const struct sn_space *space, struct faults *f)
{
    char text[160];
    if (sn_search_trains(&c->search) != SN_SEARCH_GUMBEL)
        return;
    for (int is = 0; is < space->n_stages; is++)
        for (int ib = 0; ib < sn_space_max_depth(space, is); ib++)
            for (int i = 0; i < space->stage[is].block[ib].n_op; i++) {
                const struct sn_block_space *b = &space->stage[is].block[ib];
                const sn_block_op op = b->op[i];
                if (b->of[op].n_k < 2)
                    continue;
                snprintf(text, sizeof text,
                         "gumbel searches no kernels; stage.%d.block.%d offers "
                         "%d to %s, expected one",
                         is + 1, ib + 1, b->of[op].n_k, sn_block_op_name(op));
                space_fault(f, "search", "mode", text);
                return;
            }
}

static sn_status check_all(const struct sn_job_config *c, struct sn_error *err)
{
    struct faults f = {.source = c->source, .err = err};
    struct sn_space *space = malloc(sizeof *space);
    if (!space)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a search space");
    check_data(c, &f);
    check_search(c, &f);
    check_groups(c, &f);
    /* channels and classes come with the images; no fault of [space] depends
     * on them */
    const sn_status made = sn_space_from_options(
        space, &c->space, c->stage, c->stages, c->block,
        &(struct sn_space_frame){
            .h = c->data.size, .w = c->data.size, .c = 3, .classes = 2},
        space_fault, &f);
    if (made == SN_OK)
        check_kernels(c, space, &f);
    free(space);
    return f.count ? SN_ERR_CONFIG : SN_OK;
}

/* ---- what the config names ---- */

/* The file is, by its name, what `kind` says it is. */
static sn_status check_kind(const struct sn_job_config *c, struct sn_error *err)
{
    const char *file = c->target.file, *expected = NULL;
    const bool est = sn_target_is_estimator(file), csv = sn_target_is_csv(file);
    switch (c->target.kind) {
    case SN_TARGET_NPU:
        expected = est || csv ? "the description of an npu" : NULL;
        break;
    case SN_TARGET_CPU:
        expected = est ? NULL
                       : "the .est of this machine, as supernet measure and "
                         "fit make it";
        break;
    default:
        expected = est || csv ? NULL
                              : "an operator CSV (*.csv, *.csv.gz) or the .est "
                                "of one, as supernet fit makes it";
    }
    if (!expected)
        return SN_OK;
    return sn_config_fault(c->source, err, "target", "file", "expected %s",
                           expected);
}

static sn_status read_target(struct sn_job_config *c, struct sn_error *err)
{
    char hint[256];
    if (err)
        err->text[0] = '\0';
    if (!sn_file_exists(c->target.file)) {
        sn_path_hint(hint, sizeof hint, c->target.file);
        return sn_config_fault(c->source, err, "target", "file",
                               "there is no file %s%s", c->target.file, hint);
    }
    SN_TRY(check_kind(c, err));
    SN_TRY(sn_target_open(&c->device, &c->target, err));
    c->device.act = (sn_act)c->space.act;
    return c->target.kind == SN_TARGET_CPU
               ? sn_target_check_here(&c->device, err)
               : SN_OK;
}

static sn_status read_arch(struct sn_job_config *c, struct sn_error *err)
{
    char *text;
    size_t bytes;
    if (!c->search.arch[0])
        return SN_OK;
    if (sn_file_read(c->search.arch, ARCH_TEXT_MAX, &text, &bytes, err) !=
        SN_OK) {
        if (err)
            err->code = SN_ERR_CONFIG; /* an arch text is part of the config */
        return SN_ERR_CONFIG;
    }
    sn_status rc = SN_OK;
    if (strlen(text) != bytes)
        rc = sn_fail(err, SN_ERR_CONFIG, "%s: holds a NUL byte; expected text",
                     c->search.arch);
    if (rc == SN_OK)
        rc = sn_arch_parse(&c->arch, text, c->search.arch, err);
    c->has_arch = rc == SN_OK;
    free(text);
    return rc;
}

sn_status sn_job_config_read(struct sn_job_config *c, const char *path,
                             const struct sn_config_override *over, int n_over,
                             struct sn_error *err)
{
    struct sn_config_section sections[SN_JOB_SECTIONS];
    memset(c, 0, sizeof *c);
    sn_job_sections(c, sections);
    SN_TRY(sn_config_read(path, sections, SN_JOB_SECTIONS, over, n_over,
                          &c->source, err));
    if (err)
        err->text[0] = '\0';
    const sn_status rc = check_all(c, err);
    if (rc != SN_OK)
        sn_job_config_release(c);
    return rc;
}

sn_status sn_job_config_follow(struct sn_job_config *c, struct sn_error *err)
{
    SN_TRY(read_target(c, err));
    return read_arch(c, err);
}

sn_status sn_job_data(struct sn_dataset *data, const struct sn_job_config *c,
                      const struct sn_watch *watch, struct sn_error *err)
{
    char place[512];
    struct sn_watch own = {0};
    if (watch)
        own = *watch;
    if (c->run.memory.set)
        own.memory = c->run.memory.value;
    const sn_status rc =
        sn_dataset_open_watched(data, &c->data, c->run.seed, &own, err);
    if (rc == SN_ERR_INPUT && err)
        return sn_fail_more(
            err, SN_ERR_INPUT, "  [data] path comes from %s",
            sn_config_place(c->source, "data", "path", place, sizeof place));
    return rc;
}

/* Channels the target computes at once, before it is read as well where that is
 * known; else 0. */
static int lanes_of(const struct sn_job_config *c)
{
    enum { CPU_LANES = 16 };
    return c->target.kind == SN_TARGET_CPU ? CPU_LANES
                                           : sn_target_lanes(&c->device);
}

sn_status sn_job_space(struct sn_space *space, const struct sn_job_config *c,
                       int channels, int classes, struct sn_error *err)
{
    struct faults f = {.source = c->source, .err = err};
    if (err)
        err->text[0] = '\0';
    const struct sn_space_frame around = {.h = c->data.size,
                                          .w = c->data.size,
                                          .c = channels,
                                          .classes = classes,
                                          .lanes = lanes_of(c)};
    return sn_space_from_options(space, &c->space, c->stage, c->stages,
                                 c->block, &around, space_fault, &f);
}

void sn_job_config_release(struct sn_job_config *c)
{
    sn_target_release(&c->device);
    sn_config_destroy(c->source);
    c->source = NULL;
}
