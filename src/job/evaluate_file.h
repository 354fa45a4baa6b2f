#ifndef SN_JOB_EVALUATE_FILE_H
#define SN_JOB_EVALUATE_FILE_H

/* Evaluation of a finished net from its file alone. */

#include "kernels/kernels.h"
#include "train/trainer.h"

typedef enum { SN_SPLIT_TEST, SN_SPLIT_VAL } sn_split_name;

struct sn_file_eval {
    char path[1024];
    char set[32]; /* the data set's name */
    int classes;
    struct sn_eval eval;
    struct sn_arch arch;
};

/* Evaluates the net of `path`, a run directory (its subnet.safetensors) or such
 * a file, on the images it was made for.  On the machine and instruction set
 * that trained it the accuracy is the run's own, to the last bit.
 * SN_ERR_INPUT, SN_ERR_MEMORY; SN_ERR_CONFIG when the split holds no images. */
sn_status sn_evaluate_file(struct sn_file_eval *e, const char *path,
                           sn_split_name split, unsigned isa, int threads,
                           struct sn_error *err);

#endif
