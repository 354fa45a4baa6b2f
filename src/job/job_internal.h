#ifndef SN_JOB_INTERNAL_H
#define SN_JOB_INTERNAL_H

/* What the phases of a job share. */

#include "job/checkpoint.h"
#include "job/job.h"
#include "job/plan.h"
#include "train/progress.h"

/* What went out of the space before the search. */
struct sn_pruning {
    double memory_in; /* nets before options that need too much memory went;
                       * 0: none did */
    int nets;         /* that were scored; 0: none, nothing was pruned */
    int options;      /* that went */
    double in;        /* nets of the space before */
    double seconds;   /* it took */
};

/* A running job. */
struct sn_job {
    const struct sn_job_request *ask; /* borrowed */
    struct sn_job_config config;
    struct sn_kernels kernels;
    int threads;
    struct sn_rundir dir;
    struct sn_progress progress;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_pruning pruned;
    struct sn_job_plan *plan; /* owned */
    struct sn_checkpoint *at; /* owned: where the job stands */
    struct sn_checkpoint_file
        *saved;                /* owned: weights to go on with, or NULL */
    double phase_clock;        /* when this process took up the phase */
    double phase_seconds;      /* that the phase had taken before */
    double saved_clock;        /* when the last checkpoint was written */
    struct sn_profile profile; /* of the phase's steps, when asked for */
};

/* ---- record.c: lines, logs, checkpoints ---- */

/* A line for people: on the screen, and in log.txt once that is open. */
sn_status sn_job_say(struct sn_job *j, struct sn_error *err, const char *fmt,
                     ...) __attribute__((format(printf, 3, 4)));

/* The phase `at` stands in begins, or is taken up again: clocks and bar. */
void sn_job_begin_phase(struct sn_job *j, const char *title, int epochs);

/* The profile that a phase's graph fills; NULL when nobody asked for one. */
struct sn_profile *sn_job_profile(struct sn_job *j);

/* All steps of the phase are taken: says where their time went, when asked. */
sn_status sn_job_say_profile(struct sn_job *j, struct sn_error *err);

/* The phase is over: its seconds are final, the next one begins at step 0. */
void sn_job_end_phase(struct sn_job *j, sn_phase next);

/* Writes a checkpoint with the weights of `net` (NULL: none). */
sn_status sn_job_save(struct sn_job *j, const struct sn_supernet *net,
                      struct sn_error *err);

/* One epoch's row of epochs.csv and line on the screen; NaN: not known. */
struct sn_epoch_row {
    const struct sn_step_report *report;
    double val;           /* accuracy on the validation images */
    double held_out_loss; /* search: of the architecture steps */
    double held_out;      /* search: their accuracy */
};

/* After every step, once `at` has its state: bar, steps.jsonl, the epoch's
 * `row` when it ended one (else NULL), a checkpoint when one is due.
 * SN_INTERRUPTED or SN_TERMINATED after a signal. */
sn_status sn_job_record(struct sn_job *j, const struct sn_step_report *r,
                        const struct sn_epoch_row *row,
                        const struct sn_supernet *net, struct sn_error *err);

/* After a piece of work without steps, in a phase that has no weights of its
 * own: counts it, saves when that is due.  SN_INTERRUPTED or SN_TERMINATED
 * after a signal. */
sn_status sn_job_tick(struct sn_job *j, struct sn_error *err);

/* ---- prune.c ---- */

/* Prunes the space of config and plan, whose costs are settled: by the budget
 * of peak activations, and where the config says so by scores of untrained
 * nets.  SN_ERR_CONFIG, SN_ERR_MEMORY,
 * SN_INTERRUPTED, SN_TERMINATED. */
sn_status sn_job_prune(struct sn_job *j, struct sn_error *err);

/* What that did. */
sn_status sn_job_say_pruned(struct sn_job *j, struct sn_error *err);

/* ---- phases ---- */

/* Searches; leaves the derived net in at->arch, and supernet.safetensors and
 * the logs of the search in the run directory. */
sn_status sn_job_search(struct sn_job *j, struct sn_error *err);

/* Makes the short list: candidates of the finished search, measured with the
 * supernet's weights.  Leaves the best of them as racers in `at`, and
 * candidates.csv. */
sn_status sn_job_short_list(struct sn_job *j, struct sn_error *err);

/* Trains each racer for a while; the one with the least training loss becomes
 * at->arch. */
sn_status sn_job_race(struct sn_job *j, struct sn_error *err);

/* The weights a phase had when it was interrupted are no longer wanted. */
void sn_job_forget_saved(struct sn_job *j);

/* Trains a racer; *loss is the mean over its steps. */
sn_status sn_job_train_racer(struct sn_job *j, const struct sn_arch *arch,
                             double *loss, struct sn_error *err);

/* Trains and evaluates `arch` as the net of phase at->phase; leaves its
 * outcome and its weights file. */
sn_status sn_job_train_net(struct sn_job *j, const struct sn_arch *arch,
                           struct sn_error *err);

#endif
