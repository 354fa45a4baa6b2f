/* A net's arrays in a file; see tensors.h.
 *
 * The checksum is a sum of hashes, one an array and one a text, so it does not
 * depend on the order in which the file holds them. */

#include "job/tensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const char checksum_key[] = "checksum";

enum { NAME_MAX_BYTES = SN_PARAM_NAME + 16, CHECKSUM_TEXT = 17 };

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return sn_hash(hash, text, strlen(text) + 1);
}

static void checksum(char text[CHECKSUM_TEXT],
                     const struct sn_tensor_entry *entry, size_t count,
                     void *meta)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sn_tensor_entry *e = &entry[i];
        const uint64_t name = hash_text(SN_HASH_START, e->name);
        sum += sn_hash(name, e->data, e->bytes);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)meta, key, value)
    {
        if (strcmp(key, checksum_key) != 0)
            sum += hash_text(hash_text(SN_HASH_START, key),
                             json_string_value(value));
    }
    snprintf(text, CHECKSUM_TEXT, "%016" PRIx64, sum);
}

/* ---- arrays ---- */

static const char *full_name(char *buf, const char *prefix,
                             const struct sn_param *it)
{
    SN_CHECK(snprintf(buf, NAME_MAX_BYTES, "%s%s", prefix, it->name) <
             NAME_MAX_BYTES);
    return buf;
}

/* Side of a k*k kernel. */
static int kernel_side(int taps)
{
    int k = 1;
    while (k * k < taps)
        k++;
    return k;
}

/* The shape of an entry as other tools know it.  Returns its dimensions. */
static int shape_of(int64_t dims[4], const struct sn_param *it)
{
    const int k = kernel_side(it->taps);
    switch (it->kind) {
    case SN_PARAM_CONV:
        dims[0] = dims[1] = k;
        dims[2] = it->rows / (k * k);
        dims[3] = it->cols;
        return 4;
    case SN_PARAM_DEPTHWISE:
        dims[0] = dims[1] = k;
        dims[2] = it->cols;
        dims[3] = 1;
        return 4;
    case SN_PARAM_LINEAR:
        dims[0] = it->rows;
        dims[1] = it->cols;
        return 2;
    default:
        dims[0] = it->cols;
        return 1;
    }
}

void sn_tensors_add(struct sn_tensor_writer *w, const char *prefix,
                    const struct sn_params *p, const sn_real *values)
{
    char name[NAME_MAX_BYTES];
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        int64_t dims[4];
        const int ndim = shape_of(dims, it);
        sn_tensor_writer_add(w, full_name(name, prefix, it), SN_DTYPE_F32, ndim,
                             dims, values + it->first);
    }
}

sn_status sn_tensors_take(const struct sn_tensor_file *f, const char *prefix,
                          const struct sn_params *p, sn_real *values,
                          struct sn_error *err)
{
    char name[NAME_MAX_BYTES];
    for (int id = 0; id < p->count; id++) {
        const struct sn_param *it = &p->item[id];
        const struct sn_tensor_entry *e =
            sn_tensor_file_entry(f, full_name(name, prefix, it));
        const int64_t rows_cols[] = {it->rows, it->cols};
        int64_t dims[4];
        int ndim = shape_of(dims, it);
        if (e && e->ndim == 2) { /* or as we hold them, which needs no more */
            memcpy(dims, rows_cols, sizeof rows_cols);
            ndim = 2;
        }
        const void *data;
        SN_TRY(
            sn_tensor_file_find(f, name, SN_DTYPE_F32, ndim, dims, &data, err));
        memcpy(values + it->first, data,
               (size_t)it->rows * (size_t)it->cols * sizeof *values);
    }
    return SN_OK;
}

/* ---- files ---- */

sn_status sn_tensors_commit(struct sn_tensor_writer *w, const char *path,
                            struct sn_error *err)
{
    char sum[CHECKSUM_TEXT];
    sn_status rc = sn_tensor_writer_status(w, path, err);
    if (rc == SN_OK) {
        checksum(sum, w->entry, w->count, w->meta);
        sn_tensor_writer_meta(w, checksum_key, sum);
        rc = sn_tensor_writer_commit(w, path, err);
    }
    sn_tensor_writer_release(w);
    return rc;
}

static sn_status check_file(const struct sn_tensor_file *f, const char *format,
                            struct sn_error *err)
{
    char sum[CHECKSUM_TEXT];
    const char *found, *is;
    SN_TRY(sn_tensors_meta(f, "format", &is, err));
    if (strcmp(is, format) != 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: is a '%.40s', expected a '%s'",
                       f->path, is, format);
    SN_TRY(sn_tensors_meta(f, checksum_key, &found, err));
    checksum(sum, f->entry, f->count, f->meta);
    if (strcmp(sum, found) != 0)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is damaged: its checksum is %s, the file says "
                       "%.40s",
                       f->path, sum, found);
    return SN_OK;
}

sn_status sn_tensors_open(struct sn_tensor_file *f, const char *path,
                          const char *format, struct sn_error *err)
{
    struct sn_tensor_file found = {0};
    SN_TRY(sn_tensor_file_open(&found, path, err));
    const sn_status rc = check_file(&found, format, err);
    if (rc == SN_OK)
        *f = found;
    else
        sn_tensor_file_close(&found);
    return rc;
}

sn_status sn_tensors_meta(const struct sn_tensor_file *f, const char *key,
                          const char **value, struct sn_error *err)
{
    *value = sn_tensor_file_meta(f, key);
    if (!*value)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: its metadata lack '%s'; expected a file written "
                       "by supernet",
                       f->path, key);
    return SN_OK;
}
