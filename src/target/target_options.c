/* The rows of section [target]. */

#include "target/target_options.h"

static const struct sn_option_name kinds[] = {{"npu", SN_TARGET_NPU},
                                              {"cpu", SN_TARGET_CPU},
                                              {"table", SN_TARGET_TABLE},
                                              {0}};

static const struct sn_option rows[] = {
    {.key = "kind",
     .type = SN_OPT_NAME,
     .offset = offsetof(struct sn_target_options, kind),
     .fallback = "npu",
     .min = 1,
     .names = kinds,
     .unit = "",
     .help = "npu: an accelerator described by numbers; cpu: this machine, "
             "measured; table: any device whose operators were timed"},
    {.key = "file",
     .type = SN_OPT_PATH,
     .offset = offsetof(struct sn_target_options, file),
     .min = 1,
     .unit = "",
     .help = "npu: its description, an INI file with section [npu]; cpu: the "
             ".est of supernet measure and fit; table: an operator CSV, which "
             "is fitted when it is opened, or the .est of supernet fit"},
    {.key = "device",
     .type = SN_OPT_TEXT,
     .offset = offsetof(struct sn_target_options, device),
     .fallback = "",
     .unit = "",
     .help = "table: the device whose rows are meant, where the file has "
             "several"},
    {.key = "dtype",
     .type = SN_OPT_TEXT,
     .offset = offsetof(struct sn_target_options, dtype),
     .fallback = "",
     .unit = "",
     .help = "table: the data type whose rows are meant, where the file has "
             "several; its bits are those of weights and activations"},
    {.key = "p",
     .type = SN_OPT_INT,
     .offset = offsetof(struct sn_target_options, p),
     .fallback = "16",
     .min = 1,
     .max = 4096,
     .unit = "channels",
     .help = "table: the parallelism factor P, channels computed at once"},
    {.key = "batch",
     .type = SN_OPT_INT,
     .offset = offsetof(struct sn_target_options, batch),
     .fallback = "1",
     .min = 1,
     .max = 65536,
     .unit = "images",
     .help = "table: the batch whose rows are meant; a net's latency is that "
             "of so many images"},
};

const struct sn_option_table sn_target_options = {
    .section = "target",
    .help = "the device that the net is for",
    .rows = rows,
    .count = sizeof rows / sizeof *rows};
