/* Looking at every picture of a set; see inspect.h.
 *
 * Threads decode and fingerprint; what they found is then gone through in the
 * order of the files, so that the findings are the same every time. */

#include "datasets/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/datasets_internal.h"
#include "datasets/store_internal.h"

enum { FEW = 10 };

const char *const sn_finding_name[SN_FINDINGS] = {
    [SN_FIND_BROKEN] = "broken",   [SN_FIND_UNLABELLED] = "unlabelled",
    [SN_FIND_EMPTY] = "empty",     [SN_FIND_STRANGE] = "unknown_class",
    [SN_FIND_LEAK] = "leak",       [SN_FIND_CONFLICT] = "conflict",
    [SN_FIND_DOUBLE] = "double",   [SN_FIND_FEW] = "few",
    [SN_FIND_FOREIGN] = "foreign", [SN_FIND_OTHER] = "other",
};

/* What a look at one picture gave. */
struct look {
    int entry;
    int h, w; /* 0: it is not sound */
    struct sn_content content;
    char why[SN_FINDING_TEXT]; /* what is wrong with it, without its path */
};

/* ---- looking ---- */

/* The reason without the path in front of it. */
static const char *reason(const char *why, const char *path)
{
    const size_t n = strlen(path);
    return strncmp(why, path, n) == 0 && why[n] == ':' ? why + n + 2 : why;
}

static void look_at(struct look *look, const struct sn_catalog *c)
{
    char path[SN_CATALOG_PATH];
    struct sn_error why = {0};
    struct sn_image im;
    sn_catalog_path(c, look->entry, path);
    if (sn_image_read(&im, path, &why) != SN_OK) {
        const char *text = reason(why.text, path);
        snprintf(look->why, sizeof look->why, "%.*s", (int)sizeof look->why - 1,
                 text);
        return;
    }
    const int32_t sides[] = {im.h, im.w};
    look->h = im.h;
    look->w = im.w;
    look->content = sn_content_add(look->content, sides, sizeof sides);
    look->content =
        sn_content_add(look->content, im.pixels,
                       (size_t)im.h * (size_t)im.w * SN_IMAGE_CHANNELS);
    sn_image_release(&im);
}

/* ---- findings ---- */

static sn_status add(struct sn_inspection *it, enum sn_finding_kind kind,
                     int entry, int other, const char *text,
                     struct sn_error *err)
{
    if (it->n == it->room) {
        const int room = it->room ? 2 * it->room : 64;
        struct sn_finding *more =
            realloc(it->finding, (size_t)room * sizeof *more);
        if (!more)
            return sn_fail(err, SN_ERR_MEMORY, "no memory for %d findings",
                           room);
        it->finding = more;
        it->room = room;
    }
    struct sn_finding *f = &it->finding[it->n++];
    *f = (struct sn_finding){.kind = kind, .entry = entry, .other = other};
    snprintf(f->text, sizeof f->text, "%s", text);
    it->count[kind]++;
    return SN_OK;
}

static sn_status find_unsound(struct sn_inspection *it, const struct look *look,
                              int n, struct sn_error *err)
{
    for (int i = 0; i < n; i++) {
        if (look[i].h == 0)
            SN_TRY(add(it, SN_FIND_BROKEN, i, -1, look[i].why, err));
        else
            it->sound++;
        if (it->catalog.entry[i].label == SN_UNLABELLED)
            SN_TRY(add(it, SN_FIND_UNLABELLED, i, -1, "", err));
    }
    return SN_OK;
}

static int by_content(const void *a, const void *b)
{
    const struct look *x = a, *y = b;
    for (int i = 0; i < 2; i++)
        if (x->content.word[i] != y->content.word[i])
            return x->content.word[i] < y->content.word[i] ? -1 : 1;
    return (x->entry > y->entry) - (x->entry < y->entry);
}

/* Which of the two kinds of harm it does to have a picture twice. */
static enum sn_finding_kind harm(const struct sn_entry *a,
                                 const struct sn_entry *b)
{
    return a->label != b->label ? SN_FIND_CONFLICT
           : a->part != b->part ? SN_FIND_LEAK
                                : SN_FIND_DOUBLE;
}

/* Sorts the looks: each picture stands beside its like. */
static sn_status find_doubles(struct sn_inspection *it, struct look *look,
                              int n, struct sn_error *err)
{
    char text[64];
    qsort(look, (size_t)n, sizeof *look, by_content);
    for (int i = 1, first = 0; i < n; i++) {
        const bool same = look[i].h && look[first].h &&
                          memcmp(&look[i].content, &look[first].content,
                                 sizeof look->content) == 0;
        if (!same) {
            first = i;
            continue;
        }
        const struct sn_entry *a = &it->catalog.entry[look[first].entry];
        const struct sn_entry *b = &it->catalog.entry[look[i].entry];
        if (a->label == SN_UNLABELLED || b->label == SN_UNLABELLED)
            continue;
        if (strcmp(it->catalog.names + a->name, it->catalog.names + b->name) !=
            0)
            text[0] = '\0';
        else
            snprintf(text, sizeof text, "listed in lines %d and %d", a->line,
                     b->line);
        SN_TRY(add(it, harm(a, b), look[i].entry,
                   text[0] ? -1 : look[first].entry, text, err));
    }
    return SN_OK;
}

static sn_status find_classes(struct sn_inspection *it, struct sn_error *err)
{
    const struct sn_catalog *c = &it->catalog;
    char text[SN_CLASS_NAME + 64];
    struct sn_tally t;
    int most = 0;
    sn_catalog_tally(&t, c);
    for (int label = 0; label < c->classes; label++)
        if (t.n[SN_IN_TRAIN][label] > most)
            most = t.n[SN_IN_TRAIN][label];
    for (int label = 0; label < c->classes; label++) {
        const int n = t.n[SN_IN_TRAIN][label];
        snprintf(text, sizeof text,
                 "class %s has %d training images, the "
                 "largest %d",
                 c->class_name[label], n, most);
        if (n == 0 || n * FEW <= most)
            SN_TRY(add(it, n == 0 ? SN_FIND_EMPTY : SN_FIND_FEW, -1, -1, text,
                       err));
    }
    for (int i = 0; i < c->n_strange; i++)
        SN_TRY(add(it, SN_FIND_STRANGE, -1, -1, c->strange[i], err));
    return SN_OK;
}

/* Files that are passed over. */
static sn_status find_others(struct sn_inspection *it, struct sn_error *err)
{
    const struct sn_catalog *c = &it->catalog;
    char text[SN_CLASS_NAME + 64];
    snprintf(text, sizeof text, "%d file%s, %s among them", c->foreign,
             c->foreign == 1 ? "" : "s", c->a_foreign);
    if (c->foreign)
        SN_TRY(add(it, SN_FIND_FOREIGN, -1, -1, text, err));
    snprintf(text, sizeof text, "%d file%s, %s among them", c->others,
             c->others == 1 ? "" : "s", c->other);
    return c->others ? add(it, SN_FIND_OTHER, -1, -1, text, err) : SN_OK;
}

static int by_kind(const void *a, const void *b)
{
    const struct sn_finding *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->entry > y->entry) - (x->entry < y->entry);
}

/* ---- sizes ---- */

static int by_size(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static sn_status find_sides(struct sn_inspection *it, const struct look *look,
                            int n, struct sn_error *err)
{
    int *side = malloc((size_t)n * sizeof *side + 1);
    if (!side)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d sizes", n);
    for (int is = 0; is < 2 && it->sound; is++) {
        int count = 0;
        for (int i = 0; i < n; i++)
            if (look[i].h)
                side[count++] = is ? look[i].w : look[i].h;
        qsort(side, (size_t)count, sizeof *side, by_size);
        *(is ? &it->w : &it->h) =
            (struct sn_sides){side[0], side[count / 2], side[count - 1]};
    }
    free(side);
    return SN_OK;
}

/* ---- all of it ---- */

static sn_status go_through(struct sn_inspection *it, struct look *look, int n,
                            struct sn_error *err)
{
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++) {
        look[i].entry = i;
        look_at(&look[i], &it->catalog);
    }
    SN_TRY(find_unsound(it, look, n, err));
    SN_TRY(find_sides(it, look, n, err));
    SN_TRY(find_doubles(it, look, n, err));
    SN_TRY(find_classes(it, err));
    SN_TRY(find_others(it, err));
    if (it->n) /* by_kind() tells no two of a kind and a file apart */
        qsort(it->finding, (size_t)it->n, sizeof *it->finding, by_kind);
    return SN_OK;
}

sn_status sn_inspect(struct sn_inspection *it, const struct sn_data_options *o,
                     struct sn_error *err)
{
    struct sn_inspection made = {.of_files = true};
    SN_TRY(sn_catalog_open(&made.catalog, o, err));
    if (sn_catalog_count(&made.catalog, SN_IN_TEST) == 0 &&
        sn_catalog_set_aside(&made.catalog, o->test_share, err) != SN_OK) {
        sn_inspection_release(&made);
        return SN_ERR_MEMORY;
    }
    const int n = made.catalog.n + made.catalog.unlabelled;
    struct look *look = calloc((size_t)n + 1, sizeof *look);
    sn_status rc =
        look ? go_through(&made, look, n, err)
             : sn_fail(err, SN_ERR_MEMORY, "no memory to check %d images", n);
    free(look);
    if (rc == SN_OK)
        *it = made;
    else
        sn_inspection_release(&made);
    return rc;
}

int sn_inspection_errors(const struct sn_inspection *it)
{
    int n = 0;
    for (int ik = 0; ik <= SN_FIND_LAST_ERROR; ik++)
        n += it->count[ik];
    return n;
}

void sn_inspection_release(struct sn_inspection *it)
{
    free(it->finding);
    sn_catalog_release(&it->catalog);
    *it = (struct sn_inspection){0};
}
