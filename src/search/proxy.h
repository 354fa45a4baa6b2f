#ifndef SN_SEARCH_PROXY_H
#define SN_SEARCH_PROXY_H

/* Zero-shot scores: what a net's first passes, before any training, say of how
 * well it will learn (METHOD 3.2).  Larger is better; only their order means
 * anything, and that little: they are trusted to reject the worst, and stand
 * beside parameters and multiply-adds, which are often no worse.
 *
 * NWOT (Mellor, Turner, Storkey and Crowley, "Neural Architecture Search
 * without Training", ICML 2021): every image of a batch has a binary code, bit
 * u telling whether unit u of some activation is on.  With N_A units and d_H
 * the Hamming distance,
 *
 *   K[i, j] = N_A - d_H(code_i, code_j),   score = ln det K
 *
 * ZiCo (Li, Yang, Bhardwaj and Marculescu, ICLR 2023): with g_w,b the gradient
 * of weight w on batch b, mean and deviation over the batches,
 *
 *   score = sum over layers l of ln( sum over w in l of mean|g_w| / std(g_w) )
 *
 * weights whose deviation is 0 left out, as are layers with nothing left. */

#include "nn/graph.h"

/* NWOT of the batch that went forward last: the list must be planned with
 * gradients, in SN_REAL and with every wide tensor kept (cap 0, bf16 false).
 * *score is -INFINITY where two images have one code.  SN_ERR_MEMORY. */
sn_status sn_nwot(double *score, const struct sn_graph *g,
                  struct sn_error *err);

/* Gradients of a net's weights, batch by batch. */
struct sn_zico {
    size_t total; /* values of the params */
    int batches;
    double *mean, *m2, *size; /* [total] owned: of g, its squared deviations,
                               * and |g| */
};

/* SN_ERR_MEMORY; nothing is held then. */
sn_status sn_zico_init(struct sn_zico *z, const struct sn_params *p,
                       struct sn_error *err);
void sn_zico_release(struct sn_zico *z);

/* Takes up the gradients of one batch, as a backward pass left them. */
void sn_zico_add(struct sn_zico *z, const struct sn_params *p);

/* After two batches at least. */
double sn_zico_score(const struct sn_zico *z, const struct sn_params *p);

#endif
