#ifndef SN_DATASETS_STORE_H
#define SN_DATASETS_STORE_H

/* The pictures of a catalog as the network sees them: decoded, upright, fitted
 * to a square.
 *
 * Opening a store decodes every file once, on all threads: whether it is sound,
 * and the mean and deviation of the training pixels, cannot be known otherwise.
 * What happens to the decoded squares is the cache's business (`cache`):
 *
 *   ram    they stay in memory
 *   disk   they lie in a file under the user's cache folder, mapped into
 *          memory; the next run over the same files finds it there
 *   off    they are dropped, and decoded again whenever a batch asks for them
 *   auto   on disk where the files hold so much that decoding them at every
 *          start would be a nuisance, and the disk has room to spare; else in
 *          memory where half of what is left holds them, else on disk, else off
 *
 * A square depends on its file, `size` and `fit` alone, so the cache changes no
 * bit of any result. */

#include <stdbool.h>

#include "datasets/catalog.h"
#include "datasets/image.h"

enum sn_cache { SN_CACHE_AUTO, SN_CACHE_RAM, SN_CACHE_DISK, SN_CACHE_OFF };

#define SN_CACHE_PAYS (256LL << 20) /* bytes of files: seconds of decoding */

struct sn_store {
    struct sn_catalog catalog; /* of the sound pictures alone; owned */
    int side;
    enum sn_fit fit;
    enum sn_cache cache;      /* what was chosen: never SN_CACHE_AUTO */
    bool found;               /* nothing had to be decoded: it was on disk */
    size_t cell;              /* bytes of a square */
    uint8_t *cells;           /* [n, side, side, 3]; NULL where cache is off */
    struct sn_extent *extent; /* [n] owned */
    uint64_t count[SN_IMAGE_CHANNELS][256]; /* values of the training pixels */
    int64_t most;                           /* pixels of the largest picture */
    int bad;                                /* pictures that were left out */
    void *map;                              /* of the cache's file, or NULL */
    size_t map_bytes;
};

/* Takes the catalog over (it is empty afterwards, also after a failure).
 * Pictures that cannot be read are SN_ERR_INPUT, all of them listed, or left
 * out where o->skip_bad says so.  SN_ERR_MEMORY, SN_ERR_OUTPUT (cache = disk;
 * with auto that is no reason to fail), and those of sn_dataset_open_watched().
 */
sn_status sn_store_open(struct sn_store **store, struct sn_catalog *catalog,
                        const struct sn_data_options *o,
                        const struct sn_watch *watch, struct sn_error *err);

/* Decodes picture i anew, into cell [side, side, 3].  SN_ERR_INPUT, also for a
 * file that was changed since it was listed; SN_ERR_MEMORY.  Any thread. */
sn_status sn_store_decode(const struct sn_store *s, int i, uint8_t *cell,
                          struct sn_extent *extent, struct sn_error *err);

/* Bytes of memory that a store holds, the squares included where it is memory
 * they lie in. */
size_t sn_store_bytes(const struct sn_store *s);

/* Bytes that it takes at most to decode so many pictures at once. */
size_t sn_store_work(const struct sn_store *s, int at_once);

void sn_store_close(struct sn_store *s);

#endif
