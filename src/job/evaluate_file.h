#ifndef SN_JOB_EVALUATE_FILE_H
#define SN_JOB_EVALUATE_FILE_H

/* Evaluation of a finished net from its file alone. */

#include "job/weights.h"
#include "train/trainer.h"

/* The images to evaluate on: those the run tested with, those it kept out of
 * all training, and all others of the training set. */
typedef enum { SN_SPLIT_TEST, SN_SPLIT_VAL, SN_SPLIT_TRAIN } sn_split_name;

struct sn_file_eval {
    char path[SN_RUN_PATH];
    char set[32]; /* the data set's name */
    int classes;
    char (*class_name)[SN_CLASS_NAME]; /* [classes] owned */
    long *matrix; /* [classes, classes] images by label and guess, owned */
    struct sn_eval eval;
    struct sn_arch arch;
    char note[240]; /* what a user should know of the images; "": nothing */
};

/* Evaluates the net of `path`, a run directory (its subnet.safetensors) or such
 * a file, on the images it was made for.  On the machine and instruction set
 * that trained it the accuracy is the run's own, to the last bit; where those
 * images have changed since, e->note says so.  SN_ERR_INPUT, also when the
 * classes are others; SN_ERR_MEMORY; SN_ERR_CONFIG when the split holds no
 * images; *e holds nothing then. */
sn_status sn_evaluate_file(struct sn_file_eval *e, const char *path,
                           sn_split_name split, unsigned isa, int threads,
                           struct sn_error *err);

/* Images of one class, and how many of them were recognised. */
struct sn_class_eval {
    long images, correct;
    int taken_for; /* the class they were most often mistaken for, -1: none */
};
struct sn_class_eval sn_class_eval(const struct sn_file_eval *e, int label);

/* The matrix as CSV, a row a label, a column a guess.  Caller frees; NULL when
 * memory is short. */
char *sn_confusion_csv(const struct sn_file_eval *e);

void sn_file_eval_release(struct sn_file_eval *e);

#endif
