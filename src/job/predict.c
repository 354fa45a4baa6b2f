/* Pictures through a net, a pass of sixteen at a time; see predict.h.
 *
 * Decoding, fitting, normalising and centring are those of the training data:
 * the same functions with the same options, so nothing is done in two ways. */

#include "job/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/image.h"
#include "datasets/loader.h"
#include "job/runner.h"

enum { PASS = 16 };

struct prediction {
    const struct sn_predict_request *ask;
    struct sn_runner runner;
    struct sn_dataset *set; /* owned: what a loader asks for */
    uint8_t *cell;          /* owned: [side, side, 3] a fitted picture */
    double *probability;    /* owned: [classes] */
    struct sn_error *why;   /* owned: [PASS] of pictures that fail */
};

static sn_status no_memory(struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory for a prediction");
}

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

/* Pictures of class folders and lists are fitted as the config said; for other
 * sets the loader centres small ones and scales large ones down. */
static sn_status fit(struct view *v, struct prediction *p,
                     const struct sn_image *image, struct sn_error *err)
{
    const struct sn_data_options *o = &p->runner.subnet.data;
    struct sn_extent extent;
    *v = (struct view){image->pixels, image->h, image->w, image->w};
    if (o->set != SN_DATA_FOLDER && o->set != SN_DATA_LIST)
        return SN_OK;
    SN_TRY(sn_image_fit(p->cell, &extent, image, o->size, (enum sn_fit)o->fit,
                        err));
    *v = (struct view){p->cell, extent.h, extent.w, o->size};
    return SN_OK;
}

/* Picture `slot` of the pass: normalised, on the net's square. */
static sn_status load_view(struct prediction *p, int slot, const struct view *v,
                           struct sn_error *err)
{
    const struct sn_subnet *s = &p->runner.subnet;
    struct sn_tensor *x = sn_runner_input(&p->runner);
    const int index = 0;
    int label = 0;
    struct sn_loader loader = {0};
    const struct sn_images images = {.n = 1,
                                     .h = v->h,
                                     .w = v->w,
                                     .c = s->arch.c,
                                     .pixels = v->pixels,
                                     .labels = &label};
    SN_TRY(sn_loader_init(&loader, p->set, &images, &index, 1, 1, s->data.size,
                          x->ld, NULL, 0, 0, err));
    sn_loader_batch(&loader, 0, 0, x->y + (ptrdiff_t)slot * x->h * x->w * x->ld,
                    &label);
    sn_loader_release(&loader);
    return SN_OK;
}

/* Reads one picture into its slot.  What is wrong with its file is told in
 * *why. */
static sn_status load_picture(struct prediction *p, const char *path, int slot,
                              struct sn_error *why, struct sn_error *err)
{
    struct sn_image image = {0};
    struct view v;
    why->code = SN_OK;
    if (sn_image_read(&image, path, why) != SN_OK)
        return why->code == SN_ERR_MEMORY
                   ? sn_fail(err, SN_ERR_MEMORY, "%s", why->text)
                   : SN_OK;
    sn_status rc = fit(&v, p, &image, err);
    if (rc == SN_OK) {
        pack(&v, p->runner.subnet.arch.c);
        rc = load_view(p, slot, &v, err);
    }
    sn_image_release(&image);
    return rc;
}

static void softmax(double *probability, const float *logits, int classes)
{
    double most = (double)logits[0], sum = 0;
    for (int ic = 1; ic < classes; ic++)
        most = fmax(most, (double)logits[ic]);
    for (int ic = 0; ic < classes; ic++) {
        probability[ic] = exp((double)logits[ic] - most);
        sum += probability[ic];
    }
    for (int ic = 0; ic < classes; ic++)
        probability[ic] /= sum;
}

/* Pictures [first, first + n) of the list. */
static sn_status run_pass(struct prediction *p, int first, int n,
                          sn_prediction_fn *tell, void *context,
                          struct sn_error *err)
{
    const struct sn_subnet *s = &p->runner.subnet;
    const struct sn_pictures *list = p->ask->pictures;
    for (int i = 0; i < n; i++)
        SN_TRY(load_picture(p, sn_pictures_path(list, first + i), i, &p->why[i],
                            err));
    sn_runner_pass(&p->runner);
    for (int i = 0; i < n; i++) {
        const bool bad = p->why[i].code != SN_OK;
        const float *logits = sn_runner_logits(&p->runner, i);
        softmax(p->probability, logits, s->classes);
        const struct sn_prediction told = {
            .path = sn_pictures_path(list, first + i),
            .why = bad ? p->why[i].text : NULL,
            .classes = s->classes,
            .class_name = (const char(*)[SN_CLASS_NAME])s->class_name,
            .logits = logits,
            .probability = p->probability};
        SN_TRY(tell(context, &told, err));
    }
    return SN_OK;
}

static sn_status open_prediction(struct prediction *p, struct sn_error *err)
{
    const struct sn_predict_request *q = p->ask;
    const struct sn_subnet *s = &p->runner.subnet;
    SN_TRY(sn_runner_open(&p->runner, q->from, PASS, q->isa, q->threads, err));
    if (s->arch.c != 1 && s->arch.c != 3)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the net takes %d channels; pictures have 3, or 1 "
                       "of grey",
                       p->runner.path, s->arch.c);
    const size_t side = (size_t)s->data.size;
    p->set = calloc(1, sizeof *p->set);
    p->cell = malloc(side * side * 3);
    p->probability = calloc((size_t)s->classes, sizeof *p->probability);
    p->why = calloc(PASS, sizeof *p->why);
    if (!p->set || !p->cell || !p->probability || !p->why)
        return no_memory(err);
    memcpy(p->set->mean, s->mean, sizeof s->mean);
    memcpy(p->set->deviation, s->deviation, sizeof s->deviation);
    return SN_OK;
}

sn_status sn_predict(const struct sn_predict_request *q, sn_prediction_fn *tell,
                     void *context, struct sn_error *err)
{
    struct prediction *p = calloc(1, sizeof *p);
    const int n = q->pictures->n;
    if (!p)
        return no_memory(err);
    p->ask = q;
    sn_status rc = open_prediction(p, err);
    for (int i = 0; rc == SN_OK && i < n; i += PASS)
        rc = run_pass(p, i, n - i < PASS ? n - i : PASS, tell, context, err);
    sn_runner_release(&p->runner);
    free(p->set);
    free(p->cell);
    free(p->probability);
    free(p->why);
    free(p);
    return rc;
}
