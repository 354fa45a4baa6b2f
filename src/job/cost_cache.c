/* Cost tables kept; see cost_cache.h. */

#include "job/cost_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "job/job.h"
#include "search/table_io.h"
#include "target/estimator.h"

#ifndef SN_KERNELS_SUM /* the build says */
#    define SN_KERNELS_SUM "unknown"
#endif

enum { KEY = 256, TABLE_MAX = 1 << 26, PATH_BYTES = 4096 };

const char *sn_kernels_sum(void)
{
    return SN_KERNELS_SUM;
}

/* ---- what a table depends on ---- */

static uint64_t hash_ints(uint64_t h, const int *x, size_t n)
{
    return sn_hash(h, x, n * sizeof *x);
}

static uint64_t hash_block(uint64_t h, const struct sn_space *s, int is, int ib)
{
    const struct sn_block_space *b = &s->stage[is].block[ib];
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++) {
                const struct sn_block_shape shape =
                    sn_space_block(s, is, ib, b->op[i], of->k[ik], of->e[ie]);
                const int x[] = {(int)shape.op, shape.k, shape.e, shape.cin,
                                 shape.cout,    shape.h, shape.w, shape.stride};
                h = hash_ints(h, x, sizeof x / sizeof *x);
            }
    }
    return h;
}

static uint64_t hash_space(const struct sn_space *s)
{
    const int frame[] = {s->h,       s->w,        s->c,
                         s->classes, s->stem,     s->stem_stride,
                         s->head,    (int)s->act, s->n_stages};
    uint64_t h = hash_ints(SN_HASH_START, frame, sizeof frame / sizeof *frame);
    for (int is = 0; is < s->n_stages; is++) {
        const struct sn_stage_space *stage = &s->stage[is];
        const int x[] = {stage->width, stage->stride,
                         sn_space_max_depth(s, is)};
        h = hash_ints(h, x, sizeof x / sizeof *x);
        for (int ib = 0; ib < sn_space_max_depth(s, is); ib++)
            h = hash_block(h, s, is, ib);
    }
    return h;
}

/* The first line of a file of the cache. */
static void key_of(char key[KEY], const struct sn_space *space,
                   const struct sn_target *t)
{
    snprintf(key, KEY,
             "# kind %d, estimator %016" PRIx64 ", fit %d, P %d, batch %d, "
             "bytes %g %g, act %d, kernels %s, program " SN_VERSION
             ", space %016" PRIx64 ", device %s\n",
             t->kind, sn_estimator_hash(t->estimator), (int)SN_FIT_VERSION,
             sn_target_lanes(t), t->batch, t->npu.weight_bytes,
             t->npu.value_bytes, (int)t->act, sn_kernels_sum(),
             hash_space(space), sn_target_name(t));
}

static bool path_of(char *path, const char *key)
{
    char name[48];
    snprintf(name, sizeof name, "cost-%016" PRIx64 ".csv",
             sn_hash(SN_HASH_START, key, strlen(key)));
    return sn_path_cache(path, PATH_BYTES, name);
}

/* ---- the file ---- */

static bool read_table(struct sn_cost_table *t, const struct sn_space *space,
                       const char *path, const char *key)
{
    char *text;
    size_t bytes;
    const size_t n = strlen(key);
    if (!sn_file_exists(path) ||
        sn_file_read(path, TABLE_MAX, &text, &bytes, NULL) != SN_OK)
        return false;
    const bool found =
        strlen(text) == bytes && strncmp(text, key, n) == 0 &&
        sn_cost_table_parse(t, space, text + n, path, NULL) == SN_OK;
    free(text);
    return found;
}

/* What cannot be kept is made again the next time. */
static void write_table(const struct sn_cost_table *t,
                        const struct sn_space *space, const char *path,
                        const char *key)
{
    struct sn_text text = {0};
    char *table = sn_cost_table_text(t, space);
    if (table)
        sn_text_add(&text, "%s%s", key, table);
    if (table && !text.failed)
        (void)!sn_file_write(path, text.data, text.length, NULL);
    sn_text_release(&text);
    free(table);
}

sn_status sn_cost_table_get(struct sn_cost_table *t,
                            const struct sn_space *space,
                            const struct sn_target *target, bool *cached,
                            struct sn_error *err)
{
    char key[KEY], path[PATH_BYTES];
    bool found = false, keeps = false;
    if (target->kind != SN_TARGET_NPU) {
        key_of(key, space, target);
        keeps = path_of(path, key);
        found = keeps && read_table(t, space, path, key);
    }
    if (cached)
        *cached = found;
    if (found)
        return SN_OK;
    SN_TRY(sn_cost_table_make(t, space, target, err));
    if (keeps)
        write_table(t, space, path, key);
    return SN_OK;
}
