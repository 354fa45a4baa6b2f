#ifndef SN_JOB_EXPORT_FILE_H
#define SN_JOB_EXPORT_FILE_H

/* A finished net, from its file to an ONNX file. */

#include <stdbool.h>

#include "job/rundir.h"

#define SN_ONNX_FILE     "subnet.onnx"
#define SN_ONNX_RAW_FILE "subnet-raw.onnx"

enum { SN_EXPORT_NOTES = 2, SN_EXPORT_NOTE = 240 };

struct sn_export_request {
    const char *from; /* a run directory, or its subnet.safetensors */
    const char *to;   /* NULL: SN_ONNX_FILE or SN_ONNX_RAW_FILE beside it */
    bool raw;         /* without the pre-processing */
    unsigned isa;     /* of the passes it is compared with */
    int threads;
};

struct sn_export {
    char from[SN_RUN_PATH], to[SN_RUN_PATH];
    int h, w, c, classes; /* of the file's input and output */
    int pictures;         /* that were recomputed */
    double worst;         /* largest difference of a logit */
    char note[SN_EXPORT_NOTES][SN_EXPORT_NOTE]; /* what a user should know */
    int notes;
};

/* Writes it; what sn_onnx_write() promises holds.  SN_ERR_INPUT,
 * SN_ERR_OUTPUT, SN_ERR_MEMORY, SN_ERR_NUMERIC. */
sn_status sn_export_file(struct sn_export *e, const struct sn_export_request *q,
                         struct sn_error *err);

#endif
