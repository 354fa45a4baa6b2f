/* Devices and nets from files; see target_file.h. */

#include "job/target_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "export/onnx.h"
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

sn_status sn_target_read(struct sn_target *t, const char *path,
                         struct sn_error *err)
{
    struct sn_target read = {.kind = SN_TARGET_NPU};
    if (ends_with(path, ".est")) {
        struct sn_estimator *e;
        SN_TRY(sn_estimator_load(&e, path, err));
        sn_target_cpu(t, e);
        return SN_OK;
    }
    const struct sn_config_section section = {
        .table = &sn_npu_options, .base = &read.npu, .required = true};
    SN_TRY(sn_config_read(path, &section, 1, NULL, 0, NULL, err));
    *t = read;
    return SN_OK;
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
