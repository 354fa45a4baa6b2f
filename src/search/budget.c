/* Distributions that keep to a budget; see budget.h. */

#include "search/budget.h"

#include <math.h>

#include "search/frames.h"

static const double target_share = 0.6; /* of the search: T' has become T */
enum { SWEEPS = 8, BISECTIONS = 50, DOUBLINGS = 60 };

double sn_budget_anneal(double start, double target, double t)
{
    const double pi = 3.14159265358979323846;
    if (t >= target_share || start <= target)
        return target; /* the uniform net may be cheap enough already */
    return target + (start - target) * 0.5 * (1.0 + cos(pi * t / target_share));
}

/* p = softmax(x); returns log sum exp. */
static double softmax(double *p, const double *x, int n)
{
    double top = x[0], sum = 0.0;
    for (int i = 1; i < n; i++)
        top = fmax(top, x[i]);
    for (int i = 0; i < n; i++)
        sum += p[i] = exp(x[i] - top);
    for (int i = 0; i < n; i++)
        p[i] /= sum;
    return top + log(sum);
}

void sn_budget_softmax(const struct sn_decisions *d, const double *logit,
                       double *p)
{
    for (int id = 0; id < d->count; id++) {
        const int first = d->item[id].first;
        softmax(p + first, logit + first, d->item[id].n);
    }
}

double sn_budget_slopes(const struct sn_cost_table *cost,
                        const struct sn_space *space,
                        const struct sn_decisions *d, const double *p,
                        double *tau)
{
    const double expected = sn_expected_latency(cost, space, d, p, tau);
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        double mean = 0.0;
        for (int io = x->first; io < x->first + x->n; io++)
            mean += p[io] * tau[io];
        for (int io = x->first; io < x->first + x->n; io++)
            tau[io] -= mean;
    }
    return expected;
}

struct tilt {
    const struct sn_cost_table *cost;
    const struct sn_space *space;
    const struct sn_decisions *d;
    const double *log_p; /* [total] of the logits */
    double target;
};

/* Kernel and expansion of an op; returns log Z(op). */
static double tilt_op(const struct tilt *t, int is, int ib, sn_block_op op,
                      double mu, double *p)
{
    const struct sn_decision *k = &t->d->item[t->d->k[is][ib][op]];
    const struct sn_decision *e = &t->d->item[t->d->e[is][ib][op]];
    const double *log_k = t->log_p + k->first, *log_e = t->log_p + e->first;
    double *p_k = p + k->first, *p_e = p + e->first, x[SN_MAX_CHOICES];
    double free_k = 0.0, free_e = 0.0; /* log Z but for the other's part */
    for (int i = 0; i < k->n; i++)
        p_k[i] = exp(log_k[i]);
    for (int sweep = 0; sweep < (k->n > 1 ? SWEEPS : 1); sweep++) {
        for (int ie = 0; ie < e->n; ie++) {
            x[ie] = log_e[ie];
            for (int ik = 0; ik < k->n; ik++)
                x[ie] -=
                    mu * p_k[ik] * t->cost->block[is][ib][op][ik][ie].seconds;
        }
        free_e = softmax(p_e, x, e->n);
        for (int ik = 0; ik < k->n && k->n > 1; ik++) {
            x[ik] = log_k[ik];
            for (int ie = 0; ie < e->n; ie++)
                x[ik] -=
                    mu * p_e[ie] * t->cost->block[is][ib][op][ik][ie].seconds;
        }
        if (k->n > 1)
            free_k = softmax(p_k, x, k->n);
    }
    if (k->n == 1)
        return free_e;
    for (int ie = 0; ie < e->n; ie++) /* entropy of e, relative to p */
        free_k += p_e[ie] > 0.0 ? p_e[ie] * (log_e[ie] - log(p_e[ie])) : 0.0;
    return free_k;
}

/* One block; returns log Z(block). */
static double tilt_block(const struct tilt *t, int is, int ib, double mu,
                         double *p)
{
    const struct sn_block_space *b = &t->space->stage[is].block[ib];
    const int first = t->d->item[t->d->op[is][ib]].first;
    double x[SN_MAX_CHOICES];
    for (int i = 0; i < b->n_op; i++)
        x[i] = t->log_p[first + i] + tilt_op(t, is, ib, b->op[i], mu, p);
    return softmax(p + first, x, b->n_op);
}

/* q of a mu, per second; returns E_q[LAT].  *log_z may be asked for with NULL.
 */
static double tilted_z(const struct tilt *t, double mu, double *p,
                       double *log_z)
{
    double sum = -mu * t->cost->fixed.seconds;
    for (int is = 0; is < t->space->n_stages; is++) {
        const struct sn_stage_space *s = &t->space->stage[is];
        const int first = t->d->item[t->d->depth[is]].first;
        double x[SN_MAX_CHOICES], blocks = 0.0;
        for (int i = 0, ib = 0; i < s->n_depth; i++) {
            for (; ib < s->depth[i]; ib++)
                blocks += tilt_block(t, is, ib, mu, p);
            x[i] = t->log_p[first + i] + blocks;
        }
        sum += softmax(p + first, x, s->n_depth);
    }
    if (log_z)
        *log_z = sum;
    return sn_expected_latency(t->cost, t->space, t->d, p, NULL);
}

static double tilted(const struct tilt *t, double mu, double *p)
{
    return tilted_z(t, mu, p, NULL);
}

/* log softmax of every decision. */
static void log_softmax(const struct sn_decisions *d, const double *logit,
                        double *p, double *log_p)
{
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *x = &d->item[id];
        const double sum = softmax(p + x->first, logit + x->first, x->n);
        for (int io = x->first; io < x->first + x->n; io++)
            log_p[io] = logit[io] - sum;
    }
}

void sn_budget_tilt(const struct sn_cost_table *cost,
                    const struct sn_space *space, const struct sn_decisions *d,
                    const double *logit, double target, double *p, double *mu)
{
    double log_p[SN_MAX_OPTIONS], low = 0.0, high = 1.0;
    const struct tilt t = {cost, space, d, log_p, target};
    sn_budget_softmax(d, logit, p);
    if (mu)
        *mu = 0.0;
    if (target <= 0.0 || isinf(target) ||
        sn_expected_latency(cost, space, d, p, NULL) <= target)
        return;
    log_softmax(d, logit, p, log_p);
    for (int i = 0; i < DOUBLINGS && tilted(&t, high / target, p) > target; i++)
        high *= 2.0;
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = 0.5 * (low + high);
        if (tilted(&t, middle / target, p) > target)
            low = middle;
        else
            high = middle;
    }
    tilted(&t, high / target, p);
    if (mu)
        *mu = high;
}

/* ---- several frames ---- */

void sn_budget_frame(const struct sn_cost_table *cost,
                     const struct sn_space *space, const struct sn_decisions *d,
                     const double *logit, double target, double mu, double *p)
{
    double log_p[SN_MAX_OPTIONS];
    const struct tilt t = {cost, space, d, log_p, target};
    log_softmax(d, logit, p, log_p);
    if (mu > 0.0)
        tilted(&t, mu / target, p);
}

struct mixture {
    const struct sn_frames *f;
    const struct sn_decisions *d;
    const double *log_p;
    double log_share[SN_MAX_FRAMES]; /* of the logits */
    double *p;                       /* [total] of one frame at a time */
};

/* Shares of a mu, per second; returns E_q[LAT]. */
static double mix(const struct mixture *m, double mu, double *share)
{
    double expected[SN_MAX_FRAMES], x[SN_MAX_FRAMES] = {0}, sum = 0.0;
    for (int i = 0; i < m->f->count; i++) {
        const struct sn_frame *at = &m->f->item[i];
        const struct tilt t = {&at->cost, &at->space, m->d, m->log_p, 0.0};
        expected[i] = tilted_z(&t, mu, m->p, &x[i]);
        x[i] += m->log_share[i];
    }
    softmax(share, x, m->f->count);
    for (int i = 0; i < m->f->count; i++)
        sum += share[i] * expected[i];
    return sum;
}

/* The mu that keeps the target, in units of 1 / target. */
static double solve(const struct mixture *m, double target, double *share)
{
    double low = 0.0, high = 1.0;
    if (target <= 0.0 || isinf(target) || mix(m, 0.0, share) <= target)
        return 0.0;
    for (int i = 0; i < DOUBLINGS && mix(m, high / target, share) > target; i++)
        high *= 2.0;
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = 0.5 * (low + high);
        if (mix(m, middle / target, share) > target)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void sn_budget_tilt_frames(const struct sn_frames *f,
                           const struct sn_decisions *d, const double *logit,
                           double target, double *p, double *share, double *mu)
{
    double log_p[SN_MAX_OPTIONS], here[SN_MAX_OPTIONS];
    struct mixture m = {f, d, log_p, {0}, here};
    log_softmax(d, logit, p, log_p);
    sn_frames_share(f, d, p, m.log_share);
    for (int i = 0; i < f->count; i++)
        m.log_share[i] = log(fmax(m.log_share[i], 1e-300));
    *mu = solve(&m, target, share);
    mix(&m, *mu > 0.0 ? *mu / target : 0.0, share);
    for (int io = 0; io < d->total; io++)
        p[io] = 0.0;
    for (int i = 0; i < f->count; i++) {
        const struct sn_frame *at = &f->item[i];
        sn_budget_frame(&at->cost, &at->space, d, logit, target, *mu, here);
        for (int id = 0; id < d->frame; id++)
            for (int io = 0; io < d->item[id].n; io++)
                p[d->item[id].first + io] +=
                    share[i] * here[d->item[id].first + io];
    }
    sn_frames_marginals(f, d, share, p);
}
