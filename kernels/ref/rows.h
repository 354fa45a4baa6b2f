#ifndef SN_REF_ROWS_H
#define SN_REF_ROWS_H

/* One value of struct sn_rows, whatever its form. */

#include "kernels/bf16.h"

/* The sn_bf16 of channel ic of pixel ip. */
static inline sn_bf16 *sn_ref_half(struct sn_rows rows, ptrdiff_t ip, int ic)
{
    sn_bf16 *at = rows.at;
    if (rows.form == SN_PAIRS)
        return at + (ip / 2 * rows.p + ic) * 2 + ip % 2;
    return at + ip * rows.p + ic;
}

static inline sn_real sn_ref_get(struct sn_rows rows, ptrdiff_t ip, int ic)
{
    if (rows.form == SN_REAL)
        return ((const sn_real *)rows.at)[ip * rows.p + ic];
    return (sn_real)sn_bf16_wide(*sn_ref_half(rows, ip, ic));
}

static inline void sn_ref_put(struct sn_rows rows, ptrdiff_t ip, int ic,
                              sn_real x)
{
    if (rows.form == SN_REAL)
        ((sn_real *)rows.at)[ip * rows.p + ic] = x;
    else
        *sn_ref_half(rows, ip, ic) = sn_bf16_round((float)x);
}

/* The zeros behind c channels of p pixels that struct sn_rows asks for. */
static inline void sn_ref_fill_up(struct sn_rows rows, int c, ptrdiff_t p)
{
    if (rows.form == SN_BF16 && c % 2)
        for (ptrdiff_t ip = 0; ip < p; ip++)
            *sn_ref_half(rows, ip, c) = 0;
    if (rows.form == SN_PAIRS && p % 2)
        for (int ic = 0; ic < c; ic++)
            *sn_ref_half(rows, p, ic) = 0;
}

#endif
