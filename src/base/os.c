/* Questions to the operating system.  Linux answers most of them in small text
 * files; each reader below takes a missing file or an odd line as "not said"
 * and falls back, because containers hide any of them. */

#define _GNU_SOURCE /* sched_getaffinity, madvise, TIOCGWINSZ */

#include "base/os.h"

#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20, LINE = 512 };

void *sn_os_block(size_t size)
{
    if (size < HUGE_PAGE)
        return aligned_alloc(64, size);

    /* Whole huge pages, or the kernel cannot back the tail with one. */
    if (size > SIZE_MAX - HUGE_PAGE)
        return NULL;
    const size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *block = aligned_alloc(HUGE_PAGE, whole);
    if (block)
        (void)madvise(block, whole, MADV_HUGEPAGE); /* a wish, not a need */
    return block;
}

/* First line of a file, without its newline.  False when there is none. */
static int first_line(const char *path, char line[LINE])
{
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    const int found = fgets(line, LINE, f) != NULL;
    fclose(f);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

/* The decimal number at the start of a file; UINT64_MAX when there is none
 * (control groups say "max" for no limit). */
static uint64_t number_in(const char *path)
{
    char line[LINE];
    uint64_t number;
    if (!first_line(path, line) || sscanf(line, "%" SCNu64, &number) != 1)
        return UINT64_MAX;
    return number;
}

/* CPU quota of the control group in cores, rounded up; 0 for none.  Version 2
 * says "quota period" or "max period", version 1 has a file for each. */
static int quota_cores(void)
{
    char line[LINE];
    long long quota = -1, period = 0;
    if (first_line("/sys/fs/cgroup/cpu.max", line)) {
        if (sscanf(line, "%lld %lld", &quota, &period) != 2)
            return 0;
    } else if (first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", line) &&
               sscanf(line, "%lld", &quota) == 1 &&
               first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", line)) {
        if (sscanf(line, "%lld", &period) != 1)
            return 0;
    }
    if (quota <= 0 || period <= 0 || quota / period > 4096)
        return 0;
    return (int)((quota + period - 1) / period);
}

int sn_os_cores(void)
{
    int cores = 0;
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0)
        cores = CPU_COUNT(&mask);
    if (cores < 1) /* more cores than the mask has bits */
        cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    const int quota = quota_cores();
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores < 1 ? 1 : cores;
}

/* Bytes the control group leaves; UINT64_MAX without a limit.  Cached file
 * pages count as used there although the kernel gives them back. */
static uint64_t group_memory_left(void)
{
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
    uint64_t used = number_in("/sys/fs/cgroup/memory.current");
    if (limit == UINT64_MAX) {
        limit = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");
        used = number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes");
    }
    if (limit == UINT64_MAX || used == UINT64_MAX)
        return UINT64_MAX;
    return used < limit ? limit - used : 0;
}

size_t sn_os_memory_available(void)
{
    uint64_t bytes = UINT64_MAX;
    FILE *f = fopen("/proc/meminfo", "r");
    if (f) {
        char line[LINE];
        uint64_t kib;
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib) == 1)
                bytes = kib << 10;
        fclose(f);
    }
    const uint64_t left = group_memory_left();
    if (left < bytes)
        bytes = left;
    return bytes == UINT64_MAX ? 0 : (size_t)bytes;
}

size_t sn_os_peak_rss(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (size_t)usage.ru_maxrss << 10; /* Linux counts in KiB */
}

int sn_os_columns(FILE *f)
{
    struct winsize size;
    const int fd = fileno(f);
    if (fd < 0 || !isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

void sn_os_name(char *buf, size_t size)
{
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(buf, size, "%s %s %s", name.sysname, name.release,
                 name.machine);
    else
        snprintf(buf, size, "unknown system");
}

void sn_os_cpu_name(char *buf, size_t size)
{
    snprintf(buf, size, "unknown CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[LINE];
    while (fgets(line, sizeof line, f)) {
        const char *colon = strstr(line, ": ");
        if (strncmp(line, "model name", 10) == 0 && colon) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(buf, size, "%s", colon + 2);
            break;
        }
    }
    fclose(f);
}

void sn_os_thread_idle(void)
{
#ifdef SCHED_IDLE
    const struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_IDLE, &none); /* 0: this thread */
#endif
}

/* Where the thread that is pinned might run before. */
static cpu_set_t unpinned;
static bool pinned;

bool sn_os_pin(void)
{
    cpu_set_t here;
    const int core = sched_getcpu();
    if (pinned)
        return true;
    if (core < 0 || core >= CPU_SETSIZE ||
        sched_getaffinity(0, sizeof unpinned, &unpinned) != 0)
        return false;
    CPU_ZERO(&here);
    CPU_SET((size_t)core, &here);
    pinned = sched_setaffinity(0, sizeof here, &here) == 0;
    return pinned;
}

void sn_os_unpin(void)
{
    if (pinned)
        (void)sched_setaffinity(0, sizeof unpinned, &unpinned);
    pinned = false;
}

void sn_os_wait_briefly(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (setenv("GOMP_SPINCOUNT", "20000", 1) == 0)
        (void)execv("/proc/self/exe", argv);
}
