/* The command line of a bench; see flags.h. */

#include "bench/flags.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

static bool take(const struct sn_flag *f, const char *value)
{
    char *end = NULL;
    switch (f->kind) {
    case SN_FLAG_COUNT: {
        const long n = strtol(value, &end, 10);
        if (end == value || *end || n < 1 || n > f->most)
            return false;
        *(int *)f->to = (int)n;
        return true;
    }
    case SN_FLAG_REAL: {
        const double x = strtod(value, &end);
        if (end == value || *end || !isfinite(x) || x <= 0)
            return false;
        *(double *)f->to = x;
        return true;
    }
    default:
        *(const char **)f->to = value;
        return true;
    }
}

sn_status sn_flags_read(const struct sn_flag *flags, int argc, char **argv,
                        struct sn_error *err)
{
    for (int i = 1; i < argc; i++) {
        const struct sn_flag *f = flags;
        while (f->name && strcmp(f->name, argv[i]) != 0)
            f++;
        if (!f->name)
            return sn_fail(err, SN_ERR_CONFIG, "unknown flag `%s`", argv[i]);
        if (f->kind == SN_FLAG_SET) {
            *(bool *)f->to = true;
            continue;
        }
        if (i + 1 == argc)
            return sn_fail(err, SN_ERR_CONFIG, "%s needs a value", f->name);
        if (!take(f, argv[++i]))
            return sn_fail(err, SN_ERR_CONFIG, "%s: `%s` is no value for it",
                           f->name, argv[i]);
    }
    return SN_OK;
}

sn_status sn_flag_isa(unsigned *isa, const char *name, struct sn_error *err)
{
    const unsigned all = sn_cpu_isa();
    *isa = all;
    if (name && sn_cpu_lower(all, name, isa) != 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "this machine has no instruction set `%s`", name);
    return SN_OK;
}

sn_status sn_flag_precision(bool *bf16, const char *name, struct sn_error *err)
{
    *bf16 = strcmp(name, "bf16") == 0;
    if (*bf16 || strcmp(name, "f32") == 0)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG,
                   "--precision: `%s` is not known, expected f32 or bf16",
                   name);
}
