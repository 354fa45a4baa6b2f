/* What processor and operating system both allow.
 *
 * An instruction set counts only if the processor has it and the operating
 * system saves its registers on a task switch: a virtual machine may show the
 * one without the other.  The compiler's __builtin_cpu_supports asks both
 * (cpuid, and xgetbv for the registers that are saved).  Plain vectors are
 * there on any processor. */
#include "kernels/kernels.h"

#include <string.h>

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
    /* Intel's run vdpbf16ps at half the rate of a v_fma. */
    if ((isa & SN_ISA_AVX512) && __builtin_cpu_supports("avx512bf16") &&
        !__builtin_cpu_is("intel"))
        isa |= SN_ISA_AVX512BF16;
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
