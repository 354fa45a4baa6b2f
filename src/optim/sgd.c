/* Stochastic gradient descent on flat arrays, and its schedule. */

#include "optim/sgd.h"

#include <math.h>

void sn_sgd_step(const struct sn_kernels *k, sn_real *w, sn_real *m,
                 const sn_real *g, const struct sn_sgd_group *group, int groups,
                 double lr, double momentum)
{
#pragma omp parallel for schedule(static)
    for (int ig = 0; ig < groups; ig++) {
        const size_t at = group[ig].first;
        k->sgd(w + at, m + at, g + at, (sn_real)lr, (sn_real)momentum,
               (sn_real)group[ig].decay, (ptrdiff_t)group[ig].count);
    }
}

double sn_clip_norm(sn_real *g, const struct sn_sgd_group *group, int groups,
                    double most)
{
    double sum = 0;
    for (int ig = 0; ig < groups; ig++) {
        const sn_real *v = g + group[ig].first;
        double part = 0;
        for (size_t i = 0; i < group[ig].count; i++)
            part += (double)v[i] * (double)v[i];
        sum += part;
    }
    const double norm = sqrt(sum);
    if (!(norm > most))
        return norm;
    const sn_real factor = (sn_real)(most / norm);
    for (int ig = 0; ig < groups; ig++) {
        sn_real *v = g + group[ig].first;
        for (size_t i = 0; i < group[ig].count; i++)
            v[i] *= factor;
    }
    return norm;
}

double sn_schedule_lr(double peak, double warmup, long step, long steps)
{
    const double rise = warmup * (double)steps;
    const double at = (double)step;
    if (at < rise)
        return peak * (0.2 + 0.8 * at / rise);
    const double left = (double)steps - 1 - rise;
    const double share = left > 0 ? (at - rise) / left : 1;
    return peak * (1 - 0.98 * (share < 1 ? share : 1));
}
