/* table.csv and values.csv, written and read (table_io.h).
 *
 * Both readers know the words in front of a row's numbers before they see it,
 * so they compare those as text and parse only the numbers. */

#include "search/table_io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { REAL_TEXT = 32, PREFIX_TEXT = 64, COSTS = 5 };

static const char table_header[] =
    "stage,block,op,k,e,latency_s,macs,params,weights_bytes,activation_bytes";
const char sn_values_header[] =
    "epoch,stage,block,decision,option,probability,value,latency_s\n";

static void add_real(struct sn_text *t, double x)
{
    char buf[REAL_TEXT];
    sn_text_add(t, ",%s", sn_text_real(buf, sizeof buf, x));
}

/* ---- lines ---- */

struct lines {
    const char *name;
    const char *at; /* start of the current line */
    int number;
    struct sn_error *err;
};

/* The current line is not `expected`. */
static sn_status bad_line(const struct lines *in, const char *expected)
{
    char found[64];
    size_t n = 0;
    for (; n + 4 < sizeof found && in->at[n] && in->at[n] != '\n'; n++) {
        const unsigned char c = (unsigned char)in->at[n];
        found[n] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    const bool cut = in->at[n] && in->at[n] != '\n';
    snprintf(found + n, sizeof found - n, "%s", cut ? "..." : "");
    if (!in->at[0])
        return sn_fail(in->err, SN_ERR_INPUT,
                       "%s:%d: the file ends; expected %s", in->name,
                       in->number, expected);
    return sn_fail(in->err, SN_ERR_INPUT, "%s:%d: found `%s`, expected %s",
                   in->name, in->number, found, expected);
}

static sn_status read_header(struct lines *in, const char *header)
{
    const size_t n = strcspn(header, "\n");
    if (strncmp(in->at, header, n) != 0 || in->at[n] != '\n') {
        char expected[128];
        snprintf(expected, sizeof expected, "`%.*s`", (int)n, header);
        return bad_line(in, expected);
    }
    in->at += n + 1;
    in->number++;
    return SN_OK;
}

/* One row: `prefix`, then n numbers, each behind a comma. */
static sn_status read_row(struct lines *in, const char *prefix, double *x,
                          int n)
{
    char expected[PREFIX_TEXT + 32];
    snprintf(expected, sizeof expected, "`%s,` and %d finite numbers", prefix,
             n);
    const size_t length = strlen(prefix);
    if (strncmp(in->at, prefix, length) != 0)
        return bad_line(in, expected);
    const char *p = in->at + length;
    for (int i = 0; i < n; i++) {
        if (*p != ',')
            return bad_line(in, expected);
        char *end;
        const size_t digits = strspn(++p, "0123456789.-+e"); /* no hex, nan */
        x[i] = digits ? strtod(p, &end) : (double)NAN;
        if (!isfinite(x[i]) || end != p + digits)
            return bad_line(in, expected);
        p = end;
    }
    if (*p != '\n')
        return bad_line(in, expected);
    in->at = p + 1;
    in->number++;
    return SN_OK;
}

/* ---- the cost table ---- */

/* An entry of the table. */
struct place {
    bool fixed;
    int stage, block, ik, ie;
    sn_block_op op;
};

/* Calls visit for every entry, in the file's order. */
typedef sn_status visit_fn(void *ctx, const char *prefix,
                           const struct place *at);

static sn_status walk_block(const struct sn_space *space, const char *lead,
                            int is, int ib, visit_fn *visit, void *ctx)
{
    const struct sn_block_space *b = &space->stage[is].block[ib];
    struct place at = {.stage = is, .block = ib};
    for (int i = 0; i < b->n_op; i++) {
        at.op = b->op[i];
        const struct sn_op_space *of = &b->of[at.op];
        for (at.ik = 0; at.ik < of->n_k; at.ik++)
            for (at.ie = 0; at.ie < of->n_e; at.ie++) {
                char prefix[PREFIX_TEXT];
                snprintf(prefix, sizeof prefix, "%s%d,%d,%s,%d,%d", lead,
                         is + 1, ib + 1, sn_block_op_name(at.op), of->k[at.ik],
                         of->e[at.ie]);
                SN_TRY(visit(ctx, prefix, &at));
            }
    }
    return SN_OK;
}

/* `lead` stands in front of every row. */
static sn_status walk_table(const struct sn_space *space, const char *lead,
                            visit_fn *visit, void *ctx)
{
    char prefix[PREFIX_TEXT];
    snprintf(prefix, sizeof prefix, "%s0,0,fixed,0,0", lead);
    SN_TRY(visit(ctx, prefix, &(struct place){.fixed = true}));
    for (int is = 0; is < space->n_stages; is++) {
        const int blocks = sn_space_max_depth(space, is);
        for (int ib = 0; ib < blocks; ib++)
            SN_TRY(walk_block(space, lead, is, ib, visit, ctx));
    }
    return SN_OK;
}

struct table_writer {
    const struct sn_cost_table *table;
    struct sn_text out;
};

static sn_status write_cost(void *ctx, const char *prefix,
                            const struct place *at)
{
    struct table_writer *w = ctx;
    const struct sn_cost *cost =
        at->fixed
            ? &w->table->fixed
            : &w->table->block[at->stage][at->block][at->op][at->ik][at->ie];
    sn_text_add(&w->out, "%s", prefix);
    add_real(&w->out, cost->seconds);
    add_real(&w->out, cost->macs);
    add_real(&w->out, cost->params);
    add_real(&w->out, cost->weights);
    add_real(&w->out, cost->activations);
    sn_text_add(&w->out, "\n");
    return SN_OK;
}

char *sn_cost_table_text(const struct sn_cost_table *t,
                         const struct sn_space *space)
{
    struct table_writer w = {.table = t};
    sn_text_add(&w.out, "%s\n", table_header);
    const sn_status rc = walk_table(space, "", write_cost, &w);
    SN_CHECK(rc == SN_OK); /* what fails is remembered by the text */
    return sn_text_take(&w.out);
}

/* What stands in front of the rows of frame i. */
static const char *frame_lead(char buf[16], int i)
{
    snprintf(buf, 16, "%d,", i + 1);
    return buf;
}

char *sn_frames_text(const struct sn_frames *f)
{
    struct table_writer w = {0};
    char lead[16];
    if (f->count == 1)
        return sn_cost_table_text(&f->item[0].cost, &f->item[0].space);
    sn_text_add(&w.out, "frame,%s\n", table_header);
    for (int i = 0; i < f->count; i++) {
        w.table = &f->item[i].cost;
        const sn_status rc =
            walk_table(&f->item[i].space, frame_lead(lead, i), write_cost, &w);
        SN_CHECK(rc == SN_OK);
    }
    return sn_text_take(&w.out);
}

struct table_reader {
    struct sn_cost_table *table;
    struct lines in;
};

static sn_status read_cost(void *ctx, const char *prefix,
                           const struct place *at)
{
    struct table_reader *r = ctx;
    const struct lines start = r->in;
    double x[COSTS];
    SN_TRY(read_row(&r->in, prefix, x, COSTS));
    bool negative = x[0] == 0.0; /* a time; the others may be zero */
    for (int i = 0; i < COSTS; i++)
        negative |= x[i] < 0.0;
    if (negative)
        return bad_line(&start, "a positive latency and costs from 0 on");
    struct sn_cost *cost =
        at->fixed
            ? &r->table->fixed
            : &r->table->block[at->stage][at->block][at->op][at->ik][at->ie];
    *cost = (struct sn_cost){.seconds = x[0],
                             .macs = x[1],
                             .params = x[2],
                             .weights = x[3],
                             .activations = x[4]};
    return SN_OK;
}

sn_status sn_cost_table_parse(struct sn_cost_table *t,
                              const struct sn_space *space, const char *text,
                              const char *name, struct sn_error *err)
{
    struct table_reader r = {
        .table = calloc(1, sizeof *r.table),
        .in = {.name = name, .at = text, .number = 1, .err = err}};
    if (!r.table)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory for the cost table",
                       name);
    sn_status rc = read_header(&r.in, table_header);
    if (rc == SN_OK)
        rc = walk_table(space, "", read_cost, &r);
    if (rc == SN_OK && *r.in.at)
        rc = bad_line(&r.in, "the end of the file");
    if (rc == SN_OK)
        *t = *r.table;
    free(r.table);
    return rc;
}

static sn_status read_frames(struct sn_frames *f, struct lines *in)
{
    struct table_reader r = {.in = *in};
    char header[sizeof table_header + 16], lead[16];
    snprintf(header, sizeof header, "frame,%s", table_header);
    SN_TRY(read_header(&r.in, header));
    for (int i = 0; i < f->count; i++) {
        r.table = &f->item[i].cost;
        SN_TRY(
            walk_table(&f->item[i].space, frame_lead(lead, i), read_cost, &r));
    }
    return *r.in.at ? bad_line(&r.in, "the end of the file") : SN_OK;
}

sn_status sn_frames_parse(struct sn_frames *f, const char *text,
                          const char *name, struct sn_error *err)
{
    struct sn_frames found = {.count = f->count};
    struct lines in = {.name = name, .at = text, .number = 1, .err = err};
    const size_t bytes = (size_t)f->count * sizeof *f->item;
    if (f->count == 1)
        return sn_cost_table_parse(&f->item[0].cost, &f->item[0].space, text,
                                   name, err);
    found.item = malloc(bytes);
    if (!found.item)
        return sn_fail(err, SN_ERR_MEMORY, "%s: no memory for the cost tables",
                       name);
    memcpy(found.item, f->item, bytes);
    const sn_status rc = read_frames(&found, &in);
    if (rc == SN_OK)
        memcpy(f->item, found.item, bytes);
    sn_frames_release(&found);
    return rc;
}

/* ---- the values ---- */

/* What stands in front of the numbers of option i of a decision. */
static void value_prefix(char *buf, size_t size, const struct sn_space *space,
                         const struct sn_decision *d, int i, int epoch)
{
    const struct sn_stage_space *s = &space->stage[d->stage < 0 ? 0 : d->stage];
    char decision[16], option[SN_THOUSANDTHS_TEXT];
    const char *op = sn_block_op_name(d->op);
    switch (d->kind) {
    case SN_DECIDE_DEPTH:
        snprintf(decision, sizeof decision, "depth");
        snprintf(option, sizeof option, "%d", s->depth[i]);
        break;
    case SN_DECIDE_OP:
        snprintf(decision, sizeof decision, "op");
        snprintf(option, sizeof option, "%s",
                 sn_block_op_name(s->block[d->block].op[i]));
        break;
    case SN_DECIDE_K:
        snprintf(decision, sizeof decision, "k %s", op);
        snprintf(option, sizeof option, "%d",
                 s->block[d->block].of[d->op].k[i]);
        break;
    case SN_DECIDE_E:
        snprintf(decision, sizeof decision, "e %s", op);
        snprintf(option, sizeof option, "%d",
                 s->block[d->block].of[d->op].e[i]);
        break;
    default:
        snprintf(decision, sizeof decision, "%s", sn_frame_word(d->kind));
        sn_frame_option(option, space, d, i);
        break;
    }
    snprintf(buf, size, "%d,%d,%d,%s,%s", epoch, d->stage + 1, d->block + 1,
             decision, option);
}

char *sn_values_text(const struct sn_space *space, const struct sn_decisions *d,
                     int epoch, const double *p, const double *value,
                     const double *slope)
{
    struct sn_text out = {0};
    for (int id = 0; id < d->count; id++) {
        const struct sn_decision *item = &d->item[id];
        for (int i = 0; i < item->n; i++) {
            char prefix[PREFIX_TEXT];
            value_prefix(prefix, sizeof prefix, space, item, i, epoch);
            sn_text_add(&out, "%s", prefix);
            add_real(&out, p[item->first + i]);
            add_real(&out, value[item->first + i]);
            add_real(&out, slope[item->first + i]);
            sn_text_add(&out, "\n");
        }
    }
    return sn_text_take(&out);
}

/* The rows of one epoch. */
static sn_status read_epoch(struct lines *in, double *value, double *p,
                            const struct sn_space *space,
                            const struct sn_decisions *d, int epoch)
{
    for (int id = 0; id < d->count; id++)
        for (int i = 0; i < d->item[id].n; i++) {
            char prefix[PREFIX_TEXT];
            double x[3] = {0}; /* probability, value, latency */
            value_prefix(prefix, sizeof prefix, space, &d->item[id], i, epoch);
            SN_TRY(read_row(in, prefix, x, 3));
            p[d->item[id].first + i] = x[0];
            value[d->item[id].first + i] = x[1];
        }
    return SN_OK;
}

sn_status sn_values_parse(double *value, double *p,
                          const struct sn_space *space,
                          const struct sn_decisions *d, const char *text,
                          const char *name, struct sn_error *err)
{
    enum { EPOCH_MAX = 1000000 };
    struct lines in = {.name = name, .at = text, .number = 1, .err = err};
    double found[SN_MAX_OPTIONS], found_p[SN_MAX_OPTIONS];
    long last = 0;
    SN_TRY(read_header(&in, sn_values_header));
    do {
        const long epoch = strtol(in.at, NULL, 10);
        if (epoch <= last || epoch > EPOCH_MAX)
            return bad_line(&in, "a row of the next epoch");
        SN_TRY(read_epoch(&in, found, found_p, space, d, (int)epoch));
        last = epoch;
    } while (*in.at);
    memcpy(value, found, (size_t)d->total * sizeof *value);
    if (p)
        memcpy(p, found_p, (size_t)d->total * sizeof *p);
    return SN_OK;
}
