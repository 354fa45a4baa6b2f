/* From option rows to a space, with every fault told. */

#include "search/space_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "search/narrow.h"

/* ---- rows ---- */

static const struct sn_option_name acts[] = {{"relu", SN_ACT_RELU},
                                             {"relu6", SN_ACT_RELU6},
                                             {"hswish", SN_ACT_HSWISH},
                                             {0}};
static const struct sn_option_name ops[] = {
    {"ibn", SN_OP_IBN}, {"fused", SN_OP_FUSED}, {"conv", SN_OP_CONV}, {0}};

#define SPACE(name) offsetof(struct sn_space_options, name)
#define STAGE(name) offsetof(struct sn_stage_options, name)

static const struct sn_option space_rows[] = {
    {.key = "input",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(input),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_SIDE,
     .allow_none = true,
     .unit = "pixels",
     .help = "sides of the net's input, searched by single-path; none: [data] "
             "size"},
    {.key = "multiplier",
     .type = SN_OPT_DECIMAL_LIST,
     .offset = SPACE(multiplier),
     .fallback = "1",
     .min = SN_LEAST_MULTIPLIER / 1000.0,
     .max = SN_MAX_MULTIPLIER / 1000.0,
     .unit = "",
     .help = "factors on the widths of stem and stages, searched by "
             "single-path"},
    {.key = "output_stride",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(output_stride),
     .fallback = "auto",
     .min = 1,
     .max = SN_MAX_SIDE,
     .word = "auto",
     .unit = "pixels",
     .help = "most down-sampling, searched by single-path: stages beyond it "
             "run at stride 1; auto: all strides"},
    {.key = "curate",
     .type = SN_OPT_BOOL,
     .offset = SPACE(curate),
     .fallback = "yes",
     .min = 1,
     .unit = "",
     .help = "yes: ranges of widths and multiplied widths are multiples of "
             "what the target computes at once; no: of 4"},
    {.key = "stem",
     .type = SN_OPT_INT,
     .offset = SPACE(stem),
     .fallback = "16",
     .min = 1,
     .max = SN_MAX_WIDTH,
     .unit = "channels",
     .help = "3x3 convolution, batch-norm, act in front of the first stage"},
    {.key = "stem_stride",
     .type = SN_OPT_INT,
     .offset = SPACE(stem_stride),
     .fallback = "1",
     .min = 1,
     .max = SN_MAX_STRIDE,
     .unit = "pixels",
     .help = "stride of the stem"},
    {.key = "head",
     .type = SN_OPT_INT,
     .offset = SPACE(head),
     .fallback = "1280",
     .min = 1,
     .max = SN_MAX_WIDTH,
     .allow_none = true,
     .unit = "channels",
     .help = "1x1 convolution, batch-norm, act in front of the pool"},
    {.key = "act",
     .type = SN_OPT_NAME,
     .offset = SPACE(act),
     .fallback = "relu6",
     .min = 1,
     .names = acts,
     .unit = "",
     .help = "activation of every layer"},
    {.key = "op",
     .type = SN_OPT_NAME_LIST,
     .offset = SPACE(op),
     .fallback = "ibn*, fused",
     .min = 1,
     .names = ops,
     .unit = "",
     .help = "kinds of blocks a stage offers"},
    {.key = "k",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(k),
     .fallback = "3*",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .unit = "pixels",
     .help = "kernels a block offers, odd; gumbel: one an op"},
    {.key = "k_ibn",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(k_of[SN_OP_IBN]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "replaces k for ibn; none: k holds"},
    {.key = "k_fused",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(k_of[SN_OP_FUSED]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "replaces k for fused; none: k holds"},
    {.key = "k_conv",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(k_of[SN_OP_CONV]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "replaces k for conv; none: k holds"},
    {.key = "e",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(e),
     .fallback = "3, 6*",
     .min = 1,
     .max = SN_MAX_EXPANSION,
     .unit = "of the input channels",
     .help = "expansions a block offers; 1 only alone and for ibn"},
    {.key = "e_ibn",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(e_of[SN_OP_IBN]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_EXPANSION,
     .allow_none = true,
     .unit = "of the input channels",
     .help = "replaces e for ibn; none: e holds"},
    {.key = "e_fused",
     .type = SN_OPT_INT_LIST,
     .offset = SPACE(e_of[SN_OP_FUSED]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_EXPANSION,
     .allow_none = true,
     .unit = "of the input channels",
     .help = "replaces e for fused; none: e holds"},
};

const struct sn_option_table sn_space_options = {
    .section = "space",
    .help = "what is searched; op and e hold for every stage without its own",
    .rows = space_rows,
    .count = sizeof space_rows / sizeof *space_rows};

static const struct sn_option stage_rows[] = {
    {.key = "width",
     .type = SN_OPT_STEP_LIST,
     .offset = STAGE(width),
     .min = 1,
     .max = SN_MAX_WIDTH,
     .unit = "channels",
     .help = "output channels of the stage's blocks; several are searched by "
             "single-path"},
    {.key = "depth",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(depth),
     .fallback = "1",
     .min = 1,
     .max = SN_MAX_DEPTH,
     .unit = "blocks",
     .help = "numbers of blocks the stage offers"},
    {.key = "stride",
     .type = SN_OPT_INT,
     .offset = STAGE(stride),
     .fallback = "1",
     .min = 1,
     .max = SN_MAX_STRIDE,
     .unit = "pixels",
     .help = "stride of the first block"},
    {.key = "op",
     .type = SN_OPT_NAME_LIST,
     .offset = STAGE(op),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .names = ops,
     .unit = "",
     .help = "kinds of blocks; none: as in [space]"},
    {.key = "k",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(k),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "kernels; none: as in [space]"},
    {.key = "k_ibn",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(k_of[SN_OP_IBN]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "replaces k for ibn; none: as in [space]"},
    {.key = "k_fused",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(k_of[SN_OP_FUSED]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "replaces k for fused; none: as in [space]"},
    {.key = "k_conv",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(k_of[SN_OP_CONV]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_KERNEL,
     .allow_none = true,
     .unit = "pixels",
     .help = "replaces k for conv; none: as in [space]"},
    {.key = "e",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(e),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_EXPANSION,
     .allow_none = true,
     .unit = "of the input channels",
     .help = "expansions; none: as in [space]"},
    {.key = "e_ibn",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(e_of[SN_OP_IBN]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_EXPANSION,
     .allow_none = true,
     .unit = "of the input channels",
     .help = "replaces e for ibn; none: as in [space]"},
    {.key = "e_fused",
     .type = SN_OPT_INT_LIST,
     .offset = STAGE(e_of[SN_OP_FUSED]),
     .fallback = "none",
     .min = 1,
     .max = SN_MAX_EXPANSION,
     .allow_none = true,
     .unit = "of the input channels",
     .help = "replaces e for fused; none: as in [space]"},
    {.key = "pin",
     .type = SN_OPT_TEXT,
     .offset = STAGE(rules.pin),
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "the one option that is left, as in ibn k3 e6 or d2"},
    {.key = "only",
     .type = SN_OPT_TEXT,
     .offset = STAGE(rules.only),
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "none but options that match: fused, ibn e6, d2"},
    {.key = "forbid",
     .type = SN_OPT_TEXT,
     .offset = STAGE(rules.forbid),
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "no options that match: fused e4, k5"},
};

const struct sn_option_table sn_stage_options = {
    .section = "stage.*",
    .help = "a run of blocks of one width",
    .rows = stage_rows,
    .count = sizeof stage_rows / sizeof *stage_rows};

#define BLOCK(name) offsetof(struct sn_block_options, name)

static const struct sn_option block_rows[] = {
    {.key = "pin",
     .type = SN_OPT_TEXT,
     .offset = BLOCK(rules.pin),
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "the one option that is left, as in ibn k3 e6 or d2"},
    {.key = "only",
     .type = SN_OPT_TEXT,
     .offset = BLOCK(rules.only),
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "none but options that match: fused, ibn e6, d2"},
    {.key = "forbid",
     .type = SN_OPT_TEXT,
     .offset = BLOCK(rules.forbid),
     .fallback = "",
     .min = 1,
     .unit = "",
     .help = "no options that match: fused e4, k5"},
};

const struct sn_option_table sn_block_options = {
    .section = "stage.*.block.*",
    .help = "rules for one block; the baseline keeps its stars",
    .rows = block_rows,
    .count = sizeof block_rows / sizeof *block_rows};

/* ---- the space ---- */

struct builder {
    const struct sn_space_options *space;
    sn_space_fault_fn *fault;
    void *ctx;
    int faults, lanes;
    /* a list of [space] is used by many stages and told of once */
    const struct sn_int_list *told[2 * (1 + SN_OP_COUNT)];
    int n_told;
};

__attribute__((format(printf, 4, 5))) static void report(struct builder *b,
                                                         const char *section,
                                                         const char *key,
                                                         const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    b->fault(b->ctx, section, key, text);
    b->faults++;
}

/* The list in force, and where it stands. */
struct source {
    const struct sn_int_list *list;
    const char *section, *key;
};

/* Of one of the two lists a block has, k or e: the stage's own for this op,
 * then [space]'s for it, then the stage's, then [space]'s. */
static struct source list_source(const struct sn_int_list *stage_of,
                                 const struct sn_int_list *space_of,
                                 const struct sn_int_list *stage,
                                 const struct sn_int_list *space,
                                 const char *section, const char *const *key)
{
    if (stage_of->count)
        return (struct source){stage_of, section, key[1]};
    if (space_of->count)
        return (struct source){space_of, "space", key[1]};
    if (stage->count)
        return (struct source){stage, section, key[0]};
    return (struct source){space, "space", key[0]};
}

/* Sorts a list ascending into out[SN_MAX_CHOICES]; *star is its star, else the
 * largest entry (`last`) or the smallest. */
static int sort_list(int *out, int *star, const struct sn_int_list *list,
                     bool last)
{
    const int n = list->count;
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && out[at - 1] > list->value[i]; at--)
            out[at] = out[at - 1];
        out[at] = list->value[i];
    }
    *star = list->star >= 0 ? list->value[list->star] : out[last ? n - 1 : 0];
    return n;
}

/* Whether a fault of this list was told for another stage. */
static bool told_before(struct builder *b, const struct source *s)
{
    for (int i = 0; i < b->n_told; i++)
        if (b->told[i] == s->list)
            return true;
    if (strcmp(s->section, "space") == 0)
        b->told[b->n_told++] = s->list;
    return false;
}

/* The kernels of an op; *star is the baseline's: 3 where it is not starred. */
static void add_kernels(struct builder *b, struct sn_op_space *of, int *star,
                        const struct sn_stage_options *stage,
                        const char *section, sn_block_op op)
{
    static const char *const keys[SN_OP_COUNT][2] = {
        {"k", "k_ibn"}, {"k", "k_fused"}, {"k", "k_conv"}};
    const struct source s =
        list_source(&stage->k_of[op], &b->space->k_of[op], &stage->k,
                    &b->space->k, section, keys[op]);
    int even = 0;
    bool has_three = false;
    for (int i = 0; i < s.list->count; i++) {
        even = s.list->value[i] % 2 ? even : s.list->value[i];
        has_three |= s.list->value[i] == 3;
    }
    const bool many = s.list->count > SN_MAX_CHOICES;
    if ((even || many) && told_before(b, &s))
        return;
    if (even) {
        report(b, s.section, s.key, "kernel %d is even; expected odd ones",
               even);
    } else if (many) {
        report(b, s.section, s.key,
               "%d kernels are offered; expected at most %d", s.list->count,
               SN_MAX_CHOICES);
    } else {
        of->n_k = sort_list(of->k, star, s.list, false);
        if (s.list->star < 0 && has_three)
            *star = 3;
    }
}

/* The expansions of an op; a conv block has none, which is told as 1. */
static void add_expansions(struct builder *b, struct sn_op_space *of, int *star,
                           const struct sn_stage_options *stage,
                           const char *section, sn_block_op op)
{
    static const char *const keys[SN_OP_COUNT][2] = {{"e", "e_ibn"},
                                                     {"e", "e_fused"}};
    if (op == SN_OP_CONV) {
        of->n_e = of->e[0] = *star = 1;
        return;
    }
    const struct source s =
        list_source(&stage->e_of[op], &b->space->e_of[op], &stage->e,
                    &b->space->e, section, keys[op]);
    bool has_one = false;
    for (int i = 0; i < s.list->count; i++)
        has_one |= s.list->value[i] == 1;
    const bool many = s.list->count > SN_MAX_CHOICES;
    const bool mixed = has_one && s.list->count > 1;
    const bool narrow = has_one && op == SN_OP_FUSED;
    if ((many || mixed || narrow) && told_before(b, &s))
        return;
    if (many) {
        report(b, s.section, s.key,
               "%d expansions are offered; expected at most %d", s.list->count,
               SN_MAX_CHOICES);
    } else if (mixed) {
        report(b, s.section, s.key,
               "expansion 1 stands beside others; expected it alone, or "
               "expansions from 2 on");
    } else if (narrow) {
        report(b, s.section, s.key,
               "expansion 1 is offered to fused blocks (of %s); expected 2 "
               "to %d",
               section, SN_MAX_EXPANSION);
    } else {
        of->n_e = sort_list(of->e, star, s.list, true);
    }
}

/* What every block of a stage offers. */
static void add_ops(struct builder *b, struct sn_block_space *offer,
                    const struct sn_stage_options *stage, const char *section)
{
    const struct sn_name_list *list =
        stage->op.count ? &stage->op : &b->space->op;
    for (int i = 0; i < list->count; i++) {
        const sn_block_op op = (sn_block_op)list->value[i];
        struct sn_block star = {.op = op};
        offer->op[offer->n_op++] = op;
        add_kernels(b, &offer->of[op], &star.k, stage, section, op);
        add_expansions(b, &offer->of[op], &star.e, stage, section, op);
        if (i == 0 || list->star == i || (list->star < 0 && op == SN_OP_IBN))
            offer->star = star;
    }
}

static void narrow(struct builder *b, struct sn_stage_space *s, int ib,
                   const struct sn_rule_options *rules, const char *section)
{
    const struct sn_rules all = {rules->pin, rules->only, rules->forbid};
    const char *key;
    struct sn_error err = {0};
    if (!*rules->pin && !*rules->only && !*rules->forbid)
        return;
    if (sn_narrow_stage(s, ib, &all, &key, &err) != SN_OK)
        report(b, section, key, "%s", err.text);
}

/* The rules of every block, then the stage's. */
static void add_rules(struct builder *b, struct sn_stage_space *s,
                      const struct sn_stage_options *stage,
                      const struct sn_block_options *blocks, int number)
{
    char section[48];
    for (int ib = 0; ib < SN_MAX_DEPTH; ib++) {
        snprintf(section, sizeof section, "stage.%d.block.%d", number, ib + 1);
        narrow(b, s, ib, &blocks[ib].rules, section);
    }
    snprintf(section, sizeof section, "stage.%d", number);
    narrow(b, s, -1, &stage->rules, section);
}

static void add_stage(struct builder *b, struct sn_stage_space *s,
                      const struct sn_stage_options *stage, int number)
{
    char section[24];
    snprintf(section, sizeof section, "stage.%d", number);
    s->stride = stage->stride;
    if (stage->depth.count > SN_MAX_CHOICES) {
        report(b, section, "depth",
               "%d depths are offered; expected at most %d", stage->depth.count,
               SN_MAX_CHOICES);
        return;
    }
    s->n_depth = sort_list(s->depth, &s->star_depth, &stage->depth, true);
    struct sn_block_space offer = {0};
    add_ops(b, &offer, stage, section);
    for (int ib = 0; ib < s->depth[s->n_depth - 1]; ib++)
        s->block[ib] = offer;
}

/* ---- frames ---- */

/* Channels that widths are multiples of where nobody wrote them out. */
static int width_step(const struct builder *b)
{
    enum { FREE_STEP = 4 };
    return b->space->curate ? b->lanes : FREE_STEP;
}

/* The list with its range in steps.  False where that comes to too much or to
 * nothing, which is told. */
static bool step_range(struct builder *b, struct sn_int_list *out,
                       const struct sn_int_list *list, const char *section)
{
    const int step = width_step(b);
    *out = *list;
    if (list->first == 0)
        return true;
    if (step == 0) {
        out->value[0] = out->count ? out->value[0] : list->first;
        out->count += out->count == 0;
        return true;
    }
    const int count = out->count;
    for (int w = (list->first + step - 1) / step * step; w <= list->last;
         w += step) {
        bool there = false;
        for (int i = 0; i < out->count; i++)
            there |= out->value[i] == w;
        if (!there && out->count < SN_LIST_MAX)
            out->value[out->count++] = w;
    }
    if (out->count > count || count > 0)
        return true;
    report(b, section, "width", "no multiple of %d lies in %d..%d", step,
           list->first, list->last);
    return false;
}

/* A list of frames' options, ascending; *star is the baseline's, the largest
 * where none is starred. */
static int frame_list(struct builder *b, int *out, int *star,
                      const struct sn_int_list *list, const char *section,
                      const char *key)
{
    *star = 0;
    if (list->count > SN_MAX_CHOICES) {
        report(b, section, key, "%d are offered; expected at most %d",
               list->count, SN_MAX_CHOICES);
        return 0;
    }
    return list->count ? sort_list(out, star, list, true) : 0;
}

static void add_frame_lists(struct builder *b, struct sn_space *s,
                            const struct sn_stage_options *stages, int *star)
{
    const struct sn_space_options *o = b->space;
    struct sn_frame_space *f = &s->frame;
    char section[24];
    f->stem = s->stem;
    f->step = width_step(b);
    f->n_input = frame_list(b, f->input, &star[0], &o->input, "space", "input");
    f->n_multiplier = frame_list(b, f->multiplier, &star[1], &o->multiplier,
                                 "space", "multiplier");
    f->n_output_stride =
        frame_list(b, f->output_stride, &star[2], &o->output_stride, "space",
                   "output_stride");
    for (int is = 0; is < s->n_stages; is++) {
        struct sn_int_list list;
        snprintf(section, sizeof section, "stage.%d", is + 1);
        f->stride[is] = s->stage[is].stride;
        if (step_range(b, &list, &stages[is].width, section))
            f->n_width[is] = frame_list(b, f->width[is], &star[3 + is], &list,
                                        section, "width");
    }
}

static void check_frames(struct builder *b, const struct sn_space *s)
{
    const struct sn_frame_space *f = &s->frame;
    if (f->n_input > 0 && f->input[f->n_input - 1] > s->h)
        report(b, "space", "input",
               "input %d is more than the %d pixels of the images; expected "
               "[data] size = %d",
               f->input[f->n_input - 1], s->h, f->input[f->n_input - 1]);
    if (f->n_output_stride > 0 && f->output_stride[0] < s->stem_stride)
        report(b, "space", "output_stride",
               "output stride %d is less than the stem's %d",
               f->output_stride[0], s->stem_stride);
    if (sn_space_frames(s) > SN_MAX_FRAMES)
        report(b, "space", NULL,
               "input, multiplier, output_stride and widths make more than %d "
               "frames; expected fewer",
               SN_MAX_FRAMES);
}

static int place_in(const int *list, int n, int value)
{
    for (int i = 0; i < n; i++)
        if (list[i] == value)
            return i;
    return 0;
}

/* The frame of the stars. */
static int star_frame(const struct sn_space *s, const int *star)
{
    const struct sn_frame_space *f = &s->frame;
    const int *const list[] = {f->input, f->multiplier, f->output_stride};
    const int n[] = {f->n_input, f->n_multiplier, f->n_output_stride};
    int frame = 0;
    for (int i = 0; i < 3; i++)
        frame = frame * (n[i] ? n[i] : 1) + place_in(list[i], n[i], star[i]);
    for (int is = 0; is < s->n_stages; is++)
        frame = frame * (f->n_width[is] ? f->n_width[is] : 1) +
                place_in(f->width[is], f->n_width[is], star[3 + is]);
    return frame;
}

/* Lists what frames are made of and settles the space on the baseline's. */
static void add_frames(struct builder *b, struct sn_space *s,
                       const struct sn_stage_options *stages)
{
    int star[3 + SN_MAX_STAGES] = {0};
    const int before = b->faults;
    add_frame_lists(b, s, stages, star);
    check_frames(b, s);
    if (b->faults == before)
        sn_space_settle(s, star_frame(s, star));
}

bool sn_space_options_curate(const struct sn_space_options *options,
                             const struct sn_stage_options *stages,
                             int n_stages)
{
    bool hangs =
        options->multiplier.count > 1 || (options->multiplier.count == 1 &&
                                          options->multiplier.value[0] != 1000);
    for (int is = 0; is < n_stages; is++)
        hangs |= stages[is].width.first > 0;
    return hangs && options->curate;
}

/* Rules for blocks of a stage that is not there. */
static void refuse_rules(struct builder *b,
                         const struct sn_block_options *blocks, int number)
{
    char section[48];
    for (int ib = 0; ib < SN_MAX_DEPTH; ib++) {
        const struct sn_rule_options *r = &blocks[ib].rules;
        snprintf(section, sizeof section, "stage.%d.block.%d", number, ib + 1);
        if (*r->pin || *r->only || *r->forbid)
            report(b, section, NULL, "there is no [stage.%d]", number);
    }
}

/* What the data set brings. */
static void check_images(struct builder *b, const struct sn_space *space)
{
    if (space->h < 1 || space->h > SN_MAX_SIDE || space->w < 1 ||
        space->w > SN_MAX_SIDE || space->c < 1 || space->c > SN_MAX_WIDTH)
        report(b, "data", "set",
               "the images are %dx%dx%d; expected sides 1 to %d and 1 to %d "
               "channels",
               space->h, space->w, space->c, SN_MAX_SIDE, SN_MAX_WIDTH);
    if (space->classes < 2 || space->classes > SN_MAX_CLASSES)
        report(b, "data", "set", "the images have %d classes; expected 2 to %d",
               space->classes, SN_MAX_CLASSES);
}

sn_status sn_space_from_options(struct sn_space *space,
                                const struct sn_space_options *options,
                                const struct sn_stage_options *stages,
                                int n_stages,
                                const struct sn_block_options *blocks,
                                const struct sn_space_frame *around,
                                sn_space_fault_fn *fault, void *ctx)
{
    SN_CHECK(n_stages <= SN_MAX_STAGES);
    struct builder b = {
        .space = options, .fault = fault, .ctx = ctx, .lanes = around->lanes};
    struct sn_space made = {.h = around->h,
                            .w = around->w,
                            .c = around->c,
                            .classes = around->classes,
                            .stem = options->stem,
                            .stem_stride = options->stem_stride,
                            .head = options->head,
                            .act = (sn_act)options->act,
                            .n_stages = n_stages};
    check_images(&b, &made);
    if (n_stages < 1)
        report(&b, "stage.1", "width",
               "the net has no stages; expected sections [stage.1], "
               "[stage.2], ...");
    for (int is = 0; is < n_stages; is++)
        add_stage(&b, &made.stage[is], &stages[is], is + 1);
    add_frames(&b, &made, stages);
    const bool whole = b.faults == 0; /* rules are for what is offered */
    for (int is = 0; is < SN_MAX_STAGES && whole; is++)
        if (is < n_stages)
            add_rules(&b, &made.stage[is], &stages[is],
                      &blocks[is * SN_MAX_DEPTH], is + 1);
        else
            refuse_rules(&b, &blocks[is * SN_MAX_DEPTH], is + 1);
    if (b.faults)
        return SN_ERR_CONFIG;
    *space = made;
    return SN_OK;
}
