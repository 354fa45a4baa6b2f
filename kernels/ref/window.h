#ifndef SN_REF_WINDOW_H
#define SN_REF_WINDOW_H

/* Which pixels a convolution joins, along one direction (rows or columns):
 * output io and tap j meet input io*stride + j - pad. */

/* The input that output io meets at tap j, or -1 outside of [0, extent). */
static inline int window_in(int io, int j, int stride, int pad, int extent)
{
    const int ii = io * stride + j - pad;
    return ii >= 0 && ii < extent ? ii : -1;
}

/* The output whose tap j meets input ii, or -1 if there is none. */
static inline int window_out(int ii, int j, int stride, int pad, int extent)
{
    const int at = ii + pad - j;
    if (at < 0 || at % stride != 0 || at / stride >= extent)
        return -1;
    return at / stride;
}

#endif
