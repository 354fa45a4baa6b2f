#ifndef SN_DATASETS_STORE_INTERNAL_H
#define SN_DATASETS_STORE_INTERNAL_H

/* What store.c shares with store_file.c. */

#include "datasets/store.h"

/* ---- content.c ---- */

/* 128 bits that stand for bytes; for telling contents apart, not for secrets.
 */
struct sn_content {
    uint64_t word[2];
};

/* Begins with {0, 0}, goes on with what it returned. */
struct sn_content sn_content_add(struct sn_content c, const void *data,
                                 size_t bytes);

/* ---- store_file.c: what of a store outlives the program ---- */

/* A store's file, open for this process alone. */
struct sn_store_file {
    char path[SN_CATALOG_PATH], temp[SN_CATALOG_PATH + 8];
    int fd;       /* of the temporary file, -1: none */
    size_t first; /* where the squares begin */
    struct sn_content key;
};

/* Which cache serves the store where `asked` is SN_CACHE_AUTO: from the bytes
 * of the files, of the squares, those of memory that are left (0: unknown) and
 * those of disk. */
enum sn_cache sn_store_choose(double files, double squares, double left,
                              double room);

/* Makes a place for the squares where s->cache says: in memory, in a file, or
 * none.  A file that cannot be had (another process is at it, the disk is full)
 * turns s->cache to `otherwise`, unless that is SN_CACHE_DISK too.  s->found:
 * all is there already.  SN_ERR_MEMORY, SN_ERR_OUTPUT. */
sn_status sn_store_place(struct sn_store *s, struct sn_store_file *f,
                         enum sn_cache otherwise, bool skip_bad,
                         struct sn_error *err);

/* Finds the file of this catalog, side and fit, with the squares or (`cells` is
 * false) with what is known of them alone.  Where there is a whole one, and no
 * bad pictures or skip_bad, *s gets what it knows, loses the bad pictures, and
 * s->found is set.  Otherwise the temporary file is left open for the others.
 * SN_ERR_OUTPUT where there is no place for it, or another process is at it.
 * *f comes zeroed, with fd = -1. */
sn_status sn_store_file_open(struct sn_store_file *f, struct sn_store *s,
                             bool cells, bool skip_bad, struct sn_error *err);

/* Takes room for n squares on the disk and maps it: s->cells, s->map.
 * SN_ERR_OUTPUT when there is not that much. */
sn_status sn_store_file_make(struct sn_store_file *f, struct sn_store *s,
                             struct sn_error *err);

/* All is decoded; `sound` [n] says which of the n entries of the catalog were.
 * Gives the file its name, and removes files that nobody asked for in a month.
 * SN_ERR_OUTPUT. */
sn_status sn_store_file_commit(struct sn_store_file *f,
                               const struct sn_store *s, const uint8_t *sound,
                               int n, struct sn_error *err);

/* Takes what was never opened, too. */
void sn_store_file_close(struct sn_store_file *f);

/* Bytes that are free where store files lie; 0 where they cannot lie. */
uint64_t sn_store_file_room(void);

/* Leaves only the sound entries of the n in catalog and extents, and, where
 * `cells`, the squares; counts the others in s->bad. */
void sn_store_keep(struct sn_store *s, const uint8_t *sound, bool cells);

#endif
