#ifndef SN_JOB_RESULT_H
#define SN_JOB_RESULT_H

/* What a job found: the card that people read and the JSON that programs do. */

#include "base/json.h"
#include "base/text.h"
#include "job/rundir.h"
#include "search/arch.h"
#include "search/limits.h"
#include "train/trainer.h"

/* One net: what it costs and what it reached. */
struct sn_net_result {
    struct sn_arch arch;
    struct sn_cost cost;
    double measured;     /* seconds on this machine; 0: is another device */
    bool trained;        /* else only the cost is known */
    bool inherited;      /* trained from the supernet's weights */
    struct sn_eval test; /* on the test set, once */
    double seconds;      /* of its training and evaluation */
};

/* The stages that narrow a space down to one net; for the result. */
typedef enum {
    SN_FUNNEL_ZERO_SHOT, /* options that untrained nets speak against */
    SN_FUNNEL_SEARCH,    /* what a search proposes */
    SN_FUNNEL_SHORT,     /* measured with the supernet's weights */
    SN_FUNNEL_RACE,      /* trained for a while */
    SN_FUNNEL_STAGES
} sn_funnel_stage_id;

struct sn_funnel_stage {
    double in, out; /* nets; in 0: the stage was left out */
    double seconds; /* wall time */
    double latency; /* seconds, of the best net; 0: it had none */
    double score;   /* of it: accuracy of the short list, loss of the race */
};

struct sn_job_result {
    uint64_t seed;
    struct sn_budget budget;
    bool searched;         /* else one net was trained */
    double search_seconds; /* of all stages but the zero-shot one */
    struct sn_funnel_stage stage[SN_FUNNEL_STAGES];
    struct sn_net_result net;
    bool has_baseline; /* false when the net is the baseline itself */
    struct sn_net_result baseline;
    double stated; /* relative error of predictions, as their estimator has it;
                    * where nets are measured */
    char dir[SN_RUN_PATH]; /* the run directory */
};

/* Word of a stage: `zero-shot`, `search`, `short list`, `race`. */
const char *sn_funnel_stage_name(sn_funnel_stage_id stage);

/* Share by which a cost fell: 1 - net / baseline. */
double sn_reduction(double net, double baseline);

/* result.json (DESIGN 8).  Caller frees; NULL when memory is short. */
char *sn_result_json(const struct sn_job_result *r);

/* The same as an object; NULL when memory is short. */
json_t *sn_result_object(const struct sn_job_result *r);

/* Text of an object, with the digits of result.json; the reference is taken
 * over.  Caller frees; NULL when memory is short, or the object is NULL. */
char *sn_result_dump(json_t *o);

/* The nets side by side, and the first one's blocks. */
void sn_result_costs(const struct sn_job_result *r, struct sn_text *out);

/* The whole card: that, times, files, what to do next; at most 100 columns. */
void sn_result_card(const struct sn_job_result *r, struct sn_text *out);

/* The net block by block: a line a stage, `  stage.2  w24 s2  fused e4`. */
void sn_arch_table(const struct sn_arch *arch, struct sn_text *out);

#endif
