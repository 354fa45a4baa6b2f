#ifndef SN_BASE_JSON_H
#define SN_BASE_JSON_H

/* Thin helpers over jansson: files in and out, and members with their type
 * checked. */

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/status.h"

/* A real as JSON: null when it is not finite, which JSON has no word for. */
json_t *sn_json_real(double value);

/* A text that somebody else chose, such as a file's name, as JSON can have it:
 * where it is not UTF-8 its bytes from 0x80 on are written as \xNN. */
json_t *sn_json_name(const char *name);

/* Writes `root` whole or not at all, indented, reals with 9 digits, members in
 * the order they were added.  NULL says that memory ran out while it was built.
 * The reference to root is taken over. */
sn_status sn_json_write(const char *path, json_t *root, struct sn_error *err);

/* The same in one line, reals with 17 digits: they read back as the same
 * doubles.  For files that programs read. */
sn_status sn_json_write_exact(const char *path, json_t *root,
                              struct sn_error *err);

/* Reads a file of at most `limit` bytes that holds one object; repeated members
 * are refused.  The caller drops *root with json_decref(). */
sn_status sn_json_read(const char *path, size_t limit, json_t **root,
                       struct sn_error *err);

/* Members of an object.  `path` is for the message.  SN_ERR_INPUT when the
 * member is missing or of another type, or out of range. */
sn_status sn_json_get_int(const json_t *object, const char *key, int64_t min,
                          int64_t max, int64_t *value, const char *path,
                          struct sn_error *err);
sn_status sn_json_get_real(const json_t *object, const char *key, double *value,
                           const char *path, struct sn_error *err);
/* *value is borrowed from the object. */
sn_status sn_json_get_text(const json_t *object, const char *key,
                           const char **value, const char *path,
                           struct sn_error *err);

#endif
