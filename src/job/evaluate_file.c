/* A net, its images, one pass; see evaluate_file.h. */

#include "job/evaluate_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "job/weights.h"

struct evaluation {
    struct sn_subnet subnet;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_kernels kernels;
    struct sn_graph graph;
    struct sn_loader loader;
    int *every, *labels;
};

/* A run's file, or the path itself. */
static sn_status find_file(char *buf, size_t size, const char *path,
                           struct sn_error *err)
{
    struct stat st;
    struct sn_rundir dir;
    char file[SN_RUN_PATH];
    if (strlen(path) >= size)
        return sn_fail(err, SN_ERR_INPUT, "%.60s...: the path is too long",
                       path);
    snprintf(buf, size, "%s", path);
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return SN_OK;
    SN_TRY(sn_rundir_open(&dir, path, err));
    if (!sn_file_exists(sn_rundir_file(&dir, SN_SUBNET_FILE, file)))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the run has no finished net yet\ngo on with: "
                       "supernet train --resume %s",
                       file, dir.path);
    snprintf(buf, size, "%s", file);
    return SN_OK;
}

/* The images the net was made for; normalised as they were in training. */
static sn_status open_data(struct evaluation *v, const char *path,
                           struct sn_error *err)
{
    const struct sn_subnet *s = &v->subnet;
    const sn_status rc = sn_dataset_open(&v->data, &s->data, s->seed, err);
    if (rc == SN_ERR_INPUT && err)
        return sn_fail_more(err, rc, "  %s was trained on these images", path);
    if (rc != SN_OK)
        return rc;
    if (v->data.classes != s->classes || v->data.test.c != s->arch.c)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: the net is for %d classes and %d channels, the "
                       "data has %d and %d",
                       path, s->classes, s->arch.c, v->data.classes,
                       v->data.test.c);
    memcpy(v->data.mean, s->mean, sizeof s->mean);
    memcpy(v->data.deviation, s->deviation, sizeof s->deviation);
    return SN_OK;
}

static sn_status open_loader(struct evaluation *v, sn_split_name split,
                             struct sn_error *err)
{
    const struct sn_subnet *s = &v->subnet;
    const int *index = v->every;
    const struct sn_images *images = &v->data.test;
    int n = images->n;
    if (split == SN_SPLIT_VAL) {
        SN_TRY(
            sn_split_make(&v->split, &v->data, s->data.val, 0, s->seed, err));
        images = &v->data.train;
        index = v->split.val;
        n = v->split.n_val;
    }
    if (n == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--split val: the net was trained without validation "
                       "images ([data] val = 0)");
    return sn_loader_init(&v->loader, &v->data, images, index, n, s->batch,
                          s->data.size, sn_graph_first(&v->graph)->ld, NULL, 0,
                          0, err);
}

static sn_status evaluate(struct evaluation *v, struct sn_file_eval *e,
                          sn_split_name split, unsigned isa, int threads,
                          struct sn_error *err)
{
    struct sn_subnet *s = &v->subnet;
    SN_TRY(sn_subnet_open(s, e->path, err));
    SN_TRY(open_data(v, e->path, err));
    const int n = v->data.test.n;
    v->every = malloc((size_t)n * sizeof *v->every);
    v->labels = malloc((size_t)s->batch * sizeof *v->labels);
    if (!v->every || !v->labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d labels", n);
    for (int i = 0; i < n; i++)
        v->every[i] = i;
    sn_kernels_init(&v->kernels, isa);
    SN_TRY(sn_graph_init(&v->graph, &v->kernels, threads, err));
    sn_supernet_build_arch(&s->net, &v->graph, &s->arch, s->batch, 0);
    SN_TRY(sn_graph_plan(&v->graph, false, err));
    SN_TRY(open_loader(v, split, err));
    sn_evaluate(&e->eval, &v->graph, &v->loader, v->labels);
    e->arch = s->arch;
    e->classes = s->classes;
    snprintf(e->set, sizeof e->set, "%s", v->data.name);
    return SN_OK;
}

sn_status sn_evaluate_file(struct sn_file_eval *e, const char *path,
                           sn_split_name split, unsigned isa, int threads,
                           struct sn_error *err)
{
    memset(e, 0, sizeof *e);
    SN_TRY(find_file(e->path, sizeof e->path, path, err));
    struct evaluation *v = calloc(1, sizeof *v);
    if (!v)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for an evaluation");
    const sn_status rc = evaluate(v, e, split, isa, threads, err);
    sn_loader_release(&v->loader);
    sn_graph_release(&v->graph);
    sn_split_release(&v->split);
    sn_dataset_release(&v->data);
    sn_subnet_release(&v->subnet);
    free(v->every);
    free(v->labels);
    free(v);
    return rc;
}
