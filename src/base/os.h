#ifndef SN_BASE_OS_H
#define SN_BASE_OS_H

/* What the operating system knows: cores, memory, the terminal.  The one file
 * of this room that asks for more than POSIX. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A block of `size` bytes (a multiple of 64), aligned to 64 bytes, on 2 MiB
 * pages where it is large and the system grants them.  NULL when the system
 * refuses.  Given back with free(). */
void *sn_os_block(size_t size);

/* Cores this process may use: its affinity mask, lowered to the CPU quota of
 * its control group (rounded up).  At least 1. */
int sn_os_cores(void);

/* Bytes of memory that can still be taken without swapping, lowered to what
 * the control group has left.  0 when the system does not say. */
size_t sn_os_memory_available(void);

/* Largest resident size of this process so far, in bytes. */
size_t sn_os_peak_rss(void);

/* Columns of the terminal behind `f`, 0 when it is none (or does not say). */
int sn_os_columns(FILE *f);

/* Makes waiting threads give up their core soon.  GNU's OpenMP lets a thread
 * spin for milliseconds at every barrier; where another program wants the same
 * core, that makes a training step several times slower (bench/TRIED.md).  The
 * library reads its settings before main(), so the program starts itself anew,
 * once, with GOMP_SPINCOUNT set; unless the environment already says how to
 * wait.  `argv` is main's.  Returns where nothing is to be done or it fails. */
void sn_os_wait_briefly(char **argv);

/* From now on the calling thread runs only where a core would be idle
 * otherwise. No effect where the system does not know such a thing. */
void sn_os_thread_idle(void);

/* Keeps the calling thread on the core it is on, until sn_os_unpin().  False
 * where the system does not let it. */
bool sn_os_pin(void);
void sn_os_unpin(void);

/* Name and version of kernel and machine, "Linux 6.1.0 x86_64". */
void sn_os_name(char *buf, size_t size);

/* The processor's own name ("unknown CPU" when the system does not say). */
void sn_os_cpu_name(char *buf, size_t size);

#endif
