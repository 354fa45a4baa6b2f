#ifndef SN_CLI_CLI_H
#define SN_CLI_CLI_H

/* The command line: what main.c has read of it, and the commands. */

#include <signal.h>
#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"
#include "config/config.h"
#include "kernels/kernels.h"
#include "search/limits.h"

enum { SN_CLI_MAX_OVER = 64 };

struct sn_cli {
    const char *operand;     /* the first thing a command is given, or NULL */
    const char *const *more; /* [n_more] what follows it */
    int n_more;
    struct sn_config_override over[SN_CLI_MAX_OVER]; /* -s, --seed */
    int n_over;
    const char *dir; /* -o */
    int threads;     /* -j, 0: not given */
    unsigned isa;    /* --isa, else all there is */
    bool json, quiet, force, verbose;
    bool onnx, raw_input, csv, resident;
    int top; /* --top, 0: not given */
    int tau; /* --tau, 0: not given */
    const char *resume, *split, *confusion, *format, *target, *time;
    const char *budget[SN_BUDGETS]; /* --latency, --weights, ... */
    const char *by, *take, *rules;
    bool controls;
    int seeds;                             /* --seeds, 0: not given */
    const char *device, *dtype;            /* rows of a measurement file */
    const char *nets, *column;             /* whole nets, their latency */
    int batch;                             /* --batch, 0: not given */
    const char *defaults[SN_CLI_MAX_OVER]; /* --default */
    int n_defaults;
    const char *command; /* the whole command line, for the records */
};

typedef sn_status sn_cli_fn(const struct sn_cli *a, struct sn_error *err);

sn_cli_fn sn_cli_advise, sn_cli_compare, sn_cli_explain, sn_cli_train,
    sn_cli_check, sn_cli_config, sn_cli_derive, sn_cli_eval, sn_cli_export,
    sn_cli_predict, sn_cli_info, sn_cli_estimate, sn_cli_fit,
    sn_cli_target_plot, sn_cli_measure, sn_cli_score;

/* Ctrl-C and SIGTERM from now on ask a run to finish its step and save: gives
 * where their number then stands, 0 before. */
const volatile sig_atomic_t *sn_cli_catch_signals(void);

/* Prints text on stdout.  SN_ERR_OUTPUT. */
sn_status sn_cli_print(const char *text, struct sn_error *err);

/* Takes a finished text, prints and releases it.  SN_ERR_MEMORY when it could
 * not be made. */
sn_status sn_cli_print_text(struct sn_text *text, struct sn_error *err);

/* Prints a text that came as an allocated string (NULL: memory was short), with
 * a newline at its end, and frees it. */
sn_status sn_cli_print_owned(char *text, struct sn_error *err);

#endif
