/* The arena: a block taken once, a mark that moves forward, nothing freed
 * alone.  Under the address sanitizer what has not been taken is poisoned and
 * every piece is followed by a guard zone, so that running over the end of one
 * piece into the next is caught although both lie in one block. */

#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

#if defined(__SANITIZE_ADDRESS__)
#    include <sanitizer/asan_interface.h>
enum { GUARD = SN_ARENA_ALIGN };
#    define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#    define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { GUARD = 0 };
#    define POISON(p, n)   ((void)(p), (void)(n))
#    define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

void sn_arena_init(struct sn_arena *a)
{
    *a = (struct sn_arena){0};
}

/* Rounds up to the alignment, or 0 where that overflows. */
static size_t round_up(size_t bytes)
{
    const size_t mask = SN_ARENA_ALIGN - 1;
    return bytes > SIZE_MAX - mask ? 0 : (bytes + mask) & ~mask;
}

sn_status sn_arena_reserve(struct sn_arena *a, size_t bytes,
                           struct sn_error *err)
{
    sn_arena_release(a);
    const size_t size = bytes ? round_up(bytes) : SN_ARENA_ALIGN;
    unsigned char *base = size ? sn_os_block(size) : NULL;
    if (!base)
        return sn_fail(err, SN_ERR_MEMORY,
                       "out of memory: the system refused a block of %zu bytes "
                       "(%.1f MiB)",
                       bytes, (double)bytes / 0x1p20);
    memset(base, 0, size); /* touched here, not in the first step */
    POISON(base, size);
    a->base = base;
    a->size = size;
    return SN_OK;
}

void *sn_arena_take(struct sn_arena *a, size_t count, size_t item)
{
    SN_CHECK(item == 0 || count <= (SIZE_MAX / 2) / item);
    const size_t bytes = count * item;
    const size_t step = round_up(bytes) + GUARD;
    SN_CHECK(a->used <= SIZE_MAX / 2);
    SN_CHECK(!a->base || step <= a->size - a->used);

    unsigned char *piece = a->base ? a->base + a->used : NULL;
    if (piece)
        UNPOISON(piece, bytes);
    a->used += step;
    if (a->used > a->peak)
        a->peak = a->used;
    return piece;
}

void sn_arena_reset(struct sn_arena *a, size_t mark)
{
    SN_CHECK(mark <= a->used);
    if (a->base)
        POISON(a->base + mark, a->size - mark);
    a->used = mark;
}

#if defined(__SANITIZE_ADDRESS__)
/* By hand, past the guard zones; volatile lest it become a call of memset. */
__attribute__((no_sanitize("address"))) static void
fill(unsigned char *base, unsigned char byte, size_t bytes)
{
    for (volatile unsigned char *p = base; p < base + bytes; p++)
        *p = byte;
}
#else
static void fill(unsigned char *base, unsigned char byte, size_t bytes)
{
    memset(base, byte, bytes);
}
#endif

void sn_arena_fill(struct sn_arena *a, unsigned char byte)
{
    if (a->base)
        fill(a->base, byte, a->used);
}

void sn_arena_release(struct sn_arena *a)
{
    if (a->base) {
        UNPOISON(a->base, a->size);
        free(a->base);
    }
    sn_arena_init(a);
}
