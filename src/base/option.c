/* Options: text into typed fields and back.
 *
 * Parsing is strict.  A number is a plain decimal with nothing behind it, a
 * quantity has its unit, a name is spelled as in the table.  A value is parsed
 * into a `union sn_option_value` first and copied into the field only when all
 * of it was right, so a failed parse leaves the field as it was.  Messages
 * carry neither file nor line; sn_config_read() puts those in front. */

#include "base/option.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/option_internal.h"
#include "base/text.h"

enum { NAMES_MAX = 64, EXPECTED_MAX = 384 };

/* ---- numbers ---- */

static bool in_range(const struct sn_option *o, double v)
{
    return o->min > o->max || (v >= o->min && v <= o->max);
}

/* Letters of `text` that form a plain decimal number: -12, 0.5, 1e-3.  No hex,
 * no inf, no nan, no leading plus or space. */
static size_t number_length(const char *text)
{
    const char *p = text;
    if (*p == '-')
        p++;
    const size_t whole = strspn(p, "0123456789");
    p += whole;
    size_t fraction = 0;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789");
        p += 1 + fraction;
    }
    if (whole + fraction == 0)
        return 0;
    if (*p == 'e' || *p == 'E') {
        const char *e = p + 1 + (p[1] == '-' || p[1] == '+');
        const size_t exponent = strspn(e, "0123456789");
        if (exponent)
            p = e + exponent;
    }
    return (size_t)(p - text);
}

static sn_status parse_int(const struct sn_option *o, const char *text,
                           int *value, struct sn_error *err)
{
    char want[EXPECTED_MAX];
    sn_option_expected(o, want, sizeof want);
    const char *digits = text + (*text == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' is not a whole number; expected %s", text, want);
    errno = 0;
    const long v = strtol(text, NULL, 10);
    if (errno || v < INT_MIN || v > INT_MAX || !in_range(o, (double)v))
        return sn_fail(err, SN_ERR_CONFIG, "%s is out of range; expected %s",
                       text, want);
    *value = (int)v;
    return SN_OK;
}

static sn_status parse_uint64(const struct sn_option *o, const char *text,
                              uint64_t *value, struct sn_error *err)
{
    if (!*text || text[strspn(text, "0123456789")])
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' is not a whole number; expected 0 to %llu", text,
                       (unsigned long long)UINT64_MAX);
    errno = 0;
    const unsigned long long v = strtoull(text, NULL, 10);
    if (errno || !in_range(o, (double)v))
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s is out of range; expected 0 to %llu", text,
                       (unsigned long long)UINT64_MAX);
    *value = v;
    return SN_OK;
}

static sn_status parse_real(const struct sn_option *o, const char *text,
                            double *value, struct sn_error *err)
{
    char want[EXPECTED_MAX];
    sn_option_expected(o, want, sizeof want);
    const size_t n = number_length(text);
    if (n == 0 || text[n])
        return sn_fail(err, SN_ERR_CONFIG, "'%s' is not a number; expected %s",
                       text, want);
    const double v = strtod(text, NULL);
    if (!isfinite(v) || !in_range(o, v))
        return sn_fail(err, SN_ERR_CONFIG, "%s is out of range; expected %s",
                       text, want);
    *value = v;
    return SN_OK;
}

static sn_status parse_count(const struct sn_option *o, const char *text,
                             int *value, struct sn_error *err)
{
    SN_CHECK(o->word);
    if (strcmp(text, o->word) == 0) {
        *value = 0;
        return SN_OK;
    }
    char want[EXPECTED_MAX];
    sn_option_expected(o, want, sizeof want);
    if (parse_int(o, text, value, NULL) != SN_OK || *value < 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' is no number of %s; expected %s", text, o->unit,
                       want);
    return SN_OK;
}

static sn_status parse_quantity(const struct sn_option *o, const char *text,
                                struct sn_quantity *q, struct sn_error *err)
{
    const struct sn_option_unit *units = sn_option_units(o->type);
    char want[EXPECTED_MAX];
    sn_option_expected(o, want, sizeof want);
    const size_t n = number_length(text);
    const char *unit = text + n + strspn(text + n, " \t");
    if (n == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' does not start with a number; expected %s", text,
                       want);
    if (!*unit)
        return sn_fail(err, SN_ERR_CONFIG, "'%s' has no unit; expected %s",
                       text, want);

    const bool percent = o->allow_percent && strcmp(unit, "%") == 0;
    const struct sn_option_unit *u = percent ? &sn_option_percent : units;
    while (!percent && u->name && strcmp(u->name, unit) != 0)
        u++;
    if (!u->name)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' has no known unit; expected %s", text, want);
    const struct sn_quantity found = {
        .set = true,
        .percent = percent,
        .value = sn_option_unit_value(u, strtod(text, NULL))};
    const bool ranged = o->min <= o->max && !found.percent;
    if (!isfinite(found.value) ||
        !(ranged ? in_range(o, found.value) : found.value > 0))
        return sn_fail(err, SN_ERR_CONFIG, "'%s' is out of range; expected %s",
                       text, want);
    *q = found;
    return SN_OK;
}

/* ---- words ---- */

static sn_status parse_name(const struct sn_option *o, const char *text,
                            int *value, struct sn_error *err)
{
    const char *known[NAMES_MAX];
    size_t count = 0;
    for (const struct sn_option_name *n = o->names; n->name; n++) {
        if (strcmp(n->name, text) == 0) {
            *value = n->value;
            return SN_OK;
        }
        if (count < NAMES_MAX)
            known[count++] = n->name;
    }
    char want[EXPECTED_MAX];
    sn_option_expected(o, want, sizeof want);
    const char *near = sn_nearest(text, known, count);
    return sn_fail(err, SN_ERR_CONFIG, "'%s' is not known; expected %s%s%s%s",
                   text, want, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static sn_status parse_bool(const char *text, bool *value, struct sn_error *err)
{
    const bool yes = strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0)
        return sn_fail(err, SN_ERR_CONFIG, "'%s' is neither yes nor no", text);
    *value = yes;
    return SN_OK;
}

/* Whether an INI file would take the rest of this text for a comment. */
static bool starts_comment(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((*p == '#' || *p == ';') &&
            (p == text || p[-1] == ' ' || p[-1] == '\t'))
            return true;
    return false;
}

static sn_status parse_text(const char *text, const char *dir,
                            char field[SN_TEXT_MAX], struct sn_error *err)
{
    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p))
            return sn_fail(err, SN_ERR_CONFIG,
                           "the value holds the control character 0x%02x",
                           (unsigned)(unsigned char)*p);
    char whole[2 * SN_TEXT_MAX];
    if (!sn_path_join(whole, sizeof whole, dir, text) ||
        strlen(whole) >= SN_TEXT_MAX)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%.40s...' is too long; expected at most %d bytes%s",
                       text, SN_TEXT_MAX - 1, dir ? " with its folder" : "");
    if (starts_comment(whole))
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' would be cut at its # or ; which starts a comment",
                       whole);
    memcpy(field, whole, strlen(whole) + 1);
    return SN_OK;
}

/* ---- lists ---- */

/* Adds a value; refuses a second one of the same and one too many. */
static sn_status list_add(struct sn_int_list *list, int value, const char *word,
                          struct sn_error *err)
{
    for (int i = 0; i < list->count; i++)
        if (list->value[i] == value)
            return sn_fail(err, SN_ERR_CONFIG, "'%s' stands in the list twice",
                           word);
    if (list->count == SN_LIST_MAX)
        return sn_fail(err, SN_ERR_CONFIG, "the list has more than %d entries",
                       SN_LIST_MAX);
    list->value[list->count++] = value;
    return SN_OK;
}

/* Takes up a..b as it stands. */
static sn_status keep_range(struct sn_int_list *list, int first, int last,
                            struct sn_error *err)
{
    if (list->first)
        return sn_fail(err, SN_ERR_CONFIG,
                       "the list has two ranges; expected at most one");
    list->first = first;
    list->last = last;
    return SN_OK;
}

/* One entry of a list of numbers: `3` or `2..4`. */
static sn_status parse_int_entry(const struct sn_option *o, char *word,
                                 struct sn_int_list *list, struct sn_error *err)
{
    int first, last;
    char *dots = strstr(word, "..");
    if (!dots) {
        SN_TRY(parse_int(o, word, &first, err));
        return list_add(list, first, word, err);
    }
    *dots = '\0';
    SN_TRY(parse_int(o, word, &first, err));
    SN_TRY(parse_int(o, dots + 2, &last, err));
    if (first >= last)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s..%s' does not ascend; expected a..b with a < b",
                       word, dots + 2);
    if (o->type == SN_OPT_STEP_LIST)
        return keep_range(list, first, last, err);
    for (int v = first; v <= last; v++) {
        char text[16];
        snprintf(text, sizeof text, "%d", v);
        SN_TRY(list_add(list, v, text, err));
    }
    return SN_OK;
}

/* One entry of a list of decimals. */
static sn_status parse_decimal_entry(const struct sn_option *o,
                                     const char *word, struct sn_int_list *list,
                                     struct sn_error *err)
{
    char want[EXPECTED_MAX];
    int value;
    sn_option_expected(o, want, sizeof want);
    if (!sn_text_read_thousandths(word, &value))
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' is not a number of at most three decimals; "
                       "expected %s",
                       word, want);
    if (!in_range(o, value / 1000.0))
        return sn_fail(err, SN_ERR_CONFIG, "%s is out of range; expected %s",
                       word, want);
    return list_add(list, value, word, err);
}

static sn_status parse_name_entry(const struct sn_option *o, char *word,
                                  struct sn_int_list *list,
                                  struct sn_error *err)
{
    int value;
    SN_TRY(parse_name(o, word, &value, err));
    return list_add(list, value, word, err);
}

/* Removes blanks at both ends of a word, in place. */
static char *trimmed(char *word)
{
    word += strspn(word, " \t");
    size_t n = strlen(word);
    while (n > 0 && (word[n - 1] == ' ' || word[n - 1] == '\t'))
        word[--n] = '\0';
    return word;
}

static sn_status parse_list(const struct sn_option *o, const char *text,
                            struct sn_int_list *list, struct sn_error *err)
{
    char copy[SN_TEXT_MAX];
    struct sn_int_list found = {.star = -1};
    if (strlen(text) >= sizeof copy)
        return sn_fail(err, SN_ERR_CONFIG, "the list is longer than %d bytes",
                       SN_TEXT_MAX - 1);
    snprintf(copy, sizeof copy, "%s", text);

    char *next = copy;
    while (next) {
        char *comma = strchr(next, ',');
        if (comma)
            *comma = '\0';
        char *word = trimmed(next);
        const size_t n = strlen(word);
        const bool star = n > 0 && word[n - 1] == '*';
        if (star)
            word[n - 1] = '\0';
        word = trimmed(word);
        if (!*word)
            return sn_fail(err, SN_ERR_CONFIG,
                           "'%s' has an empty entry; expected values with a "
                           "comma between them",
                           text);
        const int before = found.count;
        if (o->type == SN_OPT_DECIMAL_LIST)
            SN_TRY(parse_decimal_entry(o, word, &found, err));
        else if (o->type == SN_OPT_NAME_LIST)
            SN_TRY(parse_name_entry(o, word, &found, err));
        else
            SN_TRY(parse_int_entry(o, word, &found, err));
        if (star && found.count == before)
            return sn_fail(err, SN_ERR_CONFIG,
                           "a range of steps takes no star; expected the "
                           "baseline's choice beside it");
        if (star && found.star >= 0)
            return sn_fail(err, SN_ERR_CONFIG,
                           "'%s' has two stars; expected at most one, at the "
                           "baseline's choice",
                           text);
        if (star)
            found.star = found.count - 1;
        next = comma ? comma + 1 : NULL;
    }
    *list = found;
    return SN_OK;
}

/* ---- all types ---- */

static sn_status parse_names(const struct sn_option *o, const char *text,
                             struct sn_name_list *names, struct sn_error *err)
{
    struct sn_int_list list;
    SN_TRY(parse_list(o, text, &list, err));
    memcpy(names->value, list.value, sizeof names->value);
    names->count = list.count;
    names->star = list.star;
    return SN_OK;
}

static sn_status parse_value(const struct sn_option *o,
                             union sn_option_value *v, const char *text,
                             const char *dir, struct sn_error *err)
{
    switch (o->type) {
    case SN_OPT_INT:
        return parse_int(o, text, &v->integer, err);
    case SN_OPT_UINT64:
        return parse_uint64(o, text, &v->wide, err);
    case SN_OPT_REAL:
        return parse_real(o, text, &v->real, err);
    case SN_OPT_BOOL:
        return parse_bool(text, &v->flag, err);
    case SN_OPT_NAME:
        return parse_name(o, text, &v->integer, err);
    case SN_OPT_TEXT:
    case SN_OPT_AUGMENT:
        return parse_text(text, NULL, v->text, err);
    case SN_OPT_PATH:
        return parse_text(text, dir, v->text, err);
    case SN_OPT_INT_LIST:
    case SN_OPT_STEP_LIST:
    case SN_OPT_DECIMAL_LIST:
        return parse_list(o, text, &v->ints, err);
    case SN_OPT_NAME_LIST:
        return parse_names(o, text, &v->names, err);
    case SN_OPT_TIME:
    case SN_OPT_SIZE:
    case SN_OPT_FREQUENCY:
    case SN_OPT_AMOUNT:
        return parse_quantity(o, text, &v->quantity, err);
    case SN_OPT_COUNT:
        return parse_count(o, text, &v->integer, err);
    }
    SN_CHECK(!"an option type of the table");
    return SN_ERR_CONFIG;
}

sn_status sn_option_parse(const struct sn_option *o, void *base,
                          const char *text, const char *dir,
                          struct sn_error *err)
{
    union sn_option_value v;
    sn_option_set_empty(o, &v);
    if (!*text)
        return sn_fail(err, SN_ERR_CONFIG, "the value is missing");
    const bool empty =
        (o->allow_none && strcmp(text, "none") == 0) ||
        (o->word && o->type != SN_OPT_COUNT && strcmp(text, o->word) == 0);
    if (!empty)
        SN_TRY(parse_value(o, &v, text, dir, err));
    memcpy((char *)base + o->offset, &v, sn_option_size(o->type));
    return SN_OK;
}

void sn_option_default(const struct sn_option *o, void *base, const char *dir)
{
    if (o->fallback && *o->fallback) {
        SN_CHECK(sn_option_parse(o, base, o->fallback, dir, NULL) == SN_OK);
    } else {
        union sn_option_value v;
        sn_option_set_empty(o, &v);
        memcpy((char *)base + o->offset, &v, sn_option_size(o->type));
    }
}

void sn_option_defaults(const struct sn_option_table *t, void *base)
{
    for (size_t i = 0; i < t->count; i++)
        sn_option_default(&t->rows[i], base, NULL);
}

const struct sn_option *sn_option_find(const struct sn_option_table *t,
                                       const char *key)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].key, key) == 0)
            return &t->rows[i];
    return NULL;
}
