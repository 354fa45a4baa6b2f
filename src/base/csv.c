/* Comma-separated values, cut up in place (csv.h). */

#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "base/text.h"

/* ---- the file ---- */

/* Everything of `f`, which zlib unpacks where it is packed. */
static sn_status read_all(gzFile f, struct sn_text *t, const char *path,
                          size_t limit, struct sn_error *err)
{
    enum { CHUNK = 1 << 16 };
    char *chunk = malloc(CHUNK);
    int n = 0;
    if (!chunk)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory to read it", path);
    while (t->length <= limit && !t->failed &&
           (n = gzread(f, chunk, CHUNK)) > 0)
        sn_text_add_bytes(t, chunk, (size_t)n);
    free(chunk);
    if (t->failed)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory for its text", path);
    if (t->length > limit)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: holds more than %zu bytes; expected fewer", path,
                       limit);
    int why;
    const char *what = gzerror(f, &why);
    if (n < 0 || (why != Z_OK && why != Z_STREAM_END))
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be unpacked: %s", path,
                       what);
    return SN_OK;
}

static sn_status read_text(char **text, const char *path, size_t limit,
                           struct sn_error *err)
{
    struct sn_text t = {0};
    char *head;
    size_t bytes;
    /* the plain reader tells folders, missing and unreadable files apart */
    SN_TRY(sn_file_read(path, limit, &head, &bytes, err));
    free(head);
    gzFile f = gzopen(path, "rb");
    if (!f)
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be opened", path);
    sn_text_add_bytes(&t, "", 0);
    sn_status rc = read_all(f, &t, path, limit, err);
    gzclose(f);
    bytes = t.length;
    *text = rc == SN_OK ? sn_text_take(&t) : NULL;
    sn_text_release(&t);
    if (rc != SN_OK)
        return rc;
    if (!*text)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory for its text", path);
    if (strlen(*text) == bytes)
        return SN_OK;
    free(*text);
    *text = NULL;
    return sn_fail(err, SN_ERR_INPUT, "%s: holds a NUL byte; expected text",
                   path);
}

/* ---- lines and fields ---- */

/* The next line that holds something, without its end; NULL at the end. */
static char *next_line(struct sn_csv *c)
{
    while (*c->at) {
        char *line = c->at, *end = line + strcspn(line, "\n");
        c->at = *end ? end + 1 : end;
        c->line++;
        while (end > line && strchr(" \t\r", end[-1]))
            end--;
        *end = '\0';
        if (*line)
            return line;
    }
    return NULL;
}

/* Cuts one field off `*at`, which moves behind its comma; *last says that there
 * was none.  False when a quote does not end well. */
static bool cut(char **at, char **field, bool *last)
{
    char *from = *at, *to, *end;
    if (*from != '"') {
        *field = from;
        end = from + strcspn(from, ",");
        to = end;
        while (to > from && strchr(" \t", to[-1]))
            to--;
    } else {
        *field = ++from;
        for (to = from; *from && !(*from == '"' && from[1] != '"'); from++) {
            from += *from == '"'; /* two stand for one */
            *to++ = *from;
        }
        if (*from != '"')
            return false;
        end = from + 1;
        if (*end && *end != ',')
            return false;
    }
    *last = *end == '\0';
    *at = *last ? end : end + 1;
    *to = '\0';
    return true;
}

/* Cuts a line into at most `most` fields; *n is how many there were, most + 1
 * for any number above. */
static sn_status cut_line(const struct sn_csv *c, char *line, char **field,
                          int most, int *n, struct sn_error *err)
{
    bool last = false;
    for (*n = 0; !last; (*n)++) {
        char *one;
        if (!cut(&line, &one, &last))
            return sn_fail(err, SN_ERR_INPUT,
                           "%s:%d: a quote that does not end, or text behind "
                           "its end",
                           c->path, c->line);
        if (*n == most) {
            *n = most + 1;
            return SN_OK;
        }
        field[*n] = one;
    }
    return SN_OK;
}

/* `# key: value`; other comments say nothing to a program. */
static void take_fact(struct sn_csv *c, char *line)
{
    char *key = line + strspn(line, "# \t"), *colon = strchr(key, ':');
    if (!colon || c->facts == SN_CSV_MAX_FACTS)
        return;
    *colon = '\0';
    c->fact[c->facts++] = (struct sn_csv_fact){
        .key = key, .value = colon + 1 + strspn(colon + 1, " \t")};
}

static sn_status read_header(struct sn_csv *c, struct sn_error *err)
{
    char *line = next_line(c);
    for (; line && *line == '#'; line = next_line(c))
        take_fact(c, line);
    if (!line)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s:%d: found no header line; expected names of columns",
                       c->path, c->line ? c->line : 1);
    SN_TRY(cut_line(c, line, c->field, SN_CSV_MAX_COLUMNS, &c->columns, err));
    if (c->columns > SN_CSV_MAX_COLUMNS)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s:%d: found more than %d columns; expected fewer",
                       c->path, c->line, SN_CSV_MAX_COLUMNS);
    for (int i = 0; i < c->columns; i++) {
        char shown[64];
        c->column[i] = c->field[i];
        if (!*c->column[i])
            return sn_fail(err, SN_ERR_INPUT,
                           "%s:%d: column %d has no name; expected one",
                           c->path, c->line, i + 1);
        if (sn_csv_column(c, c->column[i]) < i)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s:%d: column '%s' stands there twice", c->path,
                           c->line,
                           sn_text_shown(shown, sizeof shown, c->column[i]));
    }
    return SN_OK;
}

sn_status sn_csv_open(struct sn_csv *c, const char *path, size_t limit,
                      struct sn_error *err)
{
    struct sn_csv found = {.path = path};
    SN_TRY(read_text(&found.text, path, limit, err));
    found.at = found.text;
    if (strncmp(found.at, "\xef\xbb\xbf", 3) == 0)
        found.at += 3; /* the mark that some programs put before UTF-8 */
    const sn_status rc = read_header(&found, err);
    if (rc == SN_OK)
        *c = found;
    else
        sn_csv_close(&found);
    return rc;
}

sn_status sn_csv_next(struct sn_csv *c, bool *more, struct sn_error *err)
{
    char *line = next_line(c);
    int n;
    while (line && *line == '#')
        line = next_line(c);
    *more = line != NULL;
    if (!line)
        return SN_OK;
    SN_TRY(cut_line(c, line, c->field, c->columns, &n, err));
    if (n != c->columns)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s:%d: found %s%d fields; expected %d, as in the "
                       "header",
                       c->path, c->line, n > c->columns ? "more than " : "",
                       n > c->columns ? c->columns : n, c->columns);
    return SN_OK;
}

int sn_csv_column(const struct sn_csv *c, const char *name)
{
    for (int i = 0; i < c->columns; i++)
        if (c->column[i] && strcmp(c->column[i], name) == 0)
            return i;
    return -1;
}

const char *sn_csv_fact(const struct sn_csv *c, const char *key)
{
    for (int i = 0; i < c->facts; i++)
        if (strcmp(c->fact[i].key, key) == 0)
            return c->fact[i].value;
    return NULL;
}

void sn_csv_close(struct sn_csv *c)
{
    free(c->text);
    *c = (struct sn_csv){0};
}
