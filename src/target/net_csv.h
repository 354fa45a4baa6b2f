#ifndef SN_TARGET_NET_CSV_H
#define SN_TARGET_NET_CSV_H

/* Whole nets that were measured: CSVs with a row a net.
 *
 * What a net is made of stands in its columns; three codes are known, told
 * apart by the columns there are:
 *
 *   e,k,l,se         Accel-NASBench: seven digits each, one a stage: expansion,
 *                    kernel, layers, squeeze-and-excite, at 224 pixels
 *   res,stem,blocks  side, channels of the stem, and `ie6k3c24s2;fe4k3c24s1`:
 *                    ibn or fused, expansion, kernel, channels, stride; a 1x1
 *                    convolution to 256 channels closes it
 *   input,arch       stem, blocks and tail in words (measure --nets):
 *                    `32x32x3` and `conv k3 s1 c16;ibn k3 e6 s1 c24;conv k1 s1
 *                    c1280;gap;fc c10`; `res` behind a conv: with a residual
 *
 * The latency stands in the column that is asked for; its name ends in _us, _ms
 * or _s.  A `device` column picks rows as in operator CSVs, an `act` column
 * names the activation of all layers but the last. */

#include "target/sums.h"
#include "target/unit_csv.h"

struct sn_net_table {
    struct sn_unit *unit; /* owned, [units], each different */
    int units;
    const struct sn_unit **at; /* owned: where each of them is */
    int *start, *index;        /* owned, as in struct sn_sums */
    double *count, *us;        /* owned */
    int n;
    char device[SN_UNIT_WORD]; /* of its rows; "" without such a column */
};

/* Reads nets.  column NULL: latency_us, or latency_ms.  Nets without a positive
 * latency are left out.  Every fault is SN_ERR_INPUT with file and line;
 * SN_ERR_CONFIG for a column that is not there.  SN_ERR_MEMORY. */
sn_status sn_net_table_read(struct sn_net_table *t, const char *path,
                            const char *column, const char *device,
                            struct sn_error *err);

/* The same as sums, borrowed from the table. */
struct sn_sums sn_net_table_sums(const struct sn_net_table *t);

/* Takes one that was never read (all zero) as well. */
void sn_net_table_release(struct sn_net_table *t);

#endif
