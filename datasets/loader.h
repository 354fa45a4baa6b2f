#ifndef SN_DATASETS_LOADER_H
#define SN_DATASETS_LOADER_H

/* Makes batches: order, augmentation, normalisation, zero padding.
 *
 * Every choice is a pure function of (seed, epoch, image), so a batch can be
 * made again in any order, by any number of threads, after any interruption. */

#include "datasets/dataset.h"

struct sn_ahead; /* datasets/ahead.h */

/* What is done to a training image, parsed from `augment = flip, translate:4,
 * cutout:8` or `none`. */
struct sn_augment {
    int flip;      /* alternating: image i is mirrored in epoch e iff
                    * hash(i) xor (e & 1), so two epochs show both sides */
    int translate; /* shift by up to so many pixels each way; the edges are
                    * reflected, or padded on, where the image is padded */
    int cutout;    /* a square of so many pixels is set to the mean */
};

sn_status sn_augment_parse(struct sn_augment *a, const char *text,
                           struct sn_error *err);

struct sn_loader {
    const struct sn_images *images; /* borrowed */
    const int *index;               /* borrowed: the images it draws from */
    int n;                          /* how many */
    int batch;
    int size; /* side of the output; smaller images are centred on zeros
               * (of the normalised value 0: the mean), larger ones box-averaged
               * or bilinearly resized */
    int channels, pixel_step; /* of the output: values of a pixel, distance */
    float mean[4], deviation[4];
    struct sn_augment augment; /* all zero: none */
    int shuffle;               /* 0: in the order of `index` */
    uint64_t seed;
    int *order;      /* [n] owned: this epoch's permutation */
    int order_epoch; /* epoch `order` was made for, -1 at first */

    /* Only where pictures are decoded when they are asked for: */
    struct sn_ahead *ahead; /* owned: decodes the next batch meanwhile */
    int *soon;              /* [batch] owned: its pictures */
    uint8_t *scratch;       /* [threads, one picture] owned */
    uint8_t *failed;        /* [batch] owned: the image could not be read */
    int fault; /* the first image that could not, -1: none so far */
};

/* Prepares a loader; takes no memory beyond what is `owned` above. */
sn_status sn_loader_init(struct sn_loader *l, const struct sn_dataset *set,
                         const struct sn_images *images, const int *index,
                         int n, int batch, int size, int pixel_step,
                         const struct sn_augment *augment, int shuffle,
                         uint64_t seed, struct sn_error *err);

/* Bytes that a loader of n of the images takes on so many threads, without what
 * the next function says. */
size_t sn_loader_bytes(const struct sn_images *images, int n, int batch,
                       int threads);

/* Bytes that decoding pictures takes at the worst moment, by however many
 * loaders; 0 where all are decoded already. */
size_t sn_loader_work(const struct sn_images *images, int threads);

/* Full batches of an epoch when shuffled (the ragged rest is dropped; it
 * changes from epoch to epoch); all batches, the last one ragged, otherwise. */
int sn_loader_batches(const struct sn_loader *l);

/* Batch `ib` of epoch `epoch`:
 *   x      [batch, size, size, pixel_step] overwritten, normalised; lanes
 *          between channels and pixel_step are set to 0
 *   labels [batch] overwritten
 * Returns how many images it holds.  Runs on the threads of OpenMP.
 *
 * Where the images' cache is off this decodes them, those of the next batch of
 * the epoch already while the caller is at work on this one.  So it takes
 * memory and can fail: such an image is all padding, and sn_loader_status()
 * tells. */
int sn_loader_batch(struct sn_loader *l, int epoch, int ib, float *x,
                    int *labels);

/* Whether every image of the batches so far could be read.  SN_ERR_INPUT,
 * naming the file and the reason. */
sn_status sn_loader_status(const struct sn_loader *l, struct sn_error *err);

void sn_loader_release(struct sn_loader *l);

#endif
