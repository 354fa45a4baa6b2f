/* The rows of section [search]. */

#include "search/search_options.h"

#include "search/gumbel.h"

static const struct sn_option_name modes[] = {
    {"gumbel", SN_SEARCH_GUMBEL},   {"single-path", SN_SEARCH_PATH},
    {"oneshot", SN_SEARCH_ONESHOT}, {"funnel", SN_SEARCH_FUNNEL},
    {"none", SN_SEARCH_NONE},       {0}};
static const struct sn_option_name inner_modes[] = {
    {"single-path", SN_SEARCH_PATH},
    {"gumbel", SN_SEARCH_GUMBEL},
    {"oneshot", SN_SEARCH_ONESHOT},
    {0}};
static const struct sn_option_name penalties[] = {
    {"pi", SN_PENALTY_PI}, {"log", SN_PENALTY_LOG}, {0}};
static const struct sn_option_name samplings[] = {
    {"sandwich", SN_SAMPLE_SANDWICH}, {"uniform", SN_SAMPLE_UNIFORM}, {0}};
static const struct sn_option_name zero_shots[] = {
    {"no", SN_ZERO_SHOT_NO},
    {"prune", SN_ZERO_SHOT_PRUNE},
    {"done", SN_ZERO_SHOT_DONE},
    {0}};

int sn_search_trains(const struct sn_search_options *o)
{
    return o->mode == SN_SEARCH_FUNNEL ? o->funnel : o->mode;
}

bool sn_search_evolves(const struct sn_search_options *o)
{
    return o->mode == SN_SEARCH_ONESHOT || o->mode == SN_SEARCH_FUNNEL;
}

#define FIELD(name) offsetof(struct sn_search_options, name)

static const struct sn_option search_rows[] = {
    {.key = "mode",
     .type = SN_OPT_NAME,
     .offset = FIELD(mode),
     .fallback = "gumbel",
     .min = 1,
     .names = modes,
     .unit = "",
     .help = "gumbel: soft gates over shared weights; single-path: one sampled "
             "subnet a step, asked about its neighbours; oneshot: subnets "
             "sampled evenly, then evolution by measured accuracy; funnel: "
             "zero-shot scores prune, a search, then evolution; none: train "
             "one net"},
    {.key = "arch",
     .type = SN_OPT_PATH,
     .offset = FIELD(arch),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .unit = "",
     .help = "mode = none: the arch file to train; none: the baseline"},
    {.key = "epochs",
     .type = SN_OPT_INT,
     .offset = FIELD(epochs),
     .fallback = "30",
     .min = 1,
     .max = 100000,
     .unit = "epochs",
     .help = "length of the search"},
    {.key = "batch",
     .type = SN_OPT_INT,
     .offset = FIELD(batch),
     .fallback = "64",
     .min = 1,
     .max = 65536,
     .unit = "images",
     .help = "images of a step, weight or architecture"},
    {.key = "lr",
     .type = SN_OPT_REAL,
     .offset = FIELD(lr),
     .fallback = "0.1",
     .min = 1e-6,
     .max = 100,
     .unit = "",
     .help = "peak learning rate of the shared weights"},
    {.key = "lr_warmup",
     .type = SN_OPT_REAL,
     .offset = FIELD(lr_warmup),
     .fallback = "0.15",
     .min = 0,
     .max = 1,
     .unit = "of the search",
     .help = "share of the search in which the learning rate rises"},
    {.key = "warmup",
     .type = SN_OPT_REAL,
     .offset = FIELD(warmup),
     .fallback = "0.25",
     .min = 0,
     .max = 0.9,
     .unit = "of the search",
     .help = "share of the search with frozen logits"},
    {.key = "arch_split",
     .type = SN_OPT_REAL,
     .offset = FIELD(arch_split),
     .fallback = "0.2",
     .min = 0.01,
     .max = 0.9,
     .unit = "of the images",
     .help = "share of the training images held out for the logits"},
    {.key = "penalty",
     .type = SN_OPT_NAME,
     .offset = FIELD(penalty),
     .fallback = "pi",
     .min = 1,
     .names = penalties,
     .unit = "",
     .help = "pi: latency held to the budget; log: FBNet's product form"},
    {.key = "zero_shot",
     .type = SN_OPT_NAME,
     .offset = FIELD(zero_shot),
     .fallback = "no",
     .min = 1,
     .names = zero_shots,
     .unit = "",
     .help = "prune: options that scores of untrained nets reject are not "
             "searched (supernet score shows them); done: they stand in the "
             "rules already"},
    {.key = "zero_shot_nets",
     .type = SN_OPT_INT,
     .offset = FIELD(zero_shot_nets),
     .fallback = "100",
     .min = 4,
     .max = 10000,
     .unit = "nets",
     .help = "random nets that are scored"},
    {.key = "sampling",
     .type = SN_OPT_NAME,
     .offset = FIELD(sampling),
     .fallback = "sandwich",
     .min = 1,
     .names = samplings,
     .unit = "",
     .help = "oneshot: sandwich: the largest, the smallest and some subnets "
             "between train in every step; uniform: one"},
    {.key = "subnets",
     .type = SN_OPT_INT,
     .offset = FIELD(subnets),
     .fallback = "2",
     .min = 0,
     .max = 16,
     .unit = "a step",
     .help = "sandwich: random subnets beside its two ends"},
    {.key = "samples",
     .type = SN_OPT_INT,
     .offset = FIELD(samples),
     .fallback = "48",
     .min = 8,
     .max = 2000,
     .unit = "nets",
     .help = "oneshot, funnel: nets within the budget that are measured before "
             "evolution begins"},
    {.key = "funnel",
     .type = SN_OPT_NAME,
     .offset = FIELD(funnel),
     .fallback = "single-path",
     .min = 1,
     .names = inner_modes,
     .unit = "",
     .help =
         "mode = funnel: the search between zero-shot scores and evolution"},
    {.key = "short_list",
     .type = SN_OPT_INT,
     .offset = FIELD(short_list),
     .fallback = "32",
     .min = 1,
     .max = 1000,
     .unit = "nets",
     .help = "candidates of a search that are measured with the supernet's "
             "weights, batch-norm statistics taken anew, on the validation "
             "images; 1, or no such images: the derived net is taken"},
    {.key = "race",
     .type = SN_OPT_INT,
     .offset = FIELD(race),
     .fallback = "4",
     .min = 1,
     .max = SN_RACE_MAX,
     .unit = "nets",
     .help = "the best of them that are trained for a while by themselves; "
             "the one that learns fastest is the result"},
    {.key = "race_epochs",
     .type = SN_OPT_INT,
     .offset = FIELD(race_epochs),
     .fallback = "1",
     .min = 1,
     .max = 1000,
     .unit = "epochs",
     .help = "of each of them"},
};

const struct sn_option_table sn_search_options = {
    .section = "search",
    .help = "how the net is found",
    .rows = search_rows,
    .count = sizeof search_rows / sizeof *search_rows};
