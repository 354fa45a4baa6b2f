/* set = folder: one folder a class.
 *
 *   path/train/CLASS/...   and, if there are any, path/val/CLASS/...,
 *   path/test/CLASS/...    (valid, validation; upper or lower case)
 *   path/CLASS/...         where there is no folder train
 *
 * Classes are the folders of train in the order of their bytes.  Pictures may
 * lie in folders within a class's folder.  Hidden files and folders (a dot in
 * front; __MACOSX of archives) are not looked at; pictures that lie in no
 * class's folder are counted as unlabelled, never taken for something. */

#include "datasets/catalog_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/nearest.h"
#include "base/text.h"
#include "datasets/image.h"

#define DEPTH_MAX SN_PICTURE_FOLDERS /* links may go round */

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A folder being walked through: `at` is its path relative to the root, with
 * room to go deeper. */
struct place {
    struct sn_catalog *c;
    char at[SN_CATALOG_PATH - SN_TEXT_MAX - 2];
    int depth;
    struct sn_error *err;
};

static void full_path(char buf[SN_CATALOG_PATH], const struct place *p)
{
    snprintf(buf, SN_CATALOG_PATH, "%s%s%s", p->c->root, p->at[0] ? "/" : "",
             p->at);
}

/* The visible entries of the folder, sorted. */
static sn_status list(const struct place *p, struct dirent ***entry, int *n)
{
    char path[SN_CATALOG_PATH];
    full_path(path, p);
    *n = scandir(path, entry, sn_entry_is_visible, by_bytes);
    if (*n >= 0)
        return SN_OK;
    return sn_fail(p->err, errno == ENOMEM ? SN_ERR_MEMORY : SN_ERR_INPUT,
                   "%s: cannot be listed: %s", path, strerror(errno));
}

/* Goes to `name` within the folder; returns where the path was cut, for
 * leave(), or -1 where it is too long. */
static int enter(struct place *p, const char *name)
{
    const size_t length = strlen(p->at), more = strlen(name);
    if (length + more + 2 > sizeof p->at)
        return -1;
    snprintf(p->at + length, sizeof p->at - length, "%s%s", length ? "/" : "",
             name);
    p->depth++;
    return (int)length;
}

static void leave(struct place *p, int length)
{
    p->at[length] = '\0';
    p->depth--;
}

static bool is_folder(const struct place *p, const struct dirent *e)
{
    struct stat st;
    char path[SN_CATALOG_PATH];
    full_path(path, p);
    const size_t length = strlen(path);
    if (length + strlen(e->d_name) + 2 > sizeof path)
        return false;
    snprintf(path + length, sizeof path - length, "/%s", e->d_name);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Adds what lies in the folder, and below it, as pictures of one class. */
static sn_status walk(struct place *p, int label, enum sn_part part)
{
    struct dirent **entry;
    int n;
    if (p->depth > DEPTH_MAX)
        return sn_fail(p->err, SN_ERR_INPUT,
                       "%s/%s: more than %d folders within each other, or a "
                       "link that goes round",
                       p->c->root, p->at, DEPTH_MAX);
    SN_TRY(list(p, &entry, &n));
    sn_status rc = SN_OK;
    for (int i = 0; i < n && rc == SN_OK; i++) {
        const char *name = entry[i]->d_name;
        const bool picture = sn_is_picture_name(name);
        const bool folder = !picture && is_folder(p, entry[i]);
        if (!picture && !folder) {
            sn_catalog_other(p->c, name);
            continue;
        }
        const int cut = enter(p, name);
        if (cut < 0) {
            rc = sn_fail(p->err, SN_ERR_INPUT,
                         "%s/%.200s...: the path is too "
                         "long",
                         p->c->root, p->at);
            break;
        }
        rc = folder ? walk(p, label, part)
                    : sn_catalog_add(p->c, p->at, label, part, p->err);
        leave(p, cut);
    }
    sn_entries_free(entry, n);
    return rc;
}

/* ---- classes ---- */

static int find_class(const struct sn_catalog *c, const char *name)
{
    for (int i = 0; i < c->classes; i++)
        if (strcmp(c->class_name[i], name) == 0)
            return i;
    return -1;
}

static sn_status add_class(struct place *p, const char *name)
{
    struct sn_catalog *c = p->c;
    char shown[4 * SN_CLASS_NAME];
    if (!sn_text_is_plain(name)) /* it would shift the lines of every list */
        return sn_fail(p->err, SN_ERR_INPUT,
                       "%s/%s%s%s: a class name that is not text, expected "
                       "UTF-8 without control characters",
                       c->root, p->at, p->at[0] ? "/" : "",
                       sn_text_shown(shown, sizeof shown, name));
    if (strlen(name) >= SN_CLASS_NAME)
        return sn_fail(p->err, SN_ERR_INPUT,
                       "%s/%s%s%s: a class name of %zu bytes, expected at most "
                       "%d",
                       c->root, p->at, p->at[0] ? "/" : "", name, strlen(name),
                       SN_CLASS_NAME - 1);
    if (c->classes == SN_MAX_CLASSES)
        return sn_fail(p->err, SN_ERR_INPUT,
                       "%s/%s: more than %d folders, expected one for each "
                       "class",
                       c->root, p->at, SN_MAX_CLASSES);
    memcpy(c->class_name[c->classes++], name, strlen(name) + 1);
    return SN_OK;
}

/* A class's folder of val or test that train does not have: its pictures are of
 * no class. */
static sn_status unknown_class(const struct place *p, const char *name)
{
    const char *names[SN_MAX_CLASSES];
    char text[SN_CATALOG_PATH], shown[1024];
    for (int i = 0; i < p->c->classes; i++)
        names[i] = p->c->class_name[i];
    const char *near = sn_nearest(name, names, (size_t)p->c->classes);
    snprintf(text, sizeof text, "%s/%s: a class that %s does not have%s%s%s",
             p->at, sn_text_shown(shown, sizeof shown, name),
             p->c->given[SN_IN_TRAIN], near ? "; did you mean '" : "",
             near ? near : "", near ? "'?" : "");
    return sn_catalog_strange(p->c, text, p->err);
}

/* One entry of a folder of classes. */
static sn_status take(struct place *p, const struct dirent *e,
                      enum sn_part part, bool makes_classes)
{
    const char *name = e->d_name;
    const bool folder = is_folder(p, e);
    if (!folder && !sn_is_picture_name(name)) {
        sn_catalog_other(p->c, name);
        return SN_OK;
    }
    if (folder && makes_classes)
        SN_TRY(add_class(p, name));
    const int label = folder ? find_class(p->c, name) : SN_UNLABELLED;
    if (folder && label < 0)
        SN_TRY(unknown_class(p, name));
    const int cut = enter(p, name);
    if (cut < 0)
        return sn_fail(p->err, SN_ERR_INPUT, "%s/%s: the path is too long",
                       p->c->root, p->at);
    const sn_status rc = folder
                             ? walk(p, label, part)
                             : sn_catalog_add(p->c, p->at, label, part, p->err);
    leave(p, cut);
    return rc;
}

/* The folders of classes in the folder `p` stands in. */
static sn_status walk_classes(struct place *p, enum sn_part part,
                              bool makes_classes)
{
    struct dirent **entry;
    int n;
    SN_TRY(list(p, &entry, &n));
    sn_status rc = SN_OK;
    for (int i = 0; i < n && rc == SN_OK; i++)
        rc = take(p, entry[i], part, makes_classes);
    sn_entries_free(entry, n);
    return rc;
}

/* ---- parts ---- */

/* Which of the root's folders are parts; two for one part is a fault. */
static sn_status find_parts(struct place *p, struct dirent **entry, int n)
{
    for (int i = 0; i < n; i++) {
        const int part = sn_catalog_part(entry[i]->d_name);
        if (part == SN_IN_PARTS || !is_folder(p, entry[i]))
            continue;
        char *given = p->c->given[part];
        if (given[0])
            return sn_fail(p->err, SN_ERR_INPUT,
                           "%s: has a folder %s and a folder %s, expected one "
                           "of them",
                           p->c->root, given, entry[i]->d_name);
        snprintf(given, sizeof p->c->given[part], "%.15s", entry[i]->d_name);
    }
    return SN_OK;
}

/* What lies in the root beside the parts has no class. */
static sn_status walk_rest(struct place *p, struct dirent **entry, int n)
{
    sn_status rc = SN_OK;
    for (int i = 0; i < n && rc == SN_OK; i++) {
        const char *name = entry[i]->d_name;
        const bool folder = is_folder(p, entry[i]);
        if (folder && sn_catalog_part(name) < SN_IN_PARTS)
            continue;
        if (!folder && !sn_is_picture_name(name)) {
            sn_catalog_other(p->c, name);
            continue;
        }
        const int cut = enter(p, name);
        if (cut < 0)
            continue; /* it would be of no class in any case */
        rc = folder ? walk(p, SN_UNLABELLED, SN_IN_TRAIN)
                    : sn_catalog_add(p->c, p->at, SN_UNLABELLED, SN_IN_TRAIN,
                                     p->err);
        leave(p, cut);
    }
    return rc;
}

static sn_status walk_parts(struct place *p)
{
    for (int part = 0; part < SN_IN_PARTS; part++) {
        if (!p->c->given[part][0])
            continue;
        const int cut = enter(p, p->c->given[part]);
        SN_CHECK(cut >= 0);
        SN_TRY(walk_classes(p, (enum sn_part)part, part == SN_IN_TRAIN));
        leave(p, cut);
    }
    return SN_OK;
}

static sn_status walk_root(struct place *p, struct dirent **entry, int n)
{
    struct sn_catalog *c = p->c;
    SN_TRY(find_parts(p, entry, n));
    if (c->given[SN_IN_TRAIN][0]) {
        SN_TRY(walk_parts(p));
        return walk_rest(p, entry, n);
    }
    for (int part = 0; part < SN_IN_PARTS; part++)
        if (c->given[part][0])
            return sn_fail(p->err, SN_ERR_INPUT,
                           "%s: has a folder %s but none named train", c->root,
                           c->given[part]);
    return walk_classes(p, SN_IN_TRAIN, true);
}

/* Where the classes may be: within the one folder there is, as archives are
 * unpacked. */
static bool holds_classes(struct place *p)
{
    struct dirent **entry;
    int n, folders = 0;
    const int cut = enter(p, p->c->class_name[0]);
    if (cut < 0)
        return false;
    if (list(p, &entry, &n) == SN_OK) {
        for (int i = 0; i < n; i++)
            folders += is_folder(p, entry[i]);
        sn_entries_free(entry, n);
    }
    leave(p, cut);
    return folders > 0;
}

/* Fewer than two classes: says what there is instead. */
static sn_status too_few(struct place *p, const char *path)
{
    char hint[SN_CLASS_NAME + SN_TEXT_MAX + 64] = "";
    const struct sn_catalog *c = p->c;
    const int loose = c->unlabelled; /* nothing is sorted so far */
    const bool parts = c->given[SN_IN_TRAIN][0];
    if (!parts && c->classes == 1 && holds_classes(p))
        snprintf(hint, sizeof hint, "; did you mean '%s/%s'?", path,
                 c->class_name[0]);
    else if (c->classes == 0 && loose)
        snprintf(hint, sizeof hint, "; %d picture%s in none", loose,
                 loose == 1 ? " lies" : "s lie");
    return sn_fail(p->err, SN_ERR_INPUT,
                   "%s%s%s: holds %d folder%s, expected at least 2: one for "
                   "each class%s",
                   path, parts ? "/" : "", c->given[SN_IN_TRAIN], c->classes,
                   c->classes == 1 ? "" : "s", hint);
}

sn_status sn_folder_open(struct sn_catalog *c, const char *path,
                         struct sn_error *err)
{
    struct place *p = calloc(1, sizeof *p);
    struct dirent **entry;
    int n;
    if (!p)
        return sn_fail(err, SN_ERR_MEMORY, "no memory to list %s", path);
    p->c = c;
    p->err = err;
    snprintf(c->root, sizeof c->root, "%s", path);
    sn_status rc = sn_folder_check(path, NULL, err);
    if (rc == SN_OK)
        rc = list(p, &entry, &n);
    if (rc == SN_OK) {
        rc = walk_root(p, entry, n);
        sn_entries_free(entry, n);
    }
    if (rc == SN_OK && c->classes < 2)
        rc = too_few(p, path);
    free(p);
    return rc;
}
