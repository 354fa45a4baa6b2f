/* supernet train: the whole job. */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "job/env.h"
#include "job/job.h"

static volatile sig_atomic_t stop;

/* The first signal asks the run to finish its step and save (or, before the
 * first step, to end); the second ends the program at once. */
static void on_signal(int number)
{
    if (stop)
        _exit(128 + number);
    stop = number;
}

const volatile sig_atomic_t *sn_cli_catch_signals(void)
{
    struct sigaction action = {0};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop;
}

static sn_status check_flags(const struct sn_cli *a, struct sn_error *err)
{
    if (!a->operand && !a->resume)
        return sn_fail(err, SN_ERR_CONFIG,
                       "train: expected a config, or --resume RUN");
    if (a->operand && a->resume)
        return sn_fail(err, SN_ERR_CONFIG,
                       "train: --resume takes its config from the run; '%s' "
                       "cannot stand beside it",
                       a->operand);
    if (a->resume && (a->n_over || a->dir))
        return sn_fail(err, SN_ERR_CONFIG,
                       "train: --resume goes on with the run as it was; %s "
                       "cannot stand beside it",
                       a->dir ? "-o" : "-s or --seed");
    if (a->force && !a->resume)
        return sn_fail(err, SN_ERR_CONFIG, "train: --force needs --resume");
    return SN_OK;
}

static sn_status print_result(const struct sn_cli *a,
                              const struct sn_job_result *r,
                              struct sn_error *err)
{
    struct sn_text card = {0};
    sn_result_card(r, &card);
    if (!a->json)
        return sn_cli_print_text(&card, err);
    char *text = sn_text_take(&card);
    if (text && !a->quiet)
        fputs(text, stderr);
    free(text);
    return sn_cli_print_owned(sn_result_json(r), err);
}

sn_status sn_cli_train(const struct sn_cli *a, struct sn_error *err)
{
    SN_TRY(check_flags(a, err));
    const struct sn_job_request request = {.config = a->operand,
                                           .resume = a->resume,
                                           .dir = a->dir,
                                           .over = a->over,
                                           .n_over = a->n_over,
                                           .threads = a->threads,
                                           .isa = a->isa,
                                           .force = a->force,
                                           .verbose = a->verbose,
                                           .out = a->quiet ? NULL : stderr,
                                           .command = a->command,
                                           .stop = &stop};
    struct sn_job_result *r = calloc(1, sizeof *r);
    if (!r)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a result");
    (void)sn_cli_catch_signals();
    sn_status rc = sn_job_train(&request, r, err);
    if (rc == SN_OK)
        rc = print_result(a, r, err);
    free(r);
    return rc;
}
