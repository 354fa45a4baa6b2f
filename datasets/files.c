/* Folders that are not there, and small files of class names.
 *
 * Most trouble with a data set is a path that does not lead where its author
 * thinks it does.  So a missing folder is explained from what exists: the
 * absolute path, the deepest part of it that is real, and what lies there. */

#include "datasets/datasets_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/text.h"
#include "datasets/image.h"

#define SHOWN    8    /* names of a folder that a message lists */
#define ABSOLUTE 1024 /* bytes of a path as shown in a message */

int sn_entry_is_visible(const struct dirent *e)
{
    return !sn_is_hidden_name(e->d_name);
}

void sn_entries_free(struct dirent **entry, int n)
{
    for (int i = 0; i < n; i++)
        free(entry[i]);
    free(entry);
}

/* Writes "a, b, c and 4 more" about the folder into `text`; where `like` is
 * the name that was looked for, also the one that comes nearest to it. */
static void describe_folder(char *text, size_t size, const char *dir,
                            const char *like)
{
    struct dirent **entry = NULL;
    const int n = scandir(dir, &entry, sn_entry_is_visible, alphasort);
    if (n <= 0) {
        snprintf(text, size,
                 n < 0 ? "which cannot be listed" : "which is empty");
        if (n == 0)
            free(entry);
        return;
    }

    size_t used = (size_t)snprintf(text, size, "which holds");
    for (int i = 0; i < n && i < SHOWN && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %s",
                                 i ? "," : "", entry[i]->d_name);
    if (n > SHOWN && used < size)
        used += (size_t)snprintf(text + used, size - used, " and %d more",
                                 n - SHOWN);

    const char **names = like ? malloc((size_t)n * sizeof *names) : NULL;
    if (names) {
        for (int i = 0; i < n; i++)
            names[i] = entry[i]->d_name;
        const char *near = sn_nearest(like, names, (size_t)n);
        if (near && used < size)
            snprintf(text + used, size - used, "; did you mean '%s'?", near);
        free(names);
    }
    sn_entries_free(entry, n);
}

/* `path` from the root on, without "." and ".."; cut where it is too long. */
static void make_absolute(char abs[ABSOLUTE], const char *path)
{
    char whole[ABSOLUTE];
    if (path[0] == '/' || !getcwd(abs, ABSOLUTE))
        abs[0] = '\0';
    snprintf(whole, sizeof whole, "%s/%s", abs, path);

    size_t used = 0;
    for (const char *part = whole; *part;) {
        part += strspn(part, "/");
        const size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            while (used && abs[--used] != '/')
                continue;
        } else if (length && !(length == 1 && part[0] == '.')) {
            abs[used++] = '/';
            memcpy(abs + used, part, length);
            used += length;
        }
        part += length;
    }
    if (used == 0)
        abs[used++] = '/';
    abs[used] = '\0';
}

static sn_status folder_missing(const char *dir, const char *fetch,
                                struct sn_error *err)
{
    char wanted[ABSOLUTE], near[ABSOLUTE], first[SN_TEXT_MAX], holds[1024];
    struct stat st;
    make_absolute(wanted, dir);
    snprintf(near, sizeof near, "%s", wanted);
    do { /* up to the first folder that exists, "" standing for the root */
        char *slash = strrchr(near, '/');
        snprintf(first, sizeof first, "%s", slash + 1);
        *slash = '\0';
    } while (near[0] && (stat(near, &st) != 0 || !S_ISDIR(st.st_mode)));

    const char *exists = near[0] ? near : "/";
    describe_folder(holds, sizeof holds, exists, first);
    return sn_fail(err, SN_ERR_INPUT,
                   "[data] path: there is no folder %s\n"
                   "  the nearest one that exists is %s, %s%s%s",
                   wanted, exists, holds,
                   fetch ? "\n  to get the data: datasets/fetch.sh " : "",
                   fetch ? fetch : "");
}

sn_status sn_folder_check(const char *dir, const char *fetch,
                          struct sn_error *err)
{
    struct stat st;
    if (stat(dir, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return folder_missing(dir, fetch, err);
        return sn_fail(err, SN_ERR_INPUT, "[data] path: %s: %s", dir,
                       strerror(errno));
    }
    if (!S_ISDIR(st.st_mode))
        return sn_fail(err, SN_ERR_INPUT,
                       "[data] path: %s is a file, expected the folder that "
                       "holds the files of the data set",
                       dir);
    return SN_OK;
}

sn_status sn_folder_lacks(const char *dir, const char *what, const char *fetch,
                          struct sn_error *err)
{
    char wanted[ABSOLUTE], holds[1024];
    make_absolute(wanted, dir);
    describe_folder(holds, sizeof holds, dir, what);
    return sn_fail(err, SN_ERR_INPUT,
                   "there is no file %s in %s, %s\n"
                   "  to get the data: datasets/fetch.sh %s",
                   what, wanted, holds, fetch);
}

sn_status sn_file_look(const char *path, int64_t *bytes, int64_t *mtime,
                       struct sn_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return sn_fail(err, SN_ERR_INPUT, "%s: %s, expected a file", path,
                       S_ISDIR(st.st_mode) ? "is a folder"
                                           : "is a pipe or a device");
    *bytes = (int64_t)st.st_size;
    *mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return SN_OK;
}

sn_status sn_file_size(const char *path, int64_t *bytes, struct sn_error *err)
{
    int64_t mtime;
    return sn_file_look(path, bytes, &mtime, err);
}

/* Copies one line without its end into a name. */
static sn_status take_name(char name[SN_CLASS_NAME], const char *text,
                           size_t length, const char *path, int line,
                           struct sn_error *err)
{
    if (length >= SN_CLASS_NAME)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s:%d: a class name of %zu bytes, expected at most %d",
                       path, line, length, SN_CLASS_NAME - 1);
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s:%d: byte 0x%02x in a class name, expected text",
                           path, line, byte);
    }
    memcpy(name, text, length);
    name[length] = '\0';
    if (!sn_text_is_plain(name))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s:%d: a class name that is not UTF-8", path, line);
    return SN_OK;
}

static sn_status read_names(char names[][SN_CLASS_NAME], int *count, FILE *f,
                            const char *path, struct sn_error *err)
{
    char line[SN_CLASS_NAME * 2]; /* a longer line is too long a name anyway */
    int found = 0, blank = 0;
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        const size_t length = strcspn(line, "\r\n");
        if (line[length] == '\0' && !feof(f) && length < SN_CLASS_NAME)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s:%d: a zero byte, expected text", path, number);
        if (length == 0) {
            blank = number;
            continue;
        }
        if (blank)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s:%d: a blank line between class names", path,
                           blank);
        if (found == SN_MAX_CLASSES)
            return sn_fail(err, SN_ERR_INPUT, "%s:%d: more than %d class names",
                           path, number, SN_MAX_CLASSES);
        SN_TRY(take_name(names[found], line, length, path, number, err));
        found++;
    }
    if (ferror(f))
        return sn_fail(err, SN_ERR_INPUT, "%s: cannot be read: %s", path,
                       strerror(errno));
    if (found == 0)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: holds no class names, expected one a line", path);
    *count = found;
    return SN_OK;
}

sn_status sn_class_names_read(char names[][SN_CLASS_NAME], int *count,
                              const char *dir, const char *file,
                              struct sn_error *err)
{
    char path[SN_DATA_PATH];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        *count = 0;
        return SN_OK;
    }
    int64_t bytes;
    SN_TRY(sn_file_size(path, &bytes, err));
    FILE *f = fopen(path, "r");
    if (!f)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", path, strerror(errno));
    const sn_status rc = read_names(names, count, f, path, err);
    fclose(f);
    return rc;
}

void sn_class_names_number(struct sn_dataset *set)
{
    for (int i = 0; i < set->classes; i++)
        snprintf(set->class_name[i], SN_CLASS_NAME, "%d", i);
}
