#ifndef SN_CONFIG_CONFIG_H
#define SN_CONFIG_CONFIG_H

/* Reads INI files into the structs whose option tables rooms declare.
 *
 * The file is read with libinih under strict settings; every fault is listed,
 * with file:line:col, what was found, what was expected and the nearest known
 * word, before anything is run.  This room knows no section by name: it is
 * handed tables and targets. */

#include "base/option.h"
#include "base/status.h"

enum {
    SN_CONFIG_MAX_REPEAT = 16, /* stages, and blocks of one */
    SN_CONFIG_MAX_PARTS = SN_CONFIG_MAX_REPEAT * SN_CONFIG_MAX_REPEAT
};

/* A table and where its values go.  A key without a default must be set, also
 * in a section that need not stand in the file.  For a plain section `base` is
 * the room's struct.  For a repeated one ("stage.*") it is an array of
 * SN_CONFIG_MAX_REPEAT structs of `stride` bytes; *repeat gets the number of
 * sections, which must be numbered 1, 2, ... without a gap.  One repeated twice
 * ("stage.*.block.*") is an array of SN_CONFIG_MAX_PARTS, the second number
 * running faster, of which any may stand; `repeat` is NULL then. */
struct sn_config_section {
    const struct sn_option_table *table;
    void *base;
    size_t stride; /* repeated sections only */
    int *repeat;   /* repeated sections only */
    bool required; /* the section (of a repeated one the first) must stand */
};

/* `-s section.key=value`: replaces or adds a value; the key is what follows
 * the last dot before `=`.  Of two that name the same key the later one holds.
 * Paths are relative to the current folder. */
struct sn_config_override {
    const char *text;
};

struct sn_config; /* which values were set, and where: for the resolved config
                   */

/* Fills all sections: defaults, then the file, then the overrides.  A `path`
 * that cannot be opened is SN_ERR_CONFIG too.  On failure nothing is filled and
 * err lists every fault, one a line.  *cfg (owned by the caller, need not be
 * asked for) keeps every value with its origin; the tables and the texts of the
 * overrides must outlive it.  Not for two threads at once: libinih is set up
 * through global variables. */
sn_status sn_config_read(const char *path,
                         const struct sn_config_section *sections, int count,
                         const struct sn_config_override *over, int n_over,
                         struct sn_config **cfg, struct sn_error *err);

/* A fault found by a check across keys: appended to *err as
 * `file:line:col: error: ...`, at the place where section.key was set, or at
 * the section, or at the file when neither stands in it. */
sn_status sn_config_fault(const struct sn_config *cfg, struct sn_error *err,
                          const char *section, const char *key, const char *fmt,
                          ...) __attribute__((format(printf, 5, 6)));

/* Where the value of a key comes from: `cfg.ini:12`, `-s data.path=x` or `the
 * default`. */
const char *sn_config_place(const struct sn_config *cfg, const char *section,
                            const char *key, char *buf, size_t size);

/* The resolved config as INI text, every value with its origin as a comment
 * (`# default`, `# cfg.ini:12`, `# -s`).  Reading it back gives the same
 * values; paths are absolute.  Caller frees; NULL when memory ran out. */
char *sn_config_text(const struct sn_config *cfg);

/* Whether a word names a section; "stage", "stage.2" and "stage.N" all name
 * "stage.*". */
bool sn_config_is_named(const char *section, const char *word);

/* Every key of the tables with default, unit, range and meaning, as text for
 * `supernet config [SECTION]`.  `only` may be NULL; the text is empty when no
 * table has that name.  Caller frees; NULL when memory ran out. */
char *sn_config_help(const struct sn_config_section *sections, int count,
                     const char *only);

void sn_config_destroy(struct sn_config *cfg);

#endif
