#ifndef SN_BASE_FILE_H
#define SN_BASE_FILE_H

/* Files: read whole, written whole or not at all, or appended to. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

/* ---- paths ---- */

/* dir/name, or just `name` when it is absolute or dir is NULL or empty; a
 * leading `./` or `../` of name is resolved against dir.  False (and an empty
 * text) when that does not fit. */
bool sn_path_join(char *buf, size_t size, const char *dir, const char *name);

/* The absolute folder that the file `path` stands in, symbolic links resolved.
 * SN_ERR_INPUT when there is no such folder. */
sn_status sn_path_folder(char *buf, size_t size, const char *path,
                         struct sn_error *err);

/* For an error message about a path that does not exist: "", or
 * "; did you mean 'x'?" with the nearest name in its folder, or
 * "; there is no folder 'd'" with the first part that is missing. */
void sn_path_hint(char *buf, size_t size, const char *path);

bool sn_file_exists(const char *path);

/* Where a file of this name is kept that can be made again: below
 * $XDG_CACHE_HOME/supernet, else ~/.cache/supernet, which is made.  False where
 * there is no such place. */
bool sn_path_cache(char *buf, size_t size, const char *name);

/* Makes a folder and those above it.  Fine when it is there already.
 * SN_ERR_OUTPUT. */
sn_status sn_dir_make(const char *path, struct sn_error *err);

/* ---- reading ---- */

/* Reads a whole regular file, at most `limit` bytes, into *data (owned by the
 * caller, with a NUL behind it).  SN_ERR_INPUT, SN_ERR_MEMORY. */
sn_status sn_file_read(const char *path, size_t limit, char **data,
                       size_t *bytes, struct sn_error *err);

/* ---- writing whole ---- */

/* A file under a temporary name beside the one it will have (`path`.tmp).
 * Errors of writing are kept and told by commit. */
struct sn_file_writer {
    FILE *file;
    char *path, *temp; /* owned */
    int failure;       /* errno of the first write that failed, 0 */
};

/* SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_file_create(struct sn_file_writer *w, const char *path,
                         struct sn_error *err);
void sn_file_add(struct sn_file_writer *w, const void *data, size_t bytes);

/* Flushes, fsyncs, renames over `path` and fsyncs the folder; after a failure
 * `path` is as it was before and the temporary file is gone.  Releases *w
 * either way. */
sn_status sn_file_commit(struct sn_file_writer *w, struct sn_error *err);

/* Removes the temporary file and releases *w; takes a committed one as well. */
void sn_file_abandon(struct sn_file_writer *w);

/* The three above in one. */
sn_status sn_file_write(const char *path, const void *data, size_t bytes,
                        struct sn_error *err);

/* ---- append-only logs ---- */

struct sn_log_file {
    FILE *file;
    char *path; /* owned */
};

/* Opens for appending, making the file when it is missing, after cutting it
 * back to `keep` bytes (SIZE_MAX: keep all).  SN_ERR_INPUT when it is shorter
 * than that, SN_ERR_OUTPUT. */
sn_status sn_log_file_open(struct sn_log_file *l, const char *path, size_t keep,
                           struct sn_error *err);

/* Appends formatted text and flushes it to the system. */
sn_status sn_log_file_add(struct sn_log_file *l, struct sn_error *err,
                          const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What was added is on disk, and *length the bytes of the file. */
sn_status sn_log_file_sync(struct sn_log_file *l, size_t *length,
                           struct sn_error *err);

/* Takes one that was never opened (all zero) as well. */
void sn_log_file_close(struct sn_log_file *l);

#endif
