/* Softmax cross-entropy with label smoothing (Szegedy et al., CVPR 2016), in
 * double and with the greatest logit taken out, so no exponential overflows. */

#include <math.h>

#include "base/status.h"
#include "nn/layer.h"

void sn_loss_init(struct sn_layer *layer, struct sn_tensor *in,
                  double smoothing)
{
    struct sn_loss *l = &layer->as.loss;
    SN_CHECK(in->h == 1 && in->w == 1 && smoothing >= 0 && smoothing < 1);
    l->in = in;
    l->smoothing = smoothing;
    l->share = 1;
    in->readers++;
    SN_CHECK(!in->bn && in->readers == 1); /* y is the logits, dz ours alone */
}

void sn_loss_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_loss *l = &layer->as.loss;
    l->each = sn_arena_take(plan->arena, (size_t)l->in->n, sizeof *l->each);
    l->guess = sn_arena_take(plan->arena, (size_t)l->in->n, sizeof *l->guess);
}

/* log sum_j exp(x_j - top), and the index of the greatest, top. */
static double log_sum_exp(const sn_real *x, int c, int *greatest)
{
    int best = 0;
    for (int ic = 1; ic < c; ic++)
        if (x[ic] > x[best])
            best = ic;
    double sum = 0;
    for (int ic = 0; ic < c; ic++)
        sum += exp((double)x[ic] - (double)x[best]);
    *greatest = best;
    return log(sum);
}

double sn_cross_entropy(const sn_real *x, int c, int label, int *guess)
{
    const double norm = log_sum_exp(x, c, guess);
    return norm - ((double)x[label] - (double)x[*guess]);
}

static double target(const struct sn_loss *l, int in, int ic)
{
    const double rest = l->smoothing / l->in->c;
    return ic == l->labels[in] ? 1.0 - l->smoothing + rest : rest;
}

void sn_loss_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_loss *l = &layer->as.loss;
    const int c = l->in->c;
    (void)pass;
    l->mean = 0;
    l->correct = 0;
    for (int in = 0; in < l->in->n; in++) {
        const sn_real *x = l->in->y + (ptrdiff_t)in * l->in->ld;
        const double norm = log_sum_exp(x, c, &l->guess[in]);
        const double top = (double)x[l->guess[in]];
        double sum = 0;
        for (int ic = 0; ic < c; ic++)
            sum += target(l, in, ic) * (norm - ((double)x[ic] - top));
        l->each[in] = sum;
        l->mean += sum / l->in->n;
        l->correct += l->guess[in] == l->labels[in];
    }
}

void sn_loss_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_loss *l = &layer->as.loss;
    const int c = l->in->c;
    (void)pass;
    for (int in = 0; in < l->in->n; in++) {
        const sn_real *x = l->in->y + (ptrdiff_t)in * l->in->ld;
        sn_real *dx = l->in->dz + (ptrdiff_t)in * l->in->ld;
        int greatest;
        const double norm = log_sum_exp(x, c, &greatest);
        const double top = (double)x[greatest];
        for (int ic = 0; ic < c; ic++) {
            const double p = exp((double)x[ic] - top - norm);
            dx[ic] = (sn_real)((p - target(l, in, ic)) * l->share / l->in->n);
        }
    }
    sn_tensor_grad_added(l->in);
}
