#ifndef SN_BASE_ARENA_H
#define SN_BASE_ARENA_H

/* One block of memory, handed out front to back, given back as a whole.
 *
 * Plan, then run: the same planning code runs twice.  On an arena without a
 * block sn_arena_take() only counts and returns NULL; once the sum is known,
 * printed and accepted, sn_arena_reserve() takes the block and the code runs
 * again and receives pointers. */

#include <stddef.h>

#include "base/status.h"

#define SN_ARENA_ALIGN 64 /* bytes; every piece starts on a cache line */

struct sn_arena {
    unsigned char *base; /* owned; NULL while only counting */
    size_t size;         /* bytes of the block */
    size_t used;         /* bytes taken, alignment included */
    size_t peak;         /* largest `used` since the last reserve */
};

/* An arena that counts. */
void sn_arena_init(struct sn_arena *a);

/* Takes a block of `bytes` (on huge pages where the system grants them),
 * zeroed and touched once, and empties the arena.  A block held before is
 * given back first.  SN_ERR_MEMORY with the figure when the system refuses. */
sn_status sn_arena_reserve(struct sn_arena *a, size_t bytes,
                           struct sn_error *err);

/* `count` items of `item` bytes, 64-byte aligned.  Contents are what the block
 * held.  Overflow of the product, and running past the block of an arena that
 * has one, are faults of ours (SN_CHECK): the plan was wrong.  NULL while
 * counting. */
void *sn_arena_take(struct sn_arena *a, size_t count, size_t item);

/* Forgets all that was taken since `used` was `mark`; the block stays. */
void sn_arena_reset(struct sn_arena *a, size_t mark);

/* Fills all that was taken, and what lies between, with one byte: 0xff makes
 * NaN of whatever is read before it is written.  For tests. */
void sn_arena_fill(struct sn_arena *a, unsigned char byte);

/* Gives the block back.  Takes a half-built or released arena as well. */
void sn_arena_release(struct sn_arena *a);

#endif
