#ifndef SN_DATASETS_CATALOG_H
#define SN_DATASETS_CATALOG_H

/* Which picture files there are, and what each is: the common form of class
 * folders (folder.c) and image lists (list.c).  Nothing is decoded here. */

#include <stddef.h>
#include <stdint.h>

#include "datasets/dataset.h"

enum sn_part { SN_IN_TRAIN, SN_IN_VAL, SN_IN_TEST, SN_IN_PARTS };

extern const char *const sn_part_name[SN_IN_PARTS]; /* train, val, test */

#define SN_UNLABELLED (-1)

struct sn_entry {
    size_t name;   /* where its path begins in `names` */
    int64_t bytes; /* of the file; -1: missing, or no regular file */
    int64_t mtime; /* when it was changed, nanoseconds */
    int label;     /* of [0, classes), or SN_UNLABELLED */
    int part;      /* enum sn_part */
    int line;      /* of the list; 0 in folders */
};

struct sn_catalog {
    char root[SN_TEXT_MAX]; /* what relative paths are relative to */
    char *names;            /* paths, each with its NUL: owned */
    size_t names_bytes, names_room;
    struct sn_entry *entry; /* owned: by part, then as found */
    int n, room;
    int classes;
    char (*class_name)[SN_CLASS_NAME]; /* [SN_MAX_CLASSES] owned */
    char given[SN_IN_PARTS][16]; /* what the set calls its parts; "" where it
                                  * has none of its own */
    char **strange; /* [n_strange] owned: what is said of folders of
                     * val or test that are no class of train */
    int n_strange;
    int unlabelled; /* pictures of no class: entries n, n + 1, ... */
    int foreign;    /* files named as pictures of kinds that are not read */
    int others;     /* files whose name is not that of a picture at all */
    char a_foreign[SN_CLASS_NAME], other[SN_CLASS_NAME]; /* one of each, as it
                                                          * can be shown */
};

/* Lists the pictures of `set = folder` or `set = list`.  SN_ERR_INPUT for what
 * cannot be listed or contradicts itself, SN_ERR_MEMORY. */
sn_status sn_catalog_open(struct sn_catalog *c, const struct sn_data_options *o,
                          struct sn_error *err);

void sn_catalog_release(struct sn_catalog *c);

/* The path of entry i as it can be opened.  Returns buf. */
enum { SN_CATALOG_PATH = 4096 };
const char *sn_catalog_path(const struct sn_catalog *c, int i,
                            char buf[SN_CATALOG_PATH]);

/* How many entries of a part. */
int sn_catalog_count(const struct sn_catalog *c, enum sn_part part);

/* How many entries of each class of each part. */
struct sn_tally {
    int n[SN_IN_PARTS][SN_MAX_CLASSES];
};

void sn_catalog_tally(struct sn_tally *t, const struct sn_catalog *c);

/* Where there are no test images: sets a share of each class's training images
 * aside for them, at least one of two and never all.  Which ones does not
 * depend on the seed of a run, so that results of several runs compare.  Files
 * of a class that are the same to the last byte stay together and count as one:
 * a copy in the test set would be a picture that was trained on.
 * SN_ERR_MEMORY. */
sn_status sn_catalog_set_aside(struct sn_catalog *c, double share,
                               struct sn_error *err);

/* One line on what was found, for people. */
void sn_catalog_found(const struct sn_catalog *c, char *buf, size_t size);

#endif
