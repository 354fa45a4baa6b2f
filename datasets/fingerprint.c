/* What a data set is known by; see fingerprint.h. */

#include "datasets/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "datasets/store.h"
#include "datasets/store_internal.h"

static uint64_t folded(struct sn_content c)
{
    return c.word[0] ^ c.word[1];
}

/* Images in memory: everything. */
static struct sn_content add_pixels(struct sn_content c,
                                    const struct sn_images *im)
{
    const int sides[] = {im->n, im->h, im->w, im->c};
    const size_t size = (size_t)im->h * (size_t)im->w * (size_t)im->c;
    c = sn_content_add(c, sides, sizeof sides);
    c = sn_content_add(c, im->labels, (size_t)im->n * sizeof *im->labels);
    return sn_content_add(c, im->pixels, (size_t)im->n * size);
}

/* Picture files: what the catalog says of them. */
static struct sn_content add_files(struct sn_content c,
                                   const struct sn_images *im)
{
    const struct sn_catalog *list = &im->store->catalog;
    for (int i = im->first; i < im->first + im->n; i++) {
        const struct sn_entry *e = &list->entry[i];
        const char *name = list->names + e->name;
        const int64_t facts[] = {e->bytes, e->label, e->part};
        c = sn_content_add(c, name, strlen(name));
        c = sn_content_add(c, facts, sizeof facts);
    }
    return c;
}

static struct sn_part_print print_of(const struct sn_images *im,
                                     const float *mean)
{
    struct sn_content c = {{0}};
    if (im->store)
        c = add_files(c, im);
    else
        c = add_pixels(c, im);
    if (im->store && mean)
        c = sn_content_add(c, mean, (size_t)im->c * sizeof *mean);
    return (struct sn_part_print){im->n, folded(c)};
}

void sn_data_print(struct sn_data_print *p, const struct sn_dataset *set)
{
    struct sn_content c = {{0}};
    for (int i = 0; i < set->classes; i++)
        c = sn_content_add(c, set->class_name[i], strlen(set->class_name[i]));
    *p = (struct sn_data_print){.classes = set->classes,
                                .names = folded(c),
                                .train = print_of(&set->train, set->mean),
                                .test = print_of(&set->test, NULL)};
}

/* ---- as text ---- */

const char *sn_data_print_text(char buf[SN_DATA_PRINT_TEXT],
                               const struct sn_data_print *p)
{
    snprintf(buf, SN_DATA_PRINT_TEXT,
             "classes %d %016" PRIx64 " train %d %016" PRIx64
             " test %d %016" PRIx64,
             p->classes, p->names, p->train.n, p->train.digest, p->test.n,
             p->test.digest);
    return buf;
}

bool sn_data_print_parse(struct sn_data_print *p, const char *text)
{
    struct sn_data_print q;
    char again[SN_DATA_PRINT_TEXT];
    if (sscanf(text,
               "classes %9d %16" SCNx64 " train %9d %16" SCNx64
               " test %9d %16" SCNx64,
               &q.classes, &q.names, &q.train.n, &q.train.digest, &q.test.n,
               &q.test.digest) != 6 ||
        strcmp(sn_data_print_text(again, &q), text) != 0)
        return false;
    *p = q;
    return true;
}

/* ---- two of them ---- */

bool sn_part_print_same(const struct sn_part_print *a,
                        const struct sn_part_print *b)
{
    return a->n == b->n && a->digest == b->digest;
}

static size_t add_change(char *buf, size_t size, size_t used, const char *what,
                         int was, int is)
{
    const char *join = used ? "; " : "";
    int n;
    if (was != is)
        n = snprintf(buf + used, size - used,
                     "%sthere are %d %s, there were %d", join, is, what, was);
    else
        n = snprintf(buf + used, size - used, "%sthe %d %s are others", join,
                     is, what);
    return used + (size_t)n < size ? used + (size_t)n : size - 1;
}

const char *sn_data_print_changes(char *buf, size_t size,
                                  const struct sn_data_print *was,
                                  const struct sn_data_print *is)
{
    size_t used = 0;
    buf[0] = '\0';
    if (was->classes != is->classes || was->names != is->names)
        used =
            add_change(buf, size, used, "classes", was->classes, is->classes);
    if (!sn_part_print_same(&was->train, &is->train))
        used = add_change(buf, size, used, "training images", was->train.n,
                          is->train.n);
    if (!sn_part_print_same(&was->test, &is->test))
        add_change(buf, size, used, "test images", was->test.n, is->test.n);
    return buf;
}
