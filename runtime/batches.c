/* runtime/batches.c: the batches of a pass over a set, on all threads, each where a graph reads it.
 *
 * Of a small model the step takes less time than getting ready to gather. So where batches are small
 * several come together: the next ones lie there, and out of the processor's store buffers, when
 * their turn comes. */
#include "runtime/program.h"
#include <pthread.h>

enum {
    GATHER_ROWS = 32,        /* a task's samples: some tens of microseconds of copying */
    TOGETHER_BYTES = 16384   /* that batches may have to come together */
};

static int64_t x_bytes(const rt_set *s)
{
    return s->x_elems * rt_dtype_bytes(s->real);
}

static int64_t y_bytes(const rt_set *s)
{
    return s->y_elems * (s->y_kind == RT_Y_INDEX ? (int64_t)sizeof(int64_t)
                                                 : rt_dtype_bytes(s->real));
}

bool rt_batches_open(rt_err *e, rt_batches *b, const rt_model *m, const rt_set *set)
{
    *b = (rt_batches){ 0 };
    int64_t x, y;
    if (!rt_mul(m->capacity, x_bytes(set), &x) || !rt_mul(m->capacity, y_bytes(set), &y))
        return rt_fail(e, RT_E_MEMORY, "a batch of %lld samples does not fit into memory",
                       (long long)m->capacity);
    b->x = rt_alloc(e, x > TOGETHER_BYTES ? x : TOGETHER_BYTES, 1, "batches of inputs");
    b->y = b->x ? rt_alloc(e, y > TOGETHER_BYTES ? y : TOGETHER_BYTES, 1, "batches of targets")
                : NULL;
    if (!b->y)
        rt_batches_close(b);
    return b->y != NULL;
}

void rt_batches_close(rt_batches *b)
{
    rt_free(b->x);
    rt_free(b->y);
    *b = (rt_batches){ 0 };
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + RT_ALIGN - 1) / RT_ALIGN * RT_ALIGN;
}

bool rt_batches_begin(rt_err *e, rt_batches *b, rt_prog *p, const rt_set *set,
                      const int64_t *order, int64_t at, int64_t batch)
{
    b->set = set;
    b->order = order;
    b->batch = batch;
    b->x_step = aligned(batch * x_bytes(set));
    b->y_step = aligned(batch * y_bytes(set));
    b->first = b->end = 0;
    int64_t most = b->x_step > b->y_step ? b->x_step : b->y_step;
    b->together = set->changes || set->path || most > TOGETHER_BYTES ? 1 : TOGETHER_BYTES / most;
    int threads = rt_pool_threads(p->pool) - 1;    /* and the caller, who helps */
    if (!set->path || threads < 1)
        return true;
    if (!p->ahead)
        p->ahead = rt_ahead_open(threads);
    return !p->ahead || rt_ahead_plan(e, p->ahead, set, order, at, set->n, batch);
}

/* ---- one batch, on all threads ---- */

/* The failure of the first task that failed, whichever ended first. */
typedef struct Failure { pthread_mutex_t lock; int64_t task; rt_err *e; } Failure;

typedef struct Gather {
    const rt_set *set;
    const rt_pick *pick;
    rt_studio *studios;          /* by worker */
    int64_t rows, x_bytes, y_bytes;   /* of a task; bytes of one sample */
    char *x, *y;
    Failure *failure;
} Gather;

static void gather_task(const void *ctx, int64_t i, int worker)
{
    const Gather *g = ctx;
    int64_t at = i * g->rows, left = g->pick->n - at;
    rt_pick part = { g->pick->index ? g->pick->index + at : NULL, g->pick->first + at,
                     left < g->rows ? left : g->rows,
                     g->pick->images ? g->pick->images + at * g->set->x_elems : NULL };
    rt_err e = { .code = RT_E_OK };
    if (rt_data_gather(&e, g->set, &g->studios[worker], &part, g->x + at * g->x_bytes,
                       g->y + at * g->y_bytes))
        return;
    pthread_mutex_lock(&g->failure->lock);
    if (g->failure->task < 0 || i < g->failure->task) {
        g->failure->task = i;
        *g->failure->e = e;
    }
    pthread_mutex_unlock(&g->failure->lock);
}

static rt_pick pick_of(const rt_batches *b, int64_t at, int64_t n)
{
    return (rt_pick){ .index = b->order ? b->order + at : NULL, .first = at, .n = n };
}

bool rt_batches_put(rt_err *e, const rt_batches *b, const rt_prog *p, int64_t at, int64_t n, char *x,
                    char *y)
{
    const rt_set *set = b->set;
    int64_t rows = set->changes ? 1 : GATHER_ROWS;
    rt_pick pick = pick_of(b, at, n), made = pick;
    if (p->ahead && set->path && !rt_ahead_take(e, p->ahead, set, &pick, &made.images))
        return false;
    if (n <= rows)
        return rt_data_gather(e, set, p->studios, &made, x, y);
    Failure failure = { .lock = PTHREAD_MUTEX_INITIALIZER, .task = -1, .e = e };
    Gather g = { set, &made, p->studios, rows, x_bytes(set), y_bytes(set), x, y, &failure };
    rt_parallel(p->pool, gather_task, &g, (n + rows - 1) / rows);
    pthread_mutex_destroy(&failure.lock);
    return failure.task < 0;
}

/* ---- the next one ---- */

/* The batches from `at` on, as many as come together. */
static bool gather_several(rt_err *e, rt_batches *b, const rt_prog *p, int64_t at)
{
    char *x = b->x, *y = b->y;
    b->first = b->end = at;
    for (int64_t i = 0; i < b->together && b->end < b->set->n; i++) {
        int64_t left = b->set->n - b->end, n = left < b->batch ? left : b->batch;
        rt_pick pick = pick_of(b, b->end, n);
        if (!rt_data_gather(e, b->set, p->studios, &pick, x, y))
            return false;
        b->end += n;
        x += b->x_step;
        y += b->y_step;
    }
    return true;
}

bool rt_batches_take(rt_err *e, rt_batches *b, const rt_prog *p, int64_t at, int64_t n,
                     const void *in[2])
{
    int64_t place = 0;
    if (b->together <= 1) {
        if (!rt_batches_put(e, b, p, at, n, b->x, b->y))
            return false;
    } else {
        if ((at < b->first || at >= b->end) && !gather_several(e, b, p, at))
            return false;
        place = (at - b->first) / b->batch;
    }
    in[0] = b->x + place * b->x_step;
    in[1] = b->y + place * b->y_step;
    return true;
}
