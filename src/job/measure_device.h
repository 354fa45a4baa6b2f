#ifndef SN_JOB_MEASURE_DEVICE_H
#define SN_JOB_MEASURE_DEVICE_H

/* `supernet measure`: the units that the nets of a config are made of, and a
 * sample of shapes around them, timed on this machine, as an operator CSV; and
 * random nets of the config, timed whole. */

#include "job/measure_nets.h"
#include "job/options.h"

struct sn_measure_request {
    const char *config; /* INI file */
    const struct sn_config_override *over;
    int n_over;
    const char *output; /* the CSV; rows that it has already are kept */
    double seconds;     /* at most so long, but for the group under way */
    int nets; /* random nets to be timed whole, into another CSV; or 0 */
    unsigned isa;
    /* Told from time to time; NULL: nobody. */
    void (*tell)(void *context, int done, int all, double left);
    void *context;
};

struct sn_measure_result {
    char device[SN_TEXT_MAX];
    int needed;    /* units of the config's nets */
    int sampled;   /* around them */
    int kept;      /* rows that were there before */
    int done;      /* timed now */
    int unsettled; /* of these, when the time was up */
    double worst;  /* spread of a median */
    long runs, outliers;
    double drift; /* of the reference, largest from its first group */
    double seconds;
    struct sn_nets_result nets;       /* where nets were asked for */
    char nets_file[SN_TEXT_MAX + 16]; /* theirs: OUTPUT.nets.csv */
    bool complete;                    /* no unit and no net is left */
    bool pinned;
};

/* Times what the CSV has not yet, group after group; the file is written whole
 * after each.  Sets OpenMP to one thread.  SN_ERR_CONFIG, SN_ERR_INPUT: a CSV
 * of another device; SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_measure_device(struct sn_measure_result *result,
                            const struct sn_measure_request *request,
                            struct sn_error *err);

/* This machine as files name it: processor, instruction set, threads.  Returns
 * buf. */
const char *sn_this_device(char *buf, size_t size, const struct sn_kernels *k);

#endif
