/* supernet derive: another net from a finished search. */

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "job/rederive.h"

/* Length of RUN in the path RUN/derive/LATENCY. */
static int run_length(const char *dir)
{
    int slashes = 0, n = (int)strlen(dir);
    while (n > 0 && slashes < 2)
        slashes += dir[--n] == '/';
    return n;
}

static sn_status print(const struct sn_cli *a, const struct sn_job_result *r,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(sn_result_json(r), err);
    sn_result_costs(r, &t);
    sn_text_add(&t, "%-8s %s: arch.txt  cost.json\n", "files", r->dir);
    sn_text_add(&t,
                "%-8s supernet train %.*s/config.ini -s search.mode=none \\\n"
                "%-8s     -s 'search.arch=%s/arch.txt' \\\n"
                "%-8s     -s 'budget.latency=%s'\n",
                "try", run_length(r->dir), r->dir, "", r->dir, "", a->latency);
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
