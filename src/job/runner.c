/* A net from its file and the graph it runs on; see runner.h. */

#include "job/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

sn_status sn_runner_open(struct sn_runner *r, const char *path, int batch,
                         unsigned isa, int threads, struct sn_error *err)
{
    struct sn_subnet *s = &r->subnet;
    *r = (struct sn_runner){0};
    SN_TRY(find_file(r->path, sizeof r->path, path, err));
    SN_TRY(sn_subnet_open(s, r->path, err));
    const int n = batch > 0 ? batch : s->batch;
    r->labels = calloc((size_t)n, sizeof *r->labels);
    if (!r->labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d labels", n);
    sn_kernels_init(&r->kernels, isa);
    return sn_infer_arch(&r->infer, &s->net, &s->arch, &r->kernels, n, threads,
                         err);
}

struct sn_tensor *sn_runner_input(struct sn_runner *r)
{
    return &r->infer.input;
}

void sn_runner_pass(struct sn_runner *r)
{
    sn_infer_run(&r->infer);
}

const sn_real *sn_runner_logits(struct sn_runner *r, int in)
{
    const struct sn_tensor *x = sn_infer_logits(&r->infer);
    return x->y + (ptrdiff_t)in * x->ld;
}

void sn_runner_release(struct sn_runner *r)
{
    sn_infer_release(&r->infer);
    sn_subnet_release(&r->subnet);
    free(r->labels);
    *r = (struct sn_runner){0};
}
