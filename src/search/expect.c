/* Expected latency of a random net, and its derivatives (METHOD 2.2). */

#include "search/derive.h"

/* A block's contribution, sum_op p(op) sum_k p(k|op) sum_e p(e|op) t, and with
 * `grad` its derivatives times `weight`, the probability of the block. */
static double block_expected(const struct sn_cost_table *t,
                             const struct sn_space *space,
                             const struct sn_decisions *d, int is, int ib,
                             const double *p, double weight, double *grad)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    const int first_op = d->item[d->op[is][ib]].first;
    double sum = 0.0;
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        const int first_k = d->item[d->k[is][ib][op]].first;
        const int first_e = d->item[d->e[is][ib][op]].first;
        const double p_op = p[first_op + i];
        double of_op = 0.0;
        for (int ik = 0; ik < b->of[op].n_k; ik++) {
            const double p_k = p[first_k + ik];
            double of_k = 0.0;
            for (int ie = 0; ie < b->of[op].n_e; ie++) {
                const double x = t->block[is][ib][op][ik][ie].seconds;
                of_k += p[first_e + ie] * x;
                if (grad)
                    grad[first_e + ie] += weight * p_op * p_k * x;
            }
            of_op += p_k * of_k;
            if (grad)
                grad[first_k + ik] += weight * p_op * of_k;
        }
        sum += p_op * of_op;
        if (grad)
            grad[first_op + i] += weight * of_op;
    }
    return sum;
}

double sn_expected_latency(const struct sn_cost_table *t,
                           const struct sn_space *space,
                           const struct sn_decisions *d, const double *p,
                           double *grad)
{
    double expected = t->fixed.seconds;
    for (int io = 0; grad && io < d->total; io++)
        grad[io] = 0.0;
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        const int first = d->item[d->depth[is]].first;
        const int blocks = sn_space_max_depth(space, is);
        for (int ib = 0; ib < blocks; ib++) {
            double present = 0.0; /* P(depth > ib) */
            for (int i = 0; i < s->n_depth; i++)
                present += s->depth[i] > ib ? p[first + i] : 0.0;
            const double x =
                block_expected(t, space, d, is, ib, p, present, grad);
            expected += present * x;
            for (int i = 0; grad && i < s->n_depth; i++)
                grad[first + i] += s->depth[i] > ib ? x : 0.0;
        }
    }
    return expected;
}
