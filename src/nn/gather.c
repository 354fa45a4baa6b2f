/* One product over all pixels in the place of slots; see gather.h. */

#include "nn/gather.h"

/* A block of the gradient, whole tiles of every ISA's products, and terms taken
 * at a time: what of x and dy they read stays in the second-level cache. */
enum { BLOCK_ROWS = 24, BLOCK_COLS = 96, BLOCK_TERMS = 512 };

/* Terms of the units before u. */
static ptrdiff_t terms_before(const struct sn_stage *s, int u)
{
    const struct sn_tensor *t = s->in;
    ptrdiff_t terms = 0;
    if (!s->pairs)
        return sn_unit_pixel(t, u);
    for (int iu = 0; iu < u; iu++)
        terms += (sn_unit_pixel(t, iu + 1) - sn_unit_pixel(t, iu) + 1) / 2;
    return terms;
}

/* Room for the sum; what follows starts a cache line. */
static size_t sum_values(const struct sn_stage *s)
{
    const size_t values = (size_t)s->in->c * (size_t)s->out->c;
    return (values + SN_LANES - 1) / SN_LANES * SN_LANES;
}

size_t sn_gather_values(const struct sn_stage *s)
{
    const ptrdiff_t terms = terms_before(s, sn_unit_count(s->in->n));
    return sum_values(s) +
           (size_t)(terms * (sn_apart(s->in->c) + sn_apart(s->out->c)));
}

bool sn_gather_pays(const struct sn_stage *s)
{
    const size_t slots = (size_t)sn_unit_count(s->in->n) * sum_values(s);
    return s->kind == SN_STAGE_POINT && sn_gather_values(s) < slots;
}

static sn_real *all_x(const struct sn_stage *s)
{
    return s->slots + sum_values(s);
}

static sn_real *all_dy(const struct sn_stage *s)
{
    return all_x(s) +
           terms_before(s, sn_unit_count(s->in->n)) * sn_apart(s->in->c);
}

/* Unit u's rows among `all` of tensor t, from `pixel` on. */
static struct sn_rows rows_at(const struct sn_stage *s,
                              const struct sn_tensor *t, sn_real *all, int u,
                              ptrdiff_t pixel)
{
    const ptrdiff_t into = pixel - sn_unit_pixel(t, u);
    const ptrdiff_t term = terms_before(s, u) + (s->pairs ? into / 2 : into);
    return (struct sn_rows){all + term * sn_apart(t->c), sn_apart(t->c),
                            s->pairs ? SN_PAIRS : SN_REAL};
}

struct sn_rows sn_gather_x(const struct sn_stage *s, int u, ptrdiff_t pixel)
{
    return rows_at(s, s->in, all_x(s), u, pixel);
}

struct sn_rows sn_gather_dy(const struct sn_stage *s, int u, ptrdiff_t pixel)
{
    return rows_at(s, s->out, all_dy(s), u, pixel);
}

/* The block from row `ir` and column `ic` on. */
static void multiply(const struct sn_stage *s, const struct sn_kernels *k,
                     int ir, int ic)
{
    const int cin = s->in->c, cout = s->out->c;
    const ptrdiff_t terms = terms_before(s, sn_unit_count(s->in->n));
    for (ptrdiff_t it = 0; it < terms; it += BLOCK_TERMS) {
        const ptrdiff_t left = terms - it;
        const struct sn_product p = {
            .rows = 1,
            .m = sn_least(BLOCK_ROWS, cin - ir),
            .n = sn_least(BLOCK_COLS, cout - ic),
            .segs = 1,
            .len = left < BLOCK_TERMS ? (int)left : BLOCK_TERMS,
            .a = all_x(s) + it * sn_apart(s->in->c) + ir,
            .a_m = 1,
            .a_k = sn_apart(s->in->c),
            .b = all_dy(s) + it * sn_apart(s->out->c) + ic,
            .b_k = sn_apart(s->out->c),
            .c = s->slots + (ptrdiff_t)ir * cout + ic,
            .c_m = cout,
            .add = it > 0};
        sn_stage_multiply(s, k, &p);
    }
}

void sn_gather_multiply(const struct sn_stage *s, const struct sn_kernels *k)
{
    const int rows = (s->in->c + BLOCK_ROWS - 1) / BLOCK_ROWS;
    const int cols = (s->out->c + BLOCK_COLS - 1) / BLOCK_COLS;
    /* every block is a product of its own: whoever is free takes the next */
#pragma omp parallel for schedule(dynamic)
    for (int ib = 0; ib < rows * cols; ib++)
        multiply(s, k, ib % rows * BLOCK_ROWS, ib / rows * BLOCK_COLS);
}
