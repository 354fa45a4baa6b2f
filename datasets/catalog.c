/* The list of a set's picture files; see catalog.h. */

#include "datasets/catalog.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "datasets/catalog_internal.h"

const char *const sn_part_name[SN_IN_PARTS] = {"train", "val", "test"};

/* ---- names ---- */

int sn_catalog_part(const char *word)
{
    static const struct {
        const char *word;
        enum sn_part part;
    } words[] = {
        {"train", SN_IN_TRAIN},    {"training", SN_IN_TRAIN},
        {"val", SN_IN_VAL},        {"valid", SN_IN_VAL},
        {"validation", SN_IN_VAL}, {"test", SN_IN_TEST},
        {"testing", SN_IN_TEST},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i].word) == 0)
            return (int)words[i].part;
    return SN_IN_PARTS;
}

bool sn_catalog_is_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif",
                                          ".png", ".bmp",  ".dib"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

void sn_catalog_other(struct sn_catalog *c, const char *name)
{
    if (c->others++ == 0)
        snprintf(c->other, sizeof c->other, "%.*s", SN_CLASS_NAME - 1, name);
}

const char *sn_catalog_path(const struct sn_catalog *c, int i,
                            char buf[SN_CATALOG_PATH])
{
    const char *name = c->names + c->entry[i].name;
    const bool alone = name[0] == '/' || !c->root[0];
    snprintf(buf, SN_CATALOG_PATH, "%s%s%s", alone ? "" : c->root,
             alone ? "" : "/", name);
    return buf;
}

/* ---- adding ---- */

static sn_status no_room(int n, struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory to list more than %d images",
                   n);
}

static sn_status make_room(struct sn_catalog *c, size_t bytes,
                           struct sn_error *err)
{
    if (c->n + c->unlabelled == c->room) {
        const int room = c->room ? 2 * c->room : 1024;
        struct sn_entry *entry =
            room < SN_CATALOG_MAX * 2
                ? realloc(c->entry, (size_t)room * sizeof *entry)
                : NULL;
        if (!entry)
            return no_room(c->room, err);
        c->entry = entry;
        c->room = room;
    }
    if (c->names_room - c->names_bytes < bytes) {
        const size_t room = 2 * c->names_room + bytes + (1 << 16);
        char *names = realloc(c->names, room);
        if (!names)
            return no_room(c->room, err);
        c->names = names;
        c->names_room = room;
    }
    return SN_OK;
}

sn_status sn_catalog_add(struct sn_catalog *c, const char *name, int label,
                         enum sn_part part, struct sn_error *err)
{
    struct stat st;
    char path[SN_CATALOG_PATH];
    const size_t bytes = strlen(name) + 1;
    SN_TRY(make_room(c, bytes, err));
    struct sn_entry *e = &c->entry[c->n + c->unlabelled];
    *e = (struct sn_entry){c->names_bytes, -1, 0, label, part};
    memcpy(c->names + c->names_bytes, name, bytes);
    c->names_bytes += bytes;
    if (stat(sn_catalog_path(c, c->n + c->unlabelled, path), &st) == 0 &&
        S_ISREG(st.st_mode)) {
        e->bytes = st.st_size;
        e->mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    }
    c->unlabelled++; /* until sn_catalog_sort() */
    return SN_OK;
}

/* Entries as they are to stand: those without a label behind all others. */
static int rank(const struct sn_entry *e)
{
    return e->label == SN_UNLABELLED ? SN_IN_PARTS : e->part;
}

sn_status sn_catalog_sort(struct sn_catalog *c, struct sn_error *err)
{
    const int all = c->n + c->unlabelled;
    struct sn_entry *sorted = malloc((size_t)all * sizeof *sorted + 1);
    int to = 0;
    if (!sorted)
        return no_room(all, err);
    for (int part = 0; part <= SN_IN_PARTS; part++) {
        for (int i = 0; i < all; i++)
            if (rank(&c->entry[i]) == part)
                sorted[to++] = c->entry[i];
        if (part < SN_IN_PARTS)
            c->n = to;
    }
    c->unlabelled = all - c->n;
    if (all)
        memcpy(c->entry, sorted, (size_t)all * sizeof *sorted);
    free(sorted);
    return SN_OK;
}

/* ---- opening ---- */

sn_status sn_catalog_open(struct sn_catalog *c, const struct sn_data_options *o,
                          struct sn_error *err)
{
    struct sn_catalog found = {0};
    sn_status rc = SN_OK;
    found.class_name = calloc(SN_MAX_CLASSES, sizeof *found.class_name);
    if (!found.class_name)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for class names");
    else if (o->set == SN_DATA_LIST)
        rc = sn_list_open(&found, o->path, err);
    else
        rc = sn_folder_open(&found, o->path, err);
    if (rc == SN_OK)
        rc = sn_catalog_sort(&found, err);
    if (rc == SN_OK)
        *c = found;
    else
        sn_catalog_release(&found);
    return rc;
}

void sn_catalog_release(struct sn_catalog *c)
{
    free(c->names);
    free(c->entry);
    free(c->class_name);
    *c = (struct sn_catalog){0};
}

/* ---- parts ---- */

int sn_catalog_count(const struct sn_catalog *c, enum sn_part part)
{
    int n = 0;
    for (int i = 0; i < c->n; i++)
        n += c->entry[i].part == (int)part;
    return n;
}

int sn_catalog_class(const struct sn_catalog *c, enum sn_part part, int label)
{
    int n = 0;
    for (int i = 0; i < c->n; i++)
        n += c->entry[i].part == (int)part && c->entry[i].label == label;
    return n;
}

sn_status sn_catalog_set_aside(struct sn_catalog *c, double share,
                               struct sn_error *err)
{
    int *index = malloc((size_t)c->n * sizeof *index + 1);
    if (!index)
        return no_room(c->n, err);
    const struct sn_rng rng = sn_rng_make(0, SN_RNG_SPLIT);
    for (int label = 0; label < c->classes; label++) {
        int n = 0;
        for (int i = 0; i < c->n; i++)
            if (c->entry[i].label == label && c->entry[i].part == SN_IN_TRAIN)
                index[n++] = i;
        sn_shuffle(index, n, rng, (uint32_t)label);
        int aside = (int)lround(share * n);
        if (aside == 0 && n >= 2)
            aside = 1;
        for (int i = 0; i < aside; i++)
            c->entry[index[i]].part = SN_IN_TEST;
    }
    free(index);
    return sn_catalog_sort(c, err);
}

void sn_catalog_found(const struct sn_catalog *c, char *buf, size_t size)
{
    char other[SN_CLASS_NAME + 64] = "", loose[64] = "";
    char part[SN_IN_PARTS][64] = {""};
    for (int ip = 0; ip < SN_IN_PARTS; ip++) {
        const int n = sn_catalog_count(c, (enum sn_part)ip);
        if (n == 0 && !c->given[ip][0])
            continue;
        snprintf(part[ip], sizeof part[ip], "%s%s %d%s", ip ? ", " : "",
                 c->given[ip][0] ? c->given[ip] : sn_part_name[ip], n,
                 c->given[ip][0]     ? ""
                 : ip == SN_IN_TRAIN ? " (no parts of its own)"
                                     : " set aside");
    }
    if (c->unlabelled)
        snprintf(loose, sizeof loose, "; %d image%s of no class, not used",
                 c->unlabelled, c->unlabelled == 1 ? "" : "s");
    if (c->others)
        snprintf(other, sizeof other, "; %d other file%s (%s)", c->others,
                 c->others == 1 ? "" : "s", c->other);
    snprintf(buf, size, "%s%s%s%s%s", part[0], part[1], part[2], loose, other);
}
