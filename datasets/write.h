#ifndef SN_DATASETS_WRITE_H
#define SN_DATASETS_WRITE_H

/* The pictures of a data set, one by one and as files. */

#include "datasets/dataset.h"
#include "datasets/image.h"

/* Image i of a set as a picture of its own, grey ones as RGB; *im is
 * overwritten and the caller's.  SN_ERR_MEMORY; SN_ERR_INPUT where it has to be
 * decoded. */
sn_status sn_dataset_picture(struct sn_image *im, const struct sn_images *set,
                             int i, struct sn_error *err);

/* Writes all pictures as dir/train/CLASS/000000.jpg (.png), and val and test;
 * `dir` must be new or empty.  SN_ERR_OUTPUT, SN_ERR_MEMORY, SN_ERR_INPUT. */
sn_status sn_dataset_write(const struct sn_dataset *set, const char *dir,
                           enum sn_image_format format, struct sn_error *err);

#endif
