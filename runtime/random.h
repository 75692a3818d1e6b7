/* runtime/random.h: random numbers as PyTorch's CPU generator draws them (mt19937).
 *
 * The same seed gives the same initial weights and the same shuffle as PyTorch in float32. The
 * counter-based numbers of dropout are not here: they are generated into the program. One generator
 * belongs to one thread. Generator: M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998), 3-30. */
#ifndef SEQC_RT_RANDOM_H
#define SEQC_RT_RANDOM_H
#include "runtime/base.h"

enum {
    RT_MT_WORDS = 624,
    RT_LANES = 16, RT_CHAINS = 4, RT_AHEAD = RT_CHAINS * RT_LANES,   /* passes */
    RT_SHORT_SET = RT_MT_WORDS + 1   /* samples: an order draws one fewer, from a seed's first */
};

/* Plain data: copying the struct copies the generator. */
typedef struct rt_random {
    uint32_t word[RT_MT_WORDS];
    uint32_t next;               /* word to hand out next; RT_MT_WORDS: make new ones first */
    bool has_spare;              /* small normal draws come in pairs */
    double spare;
} rt_random;

void rt_random_seed(rt_random *r, uint64_t seed);      /* its low 32 bits count, as in PyTorch */
uint32_t rt_random_u32(rt_random *r);
uint64_t rt_random_u64(rt_random *r);                  /* two of them, the first one high */
double rt_random_u53(rt_random *r);                    /* [0, 1), 53 bits; torch-style dropout */

/* float32 in [a, b); `out` null throws the numbers away. */
void rt_random_uniform(rt_random *r, float *out, int64_t n, double a, double b);
/* PyTorch's two ways, from 16 elements on and below; `out` null throws the numbers away. */
void rt_random_normal(rt_random *r, float *out, int64_t n, double mean, double std);
/* torch.randperm(n) */
void rt_random_perm(rt_random *r, int64_t *out, int64_t n);
/* Draws what one pass of a DataLoader that shuffles draws: the seed of the pass's order. */
uint32_t rt_random_pass_seed(rt_random *r);
/* What one pass of a DataLoader draws and the order in which it visits n samples. */
void rt_random_epoch(rt_random *r, bool shuffle, int64_t *order, int64_t n);

/* The same for pass after pass, faster where the set is small (orders.c). Starts as {0}; what it
 * holds is no state: a copy of the generator alone goes on with the same orders. */
typedef struct rt_orders {
    int64_t n;                   /* samples it is prepared for; 0: none yet */
    int next;                    /* the coming pass; RT_AHEAD: all are used */
    uint32_t seed[RT_AHEAD];     /* of the passes that are prepared */
    int64_t order[RT_AHEAD][RT_SHORT_SET];
    _Alignas(64) uint32_t word[RT_CHAINS][RT_MT_WORDS][RT_LANES];
} rt_orders;
void rt_orders_next(rt_orders *o, rt_random *r, bool shuffle, int64_t *order, int64_t n);

/* The state as bytes, for checkpoints; the same on every machine. */
enum { RT_RANDOM_BYTES = 4 * RT_MT_WORDS + 16 };
void rt_random_save(const rt_random *r, uint8_t bytes[RT_RANDOM_BYTES]);
bool rt_random_load(rt_err *e, rt_random *r, const uint8_t *bytes, int64_t count);

#endif
