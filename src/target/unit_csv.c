/* Operator CSVs, read and written (unit_csv.h).
 *
 * A row is read in two steps: the fields as they stand, then what the empty
 * ones follow from. */

#include "target/unit_csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/nearest.h"
#include "base/text.h"

#define CSV_BYTES_MAX ((size_t)1 << 30)

enum {
    DEVICE,
    OP,
    CIN,
    COUT,
    H,
    W,
    K,
    STRIDE,
    EXPANSION,
    GROUPS,
    MID,
    ACT,
    SKIP,
    SE,
    EXPAND_CONV,
    BATCH,
    DTYPE,
    IN_DRAM,
    OUT_DRAM,
    LATENCY,
    KIND,
    SOURCE,
    COLUMNS, /* of what is written; what bounded a row is read alone */
    CYCLES = COLUMNS,
    NPU_CYCLES,
    SRAM_CYCLES,
    KNOWN
};

static const char *const name[KNOWN] = {
    "device", "op",     "cin",     "cout",       "h",
    "w",      "k",      "stride",  "expansion",  "groups",
    "mid",    "act",    "skip",    "se",         "expand_conv",
    "batch",  "dtype",  "in_dram", "out_dram",   "latency_us",
    "kind",   "source", "cycles",  "npu_cycles", "sram_cycles"};

/* ---- reading ---- */

struct reader {
    struct sn_csv csv;
    const struct sn_unit_want *want;
    int at[KNOWN];               /* column of the file, or -1 */
    const char *fallback[KNOWN]; /* the caller's, or NULL */
    struct sn_unit_table table;
    size_t capacity, device_room, dtype_room;
    long relative, unknown, timeless; /* rows left out */
    char unknown_op[SN_UNIT_WORD];
    struct sn_error *err;
};

/* The text of a field; "" where there is none. */
static const char *field(const struct reader *r, int column)
{
    const int i = r->at[column];
    if (i >= 0 && *r->csv.field[i])
        return r->csv.field[i];
    return r->fallback[column] ? r->fallback[column] : "";
}

static sn_status bad_field(const struct reader *r, int column,
                           const char *expected)
{
    char shown[64];
    return sn_fail(r->err, SN_ERR_INPUT, "%s:%d: %s: found '%s', expected %s",
                   r->csv.path, r->csv.line, name[column],
                   sn_text_shown(shown, sizeof shown, field(r, column)),
                   expected);
}

/* A decimal number in [min, max]; an empty field leaves *x as it is. */
static sn_status number(const struct reader *r, int column, double min,
                        double max, double *x)
{
    const char *text = field(r, column);
    char expected[64], *end;
    if (!*text)
        return SN_OK;
    const size_t digits = strspn(text, "0123456789.-+eE"); /* no hex, no nan */
    const double value = strtod(text, &end);
    if (digits > 0 && end == text + digits && !*end && value >= min &&
        value <= max) {
        *x = value;
        return SN_OK;
    }
    snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
    return bad_field(r, column, expected);
}

static sn_status integer(const struct reader *r, int column, int min, int max,
                         int *x)
{
    double value = *x;
    char expected[64];
    SN_TRY(number(r, column, min, max, &value));
    if (value != floor(value)) {
        snprintf(expected, sizeof expected, "a whole number from %d to %d", min,
                 max);
        return bad_field(r, column, expected);
    }
    *x = (int)value;
    return SN_OK;
}

static sn_status flag(const struct reader *r, int column, bool *x)
{
    int value = *x;
    SN_TRY(integer(r, column, 0, 1, &value));
    *x = value != 0;
    return SN_OK;
}

/* Index of a word in a growing list, which takes it in when it is new. */
static sn_status intern(const struct reader *r, int column,
                        char (**words)[SN_UNIT_WORD], int *n, size_t *room,
                        int *index)
{
    enum { WORDS_MAX = 4096 };
    const char *word = field(r, column);
    if (strlen(word) >= SN_UNIT_WORD || !sn_text_is_plain(word))
        return bad_field(r, column, "at most 47 bytes of plain text");
    for (int i = *n - 1; i >= 0; i--)
        if (strcmp((*words)[i], word) == 0) {
            *index = i;
            return SN_OK;
        }
    if (*n == WORDS_MAX)
        return bad_field(r, column, "no more than 4096 different ones");
    if ((size_t)*n == *room) {
        const size_t more = *room ? 2 * *room : 4;
        char(*grown)[SN_UNIT_WORD] = realloc(*words, more * sizeof *grown);
        if (!grown)
            return sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory for words",
                           r->csv.path);
        *words = grown;
        *room = more;
    }
    snprintf((*words)[*n], SN_UNIT_WORD, "%s", word);
    *index = (*n)++;
    return SN_OK;
}

static bool is_block(sn_unit_op op)
{
    return op == SN_UNIT_IBN || op == SN_UNIT_FUSED;
}

/* Extents first, then what follows from them where a field is empty. */
static sn_status read_unit(const struct reader *r, struct sn_unit *u)
{
    const int most = SN_UNIT_EXTENT_MAX;
    double expansion = 1.0;
    SN_TRY(integer(r, CIN, 1, most, &u->cin));
    u->cout = u->cin;
    SN_TRY(integer(r, COUT, 1, most, &u->cout));
    u->h = u->k = u->stride = u->batch = 1;
    SN_TRY(integer(r, H, 1, most, &u->h));
    u->w = u->h;
    SN_TRY(integer(r, W, 1, most, &u->w));
    SN_TRY(integer(r, K, 1, 1024, &u->k));
    SN_TRY(integer(r, STRIDE, 1, 1024, &u->stride));
    SN_TRY(integer(r, BATCH, 1, most, &u->batch));
    u->groups = u->op == SN_UNIT_DWCONV ? u->cin : 1;
    SN_TRY(integer(r, GROUPS, 1, most, &u->groups));
    SN_TRY(number(r, EXPANSION, 1.0 / most, most, &expansion));
    const double mid = floor(expansion * u->cin + 0.5);
    if (mid > most)
        return bad_field(r, EXPANSION, "at most 1048576 channels in between");
    if (is_block(u->op)) {
        u->mid = mid > 1 ? (int)mid : 1;
        SN_TRY(integer(r, MID, 1, most, &u->mid));
    }
    u->expands = u->op == SN_UNIT_IBN && u->mid > u->cin;
    if (u->op == SN_UNIT_IBN)
        SN_TRY(flag(r, EXPAND_CONV, &u->expands));
    u->skip = is_block(u->op) && u->stride == 1 && u->cin == u->cout;
    SN_TRY(flag(r, SKIP, &u->skip));
    SN_TRY(integer(r, SE, 0, most, &u->se));
    SN_TRY(flag(r, IN_DRAM, &u->in_dram));
    SN_TRY(flag(r, OUT_DRAM, &u->out_dram));
    const int act = sn_unit_act_find(field(r, ACT));
    u->act = act >= 0 ? (sn_unit_act)act : SN_UNIT_LINEAR;
    return SN_OK;
}

/* Channels that contradict each other. */
static sn_status check_unit(const struct reader *r, const struct sn_unit *u)
{
    if (u->op == SN_UNIT_DWCONV && u->cout != u->cin)
        return bad_field(r, COUT, "as many as cin of a dwconv");
    if (is_block(u->op) && !u->expands && u->op == SN_UNIT_IBN &&
        u->mid != u->cin)
        return bad_field(r, EXPAND_CONV, "1 where mid is not cin");
    if (u->op == SN_UNIT_CONV && u->groups > u->cin)
        return bad_field(r, GROUPS, "at most cin");
    return SN_OK;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static sn_status add_row(struct reader *r, const struct sn_measured *m)
{
    struct sn_unit_table *t = &r->table;
    if (t->n == r->capacity) {
        const size_t more = r->capacity ? 2 * r->capacity : 256;
        struct sn_measured *grown = realloc(t->row, more * sizeof *grown);
        if (!grown)
            return sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory for its rows",
                           r->csv.path);
        t->row = grown;
        r->capacity = more;
    }
    t->row[t->n++] = *m;
    return SN_OK;
}

/* Whether the row is one of those that are wanted. */
static bool wanted(const struct reader *r, const struct sn_measured *m)
{
    const struct sn_unit_want *w = r->want;
    return (!w->device || strcmp(r->table.device[m->device], w->device) == 0) &&
           (!w->dtype || strcmp(r->table.dtype[m->dtype], w->dtype) == 0) &&
           (!w->batch || m->unit.batch == w->batch);
}

/* Whether the file says what bounded its rows. */
static bool has_bounds(const struct reader *r)
{
    return r->at[CYCLES] >= 0 && r->at[NPU_CYCLES] >= 0;
}

/* The share of a row's time that is left when its tensors lie on chip: an
 * operator alone takes the longest of arithmetic, on-chip and DRAM traffic. */
static sn_status resident_share(const struct reader *r, double *share)
{
    double cycles = 0, npu = 0, sram = 0;
    *share = 1.0;
    if (!r->want->resident || !has_bounds(r))
        return SN_OK;
    SN_TRY(number(r, CYCLES, 0, 1e18, &cycles));
    SN_TRY(number(r, NPU_CYCLES, 0, 1e18, &npu));
    SN_TRY(number(r, SRAM_CYCLES, 0, 1e18, &sram));
    const double left = fmax(npu, sram);
    if (left > 0 && left < cycles)
        *share = left / cycles;
    return SN_OK;
}

static sn_status read_row(struct reader *r)
{
    struct sn_measured m = {.line = r->csv.line};
    struct sn_unit_table *t = &r->table;
    SN_TRY(intern(r, DEVICE, &t->device, &t->n_device, &r->device_room,
                  &m.device));
    SN_TRY(intern(r, DTYPE, &t->dtype, &t->n_dtype, &r->dtype_room, &m.dtype));
    if (!r->want->relative && (begins(field(r, KIND), "derived_rel") ||
                               begins(field(r, KIND), "derived_const"))) {
        r->relative++;
        return SN_OK;
    }
    const int op = sn_unit_op_find(field(r, OP));
    if (op < 0) {
        if (r->unknown++ == 0)
            sn_text_shown(r->unknown_op, sizeof r->unknown_op, field(r, OP));
        return SN_OK;
    }
    m.unit.op = (sn_unit_op)op;
    if (!*field(r, CIN))
        return bad_field(r, CIN, "a whole number from 1 on");
    if (!*field(r, LATENCY))
        return bad_field(r, LATENCY, "a number of microseconds");
    SN_TRY(read_unit(r, &m.unit));
    SN_TRY(check_unit(r, &m.unit));
    double share;
    SN_TRY(number(r, LATENCY, -1e15, 1e15, &m.us));
    SN_TRY(resident_share(r, &share));
    m.us *= share;
    if (!wanted(r, &m))
        return SN_OK;
    if (m.us <= 0 && !r->want->relative) {
        r->timeless++;
        return SN_OK;
    }
    return add_row(r, &m);
}

static sn_status find_columns(struct reader *r)
{
    static const int needed[] = {OP, CIN, LATENCY};
    for (int i = 0; i < KNOWN; i++)
        r->at[i] = sn_csv_column(&r->csv, name[i]);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (r->at[needed[i]] < 0) {
            char shown[64];
            const char *near = sn_nearest(name[needed[i]], r->csv.column,
                                          (size_t)r->csv.columns);
            return sn_fail(r->err, SN_ERR_INPUT,
                           "%s:%d: found no column '%s', expected it%s%s%s",
                           r->csv.path, r->csv.line, name[needed[i]],
                           near ? "; is it '" : "",
                           near ? sn_text_shown(shown, sizeof shown, near) : "",
                           near ? "'?" : "");
        }
    return SN_OK;
}

/* `column=value` of the caller. */
static sn_status take_defaults(struct reader *r)
{
    for (int i = 0; i < r->want->n_defaults; i++) {
        const char *text = r->want->defaults[i], *value = strchr(text, '=');
        char word[SN_UNIT_WORD];
        int column = 0;
        snprintf(word, sizeof word, "%.*s",
                 value ? (int)(value - text) : (int)strlen(text), text);
        while (column < COLUMNS && strcmp(name[column], word) != 0)
            column++;
        if (!value || !value[1] || column == COLUMNS) {
            const char *near = sn_nearest(word, name, COLUMNS);
            return sn_fail(r->err, SN_ERR_CONFIG,
                           "--default: found '%s', expected COLUMN=VALUE%s%s%s",
                           text, near ? "; did you mean '" : "",
                           near ? near : "", near ? "'?" : "");
        }
        r->fallback[column] = value + 1;
    }
    return SN_OK;
}

static void list_words(struct sn_text *t, char (*words)[SN_UNIT_WORD], int n)
{
    enum { SHOWN = 12 };
    for (int i = 0; i < n && i < SHOWN; i++)
        sn_text_add(t, "%s'%s'", i ? ", " : "", words[i]);
    if (n > SHOWN)
        sn_text_add(t, " and %d more", n - SHOWN);
}

/* Nothing was left: which words the file has. */
static sn_status nothing(struct reader *r)
{
    const struct sn_unit_want *w = r->want;
    struct sn_text t = {0};
    sn_text_add(&t, "%s: found no row", r->csv.path);
    if (w->device)
        sn_text_add(&t, " of device '%s'", w->device);
    if (w->dtype)
        sn_text_add(&t, " of dtype '%s'", w->dtype);
    if (w->batch)
        sn_text_add(&t, " of batch %d", w->batch);
    sn_text_add(&t, " that is a measurement; its devices: ");
    list_words(&t, r->table.device, r->table.n_device);
    sn_text_add(&t, "; its dtypes: ");
    list_words(&t, r->table.dtype, r->table.n_dtype);
    char *text = sn_text_take(&t);
    const sn_status rc =
        text ? sn_fail(r->err, SN_ERR_INPUT, "%s", text)
             : sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory", r->csv.path);
    free(text);
    return rc;
}

static void note_columns(const struct reader *r, struct sn_text *t)
{
    int found = 0;
    for (int i = 0; i < r->csv.columns; i++) {
        char shown[64];
        int column = 0;
        while (column < KNOWN && r->at[column] != i)
            column++;
        if (column == KNOWN)
            sn_text_add(t, "%s%s", found++ ? ", " : "columns passed over: ",
                        sn_text_shown(shown, sizeof shown, r->csv.column[i]));
    }
    if (found)
        sn_text_add(t, "\n");
}

static sn_status make_notes(struct reader *r)
{
    struct sn_text t = {0};
    sn_text_add(&t, "%s", "");
    note_columns(r, &t);
    if (has_bounds(r))
        sn_text_add(&t, "%s\n",
                    r->want->resident
                        ? "times are those with tensors on chip, by cycles and "
                          "npu_cycles"
                        : "times are those of operators alone; with tensors on "
                          "chip, as in a net: --resident");
    if (r->relative)
        sn_text_add(&t, "%ld rows of differences (derived_*) left out\n",
                    r->relative);
    if (r->unknown)
        sn_text_add(&t, "%ld rows left out whose op is not known, such as %s\n",
                    r->unknown, r->unknown_op);
    if (r->timeless)
        sn_text_add(&t, "%ld rows left out whose latency is not positive\n",
                    r->timeless);
    r->table.notes = sn_text_take(&t);
    return r->table.notes
               ? SN_OK
               : sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory", r->csv.path);
}

static sn_status read_table(struct reader *r)
{
    SN_TRY(find_columns(r));
    for (bool more = true;;) {
        SN_TRY(sn_csv_next(&r->csv, &more, r->err));
        if (!more)
            break;
        SN_TRY(read_row(r));
    }
    return r->table.n ? make_notes(r) : nothing(r);
}

sn_status sn_unit_table_read(struct sn_unit_table *t, const char *path,
                             const struct sn_unit_want *want,
                             struct sn_error *err)
{
    struct reader r = {.want = want, .err = err};
    SN_TRY(take_defaults(&r));
    SN_TRY(sn_csv_open(&r.csv, path, CSV_BYTES_MAX, err));
    const sn_status rc = read_table(&r);
    if (rc == SN_OK)
        *t = r.table;
    else
        sn_unit_table_release(&r.table);
    sn_csv_close(&r.csv);
    return rc;
}

void sn_unit_table_release(struct sn_unit_table *t)
{
    free(t->row);
    free(t->device);
    free(t->dtype);
    free(t->notes);
    *t = (struct sn_unit_table){0};
}

/* ---- writing ---- */

void sn_unit_csv_fact(struct sn_text *t, const char *key, const char *value)
{
    sn_text_add(t, "# %s: ", key);
    for (; *value; value++)
        sn_text_add(t, "%c", *value == '\n' || *value == '\r' ? ' ' : *value);
    sn_text_add(t, "\n");
}

void sn_unit_csv_header(struct sn_text *t)
{
    for (int i = 0; i < COLUMNS; i++)
        sn_text_add(t, "%s%s", i ? "," : "", name[i]);
    sn_text_add(t, "\n");
}

void sn_unit_csv_row(struct sn_text *t, const char *device,
                     const struct sn_unit *u, const char *dtype, double us,
                     const char *kind, const char *source)
{
    char latency[32], mid[32] = "", expansion[32] = "", expands[8] = "";
    if (is_block(u->op)) {
        snprintf(mid, sizeof mid, "%d", u->mid);
        sn_text_real(expansion, sizeof expansion, (double)u->mid / u->cin);
    }
    if (u->op == SN_UNIT_IBN)
        snprintf(expands, sizeof expands, "%d", u->expands);
    sn_text_add_csv(t, device);
    sn_text_add(t, ",%s,%d,%d,%d,%d,%d,%d,%s,%d,%s,%s,%d,%d,%s,%d,",
                sn_unit_op_name(u->op), u->cin, u->cout, u->h, u->w, u->k,
                u->stride, expansion, u->groups, mid, sn_unit_act_name(u->act),
                u->skip, u->se, expands, u->batch);
    sn_text_add_csv(t, dtype);
    sn_text_add(t, ",%d,%d,%s,", u->in_dram, u->out_dram,
                sn_text_real(latency, sizeof latency, us));
    sn_text_add_csv(t, kind);
    sn_text_add(t, ",");
    sn_text_add_csv(t, source);
    sn_text_add(t, "\n");
}
