#ifndef SN_NN_GRAPH_H
#define SN_NN_GRAPH_H

/* A net as a list of layers in the order they run: build, plan, run.
 *
 *   sn_graph_init     once, with the kernels
 *   sn_graph_reset    empties the list; the block of memory stays
 *   sn_graph_input, _conv, _ibn, ...   add layers, give their out tensors
 *   sn_graph_plan     settles memory; takes a larger block only if it must
 *   sn_graph_fwd, sn_graph_bwd         run; allocate nothing, cannot fail
 *
 * Rebuilding for another subnet in a block that is large enough allocates
 * nothing. */

#include "nn/branch.h"
#include "nn/layer.h"
#include "nn/profile.h"

/* The largest gated supernet (search/space.h) has 1046, the largest subnet with
 * every op of a block in a branch 1542. */
enum { SN_MAX_LAYERS = 1544, SN_MAX_BRANCHES = 800 };

struct sn_graph {
    const struct sn_kernels *k; /* borrowed */
    struct sn_layer *layer; /* [SN_MAX_LAYERS] owned; addresses are stable */
    int layers;
    struct sn_branch *branch; /* [SN_MAX_BRANCHES] owned */
    int branches;
    int aside;      /* layers of branches, behind the others in layer[] */
    bool in_branch; /* layers are added to one */
    struct sn_arena arena;
    struct sn_scratch *scratch; /* [threads] and more, owned */
    int threads;
    int batch;
    bool bf16;  /* training passes keep wide tensors in SN_BF16 */
    size_t cap; /* bytes a plan may take; 0: any */
    struct sn_profile *profile; /* borrowed, of training passes; or NULL */
};

/* `threads` scratch areas: no later pass may find OpenMP set to more threads.
 * SN_ERR_MEMORY; nothing is held then. */
sn_status sn_graph_init(struct sn_graph *g, const struct sn_kernels *k,
                        int threads, struct sn_error *err);
void sn_graph_release(struct sn_graph *g);

/* Starts a new list for batches of n images. */
void sn_graph_reset(struct sn_graph *g, int n);

/* Each adds a layer behind the ones there are and gives its out tensor, which
 * the graph owns.  `in` and the terms are out tensors of this graph; name and
 * spec are copied, what a spec points at is borrowed.  The input's y is filled
 * by the caller before every forward; the loss is the last layer. */
struct sn_tensor *sn_graph_input(struct sn_graph *g, int h, int w, int c);
struct sn_tensor *sn_graph_conv(struct sn_graph *g, const char *name,
                                struct sn_tensor *in,
                                const struct sn_conv_spec *spec);
struct sn_tensor *sn_graph_ibn(struct sn_graph *g, const char *name,
                               struct sn_tensor *in,
                               const struct sn_ibn_spec *spec);
struct sn_tensor *sn_graph_fused(struct sn_graph *g, const char *name,
                                 struct sn_tensor *in,
                                 const struct sn_fused_spec *spec);
struct sn_tensor *sn_graph_sum(struct sn_graph *g, const char *name,
                               const struct sn_term *terms, int n);
struct sn_tensor *sn_graph_pool(struct sn_graph *g, struct sn_tensor *in);
struct sn_tensor *sn_graph_linear(struct sn_graph *g, struct sn_tensor *in,
                                  int cout, struct sn_weight weight,
                                  struct sn_weight bias);
void sn_graph_loss(struct sn_graph *g, struct sn_tensor *in, double smoothing);

/* Layers that are added from now on are of a branch held against `at`, until it
 * is closed: `end` is then what stands at u = 1 (branch.h), a tensor of the
 * branch or of the net.  Branches come behind the loss; those of one tensor run
 * in the order they were opened. */
void sn_graph_branch(struct sn_graph *g, struct sn_tensor *at);
void sn_graph_branch_end(struct sn_graph *g, sn_branch_kind kind,
                         const struct sn_tensor *end, double *slope);

/* Bytes the list needs, gradients included when `backward`.  Keeps as many wide
 * tensors as fit under g->cap, those first that take longest to make again;
 * where none of them fits, blocks run their inner channels in parts (wide.h).
 * The result is above the cap when not even that is enough.  Takes nothing, but
 * unbinds a planned list: plan before running it. */
size_t sn_graph_bytes(struct sn_graph *g, bool backward);

/* Of the list as it was counted last: how many wide tensors its blocks have,
 * how many of them are kept, and how many blocks run in parts. */
struct sn_kept {
    int wide, kept, in_parts;
};
struct sn_kept sn_graph_kept(struct sn_graph *g);

/* Binds memory, counting first.  SN_ERR_MEMORY with the figures when the system
 * lacks it or the cap is too low; the list is then unbound. */
sn_status sn_graph_plan(struct sn_graph *g, bool backward,
                        struct sn_error *err);

/* The first layer, the input, and the last one, the loss, of a planned list. */
struct sn_tensor *sn_graph_first(struct sn_graph *g);
struct sn_loss *sn_graph_last(struct sn_graph *g);

void sn_graph_fwd(struct sn_graph *g, sn_mode mode);

/* After a forward in SN_MODE_TRAIN.  Adds weight gradients; zero them first.
 * Runs the branches. */
void sn_graph_bwd(struct sn_graph *g);

/* The same for the derivatives of masks and coefficients alone: gradients of
 * weights are not computed where they are not needed for these, and of no
 * meaning. */
void sn_graph_bwd_gates(struct sn_graph *g);

/* After a pass whose loss is not finite: the first layer whose output holds a
 * value that is not, and where: its index in the output [n, h, w, c].  NULL
 * when all are finite. */
const struct sn_layer *sn_graph_nonfinite(const struct sn_graph *g,
                                          ptrdiff_t *index);

#endif
