#ifndef SN_BASE_SAFETENSORS_H
#define SN_BASE_SAFETENSORS_H

/* Named arrays in one file: the safetensors format.
 *
 *   u64 n (little endian); n bytes of JSON, padded with blanks; the data
 *
 * The JSON maps a name to {"dtype", "shape", "data_offsets": [begin, end]},
 * offsets counted from the start of the data, and "__metadata__" to a map from
 * text to text.  The data have neither holes nor overlaps. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum {
    SN_DTYPE_F64,
    SN_DTYPE_F32,
    SN_DTYPE_I64,
    SN_DTYPE_I32,
    SN_DTYPE_U8,
    SN_DTYPE_COUNT
} sn_dtype;

enum { SN_TENSOR_DIMS = 8 };

struct sn_tensor_entry {
    char *name; /* owned */
    sn_dtype dtype;
    int ndim;
    int64_t dims[SN_TENSOR_DIMS];
    size_t bytes;
    const void *data; /* 64-byte aligned when read, borrowed when written */
};

/* ---- writing ---- */

/* All zero before init. */
struct sn_tensor_writer {
    struct sn_tensor_entry *entry; /* owned */
    size_t count, capacity;
    void *meta;           /* json_t, owned */
    bool failed;          /* memory ran out, or: */
    const char *not_text; /* the key of a text that is not UTF-8, borrowed */
};

void sn_tensor_writer_init(struct sn_tensor_writer *w);

/* Adds an array; `data` is borrowed until commit.  A name that was used before
 * is a fault of ours, and so are dims whose product overflows.  Memory that ran
 * out is told by commit. */
void sn_tensor_writer_add(struct sn_tensor_writer *w, const char *name,
                          sn_dtype dtype, int ndim, const int64_t *dims,
                          const void *data);

/* Adds a text to the metadata; the key is borrowed until release.  Commit
 * refuses a value that is not UTF-8. */
void sn_tensor_writer_meta(struct sn_tensor_writer *w, const char *key,
                           const char *value);

/* Whether all that was added can be written to `path`: SN_ERR_INPUT when a text
 * is not UTF-8, SN_ERR_MEMORY. */
sn_status sn_tensor_writer_status(const struct sn_tensor_writer *w,
                                  const char *path, struct sn_error *err);

/* Writes the file whole or not at all.  SN_ERR_OUTPUT, and what the status
 * is. */
sn_status sn_tensor_writer_commit(struct sn_tensor_writer *w, const char *path,
                                  struct sn_error *err);

void sn_tensor_writer_release(struct sn_tensor_writer *w);

/* ---- reading ---- */

/* All zero when nothing is open. */
struct sn_tensor_file {
    char *path;                    /* owned */
    struct sn_tensor_entry *entry; /* owned; in the order of the data */
    size_t count;
    void *block; /* owned: all data, each array on a line of its own */
    void *meta;  /* json_t, owned; NULL without metadata */
};

/* Reads a file and checks it: header and JSON, known dtypes, shapes that match
 * the bytes, offsets without holes, overlaps or ends past the file.
 * SN_ERR_INPUT naming file and tensor, SN_ERR_MEMORY. */
sn_status sn_tensor_file_open(struct sn_tensor_file *f, const char *path,
                              struct sn_error *err);

/* The array `name`, which must have this type and shape; *data is borrowed from
 * the file.  SN_ERR_INPUT. */
sn_status sn_tensor_file_find(const struct sn_tensor_file *f, const char *name,
                              sn_dtype dtype, int ndim, const int64_t *dims,
                              const void **data, struct sn_error *err);

/* The entry `name`, of whatever type and shape; NULL when there is none. */
const struct sn_tensor_entry *
sn_tensor_file_entry(const struct sn_tensor_file *f, const char *name);

/* A text of the metadata, borrowed; NULL when there is none. */
const char *sn_tensor_file_meta(const struct sn_tensor_file *f,
                                const char *key);

/* Takes one that was never opened as well. */
void sn_tensor_file_close(struct sn_tensor_file *f);

#endif
