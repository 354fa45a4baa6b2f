#ifndef SN_EXPORT_ONNX_H
#define SN_EXPORT_ONNX_H

/* A finished net as an ONNX file, for other programs to run.
 *
 * What the file holds: IR version 8, opset 13 (14 with h-swish, which came
 * then), one input, one output, a batch dimension named N.
 *
 *   image   uint8 [N, h, w, c]: pixels as they were decoded.  Scaling,
 *           normalisation, layout and padding are nodes of the graph.
 *   input   float [N, c, H, W], with `raw`: the net's own input, normalised
 *   logits  float [N, classes]
 *
 * Batch-norms are folded into weights and biases:
 *
 *   s = gamma / sqrt(var + eps),  w' = s*w,  b' = beta - s*mean
 *
 * A file counts only once it was read back by the reader below, which shares
 * nothing with the writer but the format, and recomputed. */

#include "search/supernet.h"

/* A text of the file's metadata. */
struct sn_onnx_meta {
    const char *key, *value;
};

/* What is written; everything is borrowed. */
struct sn_onnx_net {
    const struct sn_arch *arch;
    const struct sn_supernet *net; /* that stands alone: of the arch's space */
    int h, w; /* of a picture; centred on zeros where the input is larger */
    const float *mean, *deviation; /* [c] of pixels / 255 */
    bool raw;
    const char *version;             /* of the program */
    const struct sn_onnx_meta *meta; /* [metas] */
    int metas;
};

/* Pictures and what the net makes of them. */
struct sn_onnx_proof {
    int n;
    const void *x;       /* [n] one after the other, as the file's input */
    const float *logits; /* [n, classes] */
};

/* Writes the file `path`, whole or not at all, after it gave the logits of the
 * proof to within 1e-4; where the largest of them is beyond 32, to within
 * 1e-4 / 32 of that.  *worst is the largest difference.  SN_ERR_OUTPUT,
 * SN_ERR_MEMORY; SN_ERR_NUMERIC when the file computes something else. */
sn_status sn_onnx_write(const char *path, const struct sn_onnx_net *net,
                        const struct sn_onnx_proof *proof, double *worst,
                        struct sn_error *err);

/* What a user should know of the file of such a net; NULL: nothing. */
const char *sn_onnx_note(const struct sn_arch *arch);

/* ---- reading ---- */

/* A file that was read: models as sn_onnx_write makes them, no more. */
struct sn_onnx;

/* Reads the file and checks all of it: messages, versions, names, types,
 * shapes.  *m is owned by the caller.  SN_ERR_INPUT naming file and node,
 * SN_ERR_MEMORY. */
sn_status sn_onnx_open(struct sn_onnx **m, const char *path,
                       struct sn_error *err);

/* Values of the input (of one picture), and of the output. */
size_t sn_onnx_inputs(const struct sn_onnx *m);
int sn_onnx_classes(const struct sn_onnx *m);

/* Whether the input is bytes; else it is floats. */
bool sn_onnx_takes_bytes(const struct sn_onnx *m);

/* A text of the metadata, borrowed; NULL when there is none. */
const char *sn_onnx_text(const struct sn_onnx *m, const char *key);

/* Computes the logits of one picture by plain loops, sums in double.
 *
 *   x       [inputs] read: bytes or floats
 *   logits  [classes] overwritten */
void sn_onnx_run(struct sn_onnx *m, const void *x, float *logits);

/* Takes NULL as well. */
void sn_onnx_close(struct sn_onnx *m);

#endif
