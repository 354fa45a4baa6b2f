/* The rows of section [target]. */

#include "target/target_options.h"

static const struct sn_option_name kinds[] = {
    {"npu", SN_TARGET_NPU}, {"cpu", SN_TARGET_CPU}, {0}};

static const struct sn_option rows[] = {
    {.key = "kind",
     .type = SN_OPT_NAME,
     .offset = offsetof(struct sn_target_options, kind),
     .fallback = "npu",
     .min = 1,
     .names = kinds,
     .unit = "",
     .help = "npu: an accelerator described by numbers; cpu: this machine, "
             "measured"},
    {.key = "file",
     .type = SN_OPT_PATH,
     .offset = offsetof(struct sn_target_options, file),
     .min = 1,
     .unit = "",
     .help = "npu: its description, an INI file with section [npu]; cpu: the "
             ".est of supernet measure and fit"},
};

const struct sn_option_table sn_target_options = {
    .section = "target",
    .help = "the device that the net is for",
    .rows = rows,
    .count = sizeof rows / sizeof *rows};
