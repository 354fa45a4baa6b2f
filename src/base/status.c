/* Failure texts: formatted once, where the fault is seen, into the caller's
 * struct sn_error, and carried up unchanged.  A text that does not fit is cut
 * at its end; a list of faults that does not fit says how many are missing. */

#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_ROOM = 32 }; /* bytes kept free for "\n... and N more" */

sn_status(sn_fail)(struct sn_error *err, enum sn_status_code code,
                   const char *fmt, ...)
{
    if (err) {
        va_list args;

        /* Formatted aside first: the arguments may point into err->text. */
        char text[SN_ERROR_TEXT];
        va_start(args, fmt);
        if (vsnprintf(text, sizeof text, fmt, args) < 0)
            text[0] = '\0';
        va_end(args);
        memcpy(err->text, text, strlen(text) + 1);
        err->code = code;
        err->dropped = 0;
    }
    return code;
}

static int format_tail(char *buf, size_t size, int dropped)
{
    return snprintf(buf, size, "\n... and %d more", dropped);
}

/* Length of the text without a `... and N more` written earlier. */
static size_t length_of_lines(const struct sn_error *err)
{
    size_t length = strlen(err->text);
    if (err->dropped > 0) {
        char tail[TAIL_ROOM];
        length -= (size_t)format_tail(tail, sizeof tail, err->dropped);
    }
    return length;
}

sn_status(sn_fail_more)(struct sn_error *err, enum sn_status_code code,
                        const char *fmt, ...)
{
    if (!err)
        return code;

    char line[SN_ERROR_TEXT];
    va_list args;
    va_start(args, fmt);
    int wrote = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);

    if (!err->text[0])
        err->dropped = 0;
    const size_t end = length_of_lines(err);
    const size_t room = sizeof err->text - TAIL_ROOM - end;
    const size_t need = (wrote < 0 ? 0 : (size_t)wrote) + (end > 0) + 1;
    err->code = code;
    if (err->dropped == 0 && wrote >= 0 && need <= room) {
        snprintf(err->text + end, room, "%s%s", end > 0 ? "\n" : "", line);
    } else if (end == 0) { /* the only line is too long: cut it */
        line[sizeof err->text - TAIL_ROOM - 1] = '\0';
        memcpy(err->text, line, strlen(line) + 1);
    } else {
        err->dropped++;
        format_tail(err->text + end, TAIL_ROOM, err->dropped);
    }
    return code;
}

_Noreturn void sn_check_failed(const char *file, int line, const char *cond)
{
    fprintf(stderr, "%s:%d: internal error: %s does not hold\n", file, line,
            cond);
    fflush(stderr);
    abort();
}
