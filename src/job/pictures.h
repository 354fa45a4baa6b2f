#ifndef SN_JOB_PICTURES_H
#define SN_JOB_PICTURES_H

/* The picture files that a command line names: files as they are given, and
 * what lies in folders. */

#include "base/text.h"

struct sn_pictures {
    struct sn_text names; /* paths, each with its NUL: owned */
    size_t *first;        /* [n] where each begins, owned */
    int n, room;
    int foreign; /* of folders: pictures of kinds that are not read */
};

/* The path of picture i, borrowed. */
const char *sn_pictures_path(const struct sn_pictures *p, int i);

/* Adds a file, whatever it is called, or all of a folder whose names end as
 * those of pictures do (datasets/image.h): folders in it as well, hidden ones
 * not, in the order of their names' bytes.  SN_ERR_INPUT when there is nothing
 * of the kind, SN_ERR_MEMORY. */
sn_status sn_pictures_add(struct sn_pictures *p, const char *path,
                          struct sn_error *err);

void sn_pictures_release(struct sn_pictures *p);

#endif
