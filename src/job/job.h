#ifndef SN_JOB_JOB_H
#define SN_JOB_JOB_H

/* The whole job: search, derive, train the derived net and the baseline,
 * evaluate, report; each phase can be interrupted and gone on with.
 *
 * Nothing is printed but progress and log lines, to the FILE it is given. */

#include <signal.h>

#include "job/options.h"
#include "job/result.h"

#define SN_VERSION "0.1.0"

struct sn_job_request {
    const char *config; /* path of the config; NULL: go on with `resume` */
    const char *resume; /* a run directory */
    const char *dir;    /* -o: the run directory; NULL: a new one */
    const struct sn_config_override *over;
    int n_over;
    int threads; /* -j: 0: as the config says */
    unsigned isa;
    bool force;          /* go on although the instruction set is another */
    bool verbose;        /* tell at the end of a phase where its time went */
    FILE *out;           /* progress; NULL: none */
    const char *command; /* the command line, for env.json */
    /* The number of the signal that asks the run to stop, 0: none so far. */
    const volatile sig_atomic_t *stop;
};

/* Runs or goes on with a job.  On success *r is its result.  Any status that
 * its parts return; SN_INTERRUPTED or SN_TERMINATED when it was asked to stop
 * and a checkpoint was saved: the text then says how to go on. */
sn_status sn_job_train(const struct sn_job_request *q, struct sn_job_result *r,
                       struct sn_error *err);

/* Threads of a run: what -j says, else the config, else all cores. */
int sn_job_threads(int asked, const struct sn_run_options *run);

/* Whether training keeps what is inside of blocks in bfloat16: as the config
 * says; `auto` where these kernels multiply it faster. */
bool sn_job_bf16(const struct sn_run_options *run, const struct sn_kernels *k);

#endif
