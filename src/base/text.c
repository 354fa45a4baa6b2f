/* Text: a buffer that grows by doubling, what is text, and numbers with units.
 */

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a buffer that grows ---- */

/* Room for `more` bytes and a NUL.  False, for good, when memory ran out. */
static bool make_room(struct sn_text *t, size_t more)
{
    if (t->failed)
        return false;
    if (more >= SIZE_MAX / 4 - t->length) {
        t->failed = true;
        return false;
    }
    const size_t need = t->length + more + 1;
    if (need <= t->capacity)
        return true;

    size_t capacity = t->capacity ? t->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void sn_text_add(struct sn_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    SN_CHECK(n >= 0);
    if (!make_room(t, (size_t)n))
        return;
    va_start(args, fmt);
    vsnprintf(t->data + t->length, (size_t)n + 1, fmt, args);
    va_end(args);
    t->length += (size_t)n;
}

void sn_text_add_bytes(struct sn_text *t, const char *bytes, size_t n)
{
    if (!make_room(t, n))
        return;
    if (n)
        memcpy(t->data + t->length, bytes, n);
    t->length += n;
    t->data[t->length] = '\0';
}

void sn_text_add_csv(struct sn_text *t, const char *field)
{
    if (!field[strcspn(field, ",\"\r\n")]) {
        sn_text_add(t, "%s", field);
        return;
    }
    sn_text_add(t, "\"");
    for (; *field; field++)
        sn_text_add(t, *field == '"' ? "\"%c" : "%c", *field);
    sn_text_add(t, "\"");
}

char *sn_text_take(struct sn_text *t)
{
    sn_text_add_bytes(t, "", 0); /* an empty text is a string as well */
    char *data = t->failed ? NULL : t->data;
    if (t->failed)
        free(t->data);
    *t = (struct sn_text){0};
    return data;
}

void sn_text_release(struct sn_text *t)
{
    free(t->data);
    *t = (struct sn_text){0};
}

/* ---- what is text ---- */

/* Bytes of the character at p; 0 where it is none that can be shown: not UTF-8
 * (RFC 3629, section 4), or a control character. */
static size_t character(const unsigned char *p)
{
    const size_t n = p[0] < 0x80   ? 1
                     : p[0] < 0xc2 ? 0
                     : p[0] < 0xe0 ? 2
                     : p[0] < 0xf0 ? 3
                     : p[0] < 0xf5 ? 4
                                   : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong =
        (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    const bool outside =
        (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90);
    const bool control =
        p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
    return overlong || outside || control ? 0 : n;
}

bool sn_text_is_plain(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        const size_t n = character(p);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

const char *sn_text_shown(char *buf, size_t size, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0;
    while (*p) {
        char one[8];
        const size_t n = character(p);
        if (n)
            snprintf(one, sizeof one, "%.*s", (int)n, (const char *)p);
        else
            snprintf(one, sizeof one, "\\x%02x", *p);
        const size_t more = strlen(one);
        if (used + more >= size)
            break;
        memcpy(buf + used, one, more);
        used += more;
        p += n ? n : 1;
    }
    buf[used] = '\0';
    return buf;
}

int sn_text_letters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80; /* no byte that goes on */
    return n;
}

int sn_text_width(const char *text, int columns)
{
    return columns + (int)strlen(text) - sn_text_letters(text);
}

/* ---- quantities ---- */

struct unit {
    double scale;
    const char *name;
};

/* Three significant digits in the largest unit that leaves at least 1.  What
 * would be rounded up to the next unit is written in that one. */
static const char *with_unit(char *buf, size_t size, double value,
                             const struct unit *units, size_t count)
{
    if (!isfinite(value)) {
        snprintf(buf, size, "%s", isnan(value) ? "nan" : "inf");
        return buf;
    }
    size_t i = 0;
    while (value == 0 && units[i].scale < 1.0)
        i++;
    while (i + 1 < count && fabs(value) >= units[i + 1].scale * (1.0 - 0.0005))
        i++;
    const double v = value / units[i].scale, a = fabs(v);
    const bool whole = units[i].scale == 1.0 && v == floor(v);
    const int digits = whole || a >= 99.95 ? 0 : a >= 9.995 ? 1 : 2;
    snprintf(buf, size, "%.*f%s%s", digits, v, *units[i].name ? " " : "",
             units[i].name);
    return buf;
}

const char *sn_text_time(char *buf, size_t size, double seconds)
{
    static const struct unit units[] = {
        {1e-9, "ns"}, {1e-6, "us"}, {1e-3, "ms"}, {1, "s"}};
    return with_unit(buf, size, seconds, units, sizeof units / sizeof *units);
}

const char *sn_text_bytes(char *buf, size_t size, double bytes)
{
    static const struct unit units[] = {{1, "B"},
                                        {0x1p10, "KiB"},
                                        {0x1p20, "MiB"},
                                        {0x1p30, "GiB"},
                                        {0x1p40, "TiB"}};
    return with_unit(buf, size, bytes, units, sizeof units / sizeof *units);
}

const char *sn_text_count(char *buf, size_t size, double count)
{
    static const struct unit units[] = {
        {1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}};
    return with_unit(buf, size, count, units, sizeof units / sizeof *units);
}

const char *sn_text_hertz(char *buf, size_t size, double hertz)
{
    static const struct unit units[] = {
        {1, "Hz"}, {1e3, "kHz"}, {1e6, "MHz"}, {1e9, "GHz"}};
    return with_unit(buf, size, hertz, units, sizeof units / sizeof *units);
}

const char *sn_text_elapsed(char *buf, size_t size, double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(buf, size, "?");
    } else if (seconds < 59.95) {
        snprintf(buf, size, "%.1f s", seconds);
    } else if (seconds < 3599.5) {
        const int s = (int)(seconds + 0.5);
        snprintf(buf, size, "%d min %02d s", s / 60, s % 60);
    } else {
        const int min = (int)(seconds / 60 + 0.5);
        snprintf(buf, size, "%d h %02d min", min / 60, min % 60);
    }
    return buf;
}

const char *sn_text_real(char *buf, size_t size, double value)
{
    if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(buf, size, "%.0f", value);
        return buf;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, value);
        if (strtod(buf, NULL) == value)
            break;
    }
    return buf;
}

const char *sn_text_thousandths(char buf[SN_THOUSANDTHS_TEXT], int value)
{
    int n = snprintf(buf, SN_THOUSANDTHS_TEXT, "%d.%03d", value / 1000,
                     value % 1000);
    while (buf[n - 1] == '0')
        buf[--n] = '\0';
    if (buf[n - 1] == '.')
        buf[--n] = '\0';
    return buf;
}

bool sn_text_read_thousandths(const char *text, int *value)
{
    const size_t whole = strspn(text, "0123456789");
    const size_t point = text[whole] == '.';
    const size_t part = point ? strspn(text + whole + 1, "0123456789") : 0;
    if (whole < 1 || whole > 3 || part > 3 || (point && part == 0) ||
        text[whole + point + part])
        return false;
    *value = 0;
    for (size_t i = 0; i < whole + point + part; i++)
        if (text[i] != '.')
            *value = 10 * *value + (text[i] - '0');
    for (size_t i = part; i < 3; i++)
        *value *= 10;
    return true;
}
