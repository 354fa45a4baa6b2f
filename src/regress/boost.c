/* Boosted trees on histograms (boost.h).
 *
 * A column's values are replaced by the number of their bin once.  A tree
 * keeps, for every leaf, the rows in it (a stretch of one array) and a
 * histogram of residuals by column and bin; after a split only the smaller side
 * is counted, the other is the difference.  Columns are independent of each
 * other, so they are what threads share. */

#include "regress/boost.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { TOGETHER = 8 }; /* trees that are walked at once */
enum {
    BINS = 256,
    SHARED = 50000 /* rows from which threads share the work on them */
};

struct bin {
    double sum; /* of residuals */
    int n;
};

struct split {
    double gain;     /* 0: none */
    int column, bin; /* bins up to this one go left */
};

struct leaf {
    int node;         /* of the tree */
    int first, n;     /* its rows: order[first .. first + n) */
    double sum;       /* of residuals */
    struct bin *bins; /* [columns, BINS] */
    struct split best;
};

struct work {
    const struct sn_boost_options *o;
    const float *x;
    int rows, columns;
    uint8_t *bin;        /* [columns, rows] */
    int *bins_of;        /* [columns] */
    float *edge;         /* [columns, BINS]: a bin holds what is below it */
    double *residual;    /* [rows]: y - f */
    double *pull;        /* [rows]: the same, clipped */
    int *order, *spare;  /* [rows] */
    int drawn;           /* rows of the current tree */
    uint8_t *uses;       /* [columns]: drawn for the current tree */
    struct leaf *leaf;   /* [leaves] */
    struct bin *bins;    /* [leaves, columns, BINS] */
    struct split *found; /* [columns] */
    float *sorted;       /* [threads of the binning: columns, rows] */
};

/* ---- bins ---- */

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Edges of a column: between all values while they are few, else at equal
 * shares of the rows. */
static int find_edges(float *edge, float *v, int rows)
{
    int distinct = 0, n = 0;
    qsort(v, (size_t)rows, sizeof *v, by_value);
    for (int i = 0; i < rows; i++)
        distinct += i == 0 || v[i] != v[i - 1];
    const int every = distinct <= BINS ? 1 : rows / (BINS - 1);
    int since = 0;
    for (int i = 1; i < rows && n < BINS - 1; i++) {
        since++;
        if (v[i] == v[i - 1] || since < every)
            continue;
        const float middle = v[i - 1] + (v[i] - v[i - 1]) / 2;
        edge[n++] = middle > v[i - 1] ? middle : v[i];
        since = 0;
    }
    return n + 1;
}

static uint8_t bin_of(const float *edge, int bins, float value)
{
    int low = 0, high = bins - 1; /* the first edge above the value */
    while (low < high) {
        const int middle = (low + high) / 2;
        if (value < edge[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return (uint8_t)low;
}

static void make_bins(struct work *w)
{
#pragma omp parallel for schedule(static) if (w->rows >= SHARED)
    for (int j = 0; j < w->columns; j++) {
        float *edge = w->edge + (ptrdiff_t)j * BINS;
        float *v = w->sorted + (ptrdiff_t)j * w->rows;
        uint8_t *bin = w->bin + (ptrdiff_t)j * w->rows;
        for (ptrdiff_t i = 0; i < w->rows; i++)
            v[i] = w->x[i * w->columns + j];
        w->bins_of[j] = find_edges(edge, v, w->rows);
        for (ptrdiff_t i = 0; i < w->rows; i++)
            bin[i] = bin_of(edge, w->bins_of[j], w->x[i * w->columns + j]);
    }
}

/* ---- a leaf's histogram and its best split ---- */

static void count_column(const struct work *w, struct leaf *l, int j)
{
    struct bin *to = l->bins + (ptrdiff_t)j * BINS;
    const uint8_t *bin = w->bin + (ptrdiff_t)j * w->rows;
    memset(to, 0, (size_t)w->bins_of[j] * sizeof *to);
    for (int i = l->first; i < l->first + l->n; i++) {
        const int row = w->order[i];
        to[bin[row]].sum += w->pull[row];
        to[bin[row]].n++;
    }
}

/* other = parent - l, where `other` still holds the parent's. */
static void subtract_column(const struct work *w, struct leaf *other,
                            const struct leaf *l, int j)
{
    struct bin *to = other->bins + (ptrdiff_t)j * BINS;
    const struct bin *from = l->bins + (ptrdiff_t)j * BINS;
    for (int i = 0; i < w->bins_of[j]; i++) {
        to[i].sum -= from[i].sum;
        to[i].n -= from[i].n;
    }
}

static double worth(double sum, int n, double lambda)
{
    return sum * sum / (n + lambda);
}

static struct split split_column(const struct work *w, const struct leaf *l,
                                 int j)
{
    struct split best = {.column = j};
    const struct bin *bin = l->bins + (ptrdiff_t)j * BINS;
    const double lambda = w->o->lambda, whole = worth(l->sum, l->n, lambda);
    double sum = 0.0;
    int n = 0;
    for (int i = 0; i + 1 < w->bins_of[j]; i++) {
        sum += bin[i].sum;
        n += bin[i].n;
        if (bin[i].n == 0 || n < w->o->least)
            continue;
        if (l->n - n < w->o->least)
            break;
        const double gain = worth(sum, n, lambda) +
                            worth(l->sum - sum, l->n - n, lambda) - whole;
        if (gain > best.gain) {
            best.gain = gain;
            best.bin = i;
        }
    }
    return best;
}

/* Counts leaf `a` anew, takes it off `b` (NULL: a is the root), and finds the
 * best split of both. */
static void look(struct work *w, struct leaf *a, struct leaf *b)
{
    struct split *of_b = w->found + w->columns;
#pragma omp parallel for schedule(static) if (a->n >= SHARED)
    for (int j = 0; j < w->columns; j++) {
        w->found[j] = of_b[j] = (struct split){0};
        if (!w->uses[j])
            continue;
        count_column(w, a, j);
        w->found[j] = split_column(w, a, j);
        if (b) {
            subtract_column(w, b, a, j);
            of_b[j] = split_column(w, b, j);
        }
    }
    a->best = (struct split){0};
    for (int j = 0; j < w->columns; j++)
        if (w->found[j].gain > a->best.gain)
            a->best = w->found[j];
    if (!b)
        return;
    b->best = (struct split){0};
    for (int j = 0; j < w->columns; j++)
        if (of_b[j].gain > b->best.gain)
            b->best = of_b[j];
}

/* ---- a tree ---- */

/* Moves the rows of l that go left to its front, both sides in their order;
 * returns how many and adds their residuals to *sum. */
static int part_rows(struct work *w, const struct leaf *l, double *sum)
{
    const uint8_t *bin = w->bin + (ptrdiff_t)l->best.column * w->rows;
    int left = 0, right = 0;
    *sum = 0.0;
    for (int i = 0; i < l->n; i++) {
        const int row = w->order[l->first + i];
        if (bin[row] <= l->best.bin) {
            w->order[l->first + left++] = row;
            *sum += w->pull[row];
        } else {
            w->spare[right++] = row;
        }
    }
    memcpy(w->order + l->first + left, w->spare,
           (size_t)right * sizeof *w->order);
    return left;
}

/* Splits leaf `at`; the new leaf has number `other`.  Both get their nodes. */
static void split_leaf(struct work *w, int at, int other,
                       struct sn_boost_node *node, int *nodes)
{
    struct leaf *l = &w->leaf[at], *r = &w->leaf[other];
    const struct split s = l->best;
    struct leaf left = *l, right = *l;
    left.n = part_rows(w, l, &left.sum);
    right.first += left.n;
    right.n -= left.n;
    right.sum = l->sum - left.sum;
    node[l->node] = (struct sn_boost_node){
        .edge = w->edge[(ptrdiff_t)s.column * BINS + s.bin],
        .column = (int16_t)s.column,
        .left = (uint16_t)*nodes};
    left.node = (*nodes)++;
    right.node = (*nodes)++;
    /* the larger side keeps the parent's histogram */
    const bool left_small = left.n < right.n;
    struct bin *spare = r->bins;
    if (left_small)
        left.bins = spare;
    else
        right.bins = spare;
    *l = left;
    *r = right;
    look(w, left_small ? l : r, left_small ? r : l);
}

/* Draws rows and columns of tree `it`; every row in its place. */
static void draw(struct work *w, int it, struct sn_rng rng)
{
    const struct sn_boost_options *o = w->o;
    int columns = 0;
    w->drawn = 0;
    for (int i = 0; i < w->rows; i++)
        if (o->row_share >= 1.0 ||
            sn_rng_uniform(rng, (uint32_t)it, 0, (uint64_t)i) < o->row_share)
            w->order[w->drawn++] = i;
    for (int j = 0; j < w->columns; j++) {
        w->uses[j] =
            o->column_share >= 1.0 ||
            sn_rng_uniform(rng, (uint32_t)it, 1, (uint64_t)j) < o->column_share;
        columns += w->uses[j];
    }
    if (columns == 0)
        memset(w->uses, 1, (size_t)w->columns);
}

/* Grows a tree into node [2 * leaves - 1]; returns its nodes. */
static int grow(struct work *w, struct sn_boost_node *node)
{
    const struct sn_boost_options *o = w->o;
    int leaves = 1, nodes = 1;
    struct leaf *root = &w->leaf[0];
    *root = (struct leaf){.n = w->drawn, .bins = w->bins};
    for (int i = 0; i < w->drawn; i++)
        root->sum += w->pull[w->order[i]];
    for (int i = 1; i < o->leaves; i++)
        w->leaf[i].bins = w->bins + (ptrdiff_t)i * w->columns * BINS;
    look(w, root, NULL);
    while (leaves < o->leaves) {
        int best = 0;
        for (int i = 1; i < leaves; i++)
            if (w->leaf[i].best.gain > w->leaf[best].best.gain)
                best = i;
        if (w->leaf[best].best.gain <= 1e-12)
            break;
        split_leaf(w, best, leaves++, node, &nodes);
    }
    for (int i = 0; i < leaves; i++) {
        const struct leaf *l = &w->leaf[i];
        node[l->node] = (struct sn_boost_node){
            .column = -1, .value = o->rate * l->sum / (l->n + o->lambda)};
    }
    return nodes;
}

static double tree_value(const struct sn_boost_node *node, const float *x)
{
    int i = 0;
    while (node[i].column >= 0)
        i = node[i].left + !(x[node[i].column] < node[i].edge);
    return node[i].value;
}

static void update(struct work *w, const struct sn_boost_node *node)
{
    const double clip = w->o->clip > 0.0 ? w->o->clip : HUGE_VAL;
#pragma omp parallel for schedule(static) if (w->rows >= SHARED)
    for (int i = 0; i < w->rows; i++) {
        if (node)
            w->residual[i] -=
                tree_value(node, w->x + (ptrdiff_t)i * w->columns);
        w->pull[i] = fmax(-clip, fmin(clip, w->residual[i]));
    }
}

/* ---- the whole ---- */

static void release_work(struct work *w)
{
    free(w->bin);
    free(w->bins_of);
    free(w->edge);
    free(w->residual);
    free(w->order);
    free(w->uses);
    free(w->leaf);
    free(w->bins);
    free(w->found);
    free(w->sorted);
}

/* Memory of the work.  False when it is short. */
static bool reserve(struct work *w)
{
    const size_t rows = (size_t)w->rows, columns = (size_t)w->columns;
    const size_t leaves = (size_t)w->o->leaves;
    w->bin = malloc(rows * columns);
    w->bins_of = malloc(columns * sizeof *w->bins_of);
    w->edge = malloc(columns * BINS * sizeof *w->edge);
    w->residual = malloc(2 * rows * sizeof *w->residual);
    w->order = malloc(2 * rows * sizeof *w->order);
    w->uses = malloc(columns);
    w->leaf = calloc(leaves, sizeof *w->leaf);
    w->bins = malloc(leaves * columns * BINS * sizeof *w->bins);
    w->found = malloc(2 * columns * sizeof *w->found);
    w->sorted = malloc(rows * columns * sizeof *w->sorted);
    if (!w->bin || !w->bins_of || !w->edge || !w->residual || !w->order ||
        !w->uses || !w->leaf || !w->bins || !w->found || !w->sorted)
        return false;
    w->pull = w->residual + rows;
    w->spare = w->order + rows;
    return true;
}

static bool reserve_trees(struct sn_boost *b, const struct sn_boost_options *o)
{
    const size_t trees = (size_t)o->trees;
    b->root = calloc(trees + 1, sizeof *b->root);
    b->node = calloc(trees * (2 * (size_t)o->leaves - 1), sizeof *b->node);
    return b->root && b->node;
}

static void boost(struct sn_boost *b, struct work *w, const double *y)
{
    const struct sn_rng rng = sn_rng_make(w->o->seed, SN_RNG_FIT);
    make_bins(w);
    for (int i = 0; i < w->rows; i++)
        b->bias += y[i] / w->rows;
    for (int i = 0; i < w->rows; i++)
        w->residual[i] = y[i] - b->bias;
    update(w, NULL);
    for (int it = 0; it < w->o->trees; it++) {
        struct sn_boost_node *node = b->node + b->root[it];
        draw(w, it, rng);
        b->root[it + 1] = b->root[it] + grow(w, node);
        b->trees = it + 1;
        update(w, node);
    }
}

sn_status sn_boost_fit(struct sn_boost *b, const float *x, const double *y,
                       int rows, int columns,
                       const struct sn_boost_options *options,
                       struct sn_error *err)
{
    struct work w = {.o = options, .x = x, .rows = rows, .columns = columns};
    struct sn_boost made = {.columns = columns};
    SN_CHECK(rows >= 1 && columns >= 1 && columns <= INT16_MAX);
    SN_CHECK(options->leaves >= 2 && options->leaves <= SN_BOOST_MAX_LEAVES);
    SN_CHECK(options->trees >= 1 && options->trees <= SN_BOOST_MAX_TREES);
    const bool has_room = reserve(&w) && reserve_trees(&made, options);
    if (has_room) {
        boost(&made, &w, y);
        *b = made;
    } else {
        sn_boost_release(&made);
    }
    release_work(&w);
    return has_room ? SN_OK
                    : sn_fail(err, SN_ERR_MEMORY,
                              "no memory for %d trees on %d rows of %d columns",
                              options->trees, rows, columns);
}

/* The leaves of n trees from `first` on, walked to at once: a step of one waits
 * for memory and for its comparison, and the steps of the others fill the time.
 * A leaf stays where it is until all have arrived.  Called with a constant n,
 * whose walks then lie in registers. */
static inline double walk(const struct sn_boost *b, const float *x, int first,
                          const int n)
{
    const struct sn_boost_node *at[TOGETHER], *root[TOGETHER];
    double sum = 0.0;
    for (int j = 0; j < n; j++)
        at[j] = root[j] = &b->node[b->root[first + j]];
    for (int moves = 1; moves;) {
        moves = 0;
        for (int j = 0; j < n; j++) {
            const struct sn_boost_node *p = at[j];
            const int inner = p->column >= 0;
            const struct sn_boost_node *next =
                root[j] + p->left + !(x[inner ? p->column : 0] < p->edge);
            at[j] = inner ? next : p;
            moves |= inner;
        }
    }
    for (int j = 0; j < n; j++)
        sum += at[j]->value;
    return sum;
}

double sn_boost_predict(const struct sn_boost *b, const float *x)
{
    double y = b->bias;
    int it = 0;
    for (; it + TOGETHER <= b->trees; it += TOGETHER)
        y += walk(b, x, it, TOGETHER);
    for (; it < b->trees; it++)
        y += walk(b, x, it, 1);
    return y;
}

void sn_boost_release(struct sn_boost *b)
{
    free(b->root);
    free(b->node);
    *b = (struct sn_boost){0};
}
