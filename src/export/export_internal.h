#ifndef SN_EXPORT_INTERNAL_H
#define SN_EXPORT_INTERNAL_H

/* What the files of this room share: a model under construction, and a model
 * that was read. */

#include "export/onnx.h"
#include "export/onnx.pb-c.h"

enum {
    SN_ONNX_NAME = 80,
    SN_ONNX_DIMS = 4,
    SN_ONNX_INPUTS = 3,
    SN_ONNX_ATTRIBUTES = 4,
    SN_ONNX_INTS = 4,
    SN_ONNX_SIDE = 8192 /* most pixels along one direction, pads included */
};

/* ---- onnx_build.c: a model under construction ---- */

/* A node with all that hangs on it.  It computes one value of its own name. */
struct sn_onnx_node {
    Onnx__NodeProto m;
    char name[SN_ONNX_NAME];
    char *input[SN_ONNX_INPUTS], *output[1];
    Onnx__AttributeProto attribute[SN_ONNX_ATTRIBUTES];
    Onnx__AttributeProto *attributes[SN_ONNX_ATTRIBUTES];
    int64_t ints[SN_ONNX_ATTRIBUTES][SN_ONNX_INTS];
};

/* A constant. */
struct sn_onnx_constant {
    Onnx__TensorProto m;
    char name[SN_ONNX_NAME];
    int64_t dim[SN_ONNX_DIMS];
};

/* Nodes and constants lie in two arrays that are never moved, so messages may
 * point at each other. */
struct sn_onnx_build {
    struct sn_onnx_node *node;         /* [room] owned */
    struct sn_onnx_constant *constant; /* [room] owned */
    int nodes, constants, room;
    bool failed; /* memory ran out */
};

/* An empty model with room for so many nodes, and as many constants.
 * SN_ERR_MEMORY. */
sn_status sn_onnx_build_init(struct sn_onnx_build *b, int room,
                             struct sn_error *err);
void sn_onnx_build_release(struct sn_onnx_build *b);

/* Adds a node that computes `name` by `op` from the value `x`.  `op` is
 * borrowed, as are x and the values that sn_onnx_reads() adds. */
struct sn_onnx_node *sn_onnx_add(struct sn_onnx_build *b, const char *op,
                                 const char *name, const char *x);
void sn_onnx_reads(struct sn_onnx_node *node, const char *x);
void sn_onnx_set_int(struct sn_onnx_node *node, const char *key, int value);
void sn_onnx_set_ints(struct sn_onnx_node *node, const char *key, int n,
                      const int *value);

/* Adds a constant of zeros, of floats or of int64.  The values are the caller's
 * to fill; NULL when memory ran out. */
float *sn_onnx_floats(struct sn_onnx_build *b, const char *name, int dims,
                      const int *dim);
int64_t *sn_onnx_integers(struct sn_onnx_build *b, const char *name, int n);

/* Name of the constant that was added last. */
const char *sn_onnx_last_constant(const struct sn_onnx_build *b);

/* The whole model as the bytes of a file; caller frees *bytes.
 * SN_ERR_MEMORY. */
sn_status sn_onnx_pack(struct sn_onnx_build *b, const struct sn_onnx_net *net,
                       uint8_t **bytes, size_t *count, struct sn_error *err);

/* ---- onnx_ops.c: a net as nodes ---- */

/* Names of the ends of the graph. */
#define SN_ONNX_LOGITS "logits"
const char *sn_onnx_input_name(bool raw);

/* Whether there is a row that writes blocks of this op. */
bool sn_onnx_has_op(sn_block_op op);

/* Nodes (or constants) that an arch needs at most. */
int sn_onnx_room(const struct sn_arch *arch);

/* Adds all nodes of the net, from the picture to the logits. */
void sn_onnx_add_net(struct sn_onnx_build *b, const struct sn_onnx_net *net);

/* ---- onnx_read.c, onnx_run.c: a model that was read ---- */

/* A named value; computed ones are floats. */
struct sn_onnx_value {
    const char *name; /* borrowed from the messages */
    int type;         /* a TensorProto.DataType */
    int dims;
    int dim[SN_ONNX_DIMS]; /* of one picture: the batch counts 1 */
    size_t count;          /* their product */
    const void *data;      /* of a constant, borrowed from the messages */
    float *computed;       /* of the others: in the model's block */
};

/* A node with its operands found and its attributes checked. */
struct sn_onnx_step {
    const struct sn_onnx_op *op;
    const Onnx__NodeProto *node; /* borrowed */
    const struct sn_onnx_value *in[SN_ONNX_INPUTS];
    struct sn_onnx_value *out;
    int stride, group, top, left; /* Conv, Pad */
};

struct sn_onnx {
    char *path; /* owned */
    Onnx__ModelProto *m;
    struct sn_onnx_value *value; /* owned: input, constants, results */
    int values;
    struct sn_onnx_step *step; /* owned */
    int steps;
    struct sn_onnx_value *input, *output;
    float *block; /* owned: the computed values of one picture */
};

/* What is known of an operator. */
struct sn_onnx_op {
    const char *name;
    int inputs;
    int opset; /* from which on it is there */
    /* Settles the step and the shape of its result; a fault is told by
     * sn_onnx_bad(). */
    sn_status (*plan)(struct sn_onnx *m, struct sn_onnx_step *s,
                      struct sn_error *err);
    void (*run)(const struct sn_onnx_step *s);
};

/* The operator of that name, NULL when we know none. */
const struct sn_onnx_op *sn_onnx_op(const char *name);

/* Fails with `FILE: node 'NAME' (OP): ` and the text.  SN_ERR_INPUT. */
sn_status sn_onnx_bad(const struct sn_onnx *m, const struct sn_onnx_step *s,
                      struct sn_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A text of a message, "" where it is absent. */
static inline const char *sn_onnx_string(const char *text)
{
    return text ? text : "";
}

#endif
