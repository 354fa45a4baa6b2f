/* Decoding ahead; see ahead.h.
 *
 * One lock guards the list of what is wanted; it is held for a few
 * instructions.  A helper decodes into a square of its own and, if the picture
 * is still wanted then, exchanges that with the slot's. */

#include "datasets/ahead.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/os.h"

#define STACK (512 << 10) /* bytes of a helper's; the depth is known */

enum state { IDLE, WANTED, READY, TAKEN };

struct slot {
    enum state state;
    int entry;     /* of the store */
    uint8_t *cell; /* owned */
};

struct helper {
    struct sn_ahead *ahead;
    pthread_t thread;
    uint8_t *cell; /* owned */
};

struct sn_ahead {
    const struct sn_store *store; /* borrowed */
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct slot *slot; /* [batch] owned */
    int batch, n;      /* slots there are, and that are in use */
    int next;          /* the slot to look at next */
    bool stop;
    struct helper *helper; /* [threads] owned */
    int threads, running;
};

/* ---- turns: how many of all helpers are decoding ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int taken;
} turns = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void take_turn(int most)
{
    pthread_mutex_lock(&turns.lock);
    while (turns.taken >= most)
        pthread_cond_wait(&turns.ended, &turns.lock);
    turns.taken++;
    pthread_mutex_unlock(&turns.lock);
}

static void end_turn(void)
{
    pthread_mutex_lock(&turns.lock);
    turns.taken--;
    pthread_cond_broadcast(&turns.ended);
    pthread_mutex_unlock(&turns.lock);
}

/* ---- helpers ---- */

/* The next slot that is wanted, -1 for none; under the lock. */
static int next_wanted(struct sn_ahead *a)
{
    while (a->next < a->n && a->slot[a->next].state != WANTED)
        a->next++;
    return a->next < a->n ? a->next++ : -1;
}

/* Under the lock, which it gives up while it decodes. */
static void decode(struct helper *h, int i)
{
    struct sn_ahead *a = h->ahead;
    struct sn_error unused; /* whoever asks for the picture will be told */
    struct sn_extent extent;
    const int entry = a->slot[i].entry;
    pthread_mutex_unlock(&a->lock);
    take_turn(a->threads);
    const sn_status rc =
        sn_store_decode(a->store, entry, h->cell, &extent, &unused);
    end_turn();
    pthread_mutex_lock(&a->lock);
    struct slot *s = &a->slot[i]; /* it may want another picture by now */
    if (rc != SN_OK || s->state != WANTED || s->entry != entry)
        return;
    uint8_t *cell = s->cell;
    s->cell = h->cell;
    s->state = READY;
    h->cell = cell;
}

static void *help(void *helper)
{
    struct helper *h = helper;
    struct sn_ahead *a = h->ahead;
    sn_os_thread_idle();
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        const int i = next_wanted(a);
        if (i < 0)
            pthread_cond_wait(&a->wanted, &a->lock);
        else
            decode(h, i);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* All memory; false when there is not enough. */
static bool take_memory(struct sn_ahead *a)
{
    a->slot = calloc((size_t)a->batch, sizeof *a->slot);
    a->helper = calloc((size_t)a->threads, sizeof *a->helper);
    if (!a->slot || !a->helper)
        return false;
    for (int i = 0; i < a->batch; i++)
        if (!(a->slot[i].cell = malloc(a->store->cell)))
            return false;
    for (int i = 0; i < a->threads; i++) {
        a->helper[i].ahead = a;
        if (!(a->helper[i].cell = malloc(a->store->cell)))
            return false;
    }
    return true;
}

static int helpers_for(int batch, int threads)
{
    return threads < batch ? threads : batch;
}

size_t sn_ahead_bytes(const struct sn_store *store, int batch, int threads)
{
    const size_t helpers = (size_t)helpers_for(batch, threads);
    return (size_t)batch * (sizeof(struct slot) + store->cell) +
           helpers * (sizeof(struct helper) + store->cell + STACK);
}

/* As many as the system grants. */
static void start_helpers(struct sn_ahead *a)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return;
    pthread_attr_setstacksize(&attr, STACK);
    while (a->running < a->threads &&
           pthread_create(&a->helper[a->running].thread, &attr, help,
                          &a->helper[a->running]) == 0)
        a->running++;
    pthread_attr_destroy(&attr);
}

sn_status sn_ahead_create(struct sn_ahead **ahead, const struct sn_store *store,
                          int batch, int threads, struct sn_error *err)
{
    struct sn_ahead *a = calloc(1, sizeof *a);
    if (!a)
        return sn_fail(err, SN_ERR_MEMORY, "no memory to decode ahead");
    a->store = store;
    a->batch = batch;
    a->threads = helpers_for(batch, threads);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wanted, NULL);
    if (!take_memory(a)) {
        sn_ahead_destroy(a);
        return sn_fail(err, SN_ERR_MEMORY,
                       "no memory to decode a batch of %d ahead", batch);
    }
    start_helpers(a);
    *ahead = a;
    return SN_OK;
}

void sn_ahead_want(struct sn_ahead *a, const int *entry, int n)
{
    SN_CHECK(n >= 0 && n <= a->batch);
    pthread_mutex_lock(&a->lock);
    for (int i = 0; i < n; i++) {
        a->slot[i].state = WANTED;
        a->slot[i].entry = entry[i];
    }
    a->n = n;
    a->next = 0;
    pthread_cond_broadcast(&a->wanted);
    pthread_mutex_unlock(&a->lock);
}

const uint8_t *sn_ahead_take(struct sn_ahead *a, int i, int entry)
{
    const uint8_t *cell = NULL;
    pthread_mutex_lock(&a->lock);
    struct slot *s = &a->slot[i];
    const bool meant = i < a->n && s->entry == entry;
    if (meant && s->state == READY)
        cell = s->cell;
    else if (meant && s->state == WANTED)
        s->state = TAKEN;
    pthread_mutex_unlock(&a->lock);
    return cell;
}

void sn_ahead_destroy(struct sn_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->wanted);
    pthread_mutex_unlock(&a->lock);
    for (int i = 0; i < a->running; i++)
        pthread_join(a->helper[i].thread, NULL);
    for (int i = 0; a->helper && i < a->threads; i++)
        free(a->helper[i].cell);
    for (int i = 0; a->slot && i < a->batch; i++)
        free(a->slot[i].cell);
    pthread_cond_destroy(&a->wanted);
    pthread_mutex_destroy(&a->lock);
    free(a->helper);
    free(a->slot);
    free(a);
}
