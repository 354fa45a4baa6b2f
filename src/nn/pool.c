/* Global average pool: out[n, c] = mean over the pixels of x. */

#include <omp.h>
#include <string.h>

#include "nn/layer.h"

void sn_pool_init(struct sn_layer *layer, struct sn_tensor *in)
{
    layer->as.pool.in = in;
    in->readers++;
    sn_tensor_shape(&layer->out, in->n, 1, 1, in->c);
}

void sn_pool_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_pool *p = &layer->as.pool;
    const size_t image =
        (size_t)p->in->h * (size_t)p->in->w * (size_t)p->in->ld;
    sn_tensor_plan(&layer->out, plan->arena);
    p->sums =
        sn_arena_take(plan->arena, (size_t)plan->threads * (size_t)p->in->ld,
                      sizeof *p->sums);
    sn_plan_raise(&plan->need.load, image);
}

static void pool_image(struct sn_pool *p, struct sn_tensor *out, int in,
                       const struct sn_pass *pass)
{
    const int thread = omp_get_thread_num(), c = out->c;
    const ptrdiff_t pixels = (ptrdiff_t)p->in->h * p->in->w;
    double *sums = p->sums + (ptrdiff_t)thread * p->in->ld;
    const struct sn_rows x = sn_tensor_view(pass->k, p->in, in * pixels, pixels,
                                            pass->scratch[thread].load);
    memset(sums, 0, (size_t)c * sizeof *sums);
    pass->k->bias_grad(sums, x.at, x.p, c, pixels);
    for (int ic = 0; ic < c; ic++)
        out->y[(ptrdiff_t)in * out->ld + ic] =
            (sn_real)(sums[ic] / (double)pixels);
}

void sn_pool_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
#pragma omp parallel for schedule(static)
    for (int in = 0; in < layer->out.n; in++)
        pool_image(&layer->as.pool, &layer->out, in, pass);
}

/* dx of every pixel is dout / pixels. */
static void spread_unit(struct sn_tensor *x, const struct sn_tensor *out, int u,
                        const struct sn_kernels *k)
{
    const int first = sn_unit_first(x->n, u), next = sn_unit_first(x->n, u + 1);
    const int pixels = x->h * x->w;
    const sn_real share = (sn_real)(1.0 / pixels);
    const int adds = sn_tensor_adds(x);
    for (int in = first; in < next; in++) {
        const sn_real *dout = out->dz + (ptrdiff_t)in * out->ld;
        sn_real *dx = x->dz + (ptrdiff_t)in * pixels * x->ld;
        for (int ip = 0; ip < pixels; ip++)
            for (int ic = 0; ic < x->c; ic++) {
                sn_real *to = dx + (ptrdiff_t)ip * x->ld + ic;
                *to = (adds ? *to : 0) + share * dout[ic];
            }
        sn_tensor_added(k, x, u, (ptrdiff_t)in * pixels, pixels);
    }
}

void sn_pool_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_tensor *x = layer->as.pool.in;
    const int units = sn_unit_count(x->n);
    if (!x->wants_grad)
        return;
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++)
        spread_unit(x, &layer->out, u, pass->k);
    sn_tensor_grad_added(x);
}
