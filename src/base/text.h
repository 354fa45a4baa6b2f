#ifndef SN_BASE_TEXT_H
#define SN_BASE_TEXT_H

/* Text: a buffer that grows, and quantities as people write them. */

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* A string under construction.  An allocation that fails is remembered, later
 * additions do nothing, and sn_text_take() tells. */
struct sn_text {
    char *data; /* owned, always ends with NUL once something was added */
    size_t length, capacity;
    bool failed;
};

/* An empty text is all zero: `struct sn_text t = {0};`. */
void sn_text_add(struct sn_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void sn_text_add_bytes(struct sn_text *t, const char *bytes, size_t n);

/* Adds one field of a CSV row: in quotes where a comma, a quote or a line end
 * in it asks for them. */
void sn_text_add_csv(struct sn_text *t, const char *field);

/* Hands the string over (the caller frees it) and empties the text.  NULL when
 * memory ran out on the way. */
char *sn_text_take(struct sn_text *t);

void sn_text_release(struct sn_text *t);

/* UTF-8 without control characters: what may stand in a line of a file, in JSON
 * and on a terminal. */
bool sn_text_is_plain(const char *text);

/* The text as it can be shown: bytes that keep it from being plain as \xNN.
 * Cut where buf ends.  Returns buf. */
const char *sn_text_shown(char *buf, size_t size, const char *text);

/* Characters of UTF-8 text, and the field width for %-*s that makes it take
 * `columns` where each takes one. */
int sn_text_letters(const char *text);
int sn_text_width(const char *text, int columns);

/* Quantities with three significant digits and a unit, into buf: `1.25 ms`,
 * `96.0 KiB`, `10.4 M`, `600 MHz`.  24 bytes hold any of them.  Each returns
 * buf. */
enum { SN_QUANTITY_TEXT = 24 };
const char *sn_text_time(char *buf, size_t size, double seconds);
const char *sn_text_bytes(char *buf, size_t size, double bytes);
const char *sn_text_count(char *buf, size_t size, double count);
const char *sn_text_hertz(char *buf, size_t size, double hertz);

/* A stretch of wall time: `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
const char *sn_text_elapsed(char *buf, size_t size, double seconds);

/* The shortest decimal that reads back as the same double. */
const char *sn_text_real(char *buf, size_t size, double value);

/* Thousandths as a decimal in its one spelling, `0.85`, and back: digits, and
 * a point with up to three more.  False for anything else, or above 1000. */
enum { SN_THOUSANDTHS_TEXT = 16 };
const char *sn_text_thousandths(char buf[SN_THOUSANDTHS_TEXT], int value);
bool sn_text_read_thousandths(const char *text, int *value);

#endif
