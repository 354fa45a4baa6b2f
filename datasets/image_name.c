/* Which files are taken for pictures by their names; see image.h. */

#include "datasets/image.h"

#include <string.h>
#include <strings.h>

bool sn_is_picture_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif",
                                          ".png", ".bmp",  ".dib"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}
