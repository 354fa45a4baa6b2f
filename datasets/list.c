/* set = list: a CSV file that says where each image lies and what it is.
 *
 *   path,label,split
 *   photos/0001.jpg,cat,train
 *   "photos/a, b.jpg",dog,val
 *
 * The first line may name the columns, in any order, others are passed over; a
 * file without such a line has path, label and, if there is a third column, the
 * split.  A path may also be called file, filename or image, a label class or
 * category, a split part or subset.  A split is a word as folders have it
 * (train, val, valid, ...), or empty: train.  Paths are relative to the list's
 * folder.  Classes are the labels in the order of their bytes.  A label that is
 * empty is none: the image is counted, not used.  Quotes as in RFC 4180. */

#include "datasets/catalog_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "datasets/image.h"

#define LIST_BYTES_MAX (1 << 30)
#define COLUMNS_MAX    64

enum column { PATH, LABEL, SPLIT, KNOWN };

enum { WORDS = 4 };

static const char *const column_name[KNOWN][WORDS] = {
    [PATH] = {"path", "file", "filename", "image"},
    [LABEL] = {"label", "class", "category"},
    [SPLIT] = {"split", "part", "subset"}};

/* The text, cut up in place. */
struct csv {
    char *at;
    int line; /* of the row that was read last */
    int next_line;
    char *field[COLUMNS_MAX]; /* of that row */
    int fields;
    const char *path;
    struct sn_error *err;
    int faults;
    int columns;               /* that the first row names; 0: it is data */
    int order[SN_MAX_CLASSES]; /* the classes met so far, by their names */
};

static void fault(struct csv *f, const char *why, const char *word)
{
    char shown[81] = "";
    if (word)
        sn_text_shown(shown, sizeof shown, word);
    (void)!sn_fail_more(f->err, SN_ERR_INPUT, "%s:%d: %s%s%s%s", f->path,
                        f->line, why, word ? " '" : "", shown, word ? "'" : "");
    f->faults++;
}

/* Reads the field at f->at: *field and *length without blanks or quotes around
 * it.  Returns where it ends: at a comma, a newline or the end of the text. */
static char *take_field(struct csv *f, char **field, size_t *length)
{
    char *from = f->at + strspn(f->at, " \t");
    *field = from;
    if (*from != '"') {
        char *end = from + strcspn(from, ",\n"), *last = end;
        while (last > from && strchr(" \t\r", last[-1]))
            last--;
        *length = (size_t)(last - from);
        return end;
    }
    char *to = from++; /* the text moves over its opening quote */
    for (; *from && !(*from == '"' && from[1] != '"'); from++) {
        from += *from == '"'; /* two stand for one */
        f->next_line += *from == '\n';
        *to++ = *from;
    }
    *length = (size_t)(to - *field);
    if (*from == '\0') {
        fault(f, "a quote that does not end", NULL);
        return from;
    }
    from += 1 + strspn(from + 1, " \t\r");
    const size_t more = strcspn(from, ",\n");
    if (more)
        fault(f, "text behind a closing quote", NULL);
    return from + more;
}

/* Cuts the next row into fields.  False at the end of the text. */
static bool next_row(struct csv *f)
{
    f->fields = 0;
    f->line = f->next_line;
    if (*f->at == '\0')
        return false;
    for (char stop = ','; stop == ',';) {
        char *field;
        size_t length;
        char *end = take_field(f, &field, &length);
        stop = *end;
        f->at = stop ? end + 1 : end;
        field[length] = '\0';
        if (f->fields < COLUMNS_MAX)
            f->field[f->fields++] = field;
    }
    f->next_line++;
    return true;
}

static bool is_blank(const struct csv *f)
{
    return f->fields == 1 && f->field[0][0] == '\0';
}

static bool is_column(const char *word, int column)
{
    for (int iw = 0; iw < WORDS && column_name[column][iw]; iw++)
        if (strcasecmp(word, column_name[column][iw]) == 0)
            return true;
    return false;
}

/* Where the columns stand; true when the row names them. */
static bool find_columns(const struct csv *f, int column[KNOWN])
{
    for (int ik = 0; ik < KNOWN; ik++) {
        column[ik] = -1;
        for (int i = 0; i < f->fields && column[ik] < 0; i++)
            if (is_column(f->field[i], ik))
                column[ik] = i;
    }
    if (column[PATH] >= 0 && column[LABEL] >= 0)
        return true;
    for (int ik = 0; ik < KNOWN; ik++)
        column[ik] = ik;
    return false;
}

/* ---- rows to entries ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* How many of the classes stand before `name` in the order of their names;
 * *found is the class that has it, or -1. */
static int place_of(const struct csv *f, const struct sn_catalog *c,
                    const char *name, int *found)
{
    int low = 0, high = c->classes;
    *found = -1;
    while (low < high && *found < 0) {
        const int middle = low + (high - low) / 2;
        const int sign = strcmp(c->class_name[f->order[middle]], name);
        if (sign == 0)
            *found = f->order[middle];
        if (sign < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The class of that name, which is made where it is new; in the order they are
 * met. */
static int class_of(struct csv *f, struct sn_catalog *c, const char *name)
{
    int found;
    char why[80];
    const int place = place_of(f, c, name, &found);
    if (found >= 0)
        return found;
    if (!sn_text_is_plain(name)) {
        fault(f,
              "a label that is not text, expected UTF-8 without control "
              "characters:",
              name);
        return SN_UNLABELLED;
    }
    if (strlen(name) >= SN_CLASS_NAME) {
        snprintf(why, sizeof why,
                 "the label is too long, expected at most %d bytes:",
                 SN_CLASS_NAME - 1);
        fault(f, why, name);
        return SN_UNLABELLED;
    }
    if (c->classes == SN_MAX_CLASSES) {
        snprintf(why, sizeof why,
                 "more than %d classes; this one is new:", SN_MAX_CLASSES);
        fault(f, why, name);
        return SN_UNLABELLED;
    }
    memmove(f->order + place + 1, f->order + place,
            (size_t)(c->classes - place) * sizeof *f->order);
    f->order[place] = c->classes;
    memcpy(c->class_name[c->classes], name, strlen(name) + 1);
    return c->classes++;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Says so when there is more in the row than the first row has names for. */
static bool row_is_too_long(struct csv *f)
{
    char why[96];
    int filled = f->fields;
    while (filled > 0 && !f->field[filled - 1][0])
        filled--; /* as tables end that a spreadsheet wrote */
    if (!f->columns || filled <= f->columns)
        return false;
    snprintf(why, sizeof why,
             "%d fields, expected %d; a comma within one needs quotes", filled,
             f->columns);
    fault(f, why, NULL);
    return true;
}

static sn_status take_row(struct csv *f, struct sn_catalog *c,
                          const int column[KNOWN])
{
    const char *value[KNOWN];
    for (int ik = 0; ik < KNOWN; ik++)
        value[ik] = column[ik] >= 0 && column[ik] < f->fields
                        ? f->field[column[ik]]
                        : "";
    if (row_is_too_long(f))
        return SN_OK;
    if (column[LABEL] >= f->fields || !value[PATH][0]) {
        fault(f, "expected a path, a comma and a label", NULL);
        return SN_OK;
    }
    if (has_control(value[PATH])) {
        fault(f, "a control character in a path, as after a stray quote:",
              value[PATH]);
        return SN_OK;
    }
    if (strlen(c->root) + strlen(value[PATH]) + 2 > SN_CATALOG_PATH) {
        fault(f, "the path is too long:", value[PATH]);
        return SN_OK;
    }
    const int part =
        value[SPLIT][0] ? sn_catalog_part(value[SPLIT]) : SN_IN_TRAIN;
    if (part == SN_IN_PARTS) {
        fault(f, "expected train, val or test as the split, found",
              value[SPLIT]);
        return SN_OK;
    }
    if (value[SPLIT][0] && !c->given[part][0])
        snprintf(c->given[part], sizeof c->given[part], "%.15s", value[SPLIT]);
    const int label =
        value[LABEL][0] ? class_of(f, c, value[LABEL]) : SN_UNLABELLED;
    SN_TRY(sn_catalog_add(c, value[PATH], label, (enum sn_part)part, f->err));
    c->entry[c->n + c->unlabelled - 1].line = f->line;
    return SN_OK;
}

/* What is wrong with a first row that does not name the columns, if it is no
 * image either. */
static bool first_row_is_odd(struct csv *f, const struct sn_catalog *c)
{
    char path[SN_CATALOG_PATH];
    const char *name = f->field[0];
    const char *other = f->fields == 1 ? strpbrk(name, ";\t|") : NULL;
    if (other) {
        fault(f,
              *other == ';'   ? "the fields are divided by ';', expected commas"
              : *other == '|' ? "the fields are divided by '|', expected commas"
                              : "the fields are divided by tabs, expected "
                                "commas",
              NULL);
        return true;
    }
    if (!name[0] || sn_is_picture_name(name) ||
        !sn_path_join(path, sizeof path, c->root, name) || sn_file_exists(path))
        return false;
    fault(f,
          "looks like a header, expected the words path and label, and split "
          "if there is one; there is no file",
          name);
    return true;
}

static sn_status take_rows(struct csv *f, struct sn_catalog *c)
{
    int column[KNOWN];
    bool begun = false;
    while (next_row(f)) {
        if (is_blank(f))
            continue;
        const bool named = !begun && find_columns(f, column);
        if (!begun && !named && first_row_is_odd(f, c))
            return SN_ERR_INPUT; /* once: all that follows would be as wrong */
        begun = true;
        if (named)
            f->columns = f->fields;
        else
            SN_TRY(take_row(f, c, column));
    }
    return f->faults ? SN_ERR_INPUT : SN_OK;
}

/* ---- all rows ---- */

/* A row, by its path. */
struct row {
    const char *path;
    const struct sn_entry *entry;
};

static int by_path(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    const int sign = strcmp(x->path, y->path);
    return sign ? sign : x->entry->line - y->entry->line;
}

/* The file was said to be something else in an earlier line. */
static void contradiction(struct csv *f, const struct sn_catalog *c,
                          const struct row *was, const struct row *is)
{
    const struct row *const both[] = {is, was};
    const char *label[2], *part[2];
    char shown[256];
    for (int i = 0; i < 2; i++) {
        const int l = both[i]->entry->label;
        label[i] = l == SN_UNLABELLED ? "of no class" : c->class_name[l];
        part[i] = sn_part_name[both[i]->entry->part];
    }
    (void)!sn_fail_more(
        f->err, SN_ERR_INPUT, "%s:%d: %s is %s, %s; in line %d it is %s, %s",
        f->path, is->entry->line, sn_text_shown(shown, sizeof shown, is->path),
        label[0], part[0], was->entry->line, label[1], part[1]);
    f->faults++;
}

/* No file may be in two classes, or in two parts. */
static sn_status find_contradictions(struct csv *f, const struct sn_catalog *c)
{
    const int n = c->n + c->unlabelled;
    struct row *row = malloc((size_t)n * sizeof *row + 1);
    if (!row)
        return sn_fail(f->err, SN_ERR_MEMORY, "no memory for %d rows", n);
    for (int i = 0; i < n; i++)
        row[i] = (struct row){c->names + c->entry[i].name, &c->entry[i]};
    qsort(row, (size_t)n, sizeof *row, by_path);
    for (int i = 1; i < n; i++) {
        const struct sn_entry *was = row[i - 1].entry, *is = row[i].entry;
        if (strcmp(row[i - 1].path, row[i].path) == 0 &&
            (was->label != is->label || was->part != is->part))
            contradiction(f, c, &row[i - 1], &row[i]);
    }
    free(row);
    return f->faults ? SN_ERR_INPUT : SN_OK;
}

/* There are rows, and not one of their files missing for a common reason. */
static sn_status check_rows(struct csv *f, const struct sn_catalog *c)
{
    const int n = c->n + c->unlabelled;
    char shown[256];
    if (n == 0)
        return sn_fail(f->err, SN_ERR_INPUT,
                       "%s: holds no rows, expected a path, a comma and a "
                       "label in each",
                       f->path);
    SN_TRY(find_contradictions(f, c));
    for (int i = 0; i < n; i++)
        if (c->entry[i].bytes >= 0)
            return SN_OK;
    const char *path = c->names + c->entry[0].name;
    return sn_fail(
        f->err, SN_ERR_INPUT,
        "%s:%d: there is no file %s, nor any other of the %d; paths "
        "are relative to the list's folder%s",
        f->path, c->entry[0].line, sn_text_shown(shown, sizeof shown, path), n,
        strchr(path, '\\') ? ", with '/' between folders, not '\\'" : "");
}

/* Brings the classes into the order of their names. */
static sn_status sort_classes(struct sn_catalog *c, struct sn_error *err)
{
    const size_t n = (size_t)c->classes;
    char(*met)[SN_CLASS_NAME] = malloc(n * sizeof *met + 1);
    int *place = malloc(n * sizeof *place + 1);
    if (!met || !place) {
        free(met);
        free(place);
        return sn_fail(err, SN_ERR_MEMORY, "no memory for class names");
    }
    memcpy(met, c->class_name, n * sizeof *met);
    qsort(c->class_name, n, sizeof *c->class_name, by_name);
    for (size_t i = 0; i < n; i++) {
        const char(*found)[SN_CLASS_NAME] =
            bsearch(met[i], c->class_name, n, sizeof *c->class_name, by_name);
        place[i] = (int)(found - (const char(*)[SN_CLASS_NAME])c->class_name);
    }
    for (int i = 0; i < c->n + c->unlabelled; i++)
        if (c->entry[i].label != SN_UNLABELLED)
            c->entry[i].label = place[c->entry[i].label];
    free(met);
    free(place);
    return SN_OK;
}

/* Lines of old editors end in '\r' alone. */
static void mend_lines(char *text)
{
    if (!strchr(text, '\n'))
        for (; (text = strchr(text, '\r')); text++)
            *text = '\n';
}

static bool is_utf16(const char *text, size_t bytes)
{
    return bytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 ||
                          memcmp(text, "\xfe\xff", 2) == 0);
}

sn_status sn_list_open(struct sn_catalog *c, const char *path,
                       struct sn_error *err)
{
    char *text;
    size_t bytes;
    SN_TRY(sn_file_read(path, LIST_BYTES_MAX, &text, &bytes, err));
    struct csv f = {.at = text, .next_line = 1, .path = path, .err = err};
    sn_status rc = SN_OK;
    if (is_utf16(text, bytes))
        rc = sn_fail(err, SN_ERR_INPUT, "%s: is UTF-16 text, expected UTF-8",
                     path);
    else if (strlen(text) != bytes)
        rc = sn_fail(err, SN_ERR_INPUT, "%s: holds a zero byte, expected text",
                     path);
    if (rc == SN_OK)
        rc = sn_path_folder(c->root, sizeof c->root, path, err);
    if (rc == SN_OK) {
        if (err)
            err->text[0] = '\0';
        if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
            f.at += 3; /* the mark of some editors */
        mend_lines(f.at);
        rc = take_rows(&f, c);
        if (rc == SN_OK)
            rc = check_rows(&f, c);
    }
    free(text);
    if (rc != SN_OK)
        return rc;
    if (c->classes < 2)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: names %d class%s, expected at least 2", path,
                       c->classes, c->classes == 1 ? "" : "es");
    if (!c->given[SN_IN_TRAIN][0] &&
        (c->given[SN_IN_VAL][0] || c->given[SN_IN_TEST][0]))
        snprintf(c->given[SN_IN_TRAIN], sizeof c->given[SN_IN_TRAIN], "%s",
                 sn_part_name[SN_IN_TRAIN]);
    return sort_classes(c, err);
}
