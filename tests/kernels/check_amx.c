/* Tiles, with words turned one by one. */
#include "amx_check.h"

int main(void)
{
    return amx_tests("kernels amx");
}
