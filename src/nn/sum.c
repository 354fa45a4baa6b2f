/* out = sum of coef_i * x_i: residuals, op gates and depth gates.  The one
 * place where a normalised tensor is materialised; it is a narrow one. */

#include "base/status.h"
#include "nn/layer.h"

void sn_sum_init(struct sn_layer *layer, const struct sn_term *terms, int n)
{
    struct sn_sum *s = &layer->as.sum;
    SN_CHECK(n >= 1 && n <= SN_MAX_TERMS);
    const struct sn_tensor *x = terms[0].x;
    sn_tensor_shape(&layer->out, x->n, x->h, x->w, x->c);
    s->terms = n;
    for (int i = 0; i < n; i++) {
        const struct sn_tensor *t = terms[i].x;
        SN_CHECK(t->n == x->n && t->h == x->h && t->w == x->w && t->c == x->c);
        s->in[i] = terms[i].x;
        s->coef[i] = terms[i].coef;
        s->dcoef[i] = terms[i].dcoef;
        terms[i].x->readers++;
    }
}

void sn_sum_plan(struct sn_layer *layer, struct sn_plan *plan)
{
    struct sn_sum *s = &layer->as.sum;
    sn_tensor_plan(&layer->out, plan->arena);
    s->slots = sn_arena_take(plan->arena, SN_UNITS * (size_t)s->terms,
                             sizeof *s->slots);
}

/* Pixels of unit u, and where they begin. */
static ptrdiff_t unit_rows(const struct sn_tensor *t, int u, ptrdiff_t *row)
{
    const int first = sn_unit_first(t->n, u), next = sn_unit_first(t->n, u + 1);
    *row = (ptrdiff_t)first * t->h * t->w;
    return (ptrdiff_t)(next - first) * t->h * t->w;
}

void sn_sum_fwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_sum *s = &layer->as.sum;
    struct sn_tensor *out = &layer->out;
    const int units = sn_unit_count(out->n);
#pragma omp parallel for schedule(static)
    for (int u = 0; u < units; u++) {
        ptrdiff_t row;
        const ptrdiff_t rows = unit_rows(out, u, &row);
        for (int i = 0; i < s->terms; i++) {
            const struct sn_tensor *x = s->in[i];
            pass->k->load(sn_tensor_rows(out, row), sn_tensor_rows(x, row),
                          x->bn ? x->bn->s : NULL, x->bn ? x->bn->b : NULL,
                          x->bn ? x->act : SN_ACT_NONE,
                          s->coef[i] ? *s->coef[i] : 1, i > 0, out->c, rows);
        }
    }
}

/* Term i's share of backward for unit u. */
static void bwd_term(struct sn_sum *s, const struct sn_tensor *out, int i,
                     int u, const struct sn_kernels *k)
{
    struct sn_tensor *x = s->in[i];
    ptrdiff_t row;
    const ptrdiff_t rows = unit_rows(out, u, &row);
    const sn_real *dout = out->dz + row * out->ld;
    if (s->dcoef[i])
        s->slots[u * s->terms + i] =
            k->load_dot(dout, out->ld, x->y + row * x->ld, x->ld,
                        x->bn ? x->bn->s : NULL, x->bn ? x->bn->b : NULL,
                        x->bn ? x->act : SN_ACT_NONE, out->c, rows);
    if (!x->wants_grad)
        return;
    if (x->dz != out->dz) /* else it is there already (plan.c) */
        k->load(sn_tensor_grad_rows(x, row), sn_reals(dout, out->ld), NULL,
                NULL, SN_ACT_NONE, s->coef[i] ? *s->coef[i] : 1,
                sn_tensor_adds(x), out->c, rows);
    sn_tensor_added(k, x, u, row, rows);
}

void sn_sum_bwd(struct sn_layer *layer, const struct sn_pass *pass)
{
    struct sn_sum *s = &layer->as.sum;
    const int units = sn_unit_count(layer->out.n);
    for (int i = 0; i < s->terms; i++) {
#pragma omp parallel for schedule(static)
        for (int u = 0; u < units; u++)
            bwd_term(s, &layer->out, i, u, pass->k);
        sn_tensor_grad_added(s->in[i]);
        if (!s->dcoef[i])
            continue;
        *s->dcoef[i] = 0;
        for (int u = 0; u < units; u++)
            *s->dcoef[i] += s->slots[u * s->terms + i];
    }
}
