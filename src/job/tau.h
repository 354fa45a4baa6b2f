#ifndef SN_JOB_TAU_H
#define SN_JOB_TAU_H

/* How well a supernet ranks nets: random nets of a finished search are judged
 * with its weights and trained by themselves, from scratch, by the run's own
 * [train]; Kendall's tau says how far the two orders agree. */

#include "job/job.h"

enum { SN_TAU_MOST = 200 };

struct sn_tau_request {
    struct sn_job_request job; /* threads, isa, out, stop, command */
    const char *run;           /* a run whose search is finished */
    int nets;                  /* 2 at least */
};

struct sn_tau_net {
    struct sn_arch arch;
    double latency; /* seconds, predicted */
    double shared;  /* accuracy on the validation images, supernet's weights */
    double alone;   /* on the test images, trained by itself */
};

struct sn_tau {
    int n; /* fewer than asked for where the space has no more */
    struct sn_tau_net *net; /* [n] owned, best alone first */
    double tau;             /* Kendall's tau-b of shared and alone */
};

/* Each net is an ordinary run in RUN/tau/N, so that what was interrupted is
 * gone on with; RUN/tau.csv has a row for each.  SN_ERR_INPUT for a run without
 * a finished search, SN_ERR_CONFIG for one without validation images, any
 * status that a job returns; nothing is held then. */
sn_status sn_tau_make(struct sn_tau *t, const struct sn_tau_request *q,
                      struct sn_error *err);
void sn_tau_release(struct sn_tau *t);

#endif
