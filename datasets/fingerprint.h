#ifndef SN_DATASETS_FINGERPRINT_H
#define SN_DATASETS_FINGERPRINT_H

/* What a data set is known by: enough to tell, long after a training, whether
 * the images that lie there now are those it was trained on.
 *
 * Of images in memory all pixels and labels count; of picture files their
 * paths within the set, their sizes, labels and parts, and the mean of the
 * training pixels, which is known anyway: no file is read for it.  Where a set
 * lies and when its files were changed does not count. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datasets/dataset.h"

/* The training images with the set's own validation images, or those of the
 * test. */
struct sn_part_print {
    int n;
    uint64_t digest;
};

struct sn_data_print {
    int classes;
    uint64_t names; /* digest of the class names in their order */
    struct sn_part_print train, test;
};

void sn_data_print(struct sn_data_print *p, const struct sn_dataset *set);

/* One line of plain text, and back; false when it is no such line.  Returns
 * buf. */
enum { SN_DATA_PRINT_TEXT = 120 };
const char *sn_data_print_text(char buf[SN_DATA_PRINT_TEXT],
                               const struct sn_data_print *p);
bool sn_data_print_parse(struct sn_data_print *p, const char *text);

/* Tells people what is not as it was: "there are 97 training images, there were
 * 96; the test images are others".  "" when all is.  Returns buf. */
const char *sn_data_print_changes(char *buf, size_t size,
                                  const struct sn_data_print *was,
                                  const struct sn_data_print *is);

/* Whether both are of the same images. */
bool sn_part_print_same(const struct sn_part_print *a,
                        const struct sn_part_print *b);

#endif
