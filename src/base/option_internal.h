#ifndef SN_BASE_OPTION_INTERNAL_H
#define SN_BASE_OPTION_INTERNAL_H

/* What parsing (option.c) and printing (option_print.c) share. */

#include "base/option.h"

struct sn_unit {
    const char *name; /* NULL ends a list */
    double scale;     /* in base units */
};

/* The units of a quantity, ascending. */
const struct sn_unit *sn_option_units(enum sn_option_type type);

/* The value of a field that nothing was written into. */
void sn_option_set_empty(const struct sn_option *o, union sn_option_value *v);

#endif
