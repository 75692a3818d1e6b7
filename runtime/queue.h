/* runtime/queue.h: the steps of a pass over a set: added in order, known in order.
 *
 * Where graphs run here, a step is known before the next one is added. A device is told of many
 * steps and begins them before anybody asks what came of the first, so that it never waits for
 * this side (steps.c). Which steps come together changes no number.
 *
 *     rt_queue_begin(…);
 *     do {
 *         for (room = rt_queue_room(q); there is more to do && room > 0; room--)
 *             rt_queue_add(q, …);
 *         rt_queue_turn(e, q, &done);
 *     } while (done.count > 0 || rt_queue_busy(q));
 */
#ifndef SEQC_RT_QUEUE_H
#define SEQC_RT_QUEUE_H
#include "runtime/base.h"
#include "runtime/data.h"

struct rt_bound;
struct rt_prog;
struct rt_stepping;

/* ---- batches.c ---- */

/* A pass over a set, batch after batch: where their inputs and targets lie. */
typedef struct rt_batches {
    const rt_set *set;
    const int64_t *order;        /* [set->n] positions in it; null: as they are */
    int64_t batch;               /* samples; the pass's last batch may have fewer */
    char *x, *y;                 /* room for `capacity` samples, or for several small batches */
    int64_t x_step, y_step;      /* bytes from one of those to the next */
    int64_t together;            /* batches that are gathered at once */
    int64_t first, end;          /* the positions that x and y hold, where there are several */
} rt_batches;
bool rt_batches_open(rt_err *e, rt_batches *b, const rt_model *m, const rt_set *set);
void rt_batches_close(rt_batches *b);
/* A pass over the set (the one of rt_batches_open, or a part of it) begins at position `at`. Images
 * of files are read ahead. Set and order must stay as they are until the next pass. */
bool rt_batches_begin(rt_err *e, rt_batches *b, struct rt_prog *p, const rt_set *set,
                      const int64_t *order, int64_t at, int64_t batch);
/* The inputs and targets of positions at .. at + n - 1: of the batch behind the last one. They are
 * valid until the next call. */
bool rt_batches_take(rt_err *e, rt_batches *b, const struct rt_prog *p, int64_t at, int64_t n,
                     const void *in[2]);
/* The same into memory of the caller's. */
bool rt_batches_put(rt_err *e, const rt_batches *b, const struct rt_prog *p, int64_t at, int64_t n,
                    char *x, char *y);

/* ---- queue.c ---- */

typedef struct rt_step {
    int64_t at, n;               /* samples of the pass's order */
    int64_t number;              /* from 1 */
    double lr;                   /* of the first group of parameters */
} rt_step;

/* Steps that are done: [count], and [count][results of the graph]. Valid until the next one is
 * added. */
typedef struct rt_report { const rt_step *step; const double *result; int64_t count; } rt_report;

typedef struct rt_queue {
    struct rt_bound *graph;
    rt_batches batches;
    rt_step step;                /* here: the one that was added */
    int64_t added;
    double *result;              /* here: [results] */
    struct rt_stepping *device;  /* null: steps run here */
} rt_queue;

/* For passes of a bound graph over a set, or a part of it; ordered: they have an order. */
bool rt_queue_open(rt_err *e, rt_queue *q, struct rt_bound *graph, const rt_set *set, bool ordered,
                   int64_t batch);
void rt_queue_close(rt_queue *q);
/* As rt_batches_begin. */
bool rt_queue_begin(rt_err *e, rt_queue *q, const rt_set *set, const int64_t *order, int64_t at,
                    int64_t batch);
/* How many steps may be added. */
int64_t rt_queue_room(const rt_queue *q);
/* A step on positions at .. at + n - 1, with the rates that the program has now. */
void rt_queue_add(rt_queue *q, int64_t at, int64_t n, int64_t number);
/* Begins what was added, and takes what is done: nothing where more may be added first. */
bool rt_queue_turn(rt_err *e, rt_queue *q, rt_report *done);
/* Is there a step of which nothing is known yet? */
bool rt_queue_busy(const rt_queue *q);
#endif
