/* Sweeps over channels; see landscape.h. */

#include "target/landscape.h"

#include "base/status.h"

int sn_local_minima(const double *v, int n)
{
    int minima = 0;
    bool falling = false;
    for (int i = 1; i < n; i++) {
        if (v[i] == v[i - 1])
            continue;
        minima += falling && v[i] > v[i - 1];
        falling = v[i] < v[i - 1];
    }
    return minima;
}

static void push(struct sn_sweep *s, int channels, double seconds)
{
    s->channels[s->n] = channels;
    s->seconds[s->n] = seconds;
    s->each[s->n++] = seconds / channels;
}

/* Multiples of P, each cheaper than all wider ones. */
static void curate(struct sn_landscape *l)
{
    const struct sn_sweep *raw = &l->raw;
    double wider = 0;
    l->curated.n = 0;
    for (int i = 0; i < raw->n; i++) { /* widest first, then turned around */
        const int at = raw->n - 1 - i;
        if (raw->channels[at] % l->lanes)
            continue;
        if (l->curated.n == 0 || raw->seconds[at] < wider) {
            push(&l->curated, raw->channels[at], raw->seconds[at]);
            wider = raw->seconds[at];
        }
    }
    struct sn_sweep turned = {0};
    for (int i = l->curated.n - 1; i >= 0; i--)
        push(&turned, l->curated.channels[i], l->curated.seconds[i]);
    l->curated = turned;
}

static void count(struct sn_sweep *s)
{
    s->minima = sn_local_minima(s->seconds, s->n);
    s->each_minima = sn_local_minima(s->each, s->n);
}

void sn_landscape_make(struct sn_landscape *l, const struct sn_target *t,
                       const struct sn_operator *op, int most)
{
    SN_CHECK(most >= 1 && most <= SN_LANDSCAPE_MAX);
    *l = (struct sn_landscape){.op = *op, .lanes = sn_target_lanes(t)};
    for (int c = 1; c <= most; c++) {
        struct sn_cost cost;
        l->op.cout = c;
        sn_target_operator(&cost, t, &l->op);
        push(&l->raw, c, cost.seconds);
    }
    curate(l);
    count(&l->raw);
    count(&l->curated);
}
