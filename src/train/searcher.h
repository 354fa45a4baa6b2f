#ifndef SN_TRAIN_SEARCHER_H
#define SN_TRAIN_SEARCHER_H

/* The search, one step at a time, whatever its mode.
 *
 * A weight step trains the shared weights on the training part; after every
 * round((1 - a)/a) of them, a = arch_split, one architecture step looks at a
 * batch of the held-out part (METHOD 1.8).  What the net of a step is and what
 * an architecture step learns from it is the mode's; the rest is here: the
 * order of steps, their counters, checkpoints.
 *
 * Modes without logits have no architecture steps, and no images are held out
 * for them.
 *
 * A new mode is a file in train/ and a row in sn_search_mode_of(). */

#include "search/frames.h"
#include "search/search_options.h"
#include "train/trainer.h"

/* What a search is made of; all but the plain values borrowed. */
struct sn_search_setup {
    struct sn_supernet *net;
    struct sn_graph *graph;     /* listed by the mode, planned with gradients */
    struct sn_loader *loader;   /* as for sn_trainer_init */
    struct sn_loader *held_out; /* groups of the same size; NULL: the mode has
                                 * no architecture steps */
    struct sn_recipe recipe;
    const struct sn_search_options *options;
    const struct sn_cost_table *cost;
    const struct sn_frames *frames; /* NULL: one, of that cost */
    double target;                  /* T, seconds; 0: no budget */
    uint64_t seed;
};

/* Where a step stands in the search. */
struct sn_search_moment {
    long step;        /* weight steps taken before it */
    long arch;        /* architecture steps before it */
    double done;      /* share of the architecture steps, in [0, 1) */
    double after;     /* share of those behind the warm-up; 0 during it */
    bool frozen;      /* warm-up: logits do not move */
    uint32_t counter; /* of draws: both kinds of steps so far */
};

/* All that a mode has to keep from step to step, as arrays with names. */
enum { SN_SEARCH_ARRAYS = 12 };
struct sn_search_arrays {
    int count;
    struct sn_search_array {
        const char *name;
        double *values;
        int n;
    } item[SN_SEARCH_ARRAYS];
};

struct sn_searcher {
    const struct sn_search_mode *mode;
    struct sn_search_setup setup;
    struct sn_trainer weights;
    int steps_per_arch; /* weight steps before an architecture step; 0: there
                         * are none */
    long archs, warmup; /* architecture steps planned; frozen ones */
    void *own;          /* the mode's, owned */
};

struct sn_search_mode {
    const char *name; /* as in the config */

    /* Empties *g and lists the layers of the step that takes most memory. */
    void (*list)(struct sn_supernet *net, struct sn_graph *g, int n,
                 double smoothing);

    /* Makes s->own, at its start; SN_ERR_MEMORY, nothing is held then.  close
     * takes a searcher whose opening failed. */
    sn_status (*open)(struct sn_searcher *s, struct sn_error *err);
    void (*close)(struct sn_searcher *s);

    /* Readies the net for a weight step. */
    sn_status (*prepare)(struct sn_searcher *s,
                         const struct sn_search_moment *m,
                         struct sn_error *err);
    /* An architecture step; fills the report.  On failure what has been learnt
     * is as before.  NULL: the mode has none. */
    sn_status (*arch_step)(struct sn_searcher *s,
                           const struct sn_search_moment *m,
                           struct sn_step_report *r, struct sn_error *err);
    /* What stands in the report of a step: E[LAT] and the like (NaN: not
     * known), `m` being the moment before it. */
    void (*report)(struct sn_searcher *s, const struct sn_search_moment *m,
                   struct sn_step_report *r);

    /* The state; the arrays may be read and, at the start, written. */
    void (*arrays)(struct sn_searcher *s, struct sn_search_arrays *out);

    /* Probability and value (derive.h) of every option, [decisions.total]. */
    void (*values)(const struct sn_searcher *s, double *p, double *value);
};

/* The mode of an enum sn_search_mode_id that searches. */
const struct sn_search_mode *sn_search_mode_of(int mode);

/* Readies a searcher at its first step.  The graph must hold what the mode's
 * `list` gives, and be planned.  Fails as sn_trainer_init does, for either
 * loader. */
sn_status sn_searcher_init(struct sn_searcher *s,
                           const struct sn_search_setup *setup,
                           struct sn_error *err);
void sn_searcher_release(struct sn_searcher *s);
bool sn_searcher_done(const struct sn_searcher *s);

/* One weight step and, when it is due, an architecture step.  SN_ERR_NUMERIC
 * as sn_trainer_step; where the architecture step failed, the weight step is
 * done and the mode's state is that of before. */
sn_status sn_searcher_step(struct sn_searcher *s, struct sn_step_report *r,
                           struct sn_error *err);

#endif
