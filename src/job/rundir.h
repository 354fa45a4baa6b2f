#ifndef SN_JOB_RUNDIR_H
#define SN_JOB_RUNDIR_H

/* The run directory: one folder that holds all of a run (DESIGN 8).
 *
 * Files are written whole or not at all.  The append-only ones are cut back
 * to the lengths of the checkpoint when a run goes on. */

#include "base/file.h"

enum { SN_RUN_PATH = 1024 };

/* The append-only files. */
typedef enum {
    SN_LOG_TEXT,   /* log.txt: the lines that a person sees */
    SN_LOG_EPOCHS, /* epochs.csv */
    SN_LOG_STEPS,  /* steps.jsonl */
    SN_LOG_VALUES, /* values.csv: the option values, epoch by epoch */
    SN_RUN_LOGS
} sn_run_log;

struct sn_rundir {
    char path[SN_RUN_PATH]; /* as it was given or made */
    struct sn_log_file log[SN_RUN_LOGS];
    int lock; /* descriptor that holds the lock, 0: none */
};

/* Makes a run directory: `exact` where that is not NULL (it may be there
 * already, when it is empty), else parent/NAME-YYYYMMDD-HHMMSS, with NAME from
 * the config's file name, and points parent/latest to it.  A file is written
 * in it, so that a place that cannot be written to fails now.  SN_ERR_OUTPUT.
 */
sn_status sn_rundir_create(struct sn_rundir *d, const char *config,
                           const char *parent, const char *exact,
                           struct sn_error *err);

/* One that is there.  SN_ERR_INPUT when `path` is none. */
sn_status sn_rundir_open(struct sn_rundir *d, const char *path,
                         struct sn_error *err);

/* Keeps other processes from writing in it until it is closed.
 * SN_ERR_OUTPUT when one does already. */
sn_status sn_rundir_lock(struct sn_rundir *d, struct sn_error *err);

/* Opens the append-only files after cutting each to keep[] bytes; NULL: all
 * are emptied.  SN_ERR_INPUT when one is shorter than that, SN_ERR_OUTPUT. */
sn_status sn_rundir_logs(struct sn_rundir *d, const size_t *keep,
                         struct sn_error *err);

/* All that was logged is on disk; length[SN_RUN_LOGS] gets the lengths. */
sn_status sn_rundir_sync(struct sn_rundir *d, size_t *length,
                         struct sn_error *err);

/* The path of a file in it; buf holds SN_RUN_PATH bytes.  Returns buf. */
const char *sn_rundir_file(const struct sn_rundir *d, const char *name,
                           char *buf);

/* Writes a text file in it, whole or not at all; it ends with a newline.
 * SN_ERR_OUTPUT. */
sn_status sn_rundir_write(const struct sn_rundir *d, const char *name,
                          const char *text, struct sn_error *err);

/* Reads one.  Caller frees *text.  SN_ERR_INPUT. */
sn_status sn_rundir_read(const struct sn_rundir *d, const char *name,
                         char **text, size_t *bytes, struct sn_error *err);

void sn_rundir_close(struct sn_rundir *d);

#endif
