/* From INI text and overrides to filled structs.
 *
 * Every value is first parsed into a table of settings of our own; only when
 * the whole file and all overrides are right are the settings copied into the
 * rooms' structs.  So all faults are listed at once, and a failed read leaves
 * the structs as they were. */

#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/text.h"
#include "config/config_internal.h"

enum { NAME_MAX_BYTES = 64, PATH_MAX_BYTES = 4096, KNOWN_MAX = 128 };

/* What reading keeps while it walks the lines. */
struct walk {
    struct sn_config *cfg;
    struct sn_error *err;
    const char *over; /* the override in hand, NULL within the file */
    const char *dir;  /* that paths are relative to */
    int faults;
    struct sn_config_group *group; /* current section, NULL: unknown */
    int part;
};

/* ---- faults ---- */

/* One line of the list: the place, then the text. */
static void fault_at(struct walk *w, struct sn_ini_place at, const char *fmt,
                     ...) __attribute__((format(printf, 3, 4)));

static void fault_at(struct walk *w, struct sn_ini_place at, const char *fmt,
                     ...)
{
    char text[2 * SN_INI_LINE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    w->faults++;
    if (w->over)
        (void)sn_fail_more(w->err, SN_ERR_CONFIG, "-s %s: error: %s", w->over,
                           text);
    else
        (void)sn_fail_more(w->err, SN_ERR_CONFIG, "%s:%d:%d: error: %s",
                           w->cfg->path, at.line, at.col, text);
}

static void on_ini_fault(void *ctx, struct sn_ini_place at, const char *text)
{
    fault_at(ctx, at, "%s", text);
}

/* ---- names ---- */

/* Numbers in the name of a group's sections: 0, 1, or 2. */
static int numbers(const struct sn_config_group *g)
{
    int n = 0;
    for (const char *c = g->section.table->section; *c; c++)
        n += *c == '*';
    return n;
}

static bool is_repeated(const struct sn_config_group *g)
{
    return numbers(g) > 0;
}

int sn_config_room(const struct sn_config_group *g)
{
    const int n = numbers(g);
    return n == 0 ? 1 : n == 1 ? SN_CONFIG_MAX_REPEAT : SN_CONFIG_MAX_PARTS;
}

/* A pattern with its stars replaced by words, in turn. */
static void fill_stars(char *buf, size_t size, const char *pattern,
                       const char *first, const char *second)
{
    struct sn_text t = {0};
    for (const char *c = pattern; *c; c++) {
        if (*c == '*')
            sn_text_add(&t, "%s", first);
        else
            sn_text_add_bytes(&t, c, 1);
        if (*c == '*')
            first = second;
    }
    snprintf(buf, size, "%s", t.data ? t.data : "");
    sn_text_release(&t);
}

void sn_config_name(const struct sn_config_group *g, int part, char *buf,
                    size_t size)
{
    char first[16], second[16];
    const int faster = numbers(g) == 2 ? SN_CONFIG_MAX_REPEAT : 1;
    snprintf(first, sizeof first, "%d", part / faster + 1);
    snprintf(second, sizeof second, "%d", part % faster + 1);
    fill_stars(buf, size, g->section.table->section, first, second);
}

struct sn_option sn_config_row(const struct sn_option *o)
{
    struct sn_option row = *o;
    row.offset = 0;
    return row;
}

/* Reads one number of a section's name; 0 when it is none. */
static int read_number(const char **at)
{
    const char *digits = *at;
    const size_t n = strspn(digits, "0123456789");
    *at += n;
    if (n < 1 || n > 2 || *digits == '0')
        return 0;
    const int number =
        n == 1 ? digits[0] - '0' : (digits[0] - '0') * 10 + digits[1] - '0';
    return number <= SN_CONFIG_MAX_REPEAT ? number : 0;
}

/* The number of `name` in a repeated group, 1 and up; 0 when it is not of that
 * group, -1 when it is but a number is not one. */
static int number_in_group(const struct sn_config_group *g, const char *name)
{
    const char *pattern = g->section.table->section;
    int part = 0;
    bool wrong = false;
    if (!is_repeated(g))
        return 0;
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            const int number = read_number(&name);
            wrong = wrong || number == 0;
            part = part * SN_CONFIG_MAX_REPEAT + number - 1;
            if (wrong) /* whatever stands there, up to the next dot */
                name += strcspn(name, ".");
        } else if (*name++ != *pattern) {
            return 0;
        }
    }
    if (*name)
        return strchr(name, '.') ? 0 : -1;
    return wrong ? -1 : part + 1;
}

/* The group and part that `name` spells; NULL when there is none, and then in
 * *wrong_number the group whose name it starts with, if any. */
static struct sn_config_group *find_section(struct sn_config *cfg,
                                            const char *name, int *part,
                                            struct sn_config_group **wrong)
{
    *wrong = NULL;
    for (int i = 0; i < cfg->groups; i++) {
        struct sn_config_group *g = &cfg->group[i];
        const int number = number_in_group(g, name);
        if (number < 0)
            *wrong = g;
        if (number > 0 ||
            (!is_repeated(g) && strcmp(name, g->section.table->section) == 0)) {
            *part = number > 0 ? number - 1 : 0;
            return g;
        }
    }
    return NULL;
}

/* "; did you mean 'x'?" or "; known are a, b, c". */
static void suggest(char *buf, size_t size, const char *word,
                    const char *const *known, size_t count)
{
    const char *near = sn_nearest(word, known, count);
    if (near) {
        snprintf(buf, size, "; did you mean '%s'?", near);
        return;
    }
    struct sn_text t = {0};
    for (size_t i = 0; i < count; i++)
        sn_text_add(&t, "%s%s", i ? ", " : "; known are ", known[i]);
    snprintf(buf, size, "%s", t.data ? t.data : "");
    sn_text_release(&t);
}

static void unknown_section(struct walk *w, struct sn_ini_place at,
                            const char *name,
                            const struct sn_config_group *wrong)
{
    if (wrong) {
        const char *pattern = wrong->section.table->section;
        char expected[NAME_MAX_BYTES];
        fill_stars(expected, sizeof expected, pattern, "1", "1");
        fault_at(w, at, "[%s] has no number from 1 to %d; expected [%s]", name,
                 SN_CONFIG_MAX_REPEAT, expected);
        return;
    }
    char names[KNOWN_MAX][NAME_MAX_BYTES], hint[SN_INI_LINE];
    const char *known[KNOWN_MAX], *dot = strchr(name, '.');
    const bool numbered =
        dot && dot[1] && strspn(dot + 1, "0123456789") == strlen(dot + 1);
    size_t count = 0;
    for (int i = 0; i < w->cfg->groups && count < KNOWN_MAX; i++) {
        const struct sn_config_group *g = &w->cfg->group[i];
        const char *section = g->section.table->section;
        char number[24]; /* its name with the number that was given */
        snprintf(number, sizeof number, "%.20s", numbered ? dot + 1 : "N");
        fill_stars(names[count], sizeof *names, section, number, "N");
        known[count] = names[count];
        count++;
    }
    suggest(hint, sizeof hint, name, known, count);
    fault_at(w, at, "unknown section [%s]%s", name, hint);
}

static void unknown_key(struct walk *w, struct sn_ini_place at, const char *key)
{
    char hint[SN_INI_LINE], section[NAME_MAX_BYTES];
    const struct sn_option_table *table = w->group->section.table;
    const char *known[KNOWN_MAX];
    size_t count = 0;
    for (; count < table->count && count < KNOWN_MAX; count++)
        known[count] = table->rows[count].key;
    suggest(hint, sizeof hint, key, known, count);
    if (!sn_nearest(key, known, count)) /* at home in another section? */
        for (int i = w->cfg->groups - 1; i >= 0; i--)
            if (sn_option_find(w->cfg->group[i].section.table, key)) {
                sn_config_name(&w->cfg->group[i], 0, section, sizeof section);
                snprintf(hint, sizeof hint, "; it belongs to [%s]", section);
            }
    sn_config_name(w->group, w->part, section, sizeof section);
    fault_at(w, at, "unknown key '%s' in [%s]%s", key, section, hint);
}

/* ---- the events of the file ---- */

static void on_section(void *ctx, struct sn_ini_place at, const char *name)
{
    struct walk *w = ctx;
    struct sn_config_group *wrong = NULL;
    w->group = name ? find_section(w->cfg, name, &w->part, &wrong) : NULL;
    if (!name)
        return; /* has been told */
    if (!w->group) {
        unknown_section(w, at, name, wrong);
        return;
    }
    struct sn_config_part *part = &w->group->part[w->part];
    if (part->in_file) {
        fault_at(w, at, "[%s] stands here again; first in line %d", name,
                 part->at.line);
    } else {
        part->in_file = true;
        part->at = at;
    }
}

/* The setting of a key of the current section, NULL when it is unknown. */
static struct sn_setting *find_setting(struct walk *w, const char *key,
                                       const struct sn_option **row)
{
    const struct sn_option_table *table = w->group->section.table;
    *row = sn_option_find(table, key);
    return *row ? &w->group->part[w->part].setting[*row - table->rows] : NULL;
}

static void set_value(struct walk *w, struct sn_setting *s,
                      const struct sn_option *o, struct sn_ini_place at,
                      const char *value)
{
    struct sn_error why = {0};
    const struct sn_option row = sn_config_row(o);
    if (sn_option_parse(&row, &s->value, value, w->dir, &why) != SN_OK)
        fault_at(w, at, "%s: %s", o->key, why.text);
}

static void on_pair(void *ctx, struct sn_ini_place key_at,
                    struct sn_ini_place value_at, const char *key,
                    const char *value)
{
    struct walk *w = ctx;
    const struct sn_option *row;
    if (!w->group)
        return; /* the section has been told */
    struct sn_setting *s = find_setting(w, key, &row);
    if (!s) {
        unknown_key(w, key_at, key);
        return;
    }
    if (s->origin == SN_ORIGIN_FILE) {
        fault_at(w, key_at, "key '%s' stands here again; first in line %d", key,
                 s->key_at.line);
        return;
    }
    s->origin = SN_ORIGIN_FILE;
    s->key_at = key_at;
    s->value_at = value_at;
    set_value(w, s, row, value_at, value);
}

/* ---- overrides ---- */

/* Cuts `section.key=value` into its parts, blanks around them removed; the
 * parts lie in buf.  False when it has not that form. */
static bool split_override(char *buf, char **section, char **key, char **value)
{
    char *equals = strchr(buf, '=');
    if (!equals)
        return false;
    *equals = '\0';
    char *dot = strrchr(buf, '.');
    if (!dot)
        return false;
    *dot = '\0';
    char *part[3] = {buf, dot + 1, equals + 1};
    for (int i = 0; i < 3; i++) {
        part[i] += strspn(part[i], " \t");
        for (size_t n = strlen(part[i]); n > 0 && strchr(" \t", part[i][n - 1]);
             n--)
            part[i][n - 1] = '\0';
    }
    *section = part[0];
    *key = part[1];
    *value = part[2];
    return *part[0] && *part[1];
}

/* "; did you mean 'run.seed'?" for a key that stands without its section. */
static const char *home_of(const struct walk *w, const char *key, char *buf,
                           size_t size)
{
    char section[NAME_MAX_BYTES];
    *buf = '\0';
    for (int i = w->cfg->groups - 1; i >= 0; i--) {
        const struct sn_option *row =
            sn_option_find(w->cfg->group[i].section.table, key);
        if (!row)
            continue;
        sn_config_name(&w->cfg->group[i], 0, section, sizeof section);
        snprintf(buf, size, "; did you mean '%.50s.%.50s'?", section, row->key);
    }
    return buf;
}

static void apply_override(struct walk *w, const char *text)
{
    char buf[SN_INI_LINE + 1], hint[2 * NAME_MAX_BYTES];
    char *section, *key, *value;
    const struct sn_ini_place nowhere = {0, 0};
    const struct sn_option *row;
    struct sn_config_group *wrong;
    w->over = text;
    if (strlen(text) > SN_INI_LINE) {
        w->over = "";
        fault_at(w, nowhere, "longer than %d bytes", SN_INI_LINE);
        return;
    }
    memcpy(buf, text, strlen(text) + 1);
    if (!split_override(buf, &section, &key, &value)) {
        fault_at(w, nowhere, "expected -s section.key=value%s",
                 home_of(w, buf, hint, sizeof hint));
        return;
    }
    w->group = find_section(w->cfg, section, &w->part, &wrong);
    if (!w->group) {
        unknown_section(w, nowhere, section, wrong);
        return;
    }
    struct sn_setting *s = find_setting(w, key, &row);
    if (!s) {
        unknown_key(w, nowhere, key);
        return;
    }
    if (!w->group->part[w->part].over)
        w->group->part[w->part].over = text;
    s->origin = SN_ORIGIN_OVERRIDE;
    s->over = text;
    set_value(w, s, row, nowhere, value);
}

/* ---- what is missing ---- */

bool sn_config_stands(const struct sn_config_part *part)
{
    return part->in_file || part->over;
}

/* Where faults of a part are told: in the file, or with the override that
 * names it. */
static struct sn_ini_place where(struct walk *w,
                                 const struct sn_config_part *part)
{
    w->over = part->in_file ? NULL : part->over;
    return part->in_file ? part->at : (struct sn_ini_place){1, 1};
}

/* Parts that stand, which must be numbered without a gap. */
static void count_parts(struct walk *w, struct sn_config_group *g)
{
    char name[NAME_MAX_BYTES], missing[NAME_MAX_BYTES];
    g->parts = 0;
    for (int i = 0; i < SN_CONFIG_MAX_REPEAT; i++) {
        const struct sn_config_part *part = &g->part[i];
        if (!sn_config_stands(part))
            continue;
        if (i > g->parts) {
            sn_config_name(g, i, name, sizeof name);
            sn_config_name(g, g->parts, missing, sizeof missing);
            fault_at(w, where(w, part),
                     "[%s] stands here without [%s]; expected numbers 1, 2, "
                     "... without a gap",
                     name, missing);
        }
        g->parts = i + 1;
    }
}

static void check_required(struct walk *w, const struct sn_config_group *g,
                           int part)
{
    char name[NAME_MAX_BYTES];
    const struct sn_option_table *table = g->section.table;
    const struct sn_config_part *p = &g->part[part];
    const struct sn_ini_place at = where(w, p);
    sn_config_name(g, part, name, sizeof name);
    for (size_t i = 0; i < table->count; i++)
        if (!table->rows[i].fallback &&
            p->setting[i].origin == SN_ORIGIN_DEFAULT)
            fault_at(w, at, "key '%s' is missing in [%s]", table->rows[i].key,
                     name);
}

static void check_missing(struct walk *w)
{
    char name[NAME_MAX_BYTES];
    for (int i = 0; i < w->cfg->groups; i++) {
        struct sn_config_group *g = &w->cfg->group[i];
        g->parts = sn_config_room(g);
        if (numbers(g) == 1)
            count_parts(w, g);
        if (g->section.required && !sn_config_stands(&g->part[0])) {
            sn_config_name(g, 0, name, sizeof name);
            fault_at(w, where(w, &g->part[0]), "section [%s] is missing", name);
            continue;
        }
        for (int ip = 0; ip < g->parts; ip++)
            if (!is_repeated(g) || sn_config_stands(&g->part[ip]))
                check_required(w, g, ip);
    }
    w->over = NULL;
}

/* ---- the whole ---- */

static struct sn_config *
create(const char *path, const struct sn_config_section *sections, int count)
{
    struct sn_config *cfg = calloc(1, sizeof *cfg);
    if (!cfg)
        return NULL;
    cfg->path = malloc(strlen(path) + 1);
    cfg->group = calloc((size_t)count, sizeof *cfg->group);
    bool ok = cfg->path && cfg->group;
    if (ok)
        memcpy(cfg->path, path, strlen(path) + 1);
    for (int i = 0; ok && i < count; i++) {
        struct sn_config_group *g = &cfg->group[cfg->groups++];
        g->section = sections[i];
        const int parts = sn_config_room(g);
        g->part = calloc((size_t)parts, sizeof *g->part);
        ok = g->part != NULL;
        for (int ip = 0; ok && ip < parts; ip++) {
            g->part[ip].setting =
                calloc(g->section.table->count, sizeof *g->part[ip].setting);
            ok = g->part[ip].setting != NULL;
        }
    }
    if (!ok) {
        sn_config_destroy(cfg);
        return NULL;
    }
    return cfg;
}

void sn_config_destroy(struct sn_config *cfg)
{
    if (!cfg)
        return;
    for (int i = 0; i < cfg->groups; i++) {
        const struct sn_config_group *g = &cfg->group[i];
        for (int ip = 0; g->part && ip < sn_config_room(g); ip++)
            free(g->part[ip].setting);
        free(g->part);
    }
    free(cfg->group);
    free(cfg->path);
    free(cfg);
}

static void set_defaults(struct sn_config *cfg, const char *dir)
{
    for (int i = 0; i < cfg->groups; i++) {
        const struct sn_config_group *g = &cfg->group[i];
        const struct sn_option_table *table = g->section.table;
        for (int ip = 0; ip < sn_config_room(g); ip++)
            for (size_t io = 0; io < table->count; io++) {
                const struct sn_option row = sn_config_row(&table->rows[io]);
                sn_option_default(&row, &g->part[ip].setting[io].value, dir);
            }
    }
}

/* The settings into the rooms' structs. */
static void hand_out(const struct sn_config *cfg)
{
    for (int i = 0; i < cfg->groups; i++) {
        const struct sn_config_group *g = &cfg->group[i];
        const struct sn_option_table *table = g->section.table;
        for (int ip = 0; ip < sn_config_room(g); ip++) {
            char *base =
                (char *)g->section.base + (size_t)ip * g->section.stride;
            for (size_t io = 0; io < table->count; io++)
                memcpy(base + table->rows[io].offset,
                       &g->part[ip].setting[io].value,
                       sn_option_size(table->rows[io].type));
        }
        if (g->section.repeat)
            *g->section.repeat = g->parts;
    }
}

/* Walks file, then overrides, then what is missing; all faults in w->err. */
static sn_status read_all(struct walk *w, const char *data, size_t bytes,
                          const struct sn_config_override *over, int n_over)
{
    static const struct sn_ini_events events = {
        .section = on_section, .pair = on_pair, .fault = on_ini_fault};
    char here[PATH_MAX_BYTES];
    SN_TRY(sn_path_folder(here, sizeof here, "./x", w->err));
    bool stopped;
    if (!sn_ini_parse(data, bytes, &events, w, &stopped))
        return sn_fail(w->err, SN_ERR_MEMORY, "%s: out of memory",
                       w->cfg->path);
    if (stopped)
        return SN_ERR_CONFIG; /* what seems to be missing may stand below */
    w->dir = here;
    for (int i = 0; i < n_over; i++)
        apply_override(w, over[i].text);
    w->dir = NULL;
    check_missing(w);
    return w->faults ? SN_ERR_CONFIG : SN_OK;
}

/* The file's text and folder.  A config that cannot be read is a config fault,
 * not one of input. */
static sn_status load(const char *path, char **data, size_t *bytes, char *dir,
                      struct sn_error *err)
{
    sn_status rc = sn_file_read(path, SN_INI_FILE, data, bytes, err);
    if (rc == SN_OK) {
        rc = sn_path_folder(dir, PATH_MAX_BYTES, path, err);
        if (rc != SN_OK)
            free(*data);
    }
    if (rc == SN_ERR_INPUT)
        rc = err->code = SN_ERR_CONFIG;
    return rc;
}

sn_status sn_config_read(const char *path,
                         const struct sn_config_section *sections, int count,
                         const struct sn_config_override *over, int n_over,
                         struct sn_config **cfg, struct sn_error *err)
{
    char *data, dir[PATH_MAX_BYTES];
    size_t bytes;
    struct sn_error own = {0}; /* the list starts empty, whatever err holds */
    sn_status rc = load(path, &data, &bytes, dir, &own);
    if (rc != SN_OK)
        return sn_fail(err, rc, "%s", own.text);

    struct walk w = {.err = &own, .dir = dir};
    w.cfg = create(path, sections, count);
    if (w.cfg) {
        set_defaults(w.cfg, dir);
        rc = read_all(&w, data, bytes, over, n_over);
    } else {
        rc = sn_fail(&own, SN_ERR_MEMORY, "%s: out of memory", path);
    }
    free(data);
    if (rc == SN_OK)
        hand_out(w.cfg);
    else if (err)
        *err = own;
    if (rc == SN_OK && cfg)
        *cfg = w.cfg;
    else
        sn_config_destroy(w.cfg);
    return rc;
}

/* ---- faults found later ---- */

sn_status sn_config_fault(const struct sn_config *cfg, struct sn_error *err,
                          const char *section, const char *key, const char *fmt,
                          ...)
{
    char text[SN_INI_LINE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);

    /* sn_config_fault() changes nothing of cfg: the walk only looks it up. */
    struct walk w = {.cfg = (struct sn_config *)cfg, .err = err};
    struct sn_config_group *wrong;
    struct sn_ini_place at = {1, 1};
    w.group = find_section(w.cfg, section, &w.part, &wrong);
    if (w.group && w.group->part[w.part].in_file)
        at = w.group->part[w.part].at;
    const struct sn_option *row;
    const struct sn_setting *s =
        w.group && key ? find_setting(&w, key, &row) : NULL;
    if (s && s->origin == SN_ORIGIN_FILE)
        at = s->value_at;
    if (s && s->origin == SN_ORIGIN_OVERRIDE)
        w.over = s->over;
    if (key)
        fault_at(&w, at, "[%s] %s: %s", section, key, text);
    else
        fault_at(&w, at, "[%s]: %s", section, text);
    return SN_ERR_CONFIG;
}

const char *sn_config_place(const struct sn_config *cfg, const char *section,
                            const char *key, char *buf, size_t size)
{
    struct walk w = {.cfg = (struct sn_config *)cfg}; /* only looks it up */
    struct sn_config_group *wrong;
    const struct sn_option *row;
    w.group = find_section(w.cfg, section, &w.part, &wrong);
    const struct sn_setting *s = w.group ? find_setting(&w, key, &row) : NULL;
    if (s && s->origin == SN_ORIGIN_FILE)
        snprintf(buf, size, "%s:%d", cfg->path, s->key_at.line);
    else if (s && s->origin == SN_ORIGIN_OVERRIDE)
        snprintf(buf, size, "-s %s", s->over);
    else
        snprintf(buf, size, "the default");
    return buf;
}
