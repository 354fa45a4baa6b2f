/* Decoding a whole set, and what to do with it; see store.h. */

#include "datasets/store.h"

#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/os.h"
#include "base/text.h"
#include "datasets/datasets_internal.h"
#include "datasets/store_internal.h"

enum {
    C = SN_IMAGE_CHANNELS,
    REASON = 1000,  /* bytes of what is said of one bad image, at most */
    REASONS = 7400, /* of all that is said: what a struct sn_error holds, less
                     * what stands before and after it */
};

/* ---- one picture ---- */

/* sn_store_decode(), which also tells how many pixels there are at most in any
 * form that the picture has meanwhile: before or amid its scaling. */
static sn_status decode(const struct sn_store *s, int i, uint8_t *cell,
                        struct sn_extent *extent, int64_t *pixels,
                        struct sn_error *err)
{
    char path[SN_CATALOG_PATH];
    int64_t bytes, mtime;
    struct sn_image im;
    const struct sn_entry *e = &s->catalog.entry[i];
    sn_catalog_path(&s->catalog, i, path);
    SN_TRY(sn_file_look(path, &bytes, &mtime, err)); /* a pipe would block */
    if (bytes != e->bytes || mtime != e->mtime)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: was changed since the images were listed; a run "
                       "needs them as they were",
                       path);
    SN_TRY(sn_image_read(&im, path, err));
    const sn_status rc = sn_image_fit(cell, extent, &im, s->side, s->fit, err);
    *pixels = (int64_t)im.h * (im.w > s->side ? im.w : s->side);
    sn_image_release(&im);
    return rc;
}

sn_status sn_store_decode(const struct sn_store *s, int i, uint8_t *cell,
                          struct sn_extent *extent, struct sn_error *err)
{
    int64_t pixels;
    return decode(s, i, cell, extent, &pixels, err);
}

/* ---- all pictures ---- */

/* What a thread keeps for itself. */
struct worker {
    uint64_t count[C][256];
    int64_t most;  /* pixels of the largest picture */
    uint8_t *cell; /* scratch where the squares are not kept */
    bool no_memory;
};

struct pass {
    struct sn_store *s;
    const struct sn_watch *watch;
    uint8_t *sound;         /* [n] */
    struct sn_text reasons; /* what is wrong with those that are not */
    size_t *why;            /* [n] where it begins there, plus one */
    struct worker *worker;  /* [threads] */
    int n, threads;
};

static int signal_of(const struct pass *p)
{
    return p->watch && p->watch->stop ? (int)*p->watch->stop : 0;
}

static void count_values(uint64_t count[C][256], const uint8_t *cell, int side,
                         struct sn_extent extent)
{
    for (int iy = 0; iy < extent.h; iy++) {
        const uint8_t *p = cell + (size_t)iy * (size_t)side * C;
        for (int ix = 0; ix < extent.w; ix++, p += C)
            for (int ic = 0; ic < C; ic++)
                count[ic][p[ic]]++;
    }
}

/* Keeps what is wrong with picture i. */
static void note_reason(struct pass *p, int i, const struct sn_error *why)
{
    const size_t n = strlen(why->text);
#pragma omp critical(sn_store_reasons)
    {
        p->why[i] = p->reasons.length + 1;
        sn_text_add_bytes(&p->reasons, why->text, n < REASON ? n : REASON);
        sn_text_add_bytes(&p->reasons, "", 1);
    }
}

static void do_one(struct pass *p, int i, struct worker *w)
{
    struct sn_store *s = p->s;
    struct sn_error why;
    int64_t pixels = 0;
    if (signal_of(p))
        return;
    uint8_t *cell = s->cells ? s->cells + (size_t)i * s->cell : w->cell;
    const sn_status rc = decode(s, i, cell, &s->extent[i], &pixels, &why);
    w->most = pixels > w->most ? pixels : w->most;
    p->sound[i] = rc == SN_OK;
    w->no_memory = w->no_memory || rc == SN_ERR_MEMORY;
    if (rc == SN_ERR_INPUT)
        note_reason(p, i, &why);
    if (rc == SN_OK && s->catalog.entry[i].part == SN_IN_TRAIN)
        count_values(w->count, cell, s->side, s->extent[i]);
}

static sn_status pass_init(struct pass *p, struct sn_store *s,
                           const struct sn_watch *watch, struct sn_error *err)
{
    const size_t n = (size_t)s->catalog.n;
    *p = (struct pass){.s = s,
                       .watch = watch,
                       .n = s->catalog.n,
                       .threads = omp_get_max_threads()};
    p->sound = calloc(n + 1, 1);
    p->why = calloc(n + 1, sizeof *p->why);
    p->worker = calloc((size_t)p->threads, sizeof *p->worker);
    bool fits = p->sound && p->why && p->worker;
    for (int it = 0; fits && it < p->threads; it++) {
        p->worker[it].cell = malloc(s->cell);
        fits = p->worker[it].cell != NULL;
    }
    return fits ? SN_OK
                : sn_fail(err, SN_ERR_MEMORY, "no memory to decode %zu images",
                          n);
}

static void pass_release(struct pass *p)
{
    for (int it = 0; p->worker && it < p->threads; it++)
        free(p->worker[it].cell);
    sn_text_release(&p->reasons);
    free(p->why);
    free(p->sound);
    free(p->worker);
}

/* Which pictures are not sound, in their order: as many as the text holds,
 * whole lines, then how many more there are. */
static sn_status refuse(const struct pass *p, int bad, struct sn_error *err)
{
    char list[REASONS];
    size_t used = 0;
    int told = 0;
    list[0] = '\0';
    for (int i = 0; i < p->n && used < sizeof list; i++) {
        if (p->sound[i])
            continue;
        const char *why = p->reasons.failed || !p->why[i]
                              ? "no memory to say why"
                              : p->reasons.data + p->why[i] - 1;
        char shown[4 * REASON]; /* a name may hold a newline */
        sn_text_shown(shown, sizeof shown, why);
        const size_t more = strlen(shown) + strlen("\n  ");
        if (used + more >= sizeof list)
            break;
        snprintf(list + used, sizeof list - used, "\n  %s", shown);
        used += more;
        told++;
    }
    char rest[80] = "";
    if (told < bad)
        snprintf(rest, sizeof rest,
                 "\n  ... and %d more: `supernet data check` lists all",
                 bad - told);
    return sn_fail(err, SN_ERR_INPUT,
                   "%d of %d images cannot be used; `skip_bad = yes` leaves "
                   "them out%s%s",
                   bad, p->n, list, rest);
}

void sn_store_keep(struct sn_store *s, const uint8_t *sound, bool cells)
{
    struct sn_catalog *c = &s->catalog;
    const int n = c->n;
    int to = 0;
    for (int i = 0; i < n; i++) {
        if (!sound[i])
            continue;
        if (to < i) {
            c->entry[to] = c->entry[i];
            s->extent[to] = s->extent[i];
            if (cells)
                memcpy(s->cells + (size_t)to * s->cell,
                       s->cells + (size_t)i * s->cell, s->cell);
        }
        to++;
    }
    s->bad += n - to;
    for (int i = n; i < n + c->unlabelled && to < n; i++)
        c->entry[i - n + to] = c->entry[i];
    c->n = to;
}

/* Decodes every picture; what each thread counted is added up. */
static sn_status decode_all(struct pass *p, bool skip_bad, struct sn_error *err)
{
    const int n = p->n;
    int bad = 0;
    if (p->watch && p->watch->out && sn_os_columns(p->watch->out) > 0)
        fprintf(p->watch->out, "reading %d images\n", n);
        /* the time a picture takes is anybody's guess; its output is its own */
#pragma omp parallel for schedule(dynamic, 4)
    for (int i = 0; i < n; i++)
        do_one(p, i, &p->worker[omp_get_thread_num()]);

    const int signal = signal_of(p);
    if (signal)
        return sn_fail(err, signal == SIGINT ? SN_INTERRUPTED : SN_TERMINATED,
                       "interrupted while the images were read, before the "
                       "first step");
    for (int it = 0; it < p->threads; it++) {
        if (p->worker[it].no_memory)
            return sn_fail(err, SN_ERR_MEMORY, "no memory to decode %d images",
                           n);
        for (int ic = 0; ic < C; ic++)
            for (int v = 0; v < 256; v++)
                p->s->count[ic][v] += p->worker[it].count[ic][v];
        if (p->worker[it].most > p->s->most)
            p->s->most = p->worker[it].most;
    }
    for (int i = 0; i < n; i++)
        bad += !p->sound[i];
    return bad && !skip_bad ? refuse(p, bad, err) : SN_OK;
}

/* ---- where the squares go ---- */

static sn_status too_large(double need, double left, struct sn_error *err)
{
    char a[SN_QUANTITY_TEXT], b[SN_QUANTITY_TEXT];
    return sn_fail(err, SN_ERR_MEMORY,
                   "[data] cache: ram needs %s for the decoded images, and %s "
                   "are left; disk and off need less",
                   sn_text_bytes(a, sizeof a, need),
                   sn_text_bytes(b, sizeof b, left));
}

enum sn_cache sn_store_choose(double files, double squares, double left,
                              double room)
{
    if (files >= (double)SN_CACHE_PAYS && squares <= room / 4)
        return SN_CACHE_DISK;
    if (left == 0 || squares <= left / 2) /* the rest is for training */
        return SN_CACHE_RAM;
    return squares <= room / 2 ? SN_CACHE_DISK : SN_CACHE_OFF;
}

/* What cache serves, and what else where a file cannot be had. */
struct choice {
    enum sn_cache first, otherwise;
};

static double file_bytes(const struct sn_catalog *c)
{
    double sum = 0;
    for (int i = 0; i < c->n; i++)
        sum += c->entry[i].bytes > 0 ? (double)c->entry[i].bytes : 0;
    return sum;
}

static sn_status choose(struct choice *c, const struct sn_store *s,
                        const struct sn_data_options *o,
                        const struct sn_watch *watch, struct sn_error *err)
{
    const double files = file_bytes(&s->catalog);
    const double need = (double)s->catalog.n * (double)s->cell;
    double left = (double)sn_os_memory_available();
    if (watch && watch->memory > 0 && (left == 0 || left > watch->memory))
        left = watch->memory;
    c->first = c->otherwise = (enum sn_cache)o->cache;
    if (c->first == SN_CACHE_RAM && left > 0 && need > left)
        return too_large(need, left, err);
    if (c->first != SN_CACHE_AUTO)
        return SN_OK;
    c->first = sn_store_choose(files, need, left, (double)sn_store_file_room());
    c->otherwise = sn_store_choose(files, need, left, 0);
    return SN_OK;
}

static sn_status decode_new(struct sn_store *s, struct sn_store_file *f,
                            const struct sn_data_options *o,
                            const struct sn_watch *watch, struct sn_error *err)
{
    struct pass p;
    struct sn_error unused;
    const bool must = /* the file was asked for */
        s->cache == SN_CACHE_DISK && o->cache == (int)SN_CACHE_DISK;
    sn_status rc = pass_init(&p, s, watch, err);
    if (rc == SN_OK)
        rc = decode_all(&p, o->skip_bad, err);
    if (rc == SN_OK) {
        sn_store_keep(s, p.sound, s->cells != NULL);
        if (must)
            rc = sn_store_file_commit(f, s, p.sound, p.n, err);
        else if (s->cache != SN_CACHE_RAM) /* it only saves the next run time */
            (void)!sn_store_file_commit(f, s, p.sound, p.n, &unused);
    }
    pass_release(&p);
    return rc;
}

sn_status sn_store_place(struct sn_store *s, struct sn_store_file *f,
                         enum sn_cache otherwise, bool skip_bad,
                         struct sn_error *err)
{
    struct sn_error why;
    if (s->cache == SN_CACHE_DISK) {
        sn_status rc = sn_store_file_open(f, s, true, skip_bad, &why);
        if (rc == SN_OK && !s->found)
            rc = sn_store_file_make(f, s, &why);
        if (rc == SN_OK)
            return SN_OK;
        if (otherwise == SN_CACHE_DISK)
            return sn_fail(err, rc, "%s", why.text);
        sn_store_file_close(f);
        *f = (struct sn_store_file){.fd = -1};
        s->cache = otherwise;
    }
    if (s->cache == SN_CACHE_RAM) {
        s->cells = malloc((size_t)s->catalog.n * s->cell + 1);
        return s->cells ? SN_OK
                        : too_large((double)s->catalog.n * (double)s->cell,
                                    (double)sn_os_memory_available(), err);
    }
    (void)!sn_store_file_open(f, s, false, skip_bad,
                              &why); /* saves time only */
    return SN_OK;
}

static sn_status fill(struct sn_store *s, const struct sn_data_options *o,
                      const struct sn_watch *watch, struct sn_error *err)
{
    struct sn_store_file file = {.fd = -1};
    struct choice choice;
    SN_TRY(choose(&choice, s, o, watch, err));
    s->cache = choice.first;
    sn_status rc = sn_store_place(s, &file, choice.otherwise, o->skip_bad, err);
    if (rc == SN_OK && !s->found)
        rc = decode_new(s, &file, o, watch, err);
    sn_store_file_close(&file);
    return rc;
}

sn_status sn_store_open(struct sn_store **store, struct sn_catalog *catalog,
                        const struct sn_data_options *o,
                        const struct sn_watch *watch, struct sn_error *err)
{
    struct sn_store *s = calloc(1, sizeof *s);
    if (!s) {
        sn_catalog_release(catalog);
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the images");
    }
    s->catalog = *catalog;
    *catalog = (struct sn_catalog){0};
    s->side = o->size;
    s->fit = (enum sn_fit)o->fit;
    s->cell = (size_t)s->side * (size_t)s->side * C;
    s->extent = calloc((size_t)s->catalog.n + 1, sizeof *s->extent);
    sn_status rc = SN_OK;
    if (!s->extent)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for %d images",
                     s->catalog.n);
    if (rc == SN_OK)
        rc = fill(s, o, watch, err);
    if (rc == SN_OK)
        *store = s;
    else
        sn_store_close(s);
    return rc;
}

/* ---- what it takes ---- */

size_t sn_store_bytes(const struct sn_store *s)
{
    const size_t n = (size_t)s->catalog.n,
                 loose = (size_t)s->catalog.unlabelled;
    const size_t squares = s->cache == SN_CACHE_RAM ? n * s->cell : 0;
    return squares + n * sizeof *s->extent + s->catalog.names_bytes +
           (n + loose) * sizeof *s->catalog.entry;
}

size_t sn_store_work(const struct sn_store *s, int at_once)
{
    int64_t file = 0; /* the largest */
    for (int i = 0; i < s->catalog.n; i++)
        if (s->catalog.entry[i].bytes > file)
            file = s->catalog.entry[i].bytes;
    const bool large = s->most > SN_IMAGE_LARGE; /* one of these at a time */
    const int64_t others = large ? SN_IMAGE_LARGE : s->most;
    return (size_t)(s->most + (at_once - 1) * others) * SN_IMAGE_WORK +
           (size_t)at_once * (size_t)file;
}

void sn_store_close(struct sn_store *s)
{
    if (!s)
        return;
    if (s->map)
        munmap(s->map, s->map_bytes);
    else
        free(s->cells);
    free(s->extent);
    sn_catalog_release(&s->catalog);
    free(s);
}
