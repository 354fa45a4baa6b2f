/* Column sums, in float over a block of rows and in double over the blocks. */
#include "kernels/kernels_internal.h"

#include "kernels/vec/vec.h"

V_INLINE void column_block(double *db, const float *dy, ptrdiff_t dy_p,
                           ptrdiff_t rows, int lanes, const int nv,
                           const int full)
{
    const v_mask m = v_tail(full ? 0 : lanes);
    v_f32 acc[V_GROUP];

    V_UNROLL
    for (int iv = 0; iv < nv; iv++)
        acc[iv] = v_zero();
    for (ptrdiff_t ip = 0; ip < rows; ip++, dy += dy_p) {
        V_UNROLL
        for (int iv = 0; iv < nv; iv++)
            acc[iv] = v_add(acc[iv], v_get(dy + iv * V_WIDTH, m, full));
    }
    V_UNROLL
    for (int iv = 0; iv < nv; iv++)
        v_accumulate(db + iv * V_WIDTH, acc[iv], lanes);
}

static void V_NAME(bias_grad)(double *db, const float *dy, ptrdiff_t dy_p,
                              int c, ptrdiff_t p)
{
    for (ptrdiff_t first = 0; first < p; first += V_ROWS, dy += V_ROWS * dy_p) {
        const ptrdiff_t rows = v_rows(p - first);
        int ic = 0;
        for (; c - ic >= V_GROUP * V_WIDTH; ic += V_GROUP * V_WIDTH)
            column_block(db + ic, dy + ic, dy_p, rows, V_WIDTH, V_GROUP, 1);
        for (; c - ic >= V_WIDTH; ic += V_WIDTH)
            column_block(db + ic, dy + ic, dy_p, rows, V_WIDTH, 1, 1);
        if (ic < c)
            column_block(db + ic, dy + ic, dy_p, rows, c - ic, 1, 0);
    }
}

void V_NAME(sn_reduce_fill)(struct sn_kernels *k)
{
    k->bias_grad = V_NAME(bias_grad);
}
