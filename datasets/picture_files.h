#ifndef SN_DATASETS_PICTURE_FILES_H
#define SN_DATASETS_PICTURE_FILES_H

/* Picture files on their way into a finished net: decoded, fitted, normalised
 * and centred as those of its training were, by the same functions. */

#include "datasets/dataset.h"

/* What the net was trained on, and what it takes; borrowed. */
struct sn_picture_input {
    const struct sn_data_options *data;
    const struct sn_dataset *set; /* mean and deviation count */
    int channels;                 /* 3, or 1 of grey */
    int pixel_step;               /* values from pixel to pixel, >= channels */
};

/* Loads n files on all threads, picture i to
 *   x + i * size * size * pixel_step   [size, size, pixel_step] overwritten
 * why[i].code says whether it could be read, why[i].text why not: SN_OK or
 * SN_ERR_INPUT; its place is left as it was then.  SN_ERR_MEMORY for all of
 * them. */
sn_status sn_picture_files_load(float *x, const char *const *path, int n,
                                const struct sn_picture_input *in,
                                struct sn_error *why, struct sn_error *err);

#endif
