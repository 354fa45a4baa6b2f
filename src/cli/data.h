#ifndef SN_CLI_DATA_H
#define SN_CLI_DATA_H

/* What the `data` commands share. */

#include "cli/cli.h"
#include "job/options.h"

sn_cli_fn sn_cli_data_check, sn_cli_data_mosaic, sn_cli_data_write;

struct sn_cli_data {
    struct sn_data_options data;
    struct sn_run_options run;
};

/* The options that operand and overrides stand for, checked; sets the number of
 * threads.  SN_ERR_CONFIG. */
sn_status sn_cli_data_options(struct sn_cli_data *d, const struct sn_cli *a,
                              struct sn_error *err);

#endif
