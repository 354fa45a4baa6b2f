/* Files.  What is written whole goes through a temporary name in the same
 * folder, fsync, rename, and fsync of the folder, so that a crash at any moment
 * leaves the old file or the new one.  The temporary name is fixed
 * (`path`.tmp): what a killed run left behind is overwritten by the next, never
 * collected. */

#define _XOPEN_SOURCE 700 /* realpath */

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/nearest.h"

enum { PATH_BYTES = 4096, NAMES_MAX = 512 };

/* ---- paths ---- */

/* Bytes of `dir` without its last component. */
static size_t parent_length(const char *dir, size_t n)
{
    while (n > 1 && dir[n - 1] == '/')
        n--;
    while (n > 0 && dir[n - 1] != '/')
        n--;
    while (n > 1 && dir[n - 1] == '/')
        n--;
    return n;
}

bool sn_path_join(char *buf, size_t size, const char *dir, const char *name)
{
    size_t keep = dir && name[0] != '/' ? strlen(dir) : 0;
    while (keep > 0) {
        if (strncmp(name, "./", 2) == 0)
            name += 2;
        else if (strncmp(name, "../", 3) == 0 && dir[0] == '/' && keep > 1) {
            keep = parent_length(dir, keep);
            name += 3;
        } else
            break;
    }
    const bool slash = keep > 0 && dir[keep - 1] != '/';
    const size_t need = keep + slash + strlen(name) + 1;
    if (need > size) {
        buf[0] = '\0';
        return false;
    }
    snprintf(buf, size, "%.*s%s%s", (int)keep, dir ? dir : "", slash ? "/" : "",
             name);
    return true;
}

/* The folder part of a path, "." when it has none. */
static void folder_of(char *buf, size_t size, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(buf, size, ".");
    else
        snprintf(buf, size, "%.*s", slash == path ? 1 : (int)(slash - path),
                 path);
}

sn_status sn_path_folder(char *buf, size_t size, const char *path,
                         struct sn_error *err)
{
    char folder[PATH_BYTES];
    folder_of(folder, sizeof folder, path);
    char *real = realpath(folder, NULL);
    if (!real)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", folder, strerror(errno));
    const bool fits = strlen(real) < size;
    if (fits)
        snprintf(buf, size, "%s", real);
    free(real);
    if (!fits)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: its absolute path is longer than %zu bytes", folder,
                       size - 1);
    return SN_OK;
}

bool sn_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool sn_path_cache(char *buf, size_t size, const char *name)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char dir[PATH_BYTES];
    buf[0] = '\0';
    if (cache && *cache == '/') {
        if (!sn_path_join(dir, sizeof dir, cache, "supernet"))
            return false;
    } else if (!home || *home != '/' ||
               !sn_path_join(dir, sizeof dir, home, ".cache/supernet")) {
        return false;
    }
    return sn_dir_make(dir, NULL) == SN_OK &&
           sn_path_join(buf, size, dir, name);
}

/* The nearest name to `word` in an open folder, into buf; "" for none. */
static void nearest_entry(DIR *folder, const char *word, char *buf, size_t size)
{
    char *names[NAMES_MAX];
    size_t count = 0;
    for (struct dirent *e; count < NAMES_MAX && (e = readdir(folder));) {
        if (e->d_name[0] == '.')
            continue;
        names[count] = strdup(e->d_name);
        if (!names[count])
            break;
        count++;
    }
    const char *near = sn_nearest(word, (const char *const *)names, count);
    snprintf(buf, size, "%s", near ? near : "");
    for (size_t i = 0; i < count; i++)
        free(names[i]);
}

void sn_path_hint(char *buf, size_t size, const char *path)
{
    char parent[PATH_BYTES], missing[PATH_BYTES], near[256];
    buf[0] = '\0';
    if (strlen(path) >= sizeof missing)
        return;
    snprintf(missing, sizeof missing, "%s", path);
    for (;;) { /* up to the first folder that exists */
        folder_of(parent, sizeof parent, missing);
        if (sn_file_exists(parent) || strcmp(parent, missing) == 0)
            break;
        snprintf(missing, sizeof missing, "%s", parent);
    }
    DIR *folder = opendir(parent);
    if (!folder)
        return;
    const char *slash = strrchr(missing, '/');
    nearest_entry(folder, slash ? slash + 1 : missing, near, sizeof near);
    closedir(folder);
    if (*near)
        snprintf(buf, size, "; did you mean '%s'?", near);
    else if (strcmp(missing, path) != 0)
        snprintf(buf, size, "; there is no folder '%.200s'", missing);
}

sn_status sn_dir_make(const char *path, struct sn_error *err)
{
    char part[PATH_BYTES];
    if (!*path || strlen(path) >= sizeof part)
        return sn_fail(err, SN_ERR_OUTPUT,
                       "a folder cannot be made: its path is %s",
                       *path ? "too long" : "empty");
    for (const char *end = path; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0777) == 0)
            continue;
        const int why = errno;
        struct stat st;
        if (stat(part, &st) != 0 || !S_ISDIR(st.st_mode))
            return sn_fail(err, SN_ERR_OUTPUT, "%s: folder cannot be made: %s",
                           part, strerror(why));
    }
    return SN_OK;
}

/* ---- reading ---- */

static sn_status read_open(FILE *f, const char *path, size_t limit, char **data,
                           size_t *bytes, struct sn_error *err)
{
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        return sn_fail(err, SN_ERR_INPUT, "%s: is not a regular file", path);
    if ((uintmax_t)st.st_size > limit)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: has %jd bytes; expected at most %zu", path,
                       (intmax_t)st.st_size, limit);
    const size_t size = (size_t)st.st_size;
    char *text = malloc(size + 1);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY,
                       "%s: out of memory: %zu bytes to read", path, size);
    const size_t got = fread(text, 1, size, f);
    if (got != size) {
        free(text);
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: cannot be read: %zu of %zu bytes came", path, got,
                       size);
    }
    text[size] = '\0';
    *data = text;
    *bytes = size;
    return SN_OK;
}

sn_status sn_file_read(const char *path, size_t limit, char **data,
                       size_t *bytes, struct sn_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        char hint[300] = "";
        const int why = errno;
        if (why == ENOENT)
            sn_path_hint(hint, sizeof hint, path);
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be opened: %s%s", path,
                       strerror(why), hint);
    }
    sn_status rc = read_open(f, path, limit, data, bytes, err);
    fclose(f);
    return rc;
}

/* ---- writing whole ---- */

static char *joined(const char *a, const char *b)
{
    const size_t size = strlen(a) + strlen(b) + 1;
    char *text = malloc(size);
    if (text)
        snprintf(text, size, "%s%s", a, b);
    return text;
}

static void release_writer(struct sn_file_writer *w)
{
    free(w->path);
    free(w->temp);
    *w = (struct sn_file_writer){0};
}

sn_status sn_file_create(struct sn_file_writer *w, const char *path,
                         struct sn_error *err)
{
    struct stat st;
    *w = (struct sn_file_writer){0};
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return sn_fail(err, SN_ERR_OUTPUT,
                       "%s: cannot be written: is not a regular file", path);
    w->path = joined(path, "");
    w->temp = joined(path, ".tmp");
    if (!w->path || !w->temp) {
        release_writer(w);
        return sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
    }
    w->file = fopen(w->temp, "wb");
    if (!w->file) {
        const int why = errno;
        release_writer(w);
        return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be written: %s", path,
                       strerror(why));
    }
    return SN_OK;
}

void sn_file_add(struct sn_file_writer *w, const void *data, size_t bytes)
{
    if (bytes && !w->failure && fwrite(data, 1, bytes, w->file) != bytes)
        w->failure = errno ? errno : EIO;
}

void sn_file_abandon(struct sn_file_writer *w)
{
    if (w->file) {
        fclose(w->file);
        remove(w->temp);
    }
    release_writer(w);
}

/* Makes a rename last: the entry is data of the folder. */
static int sync_folder_of(const char *path)
{
    char folder[PATH_BYTES];
    folder_of(folder, sizeof folder, path);
    const int fd = open(folder, O_RDONLY);
    if (fd < 0)
        return errno;
    /* Some file systems cannot sync a folder and say EINVAL. */
    const int why = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    close(fd);
    return why;
}

sn_status sn_file_commit(struct sn_file_writer *w, struct sn_error *err)
{
    int why = w->failure;
    if (!why && (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0))
        why = errno;
    if (fclose(w->file) != 0 && !why)
        why = errno;
    w->file = NULL;
    if (!why && rename(w->temp, w->path) != 0)
        why = errno;
    if (!why)
        why = sync_folder_of(w->path);
    else
        remove(w->temp);

    sn_status rc = SN_OK;
    if (why)
        rc = sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be written: %s", w->path,
                     strerror(why));
    release_writer(w);
    return rc;
}

sn_status sn_file_write(const char *path, const void *data, size_t bytes,
                        struct sn_error *err)
{
    struct sn_file_writer w;
    SN_TRY(sn_file_create(&w, path, err));
    sn_file_add(&w, data, bytes);
    return sn_file_commit(&w, err);
}

/* ---- append-only logs ---- */

/* Cuts the open log back to `keep` bytes. */
static sn_status cut_back(FILE *f, const char *path, size_t keep,
                          struct sn_error *err)
{
    struct stat st;
    if (fstat(fileno(f), &st) != 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: %s", path, strerror(errno));
    if ((uintmax_t)st.st_size < keep)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: has %jd bytes; expected at least the %zu that the "
                       "checkpoint counts",
                       path, (intmax_t)st.st_size, keep);
    if (ftruncate(fileno(f), (off_t)keep) != 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be cut back: %s", path,
                       strerror(errno));
    return SN_OK;
}

sn_status sn_log_file_open(struct sn_log_file *l, const char *path, size_t keep,
                           struct sn_error *err)
{
    *l = (struct sn_log_file){0};
    FILE *f = fopen(path, "ab");
    if (!f)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be opened: %s", path,
                       strerror(errno));
    sn_status rc = keep == SIZE_MAX ? SN_OK : cut_back(f, path, keep, err);
    char *copy = rc == SN_OK ? joined(path, "") : NULL;
    if (rc == SN_OK && !copy)
        rc = sn_fail(err, SN_ERR_MEMORY, "%s: out of memory", path);
    if (rc != SN_OK) {
        fclose(f);
        return rc;
    }
    *l = (struct sn_log_file){f, copy};
    return SN_OK;
}

sn_status sn_log_file_add(struct sn_log_file *l, struct sn_error *err,
                          const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int wrote = vfprintf(l->file, fmt, args);
    va_end(args);
    if (wrote < 0 || fflush(l->file) != 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be written: %s", l->path,
                       strerror(errno));
    return SN_OK;
}

sn_status sn_log_file_sync(struct sn_log_file *l, size_t *length,
                           struct sn_error *err)
{
    struct stat st;
    if (fflush(l->file) != 0 || fsync(fileno(l->file)) != 0 ||
        fstat(fileno(l->file), &st) != 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be written: %s", l->path,
                       strerror(errno));
    *length = (size_t)st.st_size;
    return SN_OK;
}

void sn_log_file_close(struct sn_log_file *l)
{
    if (l->file)
        fclose(l->file);
    free(l->path);
    *l = (struct sn_log_file){0};
}
