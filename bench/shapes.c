/* The rows of shapes.csv; see shapes.h. */

#include "bench/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

const char *const sn_shape_class_name[SN_SHAPE_CLASSES] = {
    [SN_SHAPE_DENSE] = "dense",
    [SN_SHAPE_POINT] = "1x1",
    [SN_SHAPE_DEPTH] = "depthwise"};
const char *const sn_conv_pass_name[SN_CONV_PASSES] = {
    [SN_CONV_FWD] = "fwd",
    [SN_CONV_BWD_DATA] = "bwd_data",
    [SN_CONV_BWD_WEIGHT] = "bwd_weight"};

static const char header[] = "name,n,cin,h,w,cout,k,stride,groups";

enum { MOST_BYTES = 1 << 20, MOST_EXTENT = 1 << 16 };

static int strided(int extent, int stride)
{
    return (extent - 1) / stride + 1;
}

int sn_shape_oh(const struct sn_shape *s)
{
    return strided(s->h, s->stride);
}

int sn_shape_ow(const struct sn_shape *s)
{
    return strided(s->w, s->stride);
}

sn_shape_class sn_shape_class_of(const struct sn_shape *s)
{
    if (s->groups > 1)
        return SN_SHAPE_DEPTH;
    return s->k == 1 ? SN_SHAPE_POINT : SN_SHAPE_DENSE;
}

static double in_values(const struct sn_shape *s)
{
    return (double)s->n * s->h * s->w * s->cin;
}

static double out_values(const struct sn_shape *s)
{
    return (double)s->n * sn_shape_oh(s) * sn_shape_ow(s) * s->cout;
}

double sn_shape_flop(const struct sn_shape *s)
{
    return 2 * out_values(s) * s->k * s->k * s->cin / s->groups;
}

double sn_shape_bytes(const struct sn_shape *s, sn_conv_pass pass, bool fused)
{
    const double x = in_values(s), y = out_values(s);
    double values = x + y + (double)s->k * s->k * s->cin / s->groups * s->cout;
    if (fused && pass != SN_CONV_FWD)
        values += y;
    if (fused && pass == SN_CONV_BWD_DATA)
        values += x;
    return (double)sizeof(float) * values;
}

/* ---- reading ---- */

/* A number in [1, MOST_EXTENT] with `end` behind it; NULL when there is none,
 * else where the text goes on. */
static char *read_extent(char *at, char end, int *value)
{
    char *rest;
    const long n = strtol(at, &rest, 10);
    if (rest == at || *rest != end || n < 1 || n > MOST_EXTENT)
        return NULL;
    *value = (int)n;
    return rest + (end != '\0');
}

static bool read_row(struct sn_shape *s, char *line)
{
    int *const field[] = {&s->n,    &s->cin, &s->h,      &s->w,
                          &s->cout, &s->k,   &s->stride, &s->groups};
    enum { FIELDS = sizeof field / sizeof *field };
    char *at = strchr(line, ',');
    if (!at || at == line || at - line >= SN_SHAPE_NAME)
        return false;
    snprintf(s->name, sizeof s->name, "%.*s", (int)(at - line), line);
    at++;
    for (int i = 0; i < FIELDS && at; i++)
        at = read_extent(at, i + 1 < FIELDS ? ',' : '\0', field[i]);
    if (!at || s->k % 2 == 0)
        return false;
    return s->groups == 1 || (s->groups == s->cin && s->cin == s->cout);
}

/* One line of the file; the rows go behind each other into `shapes`. */
static sn_status read_line(struct sn_shape *shapes, int *count, char *line,
                           int number, const char *path, struct sn_error *err)
{
    line[strcspn(line, "\r")] = '\0';
    if (number == 1 && strcmp(line, header) != 0)
        return sn_fail(err, SN_ERR_INPUT, "%s:1: found `%.60s`, expected `%s`",
                       path, line, header);
    if (number == 1 || !*line)
        return SN_OK;
    if (!read_row(&shapes[*count], line))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s:%d: found `%.60s`, expected a name and eight "
                       "numbers from 1 on, k odd, groups 1 or as many as "
                       "there are channels",
                       path, number, line);
    ++*count;
    return SN_OK;
}

sn_status sn_shapes_read(struct sn_shape **shapes, int *count, const char *path,
                         struct sn_error *err)
{
    char *text;
    size_t bytes;
    int lines = 1, found = 0;
    SN_TRY(sn_file_read(path, MOST_BYTES, &text, &bytes, err));
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    struct sn_shape *rows = calloc((size_t)lines, sizeof *rows);
    sn_status rc = SN_OK;
    if (!rows)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for %d shapes", lines);
    char *at = text;
    for (int number = 1; number <= lines && rc == SN_OK; number++) {
        char *end = at + strcspn(at, "\n");
        const bool last = !*end;
        *end = '\0';
        rc = read_line(rows, &found, at, number, path, err);
        at = last ? end : end + 1;
    }
    free(text);
    if (rc != SN_OK) {
        free(rows);
        return rc;
    }
    *shapes = rows;
    *count = found;
    return SN_OK;
}

/* The length of the word that `list` begins with. */
static size_t word_length(const char *list)
{
    return strcspn(list, ",");
}

bool sn_conv_passes_read(bool passes[SN_CONV_PASSES], const char *list)
{
    memset(passes, 0, SN_CONV_PASSES * sizeof *passes);
    for (;;) {
        const size_t n = word_length(list);
        int pass = 0;
        while (pass < SN_CONV_PASSES &&
               (strlen(sn_conv_pass_name[pass]) != n ||
                strncmp(list, sn_conv_pass_name[pass], n) != 0))
            pass++;
        if (pass == SN_CONV_PASSES)
            return false;
        passes[pass] = true;
        if (!list[n])
            return true;
        list += n + 1;
    }
}

bool sn_shape_listed(const char *list, const char *name)
{
    if (!list)
        return true;
    for (;;) {
        const size_t n = word_length(list);
        if (strlen(name) == n && strncmp(list, name, n) == 0)
            return true;
        if (!list[n])
            return false;
        list += n + 1;
    }
}
