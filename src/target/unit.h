#ifndef SN_TARGET_UNIT_H
#define SN_TARGET_UNIT_H

/* The unit: what one row of an operator CSV measured.  An operator, or a whole
 * block that a device runs as one.
 *
 * Where struct sn_operator has what an accelerator of ours can run, a unit has
 * what the tables of other people hold (DESIGN 8).  Every unit is a short list
 * of *parts*, each one pass over its tensors; what is fitted to a device is
 * what its parts cost. */

#include <stdbool.h>
#include <stddef.h>

#include "target/operator.h"

typedef enum {
    SN_UNIT_CONV,
    SN_UNIT_DWCONV,
    SN_UNIT_IBN,
    SN_UNIT_FUSED,  /* fused_ibn */
    SN_UNIT_SKIP,   /* identity, or a 1x1 convolution where the shape changes */
    SN_UNIT_GAP,    /* global average pool */
    SN_UNIT_GAP_FC, /* that, and a linear layer */
    SN_UNIT_FC,
    SN_UNIT_ADD,
    SN_UNIT_MAXPOOL,
    SN_UNIT_AVGPOOL,
    SN_UNIT_RESIZE, /* to twice the side, bilinear */
    SN_UNIT_OPS
} sn_unit_op;

typedef enum {
    SN_UNIT_LINEAR, /* no activation, or none that is known */
    SN_UNIT_RELU,
    SN_UNIT_RELU6,
    SN_UNIT_HSWISH,
    SN_UNIT_SWISH,
    SN_UNIT_ACTS
} sn_unit_act;

struct sn_unit {
    sn_unit_op op;
    int cin, cout, h, w; /* of the input */
    int k, stride;
    int groups; /* of a conv; of both 1x1 convolutions of a block */
    int mid;    /* expanded channels of a block, else 0 */
    int se;     /* squeezed channels; 1: some; 0: no squeeze-and-excite */
    int batch;
    sn_unit_act act;
    bool skip;    /* a residual is added */
    bool expands; /* an IBN has its first 1x1 convolution */
    bool in_dram, out_dram;
};

enum { SN_UNIT_EXTENT_MAX = 1 << 20 }; /* of channels and sides */

/* `ibn`, `fused_ibn`, ...: the words of CSV files. */
const char *sn_unit_op_name(sn_unit_op op);
const char *sn_unit_act_name(sn_unit_act act);

/* The unit that a word means; -1 when it is none. */
int sn_unit_op_find(const char *word);
int sn_unit_act_find(const char *word);

/* Units of what this program builds. */
struct sn_unit sn_unit_of_operator(const struct sn_operator *op);
struct sn_unit sn_unit_of_block(const struct sn_block_shape *b, sn_unit_act a);

/* ---- parts ---- */

typedef enum {
    SN_PART_CONV,   /* dense, grouped, or a linear layer on one pixel */
    SN_PART_DWCONV, /* one filter per channel */
    SN_PART_VECTOR, /* element by element: add, scale, pool, resize */
    SN_PART_KINDS
} sn_part_kind;

struct sn_part {
    sn_part_kind kind;
    int cin, cout; /* of one group */
    int groups;    /* 1 but for grouped convolutions */
    int kernel, stride;
    int taps;       /* kernel * kernel */
    double pixels;  /* of the output, all images of the batch */
    double in_rows; /* lines of the input, all images */
    double work;    /* VECTOR: values touched */
    double in, out; /* values read and written */
    double weights; /* values, without biases */
    bool in_dram, out_dram;
    bool squeezes; /* belongs to a squeeze-and-excite */
};

enum { SN_UNIT_MAX_PARTS = 12 };

/* The parts in order of execution; returns how many.  Tensors between the
 * parts of a block are taken to stay on chip. */
int sn_unit_parts(const struct sn_unit *u,
                  struct sn_part part[SN_UNIT_MAX_PARTS]);

/* Multiply-adds of a part. */
double sn_part_macs(const struct sn_part *p);

#endif
