#ifndef SN_DATASETS_INSPECT_H
#define SN_DATASETS_INSPECT_H

/* What is wrong with the images of a set, all of it at once. */

#include <stdbool.h>

#include "datasets/catalog.h"
#include "datasets/image.h"

/* Kinds of findings; those up to SN_FIND_LAST_ERROR keep a set from being what
 * it is taken for, the others are worth knowing. */
enum sn_finding_kind {
    SN_FIND_BROKEN,     /* cannot be read; the text says why */
    SN_FIND_UNLABELLED, /* lies in no class's folder, has no label */
    SN_FIND_EMPTY,      /* a class without training images: no file */
    SN_FIND_STRANGE,    /* a class of val or test alone: no file */
    SN_FIND_LEAK,       /* the same picture in two parts */
    SN_FIND_CONFLICT,   /* the same picture in two classes */
    SN_FIND_DOUBLE,     /* the same picture twice in a class of a part */
    SN_FIND_FEW,        /* a class a tenth as large as the largest, or less */
    SN_FIND_FOREIGN,    /* pictures of kinds that are not read: no file */
    SN_FIND_OTHER,      /* files that are no pictures: no file */
    SN_FINDINGS
};

#define SN_FIND_LAST_ERROR SN_FIND_CONFLICT
#define SN_FINDING_TEXT    192

extern const char *const sn_finding_name[SN_FINDINGS];

struct sn_finding {
    enum sn_finding_kind kind;
    int entry;                  /* of the catalog, -1: about no single file */
    int other;                  /* the entry it is the same as, -1 */
    char text[SN_FINDING_TEXT]; /* "": the kind says all */
};

/* The sides of the sound pictures, sorted. */
struct sn_sides {
    int least, median, most;
};

struct sn_inspection {
    bool of_files;             /* false: no catalog, a set in memory */
    struct sn_catalog catalog; /* owned */
    int sound;                 /* pictures that can be read */
    struct sn_sides h, w;
    struct sn_finding *finding; /* owned; by kind, then by entry */
    int n, room;
    int count[SN_FINDINGS];
};

/* Reads every picture of `set = folder` or `list`, and looks for all of the
 * above.  Where the set has no test images some are set aside first, as for
 * training.  Two pictures are the same when all their pixels are, whatever
 * their files say besides.  What keeps a set from being listed at all is
 * SN_ERR_INPUT, as in sn_catalog_open(); SN_ERR_MEMORY. */
sn_status sn_inspect(struct sn_inspection *it, const struct sn_data_options *o,
                     struct sn_error *err);

/* How many of the findings are errors. */
int sn_inspection_errors(const struct sn_inspection *it);

void sn_inspection_release(struct sn_inspection *it);

#endif
