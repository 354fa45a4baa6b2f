#ifndef SN_TARGET_UNIT_CSV_H
#define SN_TARGET_UNIT_CSV_H

/* Operator CSVs: units and the time each took on a device (DESIGN 8).
 *
 *   device,op,cin,cout,h,w,k,stride,expansion,groups,mid,act,skip,se,
 *   expand_conv,batch,dtype,in_dram,out_dram,latency_us,kind,source
 *
 * Columns are found by name, in any order; op, cin and latency_us must be
 * there.  What a missing column or an empty field stands for:
 *
 *   device   ""                  cout      cin
 *   h        1                   w         h
 *   k        1                   stride    1
 *   groups   1; cin of dwconv    mid       expansion * cin of a block, rounded
 *   expansion 1                  expand_conv  1 of an ibn with mid > cin
 *   skip     1 of a block with stride 1 and cin = cout, else 0
 *   act      none                se, in_dram, out_dram   0
 *   batch    1                   dtype     ""
 *   kind     measured            source    ""
 *
 * Where a table also says what bounded a row (cycles, npu_cycles and perhaps
 * sram_cycles: the whole, arithmetic, on-chip traffic), it can be read as if
 * tensors lay on chip, as they do inside a net: latency_us times
 * max(npu_cycles, sram_cycles) / cycles.
 *
 * Columns of other names are passed over with a note.  Rows whose kind begins
 * with derived_rel or derived_const hold differences: they are left out, with a
 * note, unless asked for; so are rows of an op that is none of ours and rows
 * without a positive time. */

#include "base/status.h"
#include "target/unit.h"

enum { SN_UNIT_WORD = 48 }; /* bytes of a device, dtype or kind */

struct sn_measured {
    struct sn_unit unit;
    double us;         /* latency, microseconds */
    int device, dtype; /* indices into the table's words */
    int line;          /* of the file */
};

/* What a reader wants; all zero: every row that is a measurement. */
struct sn_unit_want {
    const char *device, *dtype; /* only these; NULL: all */
    int batch;                  /* only this; 0: all */
    bool relative;              /* rows of kind derived_* as well */
    bool resident;              /* tensors on chip, where the file tells */
    /* `column=value` for fields that the file has not: [n_defaults] */
    const char *const *defaults;
    int n_defaults;
};

struct sn_unit_table {
    struct sn_measured *row; /* owned, [n] */
    size_t n;
    char (*device)[SN_UNIT_WORD]; /* owned, [n_device], as first met */
    char (*dtype)[SN_UNIT_WORD];
    int n_device, n_dtype;
    char *notes; /* owned; lines for people, "" when there is nothing to say */
};

/* Reads a CSV, plain or gzipped, of at most 1 GiB of text.  Every fault is
 * SN_ERR_INPUT with file and line, what was found and what was expected; a
 * device or dtype that no row has is told with those that there are.
 * SN_ERR_CONFIG for a default that is none.  SN_ERR_MEMORY. */
sn_status sn_unit_table_read(struct sn_unit_table *t, const char *path,
                             const struct sn_unit_want *want,
                             struct sn_error *err);

/* Takes one that was never read (all zero) as well. */
void sn_unit_table_release(struct sn_unit_table *t);

/* ---- writing ---- */

struct sn_text;

/* `# key: value`, of the facts in front of the header; a line end in them
 * becomes a blank. */
void sn_unit_csv_fact(struct sn_text *t, const char *key, const char *value);

/* The header line, all columns. */
void sn_unit_csv_header(struct sn_text *t);

/* One row.  dtype, kind, source may be "". */
void sn_unit_csv_row(struct sn_text *t, const char *device,
                     const struct sn_unit *u, const char *dtype, double us,
                     const char *kind, const char *source);

#endif
