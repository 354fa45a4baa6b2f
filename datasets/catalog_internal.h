#ifndef SN_DATASETS_CATALOG_INTERNAL_H
#define SN_DATASETS_CATALOG_INTERNAL_H

/* How folder.c and list.c fill a catalog. */

#include <stdbool.h>

#include "base/rng.h"
#include "datasets/catalog.h"
#include "datasets/datasets_internal.h"

#define SN_CATALOG_MAX 100000000 /* images */

/* The part that a folder or a word of a list names, in any case: train, val,
 * valid, validation, test, ...; SN_IN_PARTS for any other word. */
int sn_catalog_part(const char *word);

/* Counts a file that is no picture, or none that is read. */
void sn_catalog_other(struct sn_catalog *c, const char *name);

/* Adds a picture; `name` is relative to c->root, or absolute.  SN_ERR_MEMORY.
 */
sn_status sn_catalog_add(struct sn_catalog *c, const char *name, int label,
                         enum sn_part part, struct sn_error *err);

/* Keeps what is said of a folder that is no class of the set.  SN_ERR_MEMORY.
 */
sn_status sn_catalog_strange(struct sn_catalog *c, const char *text,
                             struct sn_error *err);

/* Brings the entries into their order, once all were added or a part was
 * changed.  SN_ERR_MEMORY. */
sn_status sn_catalog_sort(struct sn_catalog *c, struct sn_error *err);

sn_status sn_folder_open(struct sn_catalog *c, const char *path,
                         struct sn_error *err);
sn_status sn_list_open(struct sn_catalog *c, const char *path,
                       struct sn_error *err);

#endif
