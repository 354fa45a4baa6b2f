/* The lines of an INI file.
 *
 * libinih splits lines into section, key and value and cuts comments off; its
 * defaults let much pass that should be told (an indented key continues the one
 * before, text behind `]` is dropped, long lines are split), so each line is
 * looked at before it is handed on, and one with a fault is handed on empty.
 * The reader function below is also what counts the lines. */

#include "config/config_internal.h"

#include <stdio.h>
#include <string.h>

#include <ini.h>

struct reader {
    const char *next, *end;
    const struct sn_ini_events *events;
    void *ctx;
    int line;
    bool in_section;
    bool stopped;
    struct sn_ini_place key_at, value_at; /* of the line handed on last */
};

/* One line without its end. */
struct line {
    const char *text;
    size_t length;
};

static void fault(const struct reader *r, size_t offset, const char *text)
{
    const struct sn_ini_place at = {r->line, (int)offset + 1};
    r->events->fault(r->ctx, at, text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(const struct line *l, size_t i)
{
    while (i < l->length && is_blank(l->text[i]))
        i++;
    return i;
}

/* A comment starts at the line's first letter or behind a blank. */
static bool is_comment(const struct line *l, size_t i)
{
    return i < l->length && (l->text[i] == '#' || l->text[i] == ';') &&
           (i == 0 || is_blank(l->text[i - 1]));
}

/* Takes the next line off the file: LF or CRLF ends it. */
static struct line take_line(struct reader *r)
{
    const size_t left = (size_t)(r->end - r->next);
    const char *newline = memchr(r->next, '\n', left);
    struct line l = {r->next, newline ? (size_t)(newline - r->next) : left};
    r->next += l.length + (newline != NULL);
    r->line++;
    if (newline && l.length > 0 && l.text[l.length - 1] == '\r')
        l.length--;
    return l;
}

/* Whether all bytes are such as a text holds; if not, reading ends here. */
static bool is_text(struct reader *r, const struct line *l)
{
    for (size_t i = 0; i < l->length; i++) {
        const unsigned char c = (unsigned char)l->text[i];
        if (c >= 0x20 && c != 0x7f)
            continue;
        if (c == '\t')
            continue;
        char text[80];
        snprintf(text, sizeof text,
                 "the byte 0x%02x is no text; expected an INI file",
                 (unsigned)c);
        fault(r, i, text);
        r->stopped = true;
        return false;
    }
    return true;
}

static bool check_section(struct reader *r, const struct line *l, size_t start)
{
    char name[SN_INI_LINE + 1];
    const char *open = l->text + start + 1;
    const size_t left = l->length - start - 1;
    const char *close = memchr(open, ']', left);
    r->in_section = true; /* the keys below belong to some section */
    if (!close) {
        fault(r, start, "']' is missing; expected [section]");
        r->events->section(r->ctx, (struct sn_ini_place){r->line, 0}, NULL);
        return false;
    }
    const size_t n = (size_t)(close - open);
    const size_t rest = skip_blanks(l, start + n + 2);
    if (rest < l->length && !is_comment(l, rest))
        fault(r, rest, "text behind ']'; expected the end of the line");
    snprintf(name, sizeof name, "%.*s", (int)n, open);
    r->events->section(r->ctx, (struct sn_ini_place){r->line, (int)start + 1},
                       name);
    return n < 48; /* longer than any, and than libinih keeps */
}

static bool check_pair(struct reader *r, const struct line *l, size_t start)
{
    size_t i = start;
    while (i < l->length && l->text[i] != '=' && l->text[i] != ':' &&
           !is_comment(l, i))
        i++;
    if (i == l->length || l->text[i] != '=') {
        fault(r, start, "'=' is missing; expected key = value");
        return false;
    }
    if (i == start) {
        fault(r, start, "the key in front of '=' is missing");
        return false;
    }
    if (!r->in_section) {
        fault(r, start, "a key in front of the first [section]");
        return false;
    }
    r->key_at = (struct sn_ini_place){r->line, (int)start + 1};
    r->value_at =
        (struct sn_ini_place){r->line, (int)skip_blanks(l, i + 1) + 1};
    return true;
}

/* Whether libinih may see this line. */
static bool check_line(struct reader *r, const struct line *l)
{
    if (!is_text(r, l))
        return false;
    if (l->length > SN_INI_LINE) {
        char text[80];
        snprintf(text, sizeof text,
                 "the line has %zu bytes; expected at most "
                 "%d",
                 l->length, SN_INI_LINE);
        fault(r, SN_INI_LINE, text);
        return false;
    }
    const size_t start = skip_blanks(l, 0);
    if (start == l->length || is_comment(l, start))
        return false;
    return l->text[start] == '[' ? check_section(r, l, start)
                                 : check_pair(r, l, start);
}

/* What libinih calls in place of fgets. */
static char *next_line(char *buf, int size, void *stream)
{
    struct reader *r = stream;
    if (r->stopped || r->next == r->end)
        return NULL;
    struct line l = take_line(r);
    if (!check_line(r, &l))
        l.length = 0;
    SN_CHECK(l.length + 2 <= (size_t)size);
    snprintf(buf, (size_t)size, "%.*s\n", (int)l.length, l.text);
    return buf;
}

static int on_pair(void *user, const char *section, const char *key,
                   const char *value)
{
    (void)section; /* the reader has told it already */
    const struct reader *r = user;
    r->events->pair(r->ctx, r->key_at, r->value_at, key, value);
    return 1;
}

bool sn_ini_parse(const char *data, size_t size,
                  const struct sn_ini_events *events, void *ctx, bool *stopped)
{
    static char comments[] = "#;";
    struct reader r = {
        .next = data, .end = data + size, .events = events, .ctx = ctx};
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        r.next += 3; /* a byte order mark */

    ini_allow_multiline = false;
    ini_allow_bom = false;
    ini_allow_inline_comments = true;
    ini_inline_comment_prefixes = comments;
    ini_start_comment_prefixes = comments;
    ini_use_stack = false;
    ini_max_line = 1 << 16;
    ini_initial_alloc = SN_INI_LINE + 24;
    ini_allow_realloc = true;
    ini_stop_on_first_error = false;
    ini_allow_no_value = false;
    const int rc = ini_parse_stream(next_line, &r, on_pair, &r);
    *stopped = r.stopped;
    return rc >= 0; /* above 0: a line with a fault, which has been told */
}
