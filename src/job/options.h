#ifndef SN_JOB_OPTIONS_H
#define SN_JOB_OPTIONS_H

/* The whole config of a job: the sections of all rooms, and its own two. */

#include "config/config.h"
#include "datasets/dataset.h"
#include "search/limits.h"
#include "search/search_options.h"
#include "search/space_options.h"
#include "target/target.h"
#include "train/trainer.h"

/* What training keeps inside of blocks. */
typedef enum {
    SN_PRECISION_AUTO, /* what is faster on this machine */
    SN_PRECISION_F32,
    SN_PRECISION_BF16
} sn_precision;

/* Section [run]. */
struct sn_run_options {
    uint64_t seed;
    char dir[SN_TEXT_MAX];         /* where run directories are made */
    int threads;                   /* 0: all cores */
    struct sn_quantity checkpoint; /* seconds between two */
    int precision;                 /* sn_precision */
    int bn_group;                  /* images a pass; 0: the batch */
    struct sn_quantity memory;     /* bytes that may be planned */
};

enum sn_task_kind { SN_TASK_CLASSIFY };

/* Section [task]. */
struct sn_task_options {
    int kind; /* enum sn_task_kind */
};

typedef enum { SN_BASELINE_TRAIN, SN_BASELINE_COST_ONLY } sn_baseline_mode;

/* Section [baseline]. */
struct sn_baseline_options {
    int train; /* sn_baseline_mode */
};

extern const struct sn_option_table sn_run_table, sn_task_table,
    sn_baseline_table;

enum { SN_JOB_SECTIONS = 11 };

struct sn_job_config {
    struct sn_run_options run;
    struct sn_data_options data;
    struct sn_task_options task;
    struct sn_target_options target;
    struct sn_budget_options budget;
    struct sn_space_options space;
    struct sn_stage_options stage[SN_CONFIG_MAX_REPEAT];
    int stages;
    struct sn_block_options block[SN_CONFIG_MAX_PARTS];
    struct sn_search_options search;
    struct sn_train_options train;
    struct sn_baseline_options baseline;

    struct sn_target device; /* target.kind, target.file */
    struct sn_arch arch;     /* search.arch, where `has_arch` */
    bool has_arch;
    struct sn_config *source; /* owned: where every value came from */
};

/* The tables of all sections, bound to *c, in the order they are printed.
 * Writes SN_JOB_SECTIONS entries. */
void sn_job_sections(struct sn_job_config *c, struct sn_config_section *out);

/* Reads the config.  Every fault of it is listed.  SN_ERR_CONFIG. */
sn_status sn_job_config_read(struct sn_job_config *c, const char *path,
                             const struct sn_config_override *over, int n_over,
                             struct sn_error *err);

/* Reads what the config names, but the data: the target's description and the
 * arch file.  SN_ERR_CONFIG. */
sn_status sn_job_config_follow(struct sn_job_config *c, struct sn_error *err);

/* Opens the images that the config names; a fault says where it names them.
 * Statuses of sn_dataset_open_watched(); watch may be NULL. */
sn_status sn_job_data(struct sn_dataset *data, const struct sn_job_config *c,
                      const struct sn_watch *watch, struct sn_error *err);

/* The space, for images of so many channels and classes; faults name the
 * config.  SN_ERR_CONFIG. */
sn_status sn_job_space(struct sn_space *space, const struct sn_job_config *c,
                       int channels, int classes, struct sn_error *err);

/* Share of the training images held out for architecture steps: 0 where the
 * search has none. */
double sn_job_arch_split(const struct sn_job_config *c);

/* Images that pass through a net at a time in steps of `batch` images. */
int sn_job_group(const struct sn_job_config *c, int batch);

void sn_job_config_release(struct sn_job_config *c);

#endif
