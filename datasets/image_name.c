/* Which files are taken for pictures by their names; see image.h. */

#include "datasets/image.h"

#include <string.h>
#include <strings.h>

static const char *const read_here[] = {".jpg", ".jpeg", ".jpe", ".jfif",
                                        ".png", ".bmp",  ".dib", NULL};
static const char *const elsewhere[] = {
    ".gif", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl",
    ".jp2", ".dng",  ".cr2", ".cr3",  ".nef",  ".arw",  NULL};

static bool ends_in(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');
    for (; dot && *endings; endings++)
        if (strcasecmp(dot, *endings) == 0)
            return true;
    return false;
}

bool sn_is_picture_name(const char *name)
{
    return ends_in(name, read_here);
}

bool sn_is_hidden_name(const char *name)
{
    return name[0] == '.' || strcmp(name, "__MACOSX") == 0;
}

bool sn_is_foreign_name(const char *name)
{
    return ends_in(name, elsewhere);
}
