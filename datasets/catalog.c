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
#include "base/text.h"
#include "datasets/catalog_internal.h"
#include "datasets/image.h"
#include "datasets/store_internal.h"

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

void sn_catalog_other(struct sn_catalog *c, const char *name)
{
    const bool foreign = sn_is_foreign_name(name);
    if ((foreign ? c->foreign++ : c->others++) == 0)
        sn_text_shown(foreign ? c->a_foreign : c->other, SN_CLASS_NAME, name);
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
    *e = (struct sn_entry){c->names_bytes, -1, 0, label, part, 0};
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

sn_status sn_catalog_strange(struct sn_catalog *c, const char *text,
                             struct sn_error *err)
{
    char **more =
        realloc(c->strange, (size_t)(c->n_strange + 1) * sizeof *more);
    if (!more)
        return no_room(c->n, err);
    c->strange = more;
    const size_t bytes = strlen(text) + 1;
    char *own = malloc(bytes);
    if (!own)
        return no_room(c->n, err);
    memcpy(own, text, bytes);
    c->strange[c->n_strange++] = own;
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
    for (int i = 0; i < c->n_strange; i++)
        free(c->strange[i]);
    free(c->strange);
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

void sn_catalog_tally(struct sn_tally *t, const struct sn_catalog *c)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < c->n; i++)
        t->n[c->entry[i].part][c->entry[i].label]++;
}

/* ---- setting aside ---- */

/* What tells a file from others of its class. */
struct copy {
    int entry, label;
    int64_t bytes;
    struct sn_content content; /* of those that share a size */
};

static int by_size(const void *a, const void *b)
{
    const struct copy *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_content(const void *a, const void *b)
{
    const struct copy *x = a, *y = b;
    const int sizes = by_size(a, b);
    if (sizes)
        return sizes;
    for (int iw = 0; iw < 2; iw++)
        if (x->content.word[iw] != y->content.word[iw])
            return x->content.word[iw] < y->content.word[iw] ? -1 : 1;
    return (x->entry > y->entry) - (x->entry < y->entry);
}

/* A file that cannot be read is like no other; what is wrong with it is told
 * when it is decoded.  False: no memory. */
static bool find_content(struct copy *of, const struct sn_catalog *c)
{
    char path[SN_CATALOG_PATH], *data = NULL;
    size_t bytes = 0;
    struct sn_error unused;
    sn_status rc = SN_ERR_INPUT; /* a missing one; a pipe would block */
    if (of->bytes >= 0)
        rc = sn_file_read(sn_catalog_path(c, of->entry, path),
                          SN_IMAGE_BYTES_MAX, &data, &bytes, &unused);
    if (rc == SN_OK)
        of->content = sn_content_add(of->content, data, bytes);
    else
        of->content = (struct sn_content){{1, (uint64_t)of->entry}};
    free(data);
    return rc != SN_ERR_MEMORY;
}

/* like[i] = the first of the training images that image i is a copy of, itself
 * where there is none.  Only files that share class and size are read. */
static sn_status find_copies(int *like, const struct sn_catalog *c,
                             struct sn_error *err)
{
    struct copy *all = calloc((size_t)c->n + 1, sizeof *all);
    int n = 0;
    if (!all)
        return no_room(c->n, err);
    for (int i = 0; i < c->n; i++) {
        const struct sn_entry *e = &c->entry[i];
        like[i] = i;
        if (e->part == SN_IN_TRAIN)
            all[n++] = (struct copy){.entry = i, e->label, e->bytes, {{0, 0}}};
    }
    qsort(all, (size_t)n, sizeof *all, by_size);
    bool fits = true;
#pragma omp parallel for schedule(dynamic, 16) reduction(&& : fits)
    for (int i = 0; i < n; i++)
        if ((i > 0 && by_size(&all[i], &all[i - 1]) == 0) ||
            (i + 1 < n && by_size(&all[i], &all[i + 1]) == 0))
            fits = find_content(&all[i], c) && fits;
    qsort(all, (size_t)n, sizeof *all, by_content);
    for (int i = 1; i < n; i++)
        if (by_size(&all[i], &all[i - 1]) == 0 &&
            memcmp(&all[i].content, &all[i - 1].content, sizeof all->content) ==
                0)
            like[all[i].entry] = like[all[i - 1].entry];
    free(all);
    return fits ? SN_OK : no_room(n, err);
}

/* Sets aside of n different images of one class. */
static void set_aside(struct sn_catalog *c, int *index, int n, int label,
                      double share)
{
    sn_shuffle(index, n, sn_rng_make(0, SN_RNG_SPLIT), (uint32_t)label);
    int aside = (int)lround(share * n);
    if (aside == 0 && n >= 2)
        aside = 1;
    if (aside > n - 1)
        aside = n - 1;
    for (int i = 0; i < aside; i++)
        c->entry[index[i]].part = SN_IN_TEST;
}

sn_status sn_catalog_set_aside(struct sn_catalog *c, double share,
                               struct sn_error *err)
{
    int first[SN_MAX_CLASSES + 1];
    const size_t bytes = (size_t)c->n * sizeof(int) + 1;
    int *index = malloc(bytes), *label = malloc(bytes), *like = malloc(bytes);
    sn_status rc =
        index && label && like ? find_copies(like, c, err) : no_room(c->n, err);
    if (rc == SN_OK) {
        for (int i = 0; i < c->n; i++)
            label[i] = c->entry[i].part == SN_IN_TRAIN && like[i] == i
                           ? c->entry[i].label
                           : SN_UNLABELLED;
        sn_group_classes(index, first, label, c->n, c->classes);
        for (int il = 0; il < c->classes; il++)
            set_aside(c, index + first[il], first[il + 1] - first[il], il,
                      share);
        for (int i = 0; i < c->n; i++)
            c->entry[i].part = c->entry[like[i]].part;
        rc = sn_catalog_sort(c, err);
    }
    free(index);
    free(label);
    free(like);
    return rc;
}

void sn_catalog_found(const struct sn_catalog *c, char *buf, size_t size)
{
    char other[SN_CLASS_NAME + 64] = "", loose[64] = "";
    char foreign[SN_CLASS_NAME + 64] = "";
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
    if (c->foreign)
        snprintf(foreign, sizeof foreign,
                 "; %d picture%s of a kind that is not read (%s)", c->foreign,
                 c->foreign == 1 ? "" : "s", c->a_foreign);
    if (c->others)
        snprintf(other, sizeof other, "; %d other file%s (%s)", c->others,
                 c->others == 1 ? "" : "s", c->other);
    const bool none = !part[0][0] && !part[1][0] && !part[2][0];
    snprintf(buf, size, "%s%s%s%s%s%s%s", none ? "no images" : "", part[0],
             part[1], part[2], loose, foreign, other);
}
