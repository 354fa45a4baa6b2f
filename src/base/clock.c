/* Time from the system's clocks. */

#include "base/clock.h"

#include <time.h>

double sn_clock_seconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct tm utc(void)
{
    struct tm parts = {0};
    const time_t now = time(NULL);
    gmtime_r(&now, &parts);
    return parts;
}

void sn_clock_stamp(char buf[SN_CLOCK_TEXT])
{
    const struct tm parts = utc();
    if (!strftime(buf, SN_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts))
        buf[0] = '\0';
}

void sn_clock_name(char buf[SN_CLOCK_TEXT])
{
    const struct tm parts = utc();
    if (!strftime(buf, SN_CLOCK_TEXT, "%Y%m%d-%H%M%S", &parts))
        buf[0] = '\0';
}
