#ifndef SN_TRAIN_TRAINER_H
#define SN_TRAIN_TRAINER_H

/* Training, one step at a time.
 *
 * The caller owns the loop: it asks for a step, looks at the report, writes its
 * logs, saves a checkpoint, or stops.  All that has to be saved for a step to
 * be taken again to the bit are the net's weights and momenta and the plain
 * structs `state` below; every random choice is a function of seed and
 * counters. */

#include "base/option.h"
#include "datasets/loader.h"
#include "nn/infer.h"
#include "optim/sgd.h"
#include "search/supernet.h"

typedef enum { SN_FROM_INHERIT, SN_FROM_SCRATCH } sn_from;

/* Section [train]: the derived net and the baseline alike. */
struct sn_train_options {
    int epochs, batch;
    double lr, lr_warmup;
    int from; /* sn_from */
};

extern const struct sn_option_table sn_train_table;

/* What a training run does with its gradients. */
struct sn_recipe {
    int epochs, batch;
    int group;            /* images a pass; batch is a multiple of it */
    double lr, lr_warmup; /* peak; share of the steps spent rising to it */
    double decay, momentum;
    double smoothing; /* of labels */
    double clip;      /* largest gradient norm; 0: none */
};

/* METHOD 4.3: the recipe of a net that stands alone.  Inherited weights start
 * at .6 of the peak rate. */
struct sn_recipe sn_recipe_final(const struct sn_train_options *o, int group,
                                 bool inherited);
/* Of the supernet's weights. */
struct sn_recipe sn_recipe_search(int epochs, int batch, int group, double lr,
                                  double lr_warmup);

/* Where a training run stands; saved with it. */
struct sn_train_state {
    int epoch, batch; /* the next step's, 0-based */
    double loss_sum;  /* of the running epoch */
    long correct, seen;
};

/* What a step did. */
struct sn_step_report {
    int epoch, batch, batches; /* of the step, 0-based; batches an epoch */
    long step, steps;          /* over all epochs */
    int images, correct;       /* passed through it, by all rounds */
    double loss, lr;
    bool ends_epoch;
    double epoch_loss, epoch_accuracy; /* running means of its epoch */
    /* search only */
    bool arch_step;   /* an architecture step followed */
    double arch_loss; /* its cross-entropy */
    int arch_correct, arch_images;
    double expected, argmax; /* E[LAT] and latency of the argmax net, seconds */
    double multiplier;       /* of the latency, as its mode calls it */
    const char *multiplier_name;
};

struct sn_trainer {
    struct sn_supernet *net; /* borrowed, as are the next two */
    struct sn_graph *graph;  /* built and planned */
    struct sn_loader *loader;
    struct sn_recipe recipe;
    struct sn_train_state state;
    struct sn_sgd_group *group; /* [groups] owned, one an entry of the params */
    int groups;
    /* What the next step clears and updates: all of `group`, unless a subnet
     * has been selected; borrowed. */
    const struct sn_sgd_group *active;
    int actives;
    int *labels; /* [group] owned */
    int passes;  /* groups of a batch */
    /* A step may take its batch through several subnets: `next` lists and plans
     * that of round 0, 1, ... of `rounds`, and their mean gradient is the
     * step's.  NULL: one round, of the graph as it stands. */
    int rounds;
    sn_status (*next)(void *ctx, int round, struct sn_error *err);
    void *next_ctx;
};

/* Readies a trainer at its first step.  A step takes its batch in passes of
 * recipe->group images; their gradients add up (ghost batch-norm: Hoffer et
 * al., NeurIPS 2017).  The graph must be built on `net` for a group and planned
 * with gradients; the loader gives full groups (it shuffles).  SN_ERR_CONFIG
 * when the images do not fill one batch, SN_ERR_MEMORY; nothing is held then.
 */
sn_status sn_trainer_init(struct sn_trainer *t, struct sn_supernet *net,
                          struct sn_graph *graph, struct sn_loader *loader,
                          const struct sn_recipe *recipe, struct sn_error *err);
void sn_trainer_release(struct sn_trainer *t);

bool sn_trainer_done(const struct sn_trainer *t);

/* Batch, forward, loss, backward, SGD.  SN_ERR_NUMERIC when the loss is not
 * finite, naming step, layer and index; the weights are then those of before
 * the step. */
sn_status sn_trainer_step(struct sn_trainer *t, struct sn_step_report *r,
                          struct sn_error *err);

/* Takes the population statistics of the graph's batch-norms anew, on the
 * images of `loader` (unaugmented, in order, full batches), `images` of them at
 * most but one batch at least, which the loader must fill.  The graph must be
 * an arch of `net`, planned for the loader's batch; labels [batch] is
 * overwritten.
 */
void sn_calibrate(struct sn_supernet *net, struct sn_graph *graph,
                  struct sn_loader *loader, int images, int *labels);

struct sn_eval {
    double loss, accuracy; /* means over all images */
    int images, correct;
};

/* Evaluates with population statistics on all images of `loader`, one at
 * least, whose last batch may be ragged; labels [batch] is overwritten.
 * matrix[label, guess], [classes, classes], is added to; NULL: not wanted. */
void sn_evaluate(struct sn_eval *e, struct sn_graph *graph,
                 struct sn_loader *loader, int *labels, long *matrix);

/* The same of a net in inference form. */
void sn_evaluate_infer(struct sn_eval *e, struct sn_infer *net,
                       struct sn_loader *loader, int *labels, long *matrix);

#endif
