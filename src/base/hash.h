#ifndef SN_BASE_HASH_H
#define SN_BASE_HASH_H

/* FNV-1a, 64 bits: tells apart what differs by accident, not by intent. */

#include <stddef.h>
#include <stdint.h>

#define SN_HASH_START 0xcbf29ce484222325u

/* The hash of what `h` is the hash of and these bytes behind it. */
uint64_t sn_hash(uint64_t h, const void *data, size_t bytes);

#endif
