#ifndef SN_SEARCH_SUPERNET_H
#define SN_SEARCH_SUPERNET_H

/* One set of shared weights, and the graphs that run on it.
 *
 * Per block and op the weights are stored at their largest size; an arch's
 * layer is a view of the leading channels and the centre taps (METHOD 1.4);
 * widths are those of the space's largest frame, and of a narrower one the
 * leading channels.
 * A net that stands alone is the supernet of a space that offers just that net
 * (sn_arch_space), so there is one builder for all.
 *
 * Two kinds of graph:
 *   arch   one subnet, no gates;
 *   gated  all ops of every block at full expansion, mixed by soft gates that
 *          stand where no batch-norm can cancel them (METHOD 1.8): expansion
 *          gates as a mask on the rows of P, op and depth gates on outputs. */

#include "nn/graph.h"
#include "search/arch.h"

/* What belongs to one op of one block; indices into the params. */
struct sn_op_ids {
    int expand, depth, dense, project; /* -1: the op has none */
    struct sn_bn_ids bn[3]; /* of expand, depth, project; dense, -, project;
                             * of a conv block: dense */
    int cin, mid, k;        /* the largest */
    size_t mask;            /* first of its `mid` values in the mask arrays */
};

struct sn_supernet {
    struct sn_space space; /* settled on its largest frame */
    struct sn_decisions decisions;
    struct sn_params params;
    int stem, head, linear, bias; /* params; head -1: absent */
    struct sn_bn_ids stem_bn, head_bn;
    struct sn_op_ids block[SN_MAX_STAGES][SN_MAX_DEPTH][SN_OP_COUNT];
    sn_real *coef; /* [decisions.total] gates as layers read them, owned */
    double *dcoef; /* [decisions.total] of op and depth gates, owned */
    sn_real *mask; /* [masks] owned */
    double *dmask; /* [masks] owned */
    size_t masks;
};

/* Takes the weights of a space and draws them from `seed`; the space is copied.
 * SN_ERR_MEMORY; nothing is held then. */
sn_status sn_supernet_init(struct sn_supernet *sn, const struct sn_space *space,
                           uint64_t seed, struct sn_error *err);
void sn_supernet_release(struct sn_supernet *sn);

/* Empties *g and lists the layers of one arch of the space, from input to
 * loss, for batches of n.  The layers borrow sn's weights.  Plan the graph
 * afterwards. */
void sn_supernet_build_arch(struct sn_supernet *sn, struct sn_graph *g,
                            const struct sn_arch *arch, int n,
                            double smoothing);

/* The same for the gated net.  The space must offer one kernel per op. */
void sn_supernet_build_gated(struct sn_supernet *sn, struct sn_graph *g, int n,
                             double smoothing);

/* The net whose training stores most: in every block the option with the widest
 * kept tensors. */
void sn_supernet_hungriest(struct sn_arch *arch, const struct sn_space *space);

/* A run of values that an arch reads in the flat arrays. */
struct sn_run {
    int param;
    size_t first, count;
};

/* All of them, param by param, none twice.  run may be NULL: counts them. */
int sn_supernet_runs(const struct sn_supernet *sn, const struct sn_arch *arch,
                     struct sn_run *run);

/* Gates of the next forward; gate [decisions.total]. */
void sn_supernet_set_gates(struct sn_supernet *sn, const double *gate);

/* dCE/dgate after a backward of the gated graph; dgate [decisions.total]
 * overwritten, 0 for decisions of one option. */
void sn_supernet_gate_grads(const struct sn_supernet *sn, double *dgate);

/* Copies from `from` the weights that the smaller net `to` shares with it, by
 * name: leading rows and columns, centre taps.  Momenta and statistics of `to`
 * are cleared.  Every arch of to's space must lie in that of `from`
 * (sn_arch_in_space). */
void sn_supernet_inherit(struct sn_supernet *to,
                         const struct sn_supernet *from);

#endif
