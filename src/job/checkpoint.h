#ifndef SN_JOB_CHECKPOINT_H
#define SN_JOB_CHECKPOINT_H

/* The checkpoint: all that a run needs to go on as if nothing had happened,
 * beside its config and the files it has finished (DESIGN 8).
 *
 * Randomness is counters, so there is no generator to save.  The file is
 * written beside the last one, which is kept as checkpoint.prev.safetensors,
 * and carries a checksum over everything in it. */

#include "datasets/fingerprint.h"
#include "job/result.h"
#include "job/rundir.h"
#include "job/tensors.h"
#include "search/supernet.h"
#include "train/searcher.h"

typedef enum {
    SN_PHASE_SEARCH,   /* of the supernet */
    SN_PHASE_SHORT,    /* its candidates, measured with its weights */
    SN_PHASE_RACE,     /* the best of them, each trained for a while */
    SN_PHASE_FINAL,    /* training of the derived net (or of the only one) */
    SN_PHASE_BASELINE, /* the same of the baseline */
    SN_PHASE_DONE,
    SN_PHASES
} sn_phase;

/* Word of a phase: `search`, `short`, `race`, `final`, `baseline`, `done`. */
const char *sn_phase_name(sn_phase phase);

/* What the architecture steps of the running epoch saw; for the logs. */
struct sn_arch_tally {
    double loss_sum;
    long correct, images;
};

/* What is told of a phase that is over; for the result. */
struct sn_outcome {
    int trained, inherited; /* 0 or 1 */
    double loss, accuracy;
    int images, correct;
};

/* What a search leaves undecided. */
struct sn_race {
    int racers, racer;        /* how many; the one at hand, 0-based */
    int inherited;            /* it began with the supernet's weights */
    double sum;               /* of its epochs' mean losses so far */
    double loss[SN_RACE_MAX]; /* of those that are done: mean over steps */
    struct sn_arch arch[SN_RACE_MAX];
};

struct sn_checkpoint {
    int phase; /* sn_phase */
    struct sn_train_state train;
    struct sn_arch_tally tally;
    double seconds[SN_PHASES];    /* wall time of each phase so far */
    struct sn_outcome outcome[2]; /* of SN_PHASE_FINAL, SN_PHASE_BASELINE */
    size_t log_length[SN_RUN_LOGS];
    uint64_t config_hash; /* of the bytes of config.ini */
    uint64_t cost_hash;   /* of the cost table and the decisions */
    char isa[16], version[16];
    size_t memory_room;  /* planned with: parts follow from it */
    struct sn_arch arch; /* the net of SN_PHASE_FINAL */
    bool has_arch;       /* known once the search is over */
    struct sn_race race;
    struct sn_funnel_stage stage[SN_FUNNEL_STAGES];
    struct sn_data_print data; /* what the images are known by */
    bool has_data;             /* older checkpoints do not know it */
    const struct sn_search_arrays *search; /* what the phase keeps beside
                                            * weights; borrowed, to be saved */
};

/* Saves *c and, unless net is NULL (a phase that is done), the weights and
 * momenta of `net`.  The checkpoint before becomes the previous one.
 * SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_checkpoint_save(const struct sn_rundir *dir,
                             const struct sn_checkpoint *c,
                             const struct sn_supernet *net,
                             struct sn_error *err);

/* A checkpoint that was read, its weights still in the file's form. */
struct sn_checkpoint_file;

/* Reads the newest checkpoint that is whole.  *c is filled, and *file (owned
 * by the caller) holds the weights.  Where the newest is damaged and the one
 * before is used, *note says why, else it is empty.  *file is NULL and the
 * status SN_OK when the run has no checkpoint yet.  SN_ERR_INPUT when none of
 * those there are is whole, SN_ERR_MEMORY.  *c is untouched on failure. */
sn_status sn_checkpoint_open(struct sn_checkpoint_file **file,
                             struct sn_checkpoint *c,
                             const struct sn_rundir *dir, struct sn_error *note,
                             struct sn_error *err);

/* Weights and momenta into `net`, and what the search's mode kept into the
 * arrays of `search` (NULL: no search), all of which must be those of the file:
 * SN_ERR_INPUT else. */
sn_status sn_checkpoint_weights(const struct sn_checkpoint_file *file,
                                struct sn_supernet *net,
                                const struct sn_search_arrays *search,
                                struct sn_error *err);

/* What a phase without weights kept.  As above. */
sn_status sn_checkpoint_arrays(const struct sn_checkpoint_file *file,
                               const struct sn_search_arrays *search,
                               struct sn_error *err);

void sn_checkpoint_close(struct sn_checkpoint_file *file);

#endif
