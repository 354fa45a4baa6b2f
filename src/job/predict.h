#ifndef SN_JOB_PREDICT_H
#define SN_JOB_PREDICT_H

/* What a finished net says of picture files. */

#include "job/pictures.h"
#include "job/weights.h"

struct sn_predict_request {
    const char *from; /* a run directory, or its subnet.safetensors */
    const struct sn_pictures *pictures;
    unsigned isa;
    int threads;
};

/* One picture; all is borrowed until the callback returns. */
struct sn_prediction {
    const char *path;
    const char *why; /* it could not be read; NULL: it was */
    int classes;
    const char (*class_name)[SN_CLASS_NAME]; /* [classes] */
    const float *logits;                     /* [classes] */
    const double *probability;               /* [classes] their softmax */
};

/* A failure ends the prediction. */
typedef sn_status sn_prediction_fn(void *context, const struct sn_prediction *p,
                                   struct sn_error *err);

/* Calls `tell` for every picture in order.  A picture is brought to the net's
 * input as those of its training were.  SN_ERR_INPUT for the net's file alone,
 * SN_ERR_MEMORY, and what `tell` returns. */
sn_status sn_predict(const struct sn_predict_request *q, sn_prediction_fn *tell,
                     void *context, struct sn_error *err);

#endif
