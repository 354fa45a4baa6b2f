/* supernet data mosaic: a batch of training images as the net gets them, after
 * fitting and augmentation, in one picture.  The quickest way to see that
 * labels, crops and colours are what one thinks they are. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data.h"
#include "datasets/image.h"
#include "datasets/loader.h"

enum { ACROSS = 8, DOWN = 8, MOST = ACROSS * DOWN, GAP = 2, C = 3 };
enum { PAPER = 255 };

struct mosaic {
    struct sn_dataset set;
    struct sn_loader loader;
    int *every;  /* [training images] their indices */
    int n, h, w; /* images, sides of the whole */
    float *x;    /* [n, size, size, channels] */
    int labels[MOST];
    uint8_t *pixels; /* [h, w, 3] */
};

/* A byte from a normalised value. */
static uint8_t to_byte(const struct mosaic *m, float x, int ic)
{
    const float v =
        (x * m->set.deviation[ic] + m->set.mean[ic]) * 255.0f + 0.5f;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void place(struct mosaic *m, int i, int size)
{
    const int c = m->loader.channels;
    const float *x = m->x + (ptrdiff_t)i * size * size * c;
    for (int iy = 0; iy < size; iy++) {
        const int top = i / ACROSS * (size + GAP) + GAP + iy;
        uint8_t *to =
            m->pixels +
            ((ptrdiff_t)top * m->w + i % ACROSS * (size + GAP) + GAP) * C;
        for (int ix = 0; ix < size; ix++, x += c)
            for (int ic = 0; ic < C; ic++)
                *to++ = to_byte(m, x[ic < c ? ic : c - 1], ic < c ? ic : c - 1);
    }
}

static sn_status make(struct mosaic *m, const struct sn_cli_data *d,
                      struct sn_error *err)
{
    struct sn_augment augment;
    const int size = d->data.size;
    SN_TRY(sn_dataset_open(&m->set, &d->data, d->run.seed, err));
    const int all = m->set.train.n - m->set.own_val;
    m->every = malloc((size_t)all * sizeof *m->every);
    if (!m->every)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a mosaic");
    for (int i = 0; i < all; i++)
        m->every[i] = i;
    SN_TRY(sn_augment_parse(&augment, d->data.augment, err));
    m->n = all < MOST ? all : MOST;
    SN_TRY(sn_loader_init(&m->loader, &m->set, &m->set.train, m->every, all,
                          m->n, size, m->set.train.c, &augment, 1, d->run.seed,
                          err));
    m->w = ACROSS * (size + GAP) + GAP;
    m->h = (m->n + ACROSS - 1) / ACROSS * (size + GAP) + GAP;
    m->x = malloc((size_t)m->n * (size_t)size * (size_t)size *
                  (size_t)m->set.train.c * sizeof *m->x);
    m->pixels = malloc((size_t)m->h * (size_t)m->w * C);
    if (!m->x || !m->pixels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a mosaic");
    memset(m->pixels, PAPER, (size_t)m->h * (size_t)m->w * C);
    sn_loader_batch(&m->loader, 0, 0, m->x, m->labels);
    SN_TRY(sn_loader_status(&m->loader, err));
    for (int i = 0; i < m->n; i++)
        place(m, i, size);
    return SN_OK;
}

/* The labels, row by row as the images stand. */
static void add_labels(struct sn_text *t, const struct mosaic *m,
                       const char *path)
{
    sn_text_add(t, "%-8s %s: %d training images of %s, %dx%d pixels\n",
                "mosaic", path, m->n, m->set.name, m->w, m->h);
    for (int i = 0; i < m->n; i++)
        sn_text_add(t, "%s%s%s",
                    i % ACROSS ? ", "
                    : i        ? "\n         "
                               : "labels   ",
                    m->set.class_name[m->labels[i]], i + 1 == m->n ? "\n" : "");
}

static void release(struct mosaic *m)
{
    sn_loader_release(&m->loader);
    sn_dataset_release(&m->set);
    free(m->every);
    free(m->x);
    free(m->pixels);
    free(m);
}

sn_status sn_cli_data_mosaic(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_cli_data d;
    struct sn_text t = {0};
    const char *path = a->dir ? a->dir : "mosaic.png";
    SN_TRY(sn_cli_data_options(&d, a, err));
    struct mosaic *m = calloc(1, sizeof *m);
    if (!m)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a mosaic");
    sn_status rc = make(m, &d, err);
    if (rc == SN_OK)
        rc = sn_image_write(path, m->pixels, m->h, m->w, SN_IMAGE_PNG, err);
    if (rc == SN_OK) {
        add_labels(&t, m, path);
        rc = sn_cli_print_text(&t, err);
    }
    release(m);
    return rc;
}
