#ifndef SN_SEARCH_LAYERS_H
#define SN_SEARCH_LAYERS_H

/* A net part by part: what is priced, where, and for how much. */

#include "search/arch.h"
#include "target/target.h"

enum {
    SN_NET_PARTS = 4 + SN_MAX_STAGES * SN_MAX_DEPTH * SN_BLOCK_MAX_OPERATORS,
    SN_NET_PART_NAME = 64
};

struct sn_net_part {
    char name[SN_NET_PART_NAME]; /* as weights call it, e.g. stem,
                                  * stage.2.block.1.ibn.expand */
    struct sn_operator op;
    struct sn_cost cost;
    int unit;            /* as in struct sn_target_part */
    const char *outside; /* NULL: inside of what was measured */
    double beyond;
};

struct sn_net_parts {
    int count;
    struct sn_net_part item[SN_NET_PARTS]; /* in order of execution */
    double constant;                       /* seconds beside all of them */
    struct sn_cost total;                  /* sn_arch_cost()'s, to the bit */
}; /* about 150 KiB: on the heap, please */

void sn_net_parts(struct sn_net_parts *parts, const struct sn_arch *arch,
                  const struct sn_target *target);

/* `3x3 s2`, `dw 5x5`, `add`, ...: an operator in at most SN_OPERATOR_TEXT
 * bytes.  Returns buf. */
enum { SN_OPERATOR_TEXT = 32 };
const char *sn_operator_text(char buf[SN_OPERATOR_TEXT],
                             const struct sn_operator *op);

#endif
