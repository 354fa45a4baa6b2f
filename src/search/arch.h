#ifndef SN_SEARCH_ARCH_H
#define SN_SEARCH_ARCH_H

/* One architecture: an option for every decision, and its text form.
 *
 * The text (DESIGN 8) is self-contained: widths and strides are the effective
 * ones, depth is the number of block lines; it is read back exactly. */

#include "search/space.h"

struct sn_arch_stage {
    int width, stride, depth;
    struct sn_block block[SN_MAX_DEPTH];
};

struct sn_arch {
    int h, w, c, classes;
    int multiplier; /* that made its widths, thousandths; 0: 1 */
    sn_act act;
    int stem, stem_stride;
    int n_stages;
    struct sn_arch_stage stage[SN_MAX_STAGES];
    int head; /* 0: absent */
};

/* Gives the arch another frame, its blocks as they are. */
void sn_arch_settle(struct sn_arch *arch, const struct sn_frame_dims *f);

/* The unsearched net of a space: its starred options. */
void sn_arch_baseline(struct sn_arch *arch, const struct sn_space *space);

/* The arch with option choice[id] (0-based) of every decision id. */
void sn_arch_choose(struct sn_arch *arch, const struct sn_space *space,
                    const struct sn_decisions *d, const int *choice);

/* The space that offers just this arch: a net that stands alone is the
 * supernet of a space with one option everywhere. */
void sn_arch_space(struct sn_space *space, const struct sn_arch *arch);

/* A block of the arch: its shape for one choice, whatever stands there. */
struct sn_block_shape sn_arch_block(const struct sn_arch *arch, int stage,
                                    int ib, struct sn_block block);

/* The frame of the space that the arch is in; -1: none. */
int sn_arch_frame(const struct sn_arch *arch, const struct sn_space *space);

/* Whether the space offers the arch; a reason in *err (SN_ERR_CONFIG) if not.
 */
sn_status sn_arch_in_space(const struct sn_arch *arch,
                           const struct sn_space *space, struct sn_error *err);

bool sn_arch_equal(const struct sn_arch *a, const struct sn_arch *b);

/* A block in the words of the arch text: `ibn k3 e6`, `conv k3`.  Returns buf.
 */
enum { SN_BLOCK_TEXT = 40 };
const char *sn_block_text(char buf[SN_BLOCK_TEXT], struct sn_block block);

/* The text form; caller frees.  NULL when memory is short. */
char *sn_arch_text(const struct sn_arch *arch);

/* Reads the text form, and nothing but it: what is accepted is exactly what
 * sn_arch_text would write.  `name` (a file name) stands in every message as
 * name:line.  SN_ERR_CONFIG, *arch untouched on failure. */
sn_status sn_arch_parse(struct sn_arch *arch, const char *text,
                        const char *name, struct sn_error *err);

/* One line for people, e.g. `stem16 | ibn e1 | fused e4, ibn e6 | head256`: a
 * bar between stages, kernels other than 3 named.  Cut to `size` bytes. */
void sn_arch_summary(const struct sn_arch *arch, char *buf, size_t size);

#endif
