#ifndef SN_NN_PROFILE_H
#define SN_NN_PROFILE_H

/* Where the time of training steps goes.
 *
 * A graph that is given a profile adds up the seconds of every layer kind and
 * pass; who takes the step adds what lies around the layers, and the step
 * itself by one clock around it all.  What the parts do not explain is shown as
 * `other`. */

#include "base/text.h"
#include "nn/layer.h"

typedef enum {
    SN_PART_STEP,   /* all of it */
    SN_PART_PLAN,   /* listing and planning the layers, where they change */
    SN_PART_IMAGES, /* bringing the batch */
    SN_PART_UPDATE, /* gradients zeroed and clipped, the optimiser */
    SN_PART_LAYERS, /* from here on two a layer kind: forward, backward */
    SN_PARTS = SN_PART_LAYERS + 2 * SN_LAYER_KINDS
} sn_part;

struct sn_profile {
    double seconds[SN_PARTS];
    long steps;
};

/* The clock; 0, and no clock is read, where p is NULL. */
double sn_profile_start(const struct sn_profile *p);

/* Adds the time since `start` to a part; SN_PART_STEP counts the step as well.
 * Does nothing where p is NULL. */
void sn_profile_add(struct sn_profile *p, sn_part part, double start);

/* The part of a layer kind's pass. */
static inline sn_part sn_part_layer(sn_layer_id id, bool backward)
{
    return (sn_part)((int)SN_PART_LAYERS + 2 * (int)id + backward);
}

/* Adds a table of lines to t: milliseconds a step and shares of it. */
void sn_profile_text(const struct sn_profile *p, struct sn_text *t);

#endif
