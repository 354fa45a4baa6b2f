/* Nets scored by their first passes; see zero_shot.h. */

#include "train/zero_shot.h"

#include <math.h>
#include <stdlib.h>

#include "search/proxy.h"

sn_status sn_scorer_init(struct sn_scorer *s, struct sn_loader *loader,
                         const struct sn_kernels *k, int threads, uint64_t seed,
                         struct sn_error *err)
{
    *s = (struct sn_scorer){.loader = loader, .seed = seed};
    SN_CHECK(sn_loader_batches(loader) >= SN_ZERO_SHOT_BATCHES);
    SN_TRY(sn_graph_init(&s->graph, k, threads, err));
    s->space = malloc(sizeof *s->space);
    s->labels = malloc((size_t)loader->batch * sizeof *s->labels);
    if (s->space && s->labels)
        return SN_OK;
    sn_scorer_release(s);
    return sn_fail(err, SN_ERR_MEMORY, "no memory to score nets");
}

void sn_scorer_release(struct sn_scorer *s)
{
    sn_graph_release(&s->graph);
    free(s->space);
    free(s->labels);
    s->space = NULL;
    s->labels = NULL;
}

/* Forward and backward on batch ib of weights as they were drawn. */
static sn_status pass(struct sn_scorer *s, struct sn_supernet *net, int ib,
                      struct sn_error *err)
{
    struct sn_loss *loss = sn_graph_last(&s->graph);
    s->loader->size = sn_graph_first(&s->graph)->h;
    const int got = sn_loader_batch(s->loader, 0, ib,
                                    sn_graph_first(&s->graph)->y, s->labels);
    SN_CHECK(got == s->graph.batch);
    SN_TRY(sn_loader_status(s->loader, err));
    loss->labels = s->labels;
    loss->share = 1.0;
    sn_params_zero_grad(&net->params);
    sn_graph_fwd(&s->graph, SN_MODE_TRAIN);
    return SN_OK;
}

static sn_status score(struct sn_scorer *s, struct sn_supernet *net,
                       struct sn_zico *zico, const struct sn_arch *arch,
                       struct sn_zero_shot *out, struct sn_error *err)
{
    sn_supernet_build_arch(net, &s->graph, arch, s->loader->batch, 0.0);
    SN_TRY(sn_graph_plan(&s->graph, true, err));
    for (int ib = 0; ib < SN_ZERO_SHOT_BATCHES; ib++) {
        SN_TRY(pass(s, net, ib, err));
        if (ib == 0)
            SN_TRY(sn_nwot(&out->nwot, &s->graph, err));
        sn_graph_bwd(&s->graph);
        sn_zico_add(zico, &net->params);
    }
    out->zico = sn_zico_score(zico, &net->params);
    if (!isfinite(out->zico))
        out->zico = -INFINITY;
    return SN_OK;
}

sn_status sn_scorer_score(struct sn_scorer *s, const struct sn_arch *arch,
                          struct sn_zero_shot *out, struct sn_error *err)
{
    struct sn_supernet *net = calloc(1, sizeof *net);
    struct sn_zico zico;
    if (!net)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net");
    sn_arch_space(s->space, arch);
    sn_status rc = sn_supernet_init(net, s->space, s->seed, err);
    if (rc == SN_OK) {
        rc = sn_zico_init(&zico, &net->params, err);
        if (rc == SN_OK) {
            rc = score(s, net, &zico, arch, out, err);
            sn_zico_release(&zico);
        }
        sn_supernet_release(net);
    }
    free(net);
    return rc;
}
