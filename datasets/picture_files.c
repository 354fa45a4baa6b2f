/* Picture files into a batch; see picture_files.h. */

#include "datasets/picture_files.h"

#include <stdlib.h>

#include "datasets/image.h"
#include "datasets/loader.h"

/* A decoded picture, or what was made of it: h rows of w pixels, rows `row`
 * pixels apart. */
struct view {
    uint8_t *pixels;
    int h, w, row;
};

/* Leaves pixels of c channels, close together.  Grey is the luma of ITU-R
 * BT.601. */
static void pack(struct view *v, int c)
{
    uint8_t *to = v->pixels;
    for (int iy = 0; iy < v->h; iy++)
        for (int ix = 0; ix < v->w; ix++) {
            const uint8_t *rgb = v->pixels + 3 * ((ptrdiff_t)iy * v->row + ix);
            const int luma = 77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2];
            if (c == 1)
                *to++ = (uint8_t)((luma + 128) >> 8);
            for (int ic = 0; c == 3 && ic < 3; ic++)
                *to++ = rgb[ic];
        }
    v->row = v->w;
}

/* Pictures of class folders and lists are fitted as the config said, into
 * *cell; for other sets the loader centres small ones and scales large ones
 * down. */
static sn_status fit(struct view *v, uint8_t **cell,
                     const struct sn_image *image,
                     const struct sn_data_options *o, struct sn_error *err)
{
    struct sn_extent extent;
    *v = (struct view){image->pixels, image->h, image->w, image->w};
    if (o->set != SN_DATA_FOLDER && o->set != SN_DATA_LIST)
        return SN_OK;
    *cell = malloc((size_t)o->size * (size_t)o->size * SN_IMAGE_CHANNELS);
    if (!*cell)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a picture");
    SN_TRY(
        sn_image_fit(*cell, &extent, image, o->size, (enum sn_fit)o->fit, err));
    *v = (struct view){*cell, extent.h, extent.w, o->size};
    return SN_OK;
}

/* Normalised, on the net's square. */
static sn_status place(float *x, const struct view *v,
                       const struct sn_picture_input *in, struct sn_error *err)
{
    const int index = 0;
    int label = 0;
    struct sn_loader loader;
    const struct sn_images images = {.n = 1,
                                     .h = v->h,
                                     .w = v->w,
                                     .c = in->channels,
                                     .pixels = v->pixels,
                                     .labels = &label};
    SN_TRY(sn_loader_init(&loader, in->set, &images, &index, 1, 1,
                          in->data->size, in->pixel_step, NULL, 0, 0, err));
    sn_loader_batch(&loader, 0, 0, x, &label);
    sn_loader_release(&loader);
    return SN_OK;
}

static sn_status load(float *x, const char *path,
                      const struct sn_picture_input *in, struct sn_error *err)
{
    struct sn_image image;
    struct view v;
    uint8_t *cell = NULL;
    SN_TRY(sn_image_read(&image, path, err));
    sn_status rc = fit(&v, &cell, &image, in->data, err);
    if (rc == SN_OK) {
        pack(&v, in->channels);
        rc = place(x, &v, in, err);
    }
    sn_image_release(&image);
    free(cell);
    return rc;
}

sn_status sn_picture_files_load(float *x, const char *const *path, int n,
                                const struct sn_picture_input *in,
                                struct sn_error *why, struct sn_error *err)
{
    const ptrdiff_t step =
        (ptrdiff_t)in->data->size * in->data->size * in->pixel_step;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++) {
        why[i].code = SN_OK;
        (void)!load(x + i * step, path[i], in, &why[i]);
    }
    for (int i = 0; i < n; i++)
        if (why[i].code != SN_OK && why[i].code != SN_ERR_INPUT)
            return sn_fail(err, why[i].code, "%s", why[i].text);
    return SN_OK;
}
