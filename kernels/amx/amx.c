/* Whether tiles may be used, and what they bring to the table.
 *
 * The registers are large, and the operating system saves them only for
 * programs that ask (Linux 5.16, arch_prctl). */
#define _DEFAULT_SOURCE /* syscall() */
#include "kernels/kernels_internal.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASK_FOR_STATE = 0x1023, TILE_DATA = 18 };
enum { FEATURES = 7, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 }; /* of edx */

int sn_amx_allowed(void)
{
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(FEATURES, 0, &eax, &ebx, &ecx, &edx))
        return 0;
    return (edx & AMX_TILE) && (edx & AMX_BF16) &&
           syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0;
}

void sn_kernels_fill_amx(struct sn_kernels *k)
{
    sn_product_pairs_fill_amx(k);
    k->isa = "amx";
}
