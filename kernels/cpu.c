/* What processor and operating system both allow.
 *
 * An instruction set counts only if the processor has it (cpuid) and the
 * operating system saves its registers on a task switch (xgetbv): a virtual
 * machine may show the one without the other.  Bits after the Intel manual,
 * volume 2A (CPUID) and volume 1, 13.3 (XCR0).  On other processors only the
 * reference is there. */
#include "kernels/kernels.h"

#include <string.h>

#ifdef __x86_64__
#    include <cpuid.h>

/* XCR0: which register files the operating system saves. */
static unsigned os_state(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

unsigned sn_cpu_isa(void)
{
    const unsigned ymm = 0x06; /* xmm and the upper halves of ymm */
    const unsigned zmm = 0xe6; /* and k0-k7, upper zmm, zmm16-31 */
    const unsigned avx2 = bit_AVX2;
    const unsigned avx512 =
        bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    unsigned a, b, c, d, isa = SN_ISA_REF;

    if (!__get_cpuid(1, &a, &b, &c, &d))
        return isa;
    if (!(c & bit_OSXSAVE) || !(c & bit_AVX) || !(c & bit_FMA))
        return isa;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return isa;
    const unsigned saved = os_state();
    if ((saved & ymm) == ymm && (b & avx2) == avx2)
        isa |= SN_ISA_AVX2;
    if ((isa & SN_ISA_AVX2) && (saved & zmm) == zmm && (b & avx512) == avx512)
        isa |= SN_ISA_AVX512;
    return isa;
}
#else
unsigned sn_cpu_isa(void)
{
    return SN_ISA_REF;
}
#endif

int sn_cpu_lower(unsigned allowed, const char *name, unsigned *isa)
{
    static const struct {
        const char *name;
        unsigned top; /* the set of that name */
        unsigned all; /* and those below it */
    } sets[] = {
        {"ref", SN_ISA_REF, SN_ISA_REF},
        {"avx2", SN_ISA_AVX2, SN_ISA_AVX2},
        {"avx512", SN_ISA_AVX512, SN_ISA_AVX512 | SN_ISA_AVX2},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(name, sets[i].name) != 0)
            continue;
        if ((allowed & sets[i].top) != sets[i].top)
            return -2;
        *isa = allowed & sets[i].all;
        return 0;
    }
    return -1;
}
