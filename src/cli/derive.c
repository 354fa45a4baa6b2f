/* supernet derive: another net from a finished search. */

#include <stdlib.h>

#include "cli/cli.h"
#include "job/rederive.h"

static sn_status print(const struct sn_cli *a, const struct sn_job_result *r,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(sn_result_json(r), err);
    sn_result_costs(r, &t);
    sn_text_add(&t, "%-8s %s: arch.txt  cost.json\n", "files", r->dir);
    sn_text_add(&t,
                "%-8s supernet train CONFIG.ini -s search.mode=none -s "
                "search.arch=%s/arch.txt\n",
                "try", r->dir);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_derive(const struct sn_cli *a, struct sn_error *err)
{
    if (!a->latency)
        return sn_fail(err, SN_ERR_CONFIG,
                       "derive: expected --latency, such as '2 ms' or '50 %%' "
                       "of the baseline's");
    struct sn_job_result *r = calloc(1, sizeof *r);
    if (!r)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a result");
    sn_status rc = sn_rederive(r, a->operand, a->latency, err);
    if (rc == SN_OK)
        rc = print(a, r, err);
    free(r);
    return rc;
}
