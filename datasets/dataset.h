#ifndef SN_DATASETS_DATASET_H
#define SN_DATASETS_DATASET_H

/* A set of labelled images in memory, however it was stored.
 *
 * Readers (idx.c, cifar.c, scenes.c) fill a struct sn_dataset; nobody else
 * knows file formats.  Pixels are bytes, NHWC, as they were stored: zero
 * padding to the network's side, normalisation and augmentation happen when a
 * batch is made (loader.h). */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/option.h"
#include "base/status.h"

#define SN_CLASS_NAME 64

struct sn_store; /* datasets/store.h */

/* The objects of a picture: only `scenes` has them so far. */
struct sn_box {
    int label;
    float x0, y0, x1, y1; /* pixels, x1 and y1 exclusive */
};

struct sn_images {
    int n, h, w, c;
    uint8_t *pixels; /* [n, h, w, c] owned */
    int *labels;     /* [n] owned, each in [0, classes) */
    uint8_t *
        masks; /* [n, h, w] class + 1 per pixel, 0 background; or NULL, owned */
    struct sn_box *boxes; /* all pictures' boxes in order, or NULL, owned */
    int *first_box;       /* [n + 1] or NULL, owned */

    /* Pictures of files (folder, list): pixels are borrowed from the store, or
     * NULL where each is decoded when it is asked for. */
    const struct sn_store *store; /* borrowed, or NULL */
    int first;                    /* the store's picture that is image 0 here */
};

/* Who waits while a set is read, which takes minutes for many pictures, and
 * what else that depends on. */
struct sn_watch {
    FILE *out; /* a terminal is told what is going on; or NULL */
    const volatile sig_atomic_t *stop; /* not 0: the number of a signal that
                                        * ends the reading; or NULL */
    double memory; /* bytes that pictures may take of it at most; 0: what the
                    * system has left */
};

struct sn_dataset {
    char name[32];
    int classes;
    char class_name[SN_MAX_CLASSES][SN_CLASS_NAME];
    struct sn_images train, test;
    float mean[4], deviation[4]; /* of the training pixels / 255, per channel */
    int own_val;     /* the last so many training images are the set's own
                      * validation images; 0: it has none */
    char found[512]; /* for people: what was found; "": nothing to say */
    struct sn_store *store; /* what the images borrow from: owned, or NULL */
    const struct sn_watch *watch; /* borrowed while it is read; NULL: nobody */
};

enum sn_dataset_kind {
    SN_DATA_SCENES,
    SN_DATA_IDX,
    SN_DATA_CIFAR10,
    SN_DATA_CIFAR100,
    SN_DATA_FOLDER,
    SN_DATA_LIST
};

/* Section [data]. */
struct sn_data_options {
    int set;                /* enum sn_dataset_kind */
    char path[SN_TEXT_MAX]; /* of the files, or the list; unused for scenes */
    int size;               /* side of the images the network sees */
    double val;             /* share of the training set kept for validation */
    char augment[SN_TEXT_MAX];
    int fit;           /* enum sn_fit: of folder and list, as the three below */
    int cache;         /* enum sn_cache */
    bool skip_bad;     /* images that cannot be read are left out */
    double test_share; /* of each class, where there are no test images */
    int scenes_train, scenes_test; /* pictures drawn: keys train, test */
};

extern const struct sn_option_table sn_data_table;

/* Cross-checks the options and adds every fault to *err by sn_fail_more():
 * SN_ERR_CONFIG. */
sn_status sn_data_options_check(const struct sn_data_options *o,
                                struct sn_error *err);

/* Reads or draws the whole set, after sn_data_options_check().  Files that are
 * missing, short, long or hold labels out of range are SN_ERR_INPUT, naming the
 * file, what was found and what was expected; for a missing folder also the
 * nearest existing parent. `seed` is used by `scenes` alone.  On failure *set
 * is untouched. */
sn_status sn_dataset_open(struct sn_dataset *set,
                          const struct sn_data_options *o, uint64_t seed,
                          struct sn_error *err);

/* The same while somebody watches (NULL: nobody).  Also SN_INTERRUPTED and
 * SN_TERMINATED, after SIGINT and any other signal. */
sn_status sn_dataset_open_watched(struct sn_dataset *set,
                                  const struct sn_data_options *o,
                                  uint64_t seed, const struct sn_watch *watch,
                                  struct sn_error *err);

/* Bytes of memory that the images take.  Squares on disk are the system's to
 * keep or to drop. */
size_t sn_dataset_bytes(const struct sn_dataset *set);

void sn_dataset_release(struct sn_dataset *set);

/* How the training set is divided; disjoint, from the seed alone, and balanced
 * over classes (each class gives the same share, rounded).
 *   val     `val` of it: never trained on
 *   arch    `arch_share` of the rest: architecture steps of the search
 *   weights what remains after both;  full = weights + arch: final training */
struct sn_split {
    int *weights, *arch, *val, *full; /* image indices, ascending, owned */
    int n_weights, n_arch, n_val, n_full;
};

sn_status sn_split_make(struct sn_split *split, const struct sn_dataset *set,
                        double val, double arch_share, uint64_t seed,
                        struct sn_error *err);
void sn_split_release(struct sn_split *split);

#endif
