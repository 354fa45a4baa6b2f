/* One step of gradient descent; its meaning is in ref/update.c. */
#include "kernels/kernels_internal.h"

#include "kernels/vec/vec.h"

V_INLINE void sgd_vector(float *w, float *m, const float *g, float lr,
                         float momentum, float decay, v_mask mask,
                         const int full)
{
    const v_f32 weight = v_get(w, mask, full);
    const v_f32 grad = v_fma(v_set(decay), weight, v_get(g, mask, full));
    const v_f32 mean = v_fma(v_set(momentum), v_get(m, mask, full), grad);
    const v_f32 step = v_fma(v_set(momentum), mean, grad);
    v_put(m, mean, mask, full);
    v_put(w, v_fma(v_set(-lr), step, weight), mask, full);
}

static void V_NAME(sgd)(float *w, float *m, const float *g, float lr,
                        float momentum, float decay, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; n - i >= V_WIDTH; i += V_WIDTH)
        sgd_vector(w + i, m + i, g + i, lr, momentum, decay, v_tail(0), 1);
    if (i < n)
        sgd_vector(w + i, m + i, g + i, lr, momentum, decay,
                   v_tail((int)(n - i)), 0);
}

void V_NAME(sn_update_fill)(struct sn_kernels *k)
{
    k->sgd = V_NAME(sgd);
}
