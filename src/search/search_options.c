/* The rows of sections [budget] and [search]. */

#include "search/search_options.h"

#include "search/gumbel.h"

static const struct sn_option budget_rows[] = {
    {.key = "latency",
     .type = SN_OPT_TIME,
     .offset = offsetof(struct sn_budget_options, latency),
     .fallback = "none",
     .min = 1,
     .allow_none = true,
     .allow_percent = true,
     .unit = "s",
     .help = "predicted latency of the net at most; % of the baseline's"},
};

const struct sn_option_table sn_budget_options = {
    .section = "budget",
    .help = "what the net may cost",
    .rows = budget_rows,
    .count = sizeof budget_rows / sizeof *budget_rows};

static const struct sn_option_name modes[] = {{"gumbel", SN_SEARCH_GUMBEL},
                                              {"single-path", SN_SEARCH_PATH},
                                              {"none", SN_SEARCH_NONE},
                                              {0}};
static const struct sn_option_name penalties[] = {
    {"pi", SN_PENALTY_PI}, {"log", SN_PENALTY_LOG}, {0}};

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
             "subnet a step, asked about its neighbours; none: train one net"},
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
};

const struct sn_option_table sn_search_options = {
    .section = "search",
    .help = "how the net is found",
    .rows = search_rows,
    .count = sizeof search_rows / sizeof *search_rows};
