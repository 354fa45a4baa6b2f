/* Tiles, with words turned by vectors. */
#ifdef __x86_64__
#    pragma GCC target("avx512f")
#endif
#include "amx_check.h"

int main(void)
{
    return amx_tests("kernels amx, turned by vectors");
}
