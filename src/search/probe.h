#ifndef SN_SEARCH_PROBE_H
#define SN_SEARCH_PROBE_H

/* Questions to a sampled subnet: would another option of a decision be better?
 *
 * An answer is the slope of the loss with respect to a gate u that leads from
 * the option that is active (u = 0) to one beside it (u = 1).  In the order of
 * METHOD 1.4, all with the batch statistics of the step:
 *
 *   e up      channels of the next expansion join in front of BN3:
 *             <dL/dy3, h2_group P_group>
 *   e down    those of the last expansion leave: -<P_group, dL/dP_group>
 *   k up      of an IBN, taps of the next kernel join in front of BN2:
 *             <dL/dy2, dw_ring(h1)>
 *   k down    of an IBN, the outer taps leave: -<d_ring, dL/dd_ring>
 *   op        <dL/dz3, y_other - y_active>, the other op at the size it has
 *             in `choice`; so also k of full convolutions, either way
 *   depth     <dL/dx, x_other - x_active>, x the output of the stage; blocks
 *             that join at the sizes they have in `choice`
 *
 * Those that go up, and op and depth, are run as branches of the backward pass
 * (nn/branch.h); `e down` and `k down` are read from the gradients of the
 * weights, before momentum and decay. */

#include "search/supernet.h"

struct sn_probe {
    int decision;
    int from, to; /* options: the active one, one beside it */
    double slope; /* dL/du at `from` */
};

/* and one for a frame */
enum { SN_MAX_PROBES = SN_MAX_STAGES * (2 + 3 * SN_MAX_DEPTH) + 1 };

/* Whether the subnet meets the decision: its block is there, its op chosen. */
bool sn_decision_met(const struct sn_space *space, const struct sn_decisions *d,
                     const int *choice, int id);

/* Empties *g and lists the layers of the arch of choice [count], as
 * sn_supernet_build_arch does, and a branch for each of the `n` probes that
 * needs one; a backward pass then leaves their slopes.  Each probe's decision
 * must be met, `from` be its choice, and `to` beside it. */
void sn_supernet_build_probed(struct sn_supernet *sn, struct sn_graph *g,
                              const int *choice, struct sn_probe *probe, int n,
                              int batch, double smoothing);

/* Lists what needs no less memory than any subnet with probes of one question
 * up a block does. */
void sn_supernet_build_most(struct sn_supernet *sn, struct sn_graph *g,
                            int batch, double smoothing);

/* Reads the slopes of `e down` and `k down` from the weight gradients that
 * backward passes of that subnet left; the other probes stay as they are. */
void sn_supernet_read_probes(const struct sn_supernet *sn, const int *choice,
                             struct sn_probe *probe, int n);

#endif
