#ifndef SN_BASE_NEAREST_H
#define SN_BASE_NEAREST_H

/* "Did you mean ...?" */

#include <stddef.h>

/* The candidate nearest to `word` by edit distance, NULL when none is near
 * enough to be what was meant (more than a third of its letters differ). */
const char *sn_nearest(const char *word, const char *const *candidates,
                       size_t count);

#endif
