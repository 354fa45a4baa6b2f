/* Options: typed fields back into text, and what a row expects in words. */

#include "base/option.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option_internal.h"
#include "base/text.h"

static const struct sn_option_unit time_units[] = {
    {"us", 1e6, true},  {"ms", 1e3, true},  {"s", 1, false},
    {"min", 60, false}, {"h", 3600, false}, {NULL, 0, false}};
static const struct sn_option_unit size_units[] = {{"B", 1, false},
                                                   {"KiB", 0x1p10, false},
                                                   {"MiB", 0x1p20, false},
                                                   {"GiB", 0x1p30, false},
                                                   {NULL, 0, false}};
static const struct sn_option_unit frequency_units[] = {{"Hz", 1, false},
                                                        {"kHz", 1e3, false},
                                                        {"MHz", 1e6, false},
                                                        {"GHz", 1e9, false},
                                                        {NULL, 0, false}};
static const struct sn_option_unit amount_units[] = {
    {"k", 1e3, false}, {"M", 1e6, false}, {"G", 1e9, false}, {NULL, 0, false}};
const struct sn_option_unit sn_option_percent = {"%", 100, true};

double sn_option_unit_value(const struct sn_option_unit *u, double number)
{
    return u->divides ? number / u->factor : number * u->factor;
}

double sn_option_unit_number(const struct sn_option_unit *u, double value)
{
    return u->divides ? value * u->factor : value / u->factor;
}

const struct sn_option_unit *sn_option_units(enum sn_option_type type)
{
    return type == SN_OPT_TIME     ? time_units
           : type == SN_OPT_SIZE   ? size_units
           : type == SN_OPT_AMOUNT ? amount_units
                                   : frequency_units;
}

size_t sn_option_size(enum sn_option_type type)
{
    switch (type) {
    case SN_OPT_INT:
    case SN_OPT_NAME:
    case SN_OPT_COUNT:
        return sizeof(int);
    case SN_OPT_UINT64:
        return sizeof(uint64_t);
    case SN_OPT_REAL:
        return sizeof(double);
    case SN_OPT_BOOL:
        return sizeof(bool);
    case SN_OPT_TEXT:
    case SN_OPT_PATH:
    case SN_OPT_AUGMENT:
        return SN_TEXT_MAX;
    case SN_OPT_INT_LIST:
    case SN_OPT_STEP_LIST:
    case SN_OPT_DECIMAL_LIST:
        return sizeof(struct sn_int_list);
    case SN_OPT_NAME_LIST:
        return sizeof(struct sn_name_list);
    case SN_OPT_TIME:
    case SN_OPT_SIZE:
    case SN_OPT_FREQUENCY:
    case SN_OPT_AMOUNT:
        return sizeof(struct sn_quantity);
    }
    SN_CHECK(!"an option type of the table");
    return 0;
}

void sn_option_set_empty(const struct sn_option *o, union sn_option_value *v)
{
    memset(v, 0, sizeof *v);
    if (o->type == SN_OPT_INT_LIST || o->type == SN_OPT_STEP_LIST ||
        o->type == SN_OPT_DECIMAL_LIST)
        v->ints.star = -1;
    if (o->type == SN_OPT_NAME_LIST)
        v->names.star = -1;
}

/* ---- a value ---- */

static const char *name_of(const struct sn_option *o, int value)
{
    const struct sn_option_name *n = o->names;
    while (n->name && n->value != value)
        n++;
    SN_CHECK(n->name != NULL);
    return n->name;
}

/* The shortest number that in this unit reads back as exactly `value`.  False
 * when there is none; then it is the nearest. */
static bool print_in_unit(char *buf, size_t size, double value,
                          const struct sn_option_unit *u)
{
    for (int digits = 1; digits <= 17; digits++) {
        char rounded[40];
        snprintf(rounded, sizeof rounded, "%.*g", digits,
                 sn_option_unit_number(u, value));
        const double back = strtod(rounded, NULL);
        sn_text_real(buf, size, back);
        if (sn_option_unit_value(u, back) == value)
            return true;
    }
    return false;
}

/* In the largest unit that leaves at least 1; where the value is no decimal of
 * that, in the next smaller, and at last in a larger one.  A value that was
 * parsed is a decimal of the unit it was written in. */
static void print_quantity(const struct sn_option *o,
                           const struct sn_quantity *q, char *buf, size_t size)
{
    char number[40];
    const struct sn_option_unit *units = sn_option_units(o->type),
                                *fitting = units;
    while (fitting[1].name &&
           sn_option_unit_number(&fitting[1], fabs(q->value)) >= 1)
        fitting++;
    if (q->percent)
        units = fitting = &sn_option_percent;

    const struct sn_option_unit *u = fitting;
    bool exact = print_in_unit(number, sizeof number, q->value, u);
    while (!exact && u > units)
        exact = print_in_unit(number, sizeof number, q->value, --u);
    for (u = exact ? u : fitting; !exact && !q->percent && u[1].name;)
        exact = print_in_unit(number, sizeof number, q->value, ++u);
    snprintf(buf, size, "%s %s", number, u->name);
}

static void print_list(const struct sn_option *o, const int *value, int count,
                       int star, const struct sn_int_list *range, char *buf,
                       size_t size)
{
    struct sn_text t = {0};
    char decimal[SN_THOUSANDTHS_TEXT];
    for (int i = 0; i < count; i++) {
        const char *comma = i ? ", " : "", *mark = i == star ? "*" : "";
        if (o->type == SN_OPT_NAME_LIST)
            sn_text_add(&t, "%s%s%s", comma, name_of(o, value[i]), mark);
        else if (o->type == SN_OPT_DECIMAL_LIST)
            sn_text_add(&t, "%s%s%s", comma,
                        sn_text_thousandths(decimal, value[i]), mark);
        else
            sn_text_add(&t, "%s%d%s", comma, value[i], mark);
    }
    if (range && range->first)
        sn_text_add(&t, "%s%d..%d", count ? ", " : "", range->first,
                    range->last);
    snprintf(buf, size, "%s", t.data ? t.data : "");
    sn_text_release(&t);
}

static void print_set(const struct sn_option *o, const union sn_option_value *v,
                      char *buf, size_t size)
{
    switch (o->type) {
    case SN_OPT_INT:
        snprintf(buf, size, "%d", v->integer);
        break;
    case SN_OPT_COUNT:
        if (v->integer)
            snprintf(buf, size, "%d", v->integer);
        else
            snprintf(buf, size, "%s", o->word);
        break;
    case SN_OPT_UINT64:
        snprintf(buf, size, "%llu", (unsigned long long)v->wide);
        break;
    case SN_OPT_REAL:
        sn_text_real(buf, size, v->real);
        break;
    case SN_OPT_BOOL:
        snprintf(buf, size, "%s", v->flag ? "yes" : "no");
        break;
    case SN_OPT_NAME:
        snprintf(buf, size, "%s", name_of(o, v->integer));
        break;
    case SN_OPT_TEXT:
    case SN_OPT_PATH:
    case SN_OPT_AUGMENT:
        snprintf(buf, size, "%s", v->text);
        break;
    case SN_OPT_INT_LIST:
    case SN_OPT_STEP_LIST:
    case SN_OPT_DECIMAL_LIST:
        print_list(o, v->ints.value, v->ints.count, v->ints.star, &v->ints, buf,
                   size);
        break;
    case SN_OPT_NAME_LIST:
        print_list(o, v->names.value, v->names.count, v->names.star, NULL, buf,
                   size);
        break;
    case SN_OPT_TIME:
    case SN_OPT_SIZE:
    case SN_OPT_FREQUENCY:
    case SN_OPT_AMOUNT:
        print_quantity(o, &v->quantity, buf, size);
        break;
    }
}

/* Whether a field holds nothing: of a type that can, or where the row says so.
 */
static bool is_empty(const struct sn_option *o, const union sn_option_value *v)
{
    switch (o->type) {
    case SN_OPT_TEXT:
    case SN_OPT_PATH:
    case SN_OPT_AUGMENT:
        return !v->text[0];
    case SN_OPT_INT_LIST:
    case SN_OPT_DECIMAL_LIST:
        return v->ints.count == 0;
    case SN_OPT_STEP_LIST:
        return v->ints.count == 0 && v->ints.first == 0;
    case SN_OPT_NAME_LIST:
        return v->names.count == 0;
    case SN_OPT_TIME:
    case SN_OPT_SIZE:
    case SN_OPT_FREQUENCY:
    case SN_OPT_AMOUNT:
        return !v->quantity.set;
    case SN_OPT_INT: /* 0 is empty only where 0 cannot be written */
        return v->integer == 0 && o->min > 0 && o->min <= o->max;
    case SN_OPT_REAL:
        return !(v->real < 0 || v->real > 0) && o->min > 0 && o->min <= o->max;
    default:
        return false;
    }
}

void sn_option_print(const struct sn_option *o, const void *base, char *buf,
                     size_t size)
{
    union sn_option_value v;
    memcpy(&v, (const char *)base + o->offset, sn_option_size(o->type));
    if (is_empty(o, &v))
        snprintf(buf, size, "%s",
                 o->allow_none ? "none"
                 : o->word     ? o->word
                               : "");
    else
        print_set(o, &v, buf, size);
}

/* ---- what is expected ---- */

/* ", 1 to 64", ", at least 0", "" for no range. */
static const char *range_words(const struct sn_option *o, char *buf,
                               size_t size)
{
    char low[40], high[40];
    sn_text_real(low, sizeof low, o->min);
    sn_text_real(high, sizeof high, o->max);
    if (o->min > o->max || (isinf(o->min) && isinf(o->max)))
        buf[0] = '\0';
    else if (isinf(o->max) || o->max >= INT_MAX)
        snprintf(buf, size, ", at least %s", low);
    else if (isinf(o->min))
        snprintf(buf, size, ", at most %s", high);
    else
        snprintf(buf, size, ", %s to %s", low, high);
    return buf;
}

/* The range of a quantity, in the unit that suits each end. */
static const char *quantity_range(const struct sn_option *o, char *buf,
                                  size_t size)
{
    char low[60], high[60];
    const struct sn_quantity ends[2] = {{.set = true, .value = o->min},
                                        {.set = true, .value = o->max}};
    if (o->min > o->max) {
        snprintf(buf, size, ", more than 0");
        return buf;
    }
    print_quantity(o, &ends[0], low, sizeof low);
    print_quantity(o, &ends[1], high, sizeof high);
    if (isinf(o->max))
        snprintf(buf, size, ", at least %s", low);
    else
        snprintf(buf, size, ", %s to %s", low, high);
    return buf;
}

static void add_names(struct sn_text *t, const struct sn_option *o)
{
    for (const struct sn_option_name *n = o->names; n->name; n++)
        sn_text_add(t, "%s%s", n == o->names ? "" : ", ", n->name);
}

static void add_units(struct sn_text *t, const struct sn_option *o)
{
    const struct sn_option_unit *units = sn_option_units(o->type);
    for (const struct sn_option_unit *u = units; u->name; u++)
        sn_text_add(t, "%s%s", u == units ? "" : ", ", u->name);
    sn_text_add(t, "%s", o->allow_percent ? ", %" : "");
}

static void add_expected(struct sn_text *t, const struct sn_option *o)
{
    char range[160];
    switch (o->type) {
    case SN_OPT_INT:
        sn_text_add(t, "a whole number%s", range_words(o, range, sizeof range));
        break;
    case SN_OPT_UINT64:
        sn_text_add(t, "a whole number, 0 to %llu",
                    (unsigned long long)UINT64_MAX);
        break;
    case SN_OPT_REAL:
        sn_text_add(t, "a number%s", range_words(o, range, sizeof range));
        break;
    case SN_OPT_BOOL:
        sn_text_add(t, "yes or no");
        break;
    case SN_OPT_NAME:
        sn_text_add(t, "%s", o->names[1].name ? "one of " : "");
        add_names(t, o);
        break;
    case SN_OPT_TEXT:
    case SN_OPT_AUGMENT:
        sn_text_add(t, "text");
        break;
    case SN_OPT_PATH:
        sn_text_add(t, "a path");
        break;
    case SN_OPT_DECIMAL_LIST:
        sn_text_add(t, "numbers%s", range_words(o, range, sizeof range));
        break;
    case SN_OPT_INT_LIST:
    case SN_OPT_STEP_LIST:
        if (o->word)
            sn_text_add(t, "%s or ", o->word);
        sn_text_add(t, "whole numbers%s", range_words(o, range, sizeof range));
        break;
    case SN_OPT_NAME_LIST:
        sn_text_add(t, "a list of ");
        add_names(t, o);
        break;
    case SN_OPT_TIME:
    case SN_OPT_SIZE:
    case SN_OPT_FREQUENCY:
    case SN_OPT_AMOUNT:
        sn_text_add(t, "a number with a unit (");
        add_units(t, o);
        sn_text_add(t, ")%s", quantity_range(o, range, sizeof range));
        break;
    case SN_OPT_COUNT:
        sn_text_add(t, "%s or a whole number%s", o->word,
                    range_words(o, range, sizeof range));
        break;
    }
}

void sn_option_expected(const struct sn_option *o, char *buf, size_t size)
{
    struct sn_text t = {0};
    add_expected(&t, o);
    sn_text_add(&t, "%s", o->allow_none ? ", or none" : "");
    snprintf(buf, size, "%s", t.data ? t.data : "");
    sn_text_release(&t);
}
