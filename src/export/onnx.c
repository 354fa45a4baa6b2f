/* Writing a net as an ONNX file, and the proof that the file is that net; see
 * onnx.h. */

#include "export/onnx.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "export/export_internal.h"

/* How far a logit may be off: so much up to a largest one of ORDINARY, beyond
 * it in proportion, as the rounding of floats grows. */
#define TOLERANCE 1e-4
#define ORDINARY  32.0

static sn_status make_bytes(uint8_t **bytes, size_t *count,
                            const struct sn_onnx_net *net, struct sn_error *err)
{
    struct sn_onnx_build b;
    SN_TRY(sn_onnx_build_init(&b, sn_onnx_room(net->arch), err));
    sn_onnx_add_net(&b, net);
    const sn_status rc = sn_onnx_pack(&b, net, bytes, count, err);
    sn_onnx_build_release(&b);
    return rc;
}

/* ---- the proof ---- */

/* Bytes of one picture in the proof. */
static size_t picture_bytes(const struct sn_onnx *m)
{
    return sn_onnx_inputs(m) * (sn_onnx_takes_bytes(m) ? 1 : sizeof(float));
}

/* The largest difference, and the largest logit.  A NaN stays one. */
static void compare(struct sn_onnx *m, const struct sn_onnx_proof *proof,
                    float *logits, double *worst, double *largest)
{
    const int classes = sn_onnx_classes(m);
    *worst = *largest = 0;
    for (int in = 0; in < proof->n; in++) {
        const float *want = proof->logits + (ptrdiff_t)in * classes;
        const unsigned char *x = proof->x;
        sn_onnx_run(m, x + (size_t)in * picture_bytes(m), logits);
        for (int ic = 0; ic < classes; ic++) {
            const double off = fabs((double)logits[ic] - (double)want[ic]);
            if (off > *worst || isnan(off))
                *worst = off;
            *largest = fmax(*largest, fabs((double)want[ic]));
        }
    }
}

static sn_status prove(const char *path, const char *name,
                       const struct sn_onnx_proof *proof, double *worst,
                       struct sn_error *err)
{
    struct sn_onnx *m;
    double largest;
    SN_TRY(sn_onnx_open(&m, path, err));
    float *logits = malloc((size_t)sn_onnx_classes(m) * sizeof *logits);
    if (logits)
        compare(m, proof, logits, worst, &largest);
    sn_onnx_close(m);
    free(logits);
    if (!logits)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory to check it", name);
    const double most = TOLERANCE * fmax(1, largest / ORDINARY);
    if (*worst <= most)
        return SN_OK;
    return sn_fail(
        err, SN_ERR_NUMERIC,
        "%s: was not written: read back, its logits are off by %.3g; "
        "expected at most %.3g",
        name, *worst, most);
}

sn_status sn_onnx_write(const char *path, const struct sn_onnx_net *net,
                        const struct sn_onnx_proof *proof, double *worst,
                        struct sn_error *err)
{
    struct sn_file_writer w;
    uint8_t *bytes = NULL;
    size_t count;
    SN_TRY(make_bytes(&bytes, &count, net, err));
    sn_status rc = sn_file_create(&w, path, err);
    if (rc == SN_OK) {
        sn_file_add(&w, bytes, count);
        if (!w.failure && fflush(w.file) != 0)
            w.failure = errno;
        if (!w.failure) /* else commit tells */
            rc = prove(w.temp, path, proof, worst, err);
        if (rc == SN_OK)
            rc = sn_file_commit(&w, err);
        else
            sn_file_abandon(&w);
    }
    free(bytes);
    return rc;
}
