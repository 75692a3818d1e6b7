/* runtime/pool.h: the threads of a generated program. rt.h has `rt_parallel`, which uses them. */
#ifndef SEQC_RT_POOL_H
#define SEQC_RT_POOL_H
#include "runtime/rt.h"

/* A pool of `threads` (at least 1), the calling thread being one of them. Where the system grants
 * fewer threads the pool is smaller: results do not depend on it. Null: no memory. */
rt_pool *rt_pool_open(int threads);
void rt_pool_close(rt_pool *pool);   /* null is fine */
int rt_pool_threads(const rt_pool *pool);
/* Binds each thread, the calling one included, to a processor of its own until the pool is closed.
 * False, and nothing is bound, where fewer processors than threads may be used. */
bool rt_pool_pin(rt_pool *pool);

/* How many processors this process may use; at least 1. */
int rt_cpu_count(void);

#endif
