#ifndef SN_JOB_WEIGHTS_H
#define SN_JOB_WEIGHTS_H

/* Files of weights.
 *
 *   supernet.safetensors   the shared weights of a finished search
 *   subnet.safetensors     a finished net with all that evaluating it needs:
 *                          arch, class names, normalisation, data options,
 *                          what the images are known by, weights,
 *                          batch-norm statistics */

#include "datasets/dataset.h"
#include "datasets/fingerprint.h"
#include "job/rundir.h"
#include "search/supernet.h"

#define SN_SUPERNET_FILE "supernet.safetensors"
#define SN_SUBNET_FILE   "subnet.safetensors"
#define SN_BASELINE_FILE "baseline.safetensors"

sn_status sn_supernet_save(const struct sn_rundir *dir,
                           const struct sn_supernet *net, struct sn_error *err);

/* Into a net of the same space.  SN_ERR_INPUT when the file is missing,
 * damaged or another space's. */
sn_status sn_supernet_load(const struct sn_rundir *dir, struct sn_supernet *net,
                           struct sn_error *err);

/* Whether a net for these images can be written: SN_ERR_INPUT where the name of
 * a class, or the path of the data, is not UTF-8 text of one line. */
sn_status sn_subnet_check(const struct sn_dataset *set,
                          const struct sn_data_options *data,
                          struct sn_error *err);

/* Writes a finished net, as file `name` of the run.  What sn_subnet_check()
 * refuses, SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_subnet_save(const struct sn_rundir *dir, const char *name,
                         const struct sn_supernet *net,
                         const struct sn_arch *arch,
                         const struct sn_dataset *set,
                         const struct sn_data_options *data, uint64_t seed,
                         int batch, struct sn_error *err);

/* A finished net, as its file describes it. */
struct sn_subnet {
    struct sn_arch arch;
    struct sn_supernet net;      /* owned */
    struct sn_data_options data; /* what it was trained on */
    uint64_t seed;               /* of the run: scenes, and the val split */
    int batch;                   /* images of a pass: other sizes, other bits */
    int image_h, image_w; /* of a picture, at most the input's: the loader
                           * centres smaller ones */
    float mean[4], deviation[4];
    int classes;
    char (*class_name)[SN_CLASS_NAME]; /* [classes] owned */
    bool has_print;             /* files from before it was written have none */
    struct sn_data_print print; /* of the images it was trained on */
};

/* SN_ERR_INPUT when the file is missing or malformed. */
sn_status sn_subnet_open(struct sn_subnet *s, const char *path,
                         struct sn_error *err);
void sn_subnet_release(struct sn_subnet *s);

#endif
