/* What processor and operating system both allow.
 *
 * An instruction set counts only if the processor has it and the operating
 * system saves its registers on a task switch: a virtual machine may show the
 * one without the other.  The compiler's __builtin_cpu_supports asks both
 * (cpuid, and xgetbv for the registers that are saved).  Plain vectors are
 * there on any processor. */
#include "kernels/kernels_internal.h"

#include <string.h>

#ifdef __x86_64__
/* Of a processor with AVX512_BF16.  Where it has tiles these are what makes
 * sn_bf16 fast; without them Intel's multiply pairs at half the rate of a
 * v_fma. */
static unsigned find_bf16(void)
{
#    ifdef SN_AMX
    if (sn_amx_allowed())
        return SN_ISA_AVX512BF16 | SN_ISA_AMX;
#    endif
    return __builtin_cpu_is("intel") ? 0 : SN_ISA_AVX512BF16;
}
#endif

unsigned sn_cpu_isa(void)
{
    unsigned isa = SN_ISA_PORTABLE;

#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        isa |= SN_ISA_AVX2;
    if ((isa & SN_ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        isa |= SN_ISA_AVX512;
    if ((isa & SN_ISA_AVX512) && __builtin_cpu_supports("avx512bf16"))
        isa |= find_bf16();
#endif
    return isa;
}

int sn_cpu_lower(unsigned allowed, const char *name, unsigned *isa)
{
    static const struct {
        const char *name;
        unsigned top; /* the set of that name */
    } sets[] = {
        {"ref", SN_ISA_REF},
        {"portable", SN_ISA_PORTABLE},
        {"avx2", SN_ISA_AVX2},
        {"avx512", SN_ISA_AVX512},
        {"avx512bf16", SN_ISA_AVX512BF16},
        {"amx", SN_ISA_AMX},
    };
    unsigned all = 0; /* the sets up to here */

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        all |= sets[i].top;
        if (strcmp(name, sets[i].name) != 0)
            continue;
        if ((allowed & sets[i].top) != sets[i].top)
            return -2;
        *isa = allowed & all;
        return 0;
    }
    return -1;
}
