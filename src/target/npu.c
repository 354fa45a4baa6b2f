/* The cycle model of METHOD-NPU 3, formula by formula.
 *
 * Notation there and here: M arithmetic, V element-wise work, W weight bytes,
 * I and O bytes of input and output, Q on-chip and D DRAM traffic, S on-chip
 * bytes.  Activations of convolutions ride on the output path: V = 0. */

#include "target/npu.h"

#include <math.h>

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

double sn_npu_tensor_bytes(const struct sn_npu *npu, int h, int w, int c)
{
    return npu->value_bytes * (double)((int64_t)h * w * c);
}

double sn_npu_output_bytes(const struct sn_npu *npu,
                           const struct sn_operator *op)
{
    return npu->value_bytes * (double)(sn_operator_pixels(op) * op->cout);
}

/* M of a convolution or, on one pixel, a linear layer: the array takes
 * in_lanes x out_lanes channels of pixel_lanes pixels for one tap a cycle. */
static double conv_cycles(const struct sn_npu *npu,
                          const struct sn_operator *op)
{
    const int64_t taps = (int64_t)op->k * op->k;
    const bool packed = npu->pack_input && op->cin < npu->in_lanes;
    const int64_t depth = packed ? divide_up(taps * op->cin, npu->in_lanes)
                                 : taps * divide_up(op->cin, npu->in_lanes);
    return npu->slowdown *
           (double)divide_up(sn_operator_pixels(op), npu->pixel_lanes) *
           (double)divide_up(op->cout, npu->out_lanes) * (double)depth;
}

static double dwconv_cycles(const struct sn_npu *npu,
                            const struct sn_operator *op)
{
    return npu->slowdown *
           (double)divide_up(sn_operator_pixels(op), npu->pixel_lanes) *
           (double)divide_up(op->cin, npu->dw_lanes) *
           (double)divide_up((int64_t)op->k * op->k, npu->dw_taps);
}

/* M + V. */
static double arithmetic(const struct sn_npu *npu, const struct sn_operator *op)
{
    switch (op->kind) {
    case SN_OPERATOR_CONV:
    case SN_OPERATOR_FC:
        return conv_cycles(npu, op);
    case SN_OPERATOR_DWCONV:
        return dwconv_cycles(npu, op);
    case SN_OPERATOR_ADD:
    case SN_OPERATOR_GAP:
        break;
    }
    return (double)divide_up((int64_t)op->h * op->w * op->cin,
                             npu->vector_lanes);
}

/* W: weights, and 8 bytes of bias and scale per output channel. */
static double weight_traffic(const struct sn_npu *npu,
                             const struct sn_operator *op)
{
    const double params = sn_operator_params(op);
    if (params == 0.0)
        return 0.0;
    return npu->weight_compression * npu->weight_bytes * (params - op->cout) +
           8.0 * op->cout;
}

/* Share of the input that is read again because a window crosses tiles; a
 * resident input is one tile. */
static double halo(const struct sn_npu *npu, const struct sn_operator *op)
{
    if (!op->in_dram || op->k <= op->stride)
        return 0.0;
    const double row = sn_npu_tensor_bytes(npu, 1, op->w, op->cin);
    const double rows = fmax(1.0, floor(npu->on_chip.value / 2.0 / row));
    return (op->k - op->stride) / rows;
}

struct traffic {
    double on_chip, dram; /* bytes: Q, D */
};

static struct traffic traffic(const struct sn_npu *npu,
                              const struct sn_operator *op)
{
    const double half = npu->on_chip.value / 2.0;
    const int inputs = op->kind == SN_OPERATOR_ADD ? 2 : 1;
    const double in = inputs * sn_npu_tensor_bytes(npu, op->h, op->w, op->cin);
    const double out = sn_npu_output_bytes(npu, op);
    const double w = weight_traffic(npu, op);
    /* weights that do not stay beside the tiles come once for each of them */
    const double times = w > half ? ceil((in + out) / half) : 1.0;
    return (struct traffic){.on_chip = in * (1.0 + halo(npu, op)) + out + w,
                            .dram = w * times + (op->in_dram ? in : 0.0) +
                                    (op->out_dram ? out : 0.0)};
}

double sn_npu_cycles(const struct sn_npu *npu, const struct sn_operator *op)
{
    const struct traffic t = traffic(npu, op);
    const double busy =
        fmax(arithmetic(npu, op), fmax(t.on_chip / npu->on_chip_bandwidth,
                                       t.dram / npu->dram_bandwidth));
    return busy + npu->launch;
}

void sn_npu_cost(struct sn_cost *cost, const struct sn_npu *npu,
                 const struct sn_operator *op)
{
    const double in = sn_npu_tensor_bytes(npu, op->h, op->w, op->cin);
    const double out = sn_npu_output_bytes(npu, op);
    const double params = sn_operator_params(op);
    *cost =
        (struct sn_cost){.seconds = sn_npu_cycles(npu, op) / npu->clock.value,
                         .macs = sn_operator_macs(op),
                         .params = params,
                         .weights = npu->weight_bytes * params,
                         .activations = in + out};
}

/* ---- the description ---- */

#define FIELD(name) offsetof(struct sn_npu, name)

static const struct sn_option rows[] = {
    {.key = "name",
     .type = SN_OPT_TEXT,
     .offset = FIELD(name),
     .min = 1,
     .unit = "",
     .help = "what the device is called in reports"},
    {.key = "clock",
     .type = SN_OPT_FREQUENCY,
     .offset = FIELD(clock),
     .min = 1e3,
     .max = 1e11,
     .unit = "Hz",
     .help = "cycles a second"},
    {.key = "in_lanes",
     .type = SN_OPT_INT,
     .offset = FIELD(in_lanes),
     .min = 1,
     .max = 4096,
     .unit = "channels",
     .help = "input channels multiplied a cycle"},
    {.key = "out_lanes",
     .type = SN_OPT_INT,
     .offset = FIELD(out_lanes),
     .min = 1,
     .max = 4096,
     .unit = "channels",
     .help = "output channels computed a cycle: the parallelism factor P"},
    {.key = "pixel_lanes",
     .type = SN_OPT_INT,
     .offset = FIELD(pixel_lanes),
     .min = 1,
     .max = 4096,
     .unit = "pixels",
     .help = "output pixels computed a cycle"},
    {.key = "dw_lanes",
     .type = SN_OPT_INT,
     .offset = FIELD(dw_lanes),
     .min = 1,
     .max = 4096,
     .unit = "channels",
     .help = "channels of a depthwise convolution a cycle"},
    {.key = "dw_taps",
     .type = SN_OPT_INT,
     .offset = FIELD(dw_taps),
     .min = 1,
     .max = 4096,
     .unit = "taps",
     .help = "taps of a depthwise convolution a cycle"},
    {.key = "vector_lanes",
     .type = SN_OPT_INT,
     .offset = FIELD(vector_lanes),
     .min = 1,
     .max = 4096,
     .unit = "values",
     .help = "element-wise results a cycle (adds, pooling)"},
    {.key = "pack_input",
     .type = SN_OPT_BOOL,
     .offset = FIELD(pack_input),
     .min = 1,
     .unit = "",
     .help = "whether taps fill the lanes that few input channels leave free"},
    {.key = "on_chip",
     .type = SN_OPT_SIZE,
     .offset = FIELD(on_chip),
     .min = 1024,
     .max = 1099511627776, /* 1 TiB */
     .unit = "bytes",
     .help = "memory beside the array; what does not fit spills to DRAM"},
    {.key = "on_chip_bandwidth",
     .type = SN_OPT_REAL,
     .offset = FIELD(on_chip_bandwidth),
     .min = 1e-3,
     .max = 1e6,
     .unit = "bytes a cycle",
     .help = "of the memory beside the array"},
    {.key = "dram_bandwidth",
     .type = SN_OPT_REAL,
     .offset = FIELD(dram_bandwidth),
     .min = 1e-3,
     .max = 1e6,
     .unit = "bytes a cycle",
     .help = "of the memory outside the chip, where weights always lie"},
    {.key = "launch",
     .type = SN_OPT_REAL,
     .offset = FIELD(launch),
     .min = 0,
     .max = 1e9,
     .unit = "cycles",
     .help = "to start an operator"},
    {.key = "weight_bytes",
     .type = SN_OPT_REAL,
     .offset = FIELD(weight_bytes),
     .min = 0.125,
     .max = 8,
     .unit = "bytes",
     .help = "of a weight: 1 for int8, 0.5 for 4 bits"},
    {.key = "value_bytes",
     .type = SN_OPT_REAL,
     .offset = FIELD(value_bytes),
     .min = 0.125,
     .max = 8,
     .unit = "bytes",
     .help = "of an activation"},
    {.key = "slowdown",
     .type = SN_OPT_REAL,
     .offset = FIELD(slowdown),
     .min = 1,
     .max = 1024,
     .unit = "",
     .help = "of the array in this precision: 1 for int8, 2 for 16 bits"},
    {.key = "weight_compression",
     .type = SN_OPT_REAL,
     .offset = FIELD(weight_compression),
     .min = 0.01,
     .max = 1,
     .unit = "",
     .help = "share of the weight bytes that is moved; 1: stored plainly"},
};

const struct sn_option_table sn_npu_options = {
    .section = "npu",
    .help = "an accelerator described by numbers",
    .rows = rows,
    .count = sizeof rows / sizeof *rows};
