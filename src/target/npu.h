#ifndef SN_TARGET_NPU_H
#define SN_TARGET_NPU_H

/* An accelerator described by a few numbers, and the cycles an operator takes
 * on it (METHOD-NPU 3).
 *
 * The array multiplies in_lanes x out_lanes channels of pixel_lanes pixels a
 * cycle, and on depthwise convolutions, which leave most of it idle, dw_lanes
 * channels of dw_taps taps.  An operator takes the longest of its arithmetic,
 * its on-chip traffic and its DRAM traffic, plus a launch; lanes that a shape
 * does not fill are paid all the same, which makes cost a staircase in the
 * number of channels. */

#include "base/option.h"
#include "target/operator.h"

struct sn_npu {
    char name[SN_TEXT_MAX];
    struct sn_quantity clock; /* Hz */
    int in_lanes, out_lanes;  /* channels a cycle, input and output */
    int pixel_lanes;          /* output pixels a cycle */
    int dw_lanes, dw_taps;    /* depthwise: channels and taps a cycle */
    int vector_lanes;         /* element-wise results a cycle */
    bool pack_input; /* taps fill the lanes that few input channels leave */
    struct sn_quantity on_chip; /* bytes of memory beside the array */
    double on_chip_bandwidth, dram_bandwidth; /* bytes a cycle */
    double launch;                            /* cycles to start an operator */
    double weight_bytes, value_bytes;         /* of a weight, an activation */
    double slowdown;           /* of the array in this precision, >= 1 */
    double weight_compression; /* share of the weight bytes that is moved */
};

/* Section [npu] of a description; every key is required. */
extern const struct sn_option_table sn_npu_options;

/* Bytes of a tensor of h x w pixels and c channels. */
double sn_npu_tensor_bytes(const struct sn_npu *npu, int h, int w, int c);

/* Bytes of an operator's output. */
double sn_npu_output_bytes(const struct sn_npu *npu,
                           const struct sn_operator *op);

/* Cycles of an operator, its launch included. */
double sn_npu_cycles(const struct sn_npu *npu, const struct sn_operator *op);

/* The operator's own cost.  Its live tensors are input and output, an add
 * writes over its first input; what a block keeps alive beside them is the
 * caller's to add. */
void sn_npu_cost(struct sn_cost *cost, const struct sn_npu *npu,
                 const struct sn_operator *op);

#endif
