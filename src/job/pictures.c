/* Files and folders of pictures; see pictures.h. */

#include "job/pictures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "datasets/image.h"

enum { PATH_BYTES = 4096 };

static sn_status no_memory(struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory for a list of pictures");
}

static sn_status add_file(struct sn_pictures *p, const char *path,
                          struct sn_error *err)
{
    if (p->n == p->room) {
        const int room = p->room ? 2 * p->room : 64;
        size_t *more = realloc(p->first, (size_t)room * sizeof *more);
        if (!more)
            return no_memory(err);
        p->first = more;
        p->room = room;
    }
    p->first[p->n] = p->names.length;
    sn_text_add_bytes(&p->names, path, strlen(path) + 1);
    if (p->names.failed)
        return no_memory(err);
    p->n++;
    return SN_OK;
}

static int is_seen(const struct dirent *entry)
{
    return !sn_is_hidden_name(entry->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static sn_status add_folder(struct sn_pictures *p, const char *path, int depth,
                            struct sn_error *err);

/* One entry of a folder, which is looked at as a data set's is. */
static sn_status add_entry(struct sn_pictures *p, const char *folder,
                           const char *name, int depth, struct sn_error *err)
{
    char path[PATH_BYTES];
    struct stat st;
    if (!sn_path_join(path, sizeof path, folder, name))
        return sn_fail(err, SN_ERR_INPUT, "%.60s...: the path is too long",
                       folder);
    if (sn_is_picture_name(name))
        return add_file(p, path, err);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        p->foreign += sn_is_foreign_name(name);
        return SN_OK;
    }
    if (depth == SN_PICTURE_FOLDERS)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: more than %d folders within each other, or a link "
                       "that goes round",
                       path, SN_PICTURE_FOLDERS);
    return add_folder(p, path, depth + 1, err);
}

static sn_status add_folder(struct sn_pictures *p, const char *path, int depth,
                            struct sn_error *err)
{
    struct dirent **entry;
    const int n = scandir(path, &entry, is_seen, by_bytes);
    sn_status rc = SN_OK;
    if (n < 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be listed: %s", path,
                       strerror(errno));
    for (int i = 0; i < n; i++) {
        if (rc == SN_OK)
            rc = add_entry(p, path, entry[i]->d_name, depth, err);
        free(entry[i]);
    }
    free(entry);
    return rc;
}

sn_status sn_pictures_add(struct sn_pictures *p, const char *path,
                          struct sn_error *err)
{
    struct stat st;
    char hint[300] = "";
    const int before = p->n, others = p->foreign;
    if (stat(path, &st) != 0) {
        const int why = errno;
        if (why == ENOENT)
            sn_path_hint(hint, sizeof hint, path);
        return sn_fail(err, SN_ERR_INPUT, "%s: %s%s", path, strerror(why),
                       hint);
    }
    if (!S_ISDIR(st.st_mode))
        return add_file(p, path, err);
    SN_TRY(add_folder(p, path, 0, err));
    if (p->n == before)
        return sn_fail(
            err, SN_ERR_INPUT,
            "%s: no picture lies in this folder; expected names "
            "that end as those of JPEG, PNG or BMP files do%s",
            path, p->foreign > others ? ", found others (GIF, WebP, ...)" : "");
    return SN_OK;
}

const char *sn_pictures_path(const struct sn_pictures *p, int i)
{
    return p->names.data + p->first[i];
}

void sn_pictures_release(struct sn_pictures *p)
{
    sn_text_release(&p->names);
    free(p->first);
    *p = (struct sn_pictures){0};
}
