/* The memory of a job: what it takes, and what would fit; see plan.h. */

#include <stdio.h>

#include "base/os.h"
#include "base/text.h"
#include "job/job.h"
#include "job/plan.h"
#include "search/supernet.h"
#include "train/searcher.h"

/* What brings the images: the search has two loaders at a time, a training four
 * (phase_search.c, phase_train.c), each with an order of its own. */
static size_t loader_bytes(const struct sn_job_plan *p,
                           const struct sn_job_config *c,
                           const struct sn_dataset *data, int threads)
{
    const struct sn_images *im = &data->train;
    const int n = im->n > data->test.n ? im->n : data->test.n;
    const int search = sn_job_group(c, c->search.batch);
    const int final = sn_job_group(c, c->train.batch);
    const size_t a =
        p->searches ? 2 * sn_loader_bytes(im, n, search, threads) : 0;
    const size_t b = 4 * sn_loader_bytes(im, n, final, threads);
    return (a > b ? a : b) + sn_loader_work(im, threads);
}

/* Bytes of all weights with their gradients and momenta, from the cost table:
 * known before any of them is taken. */
static double weight_bytes(const struct sn_job_plan *p)
{
    const struct sn_space *s = &p->space;
    const struct sn_cost_table *cost =
        &p->frames.item[sn_space_largest(s)].cost;
    double params = p->searches ? cost->fixed.params : p->only_cost.params;
    for (int is = 0; p->searches && is < s->n_stages; is++)
        for (int ib = 0; ib < sn_space_max_depth(s, is); ib++) {
            const struct sn_block_space *b = &s->stage[is].block[ib];
            for (int i = 0; i < b->n_op; i++) {
                const struct sn_op_space *of = &b->of[b->op[i]];
                params +=
                    cost->block[is][ib][b->op[i]][of->n_k - 1][of->n_e - 1]
                        .params;
            }
        }
    return 3 * sizeof(sn_real) * params;
}

size_t sn_job_plan_cap(const struct sn_job_plan *p, size_t weights)
{
    if (p->room == 0)
        return 0;
    return p->room > weights ? p->room - weights : 1; /* nothing fits */
}

/* What the limit leaves beside images and loaders; 0: no limit. */
static size_t find_room(const struct sn_job_plan *p)
{
    const size_t taken = p->data_bytes + p->loader_least;
    if (p->limit == 0)
        return 0;
    return p->limit > taken ? p->limit - taken : 1;
}

/* The nets and the graph that bytes are counted with. */
struct counting {
    struct sn_supernet net;
    struct sn_graph graph;
    struct sn_arch largest;
    const struct sn_search_mode *mode; /* NULL: no search */
    size_t weights;
};

/* `only`: one net that stands alone; NULL: the search and its largest net. */
static sn_status counting_open(struct counting *c, const struct sn_job_plan *p,
                               const struct sn_job_config *config,
                               const struct sn_arch *only,
                               const struct sn_kernels *k, int threads,
                               struct sn_error *err)
{
    struct sn_space alone;
    c->mode = NULL;
    if (only) {
        c->largest = *only;
        sn_arch_space(&alone, only);
    } else {
        sn_supernet_hungriest(&c->largest, &p->space);
        c->mode = sn_search_mode_of(sn_search_trains(&config->search));
    }
    SN_TRY(sn_supernet_init(&c->net, only ? &alone : &p->space,
                            config->run.seed, err));
    c->weights = c->net.params.arena.size;
    const sn_status rc = sn_graph_init(&c->graph, k, threads, err);
    if (rc != SN_OK)
        sn_supernet_release(&c->net);
    c->graph.bf16 = p->bf16;
    c->graph.cap = sn_job_plan_cap(p, c->weights);
    return rc;
}

static void counting_close(struct counting *c)
{
    sn_graph_release(&c->graph);
    sn_supernet_release(&c->net);
}

/* Weights, and the graph of one phase on batches of so many. */
static size_t count(struct counting *c, bool search, int batch,
                    struct sn_kept *kept)
{
    if (search)
        c->mode->list(&c->net, &c->graph, batch, 0);
    else
        sn_supernet_build_arch(&c->net, &c->graph, &c->largest, batch, 0);
    const size_t bytes = c->weights + sn_graph_bytes(&c->graph, true);
    *kept = sn_graph_kept(&c->graph);
    return bytes;
}

static bool fits(const struct sn_job_plan *p, size_t bytes)
{
    return p->limit == 0 || p->data_bytes + p->loader_bytes + bytes <= p->limit;
}

/* The group, halved until it fits; 0: none does. */
static int fitting(struct counting *c, const struct sn_job_plan *p, bool search,
                   int batch)
{
    struct sn_kept kept;
    for (; batch >= 2; batch /= 2)
        if (fits(p, count(c, search, batch, &kept)))
            return batch;
    return 0;
}

/* What the images and the work may take together: what the config allows and
 * the system has (the images are in memory already). */
static size_t find_limit(const struct sn_job_plan *p,
                         const struct sn_job_config *c)
{
    const struct sn_quantity *memory = &c->run.memory;
    const size_t has = p->available > 0 ? p->available + p->data_bytes : 0;
    const size_t allowed = memory->set ? (size_t)memory->value : 0;
    if (has == 0 || allowed == 0)
        return has > 0 ? has : allowed;
    return has < allowed ? has : allowed;
}

/* Rules narrow the space, not the baseline, which may then need more. */
static sn_status count_baseline(struct sn_job_plan *p,
                                const struct sn_job_config *c,
                                const struct sn_kernels *k, int threads,
                                struct sn_error *err)
{
    const int final = sn_job_group(c, c->train.batch);
    struct counting n;
    struct sn_kept kept;
    if (!p->searches || c->baseline.train == SN_BASELINE_COST_ONLY ||
        sn_arch_in_space(&p->baseline, &p->space, NULL) == SN_OK)
        return SN_OK;
    SN_TRY(counting_open(&n, p, c, &p->baseline, k, threads, err));
    const size_t bytes = count(&n, false, final, &kept);
    const int fits_it = fitting(&n, p, false, final);
    if (bytes > p->final_bytes) {
        p->final_bytes = bytes;
        p->final_kept = kept;
    }
    if (fits_it < p->fits_final)
        p->fits_final = fits_it;
    counting_close(&n);
    return SN_OK;
}

sn_status sn_job_plan_memory(struct sn_job_plan *p,
                             const struct sn_job_config *c,
                             const struct sn_dataset *data,
                             const struct sn_kernels *k, int threads,
                             size_t room, struct sn_error *err)
{
    const int search = sn_job_group(c, c->search.batch);
    const int final = sn_job_group(c, c->train.batch);
    struct counting n;
    p->data_bytes = sn_dataset_bytes(data);
    p->loader_bytes = loader_bytes(p, c, data, threads);
    p->loader_least = loader_bytes(p, c, data, 1);
    p->bf16 = sn_job_bf16(&c->run, k);
    p->available = sn_os_memory_available();
    p->limit = find_limit(p, c);
    p->room = room > 0 ? room : find_room(p);
    p->limit_is_ours = c->run.memory.set && p->limit == c->run.memory.value;
    p->search_bytes = p->final_bytes = 0;
    if (!fits(p, (size_t)weight_bytes(p))) { /* not even these */
        p->final_bytes = (size_t)weight_bytes(p);
        p->fits_search = p->fits_final = 0;
        return SN_OK;
    }
    SN_TRY(counting_open(&n, p, c, p->searches ? NULL : &p->only, k, threads,
                         err));
    if (p->searches)
        p->search_bytes = count(&n, true, search, &p->search_kept);
    p->final_bytes = count(&n, false, final, &p->final_kept);
    p->fits_search = p->searches ? fitting(&n, p, true, search) : search;
    p->fits_final = fitting(&n, p, false, final);
    counting_close(&n);
    return count_baseline(p, c, k, threads, err);
}

static size_t work_bytes(const struct sn_job_plan *p)
{
    return p->search_bytes > p->final_bytes ? p->search_bytes : p->final_bytes;
}

size_t sn_job_plan_peak(const struct sn_job_plan *p)
{
    return p->data_bytes + p->loader_bytes + work_bytes(p);
}

const char *sn_job_plan_precision(const struct sn_job_plan *p)
{
    return p->bf16 ? "in bf16 inside blocks, weights and sums in f32"
                   : "in f32";
}

const char *sn_job_plan_again(char buf[SN_AGAIN_TEXT],
                              const struct sn_job_plan *p)
{
    const struct sn_kept *s = &p->search_kept, *f = &p->final_kept;
    const struct sn_kept *k = s->wide - s->kept > f->wide - f->kept ? s : f;
    buf[0] = '\0';
    if (s->in_parts + f->in_parts > 0)
        snprintf(buf, SN_AGAIN_TEXT, " (%d blocks in parts)",
                 s->in_parts > f->in_parts ? s->in_parts : f->in_parts);
    else if (k->kept < k->wide)
        snprintf(buf, SN_AGAIN_TEXT, " (%d of %d wide tensors made again)",
                 k->wide - k->kept, k->wide);
    return buf;
}

/* What would fit: `[search] batch = 32 and [train] batch = 64, or [run]
 * bn_group = 32, would fit`. */
static void advise(char *buf, size_t size, const struct sn_job_plan *p,
                   const struct sn_job_config *c)
{
    const int whole = sn_job_group(c, c->search.batch);
    const bool search = p->searches && p->fits_search < whole;
    const bool final = p->fits_final < sn_job_group(c, c->train.batch);
    const int group = p->searches && p->fits_search < p->fits_final
                          ? p->fits_search
                          : p->fits_final;
    char a[32] = "", b[32] = "";
    if (group == 0) {
        snprintf(buf, size, "no batch is small enough");
        return;
    }
    if (search)
        snprintf(a, sizeof a, "[search] batch = %d", p->fits_search);
    if (final)
        snprintf(b, sizeof b, "[train] batch = %d", p->fits_final);
    snprintf(buf, size, "%s%s%s, or [run] bn_group = %d, would fit", a,
             search && final ? " and " : "", b, group);
}

sn_status sn_job_plan_fits(const struct sn_job_plan *p,
                           const struct sn_job_config *c, struct sn_error *err)
{
    char need[SN_QUANTITY_TEXT], images[SN_QUANTITY_TEXT];
    char limit[SN_QUANTITY_TEXT], load[SN_QUANTITY_TEXT], advice[128];
    if (fits(p, work_bytes(p)))
        return SN_OK;
    advise(advice, sizeof advice, p, c);
    return sn_fail(err, SN_ERR_MEMORY,
                   "training needs %s of memory beside %s of images and %s of "
                   "loaders, even with nothing wide kept and blocks run in "
                   "parts, and %s %s; %s",
                   sn_text_bytes(need, sizeof need, (double)work_bytes(p)),
                   sn_text_bytes(images, sizeof images, (double)p->data_bytes),
                   sn_text_bytes(load, sizeof load, (double)p->loader_bytes),
                   p->limit_is_ours ? "[run] memory is" : "there are",
                   sn_text_bytes(limit, sizeof limit, (double)p->limit),
                   advice);
}
