/* Configs as text: the resolved values with their origins, and the list of all
 * keys. */

#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_internal.h"

enum { VALUE_BYTES = 512, NAME_BYTES = 64, COLUMNS = 80 };

/* ---- the resolved config ---- */

static void add_origin(struct sn_text *t, const struct sn_config *cfg,
                       const struct sn_setting *s)
{
    switch (s->origin) {
    case SN_ORIGIN_DEFAULT:
        sn_text_add(t, "# default\n");
        break;
    case SN_ORIGIN_FILE:
        sn_text_add(t, "# %s:%d\n", cfg->path, s->key_at.line);
        break;
    case SN_ORIGIN_OVERRIDE:
        sn_text_add(t, "# -s\n");
        break;
    }
}

static void add_part(struct sn_text *t, const struct sn_config *cfg,
                     const struct sn_config_group *g, int part)
{
    char name[NAME_BYTES], value[VALUE_BYTES];
    const struct sn_option_table *table = g->section.table;
    sn_config_name(g, part, name, sizeof name);
    sn_text_add(t, "%s[%s]\n", t->length ? "\n" : "", name);
    for (size_t i = 0; i < table->count; i++) {
        const struct sn_setting *s = &g->part[part].setting[i];
        const struct sn_option row = sn_config_row(&table->rows[i]);
        sn_option_print(&row, &s->value, value, sizeof value);
        if (!*value) /* an empty field has no spelling: the key is left out */
            continue;
        sn_text_add(t, "%-12s = %-20s ", row.key, value);
        add_origin(t, cfg, s);
    }
}

/* Of sections repeated twice only those that stand are there. */
static bool is_sparse(const struct sn_config_group *g)
{
    return sn_config_room(g) == SN_CONFIG_MAX_PARTS;
}

char *sn_config_text(const struct sn_config *cfg)
{
    struct sn_text t = {0};
    for (int i = 0; i < cfg->groups; i++)
        for (int ip = 0; ip < cfg->group[i].parts; ip++)
            if (!is_sparse(&cfg->group[i]) ||
                sn_config_stands(&cfg->group[i].part[ip]))
                add_part(&t, cfg, &cfg->group[i], ip);
    return sn_text_take(&t);
}

/* ---- all keys ---- */

/* Adds the words of `text` in lines that end before column COLUMNS, each behind
 * `indent` blanks; the first stands at `column` already. */
static void add_words(struct sn_text *t, const char *text, int indent,
                      int column)
{
    while (*text) {
        const int n = (int)strcspn(text, " ");
        if (column > indent && column + 1 + n >= COLUMNS) {
            sn_text_add(t, "\n%*s", indent, "");
            column = indent;
        }
        sn_text_add(t, "%s%.*s", column > indent ? " " : "", n, text);
        column += n + (column > indent);
        text += n;
        text += strspn(text, " ");
    }
    sn_text_add(t, "\n");
}

/* A unit that the value itself carries is not said twice. */
static bool says_unit(const struct sn_option *o)
{
    return *o->unit && o->type != SN_OPT_TIME && o->type != SN_OPT_SIZE &&
           o->type != SN_OPT_FREQUENCY && o->type != SN_OPT_AMOUNT;
}

static void add_row(struct sn_text *t, const struct sn_option *o, int indent)
{
    char expected[VALUE_BYTES], line[2 * VALUE_BYTES];
    const bool says = says_unit(o);
    sn_option_expected(o, expected, sizeof expected);
    snprintf(line, sizeof line, "%s%s%s%s; %s%s", expected, says ? " (" : "",
             says ? o->unit : "", says ? ")" : "",
             !o->fallback    ? "must be set"
             : !*o->fallback ? "may be left out"
                             : "default ",
             o->fallback ? o->fallback : "");
    sn_text_add(t, "  %-*s", indent - 2, o->key);
    add_words(t, o->help, indent, indent);
    sn_text_add(t, "%*s", indent, "");
    add_words(t, line, indent, indent);
}

/* The column behind the longest key of a table. */
static int help_column(const struct sn_option_table *table)
{
    size_t longest = 11;
    for (size_t i = 0; i < table->count; i++)
        if (strlen(table->rows[i].key) > longest)
            longest = strlen(table->rows[i].key);
    return (int)longest + 4;
}

bool sn_config_is_named(const char *section, const char *word)
{
    const char *star = strstr(section, ".*");
    if (strcmp(section, word) == 0)
        return true;
    const size_t n = star ? (size_t)(star - section) : 0;
    return n > 0 && strncmp(section, word, n) == 0 &&
           (word[n] == '\0' || word[n] == '.');
}

char *sn_config_help(const struct sn_config_section *sections, int count,
                     const char *only)
{
    struct sn_text t = {0};
    for (int i = 0; i < count; i++) {
        const struct sn_option_table *table = sections[i].table;
        if (only && !sn_config_is_named(table->section, only))
            continue;
        sn_text_add(&t, "%s[", t.length ? "\n" : "");
        for (const char *c = table->section; *c; c++)
            sn_text_add_bytes(&t, *c == '*' ? "N" : c, 1);
        sn_text_add(&t, "]  %s\n", table->help);
        for (size_t io = 0; io < table->count; io++)
            add_row(&t, &table->rows[io], help_column(table));
    }
    return sn_text_take(&t);
}
