#ifndef SN_BENCH_NETS_H
#define SN_BENCH_NETS_H

/* The nets that whole steps are measured on.  Rows of the layout are expansion,
 * width, depth and stride of a stage:
 *
 *   A   CIFAR MobileNetV2 x1.0 at 32 px
 *   B   A with its first three stages fused, expansion 4
 *   C   A's layout as a supernet, every block one of IBN e3, e6 x k3, k5 or
 *       fused e4 k3; each step trains one subnet, drawn uniformly
 *   D   A at 96 px, stem and first stages striding more
 *
 * and any other from the text form of an arch.  bench/peers/torch_step.py has
 * A to D once more: change the two together. */

#include "search/arch.h"

/* Net 'A' to 'D'; of C the layout, before a subnet is drawn. */
void sn_net_arch(struct sn_arch *arch, char net);

/* What the net is trained in: the offers of C, else the arch alone. */
void sn_net_space(struct sn_space *space, const struct sn_arch *arch, char net);

/* Draws C's subnet of a step: any of them is as likely as any other. */
void sn_net_draw(struct sn_arch *arch, int step);

/* Reads an arch file.  SN_ERR_INPUT, SN_ERR_CONFIG, SN_ERR_MEMORY. */
sn_status sn_net_read(struct sn_arch *arch, const char *path,
                      struct sn_error *err);

/* The work of training on one image, all convolutions and the linear layer:
 *
 *   flop   two for a multiply-add, of three passes (the stem's has no
 *          backward-data)
 *   bytes  what a step must move when wide tensors are stored and nothing
 *          stays in cache: forward reads x and writes y, backward reads x, y
 *          and dL/dz, and writes dL/dx; f32 */
struct sn_net_work {
    double flop, bytes;
};
struct sn_net_work sn_net_work_of(const struct sn_arch *arch);

#endif
