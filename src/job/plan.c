/* The plan of a job; see plan.h. */

#include "job/plan.h"

#include <stdio.h>

#include "base/os.h"
#include "base/text.h"
#include "nn/graph.h"
#include "search/supernet.h"

/* ---- costs ---- */

static double budget_seconds(const struct sn_quantity *q, double baseline)
{
    if (!q->set)
        return 0;
    return q->percent ? q->value * baseline : q->value;
}

/* Without a search: the arch file's net, or the baseline. */
static sn_status take_only(struct sn_job_plan *p, const struct sn_job_config *c,
                           struct sn_error *err)
{
    const struct sn_space *s = &p->space;
    p->only = c->has_arch ? c->arch : p->baseline;
    const struct sn_arch *a = &p->only;
    if (a->h != s->h || a->w != s->w || a->c != s->c ||
        a->classes != s->classes)
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: the net is for %dx%dx%d images of %d classes, the "
                       "data has %dx%dx%d of %d",
                       c->search.arch, a->h, a->w, a->c, a->classes, s->h, s->w,
                       s->c, s->classes);
    sn_arch_cost(&p->only_cost, a, &c->npu);
    return SN_OK;
}

sn_status sn_job_plan_costs(struct sn_job_plan *p,
                            const struct sn_job_config *c, int channels,
                            int classes, struct sn_error *err)
{
    p->searches = c->search.mode != SN_SEARCH_NONE;
    SN_TRY(sn_job_space(&p->space, c, channels, classes, err));
    sn_decisions_make(&p->decisions, &p->space);
    SN_TRY(sn_cost_table_make(&p->cost, &p->space, &c->npu, err));
    sn_arch_baseline(&p->baseline, &p->space);
    sn_arch_cost(&p->baseline_cost, &p->baseline, &c->npu);
    sn_cost_range(&p->cost, &p->space, &p->lowest, &p->highest);
    p->budget = budget_seconds(&c->budget.latency, p->baseline_cost.seconds);
    return take_only(p, c, err);
}

sn_status sn_job_plan_batches(const struct sn_job_config *c,
                              const struct sn_split *split,
                              struct sn_error *err)
{
    const bool searches = c->search.mode != SN_SEARCH_NONE;
    const struct {
        const char *section, *what;
        int batch, images;
    } part[] = {
        {"search", "for the weights", searches ? c->search.batch : 0,
         split->n_weights},
        {"search", "held out for the architecture",
         searches ? c->search.batch : 0, split->n_arch},
        {"train", "to train on", c->train.batch, split->n_full},
    };
    sn_status rc = SN_OK;
    if (err)
        err->text[0] = '\0';
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].batch > part[i].images)
            rc = sn_config_fault(c->source, err, part[i].section, "batch",
                                 "a batch of %d is more than the %d images %s",
                                 part[i].batch, part[i].images, part[i].what);
    return rc;
}

sn_status sn_job_plan_feasible(const struct sn_job_plan *p,
                               struct sn_error *err)
{
    char low[SN_QUANTITY_TEXT], high[SN_QUANTITY_TEXT];
    char budget[SN_QUANTITY_TEXT];
    if (!p->searches || p->budget <= 0 || p->budget >= p->lowest)
        return SN_OK;
    return sn_fail(
        err, SN_ERR_INFEASIBLE,
        "[budget] latency: no net of this space meets %s; attainable are %s "
        "to %s (%.1f %% to %.1f %% of the baseline)",
        sn_text_time(budget, sizeof budget, p->budget),
        sn_text_time(low, sizeof low, p->lowest),
        sn_text_time(high, sizeof high, p->highest),
        100 * p->lowest / p->baseline_cost.seconds,
        100 * p->highest / p->baseline_cost.seconds);
}

const char *sn_job_plan_nets(char buf[SN_NETS_TEXT],
                             const struct sn_job_plan *p)
{
    const double size = sn_space_size(&p->space);
    snprintf(buf, SN_NETS_TEXT, size < 1e7 ? "%.0f" : "%.2e", size);
    return buf;
}

/* ---- memory ---- */

static size_t image_bytes(const struct sn_images *im)
{
    const size_t pixels = (size_t)im->n * (size_t)im->h * (size_t)im->w;
    /* squares on disk are the system's to keep or to drop */
    const size_t held = im->pixels && !im->on_disk ? pixels * (size_t)im->c : 0;
    return held + (im->masks ? pixels : 0) + (size_t)im->n * sizeof *im->labels;
}

/* The net whose training stores most: in every block the option with the
 * widest kept tensors. */
static void hungriest(struct sn_arch *arch, const struct sn_space *space)
{
    sn_arch_baseline(arch, space);
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        arch->stage[is].depth = sn_space_max_depth(space, is);
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block_space *b = &s->block[ib];
            const int stride = ib == 0 ? s->stride : 1;
            double most = -1;
            for (int i = 0; i < b->n_op; i++) {
                const struct sn_op_space *of = &b->of[b->op[i]];
                const int e = of->e[of->n_e - 1];
                /* an IBN keeps E*x before the stride and dw(..) behind it */
                const double kept =
                    e * (b->op[i] == SN_OP_IBN && e > 1 ? stride * stride + 1.0
                                                        : 1.0);
                if (kept <= most)
                    continue;
                most = kept;
                arch->stage[is].block[ib] = (struct sn_block){
                    .op = b->op[i], .k = of->k[of->n_k - 1], .e = e};
            }
        }
    }
}

/* Bytes of all weights with their gradients and momenta, from the cost table:
 * known before any of them is taken. */
static double weight_bytes(const struct sn_job_plan *p)
{
    const struct sn_space *s = &p->space;
    double params = p->searches ? p->cost.fixed.params : p->only_cost.params;
    for (int is = 0; p->searches && is < s->n_stages; is++)
        for (int ib = 0; ib < sn_space_max_depth(s, is); ib++) {
            const struct sn_block_space *b = &s->stage[is].block[ib];
            for (int i = 0; i < b->n_op; i++) {
                const struct sn_op_space *of = &b->of[b->op[i]];
                params +=
                    p->cost.block[is][ib][b->op[i]][of->n_k - 1][of->n_e - 1]
                        .params;
            }
        }
    return 3 * sizeof(sn_real) * params;
}

static sn_status refuse(double need, size_t left, struct sn_error *err)
{
    char a[SN_QUANTITY_TEXT], b[SN_QUANTITY_TEXT];
    return sn_fail(err, SN_ERR_MEMORY,
                   "training needs %s of memory beside the images, and %s are "
                   "left; a smaller [search] batch and [train] batch need less",
                   sn_text_bytes(a, sizeof a, need),
                   sn_text_bytes(b, sizeof b, (double)left));
}

sn_status sn_job_plan_memory(struct sn_job_plan *p,
                             const struct sn_job_config *c,
                             const struct sn_dataset *data,
                             const struct sn_kernels *k, int threads,
                             struct sn_error *err)
{
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_space alone;
    struct sn_arch largest = p->only;
    if (p->searches)
        hungriest(&largest, &p->space);
    else
        sn_arch_space(&alone, &p->only);
    p->data_bytes = image_bytes(&data->train) + image_bytes(&data->test);
    p->available = sn_os_memory_available();
    if (p->available > 0 && weight_bytes(p) > (double)p->available)
        return refuse(weight_bytes(p), p->available, err);

    SN_TRY(sn_supernet_init(&net, p->searches ? &p->space : &alone, c->run.seed,
                            err));
    sn_status rc = sn_graph_init(&graph, k, threads, err);
    if (rc == SN_OK) {
        const size_t weights = net.params.arena.size;
        p->search_bytes = 0;
        if (p->searches) {
            sn_supernet_build_gated(&net, &graph, c->search.batch, 0);
            p->search_bytes = weights + sn_graph_bytes(&graph, true);
        }
        sn_supernet_build_arch(&net, &graph, &largest, c->train.batch, 0);
        p->final_bytes = weights + sn_graph_bytes(&graph, true);
        sn_graph_release(&graph);
    }
    sn_supernet_release(&net);
    return rc;
}

static size_t work_bytes(const struct sn_job_plan *p)
{
    return p->search_bytes > p->final_bytes ? p->search_bytes : p->final_bytes;
}

size_t sn_job_plan_peak(const struct sn_job_plan *p)
{
    return p->data_bytes + work_bytes(p);
}

sn_status sn_job_plan_fits(const struct sn_job_plan *p, struct sn_error *err)
{
    if (p->available == 0 || work_bytes(p) <= p->available)
        return SN_OK;
    return refuse((double)work_bytes(p), p->available, err);
}
