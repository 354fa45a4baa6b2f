#ifndef SN_BASE_OPTION_H
#define SN_BASE_OPTION_H

/* Option tables: what can be set, declared once by the room that uses it.
 *
 * A room declares one table per INI section: a row per option with its type,
 * range, default, unit and one line of help, and the offset of the field it
 * fills.  From the rows come parsing, validation, `supernet config`, and the
 * resolved config written beside each result.  A new option is one row. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define SN_TEXT_MAX 256 /* bytes of a text option's field, with its end */
#define SN_LIST_MAX 32  /* entries of a list */

/* One of a list's entries may be starred: the baseline's choice. */
struct sn_int_list {
    int value[SN_LIST_MAX];
    int count;
    int star; /* index of the starred entry, -1 when there is none */
    int first,
        last; /* SN_OPT_STEP_LIST: the range, not one of value[]; 0: none */
};

struct sn_name_list {
    int value[SN_LIST_MAX]; /* the enum's values */
    int count;
    int star;
};

/* A length of time or a share of something, e.g. `2 ms` or `50 %`. */
struct sn_quantity {
    bool set;     /* false: `none` */
    bool percent; /* value is a share, 0.5 for 50 % */
    double value; /* in the base unit: seconds, bytes, hertz or 1 */
};

enum sn_option_type {
    SN_OPT_INT,          /* int */
    SN_OPT_UINT64,       /* uint64_t, exact to the last bit */
    SN_OPT_REAL,         /* double */
    SN_OPT_BOOL,         /* bool: yes | no */
    SN_OPT_NAME,         /* int: one of `names` */
    SN_OPT_TEXT,         /* char[SN_TEXT_MAX] */
    SN_OPT_PATH,         /* char[SN_TEXT_MAX], relative to the INI file */
    SN_OPT_INT_LIST,     /* struct sn_int_list: `1, 2..4*, 8` */
    SN_OPT_STEP_LIST,    /* the same; a range is stepped by who reads it */
    SN_OPT_DECIMAL_LIST, /* struct sn_int_list in thousandths: `0.8, 1*` */
    SN_OPT_NAME_LIST,    /* struct sn_name_list: `ibn*, fused` */
    SN_OPT_TIME,         /* struct sn_quantity in seconds: us ms s min h */
    SN_OPT_SIZE,         /* struct sn_quantity in bytes: B KiB MiB GiB */
    SN_OPT_FREQUENCY,    /* struct sn_quantity in hertz: Hz kHz MHz GHz */
    SN_OPT_AMOUNT,       /* struct sn_quantity, a count: k M G */
    SN_OPT_COUNT,        /* int: the row's `word` (0) or a count */
    SN_OPT_AUGMENT       /* char[SN_TEXT_MAX], syntax checked by the room */
};

/* A field of any type. */
union sn_option_value {
    int integer;
    uint64_t wide;
    double real;
    bool flag;
    char text[SN_TEXT_MAX];
    struct sn_int_list ints;
    struct sn_name_list names;
    struct sn_quantity quantity;
};

struct sn_option_name {
    const char *name;
    int value;
};

struct sn_option {
    const char *key;
    enum sn_option_type type;
    size_t offset; /* of the field in the room's struct */
    /* Default as it would be written.  NULL: required.  "": may be left out,
     * the field then is empty (0, "", a list or quantity without a value). */
    const char *fallback;
    double min, max; /* inclusive range, in base units; min > max: no range */
    bool allow_none; /* `none` is a value: the empty field, see above */
    bool allow_percent;
    const struct sn_option_name *names; /* ends with a NULL name */
    const char *word; /* of SN_OPT_COUNT: `auto`; of a list: the empty one */
    const char *unit; /* shown by `supernet config`, "" for none */
    const char *help; /* one line */
};

struct sn_option_table {
    const char
        *section; /* "train"; "stage.*" stands for stage.1, stage.2, ... */
    const char *help;
    const struct sn_option *rows;
    size_t count;
};

/* Parses `text` as option `o` into the field at `base` + o->offset.  `dir` is
 * the folder that paths are relative to.  The message says what was found and
 * what was expected, without file and line: the caller adds those.  On failure
 * the field is as it was.  SN_ERR_CONFIG. */
sn_status sn_option_parse(const struct sn_option *o, void *base,
                          const char *text, const char *dir,
                          struct sn_error *err);

/* Sets the field to the row's default, to the empty field where there is none.
 * A default that does not parse is a fault of ours. */
void sn_option_default(const struct sn_option *o, void *base, const char *dir);

/* The same for every field of the struct at `base`, paths as written. */
void sn_option_defaults(const struct sn_option_table *t, void *base);

/* Bytes of a row's field. */
size_t sn_option_size(enum sn_option_type type);

/* Writes the value of `o` as it could stand in an INI file, so that parsing it
 * gives the same field to the last bit (a quantity that was never parsed may
 * lose one); "" for an empty field that cannot be written as `none`. */
void sn_option_print(const struct sn_option *o, const void *base, char *buf,
                     size_t size);

/* What a value of this row looks like, for `supernet config`: "a whole number,
 * 1 to 64", "one of relu, relu6", ... */
void sn_option_expected(const struct sn_option *o, char *buf, size_t size);

/* The row named `key`, or NULL. */
const struct sn_option *sn_option_find(const struct sn_option_table *t,
                                       const char *key);

#endif
