/* What a run ran on; see env.h. */

#include "job/env.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/os.h"
#include "job/job.h"

#ifndef SN_REVISION /* the Makefile asks git */
#    define SN_REVISION "unknown"
#endif

const char *sn_env_revision(void)
{
    return SN_REVISION;
}

void sn_env_line(char *buf, size_t size, const struct sn_kernels *k,
                 int threads)
{
    char cpu[96];
    sn_os_cpu_name(cpu, sizeof cpu);
    snprintf(buf, size, "%s, %d thread%s, %s", cpu, threads,
             threads == 1 ? "" : "s", k->isa);
}

/* The text of `o`, which is released. */
static char *dumped(json_t *o)
{
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    return text;
}

char *sn_env_json(const struct sn_kernels *k, int threads, const uint64_t *seed,
                  const char *command)
{
    char cpu[96], os[96], started[SN_CLOCK_TEXT], digits[24];
    sn_os_cpu_name(cpu, sizeof cpu);
    sn_os_name(os, sizeof os);
    sn_clock_stamp(started);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:I, s:s}",
                  "version", SN_VERSION, "revision", SN_REVISION, "cpu", cpu,
                  "os", os, "isa", k->isa, "cores", sn_os_cores(), "threads",
                  threads, "compiler", __VERSION__, "memory_available_bytes",
                  (json_int_t)sn_os_memory_available(), "time", started);
    if (o && seed) {
        /* as text: JSON readers round integers past 2^53 */
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)*seed);
        json_object_set_new(o, "seed", json_string(digits));
    }
    if (o && command)
        json_object_set_new(o, "command", sn_json_name(command));
    return dumped(o);
}

sn_status sn_env_write(const struct sn_rundir *dir, const struct sn_kernels *k,
                       int threads, uint64_t seed, const char *command,
                       struct sn_error *err)
{
    char *text = sn_env_json(k, threads, &seed, command);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for env.json");
    const sn_status rc = sn_rundir_write(dir, "env.json", text, err);
    free(text);
    return rc;
}
