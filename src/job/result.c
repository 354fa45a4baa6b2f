/* result.json; see result.h.  Its keys are DESIGN 8's; nothing in it but the
 * times differs between two runs of one seed. */

#include "job/result.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum { DIGITS = 12 }; /* of a number that is not whole */

const char *sn_funnel_stage_name(sn_funnel_stage_id stage)
{
    static const char *const names[SN_FUNNEL_STAGES] = {"zero-shot", "search",
                                                        "short list", "race"};
    return names[stage];
}

double sn_reduction(double net, double baseline)
{
    return 1 - net / baseline;
}

/* A count or a size is a whole number. */
static json_t *whole(double value)
{
    return json_integer((json_int_t)llround(value));
}

/* Milliseconds; null when not known. */
static json_t *milliseconds(double seconds)
{
    return seconds > 0 ? json_real(1e3 * seconds) : json_null();
}

/* A limit, 0 where there is none. */
static double limit_of(const struct sn_budget *b, sn_budget_kind kind)
{
    return sn_budget_has(b, kind) ? b->limit[kind] : 0.0;
}

/* Sets a key; gives false once memory ran out (value NULL). */
static bool set(json_t *o, const char *key, json_t *value)
{
    return json_object_set_new(o, key, value) == 0;
}

static bool add_latency(json_t *o, const struct sn_job_result *r,
                        const struct sn_net_result *n)
{
    json_t *ms = json_object();
    return set(o, "latency_ms", ms) &&
           set(ms, "budget",
               milliseconds(limit_of(&r->budget, SN_BUDGET_LATENCY))) &&
           set(ms, "predicted", milliseconds(n->cost.seconds)) &&
           set(ms, "measured", milliseconds(n->measured));
}

/* The fields that derived net and baseline have alike. */
static bool add_net(json_t *o, const struct sn_job_result *r,
                    const struct sn_net_result *n)
{
    return set(o, "task", json_string("classify")) &&
           set(o, "metric", json_string("accuracy")) &&
           set(o, "value",
               n->trained ? json_real(n->test.accuracy) : json_null()) &&
           add_latency(o, r, n) &&
           set(o, "weights_bytes", whole(n->cost.weights)) &&
           set(o, "peak_activation_bytes", whole(n->cost.activations)) &&
           set(o, "macs", whole(n->cost.macs)) &&
           set(o, "params", whole(n->cost.params));
}

static bool add_arch(json_t *o, const struct sn_arch *arch)
{
    char *text = sn_arch_text(arch);
    const bool ok = text && set(o, "arch", json_string(text));
    free(text);
    return ok;
}

static json_t *seconds_of(const struct sn_net_result *n)
{
    return n->trained ? json_real(n->seconds) : json_null();
}

static bool add_baseline(json_t *o, const struct sn_job_result *r)
{
    const struct sn_cost *a = &r->net.cost, *b = &r->baseline.cost;
    if (!r->has_baseline)
        return set(o, "baseline", json_null()) &&
               set(o, "reduction", json_null());
    json_t *base = json_object(), *less = json_object();
    bool ok = set(o, "baseline", base);
    ok &= set(o, "reduction", less);
    return ok && add_net(base, r, &r->baseline) &&
           set(base, "final_seconds", seconds_of(&r->baseline)) &&
           add_arch(base, &r->baseline.arch) &&
           set(less, "latency",
               json_real(sn_reduction(a->seconds, b->seconds))) &&
           set(less, "weights",
               json_real(sn_reduction(a->weights, b->weights))) &&
           set(less, "activations",
               json_real(sn_reduction(a->activations, b->activations)));
}

/* Seeds reach past what JSON integers hold; those are text. */
static json_t *seed_value(uint64_t seed)
{
    char digits[24];
    if (seed <= INT64_MAX)
        return json_integer((json_int_t)seed);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)seed);
    return json_string(digits);
}

/* A stage of the way to the net; what it has no figure for is null. */
static json_t *stage_json(const struct sn_funnel_stage *s,
                          sn_funnel_stage_id id)
{
    json_t *o = json_object();
    const bool ok =
        set(o, "stage", json_string(sn_funnel_stage_name(id))) &&
        set(o, "nets_in", json_real(s->in)) &&
        set(o, "nets_out", json_real(s->out)) &&
        set(o, "stage_seconds", json_real(s->seconds)) &&
        set(o, "best_latency_ms", milliseconds(s->latency)) &&
        set(o, "best_accuracy",
            id == SN_FUNNEL_SHORT ? json_real(s->score) : json_null()) &&
        set(o, "best_loss",
            id == SN_FUNNEL_RACE ? json_real(s->score) : json_null());
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

/* The stages that were gone through, in their order. */
static bool add_stages(json_t *o, const struct sn_job_result *r)
{
    json_t *list = json_array();
    bool ok = set(o, "stages", list);
    for (int i = 0; i < SN_FUNNEL_STAGES && ok; i++)
        if (r->stage[i].in > 0)
            ok =
                json_array_append_new(
                    list, stage_json(&r->stage[i], (sn_funnel_stage_id)i)) == 0;
    return ok;
}

json_t *sn_result_object(const struct sn_job_result *r)
{
    json_t *o = json_object();
    if (add_net(o, r, &r->net) && add_baseline(o, r) &&
        set(o, "search_seconds",
            r->searched ? json_real(r->search_seconds) : json_null()) &&
        set(o, "final_seconds", seconds_of(&r->net)) && add_stages(o, r) &&
        set(o, "seed", seed_value(r->seed)) && add_arch(o, &r->net.arch))
        return o;
    json_decref(o);
    return NULL;
}

char *sn_result_dump(json_t *o)
{
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_decref(o);
    return text;
}

char *sn_result_json(const struct sn_job_result *r)
{
    return sn_result_dump(sn_result_object(r));
}
