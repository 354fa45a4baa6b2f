#ifndef SN_BASE_STATUS_H
#define SN_BASE_STATUS_H

/* How things fail.
 *
 * Two kinds of failure, never mixed.  When the user's world is wrong (a
 * config, a file, a flag, too little memory) a function returns an sn_status
 * and leaves a complete sentence in `struct sn_error`, its last argument.
 * When the program is wrong, SN_CHECK prints where and aborts. */

#include <stddef.h>

/* A status must be looked at.  Only clang lets a type say so, so it is `make
 * lint` that sees to it. */
#if defined(__clang__)
#    define SN_MUST_CHECK __attribute__((warn_unused_result))
#else
#    define SN_MUST_CHECK
#endif

/* The values are the exit statuses of the program. */
enum SN_MUST_CHECK sn_status_code {
    SN_OK = 0,
    SN_ERR_OUTPUT = 1,  /* an output could not be written */
    SN_ERR_CONFIG = 2,  /* command line, config, target INI or arch text */
    SN_ERR_INPUT = 3,   /* anything else read: missing, unreadable, malformed */
    SN_ERR_NUMERIC = 4, /* the loss or a weight is not finite */
    SN_ERR_INFEASIBLE = 5, /* no architecture meets the budget */
    SN_ERR_MEMORY = 6,     /* the plan does not fit, or an allocation failed */
    SN_INTERRUPTED = 130,  /* SIGINT: a checkpoint was saved */
    SN_TERMINATED = 143    /* SIGTERM: a checkpoint was saved */
};

typedef enum sn_status_code sn_status;

#define SN_ERROR_TEXT 8192

/* A message that is complete as printed: it names the file, line or key, what
 * was found and what was expected.  May hold several lines (a config lists
 * all its faults at once). */
struct sn_error {
    enum sn_status_code code;
    int dropped; /* lines that sn_fail_more() had no room for */
    char text[SN_ERROR_TEXT];
};

/* Stores `code` and the formatted text in *err (which may be NULL) and returns
 * `code`.  A text too long is cut, never overrun. */
sn_status sn_fail(struct sn_error *err, enum sn_status_code code,
                  const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Appends a formatted line to the text of *err, with a newline before it where
 * there already is text, and sets the code.  *err must have been zeroed or
 * filled before.  Lines that no longer fit are counted instead, and the last
 * line then reads `... and N more`.  Returns `code`. */
sn_status sn_fail_more(struct sn_error *err, enum sn_status_code code,
                       const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For the static analyzers of `make lint`, which look at one file at a time and
 * would follow paths on which a failure comes back as SN_OK. */
#ifdef SN_ANALYZE
#    define sn_fail(err, code, ...)                                            \
        ((void)sn_fail(err, code, __VA_ARGS__), (code))
#    define sn_fail_more(err, code, ...)                                       \
        ((void)sn_fail_more(err, code, __VA_ARGS__), (code))
#endif

/* Passes a failure on to the caller. */
#define SN_TRY(call)                                                           \
    do {                                                                       \
        sn_status sn_try_rc = (call);                                          \
        if (sn_try_rc != SN_OK)                                                \
            return sn_try_rc;                                                  \
    } while (0)

/* A contract of ours that does not hold: prints file, line and condition on
 * stderr and aborts, in every build. */
#define SN_CHECK(cond)                                                         \
    ((cond) ? (void)0 : sn_check_failed(__FILE__, __LINE__, #cond))

_Noreturn void sn_check_failed(const char *file, int line, const char *cond);

#endif
