/* Whole nets on the clock; see measure_nets.h.
 *
 * A net's time is the mean over rounds of its medians, each at the pace of the
 * reference unit just before: between rounds its tensors come to lie elsewhere
 * in memory, which is worth some percent (measure.h). */

#include "job/measure_nets.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/os.h"
#include "base/text.h"
#include "search/infer_arch.h"
#include "target/unit.h"
#include "target/unit_csv.h"

enum { ROUNDS = 3, CSV_MAX = 16 << 20, DRAWS = 64 };

#define NET_SECONDS 1.0 /* of one net in one round, at most */

struct net {
    struct sn_arch arch;
    char *words;  /* owned: the arch as the CSV has it */
    double us;    /* of the file, or the sum over rounds */
    int rounds;   /* 0: not timed yet */
    bool is_kept; /* was in the file */
};

struct session {
    const struct sn_nets_request *ask;
    struct sn_nets_result *result;
    struct net *net; /* owned, [n] */
    int n;
    struct sn_error *err;
};

static sn_status no_memory(struct sn_error *err)
{
    return sn_fail(err, SN_ERR_MEMORY, "no memory for nets to measure");
}

/* ---- one net ---- */

static sn_status time_net(struct sn_timing *t, struct sn_supernet *net,
                          const struct sn_arch *arch,
                          const struct sn_kernels *k, double seconds,
                          struct sn_error *err)
{
    struct sn_infer f;
    for (size_t i = 0; i < net->params.stat_total; i++)
        net->params.m2[i] = 1;
    for (int i = 0; i < net->params.stats; i++)
        net->params.counts[i] = 1;
    SN_TRY(sn_infer_arch(&f, net, arch, k, 1, 1, err));
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    (void)sn_os_pin();
    *t = sn_measure_net(&f, 0.01, seconds);
    sn_os_unpin();
    omp_set_num_threads(threads);
    sn_infer_release(&f);
    return SN_OK;
}

sn_status sn_measure_arch(struct sn_timing *t, const struct sn_arch *arch,
                          const struct sn_kernels *k, double seconds,
                          struct sn_error *err)
{
    struct sn_space *space = malloc(sizeof *space);
    struct sn_supernet net;
    if (!space)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net");
    sn_arch_space(space, arch);
    sn_status rc = sn_supernet_init(&net, space, 1, err);
    free(space);
    SN_TRY(rc);
    rc = time_net(t, &net, arch, k, seconds, err);
    sn_supernet_release(&net);
    return rc;
}

/* ---- which nets ---- */

static void add_block(struct sn_text *t, const struct sn_block *b, int stride,
                      int cin, int cout)
{
    sn_text_add(t, ";%s k%d", sn_block_op_name(b->op), b->k);
    if (b->op != SN_OP_CONV)
        sn_text_add(t, " e%d", b->e);
    sn_text_add(t, " s%d c%d", stride, cout);
    if (b->op == SN_OP_CONV && stride == 1 && cin == cout)
        sn_text_add(t, " res");
}

/* `conv k3 s1 c16;ibn k3 e6 s1 c24;...;gap;fc c10`; caller frees. */
static char *words_of(const struct sn_arch *a)
{
    struct sn_text t = {0};
    int c = a->stem;
    sn_text_add(&t, "conv k3 s%d c%d", a->stem_stride, a->stem);
    for (int is = 0; is < a->n_stages; is++) {
        const struct sn_arch_stage *s = &a->stage[is];
        for (int ib = 0; ib < s->depth; ib++, c = s->width)
            add_block(&t, &s->block[ib], ib ? 1 : s->stride, c, s->width);
    }
    if (a->head)
        sn_text_add(&t, ";conv k1 s1 c%d", a->head);
    sn_text_add(&t, ";gap;fc c%d", a->classes);
    return sn_text_take(&t);
}

static struct net *find(struct session *s, const char *words)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->net[i].words, words) == 0)
            return &s->net[i];
    return NULL;
}

/* One draw; whether it is a net that is offered. */
static bool draw(struct sn_arch *arch, const struct session *s,
                 const struct sn_decisions *d, uint32_t number)
{
    const struct sn_rng rng = sn_rng_make(s->ask->seed, SN_RNG_SAMPLE);
    int choice[SN_MAX_DECISIONS];
    for (int id = 0; id < d->count; id++)
        choice[id] = (int)sn_rng_below(rng, number, (uint32_t)id, 0,
                                       (uint32_t)d->item[id].n);
    sn_arch_choose(arch, s->ask->space, d, choice);
    return sn_arch_in_space(arch, s->ask->space, NULL) == SN_OK;
}

/* A space of few nets gives out: then there are fewer. */
static sn_status list_nets(struct session *s)
{
    struct sn_decisions *d = malloc(sizeof *d);
    s->net = calloc((size_t)s->ask->n, sizeof *s->net);
    if (!d || !s->net) {
        free(d);
        return no_memory(s->err);
    }
    sn_decisions_make(d, s->ask->space);
    const uint32_t draws = DRAWS * (uint32_t)s->ask->n;
    sn_status rc = SN_OK;
    for (uint32_t i = 0; i < draws && s->n < s->ask->n && rc == SN_OK; i++) {
        struct net *net = &s->net[s->n];
        if (!draw(&net->arch, s, d, i))
            continue;
        char *words = words_of(&net->arch);
        if (!words)
            rc = no_memory(s->err);
        else if (find(s, words))
            free(words);
        else
            s->net[s->n++].words = words;
    }
    free(d);
    return rc;
}

/* ---- the file ---- */

static void input_of(char *buf, size_t size, const struct sn_space *s)
{
    snprintf(buf, size, "%dx%dx%d", s->h, s->w, s->c);
}

static sn_status take_row(struct session *s, const struct sn_csv *c,
                          const int at[5])
{
    char input[48];
    const char *device = c->field[at[0]];
    input_of(input, sizeof input, s->ask->space);
    if (strcmp(device, s->ask->device) != 0)
        return sn_fail(s->err, SN_ERR_INPUT,
                       "%s:%d: holds measurements of '%s', this is '%s'; give "
                       "another file with -o",
                       c->path, c->line, device, s->ask->device);
    struct net *net = find(s, c->field[at[3]]);
    const double us = strtod(c->field[at[4]], NULL);
    if (!net || !(us > 0.0 && us < 1e12) ||
        strcmp(c->field[at[1]], input) != 0 ||
        strcmp(c->field[at[2]], sn_act_name(s->ask->space->act)) != 0)
        return SN_OK; /* of another space: goes */
    net->us = us;
    net->rounds = 1;
    s->result->kept += !net->is_kept;
    net->is_kept = true;
    return SN_OK;
}

static sn_status read_file(struct session *s)
{
    static const char *const name[5] = {"device", "input", "act", "arch",
                                        "latency_us"};
    struct sn_csv c;
    int at[5] = {0};
    bool more = true;
    if (!sn_file_exists(s->ask->output))
        return SN_OK;
    SN_TRY(sn_csv_open(&c, s->ask->output, CSV_MAX, s->err));
    sn_status rc = SN_OK;
    for (int i = 0; i < 5 && rc == SN_OK; i++) {
        at[i] = sn_csv_column(&c, name[i]);
        if (at[i] < 0)
            rc = sn_fail(s->err, SN_ERR_INPUT,
                         "%s:%d: found no column '%s', expected nets as "
                         "measure --nets writes them; give another file with "
                         "-o",
                         c.path, c.line, name[i]);
    }
    while (rc == SN_OK) {
        rc = sn_csv_next(&c, &more, s->err);
        if (rc != SN_OK || !more)
            break;
        rc = take_row(s, &c, at);
    }
    sn_csv_close(&c);
    return rc;
}

static sn_status write_file(const struct session *s)
{
    struct sn_text t = {0};
    char input[48], us[32];
    input_of(input, sizeof input, s->ask->space);
    sn_text_add(&t, "%sdevice,input,act,arch,latency_us\n", s->ask->facts);
    for (int i = 0; i < s->n; i++) {
        const struct net *net = &s->net[i];
        if (net->rounds == 0)
            continue;
        sn_text_add_csv(&t, s->ask->device);
        sn_text_add(&t, ",%s,%s,%s,%s\n", input, sn_act_name(net->arch.act),
                    net->words,
                    sn_text_real(us, sizeof us, net->us / net->rounds));
    }
    const size_t bytes = t.length;
    char *text = sn_text_take(&t);
    if (!text)
        return no_memory(s->err);
    const sn_status rc = sn_file_write(s->ask->output, text, bytes, s->err);
    free(text);
    return rc;
}

/* ---- the clock ---- */

/* What times of this moment are to be multiplied by. */
static sn_status pace_now(const struct session *s, double *pace)
{
    const struct sn_unit some = {.op = SN_UNIT_GAP,
                                 .cin = 16,
                                 .cout = 16,
                                 .h = 4,
                                 .w = 4,
                                 .k = 1,
                                 .stride = 1,
                                 .groups = 1,
                                 .batch = 1};
    const struct sn_measuring m = {
        .k = s->ask->k, .unit = &some, .n = 1, .precision = 0.05, .seed = 1};
    struct sn_timing timing, reference;
    SN_TRY(sn_measure_group(&m, &timing, &reference, s->err));
    *pace = s->ask->reference > 0 ? s->ask->reference / reference.seconds : 1.0;
    return SN_OK;
}

static sn_status measure_one(struct session *s, struct net *net)
{
    struct sn_timing t;
    double pace;
    SN_TRY(pace_now(s, &pace));
    SN_TRY(sn_measure_arch(&t, &net->arch, s->ask->k, NET_SECONDS, s->err));
    s->result->done += net->rounds == 0;
    net->us += 1e6 * t.seconds * pace;
    net->rounds++;
    return SN_OK;
}

static sn_status measure_all(struct session *s)
{
    const struct sn_nets_request *q = s->ask;
    const double start = sn_clock_seconds();
    const int all = ROUNDS * (s->n - s->result->kept);
    int done = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < s->n; i++) {
            if (s->net[i].is_kept)
                continue;
            if (sn_clock_seconds() > q->until)
                return SN_OK;
            SN_TRY(measure_one(s, &s->net[i]));
            const double spent = sn_clock_seconds() - start;
            done++;
            if (q->tell)
                q->tell(q->context, done, all, spent / done * (all - done));
        }
    return SN_OK;
}

sn_status sn_measure_nets(struct sn_nets_result *result,
                          const struct sn_nets_request *request,
                          struct sn_error *err)
{
    struct session s = {.ask = request, .result = result, .err = err};
    *result = (struct sn_nets_result){0};
    sn_status rc = list_nets(&s);
    result->nets = s.n;
    if (rc == SN_OK)
        rc = read_file(&s);
    if (rc == SN_OK)
        rc = measure_all(&s);
    if (rc == SN_OK && result->done > 0)
        rc = write_file(&s);
    for (int i = 0; i < s.n; i++)
        free(s.net[i].words);
    free(s.net);
    return rc;
}
