/* A data set written out as class folders, which `set = folder` reads. */

#include "datasets/write.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "datasets/store.h"

enum { C = SN_IMAGE_CHANNELS, PATH_BYTES = 4096 };

/* Nothing but hidden files lies there, or there is no such folder. */
static bool is_free(const char *dir)
{
    DIR *folder = opendir(dir);
    bool found = false;
    for (struct dirent *e; folder && !found && (e = readdir(folder));)
        found = e->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return !found;
}

/* A class's name as a folder can have it. */
static void folder_name(char to[SN_CLASS_NAME], const char *name)
{
    snprintf(to, SN_CLASS_NAME, "%s", name);
    for (char *p = to; *p; p++)
        if (*p == '/' || (p == to && *p == '.'))
            *p = '_';
}

sn_status sn_dataset_picture(struct sn_image *im, const struct sn_images *set,
                             int i, struct sn_error *err)
{
    const size_t cell = (size_t)set->h * (size_t)set->w * (size_t)set->c;
    struct sn_extent extent = {(uint16_t)set->h, (uint16_t)set->w};
    uint8_t *own = NULL;
    const uint8_t *from = set->pixels ? set->pixels + (size_t)i * cell : NULL;
    im->pixels = malloc((size_t)set->h * (size_t)set->w * C);
    if (!from)
        own = malloc(cell);
    sn_status rc = SN_OK;
    if (!im->pixels || (!from && !own))
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a picture");
    else if (!from)
        rc = sn_store_decode(set->store, set->first + i, own, &extent, err);
    else if (set->store)
        extent = set->store->extent[set->first + i];
    if (rc == SN_OK) {
        from = from ? from : own;
        im->h = extent.h;
        im->w = extent.w;
        for (int iy = 0; iy < im->h; iy++)
            for (int ix = 0; ix < im->w; ix++)
                for (int ic = 0; ic < C; ic++)
                    im->pixels[(iy * im->w + ix) * C + ic] =
                        from[(iy * set->w + ix) * set->c +
                             (ic < set->c ? ic : set->c - 1)];
    } else {
        free(im->pixels);
        im->pixels = NULL;
    }
    free(own);
    return rc;
}

/* Images [first, first + n) as dir/part/CLASS/000000.EXT. */
static sn_status write_part(const struct sn_dataset *set,
                            const struct sn_images *images, int first, int n,
                            const char *dir, const char *part,
                            enum sn_image_format format, struct sn_error *err)
{
    char name[SN_CLASS_NAME], path[PATH_BYTES];
    for (int label = 0; label < set->classes && n > 0; label++) {
        folder_name(name, set->class_name[label]);
        snprintf(path, sizeof path, "%s/%s/%s", dir, part, name);
        SN_TRY(sn_dir_make(path, err));
    }
    for (int i = first; i < first + n; i++) {
        struct sn_image im = {0};
        folder_name(name, set->class_name[images->labels[i]]);
        snprintf(path, sizeof path, "%s/%s/%s/%06d.%s", dir, part, name,
                 i - first, format == SN_IMAGE_PNG ? "png" : "jpg");
        SN_TRY(sn_dataset_picture(&im, images, i, err));
        const sn_status rc =
            sn_image_write(path, im.pixels, im.h, im.w, format, err);
        sn_image_release(&im);
        if (rc != SN_OK)
            return rc;
    }
    return SN_OK;
}

sn_status sn_dataset_write(const struct sn_dataset *set, const char *dir,
                           enum sn_image_format format, struct sn_error *err)
{
    const int val = set->own_val, train = set->train.n - val;
    if (strlen(dir) + 2 * SN_CLASS_NAME > PATH_BYTES)
        return sn_fail(err, SN_ERR_OUTPUT, "%.60s...: the path is too long",
                       dir);
    if (!is_free(dir))
        return sn_fail(err, SN_ERR_OUTPUT,
                       "%s: is not empty; expected a new or an empty folder",
                       dir);
    SN_TRY(write_part(set, &set->train, 0, train, dir, "train", format, err));
    SN_TRY(write_part(set, &set->train, train, val, dir, "val", format, err));
    return write_part(set, &set->test, 0, set->test.n, dir, "test", format,
                      err);
}
