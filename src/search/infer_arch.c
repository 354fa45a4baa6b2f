/* An arch in inference form: its list of layers lives for as long as it takes
 * to fold it. */

#include "search/infer_arch.h"

sn_status sn_infer_arch(struct sn_infer *f, struct sn_supernet *net,
                        const struct sn_arch *arch, const struct sn_kernels *k,
                        int n, int threads, struct sn_error *err)
{
    struct sn_graph graph;
    SN_TRY(sn_graph_init(&graph, k, 1, err));
    sn_supernet_build_arch(net, &graph, arch, n, 0);
    const sn_status rc = sn_infer_init(f, &graph, n, threads, err);
    sn_graph_release(&graph);
    return rc;
}
