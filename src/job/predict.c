/* Pictures through a net, a pass of sixteen at a time; see predict.h. */

#include "job/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/picture_files.h"
#include "job/runner.h"

enum { PASS = 16 };

struct prediction {
    const struct sn_predict_request *ask;
    struct sn_runner runner;
    struct sn_dataset *set; /* owned: what a loader asks for */
    double *probability;    /* owned: [classes] */
    struct sn_error *why;   /* owned: [PASS] of pictures that fail */
};

static sn_status no_memory(struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory for a prediction");
}

static void softmax(double *probability, const float *logits, int classes)
{
    double most = (double)logits[0], sum = 0;
    for (int ic = 1; ic < classes; ic++) /* gcc 12 for aarch64 dies of fmax() */
        most = most > (double)logits[ic] ? most : (double)logits[ic];
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
    const struct sn_tensor *x = sn_runner_input(&p->runner);
    struct sn_data_options data = s->data;
    data.size = x->h; /* a net's input may be smaller than its images were */
    const struct sn_picture_input in = {.data = &data,
                                        .set = p->set,
                                        .channels = s->arch.c,
                                        .pixel_step = x->ld};
    const char *path[PASS];
    for (int i = 0; i < n; i++)
        path[i] = sn_pictures_path(list, first + i);
    SN_TRY(sn_picture_files_load(x->y, path, n, &in, p->why, err));
    for (int i = 0; i < n; i++)
        if (p->why[i].code == SN_ERR_MEMORY) /* no fault of the picture's */
            return sn_fail(err, SN_ERR_MEMORY, "%s", p->why[i].text);
    sn_runner_pass(&p->runner);
    for (int i = 0; i < n; i++) {
        const bool bad = p->why[i].code != SN_OK;
        const float *logits = sn_runner_logits(&p->runner, i);
        softmax(p->probability, logits, s->classes);
        const struct sn_prediction told = {
            .path = path[i],
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
    p->set = calloc(1, sizeof *p->set);
    p->probability = calloc((size_t)s->classes, sizeof *p->probability);
    p->why = calloc(PASS, sizeof *p->why);
    if (!p->set || !p->probability || !p->why)
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
    free(p->probability);
    free(p->why);
    free(p);
    return rc;
}
