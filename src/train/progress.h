#ifndef SN_TRAIN_PROGRESS_H
#define SN_TRAIN_PROGRESS_H

/* What a person sees while a run trains: on a terminal one line that is drawn
 * over and over, elsewhere nothing but the lines that the caller writes. */

#include <stdio.h>

#include "train/trainer.h"

/* Bytes of a line, multi-byte signs included. */
enum { SN_PROGRESS_LINE = 256 };

struct sn_progress {
    FILE *out;    /* borrowed; NULL: nothing is shown */
    int columns;  /* of the terminal; 0: it is none, and no bar is drawn */
    bool color;   /* NO_COLOR is not set */
    bool unicode; /* the terminal's character set has the bar's signs */
    bool shown;   /* a bar stands on the terminal */

    const char *phase; /* borrowed: `search`, `derived`, `baseline` */
    int epochs;
    double budget;      /* seconds, 0: none; beside E[LAT] */
    double phase_start; /* clock when the phase's first step here began */
    double epoch_start; /* clock when the epoch's did */
    double drawn;       /* clock of the last drawing */
    long steps;         /* taken since phase_start */
    long images;        /* since epoch_start */
};

/* Shows on `out`, which may be NULL. */
void sn_progress_init(struct sn_progress *p, FILE *out);

/* A phase of so many epochs begins, or goes on after an interruption. */
void sn_progress_phase(struct sn_progress *p, const char *name, int epochs,
                       double budget);

/* A step was taken: draws the bar, at most some times a second. */
void sn_progress_step(struct sn_progress *p, const struct sn_step_report *r);

/* An epoch was finished: images a second over it and its wall time in seconds
 * (of what this process did of it). */
void sn_progress_epoch(struct sn_progress *p, double *images_per_second,
                       double *seconds);

/* Removes the bar, so that lines can be written. */
void sn_progress_clear(struct sn_progress *p);

#endif
