#ifndef SN_BASE_OPTION_INTERNAL_H
#define SN_BASE_OPTION_INTERNAL_H

/* What parsing (option.c) and printing (option_print.c) share. */

#include "base/option.h"

/* Small units divide: 100 us is 100 / 1e6, which is rounded once, where
 * 100 * 1e-6 would be rounded twice and miss 0.1 ms. */
struct sn_option_unit {
    const char *name; /* NULL ends a list */
    double factor;
    bool divides;
};

extern const struct sn_option_unit sn_option_percent;

/* What a number with this unit is in base units, and the other way. */
double sn_option_unit_value(const struct sn_option_unit *u, double number);
double sn_option_unit_number(const struct sn_option_unit *u, double value);

/* The units of a quantity, ascending. */
const struct sn_option_unit *sn_option_units(enum sn_option_type type);

/* The value of a field that nothing was written into. */
void sn_option_set_empty(const struct sn_option *o, union sn_option_value *v);

#endif
