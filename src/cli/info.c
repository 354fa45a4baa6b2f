/* supernet info: version, processor, libraries, memory. */

#include "base/os.h"
#include "cli/cli.h"
#include "job/env.h"
#include "job/job.h"

sn_status sn_cli_info(const struct sn_cli *a, struct sn_error *err)
{
    const struct sn_run_options run = {0};
    const int threads = sn_job_threads(a->threads, &run);
    struct sn_kernels k;
    struct sn_text t = {0};
    char line[256], left[SN_QUANTITY_TEXT];
    sn_kernels_init(&k, a->isa);
    if (a->json)
        return sn_cli_print_owned(sn_env_json(&k, threads, NULL, NULL), err);
    sn_env_line(line, sizeof line, &k, threads);
    sn_text_add(&t, "supernet %s\n%-8s %s\n", SN_VERSION, "machine", line);
    sn_os_name(line, sizeof line);
    sn_text_add(&t, "%-8s %s\n", "system", line);
    sn_text_add(&t, "%-8s in %s unless a config says otherwise\n", "training",
                sn_job_bf16(&run, &k) ? "bf16" : "f32");
    sn_text_add(
        &t, "%-8s %s left, %d cores\n", "memory",
        sn_text_bytes(left, sizeof left, (double)sn_os_memory_available()),
        sn_os_cores());
    return sn_cli_print_text(&t, err);
}
