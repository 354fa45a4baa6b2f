/* The cache on disk: decoded squares, and what was learnt while decoding.
 *
 *   header   magic, key, counts of values, how many entries are sound
 *   sound    [n] bytes, 1: a sound picture
 *   extent   [n]
 *   squares  [n, side, side, 3] from a page's beginning on; only where cache =
 *            disk.  With cache = off the file ends before them: it still saves
 *            decoding everything just to find what is broken and the mean
 *
 * The file lies in $XDG_CACHE_HOME/supernet, else $HOME/.cache/supernet, under
 * a name made from its key: the paths, sizes and times of all files, their
 * labels and parts, `size` and `fit`.  A file that was changed gives another
 * key.  It is written under a temporary name, locked, and renamed when whole;
 * everything in it can be made again, so it may be deleted at any time. Whoever
 * writes a file removes those that no run has used for 30 days, and what others
 * left half written. */

#include "datasets/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "datasets/datasets_internal.h"

#define MAGIC   "snstore" /* with its NUL; change the number with the format */
#define VERSION 2u

enum { PAGE = 4096 };

#define UNUSED_SECONDS (30.0 * 24 * 60 * 60)

struct header {
    char magic[8];
    uint32_t version;
    int32_t n, sound;
    uint32_t cells; /* 1: the squares follow */
    struct sn_content key;
    uint64_t count[SN_IMAGE_CHANNELS][256];
    int64_t most; /* pixels of the largest picture */
};

/* ---- where ---- */

/* The folder, which is made where it is missing. */
static sn_status find_folder(char *buf, size_t size, struct sn_error *err)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (base && base[0] == '/')
        length = snprintf(buf, size, "%s/supernet", base);
    else if (home && home[0] == '/')
        length = snprintf(buf, size, "%s/.cache/supernet", home);
    if (length < 0 || (size_t)length >= size)
        return sn_fail(err, SN_ERR_OUTPUT,
                       "[data] cache: disk needs a folder: neither "
                       "XDG_CACHE_HOME nor HOME names one");
    return sn_dir_make(buf, err);
}

uint64_t sn_store_file_room(void)
{
    char folder[SN_CATALOG_PATH];
    struct sn_error unused;
    struct statvfs st;
    if (find_folder(folder, sizeof folder, &unused) != SN_OK ||
        access(folder, W_OK) != 0 || statvfs(folder, &st) != 0)
        return 0;
    return (uint64_t)st.f_bavail * st.f_frsize;
}

static struct sn_content key_of(const struct sn_store *s, bool cells)
{
    struct sn_content key = {{0, 0}};
    const struct sn_catalog *c = &s->catalog;
    char root[SN_CATALOG_PATH];
    const int32_t what[] = {VERSION, SN_IMAGE_VERSION, s->side, s->fit, c->n,
                            cells};
    char *real = c->root[0] == '/' ? NULL : getcwd(root, sizeof root);
    if (real)
        key = sn_content_add(key, real, strlen(real));
    key = sn_content_add(key, c->root, strlen(c->root));
    key = sn_content_add(key, what, sizeof what);
    for (int i = 0; i < c->n; i++) {
        const struct sn_entry *e = &c->entry[i];
        const int64_t file[] = {e->bytes, e->mtime, e->label, e->part};
        const char *name = c->names + e->name;
        key = sn_content_add(key, name, strlen(name));
        key = sn_content_add(key, file, sizeof file);
    }
    return key;
}

static size_t first_square(int n)
{
    const size_t before =
        sizeof(struct header) + (size_t)n * (1 + sizeof(struct sn_extent));
    return (before + PAGE - 1) / PAGE * PAGE;
}

/* ---- a file that is there ---- */

static bool is_ours(const struct header *h, const struct sn_store_file *f,
                    const struct sn_store *s, bool cells, bool skip_bad)
{
    return memcmp(h->magic, MAGIC, sizeof h->magic) == 0 &&
           h->version == VERSION && h->n == s->catalog.n && h->sound >= 0 &&
           h->sound <= h->n && h->cells == cells && h->most >= 0 &&
           h->most <= SN_IMAGE_PIXELS_MAX &&
           memcmp(&h->key, &f->key, sizeof h->key) == 0 &&
           (h->sound == h->n || skip_bad);
}

/* Takes up what a mapped file says. */
static void adopt(struct sn_store *s, const struct header *h, void *map,
                  size_t bytes)
{
    const size_t n = (size_t)h->n;
    const uint8_t *sound = (const uint8_t *)map + sizeof *h;
    memcpy(s->count, h->count, sizeof s->count);
    s->most = h->most;
    memcpy(s->extent, sound + n, n * sizeof *s->extent);
    sn_store_keep(s, sound, false);
    s->found = true;
    if (h->cells) { /* the squares of the sound ones lie without gaps */
        s->map = map;
        s->map_bytes = bytes;
        s->cells = (uint8_t *)map + first_square(h->n);
    } else {
        munmap(map, bytes);
    }
}

/* Whether the extents in a file are sides of pictures. */
static bool extents_fit(const struct sn_store *s, const uint8_t *extents, int n)
{
    for (int i = 0; i < n; i++) {
        struct sn_extent e;
        memcpy(&e, extents + (size_t)i * sizeof e, sizeof e);
        if (e.h > s->side || e.w > s->side)
            return false;
    }
    return true;
}

static bool find(const struct sn_store_file *f, struct sn_store *s, bool cells,
                 bool skip_bad)
{
    struct stat st;
    const int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    void *map = MAP_FAILED;
    size_t bytes = 0;
    if (fstat(fd, &st) == 0 && (size_t)st.st_size >= f->first) {
        futimens(fd, NULL); /* when it was used last, for remove_old() */
        bytes = (size_t)st.st_size;
        map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (map == MAP_FAILED)
        return false;
    struct header h;
    memcpy(&h, map, sizeof h);
    const size_t need = f->first + (cells ? (size_t)h.sound * s->cell : 0);
    const uint8_t *extents =
        (const uint8_t *)map + sizeof h + (size_t)s->catalog.n;
    if (!is_ours(&h, f, s, cells, skip_bad) || bytes < need ||
        !extents_fit(s, extents, h.n)) {
        munmap(map, bytes);
        return false;
    }
    adopt(s, &h, map, bytes);
    return true;
}

/* ---- a new file ---- */

static sn_status write_fault(const struct sn_store_file *f, const char *what,
                             int why, struct sn_error *err)
{
    return sn_fail(err, SN_ERR_OUTPUT,
                   "%s: %s: %s; [data] cache = ram or off needs no such file",
                   f->temp, what, strerror(why));
}

/* The temporary file, for this process alone. */
static sn_status take_temp(struct sn_store_file *f, struct sn_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    f->fd = open(f->temp, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f->fd < 0)
        return write_fault(f, "cannot be made", errno, err);
    struct stat opened, named; /* it may have got its name in between */
    if (fcntl(f->fd, F_SETLK, &lock) == 0 && fstat(f->fd, &opened) == 0 &&
        stat(f->temp, &named) == 0 && opened.st_ino == named.st_ino)
        return SN_OK;
    close(f->fd);
    f->fd = -1;
    return sn_fail(err, SN_ERR_OUTPUT,
                   "%s: another supernet is filling it; try again when it has "
                   "begun to train, or with [data] cache = ram or off",
                   f->temp);
}

sn_status sn_store_file_open(struct sn_store_file *f, struct sn_store *s,
                             bool cells, bool skip_bad, struct sn_error *err)
{
    char folder[SN_CATALOG_PATH - 64];
    SN_TRY(find_folder(folder, sizeof folder, err));
    f->key = key_of(s, cells);
    f->first = first_square(s->catalog.n);
    snprintf(f->path, sizeof f->path, "%s/%016llx%016llx.%s", folder,
             (unsigned long long)f->key.word[0],
             (unsigned long long)f->key.word[1], cells ? "squares" : "known");
    snprintf(f->temp, sizeof f->temp, "%s.tmp", f->path);
    if (find(f, s, cells, skip_bad))
        return SN_OK;
    return take_temp(f, err);
}

sn_status sn_store_file_make(struct sn_store_file *f, struct sn_store *s,
                             struct sn_error *err)
{
    const size_t bytes = f->first + (size_t)s->catalog.n * s->cell;
    int why = ftruncate(f->fd, 0) == 0 ? 0 : errno;
    if (why == 0) /* a page that finds no room later would kill the program */
        why = posix_fallocate(f->fd, 0, (off_t)bytes);
    if (why)
        return write_fault(f, "no room for the decoded images", why, err);
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (map == MAP_FAILED)
        return write_fault(f, "cannot be mapped", errno, err);
    s->map = map;
    s->map_bytes = bytes;
    s->cells = (uint8_t *)map + f->first;
    return SN_OK;
}

static bool write_all(int fd, const void *data, size_t bytes, off_t at)
{
    const char *p = data;
    while (bytes) {
        const ssize_t got = pwrite(fd, p, bytes, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        at += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* The extents of all entries, the bad ones' zero. */
static bool write_extents(const struct sn_store_file *f,
                          const struct sn_store *s, const uint8_t *sound, int n)
{
    struct sn_extent *all = calloc((size_t)n + 1, sizeof *all);
    int from = 0;
    for (int i = 0; all && i < n; i++)
        if (sound[i])
            all[i] = s->extent[from++];
    const bool well =
        all && write_all(f->fd, all, (size_t)n * sizeof *all,
                         (off_t)(sizeof(struct header) + (size_t)n));
    free(all);
    return well;
}

/* Whether nobody is writing the temporary file `path`. */
static bool is_left_over(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool unlocked = fcntl(fd, F_SETLK, &lock) == 0;
    close(fd);
    return unlocked;
}

static int is_ours_by_name(const struct dirent *e)
{
    static const char *const ends[] = {".squares", ".known", ".squares.tmp",
                                       ".known.tmp"};
    const size_t digits = strspn(e->d_name, "0123456789abcdef");
    for (size_t i = 0; digits == 32 && i < sizeof ends / sizeof *ends; i++)
        if (strcmp(e->d_name + digits, ends[i]) == 0)
            return 1;
    return 0;
}

/* Removes what has not been used for long, and what a killed run left. */
static void remove_old(const struct sn_store_file *f)
{
    char folder[SN_CATALOG_PATH], path[SN_CATALOG_PATH + NAME_MAX + 2];
    struct dirent **entry;
    const time_t now = time(NULL);
    snprintf(folder, sizeof folder, "%.*s",
             (int)(strrchr(f->path, '/') - f->path), f->path);
    const int n = scandir(folder, &entry, is_ours_by_name, NULL);
    for (int i = 0; i < n; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        const bool temporary = strstr(entry[i]->d_name, ".tmp") != NULL;
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
            (temporary ? is_left_over(path)
                       : difftime(now, st.st_mtime) > UNUSED_SECONDS))
            unlink(path);
    }
    if (n >= 0)
        sn_entries_free(entry, n);
}

sn_status sn_store_file_commit(struct sn_store_file *f,
                               const struct sn_store *s, const uint8_t *sound,
                               int n, struct sn_error *err)
{
    struct header h = {.magic = MAGIC,
                       .version = VERSION,
                       .n = n,
                       .sound = s->catalog.n,
                       .cells = s->cells != NULL,
                       .most = s->most,
                       .key = f->key};
    if (f->fd < 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: is not open", f->temp);
    memcpy(h.count, s->count, sizeof h.count);
    const size_t end =
        f->first + (s->cells ? (size_t)s->catalog.n * s->cell : 0);
    const bool well = ftruncate(f->fd, (off_t)end) == 0 &&
                      write_all(f->fd, sound, (size_t)n, sizeof h) &&
                      write_extents(f, s, sound, n) &&
                      write_all(f->fd, &h, sizeof h, 0) && fsync(f->fd) == 0 &&
                      rename(f->temp, f->path) == 0;
    if (!well)
        return write_fault(f, "cannot be written", errno, err);
    close(f->fd);
    f->fd = -1;
    remove_old(f);
    return SN_OK;
}

void sn_store_file_close(struct sn_store_file *f)
{
    if (f->fd < 0)
        return;
    unlink(f->temp);
    close(f->fd);
    f->fd = -1;
}
