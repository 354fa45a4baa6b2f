#ifndef SN_CONFIG_CONFIG_INTERNAL_H
#define SN_CONFIG_CONFIG_INTERNAL_H

/* What the three files of this room share: the lines of an INI file as events
 * (ini.c), and the table of values with their origins (config.c) that
 * config_text.c writes out. */

#include "config/config.h"

/* ---- ini.c ---- */

enum { SN_INI_LINE = 1000, SN_INI_FILE = 1 << 20 }; /* bytes at most */

/* Where something stands: counted from 1; columns are bytes. */
struct sn_ini_place {
    int line, col;
};

/* Called in the order of the lines. */
struct sn_ini_events {
    void (*section)(void *ctx, struct sn_ini_place at, const char *name);
    void (*pair)(void *ctx, struct sn_ini_place key_at,
                 struct sn_ini_place value_at, const char *key,
                 const char *value);
    void (*fault)(void *ctx, struct sn_ini_place at, const char *text);
};

/* Reads the text of a file.  A line that is no INI line is a fault; at a
 * byte that no text holds reading stops.  False when memory ran out. */
bool sn_ini_parse(const char *data, size_t size,
                  const struct sn_ini_events *events, void *ctx, bool *stopped);

/* ---- config.c ---- */

enum sn_origin { SN_ORIGIN_DEFAULT, SN_ORIGIN_FILE, SN_ORIGIN_OVERRIDE };

struct sn_setting {
    enum sn_origin origin;
    struct sn_ini_place key_at, value_at; /* in the file, if it stands there */
    const char *over;                     /* text of the override */
    union sn_option_value value;
};

/* One section: of a repeated table one of its instances. */
struct sn_config_part {
    bool in_file;
    struct sn_ini_place at;
    const char *over;           /* the first override that names it, or NULL */
    struct sn_setting *setting; /* table->count of them, owned */
};

struct sn_config_group {
    struct sn_config_section section;
    struct sn_config_part *part; /* [sn_config_room()] owned */
    int parts;                   /* that exist */
};

struct sn_config {
    char *path;                    /* owned; as it was given */
    struct sn_config_group *group; /* owned */
    int groups;
};

/* Parts a group may have: 1, or those of its one or two numbers. */
int sn_config_room(const struct sn_config_group *g);

/* Whether a section stands in the file or was named by an override. */
bool sn_config_stands(const struct sn_config_part *part);

/* The section's name as it stands in a file: "train", "stage.3". */
void sn_config_name(const struct sn_config_group *g, int part, char *buf,
                    size_t size);

/* A row whose field is a sn_option_value of its own. */
struct sn_option sn_config_row(const struct sn_option *o);

#endif
