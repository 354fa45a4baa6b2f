/* Devices and nets from files; see target_file.h. */

#include "job/target_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "config/config.h"
#include "export/onnx.h"
#include "job/fit_device.h"
#include "job/measure_device.h"
#include "job/options.h"
#include "job/weights.h"
#include "target/estimator.h"

enum { ARCH_TEXT_MAX = 1 << 20 }; /* bytes of an arch file at most */

static bool ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), of = strlen(end);
    return n >= of && strcmp(path + n - of, end) == 0;
}

bool sn_target_is_estimator(const char *path)
{
    return ends_with(path, ".est");
}

bool sn_target_is_csv(const char *path)
{
    return ends_with(path, ".csv") || ends_with(path, ".csv.gz");
}

/* ---- tables ---- */

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

/* Where the fit of a CSV is kept: by all that it depends on. */
static bool cached_fit(char *buf, size_t size,
                       const struct sn_target_options *o, struct sn_error *err)
{
    enum { CSV_MAX = 1 << 30 };
    static const int version = SN_FIT_VERSION;
    char *data, name[48];
    size_t bytes;
    if (sn_file_read(o->file, CSV_MAX, &data, &bytes, err) != SN_OK)
        return false;
    uint64_t h = sn_hash(SN_HASH_START, data, bytes);
    free(data);
    h = sn_hash(h, o->device, strlen(o->device) + 1);
    h = sn_hash(h, o->dtype, strlen(o->dtype) + 1);
    h = sn_hash(h, &o->batch, sizeof o->batch);
    h = sn_hash(h, &version, sizeof version);
    snprintf(name, sizeof name, "fit-%016" PRIx64 ".est", h);
    return sn_path_cache(buf, size, name);
}

/* A CSV fitted now, or as it was fitted before.  What cannot be kept is fitted
 * again the next time. */
static sn_status fit_csv(struct sn_estimator **e,
                         const struct sn_target_options *o,
                         struct sn_error *err)
{
    char cache[SN_RUN_PATH];
    struct sn_fit_result r;
    const char *path = o->file;
    const bool keeps = cached_fit(cache, sizeof cache, o, NULL);
    if (keeps && sn_estimator_load(e, cache, NULL) == SN_OK)
        return SN_OK;
    const struct sn_fit_request q = {.path = &path,
                                     .n_path = 1,
                                     .want = {.device = or_null(o->device),
                                              .dtype = or_null(o->dtype),
                                              .batch = o->batch,
                                              .resident = true},
                                     .seed = 1};
    SN_TRY(sn_fit_device(&r, &q, err));
    *e = r.estimator;
    r.estimator = NULL;
    sn_fit_result_release(&r);
    if (keeps)
        (void)!sn_estimator_save(*e, cache, NULL);
    return SN_OK;
}

/* An estimator is of one device and one data type. */
static sn_status check_words(const struct sn_estimator *e,
                             const struct sn_target_options *o,
                             struct sn_error *err)
{
    const struct {
        const char *key, *found, *expected;
    } word[] = {{"device", sn_estimator_device(e), o->device},
                {"dtype", sn_estimator_dtype(e), o->dtype}};
    for (int i = 0; i < 2; i++)
        if (*word[i].expected && strcmp(word[i].found, word[i].expected) != 0)
            return sn_fail(err, SN_ERR_CONFIG,
                           "%s: is of %s '%s'; [target] %s asks for '%s'",
                           o->file, word[i].key, word[i].found, word[i].key,
                           word[i].expected);
    return SN_OK;
}

static sn_status open_table(struct sn_target *t,
                            const struct sn_target_options *o,
                            struct sn_error *err)
{
    struct sn_estimator *e;
    if (sn_target_is_csv(o->file))
        SN_TRY(fit_csv(&e, o, err));
    else
        SN_TRY(sn_estimator_load(&e, o->file, err));
    const sn_status rc = check_words(e, o, err);
    if (rc == SN_OK)
        sn_target_table(t, e, o->p, o->batch);
    else
        sn_estimator_destroy(e);
    return rc;
}

/* ---- all kinds ---- */

static sn_status open_npu(struct sn_target *t, const char *path,
                          struct sn_error *err)
{
    struct sn_target read = {.kind = SN_TARGET_NPU};
    const struct sn_config_section section = {
        .table = &sn_npu_options, .base = &read.npu, .required = true};
    SN_TRY(sn_config_read(path, &section, 1, NULL, 0, NULL, err));
    *t = read;
    return SN_OK;
}

sn_status sn_target_open(struct sn_target *t, const struct sn_target_options *o,
                         struct sn_error *err)
{
    struct sn_estimator *e;
    switch (o->kind) {
    case SN_TARGET_TABLE:
        return open_table(t, o, err);
    case SN_TARGET_CPU:
        SN_TRY(sn_estimator_load(&e, o->file, err));
        sn_target_cpu(t, e);
        return SN_OK;
    default:
        return open_npu(t, o->file, err);
    }
}

/* Whether an INI has a section [target], as a config has. */
static bool names_target(const char *path)
{
    enum { INI_MAX = 1 << 20 };
    char *text;
    size_t bytes;
    bool found = false;
    if (sn_file_read(path, INI_MAX, &text, &bytes, NULL) != SN_OK)
        return false;
    for (const char *line = text; line && !found; line = strchr(line, '\n')) {
        line += *line == '\n';
        found = strncmp(line + strspn(line, " \t"), "[target]", 8) == 0;
    }
    free(text);
    return found;
}

sn_status sn_target_read(struct sn_target *t, const char *path,
                         struct sn_error *err)
{
    struct sn_target_options o;
    if (sn_target_is_estimator(path) || sn_target_is_csv(path)) {
        sn_option_defaults(&sn_target_options, &o);
        o.kind = SN_TARGET_TABLE;
        if (snprintf(o.file, sizeof o.file, "%s", path) >= (int)sizeof o.file)
            return sn_fail(err, SN_ERR_CONFIG, "%s: the path is too long",
                           path);
        return sn_target_open(t, &o, err);
    }
    if (!names_target(path))
        return open_npu(t, path, err);
    const struct sn_config_section section = {
        .table = &sn_target_options, .base = &o, .required = true};
    SN_TRY(sn_config_read(path, &section, 1, NULL, 0, NULL, err));
    return sn_target_open(t, &o, err);
}

sn_status sn_target_check_here(const struct sn_target *t, struct sn_error *err)
{
    struct sn_kernels k;
    char here[SN_DEVICE_TEXT];
    sn_kernels_init(&k, sn_cpu_isa());
    sn_this_device(here, sizeof here, &k);
    if (strcmp(here, sn_target_name(t)) == 0)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG,
                   "[target] file: was measured on '%s', this is '%s'; measure "
                   "this machine: supernet measure",
                   sn_target_name(t), here);
}

sn_status sn_target_of_run(struct sn_target *t, const char *run,
                           struct sn_error *err)
{
    struct sn_rundir dir;
    char path[SN_RUN_PATH];
    SN_TRY(sn_rundir_open(&dir, run, err));
    struct sn_job_config *c = calloc(1, sizeof *c);
    if (!c)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a config");
    sn_status rc = sn_job_config_read(
        c, sn_rundir_file(&dir, "config.ini", path), NULL, 0, err);
    if (rc == SN_OK)
        rc = sn_job_config_follow(c, err);
    if (rc == SN_OK) {
        *t = c->device;
        c->device.estimator = NULL; /* it is t's now */
    }
    sn_job_config_release(c);
    free(c);
    return rc;
}

/* ---- nets ---- */

static sn_status from_text(struct sn_arch *arch, const char *path,
                           struct sn_error *err)
{
    char *text;
    size_t bytes;
    SN_TRY(sn_file_read(path, ARCH_TEXT_MAX, &text, &bytes, err));
    sn_status rc = SN_OK;
    if (strlen(text) != bytes)
        rc = sn_fail(err, SN_ERR_CONFIG, "%s: holds a NUL byte; expected text",
                     path);
    if (rc == SN_OK)
        rc = sn_arch_parse(arch, text, path, err);
    free(text);
    return rc;
}

static sn_status from_onnx(struct sn_arch *arch, const char *path,
                           struct sn_error *err)
{
    struct sn_onnx *m;
    SN_TRY(sn_onnx_open(&m, path, err));
    const char *text = sn_onnx_text(m, "arch");
    sn_status rc = text ? sn_arch_parse(arch, text, path, err)
                        : sn_fail(err, SN_ERR_INPUT,
                                  "%s: its metadata has no arch; expected a "
                                  "model of this program",
                                  path);
    sn_onnx_close(m);
    return rc;
}

static sn_status from_weights(struct sn_arch *arch, const char *path,
                              struct sn_error *err)
{
    struct sn_subnet *s = calloc(1, sizeof *s);
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net");
    const sn_status rc = sn_subnet_open(s, path, err);
    if (rc == SN_OK) {
        *arch = s->arch;
        sn_subnet_release(s);
    }
    free(s);
    return rc;
}

sn_status sn_arch_of(struct sn_arch *arch, const char *path,
                     struct sn_error *err)
{
    struct stat st;
    struct sn_rundir dir;
    char file[SN_RUN_PATH];
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        SN_TRY(sn_rundir_open(&dir, path, err));
        if (!sn_file_exists(sn_rundir_file(&dir, "arch.txt", file)))
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: the run has chosen no net yet\ngo on with: "
                           "supernet train --resume %s",
                           file, dir.path);
        return from_text(arch, file, err);
    }
    if (ends_with(path, ".safetensors"))
        return from_weights(arch, path, err);
    if (ends_with(path, ".onnx"))
        return from_onnx(arch, path, err);
    return from_text(arch, path, err);
}
