/* A net, its images, one pass; see evaluate_file.h. */

#include "job/evaluate_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/runner.h"

struct evaluation {
    struct sn_runner runner;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_loader loader;
    int *every;
};

/* The data's classes are the net's, in their order. */
static sn_status check_classes(const struct evaluation *v, struct sn_error *err)
{
    const struct sn_subnet *s = &v->runner.subnet;
    if (v->data.classes != s->classes || v->data.test.c != s->arch.c)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the net is for %d classes and %d channels, the "
                       "data has %d and %d",
                       v->runner.path, s->classes, s->arch.c, v->data.classes,
                       v->data.test.c);
    for (int il = 0; il < s->classes; il++)
        if (strcmp(v->data.class_name[il], s->class_name[il]) != 0)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: class %d of the net is '%s', of the data '%s'; "
                           "expected the classes it was trained on",
                           v->runner.path, il + 1, s->class_name[il],
                           v->data.class_name[il]);
    return SN_OK;
}

/* Says in the result when the images of `split` are others than then. */
static void note_changes(struct sn_file_eval *e, const struct evaluation *v,
                         sn_split_name split)
{
    const struct sn_subnet *s = &v->runner.subnet;
    const struct sn_data_print *was = &s->print;
    struct sn_data_print is;
    char changes[160];
    sn_data_print(&is, &v->data);
    const bool same = split == SN_SPLIT_TEST
                          ? sn_part_print_same(&was->test, &is.test)
                          : sn_part_print_same(&was->train, &is.train);
    if (s->has_print && !same)
        snprintf(e->note, sizeof e->note,
                 "the images are not those it was trained on: %s",
                 sn_data_print_changes(changes, sizeof changes, was, &is));
}

/* The images the net was made for; normalised as they were in training. */
static sn_status open_data(struct sn_file_eval *e, struct evaluation *v,
                           sn_split_name split, struct sn_error *err)
{
    const struct sn_subnet *s = &v->runner.subnet;
    const char *path = v->runner.path;
    const sn_status rc = sn_dataset_open(&v->data, &s->data, s->seed, err);
    if (rc == SN_ERR_INPUT && err)
        return sn_fail_more(err, rc, "  %s was trained on these images", path);
    if (rc != SN_OK)
        return rc;
    SN_TRY(check_classes(v, err));
    note_changes(e, v, split); /* while mean and deviation are the data's */
    memcpy(v->data.mean, s->mean, sizeof s->mean);
    memcpy(v->data.deviation, s->deviation, sizeof s->deviation);
    return SN_OK;
}

/* Which images those are. */
struct part {
    const struct sn_images *images;
    const int *index;
    int n;
};

static sn_status find_part(struct part *part, struct evaluation *v,
                           sn_split_name split, struct sn_error *err)
{
    const struct sn_subnet *s = &v->runner.subnet;
    if (split == SN_SPLIT_TEST) {
        const int n = v->data.test.n;
        v->every = malloc((size_t)n * sizeof *v->every);
        if (!v->every)
            return sn_fail(err, SN_ERR_MEMORY, "no memory for %d images", n);
        for (int i = 0; i < n; i++)
            v->every[i] = i;
        *part = (struct part){&v->data.test, v->every, n};
        return SN_OK;
    }
    SN_TRY(sn_split_make(&v->split, &v->data, s->data.val, 0, s->seed, err));
    if (split == SN_SPLIT_VAL)
        *part = (struct part){&v->data.train, v->split.val, v->split.n_val};
    else
        *part = (struct part){&v->data.train, v->split.full, v->split.n_full};
    if (part->n == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--split val: the net was trained without validation "
                       "images ([data] val = 0)");
    return SN_OK;
}

static sn_status take_classes(struct sn_file_eval *e, struct sn_subnet *s,
                              struct sn_error *err)
{
    const size_t classes = (size_t)s->classes;
    e->classes = s->classes;
    e->class_name = calloc(classes, sizeof *e->class_name);
    e->matrix = calloc(classes * classes, sizeof *e->matrix);
    if (!e->class_name || !e->matrix)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d classes",
                       s->classes);
    memcpy(e->class_name, s->class_name, classes * sizeof *e->class_name);
    return SN_OK;
}

static sn_status evaluate(struct evaluation *v, struct sn_file_eval *e,
                          sn_split_name split, struct sn_error *err)
{
    struct sn_subnet *s = &v->runner.subnet;
    struct part part = {0};
    SN_TRY(open_data(e, v, split, err));
    SN_TRY(find_part(&part, v, split, err));
    SN_TRY(take_classes(e, s, err));
    SN_TRY(sn_loader_init(&v->loader, &v->data, part.images, part.index, part.n,
                          s->batch, s->arch.h, sn_runner_input(&v->runner)->ld,
                          NULL, 0, 0, err));
    sn_evaluate_infer(&e->eval, &v->runner.infer, &v->loader, v->runner.labels,
                      e->matrix);
    SN_TRY(sn_loader_status(&v->loader, err));
    e->arch = s->arch;
    memcpy(e->path, v->runner.path, sizeof e->path);
    snprintf(e->set, sizeof e->set, "%s", v->data.name);
    return SN_OK;
}

sn_status sn_evaluate_file(struct sn_file_eval *e, const char *path,
                           sn_split_name split, unsigned isa, int threads,
                           struct sn_error *err)
{
    memset(e, 0, sizeof *e);
    struct evaluation *v = calloc(1, sizeof *v);
    if (!v)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for an evaluation");
    sn_status rc = sn_runner_open(&v->runner, path, 0, isa, threads, err);
    if (rc == SN_OK)
        rc = evaluate(v, e, split, err);
    if (rc != SN_OK)
        sn_file_eval_release(e);
    sn_loader_release(&v->loader);
    sn_split_release(&v->split);
    sn_dataset_release(&v->data);
    sn_runner_release(&v->runner);
    free(v->every);
    free(v);
    return rc;
}

/* ---- classes ---- */

struct sn_class_eval sn_class_eval(const struct sn_file_eval *e, int label)
{
    const long *row = e->matrix + (ptrdiff_t)label * e->classes;
    struct sn_class_eval c = {.correct = row[label], .taken_for = -1};
    for (int ig = 0; ig < e->classes; ig++) {
        c.images += row[ig];
        if (ig != label && row[ig] > (c.taken_for < 0 ? 0 : row[c.taken_for]))
            c.taken_for = ig;
    }
    return c;
}

char *sn_confusion_csv(const struct sn_file_eval *e)
{
    struct sn_text t = {0};
    sn_text_add(&t, "label");
    for (int ig = 0; ig < e->classes; ig++) {
        sn_text_add(&t, ",");
        sn_text_add_csv(&t, e->class_name[ig]);
    }
    sn_text_add(&t, "\n");
    for (int il = 0; il < e->classes; il++) {
        sn_text_add_csv(&t, e->class_name[il]);
        for (int ig = 0; ig < e->classes; ig++)
            sn_text_add(&t, ",%ld", e->matrix[(ptrdiff_t)il * e->classes + ig]);
        sn_text_add(&t, "\n");
    }
    return sn_text_take(&t);
}

void sn_file_eval_release(struct sn_file_eval *e)
{
    free(e->class_name);
    free(e->matrix);
    e->class_name = NULL;
    e->matrix = NULL;
}
