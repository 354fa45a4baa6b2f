/* supernet data check: everything that is wrong with a set's images. */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/data.h"
#include "datasets/inspect.h"

enum { SHOWN = 20, CLASSES_SHOWN = 40 }; /* lines of a kind; --json has all */

static const char *const heading[SN_FINDINGS] = {
    [SN_FIND_BROKEN] = "cannot be read",
    [SN_FIND_UNLABELLED] = "of no class",
    [SN_FIND_EMPTY] = "classes without training images",
    [SN_FIND_STRANGE] = "folders of val or test that are no class of train",
    [SN_FIND_LEAK] = "the same picture in two parts",
    [SN_FIND_CONFLICT] = "the same picture in two classes",
    [SN_FIND_DOUBLE] = "the same picture twice in a class",
    [SN_FIND_FEW] = "classes with few images",
    [SN_FIND_FOREIGN] = "pictures that are no JPEG, PNG or BMP, passed over",
    [SN_FIND_OTHER] = "not read as pictures",
};

static const char *file_of(const struct sn_inspection *it, int entry)
{
    return it->catalog.names + it->catalog.entry[entry].name;
}

/* Adds the name, whatever it is made of, so that it stays on its line. */
static void add_file(struct sn_text *t, const struct sn_inspection *it,
                     int entry)
{
    char shown[SN_CATALOG_PATH];
    sn_text_add(t, "%s",
                sn_text_shown(shown, sizeof shown, file_of(it, entry)));
}

/* ---- text ---- */

static void add_classes(struct sn_text *t, const struct sn_catalog *c)
{
    const int shown = c->classes > CLASSES_SHOWN ? SHOWN : c->classes;
    struct sn_tally n;
    sn_catalog_tally(&n, c);
    sn_text_add(t, "%-8s %-32s %8s %8s %8s\n", "classes", "", "train", "val",
                "test");
    for (int label = 0; label < shown; label++)
        sn_text_add(t, "%-8s %-*s %8d %8d %8d\n", "",
                    sn_text_width(c->class_name[label], 32),
                    c->class_name[label], n.n[SN_IN_TRAIN][label],
                    n.n[SN_IN_VAL][label], n.n[SN_IN_TEST][label]);
    if (shown < c->classes)
        sn_text_add(t, "%-8s ... and %d more\n", "", c->classes - shown);
}

static void add_finding(struct sn_text *t, const struct sn_inspection *it,
                        const struct sn_finding *f)
{
    sn_text_add(t, "  ");
    if (f->entry >= 0)
        add_file(t, it, f->entry);
    if (f->other >= 0) {
        sn_text_add(t, " is ");
        add_file(t, it, f->other);
    }
    if (f->text[0])
        sn_text_add(t, "%s%s", f->entry >= 0 ? ": " : "", f->text);
    sn_text_add(t, "\n");
}

/* How many files or classes it is about. */
static int count_of(const struct sn_inspection *it, enum sn_finding_kind kind)
{
    return kind == SN_FIND_FOREIGN ? it->catalog.foreign
           : kind == SN_FIND_OTHER ? it->catalog.others
                                   : it->count[kind];
}

static void add_findings(struct sn_text *t, const struct sn_inspection *it)
{
    int shown = 0;
    for (int i = 0; i < it->n; i++) {
        const enum sn_finding_kind kind = it->finding[i].kind;
        if (i == 0 || kind != it->finding[i - 1].kind) {
            sn_text_add(t, "%-8s %s: %d\n",
                        kind <= SN_FIND_LAST_ERROR ? "error" : "note",
                        heading[kind], count_of(it, kind));
            shown = 0;
        }
        if (shown++ < SHOWN)
            add_finding(t, it, &it->finding[i]);
        else if (shown == SHOWN + 1)
            sn_text_add(t, "  ... and %d more, which --json lists\n",
                        it->count[kind] - SHOWN);
    }
}

static void add_report(struct sn_text *t, const struct sn_inspection *it,
                       const char *path)
{
    const struct sn_catalog *c = &it->catalog;
    char found[512];
    const int errors = sn_inspection_errors(it);
    sn_catalog_found(c, found, sizeof found);
    sn_text_add(t, "%-8s %s\n%-8s %s\n", "data", path, "", found);
    if (it->sound)
        sn_text_add(t,
                    "%-8s width %d to %d, median %d; height %d to %d, median "
                    "%d\n",
                    "sizes", it->w.least, it->w.most, it->w.median, it->h.least,
                    it->h.most, it->h.median);
    add_classes(t, c);
    add_findings(t, it);
    sn_text_add(t, "%-8s %d of %d images can be read; %d error%s, %d note%s\n",
                "result", it->sound, c->n + c->unlabelled, errors,
                errors == 1 ? "" : "s", it->n - errors,
                it->n - errors == 1 ? "" : "s");
}

/* ---- JSON ---- */

static json_t *json_classes(const struct sn_catalog *c)
{
    json_t *all = json_array();
    struct sn_tally n;
    sn_catalog_tally(&n, c);
    for (int label = 0; label < c->classes; label++)
        json_array_append_new(all, json_pack("{s:o, s:i, s:i, s:i}", "name",
                                             sn_json_name(c->class_name[label]),
                                             "train", n.n[SN_IN_TRAIN][label],
                                             "val", n.n[SN_IN_VAL][label],
                                             "test", n.n[SN_IN_TEST][label]));
    return all;
}

static json_t *json_findings(const struct sn_inspection *it)
{
    json_t *all = json_array();
    for (int i = 0; i < it->n; i++) {
        const struct sn_finding *f = &it->finding[i];
        json_t *o = json_pack("{s:s, s:b}", "kind", sn_finding_name[f->kind],
                              "error", f->kind <= SN_FIND_LAST_ERROR);
        if (o && f->entry >= 0)
            json_object_set_new(o, "file", sn_json_name(file_of(it, f->entry)));
        if (o && f->other >= 0)
            json_object_set_new(o, "same_as",
                                sn_json_name(file_of(it, f->other)));
        if (o && f->text[0])
            json_object_set_new(o, "text", sn_json_name(f->text));
        json_array_append_new(all, o);
    }
    return all;
}

static char *check_json(const struct sn_inspection *it, const char *path)
{
    const struct sn_catalog *c = &it->catalog;
    const int errors = sn_inspection_errors(it);
    json_t *o = json_pack(
        "{s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b,"
        " s:{s:i, s:i, s:i}, s:{s:i, s:i, s:i}, s:o, s:o}",
        "path", sn_json_name(path), "images", c->n + c->unlabelled, "sound",
        it->sound, "train", sn_catalog_count(c, SN_IN_TRAIN), "val",
        sn_catalog_count(c, SN_IN_VAL), "test", sn_catalog_count(c, SN_IN_TEST),
        "unlabelled", c->unlabelled, "errors", errors, "notes", it->n - errors,
        "ok", errors == 0, "width", "least", it->w.least, "median",
        it->w.median, "most", it->w.most, "height", "least", it->h.least,
        "median", it->h.median, "most", it->h.most, "classes", json_classes(c),
        "findings", json_findings(it));
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    return text;
}

/* ---- the command ---- */

sn_status sn_cli_data_check(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_cli_data d;
    struct sn_inspection it = {0};
    struct sn_text t = {0};
    if (!a->operand && a->n_over == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "data check: expected DIR, a folder of class folders; "
                       "or a CSV list, or a config");
    SN_TRY(sn_cli_data_options(&d, a, err));
    if (d.data.set != SN_DATA_FOLDER && d.data.set != SN_DATA_LIST)
        return sn_fail(err, SN_ERR_CONFIG,
                       "data check: is for images of one's own, set = folder "
                       "or set = list; the other sets are checked whenever "
                       "they are read");
    SN_TRY(sn_inspect(&it, &d.data, err));
    sn_status rc = SN_OK;
    if (a->json) {
        rc = sn_cli_print_owned(check_json(&it, d.data.path), err);
    } else {
        add_report(&t, &it, d.data.path);
        rc = sn_cli_print_text(&t, err);
    }
    const int errors = sn_inspection_errors(&it);
    if (rc == SN_OK && errors)
        rc = sn_fail(err, SN_ERR_INPUT, "%s: %d error%s in the data",
                     d.data.path, errors, errors == 1 ? "" : "s");
    sn_inspection_release(&it);
    return rc;
}
