/* Units of a space, on the clock; see measure_device.h.
 *
 * The list of units is a function of the config alone, so a measurement that
 * was stopped goes on where it was: what the CSV has is not timed again. */

#include "job/measure_device.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/os.h"
#include "base/text.h"
#include "job/cost_cache.h"
#include "job/job.h"
#include "search/space.h"
#include "target/unit_csv.h"

enum {
    UNITS = 4096,  /* of a list */
    GROUP = 48,    /* timed together */
    AROUND = 1200, /* sampled beside what is needed */
    SIMPLE = 80,   /* of them, each of convolutions, pools, linear layers */
    CSV_MAX = 64 << 20
};

/* Of pools and linear layers: those of one net, all much alike, would tell more
 * of the clock than of the layer. */
#define WIDE 4.0

struct session {
    const struct sn_measure_request *ask;
    struct sn_measure_result *result;
    struct sn_job_config config;
    struct sn_dataset data;
    struct sn_space space;
    struct sn_kernels kernels;
    struct sn_unit unit[UNITS]; /* all, those that are needed first */
    double us[UNITS];           /* 0: not timed yet */
    int n, needed;
    double reference; /* seconds, of the first group; 0: none yet */
    double start;
    int settled_before; /* units that earlier groups are done with */
};

const char *sn_this_device(char *buf, size_t size, const struct sn_kernels *k)
{
    char cpu[128];
    sn_os_cpu_name(cpu, sizeof cpu);
    snprintf(buf, size, "%.24s %.12s 1 thread", cpu, k->isa);
    return buf;
}

/* ---- the list ---- */

static bool same(const struct sn_unit *a, const struct sn_unit *b)
{
    return a->op == b->op && a->cin == b->cin && a->cout == b->cout &&
           a->h == b->h && a->w == b->w && a->k == b->k &&
           a->stride == b->stride && a->mid == b->mid && a->act == b->act &&
           a->skip == b->skip && a->expands == b->expands;
}

static int find(const struct session *s, const struct sn_unit *u)
{
    for (int i = 0; i < s->n; i++)
        if (same(&s->unit[i], u))
            return i;
    return -1;
}

static void add(struct session *s, const struct sn_unit *u)
{
    if (s->n < UNITS && find(s, u) < 0)
        s->unit[s->n++] = *u;
}

static struct sn_unit simple(sn_unit_op op, int cin, int cout, int h, int w,
                             int k, int stride, sn_unit_act act)
{
    return (struct sn_unit){.op = op,
                            .cin = cin,
                            .cout = cout,
                            .h = h,
                            .w = w,
                            .k = k,
                            .stride = stride,
                            .groups = 1,
                            .batch = 1,
                            .act = act};
}

static void add_block(struct session *s, const struct sn_space *space, int is,
                      int ib)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    for (int i = 0; i < b->n_op; i++) {
        const struct sn_op_space *of = &b->of[b->op[i]];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++) {
                const struct sn_block_shape shape = sn_space_block(
                    space, is, ib, b->op[i], of->k[ik], of->e[ie]);
                const struct sn_unit u =
                    sn_unit_of_block(&shape, sn_unit_act_of(space->act));
                add(s, &u);
            }
    }
}

/* Stem, every block that a net of the space may have, head, pool, linear layer.
 */
static void list_frame(struct session *s, const struct sn_space *sp)
{
    const sn_unit_act act = sn_unit_act_of(sp->act);
    struct sn_unit u = simple(SN_UNIT_CONV, sp->c, sp->stem, sp->h, sp->w, 3,
                              sp->stem_stride, act);
    int h = sn_strided(sp->h, sp->stem_stride);
    int w = sn_strided(sp->w, sp->stem_stride), c = sp->stem;
    add(s, &u);
    for (int is = 0; is < sp->n_stages; is++) {
        for (int ib = 0; ib < sn_space_max_depth(sp, is); ib++)
            add_block(s, sp, is, ib);
        h = sn_strided(h, sp->stage[is].stride);
        w = sn_strided(w, sp->stage[is].stride);
        c = sp->stage[is].width;
    }
    if (sp->head > 0) {
        u = simple(SN_UNIT_CONV, c, sp->head, h, w, 1, 1, act);
        add(s, &u);
        c = sp->head;
    }
    u = simple(SN_UNIT_GAP, c, c, h, w, 1, 1, act);
    add(s, &u);
    u = simple(SN_UNIT_FC, c, sp->classes, 1, 1, 1, 1, SN_UNIT_LINEAR);
    add(s, &u);
}

/* Those of every frame. */
static void list_needed(struct session *s)
{
    struct sn_space frame = s->space;
    for (int i = 0; i < sn_space_frames(&s->space); i++) {
        sn_space_settle(&frame, i);
        list_frame(s, &frame);
    }
    s->needed = s->n;
}

/* A draw of item `at`: lowest .. highest. */
static int draw(int at, int which, int lowest, int highest)
{
    const struct sn_rng rng = sn_rng_make(1, SN_RNG_SYNTHETIC);
    return lowest + (int)sn_rng_below(rng, 31, (uint32_t)at, (uint64_t)which,
                                      (uint32_t)(highest - lowest + 1));
}

/* Around x, by a factor of up to `most` either way, a multiple of `of`. */
static int around(int x, double most, int of, int at, int which)
{
    const double by = exp(log(most) * (draw(at, which, 0, 200) - 100) / 100);
    const int whole = of * (int)floor(x * by / of + 0.5);
    return whole > of ? whole : of;
}

static int about(int x, int of, int at, int which)
{
    return around(x, 1.6, of, at, which);
}

/* A shape around a block that is needed. */
static struct sn_unit sample_block(const struct sn_unit *from, int at)
{
    static const int expansions[] = {2, 3, 4, 6};
    struct sn_unit u = *from;
    const int by = draw(at, 0, 0, 3) ? 8 : 4;
    const bool keeps = from->cin == from->cout;
    u.cin = about(u.cin, by, at, 1);
    u.cout = keeps ? u.cin : about(u.cout, by, at, 2);
    u.h = u.w = about(u.h, 1, at, 3);
    if (from->expands || from->op == SN_UNIT_FUSED)
        u.mid = u.cin * expansions[draw(at, 4, 0, 3)];
    else if (from->op == SN_UNIT_IBN)
        u.mid = u.cin;
    if (draw(at, 5, 0, 3) == 0)
        u.k = u.k == 3 ? 5 : 3;
    u.skip = u.stride == 1 && u.cin == u.cout;
    return u;
}

/* Behind the stem, which comes first. */
static bool is_block(const struct session *s, int i)
{
    const struct sn_unit *u = &s->unit[i];
    return u->mid > 0 || (i > 0 && u->op == SN_UNIT_CONV && u->k > 1);
}

/* Of what is needed, which has one. */
static const struct sn_unit *last_of(const struct session *s, sn_unit_op op)
{
    int i = s->needed - 1;
    while (s->unit[i].op != op)
        i--;
    return &s->unit[i];
}

static void list_sample(struct session *s)
{
    int blocks[UNITS], n = 0;
    for (int i = 0; i < s->needed; i++)
        if (is_block(s, i))
            blocks[n++] = i;
    const struct sn_unit conv = s->unit[0], pool = *last_of(s, SN_UNIT_GAP),
                         linear = *last_of(s, SN_UNIT_FC);
    const struct sn_unit *head = &s->unit[s->needed - 3];
    for (int i = 0; i < SIMPLE; i++) {
        struct sn_unit u = conv;
        u.cout = about(u.cout, 4, i, 11);
        u.h = u.w = about(u.h, 1, i, 12);
        add(s, &u);
        u = simple(SN_UNIT_CONV, about(head->cin, 8, i, 13),
                   about(pool.cin, 8, i, 14), about(pool.h, 1, i, 15), 0, 1, 1,
                   pool.act);
        u.w = u.h;
        add(s, &u);
        u = pool;
        u.cin = u.cout = around(u.cin, WIDE, 8, i, 16);
        u.h = u.w = about(u.h, 1, i, 17);
        add(s, &u);
        u = linear;
        u.cin = around(u.cin, WIDE, 8, i, 18);
        u.cout = around(u.cout, WIDE, 1, i, 19);
        add(s, &u);
    }
    for (int i = 0; i < AROUND && n > 0; i++) {
        const struct sn_unit u =
            sample_block(&s->unit[blocks[draw(i, 10, 0, n - 1)]], i);
        add(s, &u);
    }
}

/* ---- the file ---- */

static sn_status other_device(const struct session *s, const char *found,
                              struct sn_error *err)
{
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: holds measurements of '%s', this is '%s'; give another "
                   "file with -o",
                   s->ask->output, found, s->result->device);
}

/* The reference's time; rows of other kernels are of another device. */
static sn_status read_facts(struct session *s, struct sn_error *err)
{
    struct sn_csv csv = {0};
    SN_TRY(sn_csv_open(&csv, s->ask->output, CSV_MAX, err));
    const char *kernels = sn_csv_fact(&csv, "kernels");
    if (kernels && strcmp(kernels, sn_kernels_sum()) != 0) {
        sn_csv_close(&csv);
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: was measured with other kernels than this "
                       "program's; give another file with -o",
                       s->ask->output);
    }
    const char *text = sn_csv_fact(&csv, "reference_us");
    s->reference = text ? strtod(text, NULL) / 1e6 : 0;
    if (!(s->reference > 0 && isfinite(s->reference)))
        s->reference = 0;
    sn_csv_close(&csv);
    return SN_OK;
}

/* Takes what an earlier measurement left. */
static sn_status read_rows(struct session *s, struct sn_error *err)
{
    const struct sn_unit_want want = {0};
    struct sn_unit_table t = {0};
    if (!sn_file_exists(s->ask->output))
        return SN_OK;
    SN_TRY(read_facts(s, err));
    SN_TRY(sn_unit_table_read(&t, s->ask->output, &want, err));
    sn_status rc = SN_OK;
    for (int i = 0; rc == SN_OK && i < t.n_device; i++)
        if (strcmp(t.device[i], s->result->device) != 0)
            rc = other_device(s, t.device[i], err);
    for (size_t i = 0; rc == SN_OK && i < t.n; i++) {
        int at = find(s, &t.row[i].unit);
        if (at < 0 && s->n < UNITS) { /* of another config: kept */
            at = s->n;
            s->unit[s->n++] = t.row[i].unit;
        }
        if (at >= 0) {
            s->us[at] = t.row[i].us;
            s->result->kept++;
        }
    }
    sn_unit_table_release(&t);
    return rc;
}

static void add_facts(struct sn_text *t, const struct session *s)
{
    char cpu[128], date[SN_CLOCK_TEXT], reference[32];
    sn_os_cpu_name(cpu, sizeof cpu);
    sn_clock_stamp(date);
    snprintf(reference, sizeof reference, "%.4f", 1e6 * s->reference);
    sn_unit_csv_fact(t, "device", s->result->device);
    sn_unit_csv_fact(t, "processor", cpu);
    sn_unit_csv_fact(t, "isa", s->kernels.isa);
    sn_unit_csv_fact(t, "threads", "1");
    sn_unit_csv_fact(t, "batch", "1");
    sn_unit_csv_fact(t, "precision", "f32");
    sn_unit_csv_fact(t, "form", "inference: batch-norm folded; medians");
    sn_unit_csv_fact(t, "program", SN_VERSION);
    sn_unit_csv_fact(t, "kernels", sn_kernels_sum());
    sn_unit_csv_fact(t, "date", date);
    sn_unit_csv_fact(t, "reference_us", reference);
}

static sn_status write_rows(const struct session *s, struct sn_error *err)
{
    struct sn_text t = {0};
    add_facts(&t, s);
    sn_unit_csv_header(&t);
    for (int i = 0; i < s->n; i++)
        if (s->us[i] > 0)
            sn_unit_csv_row(&t, s->result->device, &s->unit[i], "f32", s->us[i],
                            "measured", "supernet measure");
    const size_t bytes = t.length;
    char *text = sn_text_take(&t);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the measurements");
    const sn_status rc = sn_file_write(s->ask->output, text, bytes, err);
    free(text);
    return rc;
}

/* ---- groups ---- */

/* Of the first `n` units, those that are not timed yet. */
static int left_of(const struct session *s, int n)
{
    int left = 0;
    for (int i = 0; i < n; i++)
        left += s->us[i] <= 0;
    return left;
}

static void tell(void *context, int settled)
{
    const struct session *s = context;
    const int done = s->settled_before + settled;
    const double spent = sn_clock_seconds() - s->start;
    const int now = done - (s->n - left_of(s, s->n)) + s->result->done;
    double left = s->ask->seconds - spent;
    if (now > 0)
        left = fmin(left, spent / now * (s->n - done));
    if (s->ask->tell)
        s->ask->tell(s->ask->context, done, s->n, fmax(left, 0));
}

/* Times are given at the pace of the first group. */
static void take_group(struct session *s, const int *at, int n,
                       const struct sn_timing *timing,
                       const struct sn_timing *reference)
{
    struct sn_measure_result *r = s->result;
    if (s->reference <= 0)
        s->reference = reference->seconds;
    const double pace = s->reference / reference->seconds;
    if (fabs(1 / pace - 1) > fabs(r->drift))
        r->drift = 1 / pace - 1;
    for (int i = 0; i < n; i++) {
        s->us[at[i]] = 1e6 * timing[i].seconds * pace;
        r->done++;
        r->unsettled += !timing[i].settled;
        r->worst = fmax(r->worst, timing[i].spread);
        r->runs += timing[i].runs;
        r->outliers += timing[i].outliers;
    }
}

/* What is needed comes first.  Groups are made of every so-many-th unit that is
 * left, so that all sizes stand beside each other. */
static int pick_group(const struct session *s, int at[GROUP])
{
    const int among = left_of(s, s->needed) > 0 ? s->needed : s->n;
    int left[UNITS], n = 0, picked = 0;
    for (int i = 0; i < among; i++)
        if (s->us[i] <= 0)
            left[n++] = i;
    const int groups = (n + GROUP - 1) / GROUP;
    for (int i = 0; i < n && picked < GROUP; i += groups)
        at[picked++] = left[i];
    return picked;
}

static sn_status measure_groups(struct session *s, struct sn_error *err)
{
    struct sn_timing timing[GROUP], reference;
    struct sn_unit unit[GROUP];
    int at[GROUP], n;
    const double until = s->start + s->ask->seconds;
    while ((n = pick_group(s, at)) > 0 && sn_clock_seconds() < until) {
        for (int i = 0; i < n; i++)
            unit[i] = s->unit[at[i]];
        s->settled_before = s->n - left_of(s, s->n);
        const struct sn_measuring m = {.k = &s->kernels,
                                       .unit = unit,
                                       .n = n,
                                       .precision = 0.02,
                                       .until = until,
                                       .seed = 1,
                                       .tell = tell,
                                       .context = s};
        SN_TRY(sn_measure_group(&m, timing, &reference, err));
        take_group(s, at, n, timing, &reference);
        SN_TRY(write_rows(s, err));
    }
    return SN_OK;
}

/* ---- the whole ---- */

static sn_status open_space(struct session *s, struct sn_error *err)
{
    const struct sn_measure_request *q = s->ask;
    SN_TRY(sn_job_config_read(&s->config, q->config, q->over, q->n_over, err));
    SN_TRY(sn_job_data(&s->data, &s->config, NULL, err));
    return sn_job_space(&s->space, &s->config, s->data.train.c, s->data.classes,
                        err);
}

/* PATH.nets.csv for PATH.csv. */
static bool nets_path(char *buf, size_t size, const char *path)
{
    const size_t n = strlen(path);
    const bool csv = n > 4 && strcmp(path + n - 4, ".csv") == 0;
    return snprintf(buf, size, "%.*s.nets.csv", (int)(csv ? n - 4 : n), path) <
           (int)size;
}

/* Whole nets, once all units are timed. */
static sn_status measure_nets(struct session *s, struct sn_error *err)
{
    struct sn_measure_result *r = s->result;
    const struct sn_measure_request *q = s->ask;
    if (q->nets == 0 || !r->complete)
        return SN_OK;
    if (!nets_path(r->nets_file, sizeof r->nets_file, q->output))
        return sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long",
                       q->output);
    struct sn_text facts = {0};
    add_facts(&facts, s);
    char *text = sn_text_take(&facts);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the measurements");
    const struct sn_nets_request nets = {.space = &s->space,
                                         .k = &s->kernels,
                                         .output = r->nets_file,
                                         .device = r->device,
                                         .facts = text,
                                         .reference = s->reference,
                                         .until = s->start + q->seconds,
                                         .seed = 1,
                                         .n = q->nets,
                                         .tell = q->tell,
                                         .context = q->context};
    const sn_status rc = sn_measure_nets(&r->nets, &nets, err);
    free(text);
    return rc;
}

static sn_status measure(struct session *s, struct sn_error *err)
{
    struct sn_measure_result *r = s->result;
    SN_TRY(open_space(s, err));
    sn_kernels_init(&s->kernels, s->ask->isa);
    sn_this_device(r->device, sizeof r->device, &s->kernels);
    list_needed(s);
    list_sample(s);
    r->needed = s->needed;
    r->sampled = s->n - s->needed;
    SN_TRY(read_rows(s, err));
    omp_set_num_threads(1);
    r->pinned = sn_os_pin();
    s->start = sn_clock_seconds();
    sn_status rc = measure_groups(s, err);
    sn_os_unpin();
    r->complete = left_of(s, s->n) == 0;
    if (rc == SN_OK)
        rc = measure_nets(s, err);
    r->seconds = sn_clock_seconds() - s->start;
    r->complete = r->complete && r->nets.kept + r->nets.done == r->nets.nets;
    return rc;
}

sn_status sn_measure_device(struct sn_measure_result *result,
                            const struct sn_measure_request *request,
                            struct sn_error *err)
{
    struct session *s = calloc(1, sizeof *s);
    *result = (struct sn_measure_result){0};
    if (!s)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a measurement");
    s->ask = request;
    s->result = result;
    const sn_status rc = measure(s, err);
    sn_dataset_release(&s->data);
    sn_job_config_release(&s->config);
    free(s);
    return rc;
}
