/* runtime/ahead.c: a ring of batches whose images are being made (see ahead.h). One lock guards all
 * of it: making an image takes far longer than claiming one. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/ahead.h"
#include "runtime/load.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { RING = 4 };

/* Positions at .. at + n - 1 of the plan; images claimed and done so far. n 0: empty. */
typedef struct slot {
    int64_t at, n, claimed, done;
    int64_t failed;              /* the first image that could not be made; -1: none */
    rt_err error;
    uint8_t *images;             /* [batch][x_elems] */
} slot;

struct rt_ahead {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    int threads;
    bool stop;
    const rt_set *set;
    const int64_t *order;
    int64_t next, total, batch;  /* what is not yet in the ring: from `next` on */
    int64_t room;                /* bytes of each slot */
    slot ring[RING];
    int head;                    /* the slot that is taken next */
    bool served;                 /* the one before it is still being read by its taker */
    int active;                  /* images being made */
    struct maker { rt_ahead *of; pthread_t thread; rt_studio studio; } maker[];
};

/* The plan's next batch goes into an empty slot. */
static void fill(rt_ahead *a, slot *s)
{
    int64_t left = a->total - a->next;
    s->at = a->next;
    s->n = left < a->batch ? left : a->batch;
    s->claimed = s->done = 0;
    s->failed = -1;
    a->next += s->n;
}

/* Makes an image that nobody makes yet; false: there is none. Holds the lock but while it does. */
static bool make_one(rt_ahead *a, rt_studio *studio)
{
    slot *s = NULL;
    for (int k = 0; k < RING && !s; k++) {
        slot *candidate = &a->ring[(a->head + k) % RING];
        if (candidate->claimed < candidate->n)
            s = candidate;
    }
    if (!s)
        return false;
    const rt_set *set = a->set;
    int64_t i = s->claimed++, place = s->at + i, row = a->order ? a->order[place] : place;
    rt_shot shot = {set->seed, set->epoch, set->pick ? set->pick[row] : row};
    rt_err e = {.code = RT_E_OK};
    rt_image x;
    a->active++;
    pthread_mutex_unlock(&a->lock);
    bool ok = rt_set_image(&e, set, studio, &shot, &x);
    if (ok)
        memcpy(s->images + i * set->x_elems, x.plane, (size_t)set->x_elems);
    pthread_mutex_lock(&a->lock);
    a->active--;
    if (!ok && (s->failed < 0 || i < s->failed)) {
        s->failed = i;
        s->error = e;
    }
    if (++s->done == s->n || a->active == 0)
        pthread_cond_broadcast(&a->done);
    return true;
}

static void *run(void *arg)
{
    struct maker *m = arg;
    rt_ahead *a = m->of;
    pthread_mutex_lock(&a->lock);
    while (!a->stop)
        if (!make_one(a, &m->studio))
            pthread_cond_wait(&a->work, &a->lock);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

rt_ahead *rt_ahead_open(int threads)
{
    /* One studio more: the taker's. */
    int64_t makers = (int64_t)threads + 1;
    rt_ahead *a = rt_alloc(NULL, (int64_t)sizeof *a + makers * (int64_t)sizeof *a->maker, 1, "");
    if (!a)
        return NULL;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->work, NULL);
    pthread_cond_init(&a->done, NULL);
    for (int i = 0; i <= threads; i++)
        a->maker[i].of = a;
    sigset_t all, before;    /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (a->threads < threads
           && pthread_create(&a->maker[a->threads].thread, NULL, run, &a->maker[a->threads]) == 0)
        a->threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (a->threads > 0)
        return a;
    rt_ahead_close(a);
    return NULL;
}

void rt_ahead_close(rt_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->work);
    pthread_mutex_unlock(&a->lock);
    for (int i = 0; i < a->threads; i++)
        pthread_join(a->maker[i].thread, NULL);
    for (int i = 0; i <= a->threads; i++)
        rt_studio_free(&a->maker[i].studio);
    for (int k = 0; k < RING; k++)
        rt_free(a->ring[k].images);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
    rt_free(a);
}

/* Nothing is planned, and nobody makes anything. */
static void empty(rt_ahead *a)
{
    for (int k = 0; k < RING; k++)
        a->ring[k].claimed = a->ring[k].n;
    while (a->active > 0)
        pthread_cond_wait(&a->done, &a->lock);
    for (int k = 0; k < RING; k++)
        a->ring[k].n = a->ring[k].claimed = 0;
    a->served = false;
}

static bool make_room(rt_err *e, rt_ahead *a, int64_t bytes)
{
    if (bytes <= a->room)
        return true;
    a->room = 0;
    for (int k = 0; k < RING; k++) {
        rt_free(a->ring[k].images);
        a->ring[k].images = rt_alloc_raw(e, bytes, 1, "images of the next batches");
        if (!a->ring[k].images)
            return false;
    }
    a->room = bytes;
    return true;
}

void rt_ahead_rest(rt_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    empty(a);
    pthread_mutex_unlock(&a->lock);
}

bool rt_ahead_plan(rt_err *e, rt_ahead *a, const rt_set *set, const int64_t *order, int64_t at,
                   int64_t total, int64_t batch)
{
    pthread_mutex_lock(&a->lock);
    empty(a);
    a->set = set;
    a->order = order;
    a->next = at;
    a->total = total;
    a->batch = batch;
    a->head = 0;
    int64_t bytes;
    bool ok = rt_mul(batch, set->x_elems, &bytes) ? make_room(e, a, bytes)
                                                  : rt_fail(e, RT_E_MEMORY, "too large a batch");
    for (int k = 0; k < RING && ok; k++)
        fill(a, &a->ring[k]);
    pthread_cond_broadcast(&a->work);
    pthread_mutex_unlock(&a->lock);
    return ok;
}

/* The slot before the head has been read: it may be filled again. */
static void reuse(rt_ahead *a)
{
    if (!a->served)
        return;
    fill(a, &a->ring[(a->head + RING - 1) % RING]);
    a->served = false;
    pthread_cond_broadcast(&a->work);
}

bool rt_ahead_take(rt_err *e, rt_ahead *a, const rt_set *set, const rt_pick *pick,
                   const uint8_t **images)
{
    bool ok = true;
    *images = NULL;
    pthread_mutex_lock(&a->lock);
    reuse(a);
    slot *s = &a->ring[a->head];
    bool planned = s->n > 0 && s->n == pick->n && set == a->set
                && (a->order ? pick->index == a->order + s->at
                             : !pick->index && pick->first == s->at);
    if (planned) {
        while (s->done < s->n)
            if (s->claimed == s->n || !make_one(a, &a->maker[a->threads].studio))
                pthread_cond_wait(&a->done, &a->lock);
        ok = s->failed < 0;
        if (!ok && e)
            *e = s->error;
        *images = s->images;
        a->head = (a->head + 1) % RING;
        a->served = true;
    }
    pthread_mutex_unlock(&a->lock);
    return ok;
}
