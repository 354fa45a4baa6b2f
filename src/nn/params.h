#ifndef SN_NN_PARAMS_H
#define SN_NN_PARAMS_H

/* The trained values of a net: one flat array of weights, one of gradients, one
 * of momenta, so that the optimiser is a loop, and beside them the population
 * statistics of the batch-norms.  Entries are added first, then the arrays are
 * taken, then layers are given views. */

#include "base/rng.h"
#include "nn/tensor.h"

enum { SN_PARAM_NAME = 64 };

typedef enum {
    SN_PARAM_CONV,      /* decays; He fan-out: deviation sqrt(2 / (k*k*cout)) */
    SN_PARAM_DEPTHWISE, /* does not decay; deviation sqrt(2 / (k*k)) */
    SN_PARAM_LINEAR,    /* decays; deviation .01 */
    SN_PARAM_GAMMA,     /* does not decay; starts at `start` */
    SN_PARAM_BETA       /* bias or beta: does not decay; starts at 0 */
} sn_param_kind;

struct sn_param {
    char name[SN_PARAM_NAME]; /* e.g. stage.2.block.1.ibn.expand.weight */
    sn_param_kind kind;
    int rows, cols; /* stored [rows, cols] */
    int taps;       /* k*k of a convolution */
    double start;
    size_t first; /* in the flat arrays; a multiple of 16 */
};

struct sn_stat {
    char name[SN_PARAM_NAME]; /* of the batch-norm */
    int c;
    size_t first; /* in mean[] and m2[] */
};

struct sn_params {
    struct sn_param *item; /* owned */
    int count, room;
    struct sn_stat *stat; /* owned */
    int stats, stats_room;
    bool incomplete; /* an entry found no memory: taking fails */
    size_t total, stat_total;
    sn_real *w, *g, *m;         /* [total] owned; NULL until taken */
    double *mean, *m2, *counts; /* [stat_total], [stat_total], [stats] */
    struct sn_arena arena;
};

void sn_params_init(struct sn_params *p);

/* Adds an entry [rows, cols], returns its index.  `name` must be new and is
 * copied; taps and start are read where the kind's comment says so.  When
 * memory for the list is short the index means nothing, and sn_params_take says
 * so. */
int sn_params_add(struct sn_params *p, sn_param_kind kind, int rows, int cols,
                  int taps, double start, const char *name);

/* A batch-norm over c channels: gamma, beta and statistics. */
struct sn_bn_ids {
    int gamma, beta, stat;
};
struct sn_bn_ids sn_params_add_bn(struct sn_params *p, int c, double start,
                                  const char *name);

/* Takes the arrays; all zero.  SN_ERR_MEMORY. */
sn_status sn_params_take(struct sn_params *p, struct sn_error *err);

/* Draws all weights anew from `seed` and clears momenta and statistics.  A draw
 * depends on the entry's index and the element's, nothing else. */
void sn_params_draw(struct sn_params *p, uint64_t seed);

struct sn_weight sn_params_weight(const struct sn_params *p, int id);
struct sn_bn_view sn_params_bn(const struct sn_params *p, struct sn_bn_ids ids);

void sn_params_zero_grad(struct sn_params *p);

/* Forgets the population statistics, before they are taken anew. */
void sn_params_zero_stats(struct sn_params *p);

/* Index of the entry of that name, -1 when there is none. */
int sn_params_find(const struct sn_params *p, const char *name);

void sn_params_release(struct sn_params *p);

#endif
