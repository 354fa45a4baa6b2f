/* Batches from images in memory.
 *
 * An image lies on a canvas of the network's side: as it is and centred when
 * it is smaller, scaled down (each pixel the mean of the area it covers, the
 * ratio of the sides kept) when it is larger.  The canvas is moved, mirrored
 * and cut by two index maps, one for rows and one for columns, so every pixel
 * is looked up once.  What a shift brings in at an edge is the reflection of
 * the picture where it fills the canvas, and padding where it does not.  Bytes
 * become numbers through a table of 256 per channel. */

#include "datasets/loader.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "datasets/ahead.h"
#include "datasets/datasets_internal.h"

#define CHANNELS_MAX 4

/* One picture, its rows `row` bytes apart. */
struct picture {
    const uint8_t *pixels;
    int h, w, c;
    size_t row;
};

/* Normalised values of the bytes. */
struct scale {
    float of[CHANNELS_MAX][256];
};

/* Where a picture lies on the canvas. */
struct placing {
    int top, left, h, w;   /* in canvas pixels */
    double step_y, step_x; /* image pixels of a canvas pixel; 1 unless scaled */
};

/* An output being written: one image of a batch. */
struct target {
    float *x; /* [size, size, step] */
    int size, step, channels;
};

/* Whether pictures are decoded when they are asked for. */
static bool decodes(const struct sn_images *images)
{
    return images->store && !images->pixels;
}

size_t sn_loader_bytes(const struct sn_images *images, int n, int batch,
                       int threads)
{
    const size_t order = (size_t)n * sizeof(int), b = (size_t)batch;
    if (!decodes(images))
        return order;
    return order + (size_t)threads * images->store->cell + b + b * sizeof(int) +
           sn_ahead_bytes(images->store, batch, threads);
}

size_t sn_loader_work(const struct sn_images *images, int threads)
{
    return decodes(images) ? sn_store_work(images->store, 2 * threads) : 0;
}

/* Room for a picture of each thread. */
static sn_status make_scratch(struct sn_loader *l, const struct sn_store *s,
                              struct sn_error *err)
{
    const size_t threads = (size_t)omp_get_max_threads();
    l->scratch = malloc(threads * s->cell);
    l->failed = calloc((size_t)l->batch, 1);
    l->soon = malloc((size_t)l->batch * sizeof *l->soon);
    if (l->scratch && l->failed && l->soon)
        return sn_ahead_create(&l->ahead, s, l->batch, (int)threads, err);
    return sn_fail(err, SN_ERR_MEMORY, "no memory to decode a batch of %d",
                   l->batch);
}

sn_status sn_loader_init(struct sn_loader *l, const struct sn_dataset *set,
                         const struct sn_images *images, const int *index,
                         int n, int batch, int size, int pixel_step,
                         const struct sn_augment *augment, int shuffle,
                         uint64_t seed, struct sn_error *err)
{
    SN_CHECK(n >= 0 && batch >= 1 && size >= 1 && size <= SN_SIDE_MAX);
    SN_CHECK(images->c <= CHANNELS_MAX && images->c <= pixel_step);
    struct sn_loader made = {
        .images = images,
        .index = index,
        .n = n,
        .batch = batch,
        .size = size,
        .channels = images->c,
        .pixel_step = pixel_step,
        .augment = augment ? *augment : (struct sn_augment){0},
        .shuffle = shuffle,
        .seed = seed,
        .order_epoch = -1,
        .fault = -1,
    };
    memcpy(made.mean, set->mean, sizeof made.mean);
    memcpy(made.deviation, set->deviation, sizeof made.deviation);
    SN_TRY(sn_augment_check(&made.augment, size, err));
    if (shuffle && n < batch)
        return sn_fail(err, SN_ERR_CONFIG,
                       "batch: %d images do not fill a batch of %d", n, batch);
    made.order = malloc((size_t)n * sizeof *made.order + 1);
    if (!made.order)
        return sn_fail(err, SN_ERR_MEMORY, "no memory to order %d images", n);
    memcpy(made.order, index, (size_t)n * sizeof *made.order);
    if (decodes(images) && make_scratch(&made, images->store, err) != SN_OK) {
        sn_loader_release(&made);
        return SN_ERR_MEMORY;
    }
    *l = made;
    return SN_OK;
}

int sn_loader_batches(const struct sn_loader *l)
{
    return l->shuffle ? l->n / l->batch : (l->n + l->batch - 1) / l->batch;
}

/* Fisher-Yates from the order of `index`: each epoch's order is its own draw
 * and depends on no epoch before it. */
static void make_order(struct sn_loader *l, int epoch)
{
    const struct sn_rng rng = sn_rng_make(l->seed, SN_RNG_SHUFFLE);
    memcpy(l->order, l->index, (size_t)l->n * sizeof *l->order);
    sn_shuffle(l->order, l->n, rng, (uint32_t)epoch);
    l->order_epoch = epoch;
}

static float normalised(float value, float mean, float deviation)
{
    return (value / 255.0f - mean) / deviation;
}

static void make_scale(struct scale *s, const struct sn_loader *l)
{
    for (int ic = 0; ic < l->channels; ic++)
        for (int v = 0; v < 256; v++)
            s->of[ic][v] = normalised((float)v, l->mean[ic], l->deviation[ic]);
}

static struct placing place(const struct picture *im, int size)
{
    const int longest = im->h > im->w ? im->h : im->w;
    const double shrink = longest > size ? (double)size / longest : 1.0;
    if (longest == 0) /* it could not be read */
        return (struct placing){0};
    struct placing p;
    p.h = (int)fmax(1.0, round(im->h * shrink));
    p.w = (int)fmax(1.0, round(im->w * shrink));
    p.top = (size - p.h) / 2;
    p.left = (size - p.w) / 2;
    p.step_y = (double)im->h / p.h;
    p.step_x = (double)im->w / p.w;
    return p;
}

/* How much of pixel i lies in [from, to). */
static double overlap(int i, double from, double to)
{
    return fmin(i + 1.0, to) - fmax((double)i, from);
}

/* The mean of one channel over the area of the image that canvas pixel (y, x)
 * of the placed picture covers. */
static float area_mean(const struct picture *im, const struct placing *p, int y,
                       int x, int ic)
{
    const double y0 = y * p->step_y, x0 = x * p->step_x;
    const double y1 = fmin(y0 + p->step_y, im->h);
    const double x1 = fmin(x0 + p->step_x, im->w);
    double sum = 0.0;
    for (int iy = (int)y0; iy < y1; iy++) {
        const uint8_t *row = im->pixels + (size_t)iy * im->row;
        double row_sum = 0.0;
        for (int ix = (int)x0; ix < x1; ix++)
            row_sum += overlap(ix, x0, x1) * row[ix * im->c + ic];
        sum += overlap(iy, y0, y1) * row_sum;
    }
    return (float)(sum / ((y1 - y0) * (x1 - x0)));
}

/* One row of output from a row of the image, columns as mapped; a column
 * outside the picture gives zeros. */
static void write_row(const struct target *t, float *x, const uint8_t *row,
                      const int *col, const struct scale *s)
{
    memset(x, 0, (size_t)t->size * (size_t)t->step * sizeof *x);
    for (int ix = 0; ix < t->size; ix++, x += t->step) {
        if (col[ix] < 0)
            continue;
        const uint8_t *pixel = row + col[ix] * t->channels;
        for (int ic = 0; ic < t->channels; ic++)
            x[ic] = s->of[ic][pixel[ic]];
    }
}

/* The same where the picture is scaled down. */
static void write_scaled_row(const struct target *t, float *x,
                             const struct sn_loader *l,
                             const struct picture *im, const struct placing *p,
                             int y, const int *col)
{
    memset(x, 0, (size_t)t->size * (size_t)t->step * sizeof *x);
    for (int ix = 0; ix < t->size; ix++, x += t->step) {
        if (col[ix] < 0)
            continue;
        for (int ic = 0; ic < t->channels; ic++)
            x[ic] = normalised(area_mean(im, p, y, col[ix], ic), l->mean[ic],
                               l->deviation[ic]);
    }
}

/* Turns rows (columns) of the canvas into those of a picture that takes
 * `extent` of them from `first` on; -1 outside it. */
static void map_into_picture(int *from, int size, int first, int extent)
{
    for (int i = 0; i < size; i++) {
        const int at = from[i] - first;
        from[i] = at >= 0 && at < extent ? at : -1;
    }
}

static void cut_out(const struct target *t, const struct sn_move *m)
{
    for (int iy = m->cut_y; iy < m->cut_y + m->cut; iy++)
        memset(t->x + ((ptrdiff_t)iy * t->size + m->cut_x) * t->step, 0,
               (size_t)m->cut * (size_t)t->step * sizeof *t->x);
}

static void write_image(const struct target *t, const struct sn_loader *l,
                        const struct picture *im, const struct scale *s,
                        int image, int epoch)
{
    const struct placing at = place(im, t->size), *p = &at;
    const struct sn_move m =
        sn_augment_draw(&l->augment, l->seed, epoch, image, t->size);

    int row[SN_SIDE_MAX], col[SN_SIDE_MAX];
    sn_augment_map(row, t->size, m.dy, false, p->h == t->size);
    sn_augment_map(col, t->size, m.dx, m.flip, p->w == t->size);
    map_into_picture(row, t->size, p->top, p->h);
    map_into_picture(col, t->size, p->left, p->w);

    const ptrdiff_t row_step = (ptrdiff_t)t->size * t->step;
    const bool scaled = p->h != im->h || p->w != im->w;
    for (int iy = 0; iy < t->size; iy++) {
        float *x = t->x + iy * row_step;
        if (row[iy] < 0)
            memset(x, 0, (size_t)row_step * sizeof *x);
        else if (scaled)
            write_scaled_row(t, x, l, im, p, row[iy], col);
        else
            write_row(t, x, im->pixels + (size_t)row[iy] * im->row, col, s);
    }
    cut_out(t, &m);
}

/* Image `image`, decoded if it has to be; an empty picture where that fails. */
static struct picture fetch(struct sn_loader *l, int image, int in_batch)
{
    const struct sn_images *im = l->images;
    struct picture p = {.h = im->h,
                        .w = im->w,
                        .c = im->c,
                        .row = (size_t)im->w * (size_t)im->c};
    if (im->pixels)
        p.pixels = im->pixels + (size_t)image * (size_t)im->h * p.row;
    if (!im->store)
        return p;

    const struct sn_store *s = im->store;
    struct sn_extent extent = s->extent[im->first + image];
    if (!im->pixels)
        p.pixels = sn_ahead_take(l->ahead, in_batch, im->first + image);
    if (!p.pixels) {
        struct sn_error unused; /* sn_loader_status() tries again */
        uint8_t *cell = l->scratch + (size_t)omp_get_thread_num() * s->cell;
        p.pixels = cell;
        if (sn_store_decode(s, im->first + image, cell, &extent, &unused) !=
            SN_OK) {
            extent = (struct sn_extent){0, 0};
            l->failed[in_batch] = 1;
        }
    }
    p.h = extent.h;
    p.w = extent.w;
    return p;
}

/* Has the pictures of the batch at `first` of this epoch's order decoded. */
static void look_ahead(struct sn_loader *l, int first)
{
    int n = l->n - first < l->batch ? l->n - first : l->batch;
    if (l->shuffle && n < l->batch)
        n = 0; /* the ragged rest is never asked for */
    for (int i = 0; i < n; i++)
        l->soon[i] = l->images->first + l->order[first + i];
    sn_ahead_want(l->ahead, l->soon, n < 0 ? 0 : n);
}

static void note_faults(struct sn_loader *l, int first, int n)
{
    for (int i = 0; i < n && l->fault < 0; i++)
        if (l->failed[i])
            l->fault = l->order[first + i];
}

int sn_loader_batch(struct sn_loader *l, int epoch, int ib, float *x,
                    int *labels)
{
    SN_CHECK(ib >= 0 && ib < sn_loader_batches(l));
    if (l->shuffle && l->order_epoch != epoch)
        make_order(l, epoch);
    const int first = ib * l->batch;
    const int n = l->n - first < l->batch ? l->n - first : l->batch;

    struct scale s;
    make_scale(&s, l);
    const ptrdiff_t image_step = (ptrdiff_t)l->size * l->size * l->pixel_step;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        const int image = l->order[first + i];
        const struct target t = {x + i * image_step, l->size, l->pixel_step,
                                 l->channels};
        const struct picture p = fetch(l, image, i);
        write_image(&t, l, &p, &s, image, epoch);
        labels[i] = l->images->labels[image];
    }
    if (l->ahead) {
        note_faults(l, first, n);
        look_ahead(l, first + n);
    }
    return n;
}

sn_status sn_loader_status(const struct sn_loader *l, struct sn_error *err)
{
    char path[SN_CATALOG_PATH];
    struct sn_extent extent;
    if (l->fault < 0)
        return SN_OK;
    const struct sn_store *s = l->images->store;
    const int image = l->images->first + l->fault;
    SN_TRY(sn_store_decode(s, image, l->scratch, &extent, err));
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: could not be read when it was needed, though it can "
                   "now",
                   sn_catalog_path(&s->catalog, image, path));
}

void sn_loader_release(struct sn_loader *l)
{
    sn_ahead_destroy(l->ahead);
    free(l->soon);
    free(l->order);
    free(l->scratch);
    free(l->failed);
    *l = (struct sn_loader){0};
}
