/* A net, eight pictures, a file; see export_file.h.
 *
 * The pictures are drawn, so a file can be exported where the images it was
 * trained on are not: two nets that agree on noise of eight contrasts compute
 * the same.  They go through the loader, as those of the training did, so the
 * graph's pre-processing is held against that too. */

#include "job/export_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "datasets/image.h"
#include "datasets/loader.h"
#include "export/onnx.h"
#include "job/env.h"
#include "job/job.h"
#include "job/runner.h"

enum { PICTURES = 8, METAS = 10 };

struct exporting {
    const struct sn_export_request *ask;
    struct sn_runner runner;
    struct sn_dataset *set; /* owned: what a loader asks for */
    struct sn_images images;
    struct sn_loader loader;
    int index[PICTURES], labels[PICTURES];
    float *input;  /* owned: [PICTURES, c, h, w], raw */
    float *logits; /* owned: [PICTURES, classes] */
    struct sn_onnx_meta meta[METAS];
    char *text[METAS]; /* owned: values of meta */
    int metas;
};

static sn_status no_memory(struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory for an export");
}

/* ---- pictures ---- */

/* Picture i is i + 1 parts of noise and 7 - i parts of a slope. */
static void draw(struct sn_images *im)
{
    const struct sn_rng rng = sn_rng_make(1, SN_RNG_SYNTHETIC);
    const size_t values = (size_t)im->h * (size_t)im->w * (size_t)im->c;
    for (int i = 0; i < im->n; i++)
        for (size_t iv = 0; iv < values; iv++) {
            uint32_t words[4];
            sn_rng_words(rng, 0, (uint32_t)i, iv, words);
            const uint32_t noise = words[0] & 255;
            const uint32_t slope = (uint32_t)(255 * iv / values);
            im->pixels[(size_t)i * values + iv] =
                (uint8_t)((noise * (uint32_t)(i + 1) +
                           slope * (uint32_t)(PICTURES - 1 - i)) /
                          PICTURES);
        }
}

static sn_status open_pictures(struct exporting *x, struct sn_error *err)
{
    const struct sn_subnet *s = &x->runner.subnet;
    struct sn_images *im = &x->images;
    *im = (struct sn_images){.n = PICTURES,
                             .h = s->image_h,
                             .w = s->image_w,
                             .c = s->arch.c,
                             .labels = x->labels};
    im->pixels = malloc((size_t)PICTURES * (size_t)im->h * (size_t)im->w *
                        (size_t)im->c);
    x->set = calloc(1, sizeof *x->set);
    if (!im->pixels || !x->set)
        return no_memory(err);
    memcpy(x->set->mean, s->mean, sizeof s->mean);
    memcpy(x->set->deviation, s->deviation, sizeof s->deviation);
    draw(im);
    for (int i = 0; i < PICTURES; i++)
        x->index[i] = i;
    return sn_loader_init(&x->loader, x->set, im, x->index, PICTURES, PICTURES,
                          s->arch.h, sn_runner_input(&x->runner)->ld, NULL, 0,
                          0, err);
}

/* ---- what the net makes of them ---- */

/* The net's own input, planes of floats, as a raw file takes it. */
static void take_input(struct exporting *x)
{
    const struct sn_tensor *in = sn_runner_input(&x->runner);
    const ptrdiff_t pixels = (ptrdiff_t)in->h * in->w;
    float *to = x->input;
    for (int i = 0; i < PICTURES; i++)
        for (int ic = 0; ic < in->c; ic++)
            for (ptrdiff_t ip = 0; ip < pixels; ip++)
                *to++ = in->y[(i * pixels + ip) * in->ld + ic];
}

static sn_status run_net(struct exporting *x, struct sn_error *err)
{
    const struct sn_tensor *in = sn_runner_input(&x->runner);
    const int classes = x->runner.subnet.classes;
    const size_t values = (size_t)in->h * (size_t)in->w * (size_t)in->c;
    x->input = malloc(PICTURES * values * sizeof *x->input);
    x->logits = malloc((size_t)PICTURES * (size_t)classes * sizeof *x->logits);
    if (!x->input || !x->logits)
        return no_memory(err);
    sn_loader_batch(&x->loader, 0, 0, in->y, x->labels);
    take_input(x);
    sn_runner_pass(&x->runner);
    for (int i = 0; i < PICTURES; i++)
        memcpy(x->logits + (ptrdiff_t)i * classes,
               sn_runner_logits(&x->runner, i),
               (size_t)classes * sizeof *x->logits);
    return SN_OK;
}

/* ---- what is told of it ---- */

/* Whether its pictures come in all sizes, and `fit` says what to do. */
static bool is_fitted(const struct sn_subnet *s)
{
    return s->data.set == SN_DATA_FOLDER || s->data.set == SN_DATA_LIST;
}

/* What padding is in pixels, which is 0 to the net. */
static int mean_byte(const struct sn_subnet *s, int ic)
{
    return (int)(fminf(fmaxf(s->mean[ic], 0), 1) * 255.0f + 0.5f);
}

static void add_notes(struct sn_export *e, const struct sn_subnet *s, bool raw)
{
    const char *note = sn_onnx_note(&s->arch);
    char fill[48] = "0";
    if (note)
        snprintf(e->note[e->notes++], SN_EXPORT_NOTE, "%s", note);
    if (!is_fitted(s) || s->data.fit != SN_FIT_PAD)
        return;
    if (!raw)
        snprintf(fill, sizeof fill, "%d %d %d, their mean", mean_byte(s, 0),
                 mean_byte(s, 1), mean_byte(s, 2));
    snprintf(
        e->note[e->notes++], SN_EXPORT_NOTE,
        "fit = pad: pictures are scaled down until they fit %dx%d, smaller "
        "ones stay as they are; each stands in the middle, the rest is %s",
        s->arch.h, s->arch.h, fill);
}

/* ---- metadata ---- */

static void add_meta(struct exporting *x, const char *key, struct sn_text *t)
{
    char *text = sn_text_take(t);
    SN_CHECK(x->metas < METAS);
    x->text[x->metas] = text;
    x->meta[x->metas++] = (struct sn_onnx_meta){key, text};
}

static void add_channels(struct exporting *x, const char *key,
                         const float *value)
{
    struct sn_text t = {0};
    char real[32];
    for (int ic = 0; ic < x->runner.subnet.arch.c; ic++)
        sn_text_add(&t, "%s%s", ic ? " " : "",
                    sn_text_real(real, sizeof real, (double)value[ic]));
    add_meta(x, key, &t);
}

/* Texts of the file; a class name or a channel of mean and deviation has the
 * form it has in subnet.safetensors. */
static sn_status make_meta(struct exporting *x, struct sn_error *err)
{
    const struct sn_subnet *s = &x->runner.subnet;
    struct sn_text t = {0};
    sn_text_add(&t, "supernet-onnx 1");
    add_meta(x, "format", &t);
    sn_text_add(&t, "%s", sn_env_revision());
    add_meta(x, "revision", &t);
    sn_text_add(&t, "classify");
    add_meta(x, "task", &t);
    char *arch = sn_arch_text(&s->arch);
    sn_text_add(&t, "%s", arch ? arch : "");
    t.failed |= !arch;
    free(arch);
    add_meta(x, "arch", &t);
    for (int i = 0; i < s->classes; i++)
        sn_text_add(&t, "%s\n", s->class_name[i]);
    add_meta(x, "classes", &t);
    sn_text_add(&t, "%" PRIu64, s->seed);
    add_meta(x, "seed", &t);
    add_channels(x, "mean", s->mean);
    add_channels(x, "deviation", s->deviation);
    sn_text_add(&t, "%d", s->arch.h);
    add_meta(x, "size", &t);
    if (is_fitted(s)) {
        char fit[32];
        sn_option_print(sn_option_find(&sn_data_table, "fit"), &s->data, fit,
                        sizeof fit);
        sn_text_add(&t, "%s", fit);
        add_meta(x, "fit", &t);
    }
    for (int i = 0; i < x->metas; i++)
        if (!x->text[i])
            return no_memory(err);
    return SN_OK;
}

/* ---- the file ---- */

static sn_status set_path(struct sn_export *e, const char *to, bool raw,
                          struct sn_error *err)
{
    const char *slash = strrchr(e->from, '/');
    const int folder = slash ? (int)(slash - e->from) + 1 : 0;
    const int n = to ? snprintf(e->to, sizeof e->to, "%s", to)
                     : snprintf(e->to, sizeof e->to, "%.*s%s", folder, e->from,
                                raw ? SN_ONNX_RAW_FILE : SN_ONNX_FILE);
    return n < (int)sizeof e->to
               ? SN_OK
               : sn_fail(err, SN_ERR_OUTPUT, "%.60s...: the path is too long",
                         e->to);
}

static sn_status export_net(struct exporting *x, struct sn_export *e,
                            struct sn_error *err)
{
    const struct sn_export_request *q = x->ask;
    const struct sn_subnet *s = &x->runner.subnet;
    SN_TRY(
        sn_runner_open(&x->runner, q->from, PICTURES, q->isa, q->threads, err));
    memcpy(e->from, x->runner.path, sizeof e->from);
    SN_TRY(set_path(e, q->to, q->raw, err));
    SN_TRY(open_pictures(x, err));
    SN_TRY(run_net(x, err));
    SN_TRY(make_meta(x, err));
    const struct sn_onnx_net net = {.arch = &s->arch,
                                    .net = &s->net,
                                    .h = s->image_h,
                                    .w = s->image_w,
                                    .mean = s->mean,
                                    .deviation = s->deviation,
                                    .raw = q->raw,
                                    .version = SN_VERSION,
                                    .meta = x->meta,
                                    .metas = x->metas};
    const struct sn_onnx_proof proof = {
        PICTURES, q->raw ? (const void *)x->input : x->images.pixels,
        x->logits};
    e->h = q->raw ? s->arch.h : s->image_h;
    e->w = q->raw ? s->arch.w : s->image_w;
    e->c = s->arch.c;
    e->classes = s->classes;
    e->pictures = PICTURES;
    add_notes(e, s, q->raw);
    return sn_onnx_write(e->to, &net, &proof, &e->worst, err);
}

sn_status sn_export_file(struct sn_export *e, const struct sn_export_request *q,
                         struct sn_error *err)
{
    *e = (struct sn_export){0};
    struct exporting *x = calloc(1, sizeof *x);
    if (!x)
        return no_memory(err);
    x->ask = q;
    const sn_status rc = export_net(x, e, err);
    sn_loader_release(&x->loader);
    sn_runner_release(&x->runner);
    for (int i = 0; i < x->metas; i++)
        free(x->text[i]);
    free(x->images.pixels);
    free(x->input);
    free(x->logits);
    free(x->set);
    free(x);
    return rc;
}
