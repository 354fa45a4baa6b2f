#ifndef SN_BASE_CLOCK_H
#define SN_BASE_CLOCK_H

/* Time. */

#include <stddef.h>

/* Seconds since some fixed moment; never runs backwards. */
double sn_clock_seconds(void);

enum { SN_CLOCK_TEXT = 24 };

/* The moment as UTC in ISO 8601, `2025-01-31T12:34:56Z`. */
void sn_clock_stamp(char buf[SN_CLOCK_TEXT]);

/* The moment as part of a file name, `20250131-123456` (UTC). */
void sn_clock_name(char buf[SN_CLOCK_TEXT]);

#endif
