/* runtime/orders.c: the orders in which a run's passes visit the samples, as PyTorch's DataLoader
 * draws them.
 *
 * Each pass seeds a generator of its own: 624 multiplications, each waiting for the one before,
 * which takes longer than a small model's training on a small set. But nobody else draws from the
 * program's generator while it trains, so the seeds to come are known: 64 of them go through the
 * chain side by side, in the lanes of four vectors, and only as far as the set needs numbers. Should
 * a seed come that was not foreseen, the next 64 are prepared anew.
 *
 * Sets of more samples, and those that are not shuffled, go through rt_random_epoch. */
#include "runtime/random.h"
#include <string.h>

enum { FAR = 397 };
typedef uint32_t lanes __attribute__((vector_size(4 * RT_LANES), may_alias));
typedef int32_t signed_lanes __attribute__((vector_size(4 * RT_LANES)));
typedef double real_lanes __attribute__((vector_size(8 * RT_LANES)));

/* As rt_random_seed, for the seeds in w[k][0]: each number waits for the one before, so the chains
 * of several vectors go side by side. */
static inline __attribute__((always_inline)) void seed_lanes(lanes *const *w, int words)
{
    lanes x[RT_CHAINS];
    for (int k = 0; k < RT_CHAINS; k++)
        x[k] = w[k][0];
    for (uint32_t i = 1; i < (uint32_t)words; i++)
#pragma GCC unroll 4
        for (int k = 0; k < RT_CHAINS; k++)
            w[k][i] = x[k] = 1812433253u * (x[k] ^ x[k] >> 30) + i;
}

/* As rt_random_u32, `draws` of them, in place of the words. */
static inline __attribute__((always_inline)) void draw_lanes(lanes *w, int draws)
{
    for (int i = 0; i < draws; i++) {
        int after = i + 1 < RT_MT_WORDS ? i + 1 : 0;
        int far = i + FAR < RT_MT_WORDS ? i + FAR : i + FAR - RT_MT_WORDS;
        lanes mixed = (w[i] & 0x80000000u) | (w[after] & 0x7fffffffu);
        w[i] = w[far] ^ mixed >> 1 ^ (-(mixed & 1) & 0x9908b0dfu);
    }
    for (int i = 0; i < draws; i++) {
        lanes y = w[i] ^ w[i] >> 11;
        y ^= y << 7 & 0x9d2c5680u;
        y ^= y << 15 & 0xefc60000u;
        w[i] = y ^ y >> 18;
    }
}

/* Draw i becomes the place that sample i changes with: i + draw % (n - i). A quotient that is no
 * integer misses the next one by 2^-32 of itself or more, and 2^-50 is more than what rounding can
 * take away: so the product's integer part is the quotient's. */
static inline __attribute__((always_inline)) void place_lanes(lanes *w, int draws)
{
    for (int i = 0; i < draws; i++) {
        uint32_t divisor = (uint32_t)(draws + 1 - i);
        /* without a variable: gcc 12, told not to optimize, fails where it is in memory */
        real_lanes draw =
            __builtin_convertvector((signed_lanes)(w[i] ^ 0x80000000u), real_lanes) + 0x1p31;
        real_lanes quotient = draw * ((1 + 0x1p-50) / divisor);
        w[i] += (uint32_t)i - divisor * (lanes)__builtin_convertvector(quotient, signed_lanes);
    }
}

/* The orders of four passes: a sample's place is often one that a few steps before has just left,
 * and while one pass waits for that memory, the others go on. */
static void deal_four(const uint32_t (*other)[RT_LANES], int64_t (*order)[RT_SHORT_SET], int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int pass = 0; pass < 4; pass++)
            order[pass][i] = i;
    for (int64_t i = 0; i < n - 1; i++)
#pragma GCC unroll 4
        for (int pass = 0; pass < 4; pass++) {
            int64_t *to = order[pass], kept = to[i], from = other[i][pass];
            to[i] = to[from];
            to[from] = kept;
        }
}

static inline __attribute__((always_inline)) void prepare_lanes(rt_orders *o)
{
    int draws = (int)o->n - 1, words = draws + FAR < RT_MT_WORDS ? draws + FAR : RT_MT_WORDS;
    lanes *w[RT_CHAINS];
    for (int k = 0; k < RT_CHAINS; k++) {
        w[k] = (lanes *)(void *)o->word[k];
        memcpy(w[k], o->seed + k * RT_LANES, sizeof *w[k]);
    }
    seed_lanes(w, words);
    for (int k = 0; k < RT_CHAINS; k++) {
        draw_lanes(w[k], draws);
        place_lanes(w[k], draws);
    }
}

/* The processor may be newer than the one that this file is compiled for. */
#ifdef __x86_64__
__attribute__((target("avx512f"))) static void prepare_sixteen(rt_orders *o) { prepare_lanes(o); }
#endif

static void prepare(rt_orders *o)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) {
        prepare_sixteen(o);
        return;
    }
#endif
    prepare_lanes(o);
}

/* The pass of `seed`, and those that `after` will draw. */
static void foresee(rt_orders *o, uint32_t seed, rt_random after, int64_t n)
{
    o->n = n;
    o->next = 0;
    for (int pass = 0; pass < RT_AHEAD; pass++, seed = rt_random_pass_seed(&after))
        o->seed[pass] = seed;
    prepare(o);
    for (int pass = 0; pass < RT_AHEAD; pass += 4)
        deal_four((const uint32_t(*)[RT_LANES])&o->word[pass / RT_LANES][0][pass % RT_LANES],
                  &o->order[pass], n);
}

void rt_orders_next(rt_orders *o, rt_random *r, bool shuffle, int64_t *order, int64_t n)
{
    if (!shuffle || n < 2 || n > RT_SHORT_SET) {
        rt_random_epoch(r, shuffle, order, n);
        return;
    }
    uint32_t seed = rt_random_pass_seed(r);
    if (o->n != n || o->next == RT_AHEAD || o->seed[o->next] != seed)
        foresee(o, seed, *r, n);
    memcpy(order, o->order[o->next++], (size_t)n * sizeof *order);
}
