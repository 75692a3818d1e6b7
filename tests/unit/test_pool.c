/* tests/unit/test_pool.c: every task once, whatever the number of threads, tasks and jobs. */
#define _GNU_SOURCE   /* processor sets */
#include "runtime/pool.h"
#include "tests/unit/rt_test.h"
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum { MOST = 4096 };

typedef struct Count {
    _Atomic int seen[MOST];
    _Atomic int worst_worker;
    int64_t sum[MOST];
} Count;

static void count_task(const void *ctx, int64_t i, int worker)
{
    Count *c = (Count *)(uintptr_t)ctx;
    atomic_fetch_add(&c->seen[i], 1);
    int worst = atomic_load(&c->worst_worker);
    while (worker > worst && !atomic_compare_exchange_weak(&c->worst_worker, &worst, worker)) { }
    c->sum[i] = i * i;   /* plain memory: the caller must see it */
}

static Count counts;

static void check_job(rt_pool *pool, int64_t n, int threads)
{
    memset(&counts, 0, sizeof counts);
    rt_parallel(pool, count_task, &counts, n);
    for (int64_t i = 0; i < MOST; i++) {
        ck_assert_int_eq(counts.seen[i], i < n);
        ck_assert_int_eq(counts.sum[i], i < n ? i * i : 0);
    }
    ck_assert_int_lt(counts.worst_worker, threads);
}

/* The processor on which each thread did its last task. */
static _Atomic int where[2];

static void where_task(const void *ctx, int64_t i, int worker)
{
    (void)ctx;
    (void)i;
    where[worker] = sched_getcpu() + 1;
    while (!where[0] || !where[1]) { }    /* each thread takes one */
}

START_TEST(pinned)
{
    cpu_set_t before, after;
    rt_pool *pool = rt_pool_open(2);
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    int first[2] = { 0, 0 }, processors = rt_cpu_count();
    ck_assert_int_eq(rt_pool_pin(pool), processors >= 2);
    for (int job = 0; job < 200 && processors >= 2; job++) {
        where[0] = where[1] = 0;
        rt_parallel(pool, where_task, NULL, 2);
        ck_assert_int_ne(where[0], where[1]);
        for (int i = 0; i < 2; i++) {
            first[i] = job == 0 ? where[i] : first[i];
            ck_assert_int_eq(where[i], first[i]);
            ck_assert(CPU_ISSET((size_t)where[i] - 1, &before));
        }
    }
    rt_pool_close(pool);
    ck_assert_int_eq(sched_getaffinity(0, sizeof after, &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
    pool = rt_pool_open(processors + 1);
    ck_assert(!rt_pool_pin(pool));
    rt_pool_close(pool);
}
END_TEST

START_TEST(every_task_once)
{
    static const int64_t n[] = { 0, 1, 2, 3, 7, 64, 1000, MOST };
    rt_pool *pool = rt_pool_open(_i);
    ck_assert_ptr_nonnull(pool);
    ck_assert_int_eq(rt_pool_threads(pool), _i);
    for (size_t k = 0; k < sizeof n / sizeof *n; k++)
        check_job(pool, n[k], _i);
    rt_pool_close(pool);
}
END_TEST

static void add_task(const void *ctx, int64_t i, int worker)
{
    (void)worker;
    atomic_fetch_add((_Atomic int64_t *)(uintptr_t)ctx, i + 1);
}

/* Late threads of one job must not take tasks of the next. */
START_TEST(many_small_jobs)
{
    rt_pool *pool = rt_pool_open(_i);
    for (int job = 0; job < 3000; job++) {
        _Atomic int64_t sum = 0;
        int64_t n = job % 9;
        rt_parallel(pool, add_task, (const void *)&sum, n);
        ck_assert_int_eq(atomic_load(&sum), n * (n + 1) / 2);
    }
    rt_pool_close(pool);
}
END_TEST

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void slow_task(const void *ctx, int64_t i, int worker)
{
    if (i == 1)
        pause_ms(2);
    add_task(ctx, i, worker);
}

/* Threads that went to sleep wake up, and a caller that sleeps is woken. */
START_TEST(sleepers_wake)
{
    rt_pool *pool = rt_pool_open(3);
    for (int job = 0; job < 30; job++) {
        _Atomic int64_t sum = 0;
        pause_ms(1);
        rt_parallel(pool, slow_task, (const void *)&sum, 3);
        ck_assert_int_eq(atomic_load(&sum), 6);
    }
    rt_pool_close(pool);
}
END_TEST

static void worker_task(const void *ctx, int64_t i, int worker)
{
    (void)i;
    *(int *)(uintptr_t)ctx += worker == 0 ? 1 : 1000;
}

START_TEST(without_a_pool)
{
    int calls = 0;
    rt_parallel(NULL, worker_task, &calls, 5);
    ck_assert_int_eq(calls, 5);
    ck_assert_int_eq(rt_pool_threads(NULL), 1);
    rt_pool_close(NULL);
    rt_pool *pool = rt_pool_open(0);
    ck_assert_int_eq(rt_pool_threads(pool), 1);
    rt_parallel(pool, worker_task, &calls, 5);
    ck_assert_int_eq(calls, 10);
    rt_pool_close(pool);
}
END_TEST

START_TEST(opened_and_closed_at_once)
{
    for (int i = 0; i < 50; i++)
        rt_pool_close(rt_pool_open(1 + i % 5));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tests = case_create("pool");
    tcase_add_loop_test(tests, every_task_once, 1, 9);
    tcase_add_loop_test(tests, many_small_jobs, 1, 5);
    tcase_add_test(tests, pinned);
    tcase_add_test(tests, sleepers_wake);
    tcase_add_test(tests, without_a_pool);
    tcase_add_test(tests, opened_and_closed_at_once);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
