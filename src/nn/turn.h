#ifndef SN_NN_TURN_H
#define SN_NN_TURN_H

/* The weight of a full convolution as the gradient of its input reads it.
 *
 * dL/dx of a convolution is a convolution of dL/dy.  Input pixels of one phase
 * (their position modulo the stride, along rows and columns) see a fixed subset
 * of the taps, and one input pixel further along a phase is one output pixel
 * further: stride 1, the subset backwards, input and output channels swapped.
 * With stride 1 there is one phase with all taps; a 1x1 is a transpose.
 *
 *   turned   [k*k*cout, ld]  phase after phase, of a phase tap after tap
 *            backwards, of a tap row in = W[tap, :, in]; ld = cin rounded up */

#include "nn/stage.h"

/* The taps of a phase along one direction. */
struct sn_phase {
    int first; /* the first tap */
    int taps;  /* count; they are `stride` apart */
    int back;  /* phase + stride*t meets outputs from t + back on, taps of them,
                * backwards in taps */
};

struct sn_phase sn_phase_of(int phase, const struct sn_stage *s, int pad);

/* Values between rows, and of the whole. */
int sn_turned_ld(const struct sn_stage *s);
size_t sn_turned_values(const struct sn_stage *s);

/* Fills s->turned from s->weight, or from s->masked where there is a mask; in
 * parallel.  With s->pairs its rows are words of two of the cout, the last of
 * an odd number with 0. */
void sn_turn(const struct sn_stage *s, const struct sn_kernels *k);

/* The weight as products of pairs read it in forward:
 *
 *   packed  [(k*k*cin + 1) / 2, out->ld] words of two rows
 *
 * or without s->pairs its values, [k*k*cin, out->ld].  Fills s->packed from the
 * same, in parallel. */
void sn_pack(const struct sn_stage *s, const struct sn_kernels *k);

/* The part of phase (ph, pw). */
const void *sn_turned_at(const struct sn_stage *s, int ph, int pw);

#endif
