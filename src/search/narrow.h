#ifndef SN_SEARCH_NARROW_H
#define SN_SEARCH_NARROW_H

/* Rules of an expert: what of a space is not looked at.
 *
 * A rule is a list of patterns in the words of the arch text, with commas
 * between them: `fused`, `ibn e6`, `k5`, `ibn k3 e6`; what a pattern leaves out
 * may be anything.  `d2` is a pattern of depths and stands by itself.
 *
 *   forbid  none of the options that match is offered
 *   only    none but those
 *   pin     as `only`, and exactly one option must remain
 *
 * Patterns of blocks narrow blocks, those of depths depths.  The baseline is
 * not narrowed: a space keeps its stars. */

#include "search/space.h"

struct sn_rules {
    const char *pin, *only, *forbid; /* "": there is none */
};

/* Narrows the blocks of a stage, or its block ib (from 0; -1: all of them and
 * the depth).  On failure the stage is untouched, and *key names the rule whose
 * fault it is; the text carries neither file nor section.  SN_ERR_CONFIG. */
sn_status sn_narrow_stage(struct sn_stage_space *stage, int ib,
                          const struct sn_rules *rules, const char **key,
                          struct sn_error *err);

#endif
