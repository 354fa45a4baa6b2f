/* .est files: an estimator as one JSON object (estimator.h).
 *
 *   {"format": "supernet-estimator", "version": 1, "device", "dtype",
 *    "kernels", "hash": "0123456789abcdef", "classes": {OP: {"rows", "family",
 * "mape", "within", "spearman", "prior": {TERM: us, ..., LANES: n, ...}, "low":
 * [], "high": [], and of its family "ridge": {"bias", "mean": [], "scale": [],
 * "weight": []} "boost": {"bias", "trees": [[column, edge, left, value, ...],
 * ...]}}}, "nets": {"gain", "constant", "offset", "mape", "share": [],
 *             "points": [[op, cin, cout, ..., beta], ...]}}
 *
 * What is read is checked so that predicting with it cannot fail: every index
 * in range, children behind their parent, every number finite; and it must have
 * the hash that was written. */

#include "target/estimator.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "target/estimator_internal.h"

#define EST_BYTES_MAX ((size_t)1 << 28)
#define EST_FORMAT    "supernet-estimator"

enum { VERSION = 1, NODE_NUMBERS = 4, HASH_TEXT = 17 };

/* The lanes of a prior, by the words of files. */
static const struct {
    const char *key;
    size_t offset;
    int most;
} lanes[] = {{"in_lanes", offsetof(struct sn_roofline, in_lanes), 4096},
             {"out_lanes", offsetof(struct sn_roofline, out_lanes), 4096},
             {"pixel_lanes", offsetof(struct sn_roofline, pixel_lanes), 4096},
             {"dw_lanes", offsetof(struct sn_roofline, dw_lanes), 4096},
             {"dw_pixels", offsetof(struct sn_roofline, dw_pixels), 4096},
             {"dw_taps", offsetof(struct sn_roofline, dw_taps), 4096},
             {"pack", offsetof(struct sn_roofline, pack), 1}};

enum { LANES = sizeof lanes / sizeof *lanes };

/* ---- writing ---- */

static json_t *reals(const double *x, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_real(x[i]));
    return list;
}

static json_t *floats(const float *x, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_real((double)x[i]));
    return list;
}

static json_t *prior_json(const struct sn_roofline *r)
{
    json_t *o = json_object();
    for (int i = 0; i < SN_ROOF_TERMS; i++)
        json_object_set_new(o, sn_roof_term_name((sn_roof_term)i),
                            json_real(r->us[i]));
    json_object_set_new(o, "sharpness", json_real(r->sharpness));
    json_object_set_new(o, "on_chip", json_real(r->on_chip));
    for (int i = 0; i < LANES; i++) {
        const int *lane = (const int *)((const char *)r + lanes[i].offset);
        json_object_set_new(o, lanes[i].key, json_integer(*lane));
    }
    return o;
}

static json_t *ridge_json(const struct sn_ridge *r)
{
    return json_pack("{s:f, s:o, s:o, s:o}", "bias", r->bias, "mean",
                     reals(r->mean, r->columns), "scale",
                     reals(r->scale, r->columns), "weight",
                     reals(r->weight, r->columns));
}

static json_t *boost_json(const struct sn_boost *b)
{
    json_t *trees = json_array();
    for (int it = 0; it < b->trees; it++) {
        json_t *tree = json_array();
        for (int i = b->root[it]; i < b->root[it + 1]; i++) {
            const struct sn_boost_node *n = &b->node[i];
            json_array_append_new(tree, json_integer(n->column));
            json_array_append_new(tree, json_real((double)n->edge));
            json_array_append_new(tree, json_integer(n->left));
            json_array_append_new(tree, json_real(n->value));
        }
        json_array_append_new(trees, tree);
    }
    return json_pack("{s:f, s:o}", "bias", b->bias, "trees", trees);
}

static json_t *class_json(const struct sn_class_model *m)
{
    json_t *o = json_pack(
        "{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "rows", m->rows, "family",
        sn_family_name(m->family), "mape", sn_json_real(m->mape), "within",
        sn_json_real(m->within), "spearman", sn_json_real(m->spearman), "prior",
        prior_json(&m->prior), "low", floats(m->low, SN_FEATURES), "high",
        floats(m->high, SN_FEATURES));
    if (m->family == SN_FAMILY_RIDGE)
        json_object_set_new(o, "ridge", ridge_json(&m->ridge));
    if (m->family == SN_FAMILY_BOOSTED)
        json_object_set_new(o, "boost", boost_json(&m->boost));
    return o;
}

/* The whole numbers of a point's unit, in the order of files. */
static const struct {
    size_t offset;
    int least, most;
} numbers_of[] = {{offsetof(struct sn_unit, cin), 1, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, cout), 1, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, h), 1, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, w), 1, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, k), 1, 1024},
                  {offsetof(struct sn_unit, stride), 1, 1024},
                  {offsetof(struct sn_unit, groups), 1, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, mid), 0, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, se), 0, SN_UNIT_EXTENT_MAX},
                  {offsetof(struct sn_unit, batch), 1, SN_UNIT_EXTENT_MAX}};

enum {
    UNIT_NUMBERS = sizeof numbers_of / sizeof *numbers_of,
    POINT_NUMBERS = UNIT_NUMBERS + 5 /* op, act, skip, expands; beta */
};

static json_t *point_json(const struct sn_unit *u, double beta)
{
    json_t *o = json_array();
    json_array_append_new(o, json_integer(u->op));
    json_array_append_new(o, json_integer(u->act));
    json_array_append_new(o, json_integer(u->skip));
    json_array_append_new(o, json_integer(u->expands));
    for (int i = 0; i < UNIT_NUMBERS; i++)
        json_array_append_new(
            o, json_integer(
                   *(const int *)((const char *)u + numbers_of[i].offset)));
    json_array_append_new(o, json_real(beta));
    return o;
}

static json_t *correction_json(const struct sn_correction *c, double mape)
{
    json_t *points = json_array();
    for (int i = 0; i < c->points; i++)
        json_array_append_new(points,
                              point_json(&c->point[i].unit, c->beta[i]));
    return json_pack("{s:f, s:f, s:f, s:o, s:o, s:o}", "gain", c->gain,
                     "constant", c->constant, "offset", c->offset, "mape",
                     sn_json_real(mape), "share", reals(c->share, SN_LIKES),
                     "points", points);
}

static const char *hash_text(char buf[HASH_TEXT], const struct sn_estimator *e)
{
    snprintf(buf, HASH_TEXT, "%016" PRIx64, sn_estimator_hash(e));
    return buf;
}

sn_status sn_estimator_save(const struct sn_estimator *e, const char *path,
                            struct sn_error *err)
{
    char hash[HASH_TEXT];
    json_t *classes = json_object();
    for (int i = 0; i < SN_UNIT_OPS; i++)
        if (e->model[i].present)
            json_object_set_new(classes, sn_unit_op_name((sn_unit_op)i),
                                class_json(&e->model[i]));
    json_t *root = json_pack(
        "{s:s, s:i, s:o, s:o, s:o, s:s, s:o, s:o}", "format", EST_FORMAT,
        "version", VERSION, "device", sn_json_name(e->device), "dtype",
        sn_json_name(e->dtype), "kernels", sn_json_name(e->kernels), "hash",
        hash_text(hash, e), "classes", classes, "nets",
        correction_json(&e->nets, e->nets_mape));
    return sn_json_write_exact(path, root, err);
}

/* ---- reading ---- */

struct reader {
    const char *path;
    const char *class; /* the one being read */
    struct sn_error *err;
};

static sn_status wrong(const struct reader *r, const char *key,
                       const char *expected)
{
    return sn_fail(r->err, SN_ERR_INPUT, "%s: class %s: \"%s\": expected %s",
                   r->path, r->class, key, expected);
}

/* A finite number in [min, max]. */
static sn_status real_in(const struct reader *r, const json_t *o,
                         const char *key, double min, double max, double *x)
{
    char expected[64];
    const json_t *member = json_object_get(o, key);
    const double found =
        json_is_number(member) ? json_number_value(member) : (double)NAN;
    if (found >= min && found <= max) {
        *x = found;
        return SN_OK;
    }
    snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
    return wrong(r, key, expected);
}

#define REAL_MAX 1e30

/* A list of n numbers that a float can hold. */
static sn_status numbers(const struct reader *r, const json_t *o,
                         const char *key, int n, double *x)
{
    char expected[64];
    const json_t *list = json_object_get(o, key);
    bool good = json_is_array(list) && json_array_size(list) == (size_t)n;
    for (int i = 0; i < n && good; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        x[i] = json_is_number(item) ? json_number_value(item) : (double)NAN;
        good = fabs(x[i]) <= REAL_MAX;
    }
    snprintf(expected, sizeof expected, "%d numbers of at most %g", n,
             REAL_MAX);
    return good ? SN_OK : wrong(r, key, expected);
}

static sn_status read_prior(const struct reader *r, const json_t *o,
                            struct sn_roofline *prior)
{
    for (int i = 0; i < SN_ROOF_TERMS; i++)
        SN_TRY(real_in(r, o, sn_roof_term_name((sn_roof_term)i), 0, REAL_MAX,
                       &prior->us[i]));
    SN_TRY(real_in(r, o, "sharpness", 1, 1e6, &prior->sharpness));
    SN_TRY(real_in(r, o, "on_chip", 0, REAL_MAX, &prior->on_chip));
    for (int i = 0; i < LANES; i++) {
        double value = 0;
        int *lane = (int *)((char *)prior + lanes[i].offset);
        const bool is_flag = lanes[i].most == 1;
        SN_TRY(real_in(r, o, lanes[i].key, is_flag ? 0 : 1, lanes[i].most,
                       &value));
        if (value != floor(value))
            return wrong(r, lanes[i].key, "a whole number");
        *lane = (int)value;
    }
    return SN_OK;
}

static sn_status read_ridge(const struct reader *r, const json_t *o,
                            struct sn_ridge *ridge)
{
    SN_TRY(sn_ridge_init(ridge, SN_FEATURES, r->err));
    SN_TRY(real_in(r, o, "bias", -REAL_MAX, REAL_MAX, &ridge->bias));
    SN_TRY(numbers(r, o, "mean", SN_FEATURES, ridge->mean));
    SN_TRY(numbers(r, o, "scale", SN_FEATURES, ridge->scale));
    SN_TRY(numbers(r, o, "weight", SN_FEATURES, ridge->weight));
    for (int i = 0; i < SN_FEATURES; i++)
        if (ridge->scale[i] < 1e-30)
            return wrong(r, "scale", "positive numbers");
    return SN_OK;
}

/* One tree of `nodes` nodes. */
static sn_status read_tree(const struct reader *r, const json_t *list,
                           struct sn_boost_node *node, int nodes)
{
    for (int i = 0; i < nodes; i++) {
        double x[NODE_NUMBERS];
        for (int j = 0; j < NODE_NUMBERS; j++) {
            const json_t *item =
                json_array_get(list, (size_t)i * NODE_NUMBERS + (size_t)j);
            x[j] = json_is_number(item) ? json_number_value(item) : (double)NAN;
            if (!(fabs(x[j]) <= REAL_MAX))
                return wrong(r, "trees", "finite numbers");
        }
        const bool is_leaf = x[0] == -1;
        if (!is_leaf &&
            !(x[0] >= 0 && x[0] < SN_FEATURES && x[0] == floor(x[0]) &&
              x[2] > i && x[2] + 1 < nodes && x[2] == floor(x[2])))
            return wrong(r, "trees", "columns and children that there are");
        node[i] = (struct sn_boost_node){.edge = (float)x[1],
                                         .column = (int16_t)x[0],
                                         .left = is_leaf ? 0 : (uint16_t)x[2],
                                         .value = x[3]};
    }
    return SN_OK;
}

/* Nodes of all trees; -1 when some list is none. */
static long count_nodes(const json_t *trees)
{
    long sum = 0;
    for (size_t i = 0; i < json_array_size(trees); i++) {
        const json_t *tree = json_array_get(trees, i);
        const size_t n = json_array_size(tree);
        if (n == 0 || n % NODE_NUMBERS ||
            n / NODE_NUMBERS > 2 * SN_BOOST_MAX_LEAVES)
            return -1;
        sum += (long)(n / NODE_NUMBERS);
    }
    return sum;
}

static sn_status read_boost(const struct reader *r, const json_t *o,
                            struct sn_boost *b)
{
    const json_t *trees = json_object_get(o, "trees");
    const size_t n = json_array_size(trees);
    const long nodes = count_nodes(trees);
    SN_TRY(real_in(r, o, "bias", -REAL_MAX, REAL_MAX, &b->bias));
    if (n < 1 || n > SN_BOOST_MAX_TREES || nodes < 0)
        return wrong(r, "trees", "lists of four numbers a node");
    b->root = calloc(n + 1, sizeof *b->root);
    b->node = calloc((size_t)nodes, sizeof *b->node);
    if (!b->root || !b->node)
        return sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory for its trees",
                       r->path);
    for (size_t i = 0; i < n; i++) {
        const json_t *tree = json_array_get(trees, i);
        const int own = (int)(json_array_size(tree) / NODE_NUMBERS);
        SN_TRY(read_tree(r, tree, b->node + b->root[i], own));
        b->root[i + 1] = b->root[i] + own;
    }
    b->columns = SN_FEATURES;
    b->trees = (int)n;
    return SN_OK;
}

static double score_of(const json_t *o, const char *key)
{
    const json_t *member = json_object_get(o, key);
    return json_is_number(member) ? json_number_value(member) : (double)NAN;
}

static sn_status read_box(const struct reader *r, const json_t *o,
                          struct sn_class_model *m)
{
    double low[SN_FEATURES] = {0}, high[SN_FEATURES] = {0};
    SN_TRY(numbers(r, o, "low", SN_FEATURES, low));
    SN_TRY(numbers(r, o, "high", SN_FEATURES, high));
    for (int i = 0; i < SN_FEATURES; i++) {
        m->low[i] = (float)low[i];
        m->high[i] = (float)high[i];
    }
    return SN_OK;
}

static sn_status read_class(const struct reader *r, const json_t *o,
                            struct sn_class_model *m)
{
    double rows = 0;
    const char *word = json_string_value(json_object_get(o, "family"));
    int family = 0;
    while (word && family < SN_FAMILIES &&
           strcmp(word, sn_family_name((sn_family)family)) != 0)
        family++;
    if (!word || family == SN_FAMILIES)
        return wrong(r, "family", "roofline, ridge or boosted");
    m->family = (sn_family)family;
    SN_TRY(real_in(r, o, "rows", 1, 1e9, &rows));
    m->rows = (int)rows;
    m->mape = score_of(o, "mape");
    m->within = score_of(o, "within");
    m->spearman = score_of(o, "spearman");
    SN_TRY(read_prior(r, json_object_get(o, "prior"), &m->prior));
    SN_TRY(read_box(r, o, m));
    if (m->family == SN_FAMILY_RIDGE)
        SN_TRY(read_ridge(r, json_object_get(o, "ridge"), &m->ridge));
    if (m->family == SN_FAMILY_BOOSTED)
        SN_TRY(read_boost(r, json_object_get(o, "boost"), &m->boost));
    m->present = true;
    return SN_OK;
}

static sn_status read_word(char to[SN_DEVICE_TEXT], const json_t *root,
                           const char *key, const char *path,
                           struct sn_error *err)
{
    const char *word;
    SN_TRY(sn_json_get_text(root, key, &word, path, err));
    if (strlen(word) >= SN_DEVICE_TEXT)
        return sn_fail(err, SN_ERR_INPUT, "%s: \"%s\" is longer than %d bytes",
                       path, key, SN_DEVICE_TEXT - 1);
    snprintf(to, SN_DEVICE_TEXT, "%s", word);
    return SN_OK;
}

static sn_status read_head(struct sn_estimator *e, const json_t *root,
                           const char *path, struct sn_error *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    int64_t version;
    if (!format || strcmp(format, EST_FORMAT) != 0)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is no estimator; expected what `supernet fit` "
                       "writes",
                       path);
    SN_TRY(sn_json_get_int(root, "version", 0, INT64_MAX, &version, path, err));
    if (version != VERSION)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: is of version %" PRId64 "; this program reads %d: "
                       "fit it again",
                       path, version, VERSION);
    SN_TRY(read_word(e->device, root, "device", path, err));
    if (json_object_get(root, "kernels")) /* those of before have none */
        SN_TRY(read_word(e->kernels, root, "kernels", path, err));
    return read_word(e->dtype, root, "dtype", path, err);
}

static sn_status read_classes(struct sn_estimator *e, json_t *root,
                              const char *path, struct sn_error *err)
{
    struct reader r = {.path = path, .err = err};
    json_t *classes = json_object_get(root, "classes"), *o;
    if (json_object_size(classes) == 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: has no classes", path);
    json_object_foreach(classes, r.class, o)
    {
        const int op = sn_unit_op_find(r.class);
        if (op < 0)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: has a class '%s' that is not known", path,
                           r.class);
        SN_TRY(read_class(&r, o, &e->model[op]));
    }
    return SN_OK;
}

static sn_status read_point(const struct reader *r, const json_t *list,
                            struct sn_unit *u, double *beta)
{
    const int most[] = {SN_UNIT_OPS - 1, SN_UNIT_ACTS - 1, 1, 1};
    double x[POINT_NUMBERS];
    for (size_t i = 0; i < POINT_NUMBERS; i++) {
        const json_t *item = json_array_get(list, i);
        const int least = i < 4 ? 0 : numbers_of[i < 14 ? i - 4 : 0].least;
        const int top = i < 4 ? most[i] : numbers_of[i < 14 ? i - 4 : 0].most;
        const bool is_beta = i + 1 == POINT_NUMBERS;
        x[i] = json_is_number(item) ? json_number_value(item) : (double)NAN;
        if (is_beta ? !(fabs(x[i]) <= REAL_MAX)
                    : !(x[i] >= least && x[i] <= top && x[i] == floor(x[i])))
            return wrong(r, "points", "the numbers of a unit");
    }
    *u = (struct sn_unit){.op = (sn_unit_op)x[0],
                          .act = (sn_unit_act)x[1],
                          .skip = x[2] > 0,
                          .expands = x[3] > 0};
    for (int i = 0; i < UNIT_NUMBERS; i++)
        *(int *)((char *)u + numbers_of[i].offset) = (int)x[4 + i];
    *beta = x[POINT_NUMBERS - 1];
    return SN_OK;
}

static sn_status read_correction(struct reader *r, const json_t *o,
                                 struct sn_correction *c)
{
    const json_t *points = json_object_get(o, "points");
    const size_t n = json_array_size(points);
    r->class = "of nets";
    SN_TRY(real_in(r, o, "gain", 1e-9, 1e9, &c->gain));
    SN_TRY(real_in(r, o, "constant", -REAL_MAX, REAL_MAX, &c->constant));
    SN_TRY(real_in(r, o, "offset", 0, REAL_MAX, &c->offset));
    SN_TRY(numbers(r, o, "share", SN_LIKES, c->share));
    if (!json_is_array(points) || n > 1 << 20)
        return wrong(r, "points", "a list");
    c->point = malloc((n + 1) * sizeof *c->point);
    c->beta = malloc((n + 1) * sizeof *c->beta);
    if (!c->point || !c->beta)
        return sn_fail(r->err, SN_ERR_MEMORY, "%s: no memory for its points",
                       r->path);
    for (size_t i = 0; i < n; i++) {
        struct sn_unit u = {0};
        SN_TRY(read_point(r, json_array_get(points, i), &u, &c->beta[i]));
        c->point[i] = sn_point_make(&u);
    }
    c->points = (int)n;
    return SN_OK;
}

static sn_status read_estimator(struct sn_estimator *e, json_t *root,
                                const char *path, struct sn_error *err)
{
    char hash[HASH_TEXT];
    const char *written;
    struct reader r = {.path = path, .err = err};
    SN_TRY(read_head(e, root, path, err));
    SN_TRY(read_classes(e, root, path, err));
    SN_TRY(read_correction(&r, json_object_get(root, "nets"), &e->nets));
    e->nets_mape = score_of(json_object_get(root, "nets"), "mape");
    SN_TRY(sn_json_get_text(root, "hash", &written, path, err));
    if (strcmp(hash_text(hash, e), written) != 0)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: was changed since it was written (its hash is %s, "
                       "expected %s)",
                       path, hash, written);
    return SN_OK;
}

sn_status sn_estimator_load(struct sn_estimator **e, const char *path,
                            struct sn_error *err)
{
    json_t *root;
    struct sn_estimator *found = calloc(1, sizeof *found);
    if (!found)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory for an estimator",
                       path);
    sn_status rc = sn_json_read(path, EST_BYTES_MAX, &root, err);
    if (rc == SN_OK) {
        rc = read_estimator(found, root, path, err);
        json_decref(root);
    }
    if (rc == SN_OK)
        *e = found;
    else
        sn_estimator_destroy(found);
    return rc;
}
