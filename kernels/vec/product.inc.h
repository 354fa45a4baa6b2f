/* Sums of products over strided rows; their meaning is in ref/product.c.
 *
 * A tile of up to V_MR pixels by V_NR vectors of channels stays in registers
 * while all terms pass by: per term V_NR loads of b and V_MR broadcasts from a,
 * both as they lie.  Nothing is packed: one operand of a call is the weights of
 * a layer, the other as many pixels as its caller keeps in the second-level
 * cache, and a panel of b is walked again and again from the first.
 *
 * A value is one chain of v_fma in the order of its terms, whichever tile it
 * falls into.
 *
 * Where the width has a half, a last vector of so few channels is half a
 * vector: processors that split a wide operation in two then compute no lanes
 * that nobody wants. */
#include "kernels/kernels_internal.h"

#include "kernels/vec/vec.h"

/* Compiled for the slot `product`, unless the file that includes it asks for
 * product_pairs: a term is then the products of two words of sn_bf16. */
#ifdef V_PRODUCT_PAIRS
V_INLINE v_f32 term(v_f32 a, v_f32 b, v_f32 sum)
{
    return v_dot(a, b, sum);
}
V_INLINE v_half term_half(v_half a, v_half b, v_half sum)
{
    return v_half_dot(a, b, sum);
}
#else
V_INLINE v_f32 term(v_f32 a, v_f32 b, v_f32 sum)
{
    return v_fma(a, b, sum);
}
V_INLINE v_half term_half(v_half a, v_half b, v_half sum)
{
    return v_half_fma(a, b, sum);
}
#endif

/* Where in the memory ahead a product is, and how far it goes at each term, and
 * before each tile where terms are too few. */
struct ahead {
    const char *at;
    ptrdiff_t step; /* bytes; at most a line, so that none is left out */
    ptrdiff_t jump;
};

/* The last vector of a tile: some of its lanes count, all do, or no more than
 * half a vector has. */
enum last { PARTIAL, FULL, HALF, LASTS };

/* x in every lane, for nr vectors; of a single one the load of x is part of its
 * v_fma, where the processor has that. */
V_INLINE v_f32 broadcast(float x, const int nr)
{
    return nr > 1 ? v_hold(v_set(x)) : v_set(x);
}

/* Asks for the lines of nr vectors of values from `c` on, which are written
 * behind all terms: a store to a line that is in no cache reads it first. */
V_INLINE void ask_values(const struct sn_product *p, ptrdiff_t c, const int nr)
{
    const ptrdiff_t size = p->c_form == SN_REAL ? sizeof(float) : 2;
    V_UNROLL
    for (int iv = 0; iv < nr; iv++)
        v_soon((const char *)p->c + (c + iv * V_WIDTH) * size);
}

/* One tile of mr pixels and nr vectors; `touching`: the values of a of one term
 * lie together. */
V_INLINE void product_tile(const struct sn_product *p, struct ahead *ahead,
                           const float *a, const float *b, ptrdiff_t c,
                           v_mask m, const int mr, const int nr,
                           const enum last last, const int touching)
{
    const char *line = ahead->at + ahead->jump;
    const ptrdiff_t line_step = ahead->step;
    const ptrdiff_t a_m = touching ? 1 : p->a_m;
    const int wide = last == HALF ? nr - 1 : nr; /* vectors that are whole */
    v_f32 sum[V_MR][V_NR];
    v_half half[V_MR];

    for (ptrdiff_t at = 0; at < ahead->jump; at += V_LINE)
        v_soon(ahead->at + at);
    V_UNROLL
    for (int im = 0; im < mr; im++)
        ask_values(p, c + im * p->c_m, nr);
    V_UNROLL
    for (int im = 0; im < mr; im++) {
        V_UNROLL
        for (int iv = 0; iv < wide; iv++)
            sum[im][iv] = v_zero();
        half[im] = v_low(v_zero());
    }
    for (int is = 0, left = p->bunch; is < p->segs; is++, b += p->b_seg) {
        const float *as = a, *bs = b;
        for (int ik = 0; ik < p->len; ik++, as += p->a_k, bs += p->b_k) {
            v_f32 bv[V_NR];
            v_half bh = v_low(v_zero());
            v_soon(line);
            line += line_step;
            V_UNROLL
            for (int iv = 0; iv < wide; iv++)
                bv[iv] = v_hold(v_get(bs + iv * V_WIDTH, m,
                                      last != PARTIAL || iv < nr - 1));
            if (last == HALF)
                bh = v_half_get(bs + wide * V_WIDTH, m);
            V_UNROLL
            for (int im = 0; im < mr; im++) {
                const float x = as[im * a_m];
                const v_f32 av = broadcast(x, nr);
                const v_half ah = nr > 1 ? v_low(av) : v_half_set(x);
                V_UNROLL
                for (int iv = 0; iv < wide; iv++)
                    sum[im][iv] = term(av, bv[iv], sum[im][iv]);
                if (last == HALF)
                    half[im] = term_half(ah, bh, half[im]);
            }
        }
        a += p->a_seg;
        if (--left == 0) {
            a += p->a_skip;
            left = p->bunch;
        }
    }
    ahead->at = line;
    V_UNROLL
    for (int im = 0; im < mr; im++) {
        if (last == HALF)
            sum[im][wide] = v_whole(half[im]);
        V_UNROLL
        for (int iv = 0; iv < nr; iv++) {
            const ptrdiff_t to = c + im * p->c_m + iv * V_WIDTH;
            const int whole = last == FULL || iv < nr - 1;
            v_f32 v = sum[im][iv];
            if (p->add)
                v = v_add(v_get((const float *)p->c + to, m, whole), v);
            if (p->c_form == SN_REAL)
                v_put((float *)p->c + to, v, m, whole);
            else
                v_put_bf16((sn_bf16 *)p->c + to, v, m, whole);
        }
    }
}

typedef void product_tile_fn(const struct sn_product *p, struct ahead *ahead,
                             const float *a, const float *b, ptrdiff_t c,
                             v_mask m);

#define TILE(name, mr, nr, last, touching)                                     \
    static void name(const struct sn_product *p, struct ahead *ahead,          \
                     const float *a, const float *b, ptrdiff_t c, v_mask m)    \
    {                                                                          \
        product_tile(p, ahead, a, b, c, m, mr, nr, last, touching);            \
    }
#if V_HALF > 0
#    define TILE_HALF(name, mr, nr)                                            \
        TILE(name##_hp, mr, nr, HALF, 0)                                       \
        TILE(name##_ht, mr, nr, HALF, 1)
#    define HALVES(name) name##_hp, name##_ht
#else
#    define TILE_HALF(name, mr, nr)
#    define HALVES(name) NULL, NULL
#endif
#define TILE_KINDS(name, mr, nr)                                               \
    TILE(name##_pp, mr, nr, PARTIAL, 0)                                        \
    TILE(name##_pt, mr, nr, PARTIAL, 1)                                        \
    TILE(name##_fp, mr, nr, FULL, 0)                                           \
    TILE(name##_ft, mr, nr, FULL, 1)                                           \
    TILE_HALF(name, mr, nr)
#define TILE_ROW(name, nr)                                                     \
    TILE_KINDS(name##_most, V_MR, nr)                                          \
    TILE_KINDS(name##_4, 4, nr)                                                \
    TILE_KINDS(name##_2, 2, nr)                                                \
    TILE_KINDS(name##_1, 1, nr)

TILE_ROW(tile_1, 1)
TILE_ROW(tile_2, 2)
#if V_NR > 2
TILE_ROW(tile_3, 3)
#endif

/* Heights of tiles, and the tiles: [vectors - 1][height][2*last + touching]. */
enum { HEIGHTS = 4 };
static const int heights[HEIGHTS] = {V_MR, 4, 2, 1};

#define KINDS(name)                                                            \
    {                                                                          \
        name##_pp, name##_pt, name##_fp, name##_ft, HALVES(name)               \
    }
#define ROW(name)                                                              \
    {                                                                          \
        KINDS(name##_most), KINDS(name##_4), KINDS(name##_2), KINDS(name##_1)  \
    }

static product_tile_fn *const tiles[V_NR][HEIGHTS][2 * LASTS] = {
    ROW(tile_1),
    ROW(tile_2),
#if V_NR > 2
    ROW(tile_3),
#endif
};

/* The panel of nr vectors from channel `in` on: all rows and pixels. */
static void product_panel(const struct sn_product *p, struct ahead *ahead,
                          int in, int nr)
{
    const int left = p->n - in - (nr - 1) * V_WIDTH;
    const int touching = p->a_m == 1;
    const enum last last = left >= V_WIDTH  ? FULL
                           : left <= V_HALF ? HALF
                                            : PARTIAL;
    const v_mask m = v_tail(last == FULL ? 0 : left);

    for (int ir = 0; ir < p->rows; ir++) {
        const float *a = (const float *)p->a + ir * p->a_row;
        const float *b = (const float *)p->b + in;
        const ptrdiff_t c = ir * p->c_row + in;
        int im = 0;
        for (int i = 0; i < HEIGHTS; i++) {
            product_tile_fn *const tile = tiles[nr - 1][i][2 * last + touching];
            for (; p->m - im >= heights[i]; im += heights[i])
                tile(p, ahead, a + im * p->a_m, b, c + im * p->c_m, m);
        }
    }
}

/* Spreads the memory ahead over the terms of all tiles. */
static struct ahead find_ahead(const struct sn_product *p, int panels)
{
    const ptrdiff_t count =
        (ptrdiff_t)panels * p->rows * ((p->m + V_MR - 1) / V_MR);
    const ptrdiff_t terms = count * p->segs * p->len;
    struct ahead ahead = {.at = (const char *)p->ahead};
    if (!p->ahead || terms == 0) {
        ahead.at = (const char *)p->b;
        return ahead;
    }
    ahead.step = p->ahead_bytes / terms + 1;
    if (ahead.step > V_LINE) {
        ahead.jump = (p->ahead_bytes - terms * V_LINE) / count;
        ahead.step = V_LINE;
    }
    return ahead;
}

/* Panels as even as they can be: 4 vectors are 2 + 2, not 3 + 1. */
static void product_panels(const struct sn_product *p)
{
    const int vectors = (p->n + V_WIDTH - 1) / V_WIDTH;
    const int panels = (vectors + V_NR - 1) / V_NR;
    struct ahead ahead = find_ahead(p, panels);
    int in = 0;

    for (int ip = 0; ip < panels; ip++) {
        const int nr = vectors / panels + (ip < vectors % panels);
        product_panel(p, &ahead, in, nr);
        in += nr * V_WIDTH;
    }
}

#ifdef V_PRODUCT_PAIRS
void V_NAME(sn_product_pairs)(const struct sn_product *p)
{
    product_panels(p);
}

void V_NAME(sn_product_pairs_fill)(struct sn_kernels *k)
{
    k->product_pairs = V_NAME(sn_product_pairs);
}
#else
void V_NAME(sn_product_fill)(struct sn_kernels *k)
{
    k->product = product_panels;
}
#endif
