#ifndef SN_SEARCH_REACH_H
#define SN_SEARCH_REACH_H

/* Whether a device's measurements reach the nets of a space: what it has
 * nothing of, and what lies outside of what it was measured on. */

#include "search/arch.h"
#include "target/target.h"

/* Looks at every part that a net of the space may have.
 *
 * SN_ERR_INPUT lists every class of units that the device has nothing of, with
 * where it is needed.  Else `note` becomes a line about the parts outside of
 * what was measured, with the one that is furthest, or "". */
enum { SN_REACH_TEXT = 192 };
sn_status sn_space_reach(char note[SN_REACH_TEXT], const struct sn_space *space,
                         const struct sn_target *target, struct sn_error *err);

/* The same of one net. */
sn_status sn_arch_reach(char note[SN_REACH_TEXT], const struct sn_arch *arch,
                        const struct sn_target *target, struct sn_error *err);

#endif
