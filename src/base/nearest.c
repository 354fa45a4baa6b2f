/* The word that was meant: the candidate at the least edit distance, where a
 * swap of neighbours counts as one edit (Damerau 1964, restricted). */

#include "base/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 64 }; /* letters; longer words have no neighbours */

/* Edit distance of two words of at most WORD_MAX letters, where swapping two
 * neighbours counts once (optimal string alignment); case does not count. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[3][WORD_MAX + 1];
    const size_t na = strlen(a), nb = strlen(b);
    size_t *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= nb; j++)
        last[j] = j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            const int ca = tolower((unsigned char)a[i - 1]);
            const int cb = tolower((unsigned char)b[j - 1]);
            size_t best = last[j - 1] + (ca != cb);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]) &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

const char *sn_nearest(const char *word, const char *const *candidates,
                       size_t count)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    const size_t length = strlen(word);
    if (length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(candidates[i]);
        if (n > WORD_MAX)
            continue;
        const size_t distance = edit_distance(word, candidates[i]);
        if (distance < least && 3 * distance <= (n > length ? n : length)) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
