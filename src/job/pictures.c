/* Files and folders of pictures; see pictures.h. */

#include "job/pictures.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"

enum { DEEPEST = 32, PATH_BYTES = 4096 };

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

static bool is_picture(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".bmp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

static int is_seen(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static sn_status add_folder(struct sn_pictures *p, const char *path, int depth,
                            struct sn_error *err);

/* One entry of a folder.  Links to folders are not followed: they may lead
 * back. */
static sn_status add_entry(struct sn_pictures *p, const char *folder,
                           const char *name, int depth, struct sn_error *err)
{
    char path[PATH_BYTES];
    struct stat st;
    if (!sn_path_join(path, sizeof path, folder, name))
        return sn_fail(err, SN_ERR_INPUT, "%.60s...: the path is too long",
                       folder);
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return depth < DEEPEST ? add_folder(p, path, depth + 1, err)
                               : sn_fail(err, SN_ERR_INPUT,
                                         "%s: lies more than %d folders deep",
                                         path, DEEPEST);
    return is_picture(name) ? add_file(p, path, err) : SN_OK;
}

static sn_status add_folder(struct sn_pictures *p, const char *path, int depth,
                            struct sn_error *err)
{
    struct dirent **entry;
    const int n = scandir(path, &entry, is_seen, alphasort);
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
    const int before = p->n;
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
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: no picture lies in this folder; expected names "
                       "that end in .jpg, .jpeg, .png or .bmp",
                       path);
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
