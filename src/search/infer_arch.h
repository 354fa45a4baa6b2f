#ifndef SN_SEARCH_INFER_ARCH_H
#define SN_SEARCH_INFER_ARCH_H

/* An arch of a supernet in inference form. */

#include "nn/infer.h"
#include "search/supernet.h"

/* For passes of n images on at most `threads` threads; borrows `k` and nothing
 * of `net`.  SN_ERR_MEMORY; nothing is held then. */
sn_status sn_infer_arch(struct sn_infer *f, struct sn_supernet *net,
                        const struct sn_arch *arch, const struct sn_kernels *k,
                        int n, int threads, struct sn_error *err);

#endif
