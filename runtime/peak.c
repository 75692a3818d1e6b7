/* runtime/peak.c: how fast this machine is, for `bench` to compare with. Multiply-adds: all threads
 * run independent chains of the widest one that the processor has, for a few milliseconds; the best
 * of several rounds counts, since other work only makes it slower. */
#include "runtime/program.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined __x86_64__
#include <immintrin.h>

enum { CHAINS = 12, TURNS = 40000, ROUNDS = 15 };

/* Written out, since a chain that an unoptimised loop keeps in memory measures memory. */
#define EACH(do_this) do_this(0) do_this(1) do_this(2) do_this(3) do_this(4) do_this(5) \
    do_this(6) do_this(7) do_this(8) do_this(9) do_this(10) do_this(11)

#define PROBE(name, isa, vector, set, store)                               \
    __attribute__((target(isa))) static void name(float *out)              \
    {                                                                      \
        const vector factor = set(0.999f), add = set(0.001f);              \
        EACH(START_##name)                                                 \
        for (int t = 0; t < TURNS; t++) {                                  \
            EACH(TURN_##name)                                              \
        }                                                                  \
        EACH(END_##name)                                                   \
        store(out, c0);                                                    \
    }

#define START_probe512(k) __m512 c##k = _mm512_set1_ps((float)k);
#define TURN_probe512(k) c##k = _mm512_fmadd_ps(c##k, factor, add);
#define END_probe512(k) c0 = _mm512_add_ps(c0, c##k);
PROBE(probe512, "avx512f", __m512, _mm512_set1_ps, _mm512_storeu_ps)

#define START_probe256(k) __m256 c##k = _mm256_set1_ps((float)k);
#define TURN_probe256(k) c##k = _mm256_fmadd_ps(c##k, factor, add);
#define END_probe256(k) c0 = _mm256_add_ps(c0, c##k);
PROBE(probe256, "avx2,fma", __m256, _mm256_set1_ps, _mm256_storeu_ps)

typedef struct Probe { void (*run)(float *out); double flop; } Probe;

static void probe_task(const void *ctx, int64_t i, int worker)
{
    float out[16];
    (void)i;
    (void)worker;
    ((const Probe *)ctx)->run(out);
    *(volatile float *)out;
}

double rt_peak_gflops(rt_pool *pool, rt_dtype real)
{
    Probe probe = { 0 };
    if (__builtin_cpu_supports("avx512f"))
        probe = (Probe){ probe512, 2.0 * 16 * CHAINS * TURNS };
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        probe = (Probe){ probe256, 2.0 * 8 * CHAINS * TURNS };
    else
        return 0;
    int threads = rt_pool_threads(pool);
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = rt_now();
        rt_parallel(pool, probe_task, &probe, threads);
        double rate = probe.flop * threads / (rt_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return real == RT_F64 ? best / 2 : best;
}

#else

double rt_peak_gflops(rt_pool *pool, rt_dtype real)
{
    (void)pool;
    (void)real;
    return 0;
}

#endif

/* ---- memory ---- */

enum { COPY_BYTES = 64 << 20, COPIES = 5 };

typedef struct Copy { char *to; const char *from; int64_t bytes; } Copy;

static void copy_task(const void *ctx, int64_t i, int worker)
{
    const Copy *c = ctx;
    (void)worker;
    memcpy(c->to + i * c->bytes, c->from + i * c->bytes, (size_t)c->bytes);
}

double rt_memory_gbytes(rt_pool *pool)
{
    int threads = rt_pool_threads(pool);
    char *from = rt_alloc(NULL, COPY_BYTES, 1, "a block to copy");
    char *to = from ? rt_alloc(NULL, COPY_BYTES, 1, "its copy") : NULL;
    double best = 0;
    for (int round = 0; to && round < COPIES; round++) {
        double start = rt_now();
        rt_parallel(pool, copy_task, &(Copy){ to, from, COPY_BYTES / threads }, threads);
        double rate = 2.0 * COPY_BYTES / (rt_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    rt_free(from);
    rt_free(to);
    return best;
}

/* ---- threads ---- */

enum { MEETINGS = 201 };
#define MEETING_SECONDS 0.05   /* enough, where threads outnumber processors */

typedef struct Meeting { _Atomic int missing; } Meeting;

static void meet_task(const void *ctx, int64_t i, int worker)
{
    Meeting *m = (Meeting *)(uintptr_t)ctx;
    (void)i;
    (void)worker;
    atomic_fetch_sub(&m->missing, 1);
    while (atomic_load(&m->missing) > 0) { }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rt_fork_join_seconds(rt_pool *pool)
{
    double seconds[MEETINGS], end = rt_now() + MEETING_SECONDS;
    int threads = rt_pool_threads(pool), n = 0;
    while (n < MEETINGS && (n < 3 || rt_now() < end)) {
        Meeting m = { threads };
        double start = rt_now();
        rt_parallel(pool, meet_task, &m, threads);
        seconds[n++] = rt_now() - start;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, by_size);
    return seconds[n / 2];
}
