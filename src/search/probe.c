/* Probes: which layers a question needs, and what gradients answer by
 * themselves; see probe.h. */

#include "search/probe.h"

#include <stdlib.h>

#include "search/search_internal.h"

bool sn_decision_met(const struct sn_space *space, const struct sn_decisions *d,
                     const int *choice, int id)
{
    const struct sn_decision *x = &d->item[id];
    if (x->kind == SN_DECIDE_DEPTH || sn_decides_frame(x))
        return true;
    const struct sn_stage_space *s = &space->stage[x->stage];
    if (x->block >= s->depth[choice[d->depth[x->stage]]])
        return false;
    const int op = choice[d->op[x->stage][x->block]];
    return x->kind == SN_DECIDE_OP || s->block[x->block].op[op] == x->op;
}

/* What a decision is about, in a subnet. */
struct site {
    const struct sn_decision *d;
    const struct sn_stage_space *stage;
    const struct sn_op_space *of; /* k and e: offers of the op */
    const struct sn_op_ids *ids;  /* the same */
    struct sn_block block;        /* k and e: as it is chosen */
    int cin, cout;                /* of the block as it is */
};

/* Block ib of the choice, with option io of its ops. */
static struct sn_block block_of(const struct sn_supernet *sn, const int *choice,
                                int is, int ib, int io)
{
    const struct sn_decisions *d = &sn->decisions;
    const struct sn_block_space *b = &sn->space.stage[is].block[ib];
    const sn_block_op op = b->op[io];
    return (struct sn_block){op, b->of[op].k[choice[d->k[is][ib][op]]],
                             b->of[op].e[choice[d->e[is][ib][op]]]};
}

static struct site site_of(const struct sn_supernet *sn,
                           const struct sn_arch *arch, const int *choice,
                           int id)
{
    const struct sn_decision *d = &sn->decisions.item[id];
    struct site s = {.d = d, .stage = &sn->space.stage[d->stage]};
    if (d->kind != SN_DECIDE_K && d->kind != SN_DECIDE_E)
        return s;
    s.of = &s.stage->block[d->block].of[d->op];
    s.ids = &sn->block[d->stage][d->block][d->op];
    s.block = block_of(sn, choice, d->stage, d->block,
                       choice[sn->decisions.op[d->stage][d->block]]);
    const struct sn_block_shape b =
        sn_arch_block(arch, d->stage, d->block, s.block);
    s.cin = b.cin;
    s.cout = b.cout;
    return s;
}

/* Channels of an expansion of the op. */
static int channels(const struct site *s, int e)
{
    return s->cin * e;
}

/* ---- branches ---- */

struct listed {
    struct sn_supernet *sn;
    struct sn_graph *g;
    const struct sn_arch *arch;
    const int *choice;
    const struct sn_listing *l;
};

/* e up: the channels that join, as a block of their own. */
static void branch_e(const struct listed *b, struct sn_probe *p)
{
    const struct site s = site_of(b->sn, b->arch, b->choice, p->decision);
    const struct sn_block_tensors *t = &b->l->of[s.d->stage][s.d->block];
    const int first = channels(&s, s.of->e[p->from]);
    const struct sn_block wider = {s.block.op, s.block.k, s.of->e[p->to]};
    const struct sn_channels group = {
        first, channels(&s, s.of->e[p->to]) - first, true};
    sn_graph_branch(b->g, t->y);
    struct sn_tensor *end = sn_supernet_add_op(
        b->sn, b->g, b->arch, s.d->stage, s.d->block, t->in, &wider, &group);
    sn_graph_branch_end(b->g, SN_BRANCH_BESIDE, end, &p->slope);
}

static void branch_op(const struct listed *b, struct sn_probe *p)
{
    const struct sn_decision *d = &b->sn->decisions.item[p->decision];
    const struct sn_block_tensors *t = &b->l->of[d->stage][d->block];
    const struct sn_block other =
        block_of(b->sn, b->choice, d->stage, d->block, p->to);
    const struct sn_channels all = {0, 0, false};
    sn_graph_branch(b->g, t->y);
    struct sn_tensor *end = sn_supernet_add_op(b->sn, b->g, b->arch, d->stage,
                                               d->block, t->in, &other, &all);
    sn_graph_branch_end(b->g, SN_BRANCH_INSTEAD, end, &p->slope);
}

/* The same op with another kernel. */
static void branch_k(const struct listed *b, struct sn_probe *p)
{
    const struct site s = site_of(b->sn, b->arch, b->choice, p->decision);
    const struct sn_block_tensors *t = &b->l->of[s.d->stage][s.d->block];
    const struct sn_block other = {s.block.op, s.of->k[p->to], s.block.e};
    const struct sn_channels all = {0, 0, false};
    sn_graph_branch(b->g, t->y);
    struct sn_tensor *end = sn_supernet_add_op(b->sn, b->g, b->arch, s.d->stage,
                                               s.d->block, t->in, &other, &all);
    sn_graph_branch_end(b->g, SN_BRANCH_INSTEAD, end, &p->slope);
}

/* Blocks that leave are a tensor that is there; those that join are listed. */
static void branch_depth(const struct listed *b, struct sn_probe *p)
{
    const struct sn_decisions *d = &b->sn->decisions;
    const struct site s = site_of(b->sn, b->arch, b->choice, p->decision);
    const int is = s.d->stage;
    const int now = s.stage->depth[p->from], then = s.stage->depth[p->to];
    const struct sn_channels all = {0, 0, false};
    struct sn_tensor *x = b->l->of[is][now - 1].out;
    sn_graph_branch(b->g, x);
    if (then < now)
        x = b->l->of[is][then - 1].out;
    for (int ib = now; ib < then; ib++) {
        const struct sn_block block =
            block_of(b->sn, b->choice, is, ib, b->choice[d->op[is][ib]]);
        struct sn_tensor *y =
            sn_supernet_add_op(b->sn, b->g, b->arch, is, ib, x, &block, &all);
        x = sn_supernet_add_residual(b->g, b->arch, is, ib, x, y);
    }
    sn_graph_branch_end(b->g, SN_BRANCH_INSTEAD, x, &p->slope);
}

static void add_branch(const struct listed *b, struct sn_probe *p)
{
    switch (b->sn->decisions.item[p->decision].kind) {
    case SN_DECIDE_DEPTH:
        branch_depth(b, p);
        break;
    case SN_DECIDE_OP:
        branch_op(b, p);
        break;
    case SN_DECIDE_E:
        if (p->to > p->from)
            branch_e(b, p);
        break;
    case SN_DECIDE_K: /* of an IBN it is a part of the layer itself */
        if (b->sn->decisions.item[p->decision].op != SN_OP_IBN)
            branch_k(b, p);
        break;
    case SN_DECIDE_INPUT: /* of the whole net */
    case SN_DECIDE_MULTIPLIER:
    case SN_DECIDE_OUTPUT_STRIDE:
    case SN_DECIDE_WIDTH:
        SN_CHECK(!"a question that a branch answers");
        break;
    }
}

void sn_supernet_build_probed(struct sn_supernet *sn, struct sn_graph *g,
                              const int *choice, struct sn_probe *probe, int n,
                              int batch, double smoothing)
{
    struct sn_listing l = {0};
    struct sn_arch arch;
    sn_arch_choose(&arch, &sn->space, &sn->decisions, choice);
    for (int i = 0; i < n; i++) {
        struct sn_probe *p = &probe[i];
        const struct sn_decision *d = &sn->decisions.item[p->decision];
        SN_CHECK(p->from == choice[p->decision] && p->to >= 0 && p->to < d->n);
        SN_CHECK(p->to == p->from + 1 || p->to == p->from - 1);
        SN_CHECK(
            sn_decision_met(&sn->space, &sn->decisions, choice, p->decision));
        if (d->kind == SN_DECIDE_K && d->op == SN_OP_IBN && p->to > p->from)
            l.wider[d->stage][d->block] = &p->slope;
        if (d->kind == SN_DECIDE_OP || d->kind == SN_DECIDE_K)
            l.held[d->stage][d->block] = true;
        if (d->kind == SN_DECIDE_DEPTH)
            l.held[d->stage][arch.stage[d->stage].depth - 1] = true;
    }
    sn_supernet_list(sn, g, &arch, batch, smoothing, &l);
    const struct listed b = {sn, g, &arch, choice, &l};
    for (int i = 0; i < n; i++)
        add_branch(&b, &probe[i]);
}

/* ---- the most memory ---- */

/* Every op at its largest, in a branch of its own: they share one place. */
static void branch_ops(struct sn_supernet *sn, struct sn_graph *g,
                       const struct sn_arch *arch, int is, int ib,
                       const struct sn_block_tensors *t)
{
    const struct sn_block_space *b = &sn->space.stage[is].block[ib];
    const struct sn_channels all = {0, 0, false};
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        const struct sn_block largest = {b->op[i], of->k[of->n_k - 1],
                                         of->e[of->n_e - 1]};
        sn_graph_branch(g, t->y);
        struct sn_tensor *end =
            sn_supernet_add_op(sn, g, arch, is, ib, t->in, &largest, &all);
        sn_graph_branch_end(g, SN_BRANCH_STANDS, end, NULL);
    }
}

void sn_supernet_build_most(struct sn_supernet *sn, struct sn_graph *g,
                            int batch, double smoothing)
{
    static double nowhere;
    struct sn_listing l = {.most = true};
    struct sn_arch arch;
    sn_supernet_hungriest(&arch, &sn->space);
    for (int is = 0; is < arch.n_stages; is++)
        for (int ib = 0; ib < arch.stage[is].depth; ib++) {
            struct sn_block *b = &arch.stage[is].block[ib];
            const struct sn_op_space *of =
                &sn->space.stage[is].block[ib].of[b->op];
            if (b->op != SN_OP_IBN || of->n_k < 2)
                continue;
            b->k = of->k[of->n_k - 2]; /* and is asked for the largest */
            l.wider[is][ib] = &nowhere;
        }
    sn_supernet_list(sn, g, &arch, batch, smoothing, &l);
    for (int is = 0; is < arch.n_stages; is++)
        for (int ib = 0; ib < arch.stage[is].depth; ib++)
            branch_ops(sn, g, &arch, is, ib, &l.of[is][ib]);
}

/* ---- what gradients answer ---- */

/* <w, dL/dw> over rows [first, first + rows) and all columns. */
static double along(struct sn_weight w, int first, int rows, int cols)
{
    double sum = 0;
    for (int ir = first; ir < first + rows; ir++)
        for (int ic = 0; ic < cols; ic++) {
            const ptrdiff_t at = (ptrdiff_t)ir * w.ld + ic;
            sum += (double)w.w[at] * (double)w.g[at];
        }
    return sum;
}

/* The last group of channels. */
static double leave_e(const struct sn_supernet *sn, const struct site *s,
                      const struct sn_probe *p)
{
    const struct sn_weight w = sn_params_weight(&sn->params, s->ids->project);
    const int first = channels(s, s->of->e[p->to]);
    return -along(w, first, channels(s, s->of->e[p->from]) - first, s->cout);
}

/* The outer taps of the active channels: k_from x k_from without the centre
 * k_to x k_to, inside the largest kernel. */
static double leave_k(const struct sn_supernet *sn, const struct site *s,
                      const struct sn_probe *p)
{
    const struct sn_weight w = sn_params_weight(&sn->params, s->ids->depth);
    const int k = s->ids->k, mid = channels(s, s->block.e);
    const int outer = s->of->k[p->from] / 2, inner = s->of->k[p->to] / 2;
    double sum = 0;
    for (int jt = 0; jt < k * k; jt++) {
        const int ih = jt / k - k / 2, iw = jt % k - k / 2;
        const int ring = abs(ih) > abs(iw) ? abs(ih) : abs(iw);
        if (ring > inner && ring <= outer)
            sum += along(w, jt, 1, mid);
    }
    return -sum;
}

void sn_supernet_read_probes(const struct sn_supernet *sn, const int *choice,
                             struct sn_probe *probe, int n)
{
    struct sn_arch arch;
    sn_arch_choose(&arch, &sn->space, &sn->decisions, choice);
    for (int i = 0; i < n; i++) {
        struct sn_probe *p = &probe[i];
        const struct site s = site_of(sn, &arch, choice, p->decision);
        if (p->to > p->from)
            continue;
        if (s.d->kind == SN_DECIDE_E)
            p->slope = leave_e(sn, &s, p);
        if (s.d->kind == SN_DECIDE_K && s.d->op == SN_OP_IBN)
            p->slope = leave_k(sn, &s, p);
    }
}
