/* The dispatch: which function serves which slot.
 *
 * The reference fills every slot; what the caller allows replaces some.  The
 * reference alone is the yardstick of the tests, and all there is in the
 * double-precision build. */
#include "kernels/kernels.h"

#include "kernels/kernels_internal.h"

void sn_kernels_init(struct sn_kernels *k, unsigned isa)
{
    sn_kernels_fill_ref(k);
#ifndef SN_DOUBLE
    if (isa & SN_ISA_PORTABLE)
        sn_kernels_fill_portable(k);
#endif
#if !defined SN_DOUBLE && defined __x86_64__
    if (isa & SN_ISA_AVX2)
        sn_kernels_fill_avx2(k);
    if (isa & SN_ISA_AVX512)
        sn_kernels_fill_avx512(k);
    if (isa & SN_ISA_AVX512BF16)
        sn_kernels_fill_avx512bf16(k);
#    ifdef SN_AMX
    if (isa & SN_ISA_AMX)
        sn_kernels_fill_amx(k);
#    endif
#endif
    (void)isa; /* the double build has no use for it */
}
