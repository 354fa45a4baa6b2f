/* Where a run lives; see rundir.h. */

#include "job/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const log_names[SN_RUN_LOGS] = {
    [SN_LOG_TEXT] = "log.txt",
    [SN_LOG_EPOCHS] = "epochs.csv",
    [SN_LOG_STEPS] = "steps.jsonl",
    [SN_LOG_VALUES] = "values.csv",
};

static const char lock_name[] = "lock";

enum {
    SAME_SECOND_MAX = 100, /* runs of one name started within a second */
    FILE_NAME_ROOM = 64,   /* of SN_RUN_PATH: for the names of our files */
    READ_MAX = 64 << 20    /* bytes of a text file that we wrote */
};

/* The config's file name without folder and `.ini`. */
static void run_name(char *buf, size_t size, const char *config)
{
    const char *slash = strrchr(config, '/');
    const char *name = slash ? slash + 1 : config;
    size_t n = strlen(name);
    if (n > 4 && strcmp(name + n - 4, ".ini") == 0)
        n -= 4;
    snprintf(buf, size, "%.*s", (int)n, name);
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool empty = true;
    for (const struct dirent *e; empty && (e = readdir(dir));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    closedir(dir);
    return empty;
}

static sn_status take_exact(struct sn_rundir *d, const char *path,
                            struct sn_error *err)
{
    if (sn_file_exists(path) && !is_empty(path))
        return sn_fail(err, SN_ERR_OUTPUT,
                       "%s: exists and is not an empty folder; a run needs a "
                       "place of its own",
                       path);
    snprintf(d->path, sizeof d->path, "%s", path);
    return sn_dir_make(path, err);
}

/* The first folder of that name and moment that is not there yet. */
static sn_status take_named(struct sn_rundir *d, const char *name,
                            const char *parent, struct sn_error *err)
{
    char moment[SN_CLOCK_TEXT];
    SN_TRY(sn_dir_make(parent, err));
    sn_clock_name(moment);
    for (int i = 1; i <= SAME_SECOND_MAX; i++) {
        char more[16] = "";
        if (i > 1)
            snprintf(more, sizeof more, "-%d", i);
        SN_CHECK(snprintf(d->path, sizeof d->path, "%s/%s-%s%s", parent, name,
                          moment, more) < SN_RUN_PATH);
        if (mkdir(d->path, 0777) == 0)
            return SN_OK;
        if (errno != EEXIST)
            break;
    }
    return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be made: %s", d->path,
                   strerror(errno));
}

/* parent/latest -> the run, for people; a system that has no symbolic links
 * goes without. */
static void point_latest(const struct sn_rundir *d, const char *parent)
{
    char link[SN_RUN_PATH], temp[SN_RUN_PATH];
    const char *name = strrchr(d->path, '/') + 1;
    if (!sn_path_join(link, sizeof link, parent, "latest") ||
        !sn_path_join(temp, sizeof temp, parent, "latest.tmp"))
        return;
    unlink(temp);
    if (symlink(name, temp) == 0 && rename(temp, link) != 0)
        unlink(temp);
}

/* A place that takes a file now will, short of a full disk, take the result. */
static sn_status probe(const struct sn_rundir *d, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    SN_TRY(sn_rundir_write(d, "probe", "a run can be written here\n", err));
    unlink(sn_rundir_file(d, "probe", path));
    return SN_OK;
}

sn_status sn_rundir_create(struct sn_rundir *d, const char *config,
                           const char *parent, const char *exact,
                           struct sn_error *err)
{
    char name[SN_RUN_PATH];
    struct sn_rundir made = {0};
    run_name(name, sizeof name, config);
    const size_t length =
        exact ? strlen(exact)
              : strlen(parent) + strlen(name) + SN_CLOCK_TEXT + sizeof "/--99";
    if (length + FILE_NAME_ROOM > sizeof made.path)
        return sn_fail(err, SN_ERR_OUTPUT,
                       "%.60s...: the name of the run directory has more than "
                       "%d bytes",
                       exact ? exact : parent, SN_RUN_PATH - FILE_NAME_ROOM);
    if (exact)
        SN_TRY(take_exact(&made, exact, err));
    else
        SN_TRY(take_named(&made, name, parent, err));
    SN_TRY(probe(&made, err));
    if (!exact)
        point_latest(&made, parent);
    *d = made;
    return SN_OK;
}

/* A link such as runs/latest is followed: what is told of the run, and what a
 * config keeps of it, still holds when the link points elsewhere.  What cannot
 * be followed stays as it is. */
static void follow_link(char *path, size_t size)
{
    char target[SN_RUN_PATH];
    const ssize_t n = readlink(path, target, sizeof target - 1);
    const char *slash = strrchr(path, '/');
    if (n <= 0)
        return;
    target[n] = '\0';
    const size_t head =
        target[0] != '/' && slash ? (size_t)(slash + 1 - path) : 0;
    if (head + (size_t)n < size)
        memcpy(path + head, target, (size_t)n + 1);
}

sn_status sn_rundir_open(struct sn_rundir *d, const char *path,
                         struct sn_error *err)
{
    struct stat st;
    char config[SN_RUN_PATH], hint[256];
    struct sn_rundir found = {0};
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n + FILE_NAME_ROOM > sizeof found.path)
        return sn_fail(err, SN_ERR_INPUT, "%.60s...: no run directory", path);
    snprintf(found.path, sizeof found.path, "%.*s", (int)n, path);
    follow_link(found.path, sizeof found.path - FILE_NAME_ROOM);
    if (stat(found.path, &st) != 0) {
        const char *why = strerror(errno);
        sn_path_hint(hint, sizeof hint, found.path);
        return sn_fail(err, SN_ERR_INPUT, "%s: %s%s", found.path, why, hint);
    }
    if (!S_ISDIR(st.st_mode) ||
        !sn_file_exists(sn_rundir_file(&found, "config.ini", config)))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is no run directory; expected a folder with a "
                       "config.ini, made by supernet train",
                       found.path);
    *d = found;
    return SN_OK;
}

/* The lock is on a file of its own, since closing any other view of a file
 * drops it; what a killed run leaves of it locks nothing.  A file system that
 * knows no locks goes without. */
sn_status sn_rundir_lock(struct sn_rundir *d, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd =
        open(sn_rundir_file(d, lock_name, path), O_RDWR | O_CREAT, 0666);
    if (fd < 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: %s", path, strerror(errno));
    if (fcntl(fd, F_SETLK, &lock) != 0 &&
        (errno == EACCES || errno == EAGAIN)) {
        close(fd);
        return sn_fail(err, SN_ERR_OUTPUT,
                       "%s: another supernet is at work in this run", d->path);
    }
    d->lock = fd;
    return SN_OK;
}

sn_status sn_rundir_logs(struct sn_rundir *d, const size_t *keep,
                         struct sn_error *err)
{
    for (int i = 0; i < SN_RUN_LOGS; i++) {
        char path[SN_RUN_PATH];
        SN_TRY(sn_log_file_open(&d->log[i],
                                sn_rundir_file(d, log_names[i], path),
                                keep ? keep[i] : 0, err));
    }
    return SN_OK;
}

sn_status sn_rundir_sync(struct sn_rundir *d, size_t *length,
                         struct sn_error *err)
{
    for (int i = 0; i < SN_RUN_LOGS; i++)
        SN_TRY(sn_log_file_sync(&d->log[i], &length[i], err));
    return SN_OK;
}

const char *sn_rundir_file(const struct sn_rundir *d, const char *name,
                           char *buf)
{
    SN_CHECK(sn_path_join(buf, SN_RUN_PATH, d->path, name));
    return buf;
}

sn_status sn_rundir_write(const struct sn_rundir *d, const char *name,
                          const char *text, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    struct sn_file_writer w;
    const size_t n = strlen(text);
    SN_TRY(sn_file_create(&w, sn_rundir_file(d, name, path), err));
    sn_file_add(&w, text, n);
    if (n == 0 || text[n - 1] != '\n')
        sn_file_add(&w, "\n", 1);
    return sn_file_commit(&w, err);
}

sn_status sn_rundir_read(const struct sn_rundir *d, const char *name,
                         char **text, size_t *bytes, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    return sn_file_read(sn_rundir_file(d, name, path), READ_MAX, text, bytes,
                        err);
}

void sn_rundir_close(struct sn_rundir *d)
{
    for (int i = 0; i < SN_RUN_LOGS; i++)
        sn_log_file_close(&d->log[i]);
    memset(d->log, 0, sizeof d->log);
    if (d->lock > 0) {
        char path[SN_RUN_PATH];
        unlink(sn_rundir_file(d, lock_name, path));
        close(d->lock);
    }
    d->lock = 0;
}
