#ifndef SN_DATASETS_INTERNAL_H
#define SN_DATASETS_INTERNAL_H

/* What the readers of this room share with each other and with its tests. */

#include <dirent.h>
#include <stdbool.h>

#include "base/rng.h"
#include "datasets/dataset.h"
#include "datasets/loader.h"

/* ---- readers: one function a kind of set, listed in dataset.c ---- */

/* Fills classes, class_name, train and test of *set, which comes zeroed; name,
 * mean and deviation are the caller's.  After a failure the caller releases
 * what was already filled in. */
typedef sn_status sn_reader_fn(struct sn_dataset *set,
                               const struct sn_data_options *o, uint64_t seed,
                               struct sn_error *err);

sn_reader_fn sn_idx_read, sn_cifar10_read, sn_cifar100_read, sn_scenes_read,
    sn_photos_read;

/* Room for n images, n, h, w, c >= 1: sets the extents, pixels and labels of
 * *images.  SN_ERR_MEMORY. */
sn_status sn_images_alloc(struct sn_images *images, int n, int h, int w, int c,
                          struct sn_error *err);

void sn_images_release(struct sn_images *images);

/* Mean and deviation of channel ic, from how often each byte stands in the
 * training pixels: counts are exact, so nothing depends on the order of the
 * images. */
void sn_dataset_normalise(struct sn_dataset *set, int ic,
                          const uint64_t count[256]);

/* ---- split.c ---- */

/* The images of each class, class after class, in the order they have:
 *   index [n]           overwritten: those of class i stand in
 *                       [first[i], first[i + 1])
 *   first [classes + 1] overwritten
 * Labels outside [0, classes) are left out. */
void sn_group_classes(int *index, int *first, const int *labels, int n,
                      int classes);

/* Fisher-Yates on the counters (stream; i): shuffles n indices. */
void sn_shuffle(int *index, int n, struct sn_rng rng, uint32_t stream);

/* ---- files.c: folders and small text files ---- */

/* Bytes of a path that is a text option, a slash and one of our file names. */
#define SN_DATA_PATH (SN_TEXT_MAX + 64)

/* `dir` is a folder that can be listed.  Otherwise SN_ERR_INPUT: the absolute
 * path that was tried, the nearest folder that exists and what it holds, and
 * the command that fetches data set `fetch` (NULL: it is the user's own). */
sn_status sn_folder_check(const char *dir, const char *fetch,
                          struct sn_error *err);

/* Fails: `dir` exists but holds no file `what`.  The text tells what it holds
 * instead and how to fetch data set `fetch`.  Returns SN_ERR_INPUT. */
sn_status sn_folder_lacks(const char *dir, const char *what, const char *fetch,
                          struct sn_error *err);

/* For scandir(): whatever is not hidden. */
int sn_entry_is_visible(const struct dirent *e);

/* What scandir() gave. */
void sn_entries_free(struct dirent **entry, int n);

/* The size in bytes of the regular file `path`.  SN_ERR_INPUT when it is
 * missing, cannot be looked at, or is a folder, a pipe or a device. */
sn_status sn_file_size(const char *path, int64_t *bytes, struct sn_error *err);

/* The same, and when it was changed, in nanoseconds. */
sn_status sn_file_look(const char *path, int64_t *bytes, int64_t *mtime,
                       struct sn_error *err);

/* Class names, one a line, from `dir`/`file`; CR LF and blank lines at the end
 * are allowed.  *count is 0 when there is no such file.  SN_ERR_INPUT for
 * names that are too long, too many, blank in the middle or not text (UTF-8
 * without control characters). */
sn_status sn_class_names_read(char names[][SN_CLASS_NAME], int *count,
                              const char *dir, const char *file,
                              struct sn_error *err);

/* Names a set's classes "0", "1", ... */
void sn_class_names_number(struct sn_dataset *set);

/* ---- scenes_draw.c: the pictures of set `scenes` ---- */

#define SN_SCENE_CLASSES  10
#define SN_SCENE_OBJECTS  2 /* in one picture, at most */
#define SN_SCENE_SIDE_MIN 16

extern const char *const sn_scene_class[SN_SCENE_CLASSES];

/* The label of picture `item`: every run of SN_SCENE_CLASSES pictures that
 * starts at a multiple of it holds each class once. */
int sn_scene_label(struct sn_rng rng, uint32_t split, uint32_t item);

/* Draws picture `item` of `split`, a pure function of the arguments.
 *   pixels [side, side, 3] overwritten
 *   mask   [side, side]    overwritten: class + 1 of the object seen there
 *   boxes  [SN_SCENE_OBJECTS] the objects seen, the picture's own first
 * Returns the number of boxes, 1 or 2. */
int sn_scene_draw(struct sn_rng rng, uint32_t split, uint32_t item, int label,
                  int side, uint8_t *pixels, uint8_t *mask,
                  struct sn_box *boxes);

/* ---- augment.c: where a pixel of an augmented image comes from ---- */

#define SN_SIDE_MIN 8
#define SN_SIDE_MAX 512

/* The sizes of `a` against pictures of `side` pixels: SN_ERR_CONFIG. */
sn_status sn_augment_check(const struct sn_augment *a, int side,
                           struct sn_error *err);

/* What happens to one image in one epoch. */
struct sn_move {
    bool flip;
    int dx, dy;       /* the picture moves by so many pixels */
    int cut;          /* side of the square that is cut out, 0: none */
    int cut_x, cut_y; /* its corner */
};

/* The draw of image `image` in `epoch`, for pictures of `side` pixels. */
struct sn_move sn_augment_draw(const struct sn_augment *a, uint64_t seed,
                               int epoch, int image, int side);

/* from[i] = the column (or row) of a picture that column i shows after the
 * picture was shifted by `shift` and then mirrored if `flip`: (mirrored i) -
 * shift.  What lies outside [0, side) is reflected at the edges (the edge
 * itself not twice) if `reflect`, which needs |shift| < side. */
void sn_augment_map(int *from, int side, int shift, bool flip, bool reflect);

#endif
