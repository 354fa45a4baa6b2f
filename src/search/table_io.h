#ifndef SN_SEARCH_TABLE_IO_H
#define SN_SEARCH_TABLE_IO_H

/* The cost table and the option values as CSV: what a finished search leaves
 * in its run, and all that another derivation needs of it.
 *
 * Numbers are written so that they read back as the same double.  Reading is
 * strict: exactly the rows of the space, in its order.  Every fault is
 * SN_ERR_INPUT and names name:line, what was found and what was expected. */

#include "search/frames.h"

/* table.csv:
 *
 *   stage,block,op,k,e,latency_s,macs,params,weights_bytes,activation_bytes
 *
 * the first row, `0,0,fixed,0,0`, is stem, head, pool and linear layer; then a
 * row per option of a block, numbered from 1.  Caller frees; NULL when memory
 * is short. */
char *sn_cost_table_text(const struct sn_cost_table *t,
                         const struct sn_space *space);

/* *t is untouched on failure.  SN_ERR_MEMORY too. */
sn_status sn_cost_table_parse(struct sn_cost_table *t,
                              const struct sn_space *space, const char *text,
                              const char *name, struct sn_error *err);

/* The tables of all frames, one behind the other; where there are several,
 * under a header and with rows that begin with the frame's number, from 1. */
char *sn_frames_text(const struct sn_frames *f);

/* Into frames that are open.  Prices are as before on failure. */
sn_status sn_frames_parse(struct sn_frames *f, const char *text,
                          const char *name, struct sn_error *err);

/* First line of values.csv:
 *
 *   epoch,stage,block,decision,option,probability,value,latency_s
 *
 * Epochs count from 1.  decision is depth (block 0), op, k OP or e OP, or what
 * makes the frame: input, multiplier, output_stride (stage 0) and width.
 * latency_s is what the option adds to the expected latency,
 * E[LAT | option] - E[LAT]. */
extern const char sn_values_header[];

/* The rows of one epoch, to be appended.  p, value, slope (latency_s) [total].
 * Caller frees; NULL when memory is short. */
char *sn_values_text(const struct sn_space *space, const struct sn_decisions *d,
                     int epoch, const double *p, const double *value,
                     const double *slope);

/* Values and probabilities of the last epoch of a whole values.csv into value
 * [total] and p [total] (or NULL), which are untouched on failure.  Every epoch
 * must be complete, and they ascend. */
sn_status sn_values_parse(double *value, double *p,
                          const struct sn_space *space,
                          const struct sn_decisions *d, const char *text,
                          const char *name, struct sn_error *err);

#endif
