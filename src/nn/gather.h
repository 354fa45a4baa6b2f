#ifndef SN_NN_GATHER_H
#define SN_NN_GATHER_H

/* The weight gradient of a 1x1 convolution with many weights and few pixels, as
 * late layers have.
 *
 * A slot for each unit would then be more to write and to join than what it is
 * made of.  So the units of backward leave x and dy as they loaded them, and
 * one product over all pixels follows, blocks of the gradient side by side: no
 * sum is over units, and weights are walked over once.
 *
 * In the place of the slots lie
 *
 *   sum [cin, cout]; x [terms, apart(cin)]; dy [terms, apart(cout)]
 *
 * a term being a pixel, or with pairs a word of two of them; a unit with an odd
 * number of pixels then ends with half a pair. */

#include "nn/stage_kinds.h"

/* Whether it is less to walk over than slots are; by shapes alone. */
bool sn_gather_pays(const struct sn_stage *s);

/* Room for sum, x and dy, in values of sn_real. */
size_t sn_gather_values(const struct sn_stage *s);

/* Where the values of x and dy go, from `pixel` on, which is unit u's: in pairs
 * an even number of pixels into it. */
struct sn_rows sn_gather_x(const struct sn_stage *s, int u, ptrdiff_t pixel);
struct sn_rows sn_gather_dy(const struct sn_stage *s, int u, ptrdiff_t pixel);

/* Overwrites sum, which is the slot of unit 0, with x^T dy; in parallel. */
void sn_gather_multiply(const struct sn_stage *s, const struct sn_kernels *k);

#endif
