/* The reader of `set = folder` and `set = list`: a catalog becomes a store, and
 * the store's pictures the images of a data set. */

#include "datasets/datasets_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/catalog.h"
#include "datasets/store.h"

/* Folders that are no class, and classes that have nothing to train on: all of
 * them at once.  `where`: the folder or list; `sound`: of what can be read. */
static sn_status check_classes(const struct sn_catalog *c, const char *where,
                               bool sound, struct sn_error *err)
{
    struct sn_error all = {0};
    struct sn_tally t;
    bool empty = false;
    for (int i = 0; i < c->n_strange; i++)
        (void)!sn_fail_more(&all, SN_ERR_INPUT, "%s/%s", where, c->strange[i]);
    sn_catalog_tally(&t, c);
    for (int label = 0; label < c->classes; label++) {
        if (t.n[SN_IN_TRAIN][label])
            continue;
        empty = true;
        (void)!sn_fail_more(
            &all, SN_ERR_INPUT, "%s: class %s has no training images%s", where,
            c->class_name[label], sound ? " that can be read" : "");
    }
    if (empty && c->foreign)
        (void)!sn_fail_more(&all, SN_ERR_INPUT,
                            "%s: has %d picture%s of a kind that is not read "
                            "(%s); expected JPEG, PNG or BMP",
                            where, c->foreign, c->foreign == 1 ? "" : "s",
                            c->a_foreign);
    return all.text[0] ? sn_fail(err, SN_ERR_INPUT, "%s", all.text) : SN_OK;
}

/* Every class has something to train on, and there is something to test on. */
static sn_status check_parts(const struct sn_catalog *c, const char *where,
                             bool sound, struct sn_error *err)
{
    SN_TRY(check_classes(c, where, sound, err));
    if (sn_catalog_count(c, SN_IN_TEST) > 0)
        return SN_OK;
    if (sound)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: there are no test images that can be read", where);
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: there are no test images, and no class has two "
                   "different images to set one aside for testing",
                   where);
}

/* Entries [first, first + n) of the store as images. */
static sn_status take_images(struct sn_images *images, const struct sn_store *s,
                             int first, int n, struct sn_error *err)
{
    images->store = s;
    images->first = first;
    images->n = n;
    images->h = images->w = s->side;
    images->c = SN_IMAGE_CHANNELS;
    images->pixels = s->cells ? s->cells + (size_t)first * s->cell : NULL;
    images->labels = malloc((size_t)n * sizeof *images->labels);
    if (!images->labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d labels", n);
    for (int i = 0; i < n; i++)
        images->labels[i] = s->catalog.entry[first + i].label;
    return SN_OK;
}

static void say_found(struct sn_dataset *set)
{
    static const char *const names[] = {"", "in memory", "on disk",
                                        "decoded when asked for"};
    const struct sn_store *s = set->store;
    char bad[48] = "";
    sn_catalog_found(&s->catalog, set->found, sizeof set->found);
    if (s->bad)
        snprintf(bad, sizeof bad, "; %d bad image%s left out", s->bad,
                 s->bad == 1 ? "" : "s");
    const size_t used = strlen(set->found);
    snprintf(set->found + used, sizeof set->found - used, "%s; %s%s", bad,
             names[s->cache], s->found ? ", known from before" : "");
}

sn_status sn_photos_read(struct sn_dataset *set,
                         const struct sn_data_options *o, uint64_t seed,
                         struct sn_error *err)
{
    struct sn_catalog catalog;
    (void)seed; /* what is set aside for testing is so for every seed */
    SN_TRY(sn_catalog_open(&catalog, o, err));
    sn_status rc = SN_OK;
    if (sn_catalog_count(&catalog, SN_IN_TEST) == 0)
        rc = sn_catalog_set_aside(&catalog, o->test_share, err);
    if (rc == SN_OK)
        rc = check_parts(&catalog, o->path, false, err);
    if (rc == SN_OK)
        rc = sn_store_open(&set->store, &catalog, o, set->watch, err);
    sn_catalog_release(&catalog);
    if (rc != SN_OK)
        return rc;

    const struct sn_store *s = set->store;
    const struct sn_catalog *c = &s->catalog;
    const int test = sn_catalog_count(c, SN_IN_TEST);
    SN_TRY(check_parts(c, o->path, true, err)); /* the bad ones are gone */
    set->own_val = sn_catalog_count(c, SN_IN_VAL);
    set->classes = c->classes;
    memcpy(set->class_name, c->class_name,
           (size_t)c->classes * sizeof *set->class_name);
    for (int ic = 0; ic < SN_IMAGE_CHANNELS; ic++)
        sn_dataset_normalise(set, ic, s->count[ic]);
    say_found(set);
    SN_TRY(take_images(&set->train, s, 0, c->n - test, err));
    return take_images(&set->test, s, c->n - test, test, err);
}
