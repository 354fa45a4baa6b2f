#ifndef SN_BASE_CSV_H
#define SN_BASE_CSV_H

/* Tables of comma-separated values, plain or gzipped: a header line that names
 * the columns, then rows.
 *
 *   # device: ne-1            facts: lines of `# key: value` before the header
 *   op,cin,cout,latency_us
 *   conv,16,32,1.25
 *
 * Quotes are those of RFC 4180; a line end inside them is refused.  Blank lines
 * and lines that begin with # are passed over. */

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum { SN_CSV_MAX_COLUMNS = 64, SN_CSV_MAX_FACTS = 64 };

struct sn_csv_fact {
    const char *key, *value; /* borrowed from the text */
};

struct sn_csv {
    const char *path; /* borrowed; for messages */
    char *text;       /* owned, cut up in place */
    char *at;         /* where the next row begins */
    int line;         /* of the row that was read last, from 1 */
    int columns;
    const char *column[SN_CSV_MAX_COLUMNS]; /* the header's words */
    char *field[SN_CSV_MAX_COLUMNS];        /* [columns], the current row */
    int facts;
    struct sn_csv_fact fact[SN_CSV_MAX_FACTS]; /* later ones are dropped */
};

/* Reads a file of at most `limit` bytes (unpacked) and its header.  Every fault
 * is SN_ERR_INPUT with file and line: no header, an empty or a repeated name, a
 * NUL byte, a quote that does not end, a gzip file that is damaged or too
 * large.  SN_ERR_MEMORY. */
sn_status sn_csv_open(struct sn_csv *c, const char *path, size_t limit,
                      struct sn_error *err);

/* The next row into field[]; *more is false at the end of the table.
 * SN_ERR_INPUT when it has more or fewer fields than the header. */
sn_status sn_csv_next(struct sn_csv *c, bool *more, struct sn_error *err);

/* Index of a column, or -1. */
int sn_csv_column(const struct sn_csv *c, const char *name);

/* The value of a fact, or NULL. */
const char *sn_csv_fact(const struct sn_csv *c, const char *key);

/* Takes one that was never opened (all zero) as well. */
void sn_csv_close(struct sn_csv *c);

#endif
