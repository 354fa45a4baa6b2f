/* Phase three: a race.  The best of the short list are trained by themselves
 * for a while, each from where the final training would begin, and the one with
 * the least training loss over all its steps is the search's result: how fast a
 * net learns foretells how far it gets (TSE; Ru et al., NeurIPS 2021;
 * METHOD 2.4).
 */

#include "job/job_internal.h"

static sn_status conclude(struct sn_job *j, struct sn_error *err)
{
    struct sn_race *race = &j->at->race;
    struct sn_cost cost;
    int best = 0;
    for (int i = 1; i < race->racers; i++)
        if (race->loss[i] < race->loss[best])
            best = i;
    j->at->arch = race->arch[best];
    if (race->racers < 2)
        return SN_OK;
    sn_arch_cost(&cost, &j->at->arch, &j->config.device);
    j->at->stage[SN_FUNNEL_RACE] =
        (struct sn_funnel_stage){.in = race->racers,
                                 .out = 1,
                                 .latency = cost.seconds,
                                 .score = race->loss[best]};
    return sn_job_say(j, err,
                      "raced    %d nets: number %d of the short list "
                      "learns fastest, loss %.3f",
                      race->racers, best + 1, race->loss[best]);
}

sn_status sn_job_race(struct sn_job *j, struct sn_error *err)
{
    struct sn_race *race = &j->at->race;
    SN_CHECK(race->racers >= 1);
    while (race->racers > 1 && race->racer < race->racers) {
        double loss;
        SN_TRY(sn_job_train_racer(j, &race->arch[race->racer], &loss, err));
        race->loss[race->racer++] = loss;
        race->sum = 0.0;
        sn_job_end_phase(j, SN_PHASE_RACE); /* its seconds; from step 0 again */
        sn_job_forget_saved(j);
    }
    return conclude(j, err);
}
