#ifndef SN_JOB_FIT_DEVICE_H
#define SN_JOB_FIT_DEVICE_H

/* `supernet fit`: from measurements of a device to its estimator. */

#include "target/estimator.h"
#include "target/unit_csv.h"

struct sn_fit_request {
    const char *const *path; /* operator CSVs, [n_path]; none with nets */
    int n_path;
    struct sn_unit_want want; /* which rows of them */
    const char *nets;         /* a CSV of whole nets, or NULL */
    const char *column;       /* their latency's, or NULL */
    const char *output;       /* the .est file; NULL: none is written */
    uint64_t seed;
};

struct sn_fit_result {
    struct sn_estimator *estimator;
    struct sn_fit_report report;
    struct sn_fit_nets nets; /* where there were any */
    char *notes; /* lines about the files, "" where there are none */
};

/* Reads, fits, and writes the estimator.  The rows must be of one device and
 * one data type, else SN_ERR_CONFIG lists those there are.  SN_ERR_INPUT,
 * SN_ERR_OUTPUT, SN_ERR_MEMORY, SN_ERR_CONFIG as of sn_unit_table_read(). */
sn_status sn_fit_device(struct sn_fit_result *result,
                        const struct sn_fit_request *request,
                        struct sn_error *err);

/* Takes one that is all zero as well. */
void sn_fit_result_release(struct sn_fit_result *result);

#endif
