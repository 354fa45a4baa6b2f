/* Nets judged by a supernet's weights; see judge.h. */

#include "job/judge.h"

#include <stdlib.h>

#include "job/weights.h"

enum { CALIBRATE_SEARCH = 2000 }; /* images, DESIGN 8 */

static sn_status open_loaders(struct sn_judge *j,
                              const struct sn_judge_setup *s,
                              struct sn_error *err)
{
    const struct sn_job_config *c = s->config;
    const int group = sn_job_group(c, c->search.batch);
    const int step = sn_graph_first(&j->graph)->ld;
    SN_TRY(sn_loader_init(&j->plain, s->data, &s->data->train, s->split->full,
                          s->split->n_full, group, c->data.size, step, NULL, 0,
                          0, err));
    return sn_loader_init(&j->val, s->data, &s->data->train, s->split->val,
                          s->split->n_val, group, c->data.size, step, NULL, 0,
                          0, err);
}

sn_status sn_judge_open(struct sn_judge *j, const struct sn_judge_setup *s,
                        struct sn_error *err)
{
    const struct sn_job_config *c = s->config;
    const int group = sn_job_group(c, c->search.batch);
    struct sn_arch largest;
    *j = (struct sn_judge){0};
    SN_TRY(sn_supernet_init(&j->net, &s->plan->space, c->run.seed, err));
    SN_TRY(sn_supernet_load(s->dir, &j->net, err));
    SN_TRY(sn_graph_init(&j->graph, s->kernels, s->threads, err));
    j->graph.cap = sn_job_plan_cap(s->plan, j->net.params.arena.size);
    sn_supernet_hungriest(&largest, &s->plan->space);
    sn_supernet_build_arch(&j->net, &j->graph, &largest, group, 0.0);
    SN_TRY(sn_graph_plan(&j->graph, false, err));
    j->labels = malloc((size_t)group * sizeof *j->labels);
    if (!j->labels)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for %d labels", group);
    return open_loaders(j, s, err);
}

void sn_judge_close(struct sn_judge *j)
{
    free(j->labels);
    sn_loader_release(&j->plain);
    sn_loader_release(&j->val);
    sn_graph_release(&j->graph);
    sn_supernet_release(&j->net);
}

sn_status sn_judge_net(struct sn_judge *j, const struct sn_arch *arch,
                       struct sn_eval *e, struct sn_error *err)
{
    sn_supernet_build_arch(&j->net, &j->graph, arch, j->val.batch, 0.0);
    SN_TRY(sn_graph_plan(&j->graph, false, err));
    sn_calibrate(&j->net, &j->graph, &j->plain, CALIBRATE_SEARCH, j->labels);
    sn_evaluate(e, &j->graph, &j->val, j->labels, NULL);
    SN_TRY(sn_loader_status(&j->plain, err));
    return sn_loader_status(&j->val, err);
}
