/* `scenes`: a data set that needs no files.
 *
 * Pictures are drawn from the seed (scenes_draw.c), each from its own counters,
 * so threads draw them in any order and a larger set begins with the pictures
 * of a smaller one.  Labels come in shuffled runs of all classes: a set of any
 * size is balanced. */

#include "datasets/datasets_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Room for everything a part of the set may need. */
static sn_status alloc_part(struct sn_images *images, int n, int side,
                            struct sn_error *err)
{
    SN_TRY(sn_images_alloc(images, n, side, side, 3, err));
    const size_t pixels = (size_t)n * (size_t)side * (size_t)side;
    const size_t boxes = (size_t)n * SN_SCENE_OBJECTS;
    images->masks = malloc(pixels);
    images->boxes = malloc(boxes * sizeof *images->boxes);
    images->first_box = malloc(((size_t)n + 1) * sizeof *images->first_box);
    if (!images->masks || !images->boxes || !images->first_box)
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory for masks and boxes of %d pictures of %dx%d",
                       n, side, side);
    return SN_OK;
}

/* Closes the gaps: picture i's boxes were written at i * SN_SCENE_OBJECTS, and
 * first_box[i + 1] holds how many there are. */
static void pack_boxes(struct sn_images *images)
{
    int to = 0;
    images->first_box[0] = 0;
    for (int i = 0; i < images->n; i++) {
        const int count = images->first_box[i + 1];
        for (int ib = 0; ib < count; ib++)
            images->boxes[to++] = images->boxes[i * SN_SCENE_OBJECTS + ib];
        images->first_box[i + 1] = to;
    }
}

static sn_status draw_part(struct sn_images *images, int n, int side,
                           struct sn_rng rng, uint32_t split,
                           struct sn_error *err)
{
    SN_TRY(alloc_part(images, n, side, err));
    const size_t plane = (size_t)side * (size_t)side;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i;
        images->labels[i] = sn_scene_label(rng, split, (uint32_t)i);
        images->first_box[i + 1] = sn_scene_draw(
            rng, split, (uint32_t)i, images->labels[i], side,
            images->pixels + at * plane * 3, images->masks + at * plane,
            images->boxes + at * SN_SCENE_OBJECTS);
    }
    pack_boxes(images);
    return SN_OK;
}

sn_status sn_scenes_read(struct sn_dataset *set,
                         const struct sn_data_options *o, uint64_t seed,
                         struct sn_error *err)
{
    const struct sn_rng rng = sn_rng_make(seed, SN_RNG_SCENE);
    set->classes = SN_SCENE_CLASSES;
    for (int i = 0; i < SN_SCENE_CLASSES; i++)
        snprintf(set->class_name[i], SN_CLASS_NAME, "%s", sn_scene_class[i]);
    SN_TRY(draw_part(&set->train, o->scenes_train, o->size, rng, 0, err));
    return draw_part(&set->test, o->scenes_test, o->size, rng, 1, err);
}
