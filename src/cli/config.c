/* supernet config: every key with default, unit, range and meaning. */

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"
#include "job/options.h"

enum { SECTIONS = SN_JOB_SECTIONS + 1 };

/* The sections of a config, and that of a target's description. */
static void all_sections(struct sn_job_config *c,
                         struct sn_config_section out[SECTIONS])
{
    sn_job_sections(c, out);
    out[SN_JOB_SECTIONS] = (struct sn_config_section){.table = &sn_npu_options,
                                                      .base = &c->device.npu};
}

static sn_status check_section(const struct sn_config_section *sections,
                               const char *name, struct sn_error *err)
{
    const char *names[SECTIONS];
    for (int i = 0; i < SECTIONS; i++) {
        names[i] = sections[i].table->section;
        if (sn_config_is_named(names[i], name))
            return SN_OK;
    }
    const char *near = sn_nearest(name, names, SECTIONS);
    return sn_fail(err, SN_ERR_CONFIG, "unknown section '%s'%s%s%s", name,
                   near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "; see supernet config");
}

static json_t *key_json(const struct sn_option *o)
{
    json_t *k = json_pack("{s:s, s:s?, s:s, s:s}", "key", o->key, "default",
                          o->fallback, "unit", o->unit, "help", o->help);
    if (o->min <= o->max && isfinite(o->min))
        json_object_set_new(k, "min", json_real(o->min));
    if (o->min <= o->max && isfinite(o->max))
        json_object_set_new(k, "max", json_real(o->max));
    if (o->names) {
        json_t *names = json_array();
        for (const struct sn_option_name *n = o->names; n->name; n++)
            json_array_append_new(names, json_string(n->name));
        json_object_set_new(k, "names", names);
    }
    return k;
}

static char *sections_json(const struct sn_config_section *sections,
                           const char *only)
{
    json_t *o = json_object();
    for (int i = 0; i < SECTIONS; i++) {
        const struct sn_option_table *t = sections[i].table;
        if (only && !sn_config_is_named(t->section, only))
            continue;
        json_t *keys = json_array();
        for (size_t ik = 0; ik < t->count; ik++)
            json_array_append_new(keys, key_json(&t->rows[ik]));
        json_object_set_new(o, t->section, keys);
    }
    char *text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    return text;
}

sn_status sn_cli_config(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_config_section sections[SECTIONS];
    struct sn_job_config *c = calloc(1, sizeof *c);
    if (!c)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a config");
    all_sections(c, sections);
    sn_status rc = SN_OK;
    if (a->operand)
        rc = check_section(sections, a->operand, err);
    if (rc == SN_OK)
        rc = sn_cli_print_owned(
            a->json ? sections_json(sections, a->operand)
                    : sn_config_help(sections, SECTIONS, a->operand),
            err);
    free(c);
    return rc;
}
