/* Whole nets from CSVs (net_csv.h).
 *
 * A code is a function that pushes the units of one row.  Units that are the
 * same are kept once, and counted. */

#include "target/net_csv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/text.h"

#define CSV_BYTES_MAX ((size_t)1 << 28)

enum { UNITS_MAX = 1 << 14, TERMS_OF_NET = 512 };

struct reader {
    struct sn_csv csv;
    struct sn_net_table t;
    size_t unit_room, row_room, term_room;
    int terms;
    double scale;             /* microseconds of the column's unit */
    int latency, device, act; /* columns; -1: there is none */
    int act_of; /* sn_unit_act of the row's units; -1: as the code has it */
    struct sn_error *err;
};

/* ---- growing ---- */

/* Doubles an array of `item` bytes when it is full. */
static bool grow(void *array, size_t *room, size_t used, size_t item)
{
    void **at = array;
    if (used < *room)
        return true;
    const size_t more = *room ? 2 * *room : 256;
    void *grown = realloc(*at, more * item);
    if (!grown)
        return false;
    *at = grown;
    *room = more;
    return true;
}

static sn_status no_memory(const struct reader *r)
{
    return sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory for its nets",
                   r->csv.path);
}

static sn_status wrong(const struct reader *r, const char *what,
                       const char *found, const char *expected)
{
    char shown[64];
    return sn_fail(r->err, SN_ERR_INPUT, "%s:%d: %s: found '%s', expected %s",
                   r->csv.path, r->csv.line, what,
                   sn_text_shown(shown, sizeof shown, found), expected);
}

static bool same(const struct sn_unit *a, const struct sn_unit *b)
{
    return a->op == b->op && a->cin == b->cin && a->cout == b->cout &&
           a->h == b->h && a->w == b->w && a->k == b->k &&
           a->stride == b->stride && a->groups == b->groups &&
           a->mid == b->mid && a->se == b->se && a->batch == b->batch &&
           a->act == b->act && a->skip == b->skip && a->expands == b->expands;
}

/* Adds one unit to the net that is being read. */
static sn_status push(struct reader *r, const struct sn_unit *unit)
{
    struct sn_net_table *t = &r->t;
    struct sn_unit one = *unit;
    const struct sn_unit *u = &one;
    int i = 0;
    if (r->act_of >= 0 && one.op != SN_UNIT_FC) /* it makes the logits */
        one.act = (sn_unit_act)r->act_of;
    while (i < t->units && !same(&t->unit[i], u))
        i++;
    if (i == UNITS_MAX || r->terms - t->start[t->n] >= TERMS_OF_NET)
        return sn_fail(r->err, SN_ERR_INPUT,
                       "%s:%d: found more than %d units, expected fewer",
                       r->csv.path, r->csv.line,
                       i == UNITS_MAX ? UNITS_MAX : TERMS_OF_NET);
    if (i == t->units) {
        if (!grow(&t->unit, &r->unit_room, (size_t)i, sizeof *t->unit))
            return no_memory(r);
        t->unit[t->units++] = *u;
    }
    for (int it = t->start[t->n]; it < r->terms; it++)
        if (t->index[it] == i) {
            t->count[it] += 1.0;
            return SN_OK;
        }
    size_t room = r->term_room;
    if (!grow(&t->index, &room, (size_t)r->terms, sizeof *t->index) ||
        !grow(&t->count, &r->term_room, (size_t)r->terms, sizeof *t->count))
        return no_memory(r);
    t->index[r->terms] = i;
    t->count[r->terms++] = 1.0;
    return SN_OK;
}

/* ---- units ---- */

/* Where a net has got to. */
struct front {
    int c, h;
};

static sn_status push_conv(struct reader *r, struct front *f, int cout, int k,
                           int stride, bool skip)
{
    const struct sn_unit u = {.op = SN_UNIT_CONV,
                              .cin = f->c,
                              .cout = cout,
                              .h = f->h,
                              .w = f->h,
                              .k = k,
                              .stride = stride,
                              .groups = 1,
                              .batch = 1,
                              .skip = skip};
    *f = (struct front){.c = cout, .h = sn_strided(f->h, stride)};
    return push(r, &u);
}

static sn_status push_block(struct reader *r, struct front *f, bool fused,
                            int e, int k, int cout, int stride, int se)
{
    const struct sn_unit u = {.op = fused ? SN_UNIT_FUSED : SN_UNIT_IBN,
                              .cin = f->c,
                              .cout = cout,
                              .h = f->h,
                              .w = f->h,
                              .k = k,
                              .stride = stride,
                              .groups = 1,
                              .mid = e * f->c,
                              .se = se,
                              .batch = 1,
                              .act = SN_UNIT_RELU,
                              .skip = stride == 1 && f->c == cout,
                              .expands = !fused && e > 1};
    *f = (struct front){.c = cout, .h = sn_strided(f->h, stride)};
    return push(r, &u);
}

static sn_status push_pool_fc(struct reader *r, const struct front *f,
                              int classes)
{
    const struct sn_unit gap = {.op = SN_UNIT_GAP,
                                .cin = f->c,
                                .cout = f->c,
                                .h = f->h,
                                .w = f->h,
                                .k = 1,
                                .stride = 1,
                                .groups = 1,
                                .batch = 1};
    struct sn_unit fc = gap;
    fc.op = SN_UNIT_FC;
    fc.cout = classes;
    fc.h = fc.w = 1;
    SN_TRY(push(r, &gap));
    return push(r, &fc);
}

/* ---- e,k,l,se ---- */

enum { ANB_STAGES = 7 };

static const char *field(const struct reader *r, const char *name)
{
    return r->csv.field[sn_csv_column(&r->csv, name)];
}

/* Seven digits out of `allowed`. */
static sn_status digits(const struct reader *r, const char *name,
                        const char *allowed, int out[ANB_STAGES])
{
    const char *text = field(r, name);
    if (strlen(text) != ANB_STAGES || strspn(text, allowed) != ANB_STAGES) {
        char expected[48];
        snprintf(expected, sizeof expected, "seven digits out of %s", allowed);
        return wrong(r, name, text, expected);
    }
    for (int i = 0; i < ANB_STAGES; i++)
        out[i] = text[i] - '0';
    return SN_OK;
}

static sn_status read_anb(struct reader *r)
{
    static const int width[ANB_STAGES] = {16, 24, 40, 80, 112, 192, 320};
    static const int stride[ANB_STAGES] = {1, 2, 2, 2, 1, 2, 1};
    int e[ANB_STAGES], k[ANB_STAGES], l[ANB_STAGES], se[ANB_STAGES];
    struct front f = {.c = 3, .h = 224};
    SN_TRY(digits(r, "e", "123456789", e));
    SN_TRY(digits(r, "k", "13579", k));
    SN_TRY(digits(r, "l", "123456789", l));
    SN_TRY(digits(r, "se", "01", se));
    SN_TRY(push_conv(r, &f, 32, 3, 2, false));
    for (int is = 0; is < ANB_STAGES; is++)
        for (int ib = 0; ib < l[is]; ib++)
            SN_TRY(push_block(r, &f, false, e[is], k[is], width[is],
                              ib ? 1 : stride[is], se[is]));
    SN_TRY(push_conv(r, &f, 1280, 1, 1, false));
    return push_pool_fc(r, &f, 1000);
}

/* ---- res,stem,blocks ---- */

/* A whole number of 1..most in front of *at, which moves behind it. */
static bool number(const char **at, int most, int *x)
{
    char *end;
    if (!isdigit((unsigned char)**at))
        return false;
    const long value = strtol(*at, &end, 10);
    *at = end;
    *x = (int)value;
    return value >= 1 && value <= most;
}

static bool key_number(const char **at, char key, int most, int *x)
{
    return *(*at)++ == key && number(at, most, x);
}

static sn_status read_blocks(struct reader *r)
{
    struct front f = {.c = 3};
    const char *text = field(r, "res");
    int stem;
    if (!number(&text, 4096, &f.h) || *text)
        return wrong(r, "res", field(r, "res"), "a side of 1 to 4096");
    text = field(r, "stem");
    if (!number(&text, 4096, &stem) || *text)
        return wrong(r, "stem", field(r, "stem"), "1 to 4096 channels");
    SN_TRY(push_conv(r, &f, stem, 3, 2, false));
    for (const char *at = field(r, "blocks"); *at;) {
        const char op = *at++;
        int e, k, c, s;
        if ((op != 'i' && op != 'f') || !key_number(&at, 'e', 64, &e) ||
            !key_number(&at, 'k', 31, &k) || !key_number(&at, 'c', 4096, &c) ||
            !key_number(&at, 's', 8, &s) || (*at && *at != ';'))
            return wrong(r, "blocks", field(r, "blocks"),
                         "such as ie6k3c24s2;fe4k3c24s1");
        at += *at == ';';
        SN_TRY(push_block(r, &f, op == 'f', e, k, c, s, 0));
    }
    return push_conv(r, &f, 256, 1, 1, false);
}

/* ---- input,arch ---- */

/* `k3`, `e6`, ... of a layer's words; `fallback` where it has none. */
static bool word_number(const char *words, const char *end, char key,
                        int fallback, int most, int *x)
{
    *x = fallback;
    for (const char *at = words; at < end; at++)
        if (*at == key && at[-1] == ' ' && isdigit((unsigned char)at[1])) {
            at++;
            return number(&at, most, x);
        }
    return fallback > 0;
}

/* Whether a layer's words have this one, in the middle or at the end. */
static bool has_word(const char *words, const char *end, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = words; at + n < end; at++)
        if (*at == ' ' && strncmp(at + 1, word, n) == 0 &&
            (at + 1 + n == end || at[1 + n] == ' '))
            return true;
    return false;
}

/* One layer, `ibn k3 e6 s1 c24`, from `at` to `end`. */
static sn_status read_layer(struct reader *r, struct front *f, const char *at,
                            const char *end)
{
    int k, e, s, c;
    char op[16];
    const size_t n = strcspn(at, " ;");
    snprintf(op, sizeof op, "%.*s", (int)(n < 15 ? n : 15), at);
    const bool sized = word_number(at + 1, end, 'k', 1, 31, &k) &&
                       word_number(at + 1, end, 'e', 1, 64, &e) &&
                       word_number(at + 1, end, 's', 1, 8, &s);
    const bool has_c = word_number(at + 1, end, 'c', 0, 1 << 16, &c);
    if (strcmp(op, "gap") == 0) {
        const struct sn_unit u = {.op = SN_UNIT_GAP,
                                  .cin = f->c,
                                  .cout = f->c,
                                  .h = f->h,
                                  .w = f->h,
                                  .k = 1,
                                  .stride = 1,
                                  .groups = 1,
                                  .batch = 1};
        f->h = 1;
        return push(r, &u);
    }
    const struct sn_unit fc = {.op = SN_UNIT_FC,
                               .cin = f->c,
                               .cout = c,
                               .h = 1,
                               .w = 1,
                               .k = 1,
                               .stride = 1,
                               .groups = 1,
                               .batch = 1};
    if (sized && has_c && strcmp(op, "fc") == 0)
        return push(r, &fc);
    if (sized && has_c && strcmp(op, "conv") == 0)
        return push_conv(r, f, c, k, s, has_word(at, end, "res"));
    if (sized && has_c && (strcmp(op, "ibn") == 0 || strcmp(op, "fused") == 0))
        return push_block(r, f, *op == 'f', e, k, c, s, 0);
    return wrong(r, "arch", at, "such as ibn k3 e6 s1 c24");
}

static sn_status read_arch(struct reader *r)
{
    struct front f;
    int w;
    const char *text = field(r, "input");
    if (!number(&text, 4096, &f.h) || *text++ != 'x' ||
        !number(&text, 4096, &w) || *text++ != 'x' ||
        !number(&text, 4096, &f.c) || *text || w != f.h)
        return wrong(r, "input", field(r, "input"), "such as 32x32x3");
    for (const char *at = field(r, "arch"), *end; *at; at = end) {
        end = at + strcspn(at, ";");
        SN_TRY(read_layer(r, &f, at, end));
        end += *end == ';';
    }
    return SN_OK;
}

/* ---- the file ---- */

typedef sn_status code_fn(struct reader *r);

/* The code whose columns are all there. */
static code_fn *find_code(const struct sn_csv *c)
{
    static const struct {
        const char *column[4];
        code_fn *read;
    } codes[] = {{{"e", "k", "l", "se"}, read_anb},
                 {{"res", "stem", "blocks"}, read_blocks},
                 {{"input", "arch"}, read_arch}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        bool all = true;
        for (int j = 0; j < 4 && codes[i].column[j]; j++)
            all = all && sn_csv_column(c, codes[i].column[j]) >= 0;
        if (all)
            return codes[i].read;
    }
    return NULL;
}

static sn_status find_latency(struct reader *r, const char *column)
{
    static const struct {
        const char *ending;
        double us;
    } scales[] = {{"_us", 1.0}, {"_ms", 1e3}, {"_s", 1e6}};
    const char *name = column ? column : "latency_us";
    r->latency = sn_csv_column(&r->csv, name);
    if (r->latency < 0 && !column)
        r->latency = sn_csv_column(&r->csv, name = "latency_ms");
    if (r->latency < 0)
        return sn_fail(r->err, SN_ERR_CONFIG,
                       "%s:%d: found no column '%s', expected the nets' "
                       "latency there; name it with --column",
                       r->csv.path, r->csv.line, name);
    const size_t n = strlen(name);
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        const size_t m = strlen(scales[i].ending);
        if (n > m && strcmp(name + n - m, scales[i].ending) == 0) {
            r->scale = scales[i].us;
            return SN_OK;
        }
    }
    return sn_fail(r->err, SN_ERR_CONFIG,
                   "--column: found '%s', expected a name that ends in _us, "
                   "_ms or _s",
                   name);
}

/* Whether the row is of the device, and measured: its latency. */
static sn_status row_time(struct reader *r, const char *device, double *us)
{
    const char *text = r->csv.field[r->latency];
    char *end;
    *us = 0.0;
    if (r->device >= 0) {
        const char *own = r->csv.field[r->device];
        if (device && strcmp(own, device) != 0)
            return SN_OK;
        if (r->t.n && strcmp(r->t.device, own) != 0)
            return sn_fail(
                r->err, SN_ERR_CONFIG,
                "%s:%d: found nets of several devices, expected one: "
                "pick it with --device ('%s', '%s')",
                r->csv.path, r->csv.line, r->t.device, own);
        if (strlen(own) >= SN_UNIT_WORD || !sn_text_is_plain(own))
            return wrong(r, "device", own, "at most 47 bytes of plain text");
        snprintf(r->t.device, sizeof r->t.device, "%s", own);
    }
    if (!*text)
        return SN_OK;
    const size_t n = strspn(text, "0123456789.-+eE");
    const double found = strtod(text, &end);
    if (n == 0 || end != text + n || *end || !(found < 1e12) ||
        !(found > -1e12))
        return wrong(r, r->csv.column[r->latency], text, "a number");
    *us = found * r->scale;
    return SN_OK;
}

/* The activation of the row's net. */
static sn_status row_act(struct reader *r)
{
    r->act_of = -1;
    if (r->act < 0 || !*r->csv.field[r->act])
        return SN_OK;
    r->act_of = sn_unit_act_find(r->csv.field[r->act]);
    return r->act_of >= 0 ? SN_OK
                          : wrong(r, "act", r->csv.field[r->act],
                                  "none, relu, relu6, hswish or swish");
}

static sn_status read_rows(struct reader *r, code_fn *code, const char *device)
{
    struct sn_net_table *t = &r->t;
    for (bool more = true;;) {
        double us;
        size_t room = r->row_room;
        /* a place for this net and for where the next one starts */
        if (!grow(&t->start, &room, (size_t)t->n + 1, sizeof *t->start) ||
            !grow(&t->us, &r->row_room, (size_t)t->n + 1, sizeof *t->us))
            return no_memory(r);
        t->start[t->n] = r->terms;
        SN_TRY(sn_csv_next(&r->csv, &more, r->err));
        if (!more)
            break;
        SN_TRY(row_time(r, device, &us));
        if (us <= 0.0)
            continue;
        SN_TRY(row_act(r));
        SN_TRY(code(r));
        if (r->terms == t->start[t->n])
            return sn_fail(r->err, SN_ERR_INPUT,
                           "%s:%d: found a net of no units, expected some",
                           r->csv.path, r->csv.line);
        t->us[t->n++] = us;
    }
    if (t->n == 0)
        return sn_fail(r->err, SN_ERR_INPUT,
                       "%s: found no net with a latency%s%s", r->csv.path,
                       device ? " of device " : "", device ? device : "");
    t->at = malloc((size_t)t->units * sizeof(void *));
    for (int i = 0; t->at && i < t->units; i++)
        t->at[i] = &t->unit[i];
    return t->at ? SN_OK : no_memory(r);
}

static sn_status read_table(struct reader *r, const char *column,
                            const char *device)
{
    code_fn *code = find_code(&r->csv);
    if (!code)
        return sn_fail(r->err, SN_ERR_INPUT,
                       "%s:%d: found no code of nets, expected columns "
                       "e,k,l,se or res,stem,blocks or input,arch",
                       r->csv.path, r->csv.line);
    SN_TRY(find_latency(r, column));
    r->device = sn_csv_column(&r->csv, "device");
    r->act = sn_csv_column(&r->csv, "act");
    return read_rows(r, code, device);
}

sn_status sn_net_table_read(struct sn_net_table *t, const char *path,
                            const char *column, const char *device,
                            struct sn_error *err)
{
    struct reader r = {.err = err};
    SN_TRY(sn_csv_open(&r.csv, path, CSV_BYTES_MAX, err));
    const sn_status rc = read_table(&r, column, device);
    if (rc == SN_OK)
        *t = r.t;
    else
        sn_net_table_release(&r.t);
    sn_csv_close(&r.csv);
    return rc;
}

struct sn_sums sn_net_table_sums(const struct sn_net_table *t)
{
    return (struct sn_sums){.unit = t->at,
                            .units = t->units,
                            .start = t->start,
                            .index = t->index,
                            .count = t->count,
                            .us = t->us,
                            .n = t->n};
}

void sn_net_table_release(struct sn_net_table *t)
{
    free(t->unit);
    free(t->at);
    free(t->start);
    free(t->index);
    free(t->count);
    free(t->us);
    *t = (struct sn_net_table){0};
}
