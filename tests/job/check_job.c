/* A whole job driven from inside: interrupted after a step, poisoned, and what
 * it then says. */

#include "check.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetensors.h"
#include "job/job.h"
#include "job/tensors.h"

static const char target[] =
    "[npu]\nname = t\nclock = 800 MHz\nin_lanes = 16\nout_lanes = 16\n"
    "pixel_lanes = 4\ndw_lanes = 16\ndw_taps = 1\nvector_lanes = 32\n"
    "pack_input = yes\non_chip = 96 KiB\non_chip_bandwidth = 64\n"
    "dram_bandwidth = 2\nlaunch = 500\nweight_bytes = 1\nvalue_bytes = 1\n"
    "slowdown = 1\nweight_compression = 1\n";

static const char config[] =
    "[data]\nset = scenes\ntrain = 120\ntest = 40\nsize = 16\n"
    "[target]\nfile = target.ini\n[budget]\nlatency = 70 %\n"
    "[space]\nstem = 8\nstem_stride = 2\nhead = none\n"
    "[stage.1]\nwidth = 16\ndepth = 1..2*\n"
    "[search]\nepochs = 1\nbatch = 16\narch_split = 0.25\n"
    "[train]\nepochs = 1\nbatch = 16\n";

/* Runs the job of `dir`, anew or on, and stops it with `signal` (0: not). */
static sn_status run(const char *dir, bool resume, int signal,
                     struct sn_job_result *r, struct sn_error *err)
{
    const volatile sig_atomic_t stop = signal;
    check_write_text("target.ini", target);
    const char *path = check_write_text("job.ini", config);
    const struct sn_job_request q = {.config = resume ? NULL : path,
                                     .resume = resume ? dir : NULL,
                                     .dir = dir,
                                     .threads = 1,
                                     .isa = SN_ISA_REF,
                                     .command = "test",
                                     .stop = &stop};
    return sn_job_train(&q, r, err);
}

static const char *in(const char *dir, const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

/* Writes the checkpoint again with one weight infinite, checksum and all. */
static void poison(const char *dir)
{
    struct sn_tensor_file f = {0};
    struct sn_tensor_writer w = {0};
    struct sn_error err;
    const char *path = in(dir, "checkpoint.safetensors");
    check_ok(sn_tensor_file_open(&f, path, &err), &err);
    sn_tensor_writer_init(&w);
    sn_tensor_writer_meta(&w, "format", sn_tensor_file_meta(&f, "format"));
    sn_tensor_writer_meta(&w, "state", sn_tensor_file_meta(&f, "state"));
    for (size_t i = 0; i < f.count; i++) {
        const struct sn_tensor_entry *e = &f.entry[i];
        if (strcmp(e->name, "weights.stem.weight") == 0)
            *(float *)(void *)e->data = INFINITY;
        sn_tensor_writer_add(&w, e->name, e->dtype, e->ndim, e->dims, e->data);
    }
    check_ok(sn_tensors_commit(&w, path, &err), &err);
    sn_tensor_file_close(&f);
}

static void stops_and_goes_on(void **state)
{
    (void)state;
    struct sn_job_result *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    struct sn_error err = {0};
    const char *whole = check_path("whole"), *parts = check_path("parts");
    check_ok(run(whole, false, 0, a, &err), &err);
    check_fails(run(parts, false, SIGTERM, b, &err), &err, SN_TERMINATED,
                "go on with: supernet train --resume");
    /* a step at a time, through all phases */
    int steps = 0;
    while (run(parts, true, SIGINT, b, &err) == SN_INTERRUPTED && steps < 999)
        steps++;
    assert_int_equal(err.code, SN_INTERRUPTED); /* of the last but one */
    assert_true(steps > 10);
    assert_true(sn_arch_equal(&a->net.arch, &b->net.arch));
    assert_true(a->net.test.loss == b->net.test.loss);
    assert_true(a->baseline.test.loss == b->baseline.test.loss);
    size_t n, m;
    const char *x = check_read(in(whole, "subnet.safetensors"), &n);
    const char *y = check_read(in(parts, "subnet.safetensors"), &m);
    assert_int_equal(n, m);
    check_same(y, x, n, "subnet.safetensors");
    x = check_read(in(whole, "steps.jsonl"), &n);
    y = check_read(in(parts, "steps.jsonl"), &m);
    assert_int_equal(n, m);
    check_same(y, x, n, "steps.jsonl");
    assert_true(sn_budget_met(&b->budget, &b->net.cost));
    free(a);
    free(b);
}

static void a_loss_that_is_not_finite_is_told(void **state)
{
    (void)state;
    struct sn_job_result *r = calloc(1, sizeof *r);
    struct sn_error err = {0};
    const char *dir = check_path("poison");
    check_fails(run(dir, false, SIGINT, r, &err), &err, SN_INTERRUPTED,
                "a checkpoint was saved");
    poison(dir);
    check_fails(run(dir, true, 0, r, &err), &err, SN_ERR_NUMERIC, "layer stem");
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_and_goes_on),
        cmocka_unit_test(a_loss_that_is_not_finite_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
