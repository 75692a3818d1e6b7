/* runtime/pool.c: a small thread pool. No queues, no nesting, no priorities: one job at a time.
 *
 * A job is published by one store of `ticket`, which packs the job's number with the first and the
 * end of the tasks still unclaimed. A thread claims a task by compare-and-swap of the whole ticket,
 * so one that comes late, or holds the fields of a job long gone, cannot claim anything: its ticket
 * no longer compares equal, or has nothing left. Hence nobody waits for threads that never woke up;
 * on a busy machine the caller simply does the tasks itself.
 *
 * Threads with even numbers claim the first task, odd ones the last: so two threads meet the same
 * halves of every job, and find what they wrote in the step before in their own caches (an eighth
 * of a training step, measured).
 *
 * Idle threads spin for some microseconds (the gap between two kernels), then sleep on a condition
 * variable. Both sleeps use the same handshake: announce, then look again; the other side writes,
 * then looks for the announcement. All atomics are sequentially consistent, which that needs.
 *
 * Threads are bound to processors only where that is asked for: beside other work on the machine it
 * cost a quarter of the speed of a training step, since a bound thread cannot step aside. */
#define _GNU_SOURCE   /* processor sets */
#include "runtime/pool.h"
#include "runtime/base.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_NS = 30000, SPIN_STEP = 32 };
enum { TASK_BITS = 18, MAX_TASKS = (1 << TASK_BITS) - 1 };

typedef struct Worker {
    rt_pool *pool;
    pthread_t thread;
    int id;
} Worker;

struct rt_pool {
    /* The job: written while `ticket` has nothing left, read between load and claim. */
    _Atomic(rt_task *) task;
    _Atomic(const void *) ctx;
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic uint32_t pending;   /* tasks of the job not yet done */
    _Alignas(64) _Atomic int sleepers;       /* workers asleep or about to be */
    _Atomic bool caller_sleeps, stop;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool spins;                              /* false where threads outnumber processors */
    bool pinned;
    cpu_set_t before;                        /* what the opening thread might use, once pinned */
    int threads;
    Worker workers[];                        /* threads - 1 of them */
};

const int RT_ABI_SYMBOL = RT_ABI;

int rt_cpu_count(void)
{
    cpu_set_t set;
    long count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                             : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > RT_MAX_THREADS ? RT_MAX_THREADS : (int)count;
}

static void relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A ticket: the job's number, the first and the end of the tasks that nobody has claimed. */
static uint64_t ticket_of(uint64_t job, uint32_t first, uint32_t end)
{
    return job << 2 * TASK_BITS | (uint64_t)first << TASK_BITS | end;
}

static uint32_t ticket_first(uint64_t ticket) { return (uint32_t)(ticket >> TASK_BITS) & MAX_TASKS; }
static uint32_t ticket_end(uint64_t ticket) { return (uint32_t)ticket & MAX_TASKS; }
static uint32_t tasks_left(uint64_t ticket) { return ticket_end(ticket) - ticket_first(ticket); }

/* Does tasks of the current job until none is left to claim. */
static void work_off(rt_pool *pool, int worker)
{
    uint64_t ticket = atomic_load(&pool->ticket);
    while (tasks_left(ticket) > 0) {
        rt_task *task = atomic_load(&pool->task);
        const void *ctx = atomic_load(&pool->ctx);
        uint32_t first = ticket_first(ticket), end = ticket_end(ticket);
        bool back = worker % 2;
        uint64_t rest = ticket_of(ticket >> 2 * TASK_BITS, first + !back, end - back);
        uint32_t i = back ? end - 1 : first;
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, rest))
            continue;   /* another took it: `ticket` is the new one */
        task(ctx, (int64_t)i, worker);
        if (atomic_fetch_sub(&pool->pending, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
        ticket = atomic_load(&pool->ticket);
    }
}

static bool job_done(rt_pool *pool)
{
    return atomic_load(&pool->pending) == 0;
}

static bool has_work(rt_pool *pool)
{
    return tasks_left(atomic_load(&pool->ticket)) > 0 || atomic_load(&pool->stop);
}

/* Spins until `ready` or the spinning time is over; returns what `ready` said last. */
static bool spin(rt_pool *pool, bool (*ready)(rt_pool *))
{
    if (ready(pool))
        return true;
    if (!pool->spins)
        return false;
    for (int64_t end = now_ns() + SPIN_NS; now_ns() < end;) {
        for (int k = 0; k < SPIN_STEP; k++) {
            if (ready(pool))
                return true;
            relax();
        }
    }
    return false;
}

static void *worker_main(void *arg)
{
    const Worker *self = arg;
    rt_pool *pool = self->pool;
    while (!atomic_load(&pool->stop)) {
        if (!spin(pool, has_work)) {
            pthread_mutex_lock(&pool->lock);
            atomic_fetch_add(&pool->sleepers, 1);
            while (!has_work(pool))
                pthread_cond_wait(&pool->work, &pool->lock);
            atomic_fetch_sub(&pool->sleepers, 1);
            pthread_mutex_unlock(&pool->lock);
        }
        work_off(pool, self->id);
    }
    return NULL;
}

static void run_job(rt_pool *pool, rt_task *task, const void *ctx, uint32_t n_tasks)
{
    uint64_t job = (atomic_load(&pool->ticket) >> 2 * TASK_BITS) + 1;
    atomic_store(&pool->task, task);
    atomic_store(&pool->ctx, ctx);
    atomic_store(&pool->pending, n_tasks);
    atomic_store(&pool->ticket, ticket_of(job, 0, n_tasks));
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->work);
        pthread_mutex_unlock(&pool->lock);
    }
    work_off(pool, 0);
    if (!spin(pool, job_done)) {
        pthread_mutex_lock(&pool->lock);
        atomic_store(&pool->caller_sleeps, true);
        while (!job_done(pool))
            pthread_cond_wait(&pool->done, &pool->lock);
        atomic_store(&pool->caller_sleeps, false);
        pthread_mutex_unlock(&pool->lock);
    }
}

void rt_parallel(rt_pool *pool, rt_task *task, const void *ctx, int64_t n_tasks)
{
    if (!pool || pool->threads == 1 || n_tasks <= 1) {
        for (int64_t i = 0; i < n_tasks; i++)
            task(ctx, i, 0);
        return;
    }
    /* More tasks than a ticket counts: that many kernels' worth of work hides the serial part. */
    for (; n_tasks > MAX_TASKS; n_tasks--)
        task(ctx, n_tasks - 1, 0);
    run_job(pool, task, ctx, (uint32_t)n_tasks);
}

static bool start_worker(rt_pool *pool, int id)
{
    Worker *worker = &pool->workers[id - 1];
    *worker = (Worker){ .pool = pool, .id = id };
    return pthread_create(&worker->thread, NULL, worker_main, worker) == 0;
}

/* Signals are the main thread's: workers start with all of them blocked. */
static void start_workers(rt_pool *pool, int threads)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (pool->threads = 1; pool->threads < threads; pool->threads++)
        if (!start_worker(pool, pool->threads))
            break;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

rt_pool *rt_pool_open(int threads)
{
    threads = threads < 1 ? 1 : threads > RT_MAX_THREADS ? RT_MAX_THREADS : threads;
    size_t bytes = sizeof(rt_pool) + (size_t)(threads - 1) * sizeof(Worker);
    rt_pool *pool = rt_alloc_raw(NULL, 1, (int64_t)bytes, "the threads");
    if (!pool)
        return NULL;
    *pool = (rt_pool){ .threads = 1 };
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->spins = threads <= rt_cpu_count();
    start_workers(pool, threads);
    return pool;
}

static bool bind_thread(pthread_t thread, size_t processor)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    return pthread_setaffinity_np(thread, sizeof one, &one) == 0;
}

bool rt_pool_pin(rt_pool *pool)
{
    if (sched_getaffinity(0, sizeof pool->before, &pool->before) != 0 ||
        CPU_COUNT(&pool->before) < pool->threads)
        return false;
    pool->pinned = true;
    size_t processor = 0;
    for (int i = 0; i < pool->threads; i++, processor++) {
        while (!CPU_ISSET(processor, &pool->before))
            processor++;
        pthread_t thread = i > 0 ? pool->workers[i - 1].thread : pthread_self();
        pool->pinned = bind_thread(thread, processor) && pool->pinned;
    }
    return pool->pinned;
}

void rt_pool_close(rt_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i - 1].thread, NULL);
    if (pool->pinned)
        sched_setaffinity(0, sizeof pool->before, &pool->before);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    rt_free(pool);
}

int rt_pool_threads(const rt_pool *pool)
{
    return pool ? pool->threads : 1;
}
