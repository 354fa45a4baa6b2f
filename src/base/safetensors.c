/* Reading and writing safetensors files.
 *
 * The writer puts wide types first, as the format's own implementation does, so
 * that every array is aligned to its type, and pads the header so that the data
 * start on a multiple of 64 bytes.  The reader takes nothing on trust: it
 * copies no byte before all offsets are known to tile the data exactly. Numbers
 * are little endian, as every machine is that this program is built for. */

#include "base/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/file.h"
#include "base/os.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#    error "safetensors files are little endian, and so must this machine be"
#endif

enum { ALIGN = 64, PREFIX = 8, HEADER_MAX = 100 << 20, SHOWN = 120 };

static const struct {
    const char *name;
    size_t size;
} types[SN_DTYPE_COUNT] = {[SN_DTYPE_F64] = {"F64", 8},
                           [SN_DTYPE_F32] = {"F32", 4},
                           [SN_DTYPE_I64] = {"I64", 8},
                           [SN_DTYPE_I32] = {"I32", 4},
                           [SN_DTYPE_U8] = {"U8", 1}};

static char *copy_text(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

/* Bytes of an array; false when that overflows or an extent is negative. */
static bool bytes_of(sn_dtype dtype, int ndim, const int64_t *dims,
                     size_t *bytes)
{
    size_t product = types[dtype].size;
    bool empty = false;
    for (int i = 0; i < ndim; i++) {
        if (dims[i] < 0)
            return false;
        empty = empty || dims[i] == 0;
    }
    for (int i = 0; i < ndim && !empty; i++) {
        if ((uint64_t)dims[i] > (SIZE_MAX / 4) / product)
            return false;
        product *= (size_t)dims[i];
    }
    *bytes = empty ? 0 : product;
    return true;
}

/* "F32 [3, 4]" */
static void print_shape(char *buf, size_t size, sn_dtype dtype, int ndim,
                        const int64_t *dims)
{
    size_t n = (size_t)snprintf(buf, size, "%s [", types[dtype].name);
    for (int i = 0; i < ndim && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%lld", i ? ", " : "",
                              (long long)dims[i]);
    if (n < size)
        snprintf(buf + n, size - n, "]");
}

/* ---- writing ---- */

void sn_tensor_writer_init(struct sn_tensor_writer *w)
{
    *w = (struct sn_tensor_writer){.meta = json_object()};
    w->failed = !w->meta;
}

static bool make_room(struct sn_tensor_writer *w)
{
    if (w->count < w->capacity)
        return true;
    const size_t capacity = w->capacity ? 2 * w->capacity : 64;
    void *entry = realloc(w->entry, capacity * sizeof *w->entry);
    if (!entry)
        return false;
    w->entry = entry;
    w->capacity = capacity;
    return true;
}

void sn_tensor_writer_add(struct sn_tensor_writer *w, const char *name,
                          sn_dtype dtype, int ndim, const int64_t *dims,
                          const void *data)
{
    struct sn_tensor_entry e = {.dtype = dtype, .ndim = ndim, .data = data};
    SN_CHECK(ndim >= 0 && ndim <= SN_TENSOR_DIMS);
    SN_CHECK(strcmp(name, "__metadata__") != 0);
    SN_CHECK(bytes_of(dtype, ndim, dims, &e.bytes));
    for (size_t i = 0; i < w->count; i++)
        SN_CHECK(strcmp(w->entry[i].name, name) != 0);
    for (int i = 0; i < ndim; i++)
        e.dims[i] = dims[i];
    e.name = copy_text(name);
    if (!e.name || !make_room(w)) {
        free(e.name);
        w->failed = true;
        return;
    }
    w->entry[w->count++] = e;
}

void sn_tensor_writer_meta(struct sn_tensor_writer *w, const char *key,
                           const char *value)
{
    json_t *text = json_string(value);
    if (!text) { /* for one of two reasons */
        json_t *bytes = json_string_nocheck(value);
        if (bytes && !w->not_text)
            w->not_text = key;
        json_decref(bytes);
    }
    if (!w->failed)
        w->failed = json_object_set_new(w->meta, key, text) != 0;
    else
        json_decref(text);
}

sn_status sn_tensor_writer_status(const struct sn_tensor_writer *w,
                                  const char *path, struct sn_error *err)
{
    if (w->not_text)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: cannot be written: its '%s' is not UTF-8 text",
                       path, w->not_text);
    if (w->failed)
        return sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
    return SN_OK;
}

void sn_tensor_writer_release(struct sn_tensor_writer *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->entry[i].name);
    free(w->entry);
    json_decref(w->meta);
    *w = (struct sn_tensor_writer){0};
}

/* One tensor's member of the header. */
static json_t *describe(const struct sn_tensor_entry *e, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < e->ndim; i++)
        if (json_array_append_new(shape, json_integer(e->dims[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[e->dtype].name,
                     "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)begin + (json_int_t)e->bytes);
}

/* The order of the data: wide types first (the enum's order but for I64), then
 * as they were added. */
static void sort_by_width(const struct sn_tensor_writer *w, size_t *order)
{
    size_t n = 0;
    for (size_t width = 8; width >= 1; width /= 2)
        for (size_t i = 0; i < w->count; i++)
            if (types[w->entry[i].dtype].size == width)
                order[n++] = i;
}

/* The header's JSON, padded; NULL when memory ran out. */
static char *build_header(const struct sn_tensor_writer *w, const size_t *order,
                          size_t *length)
{
    json_t *root = json_object();
    bool ok = root != NULL;
    if (json_object_size(w->meta) > 0)
        ok = ok && json_object_set(root, "__metadata__", w->meta) == 0;
    size_t begin = 0;
    for (size_t i = 0; ok && i < w->count; i++) {
        const struct sn_tensor_entry *e = &w->entry[order[i]];
        ok = json_object_set_new(root, e->name, describe(e, begin)) == 0;
        begin += e->bytes;
    }
    char *json = ok ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!json)
        return NULL;

    const size_t n = strlen(json);
    *length = (n + PREFIX + ALIGN - 1) / ALIGN * ALIGN - PREFIX;
    char *padded = malloc(*length);
    if (padded) {
        memset(padded, ' ', *length);
        memcpy(padded, json, n);
    }
    free(json);
    return padded;
}

sn_status sn_tensor_writer_commit(struct sn_tensor_writer *w, const char *path,
                                  struct sn_error *err)
{
    size_t length = 0;
    SN_TRY(sn_tensor_writer_status(w, path, err));
    size_t *order = malloc((w->count + 1) * sizeof *order);
    char *header = NULL;
    sn_status rc = SN_OK;
    if (order) {
        sort_by_width(w, order);
        header = build_header(w, order, &length);
    }
    if (!header) {
        rc = sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
        goto out;
    }
    struct sn_file_writer file;
    rc = sn_file_create(&file, path, err);
    if (rc != SN_OK)
        goto out;
    const uint64_t prefix = length;
    sn_file_add(&file, &prefix, sizeof prefix);
    sn_file_add(&file, header, length);
    for (size_t i = 0; i < w->count; i++)
        sn_file_add(&file, w->entry[order[i]].data, w->entry[order[i]].bytes);
    rc = sn_file_commit(&file, err);
out:
    free(header);
    free(order);
    return rc;
}

/* ---- reading: the header ---- */

static sn_status bad(struct sn_error *err, const char *path, const char *name,
                     const char *what)
{
    return sn_fail(err, SN_ERR_INPUT, "%s: tensor '%.*s': %s", path, SHOWN,
                   name, what);
}

static sn_status parse_shape(const json_t *shape, struct sn_tensor_entry *e,
                             const char *path, struct sn_error *err)
{
    if (!json_is_array(shape) || json_array_size(shape) > SN_TENSOR_DIMS)
        return bad(err, path, e->name,
                   "\"shape\" is no list of at most 8 numbers");
    e->ndim = (int)json_array_size(shape);
    for (int i = 0; i < e->ndim; i++) {
        const json_t *extent = json_array_get(shape, (size_t)i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return bad(err, path, e->name,
                       "\"shape\" holds something else than whole numbers");
        e->dims[i] = json_integer_value(extent);
    }
    return SN_OK;
}

static sn_status parse_dtype(const json_t *dtype, struct sn_tensor_entry *e,
                             const char *path, struct sn_error *err)
{
    const char *name = json_string_value(dtype);
    for (int i = 0; name && i < SN_DTYPE_COUNT; i++)
        if (strcmp(types[i].name, name) == 0) {
            e->dtype = (sn_dtype)i;
            return SN_OK;
        }
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: tensor '%.*s': \"dtype\" is '%.*s'; expected F64, F32, "
                   "I64, I32 or U8",
                   path, SHOWN, e->name, SHOWN, name ? name : "no text");
}

/* One member of the header.  *begin is its first byte within the data. */
static sn_status parse_entry(const json_t *member, struct sn_tensor_entry *e,
                             size_t *begin, size_t data, const char *path,
                             struct sn_error *err)
{
    if (!json_is_object(member))
        return bad(err, path, e->name, "its description is no object");
    SN_TRY(parse_dtype(json_object_get(member, "dtype"), e, path, err));
    SN_TRY(parse_shape(json_object_get(member, "shape"), e, path, err));
    const json_t *offsets = json_object_get(member, "data_offsets");
    const json_t *first = json_array_get(offsets, 0);
    const json_t *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) ||
        !json_is_integer(last))
        return bad(err, path, e->name, "\"data_offsets\" are no two numbers");
    const json_int_t b = json_integer_value(first);
    const json_int_t d = json_integer_value(last);
    if (b < 0 || d < b || (uint64_t)d > data)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: tensor '%.*s': bytes %lld to %lld do not lie in "
                       "the file's %zu bytes of data",
                       path, SHOWN, e->name, (long long)b, (long long)d, data);
    if (!bytes_of(e->dtype, e->ndim, e->dims, &e->bytes) ||
        e->bytes != (size_t)(d - b)) {
        char shape[SHOWN];
        print_shape(shape, sizeof shape, e->dtype, e->ndim, e->dims);
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: tensor '%.*s': %lld bytes do not hold %s", path,
                       SHOWN, e->name, (long long)(d - b), shape);
    }
    *begin = (size_t)b;
    return SN_OK;
}

struct piece {
    struct sn_tensor_entry entry;
    size_t begin;
};

/* By offset; of two with the same, the empty one first. */
static int by_begin(const void *a, const void *b)
{
    const struct piece *p = a, *q = b;
    if (p->begin != q->begin)
        return p->begin < q->begin ? -1 : 1;
    if ((p->entry.bytes == 0) != (q->entry.bytes == 0))
        return p->entry.bytes == 0 ? -1 : 1;
    return strcmp(p->entry.name, q->entry.name);
}

/* Sorted pieces must tile the data. */
static sn_status check_tiling(const struct piece *piece, size_t count,
                              size_t data, const char *path,
                              struct sn_error *err)
{
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (piece[i].begin != end)
            return bad(err, path, piece[i].entry.name,
                       piece[i].begin < end
                           ? "its bytes overlap those of another"
                           : "there are bytes of no tensor in front of it");
        end += piece[i].entry.bytes;
    }
    if (end != data)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: %zu bytes at its end belong to no tensor", path,
                       data - end);
    return SN_OK;
}

static sn_status parse_meta(struct sn_tensor_file *f, json_t *meta,
                            struct sn_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(meta))
        return sn_fail(err, SN_ERR_INPUT, "%s: \"__metadata__\" is no object",
                       f->path);
    json_object_foreach(meta, key, value)
    {
        if (!json_is_string(value))
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: \"__metadata__\" of '%.*s' is no text", f->path,
                           SHOWN, key);
    }
    f->meta = json_incref(meta);
    return SN_OK;
}

/* The members of the header into f->entry, in the order of the data. */
static sn_status parse_members(struct sn_tensor_file *f, json_t *root,
                               size_t data, struct sn_error *err)
{
    const char *name;
    json_t *member;
    size_t n = 0, count = json_object_size(root);
    struct piece *piece = calloc(count + 1, sizeof *piece);
    f->entry = calloc(count + 1, sizeof *f->entry);
    sn_status rc = SN_OK;
    if (!piece || !f->entry)
        rc = sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", f->path);
    json_object_foreach(root, name, member)
    {
        if (rc != SN_OK)
            break;
        if (strcmp(name, "__metadata__") == 0) {
            rc = parse_meta(f, member, err);
            continue;
        }
        struct piece *p = &piece[n++];
        p->entry.name = copy_text(name);
        rc = p->entry.name
                 ? parse_entry(member, &p->entry, &p->begin, data, f->path, err)
                 : sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", f->path);
    }
    if (rc == SN_OK) {
        qsort(piece, n, sizeof *piece, by_begin);
        rc = check_tiling(piece, n, data, f->path, err);
    }
    for (size_t i = 0; i < n; i++) /* also half of them: close frees names */
        f->entry[i] = piece[i].entry;
    f->count = n;
    free(piece);
    return rc;
}

static sn_status parse_header(struct sn_tensor_file *f, const char *header,
                              size_t length, size_t data, struct sn_error *err)
{
    json_error_t why;
    if (length == 0 || header[0] != '{')
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is no safetensors file: its header is no JSON "
                       "object",
                       f->path);
    json_t *root = json_loadb(header, length, JSON_REJECT_DUPLICATES, &why);
    if (!root && json_error_code(&why) == json_error_out_of_memory)
        return sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", f->path);
    if (!root)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: its header is broken at byte %d: %s", f->path,
                       why.position, why.text);
    sn_status rc = parse_members(f, root, data, err);
    json_decref(root);
    return rc;
}

/* ---- reading: the file ---- */

static sn_status read_bytes(FILE *in, void *to, size_t bytes, const char *path,
                            struct sn_error *err)
{
    if (bytes && fread(to, 1, bytes, in) != bytes)
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be read: %s", path,
                       ferror(in) ? strerror(errno) : "it ends early");
    return SN_OK;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* The data, each array to an aligned place of its own. */
static sn_status read_data(struct sn_tensor_file *f, FILE *in,
                           struct sn_error *err)
{
    size_t total = ALIGN;
    for (size_t i = 0; i < f->count; i++)
        total += aligned(f->entry[i].bytes);
    f->block = sn_os_block(total);
    if (!f->block)
        return sn_fail(err, SN_ERR_MEMORY,
                       "%s: out of memory: %zu bytes to read", f->path, total);
    unsigned char *to = f->block;
    for (size_t i = 0; i < f->count; i++) {
        f->entry[i].data = to;
        SN_TRY(read_bytes(in, to, f->entry[i].bytes, f->path, err));
        to += aligned(f->entry[i].bytes);
    }
    return SN_OK;
}

static sn_status read_header(struct sn_tensor_file *f, FILE *in,
                             struct sn_error *err)
{
    struct stat st;
    uint64_t length;
    if (fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode))
        return sn_fail(err, SN_ERR_INPUT, "%s: is not a regular file", f->path);
    const size_t size = (size_t)st.st_size;
    if (size < PREFIX)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is no safetensors file: it has %zu bytes", f->path,
                       size);
    SN_TRY(read_bytes(in, &length, sizeof length, f->path, err));
    if (length > HEADER_MAX || length > size - PREFIX)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is no safetensors file: its header would have %llu "
                       "bytes, the file has %zu",
                       f->path, (unsigned long long)length, size);
    char *header = malloc((size_t)length + 1);
    if (!header)
        return sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", f->path);
    sn_status rc = read_bytes(in, header, (size_t)length, f->path, err);
    if (rc == SN_OK)
        rc = parse_header(f, header, (size_t)length,
                          size - PREFIX - (size_t)length, err);
    free(header);
    return rc;
}

sn_status sn_tensor_file_open(struct sn_tensor_file *f, const char *path,
                              struct sn_error *err)
{
    struct sn_tensor_file found = {0};
    FILE *in = fopen(path, "rb");
    if (!in) {
        char hint[300] = "";
        const int why = errno;
        if (why == ENOENT)
            sn_path_hint(hint, sizeof hint, path);
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be opened: %s%s", path,
                       strerror(why), hint);
    }
    found.path = copy_text(path);
    sn_status rc = SN_OK;
    if (!found.path)
        rc = sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
    if (rc == SN_OK)
        rc = read_header(&found, in, err);
    if (rc == SN_OK)
        rc = read_data(&found, in, err);
    fclose(in);
    if (rc == SN_OK)
        *f = found;
    else
        sn_tensor_file_close(&found);
    return rc;
}

const struct sn_tensor_entry *
sn_tensor_file_entry(const struct sn_tensor_file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->entry[i].name, name) == 0)
            return &f->entry[i];
    return NULL;
}

sn_status sn_tensor_file_find(const struct sn_tensor_file *f, const char *name,
                              sn_dtype dtype, int ndim, const int64_t *dims,
                              const void **data, struct sn_error *err)
{
    const struct sn_tensor_entry *e = sn_tensor_file_entry(f, name);
    if (!e)
        return bad(err, f->path, name, "is missing");
    bool same = e->dtype == dtype && e->ndim == ndim;
    for (int i = 0; same && i < ndim; i++)
        same = e->dims[i] == dims[i];
    if (!same) {
        char found[SHOWN], want[SHOWN];
        print_shape(found, sizeof found, e->dtype, e->ndim, e->dims);
        print_shape(want, sizeof want, dtype, ndim, dims);
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: tensor '%.*s' is %s; expected %s", f->path, SHOWN,
                       name, found, want);
    }
    *data = e->data;
    return SN_OK;
}

const char *sn_tensor_file_meta(const struct sn_tensor_file *f, const char *key)
{
    return json_string_value(json_object_get(f->meta, key));
}

void sn_tensor_file_close(struct sn_tensor_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->entry[i].name);
    free(f->entry);
    free(f->block);
    free(f->path);
    json_decref(f->meta);
    *f = (struct sn_tensor_file){0};
}
