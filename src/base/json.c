/* JSON files through jansson. */

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

json_t *sn_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *sn_json_name(const char *name)
{
    json_t *text = json_string(name);
    if (text)
        return text;
    struct sn_text t = {0};
    for (; *name; name++)
        sn_text_add(&t, (unsigned char)*name < 0x80 ? "%c" : "\\x%02x",
                    (unsigned char)*name);
    char *plain = sn_text_take(&t);
    text = plain ? json_string(plain) : NULL;
    free(plain);
    return text;
}

static sn_status write_as(const char *path, json_t *root, size_t flags,
                          struct sn_error *err)
{
    char *text = NULL;
    if (root)
        text = json_dumps(root, flags);
    json_decref(root);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
    struct sn_file_writer w;
    sn_status rc = sn_file_create(&w, path, err);
    if (rc == SN_OK) {
        sn_file_add(&w, text, strlen(text));
        sn_file_add(&w, "\n", 1);
        rc = sn_file_commit(&w, err);
    }
    free(text);
    return rc;
}

sn_status sn_json_write(const char *path, json_t *root, struct sn_error *err)
{
    return write_as(path, root, JSON_INDENT(2) | JSON_REAL_PRECISION(9), err);
}

sn_status sn_json_write_exact(const char *path, json_t *root,
                              struct sn_error *err)
{
    return write_as(path, root, JSON_COMPACT | JSON_REAL_PRECISION(17), err);
}

sn_status sn_json_read(const char *path, size_t limit, json_t **root,
                       struct sn_error *err)
{
    char *text;
    size_t bytes;
    json_error_t why;
    SN_TRY(sn_file_read(path, limit, &text, &bytes, err));
    json_t *found = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
    free(text);
    if (!found && json_error_code(&why) == json_error_out_of_memory)
        return sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
    if (!found)
        return sn_fail(err, SN_ERR_INPUT, "%s:%d:%d: error: %s", path, why.line,
                       why.column, why.text);
    if (!json_is_object(found)) {
        json_decref(found);
        return sn_fail(err, SN_ERR_INPUT, "%s: is no JSON object", path);
    }
    *root = found;
    return SN_OK;
}

static sn_status wrong(const char *path, const char *key, const json_t *found,
                       const char *want, struct sn_error *err)
{
    return sn_fail(err, SN_ERR_INPUT, "%s: \"%s\" is %s; expected %s", path,
                   key, found ? "something else" : "missing", want);
}

sn_status sn_json_get_int(const json_t *object, const char *key, int64_t min,
                          int64_t max, int64_t *value, const char *path,
                          struct sn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_integer(member))
        return wrong(path, key, member, "a whole number", err);
    const int64_t found = json_integer_value(member);
    if (found < min || found > max)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: \"%s\" is %lld; expected %lld to %lld", path, key,
                       (long long)found, (long long)min, (long long)max);
    *value = found;
    return SN_OK;
}

sn_status sn_json_get_real(const json_t *object, const char *key, double *value,
                           const char *path, struct sn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_number(member))
        return wrong(path, key, member, "a number", err);
    *value = json_number_value(member);
    return SN_OK;
}

sn_status sn_json_get_text(const json_t *object, const char *key,
                           const char **value, const char *path,
                           struct sn_error *err)
{
    const json_t *member = json_object_get(object, key);
    if (!json_is_string(member))
        return wrong(path, key, member, "text", err);
    *value = json_string_value(member);
    return SN_OK;
}
