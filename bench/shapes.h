#ifndef SN_BENCH_SHAPES_H
#define SN_BENCH_SHAPES_H

/* The convolutions that are measured one by one: rows of shapes.csv. */

#include <stdbool.h>

#include "base/status.h"

enum { SN_SHAPE_NAME = 32 };

/* Pad (k - 1) / 2, no bias. */
struct sn_shape {
    char name[SN_SHAPE_NAME];
    int n, cin, h, w, cout, k, stride, groups; /* groups: 1, or all channels */
};

typedef enum {
    SN_SHAPE_DENSE,
    SN_SHAPE_POINT, /* 1x1 */
    SN_SHAPE_DEPTH,
    SN_SHAPE_CLASSES
} sn_shape_class;

typedef enum {
    SN_CONV_FWD,
    SN_CONV_BWD_DATA,
    SN_CONV_BWD_WEIGHT,
    SN_CONV_PASSES
} sn_conv_pass;

extern const char *const sn_shape_class_name[SN_SHAPE_CLASSES];
extern const char *const sn_conv_pass_name[SN_CONV_PASSES];

/* Reads a file of shapes; *shapes is the caller's to free.  SN_ERR_INPUT with
 * file and line, SN_ERR_MEMORY. */
sn_status sn_shapes_read(struct sn_shape **shapes, int *count, const char *path,
                         struct sn_error *err);

/* Reads a list like `fwd,bwd_data`; false when a word is none of them. */
bool sn_conv_passes_read(bool passes[SN_CONV_PASSES], const char *list);

/* Whether `list` (NULL: everything), names with commas between, has `name`. */
bool sn_shape_listed(const char *list, const char *name);

sn_shape_class sn_shape_class_of(const struct sn_shape *s);
int sn_shape_oh(const struct sn_shape *s);
int sn_shape_ow(const struct sn_shape *s);

/* Of any of its passes: two for a multiply-add, those on padding included, as
 * everybody counts. */
double sn_shape_flop(const struct sn_shape *s);

/* Bytes a pass cannot help moving: it reads its two operands and writes its
 * result, f32.  `fused`: a backward pass also reads the raw output of the
 * layer, for its batch-norm, and backward-data the raw input, for its
 * activation. */
double sn_shape_bytes(const struct sn_shape *s, sn_conv_pass pass, bool fused);

#endif
