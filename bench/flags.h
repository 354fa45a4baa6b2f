#ifndef SN_BENCH_FLAGS_H
#define SN_BENCH_FLAGS_H

/* The command line of a bench: a table of flags, each with the place its value
 * goes to. */

#include <stdbool.h>

#include "base/status.h"

typedef enum {
    SN_FLAG_SET,   /* takes no value; *(bool *)to becomes true */
    SN_FLAG_COUNT, /* a whole number from 1 to `most` into *(int *)to */
    SN_FLAG_REAL,  /* a positive number into *(double *)to */
    SN_FLAG_TEXT   /* into *(const char **)to */
} sn_flag_kind;

struct sn_flag {
    const char *name; /* with its dashes */
    sn_flag_kind kind;
    void *to;
    int most;
};

/* Reads argv[1..]; the table ends with a row whose name is NULL.
 * SN_ERR_CONFIG, naming the flag. */
sn_status sn_flags_read(const struct sn_flag *flags, int argc, char **argv,
                        struct sn_error *err);

/* The instruction sets of --isa NAME (NULL: all there are).  SN_ERR_CONFIG. */
sn_status sn_flag_isa(unsigned *isa, const char *name, struct sn_error *err);

/* --precision: whether wide tensors are in sn_bf16.  SN_ERR_CONFIG for all but
 * f32 and bf16. */
sn_status sn_flag_precision(bool *bf16, const char *name, struct sn_error *err);

#endif
